//! Jump processes, simulated exactly: rates -> time of the next jump -> which one -> new states.
//!
//! The direct method (Gillespie 1977), one jump of every lane at a time. A rate that depends on
//! time is thinned (Lewis & Shedler 1979) under its declared bound. A lane whose simulation ends
//! takes the next.

use gnomon_mechanism::elementary::ln;
use gnomon_mechanism::random::Purpose;

use crate::block::Block;
use crate::checkpoint::{Checkpoint, Run};
use crate::compiled::{Compiled, DynamicsPlan};
use crate::events::{EventState, load_lane};
use crate::failure::Failure;
use crate::lanes::{Frame, Lanes, Streams, WIDTH, dispatched, run};
use crate::reactions::Reactions;
use crate::sheet::Sheet;

/// More jumps than this in one simulation: a failed row.
const MOST_JUMPS: u64 = 100_000_000;

/// A rate equal to its bound may exceed it by rounding.
const SLACK: f64 = 1.0 + 1e-12;

/// Runs every row of `block` from a checkpoint on.
pub(crate) fn jump(
    compiled: &Compiled,
    reactions: &Reactions,
    block: &Block<'_>,
    run: Run<'_>,
    sheet: &mut Sheet,
) {
    let mut process = Process::<WIDTH>::new(compiled, reactions, block, run);
    for lane in 0..WIDTH {
        process.refill(lane, sheet);
    }
    travel::<WIDTH>(compiled.set, &mut process, sheet);
}

struct Process<'a, const W: usize> {
    compiled: &'a Compiled,
    dynamics: &'a DynamicsPlan,
    reactions: &'a Reactions,
    block: &'a Block<'a>,
    from: &'a mut Checkpoint,
    asked: &'a [f64],
    next: usize,
    streams: Streams<W>,
    frame: Frame<W>,
    outputs: usize,
    t: Lanes<W>,
    jumps: Lanes<W>,
    /// 1 where a row runs.
    active: Lanes<W>,
    next_asked: Lanes<W>,
    next_event: Lanes<W>,
    cursor: [usize; W],
    row: [usize; W],
    running: usize,
    events: Vec<EventState>,
    single: Frame<1>,
    single_outputs: usize,
}

impl<'a, const W: usize> Process<'a, W> {
    fn new(
        compiled: &'a Compiled,
        reactions: &'a Reactions,
        block: &'a Block<'a>,
        run: Run<'a>,
    ) -> Self {
        let dynamics = &compiled.dynamics;
        let thinned = reactions.thinned.as_ref().map_or(0, |(_, list)| list.len());
        Self {
            compiled,
            dynamics,
            reactions,
            block,
            from: run.from,
            asked: run.asked,
            next: 0,
            streams: Streams::new(block.seed, Purpose::DYNAMICS),
            frame: dynamics.plan.frame(reactions.names.len() + thinned),
            outputs: dynamics.plan.outputs(),
            t: Lanes::all(0.0),
            jumps: Lanes::all(0.0),
            active: Lanes::all(0.0),
            next_asked: Lanes::all(f64::INFINITY),
            next_event: Lanes::all(f64::INFINITY),
            cursor: [0; W],
            row: [usize::MAX; W],
            running: 0,
            events: vec![EventState::default(); if dynamics.events.is_empty() { 0 } else { W }],
            single: dynamics.plan.frame(dynamics.events.outputs()),
            single_outputs: dynamics.plan.outputs(),
        }
    }

    /// Gives `lane` the next row, or leaves it idle.
    fn refill(&mut self, lane: usize, sheet: &mut Sheet) {
        let states = self.dynamics.states;
        while self.next < self.block.rows() {
            let row = self.next;
            self.next += 1;
            self.from.load(row, lane, &mut self.frame);
            self.row[lane] = row;
            self.streams.start(lane, self.block.simulations[row]);
            self.t.0[lane] = self.from.time;
            self.jumps.0[lane] = 0.0;
            self.cursor[lane] = 0;
            let first = self.asked.first();
            self.next_asked.0[lane] = first.copied().unwrap_or(f64::INFINITY);
            self.active.0[lane] = 1.0;
            if let Some(state) = self.from.events.get_mut(row) {
                self.events[lane] = std::mem::take(state);
                self.next_event.0[lane] = self.events[lane].next_time();
            }
            if self.asked.is_empty() {
                continue;
            }
            if let Some(bad) = (0..states).find(|&j| !self.frame[1 + j].0[lane].is_finite()) {
                let what = format!("the initial value of {}", self.dynamics.names[bad]);
                sheet.fail(row, Failure::non_finite(what));
                continue;
            }
            self.running += 1;
            return;
        }
        // Idle lanes wait for ever; their states stay numbers that make sense.
        self.row[lane] = usize::MAX;
        self.active.0[lane] = 0.0;
        self.next_asked.0[lane] = f64::INFINITY;
        self.next_event.0[lane] = f64::INFINITY;
        self.jumps.0[lane] = 0.0;
    }

    /// Leaves the events of the row in `lane` where they stand.
    fn leave(&mut self, lane: usize) {
        if let Some(state) = self.from.events.get_mut(self.row[lane]) {
            *state = std::mem::take(&mut self.events[lane]);
        }
    }

    /// Records every asked time of `lane` before `time`; true when none is left.
    fn record_before(&mut self, lane: usize, time: f64, sheet: &mut Sheet) -> bool {
        let asked = self.asked;
        while self.next_asked.0[lane] < time {
            let to = sheet.at_mut(self.row[lane], self.cursor[lane]);
            for (j, to) in to.iter_mut().enumerate() {
                *to = self.frame[1 + j].0[lane];
            }
            self.cursor[lane] += 1;
            let next = asked.get(self.cursor[lane]);
            self.next_asked.0[lane] = next.copied().unwrap_or(f64::INFINITY);
        }
        self.cursor[lane] == asked.len()
    }

    /// Applies what is due in `lane` at its time.
    fn fire(&mut self, lane: usize) -> Result<(), Failure> {
        let inputs = self.dynamics.plan.inputs();
        load_lane(&mut self.single, &self.frame, lane, inputs);
        self.single[0].0[0] = self.t.0[lane];
        let happened = self.dynamics.events.fire(
            self.compiled.set,
            &mut self.events[lane],
            &mut self.single,
            self.single_outputs,
        )?;
        self.next_event.0[lane] = self.events[lane].next_time();
        if happened {
            for j in 0..self.dynamics.states {
                self.frame[1 + j].0[lane] = self.single[1 + j].0[0];
            }
        }
        Ok(())
    }

    /// What is wrong with the rates of `lane`: slots `from..`, of reactions `of`.
    fn diagnose(&self, lane: usize, from: usize, of: impl Iterator<Item = usize>) -> Failure {
        let time = self.t.0[lane];
        for (k, reaction) in of.enumerate() {
            let name = &self.reactions.names[reaction];
            let rate = self.frame[from + k].0[lane];
            if rate < 0.0 {
                return Failure::NegativeRate {
                    reaction: name.clone(),
                    time,
                };
            }
            if !rate.is_finite() {
                return Failure::non_finite(format!("the rate of {name} at time {time}"));
            }
        }
        Failure::non_finite(format!("the sum of the rates at time {time}"))
    }
}

dispatched! {
    fn travel[const W: usize]<W>(process: &mut Process<'_, W>, sheet: &mut Sheet) = travel_body
}

#[inline(always)]
fn travel_body<const W: usize>(p: &mut Process<'_, W>, sheet: &mut Sheet) {
    let count = p.reactions.names.len();
    let rates = p.outputs;
    let has_conditions = p.dynamics.events.has_conditions();
    while p.running > 0 {
        // The rates, their sum, and whether something is wrong with them.
        p.frame[0] = p.t;
        run(
            p.compiled.set,
            &p.reactions.propensities,
            &mut p.frame,
            rates,
        );
        let (mut total, mut least) = (Lanes::<W>::all(0.0), Lanes::<W>::all(0.0));
        for rate in &p.frame[rates..rates + count] {
            for lane in 0..W {
                total.0[lane] += rate.0[lane];
                let lower = rate.0[lane] < least.0[lane];
                least.0[lane] = if lower { rate.0[lane] } else { least.0[lane] };
            }
        }
        // When the next jump comes; set events interrupt the wait, which has no memory.
        let (mut wait, mut which) = (Lanes::<W>::all(0.0), Lanes::<W>::all(0.0));
        p.streams.next(&p.active, &mut wait, &mut which);
        let (mut at, mut jumps, mut target) = (wait, wait, wait);
        for lane in 0..W {
            at.0[lane] = p.t.0[lane] - ln(wait.0[lane]) / total.0[lane];
            // Never the sum itself, which rounding could reach.
            let share = which.0[lane] * total.0[lane];
            let below = total.0[lane] * (1.0 - f64::EPSILON);
            target.0[lane] = if share < total.0[lane] { share } else { below };
        }
        let (mut looks, mut fails) = (Lanes::<W>::all(0.0), Lanes::<W>::all(0.0));
        let mut any = 0u64;
        for lane in 0..W {
            let running = p.active.0[lane] != 0.0;
            let sound = (least.0[lane] >= 0.0) & (total.0[lane] < f64::INFINITY);
            let event = p.next_event.0[lane];
            let interrupted = event <= at.0[lane];
            let arrival = if interrupted { event } else { at.0[lane] };
            let goes = running & sound & !interrupted;
            at.0[lane] = arrival;
            jumps.0[lane] = if goes { 1.0 } else { 0.0 };
            p.jumps.0[lane] += jumps.0[lane];
            let asked = p.next_asked.0[lane] < arrival;
            let many = p.jumps.0[lane] > MOST_JUMPS as f64;
            let look = running & (asked | interrupted | many | !sound);
            looks.0[lane] = if look { 1.0 } else { 0.0 };
            fails.0[lane] = if running & !sound { 1.0 } else { 0.0 };
        }
        for lane in 0..W {
            any |= looks.0[lane].to_bits();
        }
        let mut attention: u64 = 0;
        if any != 0 {
            for lane in 0..W {
                attention |= u64::from(looks.0[lane] != 0.0) << lane;
            }
        }
        while attention != 0 {
            let lane = attention.trailing_zeros() as usize;
            attention &= attention - 1;
            let row = p.row[lane];
            let mut failure = None;
            if fails.0[lane] != 0.0 {
                failure = Some(p.diagnose(lane, rates, 0..count));
            } else if p.jumps.0[lane] > MOST_JUMPS as f64 {
                failure = Some(Failure::JumpLimit { jumps: MOST_JUMPS });
            }
            let over = failure.is_some() || p.record_before(lane, at.0[lane], sheet);
            if !over && jumps.0[lane] == 0.0 {
                p.t.0[lane] = at.0[lane];
                failure = p.fire(lane).err();
            }
            if let Some(failure) = &failure {
                sheet.fail(row, failure.clone());
            }
            if over || failure.is_some() {
                jumps.0[lane] = 0.0;
                p.running -= 1;
                p.leave(lane);
                p.refill(lane, sheet);
            }
        }
        // Which reaction: the one whose share of the sum holds the target.
        let stopped = if p.reactions.thinned.is_some() {
            thin(p, &mut at, &jumps, &target, sheet)
        } else {
            Lanes::all(0.0)
        };
        let (inputs, rates_now) = p.frame.split_at_mut(rates);
        let mut upper = Lanes::<W>::all(0.0);
        for (rate, changes) in rates_now.iter().zip(&p.reactions.changes) {
            let mut fires = Lanes::<W>::all(0.0);
            for lane in 0..W {
                let lower = upper.0[lane];
                upper.0[lane] += rate.0[lane];
                let holds = (lower <= target.0[lane]) & (target.0[lane] < upper.0[lane]);
                let goes = holds & (jumps.0[lane] != 0.0) & (stopped.0[lane] == 0.0);
                fires.0[lane] = if goes { 1.0 } else { 0.0 };
            }
            for &(component, amount) in changes {
                let to = &mut inputs[1 + component];
                for lane in 0..W {
                    to.0[lane] = fires.0[lane].mul_add(amount, to.0[lane]);
                }
            }
        }
        for lane in 0..W {
            let (arrival, before) = (at.0[lane], p.t.0[lane]);
            p.t.0[lane] = if jumps.0[lane] != 0.0 {
                arrival
            } else {
                before
            };
        }
        if has_conditions {
            for lane in 0..W {
                if jumps.0[lane] != 0.0
                    && p.active.0[lane] != 0.0
                    && let Err(storm) = p.fire(lane)
                {
                    sheet.fail(p.row[lane], storm);
                    p.running -= 1;
                    p.refill(lane, sheet);
                }
            }
        }
    }
}

/// Draws whether thinned reactions really happen at time `at`: 1 where the jump does not.
/// A rate above its bound fails the row.
#[inline(always)]
fn thin<const W: usize>(
    p: &mut Process<'_, W>,
    at: &mut Lanes<W>,
    jumps: &Lanes<W>,
    target: &Lanes<W>,
    sheet: &mut Sheet,
) -> Lanes<W> {
    let mut stopped = Lanes::<W>::all(0.0);
    let Some((tape, thinned)) = &p.reactions.thinned else {
        return stopped;
    };
    let count = p.reactions.names.len();
    let slots = p.outputs + count;
    p.frame[0] = *at;
    run(p.compiled.set, tape, &mut p.frame, slots);
    let (mut chance, mut rest) = (Lanes::<W>::all(0.0), Lanes::<W>::all(0.0));
    p.streams.next(jumps, &mut chance, &mut rest);
    let mut failed: u64 = 0;
    let mut upper = Lanes::<W>::all(0.0);
    for reaction in 0..count {
        let bound = p.frame[p.outputs + reaction];
        let position = thinned.iter().position(|&other| other == reaction);
        for lane in 0..W {
            let lower = upper.0[lane];
            upper.0[lane] += bound.0[lane];
            let Some(position) = position else { continue };
            let rate = p.frame[slots + position].0[lane];
            let holds = (lower <= target.0[lane]) & (target.0[lane] < upper.0[lane]);
            if holds & (jumps.0[lane] != 0.0) {
                let keeps = chance.0[lane] * bound.0[lane] < rate;
                stopped.0[lane] = if keeps { 0.0 } else { 1.0 };
                let sound = (rate >= 0.0) & (rate <= bound.0[lane] * SLACK);
                failed |= u64::from(!sound) << lane;
            }
        }
    }
    while failed != 0 {
        let lane = failed.trailing_zeros() as usize;
        failed &= failed - 1;
        p.t.0[lane] = at.0[lane];
        let above = thinned.iter().enumerate().find(|&(position, &reaction)| {
            let bound = p.frame[p.outputs + reaction].0[lane];
            p.frame[slots + position].0[lane] > bound * SLACK
        });
        let failure = match above {
            Some((_, &reaction)) => Failure::RateAboveBound {
                reaction: p.reactions.names[reaction].clone(),
                time: at.0[lane],
            },
            None => p.diagnose(lane, slots, thinned.iter().copied()),
        };
        sheet.fail(p.row[lane], failure);
        stopped.0[lane] = 1.0;
        p.running -= 1;
        p.refill(lane, sheet);
        // The new row starts at its own time, not at the jump of the old one.
        at.0[lane] = p.t.0[lane];
    }
    stopped
}
