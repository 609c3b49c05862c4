//! Ctrl-C: the first one asks long work to stop at a safe place, the second one stops at once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// The code with which an interrupted command ends.
pub const EXIT_CODE: u8 = 130;

/// Listens for Ctrl-C and termination from now on.
pub fn listen() {
    // Where no handler can be set, Ctrl-C ends the process as it always did.
    let _ = ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(EXIT_CODE));
        }
    });
}

/// Set once the user asked to stop.
#[must_use]
pub fn flag() -> &'static AtomicBool {
    &REQUESTED
}

/// Whether the user asked to stop.
#[must_use]
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Ends work where the user asked to stop.
///
/// # Errors
/// [`Failure::Interrupted`], then.
pub fn check() -> Result<(), Failure> {
    if requested() {
        Err(Failure::Interrupted)
    } else {
        Ok(())
    }
}
