//! The lanes of a solver: which row each runs, how far it is, what it is asked next; a lane that
//! finishes takes the next row from a group made ready ahead.

use crate::block::Block;
use crate::compiled::{Compiled, DynamicsPlan, OdePlan};
use crate::events::{EventState, load_lane};
use crate::failure::Failure;
use crate::lanes::{Frame, InstructionSet, Lanes, dispatched, run};
use crate::sheet::Sheet;

use super::control::{FIRST_MEMORY, first_step, trial_step};

/// No row.
pub(super) const IDLE: usize = usize::MAX;

pub(super) struct Fleet<'a, const W: usize> {
    pub compiled: &'a Compiled,
    pub dynamics: &'a DynamicsPlan,
    pub ode: &'a OdePlan,
    block: &'a Block<'a>,
    queue: &'a [usize],
    next: usize,
    /// Time, states, flows, hoisted, ..., then `outputs`.
    pub frame: Frame<W>,
    pub outputs: usize,
    pub end: f64,
    /// Components at the start of the step.
    pub y: Vec<Lanes<W>>,
    pub t: Lanes<W>,
    /// The step that the error control wants next.
    pub h: Lanes<W>,
    pub memory: Lanes<W>,
    pub rejected: Lanes<W>,
    pub steps: Lanes<W>,
    /// 1 where a row runs.
    pub active: Lanes<W>,
    /// The next asked time, infinite where there is none.
    pub next_asked: Lanes<W>,
    /// The next event at a set time, infinite where there is none.
    pub next_event: Lanes<W>,
    pub cursor: [usize; W],
    pub row: [usize; W],
    /// Lanes whose first stage must be worked out again (bit per lane).
    pub stale: u64,
    pub running: usize,
    events: Vec<EventState>,
    single: Frame<1>,
    single_outputs: usize,
    ahead: Ahead<W>,
}

/// Rows made ready to start: their frame, first derivatives (at `outputs`) and first steps.
struct Ahead<const W: usize> {
    frame: Frame<W>,
    setup: Frame<W>,
    setup_outputs: usize,
    h: Lanes<W>,
    rows: Vec<usize>,
    taken: usize,
    set: InstructionSet,
}

impl<const W: usize> Ahead<W> {
    /// Works out the derivatives at the frame's time and states into the slots from `outputs` on.
    fn slopes(&mut self, ode: &OdePlan, outputs: usize) {
        run(self.set, &ode.slopes, &mut self.frame, outputs);
    }
}

impl<'a, const W: usize> Fleet<'a, W> {
    /// `outputs` slots for the solver behind the plan's own.
    pub fn new(
        compiled: &'a Compiled,
        ode: &'a OdePlan,
        block: &'a Block<'a>,
        queue: &'a [usize],
        outputs: usize,
        lanes: usize,
    ) -> Self {
        assert!(W <= 64 && lanes <= W, "a lane is a bit of a 64-bit mask");
        let dynamics = &compiled.dynamics;
        let plan = &dynamics.plan;
        let parameters = &compiled.from_parameters;
        let single_outputs = plan.outputs();
        Self {
            compiled,
            dynamics,
            ode,
            block,
            queue,
            next: 0,
            frame: plan.frame(outputs),
            outputs: plan.outputs(),
            end: dynamics.asked.last().copied().unwrap_or(dynamics.start),
            y: vec![Lanes::all(0.0); dynamics.components],
            t: Lanes::all(dynamics.start),
            h: Lanes::all(0.0),
            memory: Lanes::all(FIRST_MEMORY),
            rejected: Lanes::all(0.0),
            steps: Lanes::all(0.0),
            active: Lanes::all(0.0),
            next_asked: Lanes::all(f64::INFINITY),
            next_event: Lanes::all(f64::INFINITY),
            cursor: [0; W],
            row: [IDLE; W],
            stale: 0,
            running: 0,
            events: vec![EventState::default(); if dynamics.events.is_empty() { 0 } else { W }],
            single: plan.frame(dynamics.events.outputs()),
            single_outputs,
            ahead: Ahead {
                frame: plan.frame(2 * dynamics.components),
                setup: parameters.plan.frame(parameters.setup.outputs()),
                setup_outputs: parameters.plan.outputs(),
                h: Lanes::all(0.0),
                rows: Vec::with_capacity(W),
                taken: 0,
                set: compiled.set,
            },
        }
    }

    /// Works out initial states, first derivatives and first steps of the next `W` rows.
    fn prepare(&mut self) {
        let ahead = &mut self.ahead;
        ahead.rows.clear();
        ahead.taken = 0;
        let group = &self.queue[self.next..self.queue.len().min(self.next + W)];
        self.next += group.len();
        ahead.rows.extend_from_slice(group);
        self.block.load_parameters(group, &mut ahead.setup);
        let set = self.compiled.set;
        let parameters = &self.compiled.from_parameters;
        run(
            set,
            &parameters.setup,
            &mut ahead.setup,
            ahead.setup_outputs,
        );
        let (states, components) = (self.dynamics.states, self.dynamics.components);
        let from = &ahead.setup[ahead.setup_outputs..];
        let start = self.dynamics.start;
        ahead.frame[0] = Lanes::all(start);
        ahead.frame[1..=states].copy_from_slice(&from[..states]);
        ahead.frame[1 + states..=components].fill(Lanes::all(0.0));
        let hoisted = parameters.hoisted;
        ahead.frame[1 + components..1 + components + hoisted]
            .copy_from_slice(&from[states..states + hoisted]);

        let span = self.end - start;
        first_steps::<W>(set, self.ode, ahead, (self.outputs, components), span);
    }

    /// Gives `lane` the next row that has anything left to do; `first` is where the solver keeps
    /// its first stage among the outputs, if it does.
    pub fn refill(&mut self, lane: usize, first: Option<usize>, sheet: &mut Sheet) {
        let components = self.dynamics.components;
        loop {
            if self.ahead.taken == self.ahead.rows.len() {
                if self.next == self.queue.len() {
                    self.retire(lane);
                    return;
                }
                self.prepare();
            }
            let from = self.ahead.taken;
            self.ahead.taken += 1;
            let row = self.ahead.rows[from];
            let inputs = self.dynamics.plan.inputs();
            for (to, ready) in self.frame[..inputs].iter_mut().zip(&self.ahead.frame) {
                to.0[lane] = ready.0[from];
            }
            for j in 0..components {
                self.y[j].0[lane] = self.ahead.frame[1 + j].0[from];
                if let Some(first) = first {
                    self.frame[self.outputs + first + j].0[lane] =
                        self.ahead.frame[self.outputs + j].0[from];
                }
            }
            self.row[lane] = row;
            self.cursor[lane] = 0;
            self.t.0[lane] = self.dynamics.start;
            self.frame[0].0[lane] = self.dynamics.start;
            self.h.0[lane] = self.ahead.h.0[from];
            self.memory.0[lane] = FIRST_MEMORY;
            self.rejected.0[lane] = 0.0;
            self.steps.0[lane] = 0.0;
            self.active.0[lane] = 1.0;
            self.stale &= !(1 << lane);
            self.next_asked.0[lane] = self
                .dynamics
                .asked
                .first()
                .copied()
                .unwrap_or(f64::INFINITY);
            if let Some(bad) = self.not_finite(lane) {
                sheet.fail(
                    row,
                    Failure::non_finite(format!("the initial value of {bad}")),
                );
                continue;
            }
            if !self.dynamics.events.is_empty() {
                let skip = self.dynamics.states + self.compiled.from_parameters.hoisted;
                let times = self.ahead.setup[self.ahead.setup_outputs + skip..]
                    .iter()
                    .map(|time| time.0[from]);
                self.events[lane] = self.dynamics.events.state(times, self.dynamics.start);
                self.load(lane);
                self.dynamics.events.begin(
                    self.compiled.set,
                    &mut self.events[lane],
                    &mut self.single,
                    self.single_outputs,
                );
                self.next_event.0[lane] = self.events[lane].next_time();
                if self.next_event.0[lane] <= self.dynamics.start
                    && let Err(failure) = self.fire(lane)
                {
                    sheet.fail(row, failure);
                    continue;
                }
            }
            self.record_now(lane, sheet);
            if self.cursor[lane] < self.dynamics.asked.len() {
                self.running += 1;
                return;
            }
        }
    }

    fn retire(&mut self, lane: usize) {
        self.row[lane] = IDLE;
        self.active.0[lane] = 0.0;
        self.next_asked.0[lane] = f64::INFINITY;
        self.next_event.0[lane] = f64::INFINITY;
        self.h.0[lane] = 0.0;
        self.steps.0[lane] = 0.0;
        self.t.0[lane] = self.end;
    }

    /// A component of `lane` that is not finite, by name.
    pub fn not_finite(&self, lane: usize) -> Option<&str> {
        let bad = self.y.iter().position(|y| !y.0[lane].is_finite())?;
        Some(
            self.dynamics
                .names
                .get(bad)
                .map_or("a flow", String::as_str),
        )
    }

    fn load(&mut self, lane: usize) {
        let inputs = self.dynamics.plan.inputs();
        load_lane(&mut self.single, &self.frame, lane, inputs);
        self.single[0].0[0] = self.t.0[lane];
        for (j, y) in self.y.iter().enumerate() {
            self.single[1 + j].0[0] = y.0[lane];
        }
    }

    /// Applies what is due in `lane` at its time and states.
    pub fn fire(&mut self, lane: usize) -> Result<(), Failure> {
        self.load(lane);
        let happened = self.dynamics.events.fire(
            self.compiled.set,
            &mut self.events[lane],
            &mut self.single,
            self.single_outputs,
        )?;
        self.next_event.0[lane] = self.events[lane].next_time();
        if happened {
            self.t.0[lane] = self.single[0].0[0];
            for (j, y) in self.y.iter_mut().enumerate() {
                y.0[lane] = self.single[1 + j].0[0];
            }
            self.stale |= 1 << lane;
        }
        Ok(())
    }

    /// Where in the step from `t` by `h` a condition of `lane` first rises, as a share of the
    /// step just behind the root; `at(share, component)` is the dense output.
    pub fn first_rise(
        &mut self,
        lane: usize,
        h: f64,
        at: impl Fn(f64, usize) -> f64,
    ) -> Option<f64> {
        /// Looks inside a step, so that a rise and fall within it is seen.
        const LOOKS: u32 = 4;
        let events = &self.dynamics.events;
        let (set, outputs, t) = (self.compiled.set, self.single_outputs, self.t.0[lane]);
        let inputs = self.dynamics.plan.inputs();
        load_lane(&mut self.single, &self.frame, lane, inputs);
        let components = self.y.len();
        let single = &mut self.single;
        let place = |single: &mut Frame<1>, share: f64| {
            single[0].0[0] = h.mul_add(share, t);
            for j in 0..components {
                single[1 + j].0[0] = at(share, j);
            }
        };
        let mut crossings = |share: f64| {
            place(single, share);
            events.crossings(set, single, outputs)
        };
        let mut shares = Vec::new();
        let mut before = crossings(0.0);
        for look in 1..=LOOKS {
            let (begin, end) = (f64::from(look - 1), f64::from(look));
            let (begin, end) = (begin / f64::from(LOOKS), end / f64::from(LOOKS));
            let after = crossings(end);
            for (k, (was, is)) in before.iter().zip(&after).enumerate() {
                if (*was > 0.0) == (*is > 0.0) {
                    continue;
                }
                let (mut low, mut high) = (begin, end);
                while high - low > 1e-15 {
                    let middle = 0.5 * (low + high);
                    if middle <= low || middle >= high {
                        break;
                    }
                    if (crossings(middle)[k] > 0.0) == (*is > 0.0) {
                        high = middle;
                    } else {
                        low = middle;
                    }
                }
                shares.push(high);
            }
            shares.push(end);
            before = after;
        }
        shares.sort_by(f64::total_cmp);
        for share in shares {
            place(single, share);
            if events.risen(set, &self.events[lane], single, outputs) {
                return Some(share);
            }
            events.pass(set, &mut self.events[lane], single, outputs);
        }
        None
    }

    /// Records the states of `lane` for every asked time up to its own.
    pub fn record_now(&mut self, lane: usize, sheet: &mut Sheet) {
        while self.next_asked.0[lane] <= self.t.0[lane] {
            let to = sheet.at_mut(self.row[lane], self.cursor[lane]);
            for (to, y) in to.iter_mut().zip(&self.y) {
                *to = y.0[lane];
            }
            self.advance(lane);
        }
    }

    /// Moves `lane` to its next asked time.
    #[inline(always)]
    pub fn advance(&mut self, lane: usize) {
        self.cursor[lane] += 1;
        let asked = &self.dynamics.asked;
        self.next_asked.0[lane] = asked
            .get(self.cursor[lane])
            .copied()
            .unwrap_or(f64::INFINITY);
    }
}

dispatched! {
    fn first_steps[const W: usize]<W>(
        ode: &OdePlan,
        ahead: &mut Ahead<W>,
        place: (usize, usize),
        span: f64,
    ) = first_steps_body
}

/// The first steps of the rows made ready, from f(t, y) and f(t + trial, y + trial f), which lie
/// behind `outputs` in the frame; the first derivatives stay there.
#[inline(always)]
fn first_steps_body<const W: usize>(
    ode: &OdePlan,
    ahead: &mut Ahead<W>,
    (outputs, components): (usize, usize),
    span: f64,
) {
    let initial: Vec<Lanes<W>> = ahead.frame[..=components].to_vec();
    ahead.slopes(ode, outputs);
    let solver = &ode.solver;
    let mut trial = Lanes::<W>::all(0.0);
    let (mut size, mut slope) = (Lanes::<W>::all(0.0), Lanes::<W>::all(0.0));
    let per = 1.0 / components.max(1) as f64;
    let scale = |y: f64| y.abs().mul_add(solver.relative, solver.absolute);
    for j in 0..components {
        for lane in 0..W {
            let y = initial[1 + j].0[lane];
            let (a, b) = (y / scale(y), ahead.frame[outputs + j].0[lane] / scale(y));
            size.0[lane] += a * a * per;
            slope.0[lane] += b * b * per;
        }
    }
    for lane in 0..W {
        slope.0[lane] = slope.0[lane].sqrt();
        let step = trial_step(size.0[lane].sqrt(), slope.0[lane]);
        trial.0[lane] = if step < span { step } else { span };
        ahead.frame[0].0[lane] = initial[0].0[lane] + trial.0[lane];
    }
    for j in 0..components {
        for lane in 0..W {
            let k = ahead.frame[outputs + j].0[lane];
            ahead.frame[1 + j].0[lane] = trial.0[lane].mul_add(k, initial[1 + j].0[lane]);
        }
    }
    ahead.slopes(ode, outputs + components);
    let mut curvature = Lanes::<W>::all(0.0);
    for j in 0..components {
        for lane in 0..W {
            let change =
                ahead.frame[outputs + components + j].0[lane] - ahead.frame[outputs + j].0[lane];
            let d = change / (scale(initial[1 + j].0[lane]) * trial.0[lane]);
            curvature.0[lane] += d * d * per;
        }
    }
    for lane in 0..W {
        let step = first_step(trial.0[lane], slope.0[lane], curvature.0[lane].sqrt(), 5.0);
        // A first step that is not a number leaves it to the error control.
        ahead.h.0[lane] = if step > 0.0 { step } else { trial.0[lane] };
    }
    ahead.frame[..=components].copy_from_slice(&initial);
}
