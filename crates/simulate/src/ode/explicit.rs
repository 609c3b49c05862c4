//! Tsitouras 5(4) in lanes: stages, error, accept or reject, dense output, refill.

use crate::block::Block;
use crate::compiled::{Compiled, OdePlan};
use crate::failure::Failure;
use crate::lanes::{InstructionSet, Lanes, dispatched, run};
use crate::sheet::Sheet;

use super::control::Controller;
use super::fleet::{Fleet, IDLE};
use super::tsitouras::{A2, A3, A4, A5, A6, A7, DENSE, ERROR, NODES};

/// The weights of the stages in the fourth power of the dense output.
const QUARTIC: [f64; 7] = DENSE[2];

const CONTROLLER: Controller = Controller {
    last: 0.14,
    before: 0.04,
    rejected: 0.2,
};

/// A step looks stiff when h times the estimated largest eigenvalue exceeds this (the method is
/// stable to about 3.5 on the negative real axis); tested from this many steps on, and so many
/// such steps make the row stiff, unless as many as the last number in a row are not.
/// Hairer & Wanner (1996), IV.2.
const STIFF_BOUND: f64 = 3.25;
const STIFF_FROM: f64 = 64.0;
const STIFF_STEPS: f64 = 15.0;
const CALM_STEPS: f64 = 6.0;

/// So few lanes are quicker one by one.
const FEW: u32 = 8;

/// Runs the rows in `queue`; with `doubtful`, returns those that look stiff or failed.
pub(super) fn integrate<const W: usize>(
    compiled: &Compiled,
    ode: &OdePlan,
    block: &Block<'_>,
    queue: &[usize],
    sheet: &mut Sheet,
    lanes: usize,
    doubtful: bool,
) -> Vec<usize> {
    let components = compiled.dynamics.components;
    let mut fleet = Fleet::<W>::new(compiled, ode, block, queue, 7 * components, lanes);
    let mut again = Vec::new();
    for lane in 0..lanes {
        fleet.refill(lane, Some(0), sheet);
    }
    let set = compiled.set;
    let (fleet, again_rows) = (&mut fleet, &mut again);
    // One copy of the stepper for each small number of components: 1.4 to 1.9 times as fast.
    match (
        W == crate::lanes::WIDTH && set != InstructionSet::Portable,
        components,
    ) {
        (true, 1) => travel::<1, W>(set, fleet, sheet, again_rows, doubtful),
        (true, 2) => travel::<2, W>(set, fleet, sheet, again_rows, doubtful),
        (true, 3) => travel::<3, W>(set, fleet, sheet, again_rows, doubtful),
        (true, 4) => travel::<4, W>(set, fleet, sheet, again_rows, doubtful),
        (true, 5) => travel::<5, W>(set, fleet, sheet, again_rows, doubtful),
        (true, 6) => travel::<6, W>(set, fleet, sheet, again_rows, doubtful),
        (true, 7) => travel::<7, W>(set, fleet, sheet, again_rows, doubtful),
        (true, 8) => travel::<8, W>(set, fleet, sheet, again_rows, doubtful),
        _ => travel::<0, W>(set, fleet, sheet, again_rows, doubtful),
    }
    again.sort_unstable();
    again
}

dispatched! {
    fn travel[const N: usize, const W: usize]<N, W>(
        fleet: &mut Fleet<'_, W>,
        sheet: &mut Sheet,
        again: &mut Vec<usize>,
        doubtful: bool,
    ) = travel_body
}

/// y + h (weights . k) for component `j` of `n`, into `to`.
#[inline(always)]
fn combine<const S: usize, const W: usize>(
    to: &mut Lanes<W>,
    y: &Lanes<W>,
    h: &Lanes<W>,
    k: &[Lanes<W>],
    (j, n): (usize, usize),
    weights: &[f64; S],
) {
    let stages: [&Lanes<W>; S] = std::array::from_fn(|s| &k[s * n + j]);
    for lane in 0..W {
        let mut sum = weights[0] * stages[0].0[lane];
        for s in 1..S {
            sum = weights[s].mul_add(stages[s].0[lane], sum);
        }
        to.0[lane] = h.0[lane].mul_add(sum, y.0[lane]);
    }
}

/// One stage: the states and time at which it is taken, then its derivatives.
#[inline(always)]
fn stage<const S: usize, const W: usize>(
    fleet: &mut Fleet<'_, W>,
    n: usize,
    h: &Lanes<W>,
    weights: &[f64; S],
) {
    let (inputs, k) = fleet.frame.split_at_mut(fleet.outputs);
    let node = NODES[(S - 1).min(4)];
    if fleet.ode.timed {
        for lane in 0..W {
            inputs[0].0[lane] = node.mul_add(h.0[lane], fleet.t.0[lane]);
        }
    }
    for j in 0..n {
        combine(&mut inputs[1 + j], &fleet.y[j], h, k, (j, n), weights);
    }
    let outputs = fleet.outputs + S * n;
    run(
        fleet.compiled.set,
        &fleet.ode.slopes,
        &mut fleet.frame,
        outputs,
    );
}

#[inline(always)]
fn travel_body<const N: usize, const W: usize>(
    fleet: &mut Fleet<'_, W>,
    sheet: &mut Sheet,
    again: &mut Vec<usize>,
    doubtful: bool,
) {
    let n = if N > 0 { N } else { fleet.dynamics.components };
    assert!(fleet.y.len() == n && fleet.frame.len() >= fleet.outputs + 7 * n);
    let solver = fleet.ode.solver;
    let per = 1.0 / n as f64;
    let span = fleet.end - fleet.dynamics.start;
    let has_events = !fleet.dynamics.events.is_empty();
    let mut sixth = vec![Lanes::<W>::all(0.0); n];
    let mut dense = vec![Dense::<W>::new(); n];
    let mut stiff = Lanes::<W>::all(0.0);
    let mut calm = Lanes::<W>::all(0.0);

    while fleet.running > 0 {
        if fleet.stale != 0 {
            first_stage(fleet, n);
        }
        // The step, shortened to meet the end or an event exactly.
        let (mut h, mut target, mut whole) = (
            Lanes::<W>::all(0.0),
            Lanes::<W>::all(0.0),
            Lanes::<W>::all(0.0),
        );
        for lane in 0..W {
            let event = fleet.next_event.0[lane];
            target.0[lane] = if event < fleet.end { event } else { fleet.end };
            let left = target.0[lane] - fleet.t.0[lane];
            let meets = 1.01 * fleet.h.0[lane] >= left;
            whole.0[lane] = if meets { 1.0 } else { 0.0 };
            h.0[lane] = if meets { left } else { fleet.h.0[lane] };
        }
        stage(fleet, n, &h, &A2);
        stage(fleet, n, &h, &A3);
        stage(fleet, n, &h, &A4);
        stage(fleet, n, &h, &A5);
        stage(fleet, n, &h, &A6);
        let late = (0..W).any(|lane| fleet.steps.0[lane] >= STIFF_FROM);
        let watch = doubtful & late;
        if watch {
            sixth.copy_from_slice(&fleet.frame[1..=n]);
        }
        stage(fleet, n, &h, &A7);

        // The error in units of the tolerance, and what follows from it.
        let mut square = Lanes::<W>::all(0.0);
        {
            let (inputs, k) = fleet.frame.split_at(fleet.outputs);
            for j in 0..n {
                let stages: [&Lanes<W>; 7] = std::array::from_fn(|s| &k[s * n + j]);
                let (old, new) = (&fleet.y[j], &inputs[1 + j]);
                for lane in 0..W {
                    let mut sum = ERROR[0] * stages[0].0[lane];
                    for s in 1..7 {
                        sum = ERROR[s].mul_add(stages[s].0[lane], sum);
                    }
                    let (a, b) = (old.0[lane].abs(), new.0[lane].abs());
                    let size = if a > b { a } else { b };
                    let ratio = h.0[lane] * sum / size.mul_add(solver.relative, solver.absolute);
                    square.0[lane] = ratio.mul_add(ratio, square.0[lane]);
                }
            }
        }
        let (mut accepted, mut arrival, mut broken) = (
            Lanes::<W>::all(0.0),
            Lanes::<W>::all(0.0),
            Lanes::<W>::all(0.0),
        );
        for lane in 0..W {
            let after_rejection = fleet.rejected.0[lane] != 0.0;
            let (accept, factor, memory) =
                CONTROLLER.judge(square.0[lane] * per, fleet.memory.0[lane], after_rejection);
            let running = fleet.active.0[lane] != 0.0;
            let new = h.0[lane] * factor;
            // After a shortened step the step that was wanted before it is wanted again.
            let wanted = fleet.h.0[lane];
            let new = if accept & (whole.0[lane] != 0.0) & (wanted > new) {
                wanted
            } else {
                new
            };
            let arrive = if whole.0[lane] != 0.0 {
                target.0[lane]
            } else {
                fleet.t.0[lane] + h.0[lane]
            };
            arrival.0[lane] = if accept { arrive } else { fleet.t.0[lane] };
            accepted.0[lane] = if accept & running { 1.0 } else { 0.0 };
            fleet.memory.0[lane] = memory;
            fleet.rejected.0[lane] = if accept { 0.0 } else { 1.0 };
            fleet.h.0[lane] = new;
            fleet.steps.0[lane] += fleet.active.0[lane];
            let smallest = arrival.0[lane].abs().mul_add(4e-16, span * 1e-18);
            let spent = fleet.steps.0[lane] >= f64::from(solver.most_steps);
            broken.0[lane] = if running & (spent | (new <= smallest) | new.is_nan()) {
                1.0
            } else {
                0.0
            };
        }
        sheet.evaluations += 6 * fleet.running as u64;
        if watch {
            look_for_stiffness(fleet, n, &h, &sixth, &accepted, &mut stiff, &mut calm);
        }
        // Conditions that rose within the step cut it short at their root.
        let mut events: u64 = 0;
        if has_events {
            events = cut_at_events(fleet, n, &h, &accepted, &mut arrival);
        }
        record(fleet, n, &h, &accepted, &arrival, events, &mut dense, sheet);

        // Move on.
        {
            let (inputs, k) = fleet.frame.split_at_mut(fleet.outputs);
            for j in 0..n {
                let (old, new) = (&mut fleet.y[j], &inputs[1 + j]);
                let (first, rest) = k.split_at_mut(n);
                let (first, last) = (&mut first[j], &rest[5 * n + j]);
                for lane in 0..W {
                    let accept = accepted.0[lane] != 0.0;
                    old.0[lane] = if accept { new.0[lane] } else { old.0[lane] };
                    first.0[lane] = if accept { last.0[lane] } else { first.0[lane] };
                }
            }
        }
        let mut attention: u64 = events;
        for lane in 0..W {
            let ended = (accepted.0[lane] != 0.0) & (arrival.0[lane] >= fleet.end);
            let stop = ended | (broken.0[lane] != 0.0) | (stiff.0[lane] >= STIFF_STEPS);
            fleet.t.0[lane] = arrival.0[lane];
            attention |= u64::from(stop) << lane;
        }
        while attention != 0 {
            let lane = attention.trailing_zeros() as usize;
            attention &= attention - 1;
            if fleet.row[lane] == IDLE {
                continue;
            }
            let row = fleet.row[lane];
            let mut failure = None;
            if events >> lane & 1 == 1 {
                match fleet.fire(lane) {
                    Ok(()) => fleet.record_now(lane, sheet),
                    Err(storm) => failure = Some(storm),
                }
            }
            let done = fleet.cursor[lane] == fleet.dynamics.asked.len();
            if done && failure.is_none() {
                if let Some(bad) = fleet.not_finite(lane) {
                    failure = Some(Failure::non_finite(bad));
                }
            } else if failure.is_none() && broken.0[lane] != 0.0 {
                failure = Some(if fleet.steps.0[lane] >= f64::from(solver.most_steps) {
                    Failure::StepLimit {
                        steps: solver.most_steps,
                    }
                } else if square.0[lane].is_nan() {
                    let time = fleet.t.0[lane];
                    Failure::non_finite(format!("a derivative near time {time}"))
                } else {
                    Failure::StepTooSmall {
                        time: fleet.t.0[lane],
                    }
                });
            }
            let looks_stiff = stiff.0[lane] >= STIFF_STEPS;
            if failure.is_some() || (looks_stiff && !done) {
                if doubtful {
                    again.push(row);
                }
                sheet.fail(row, failure.unwrap_or(Failure::StepLimit { steps: 0 }));
            } else if !done {
                continue;
            }
            fleet.running -= 1;
            stiff.0[lane] = 0.0;
            calm.0[lane] = 0.0;
            fleet.refill(lane, Some(0), sheet);
        }
    }
}

/// Works the first stage out anew for the lanes whose states an event changed.
#[inline(always)]
fn first_stage<const W: usize>(fleet: &mut Fleet<'_, W>, n: usize) {
    fleet.frame[0] = fleet.t;
    fleet.frame[1..=n].copy_from_slice(&fleet.y);
    let scratch = fleet.outputs + n;
    run(
        fleet.compiled.set,
        &fleet.ode.slopes,
        &mut fleet.frame,
        scratch,
    );
    for j in 0..n {
        for lane in 0..W {
            if fleet.stale >> lane & 1 == 1 {
                fleet.frame[fleet.outputs + j].0[lane] = fleet.frame[scratch + j].0[lane];
            }
        }
    }
    fleet.stale = 0;
}

/// Counts steps on which h times the largest eigenvalue, estimated from the last two stages,
/// is at the edge of the method's stability.
#[inline(always)]
fn look_for_stiffness<const W: usize>(
    fleet: &Fleet<'_, W>,
    n: usize,
    h: &Lanes<W>,
    sixth: &[Lanes<W>],
    accepted: &Lanes<W>,
    stiff: &mut Lanes<W>,
    calm: &mut Lanes<W>,
) {
    let (inputs, k) = fleet.frame.split_at(fleet.outputs);
    let (mut slopes, mut states) = (Lanes::<W>::all(0.0), Lanes::<W>::all(0.0));
    for j in 0..n {
        for lane in 0..W {
            let slope = k[6 * n + j].0[lane] - k[5 * n + j].0[lane];
            let state = inputs[1 + j].0[lane] - sixth[j].0[lane];
            slopes.0[lane] = slope.mul_add(slope, slopes.0[lane]);
            states.0[lane] = state.mul_add(state, states.0[lane]);
        }
    }
    for lane in 0..W {
        let counts = (accepted.0[lane] != 0.0) & (fleet.steps.0[lane] > STIFF_FROM);
        let reach = h.0[lane] * h.0[lane] * slopes.0[lane];
        let edge = reach > STIFF_BOUND * STIFF_BOUND * states.0[lane];
        let calmer = if edge { 0.0 } else { calm.0[lane] + 1.0 };
        let count = if edge {
            stiff.0[lane] + 1.0
        } else {
            stiff.0[lane]
        };
        let count = if calmer >= CALM_STEPS { 0.0 } else { count };
        stiff.0[lane] = if counts { count } else { stiff.0[lane] };
        calm.0[lane] = if counts { calmer } else { calm.0[lane] };
    }
}

/// Lanes at which an event happens at the end of the step, which is moved to the first root of a
/// rising condition.
fn cut_at_events<const W: usize>(
    fleet: &mut Fleet<'_, W>,
    n: usize,
    h: &Lanes<W>,
    accepted: &Lanes<W>,
    arrival: &mut Lanes<W>,
) -> u64 {
    let mut events = 0;
    for lane in 0..W {
        if accepted.0[lane] == 0.0 {
            continue;
        }
        if arrival.0[lane] >= fleet.next_event.0[lane] {
            events |= 1 << lane;
        }
        if !fleet.dynamics.events.has_conditions() {
            continue;
        }
        let step = h.0[lane];
        let values: Vec<[f64; 5]> = (0..n)
            .map(|j| {
                let k = &fleet.frame[fleet.outputs..];
                let power = |p: usize| {
                    (1..7).fold(DENSE[p][0] * k[j].0[lane], |sum, s| {
                        DENSE[p][s].mul_add(k[s * n + j].0[lane], sum)
                    })
                };
                [
                    fleet.y[j].0[lane],
                    k[j].0[lane],
                    power(0),
                    power(1),
                    power(2),
                ]
            })
            .collect();
        let at = |share: f64, j: usize| {
            let [y, k, two, three, four] = values[j];
            let inner = share.mul_add(share.mul_add(share.mul_add(four, three), two), k);
            (step * share).mul_add(inner, y)
        };
        if let Some(share) = fleet.first_rise(lane, step, at) {
            if share < 1.0 {
                arrival.0[lane] = step.mul_add(share, fleet.t.0[lane]);
                for j in 0..n {
                    fleet.frame[1 + j].0[lane] = at(share, j);
                }
            }
            events |= 1 << lane;
        }
    }
    events
}

/// Writes the dense output at every asked time that the accepted steps passed. At an event, the
/// asked times that coincide with it wait for its effects.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn record<const W: usize>(
    fleet: &mut Fleet<'_, W>,
    n: usize,
    h: &Lanes<W>,
    accepted: &Lanes<W>,
    arrival: &Lanes<W>,
    events: u64,
    dense: &mut [Dense<W>],
    sheet: &mut Sheet,
) {
    let mut pending: u64 = 0;
    for lane in 0..W {
        let event = events >> lane & 1 == 1;
        let passed = passes(fleet.next_asked.0[lane], arrival.0[lane], event);
        pending |= u64::from(passed & (accepted.0[lane] != 0.0)) << lane;
    }
    if pending == 0 {
        return;
    }
    // The cubic through both ends, and what the free interpolant of 4th order adds to it.
    {
        let (inputs, k) = fleet.frame.split_at(fleet.outputs);
        let mut unmoved = Lanes::<W>::all(0.0);
        for j in 0..n {
            let stages: [&Lanes<W>; 7] = std::array::from_fn(|s| &k[s * n + j]);
            let old = &fleet.y[j];
            let mut new = &inputs[1 + j];
            if events != 0 {
                // An event has put its own states there.
                combine(&mut unmoved, old, h, k, (j, n), &A7);
                new = &unmoved;
            }
            let Dense {
                rise,
                begin,
                end,
                bend,
                ..
            } = &mut dense[j];
            for lane in 0..W {
                let mut sum = QUARTIC[0] * stages[0].0[lane];
                for s in 1..7 {
                    sum = QUARTIC[s].mul_add(stages[s].0[lane], sum);
                }
                let (step, whole) = (h.0[lane], new.0[lane] - old.0[lane]);
                rise.0[lane] = whole;
                begin.0[lane] = step.mul_add(stages[0].0[lane], -whole);
                end.0[lane] = (-step).mul_add(stages[6].0[lane], whole);
                bend.0[lane] = step * sum;
            }
        }
    }
    let Fleet {
        y,
        t,
        next_asked,
        cursor,
        row,
        dynamics,
        ..
    } = fleet;
    let y = &y[..n];
    let mut inverse = Lanes::<W>::all(0.0);
    for lane in 0..W {
        inverse.0[lane] = 1.0 / h.0[lane];
    }
    // Side by side for as long as many lanes pass another asked time, then one by one.
    while pending.count_ones() >= FEW {
        let mut share = Lanes::<W>::all(0.0);
        for lane in 0..W {
            share.0[lane] = (next_asked.0[lane] - t.0[lane]) * inverse.0[lane];
        }
        for j in 0..n {
            for lane in 0..W {
                let value = dense[j].at(lane, share.0[lane], y[j].0[lane]);
                dense[j].value.0[lane] = value;
            }
        }
        let mut lanes = pending;
        while lanes != 0 {
            let lane = lanes.trailing_zeros() as usize;
            lanes &= lanes - 1;
            let to = sheet.at_mut(row[lane], cursor[lane]);
            for j in 0..n {
                to[j] = dense[j].value.0[lane];
            }
            cursor[lane] += 1;
            let asked = *dynamics.asked.get(cursor[lane]).unwrap_or(&f64::INFINITY);
            next_asked.0[lane] = asked;
            let event = events >> lane & 1 == 1;
            if !passes(asked, arrival.0[lane], event) {
                pending &= !(1 << lane);
            }
        }
    }
    while pending != 0 {
        let lane = pending.trailing_zeros() as usize;
        pending &= pending - 1;
        let (start, end) = (t.0[lane], arrival.0[lane]);
        let event = events >> lane & 1 == 1;
        while passes(next_asked.0[lane], end, event) {
            let share = (next_asked.0[lane] - start) * inverse.0[lane];
            let to = sheet.at_mut(row[lane], cursor[lane]);
            for j in 0..n {
                to[j] = dense[j].at(lane, share, y[j].0[lane]);
            }
            cursor[lane] += 1;
            next_asked.0[lane] = *dynamics.asked.get(cursor[lane]).unwrap_or(&f64::INFINITY);
        }
    }
}

/// One component within a step of every lane: the cubic that meets both ends and their slopes, and a
/// quartic that is 0 there with its slope.
#[derive(Clone)]
struct Dense<const W: usize> {
    /// From one end to the other.
    rise: Lanes<W>,
    /// By how much the step times the slope at its begin exceeds the rise.
    begin: Lanes<W>,
    /// By how much the rise exceeds the step times the slope at its end.
    end: Lanes<W>,
    /// The quartic's factor.
    bend: Lanes<W>,
    /// What was read off last.
    value: Lanes<W>,
}

impl<const W: usize> Dense<W> {
    const fn new() -> Self {
        let zero = Lanes([0.0; W]);
        Self {
            rise: zero,
            begin: zero,
            end: zero,
            bend: zero,
            value: zero,
        }
    }

    /// The component at `share` of the step from `y`.
    #[inline(always)]
    fn at(&self, lane: usize, share: f64, y: f64) -> f64 {
        let rest = 1.0 - share;
        let quartic = rest.mul_add(self.bend.0[lane], self.end.0[lane]);
        let inner = rest.mul_add(self.begin.0[lane], share * quartic);
        share.mul_add(rest.mul_add(inner, self.rise.0[lane]), y)
    }
}

/// Whether a step that ends at `end` passes an asked time; one that ends at an event waits for its
/// effects.
#[inline(always)]
fn passes(asked: f64, end: f64, event: bool) -> bool {
    (asked < end) | ((asked == end) & !event)
}
