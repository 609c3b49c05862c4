//! Stochastic differential equations, reactions in leaps, and discrete maps: a group of rows in lanes,
//! step by step.
//!
//! SDE: Euler & Maruyama (Maruyama 1955), steps shortened to meet observations and set events
//! exactly. Map: the state at time t is that after floor((t - start) / step) applications.
//! Flows add their rate times the step (SDE) or their rate (map) at the state before the step.

mod leaps;

use gnomon_mechanism::elementary::{cos, ln};
use gnomon_mechanism::random::Purpose;

use crate::block::Block;
use crate::checkpoint::{Checkpoint, Run};
use crate::compiled::{Compiled, LawPlan};
use crate::events::{EventState, load_lane};
use crate::failure::Failure;
use crate::lanes::{Frame, LaneTape, Lanes, Streams, WIDTH, dispatched, run};
use crate::sheet::Sheet;
pub(crate) use leaps::LeapPlan;

/// Runs every row of `block` from a checkpoint on; a map from its start.
pub(crate) fn march(compiled: &Compiled, block: &Block<'_>, run: Run<'_>, sheet: &mut Sheet) {
    let rows: Vec<usize> = (0..block.rows()).collect();
    for rows in rows.chunks(WIDTH) {
        let mut group = Group::<WIDTH>::new(compiled, run.asked, rows, run.from);
        match &compiled.dynamics.law {
            LawPlan::Sde { tape, step } => group.diffuse(tape, *step, block, sheet),
            LawPlan::Leaps(plan) => group.leap(plan, block, sheet),
            LawPlan::Map { tape, step } => group.iterate(tape, *step, sheet),
            _ => {}
        }
        for (&row, state) in rows.iter().zip(group.events) {
            run.from.events[row] = state;
        }
    }
}

struct Group<'a, const W: usize> {
    compiled: &'a Compiled,
    start: f64,
    asked: &'a [f64],
    rows: &'a [usize],
    frame: Frame<W>,
    outputs: usize,
    cursor: Vec<usize>,
    running: Vec<bool>,
    events: Vec<EventState>,
    single: Frame<1>,
    single_outputs: usize,
}

impl<'a, const W: usize> Group<'a, W> {
    fn new(
        compiled: &'a Compiled,
        asked: &'a [f64],
        rows: &'a [usize],
        from: &mut Checkpoint,
    ) -> Self {
        let dynamics = &compiled.dynamics;
        let plan = &dynamics.plan;
        let outputs = match &dynamics.law {
            LawPlan::Leaps(plan) => plan.reactions.names.len(),
            _ => 2 * dynamics.components,
        };
        let mut frame: Frame<W> = plan.frame(outputs);
        frame[0] = Lanes::all(from.time);
        // Lanes without a row repeat the last one, so that they hold numbers that make sense.
        for lane in 0..W {
            let row = rows[lane.min(rows.len() - 1)];
            from.load(row, lane, &mut frame);
        }
        let events = from.events.iter_mut().skip(rows[0]).take(rows.len());
        Self {
            compiled,
            start: from.time,
            asked,
            rows,
            frame,
            outputs: plan.outputs(),
            cursor: vec![0; rows.len()],
            running: vec![!asked.is_empty(); rows.len()],
            events: events.map(std::mem::take).collect(),
            single: plan.frame(dynamics.events.outputs()),
            single_outputs: plan.outputs(),
        }
    }

    fn next_asked(&self, lane: usize) -> f64 {
        self.asked
            .get(self.cursor[lane])
            .copied()
            .unwrap_or(f64::INFINITY)
    }

    fn next_event(&self, lane: usize) -> f64 {
        self.events
            .get(lane)
            .map_or(f64::INFINITY, EventState::next_time)
    }

    /// Applies what is due in `lane` at `time`.
    fn fire(&mut self, lane: usize, time: f64) -> Result<(), Failure> {
        let dynamics = &self.compiled.dynamics;
        load_lane(&mut self.single, &self.frame, lane, dynamics.plan.inputs());
        self.single[0].0[0] = time;
        let happened = dynamics.events.fire(
            self.compiled.set,
            &mut self.events[lane],
            &mut self.single,
            self.single_outputs,
        )?;
        if happened {
            for state in 0..dynamics.states {
                self.frame[1 + state].0[lane] = self.single[1 + state].0[0];
            }
        }
        Ok(())
    }

    fn record(&mut self, lane: usize, sheet: &mut Sheet) {
        let dynamics = &self.compiled.dynamics;
        let components = dynamics.components;
        let row = self.rows[lane];
        let bad = (0..components).find(|&j| !self.frame[1 + j].0[lane].is_finite());
        if let Some(bad) = bad {
            let name = dynamics.names.get(bad).map_or("a flow", String::as_str);
            let time = self.next_asked(lane);
            sheet.fail(row, Failure::non_finite(format!("{name} at time {time}")));
            self.running[lane] = false;
            return;
        }
        for (j, to) in sheet.at_mut(row, self.cursor[lane]).iter_mut().enumerate() {
            *to = self.frame[1 + j].0[lane];
        }
        self.cursor[lane] += 1;
        self.running[lane] = self.cursor[lane] < self.asked.len();
    }

    /// Events and observations of `lane` with times below `limit`, or at it where `inclusive`.
    fn settle(&mut self, lane: usize, now: f64, limit: f64, inclusive: bool, sheet: &mut Sheet) {
        let due = |time: f64| time < limit || (inclusive && time == limit);
        let conditions = self.compiled.dynamics.events.has_conditions();
        let mut fresh = true;
        while self.running[lane] {
            let (event, asked) = (self.next_event(lane), self.next_asked(lane));
            if (event <= asked && due(event)) || (conditions && fresh) {
                let time = if due(event) && event > now {
                    event
                } else {
                    now
                };
                if let Err(storm) = self.fire(lane, time) {
                    sheet.fail(self.rows[lane], storm);
                    self.running[lane] = false;
                }
                fresh = false;
            } else if due(asked) {
                self.record(lane, sheet);
            } else {
                return;
            }
        }
    }

    fn iterate(&mut self, tape: &LaneTape, step: f64, sheet: &mut Sheet) {
        let dynamics = &self.compiled.dynamics;
        let (states, components) = (dynamics.states, dynamics.components);
        let start = self.start;
        // Times within a rounding error of an application count as after it.
        let slack = 1e-9 * step;
        let mut applied = 0.0f64;
        loop {
            let now = applied.mul_add(step, start);
            let limit = now + step - slack;
            for lane in 0..self.rows.len() {
                self.settle(lane, now, limit, false, sheet);
            }
            if !self.running.contains(&true) {
                return;
            }
            self.frame[0] = Lanes::all(now);
            run(self.compiled.set, tape, &mut self.frame, self.outputs);
            let running = self.running.iter().filter(|&&running| running);
            sheet.evaluations += running.count() as u64;
            for j in 0..components {
                let new = self.frame[self.outputs + j];
                if j < states {
                    self.frame[1 + j] = new;
                } else {
                    for lane in 0..W {
                        self.frame[1 + j].0[lane] += new.0[lane];
                    }
                }
            }
            applied += 1.0;
        }
    }

    fn diffuse(&mut self, tape: &LaneTape, step: f64, block: &Block<'_>, sheet: &mut Sheet) {
        let dynamics = &self.compiled.dynamics;
        let states = dynamics.states;
        let mut streams = Streams::<W>::new(block.seed, Purpose::DYNAMICS);
        for (lane, &row) in self.rows.iter().enumerate() {
            streams.start(lane, block.simulations[row]);
        }
        let mut now = Lanes::<W>::all(self.start);
        loop {
            for lane in 0..self.rows.len() {
                self.settle(lane, now.0[lane], now.0[lane], true, sheet);
            }
            if !self.running.contains(&true) {
                return;
            }
            // The step, shortened to meet the next observation or event exactly.
            let (mut h, mut arrival) = (Lanes::<W>::all(0.0), now);
            for lane in 0..self.rows.len() {
                if !self.running[lane] {
                    continue;
                }
                let target = self.next_asked(lane).min(self.next_event(lane));
                let left = target - now.0[lane];
                let meets = left <= step * (1.0 + 1e-9);
                h.0[lane] = if meets { left } else { step };
                arrival.0[lane] = if meets { target } else { now.0[lane] + step };
            }
            self.frame[0] = now;
            run(self.compiled.set, tape, &mut self.frame, self.outputs);
            let running = self.running.iter().filter(|&&running| running);
            sheet.evaluations += running.count() as u64;
            let (inputs, outputs) = self.frame.split_at_mut(self.outputs);
            for state in 0..states {
                let (drift, diffusion) = (&outputs[state], &outputs[states + state]);
                let to = &mut inputs[1 + state];
                kick(self.compiled.set, &mut streams, to, &h, drift, diffusion);
            }
            for flow in 0..dynamics.components - states {
                let rate = &outputs[2 * states + flow];
                let to = &mut inputs[1 + states + flow];
                for lane in 0..W {
                    to.0[lane] = h.0[lane].mul_add(rate.0[lane], to.0[lane]);
                }
            }
            now = arrival;
        }
    }
}

dispatched! {
    fn kick[const W: usize]<W>(
        streams: &mut Streams<W>,
        state: &mut Lanes<W>,
        h: &Lanes<W>,
        drift: &Lanes<W>,
        diffusion: &Lanes<W>,
    ) = kick_body
}

/// state + drift h + diffusion sqrt(h) z, with z the normal number that `Stream::normal` makes
/// (Box & Muller 1958); lanes with h = 0 stand still and draw nothing.
#[inline(always)]
fn kick_body<const W: usize>(
    streams: &mut Streams<W>,
    state: &mut Lanes<W>,
    h: &Lanes<W>,
    drift: &Lanes<W>,
    diffusion: &Lanes<W>,
) {
    let (mut radius, mut angle) = (Lanes::all(0.0), Lanes::all(0.0));
    streams.next(h, &mut radius, &mut angle);
    for lane in 0..W {
        let moves = h.0[lane] > 0.0;
        let z = (-2.0 * ln(radius.0[lane])).sqrt() * cos(std::f64::consts::TAU * angle.0[lane]);
        let spread = diffusion.0[lane] * h.0[lane].sqrt();
        let mean = h.0[lane].mul_add(drift.0[lane], state.0[lane]);
        let new = spread.mul_add(z, mean);
        state.0[lane] = if moves { new } else { state.0[lane] };
    }
}
