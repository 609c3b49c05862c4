//! A few threads that start work within a microsecond: training steps are too short for a general
//! pool. Work items are handed out one by one; each writes only its own item, so results do not
//! depend on which thread took which.

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

type Job = *const (dyn Fn(usize) + Sync);

struct Shared {
    /// `round * INSIDE + n`: n is 0 while the door is closed, else 1 + the helpers inside.
    door: AtomicUsize,
    stop: AtomicBool,
    panicked: AtomicBool,
    job: UnsafeCell<Option<Job>>,
}

/// Room for the count of helpers inside, in `door`.
const INSIDE: usize = 1 << 16;

// SAFETY: `job` is written by the owner only while the door is closed with nobody inside, and read
// by helpers only while they are inside (entered with acquire, after the owner's release).
unsafe impl Sync for Shared {}
// SAFETY: the job pointer is to a `Sync` closure, which may be called from any thread.
unsafe impl Send for Shared {}

/// The calling thread and its helpers.
pub(crate) struct Crew {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
}

/// Waits until `done`: spinning first, then yielding, then sleeping.
fn wait(done: impl Fn() -> bool) {
    let mut turns = 0_u32;
    while !done() {
        turns = turns.saturating_add(1);
        match turns {
            0..4_000 => std::hint::spin_loop(),
            4_000..6_000 => std::thread::yield_now(),
            _ => std::thread::sleep(std::time::Duration::from_micros(50)),
        }
    }
}

fn help(shared: &Shared, worker: usize) {
    let mut last_round = 0;
    loop {
        let stopped = || shared.stop.load(Ordering::Relaxed);
        let open = |door: usize| !door.is_multiple_of(INSIDE) && door / INSIDE != last_round;
        wait(|| open(shared.door.load(Ordering::Relaxed)) || stopped());
        if stopped() {
            return;
        }
        let enter = |door: usize| open(door).then_some(door + 1);
        let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
        let Ok(door) = shared.door.fetch_update(acquire, relaxed, enter) else {
            continue;
        };
        last_round = door / INSIDE;
        // SAFETY: we are inside; the owner keeps the closure until we have left.
        let result = catch_unwind(AssertUnwindSafe(|| unsafe {
            if let Some(job) = *shared.job.get() {
                (*job)(worker);
            }
        }));
        if result.is_err() {
            shared.panicked.store(true, Ordering::Relaxed);
        }
        shared.door.fetch_sub(1, Ordering::Release);
    }
}

impl Crew {
    /// A crew of `threads` (at least 1); fewer where the system has no more to give.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            door: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
            job: UnsafeCell::new(None),
        });
        let helpers = (1..threads).map_while(|worker| {
            let shared = Arc::clone(&shared);
            let name = format!("learn-{worker}");
            std::thread::Builder::new()
                .name(name)
                .spawn(move || help(&shared, worker))
                .ok()
        });
        let helpers = helpers.collect();
        Self { shared, helpers }
    }

    /// Number of threads.
    pub fn size(&self) -> usize {
        1 + self.helpers.len()
    }

    /// Runs `job(0)` here and `job(worker)` on the helpers that come before it ends: one that the
    /// system keeps from running holds nobody up. The job must be complete once `job(0)` and all
    /// that have begun have ended.
    fn run(&mut self, job: &(dyn Fn(usize) + Sync)) {
        if self.helpers.is_empty() {
            job(0);
            return;
        }
        // SAFETY: only the lifetime is changed; nothing calls the job after this function returns.
        let erased = unsafe {
            std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), Job>(std::ptr::from_ref(job))
        };
        // SAFETY: the door is closed, so nobody reads.
        unsafe { *self.shared.job.get() = Some(erased) };
        let round = self.shared.door.load(Ordering::Relaxed) / INSIDE + 1;
        let open = round.wrapping_mul(INSIDE) + 1;
        self.shared.door.store(open, Ordering::Release);
        let mine = catch_unwind(AssertUnwindSafe(|| job(0)));
        // Close the door once nobody is inside.
        let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
        wait(|| {
            self.shared
                .door
                .compare_exchange(open, open - 1, acquire, relaxed)
                .is_ok()
        });
        if let Err(panic) = mine {
            resume_unwind(panic);
        }
        if self.shared.panicked.swap(false, Ordering::Relaxed) {
            resume_unwind(Box::new("a helper thread panicked"));
        }
    }

    /// Calls `work(own, index, item)` once for every item, where `own` belongs to the thread.
    ///
    /// # Panics
    /// If there are fewer `owned` than threads, or if `work` panics.
    pub fn for_each<O: Send, T: Send>(
        &mut self,
        owned: &mut [O],
        items: &mut [T],
        work: impl Fn(&mut O, usize, &mut T) + Sync,
    ) {
        assert!(owned.len() >= self.size());
        let next = AtomicUsize::new(0);
        let count = items.len();
        let (owned, items) = (Pointer(owned.as_mut_ptr()), Pointer(items.as_mut_ptr()));
        self.run(&|worker| {
            // SAFETY: each worker number runs once, and numbers are below `size`.
            let own = unsafe { &mut *owned.at(worker) };
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return;
                }
                // SAFETY: the counter gives each index below `count` to one worker.
                work(own, index, unsafe { &mut *items.at(index) });
            }
        });
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for helper in self.helpers.drain(..) {
            // A helper's panic has been passed on by `run`.
            let _ = helper.join();
        }
    }
}

/// A pointer that workers share; they take disjoint elements of it.
struct Pointer<T>(*mut T);

impl<T> Pointer<T> {
    fn at(&self, index: usize) -> *mut T {
        self.0.wrapping_add(index)
    }
}

// SAFETY: elements are `Send`, and `for_each` gives each to one thread.
unsafe impl<T: Send> Sync for Pointer<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_visited_once_at_any_size() {
        for threads in [1, 2, 4] {
            let mut crew = Crew::new(threads);
            let mut owned = vec![0_usize; crew.size()];
            for round in 0..200 {
                let mut items = vec![0_usize; 37];
                owned.fill(0);
                crew.for_each(&mut owned, &mut items, |own, index, item| {
                    *own += 1;
                    *item += index + round;
                });
                assert!(items.iter().enumerate().all(|(i, &item)| item == i + round));
                assert_eq!(owned.iter().sum::<usize>(), 37);
            }
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_crew_goes_on() {
        let mut crew = Crew::new(2);
        let mut owned = vec![(); crew.size()];
        for bad in 0..4 {
            let result = catch_unwind(AssertUnwindSafe(|| {
                crew.for_each(&mut owned, &mut [0; 4], |(), index, _| {
                    assert_ne!(index, bad)
                });
            }));
            assert!(result.is_err());
        }
        let mut items = [0; 8];
        crew.for_each(&mut owned, &mut items, |(), _, item| *item = 1);
        assert_eq!(items, [1; 8]);
    }
}
