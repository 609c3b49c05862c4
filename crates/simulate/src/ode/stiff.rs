//! Rodas5P in lanes: Jacobian, one LU a step, eight stages, steps that end at the asked times.

use crate::block::Block;
use crate::compiled::{Compiled, OdePlan, StiffPlan};
use crate::failure::Failure;
use crate::lanes::{InstructionSet, Lanes, dispatched, run};
use crate::linear::System;
use crate::sheet::Sheet;

use super::control::Controller;
use super::fleet::{Fleet, IDLE};
use super::rodas::{A, C, DENSE, GAMMA, NODES, STAGES, TIME_WEIGHTS};

const CONTROLLER: Controller = Controller {
    last: 0.14,
    before: 0.08,
    rejected: 0.2,
};

/// Runs the rows in `queue`.
pub(super) fn integrate<const W: usize>(
    compiled: &Compiled,
    ode: &OdePlan,
    stiff: &StiffPlan,
    block: &Block<'_>,
    queue: &[usize],
    sheet: &mut Sheet,
    lanes: usize,
) {
    let n = compiled.dynamics.components;
    let outputs = (STAGES + 1) * n + stiff.tape.outputs();
    let mut fleet = Fleet::<W>::new(compiled, ode, block, queue, outputs.max(2 * n), lanes);
    for lane in 0..lanes {
        fleet.refill(lane, None, sheet);
    }
    let (set, fleet) = (compiled.set, &mut fleet);
    match (
        W == crate::lanes::WIDTH && set != InstructionSet::Portable,
        n,
    ) {
        (true, 1) => travel::<1, W>(set, fleet, stiff, sheet),
        (true, 2) => travel::<2, W>(set, fleet, stiff, sheet),
        (true, 3) => travel::<3, W>(set, fleet, stiff, sheet),
        (true, 4) => travel::<4, W>(set, fleet, stiff, sheet),
        (true, 5) => travel::<5, W>(set, fleet, stiff, sheet),
        (true, 6) => travel::<6, W>(set, fleet, stiff, sheet),
        (true, 7) => travel::<7, W>(set, fleet, stiff, sheet),
        (true, 8) => travel::<8, W>(set, fleet, stiff, sheet),
        _ => travel::<0, W>(set, fleet, stiff, sheet),
    }
}

dispatched! {
    fn travel[const N: usize, const W: usize]<N, W>(
        fleet: &mut Fleet<'_, W>,
        stiff: &StiffPlan,
        sheet: &mut Sheet,
    ) = travel_body
}

/// The matrix `1 / (h gamma) - J`.
#[inline(always)]
fn assemble<const W: usize>(
    system: &mut System<W>,
    stiff: &StiffPlan,
    jacobian: &[Lanes<W>],
    inverse: &Lanes<W>,
) {
    let (pattern, matrix) = (&stiff.pattern, &mut system.matrix);
    matrix.fill(Lanes::all(0.0));
    for &place in &pattern.diagonal {
        for lane in 0..W {
            matrix[place].0[lane] = inverse.0[lane] * (1.0 / GAMMA);
        }
    }
    for (&place, entry) in pattern.places.iter().zip(jacobian) {
        for lane in 0..W {
            matrix[place].0[lane] -= entry.0[lane];
        }
    }
}

#[inline(always)]
fn add<const W: usize>(to: &mut Lanes<W>, weight: f64, from: &Lanes<W>) {
    for lane in 0..W {
        to.0[lane] = weight.mul_add(from.0[lane], to.0[lane]);
    }
}

/// Stage `i`: its states and time, derivatives, right-hand side, solution k_i among the outputs.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn stage<const N: usize, const W: usize>(
    i: usize,
    fleet: &mut Fleet<'_, W>,
    n: usize,
    h: &Lanes<W>,
    inverse: &Lanes<W>,
    system: &mut System<W>,
    stiff: &StiffPlan,
    right: &mut [Lanes<W>],
) {
    let n = if N > 0 { N } else { n };
    let (inputs, k) = fleet.frame.split_at_mut(fleet.outputs);
    for lane in 0..W {
        inputs[0].0[lane] = NODES[i].mul_add(h.0[lane], fleet.t.0[lane]);
    }
    for j in 0..n {
        if i < 6 {
            inputs[1 + j] = fleet.y[j];
            for (s, &weight) in A[i].iter().enumerate() {
                add(&mut inputs[1 + j], weight, &k[s * n + j]);
            }
        } else {
            add(&mut inputs[1 + j], 1.0, &k[(i - 1) * n + j]);
        }
    }
    let slopes = fleet.outputs + i * n;
    run(
        fleet.compiled.set,
        &fleet.ode.slopes,
        &mut fleet.frame,
        slopes,
    );
    let k = &mut fleet.frame[fleet.outputs..];
    for j in 0..n {
        let mut sum = Lanes::<W>::all(0.0);
        for (s, &weight) in C[i].iter().enumerate() {
            add(&mut sum, weight, &k[s * n + j]);
        }
        for lane in 0..W {
            right[j].0[lane] = sum.0[lane].mul_add(inverse.0[lane], k[i * n + j].0[lane]);
        }
    }
    if TIME_WEIGHTS[i] != 0.0 {
        let by_time = &k[(STAGES + 1) * n + stiff.entries.len()..];
        for (&j, slope) in stiff.by_time.iter().zip(by_time) {
            for lane in 0..W {
                let weight = TIME_WEIGHTS[i] * h.0[lane];
                right[j].0[lane] = weight.mul_add(slope.0[lane], right[j].0[lane]);
            }
        }
    }
    system.solve::<N>(&stiff.pattern, right);
    k[i * n..(i + 1) * n].copy_from_slice(right);
}

#[inline(always)]
fn travel_body<const N: usize, const W: usize>(
    fleet: &mut Fleet<'_, W>,
    stiff: &StiffPlan,
    sheet: &mut Sheet,
) {
    let n = if N > 0 { N } else { fleet.dynamics.components };
    assert!(fleet.y.len() == n && fleet.frame.len() >= fleet.outputs + (STAGES + 1) * n);
    let solver = fleet.ode.solver;
    let per = 1.0 / n as f64;
    let span = fleet.end - fleet.dynamics.start;
    let has_events = !fleet.dynamics.events.is_empty();
    let mut system = System::<W>::new(&stiff.pattern);
    let mut right = vec![Lanes::<W>::all(0.0); n];
    let jacobian = fleet.outputs + (STAGES + 1) * n;

    while fleet.running > 0 {
        // Nothing is kept from the step before, so an event's new states need no more care.
        fleet.stale = 0;
        let (mut h, mut target, mut whole, mut inverse) = (
            Lanes::<W>::all(0.0),
            Lanes::<W>::all(0.0),
            Lanes::<W>::all(0.0),
            Lanes::<W>::all(0.0),
        );
        for lane in 0..W {
            let (event, asked) = (fleet.next_event.0[lane], fleet.next_asked.0[lane]);
            target.0[lane] = if event < asked { event } else { asked };
            let left = target.0[lane] - fleet.t.0[lane];
            let meets = 1.01 * fleet.h.0[lane] >= left;
            whole.0[lane] = if meets { 1.0 } else { 0.0 };
            let idle = fleet.active.0[lane] == 0.0;
            let step = if meets { left } else { fleet.h.0[lane] };
            h.0[lane] = if idle { 1.0 } else { step };
            inverse.0[lane] = 1.0 / h.0[lane];
        }
        fleet.frame[0] = fleet.t;
        fleet.frame[1..=n].copy_from_slice(&fleet.y);
        run(fleet.compiled.set, &stiff.tape, &mut fleet.frame, jacobian);
        assemble(&mut system, stiff, &fleet.frame[jacobian..], &inverse);
        system.factor::<N>(&stiff.pattern);
        for i in 0..STAGES {
            stage::<N, W>(i, fleet, n, &h, &inverse, &mut system, stiff, &mut right);
        }
        // The solution is the last stage's states plus its increment, which is the error.
        let mut square = Lanes::<W>::all(0.0);
        {
            let (inputs, k) = fleet.frame.split_at_mut(fleet.outputs);
            for j in 0..n {
                let (old, new, error) = (&fleet.y[j], &mut inputs[1 + j], &k[7 * n + j]);
                for lane in 0..W {
                    new.0[lane] += error.0[lane];
                    let (a, b) = (old.0[lane].abs(), new.0[lane].abs());
                    let size = if a > b { a } else { b };
                    let ratio = error.0[lane] / size.mul_add(solver.relative, solver.absolute);
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
            let accept = accept & running;
            arrival.0[lane] = if accept { arrive } else { fleet.t.0[lane] };
            accepted.0[lane] = if accept { 1.0 } else { 0.0 };
            fleet.memory.0[lane] = memory;
            fleet.rejected.0[lane] = if accept { 0.0 } else { 1.0 };
            fleet.h.0[lane] = if running { new } else { 0.0 };
            fleet.steps.0[lane] += fleet.active.0[lane];
            let smallest = arrival.0[lane].abs().mul_add(4e-16, span * 1e-18);
            let spent = fleet.steps.0[lane] >= f64::from(solver.most_steps);
            broken.0[lane] = if running & (spent | (new <= smallest) | new.is_nan()) {
                1.0
            } else {
                0.0
            };
        }
        // Eight stages, and a Jacobian that costs about as much as one for each column.
        sheet.evaluations += (8 + stiff.pattern.columns() as u64) * fleet.running as u64;
        let mut events: u64 = 0;
        if has_events {
            events = cut_at_events(fleet, n, &h, &accepted, &mut arrival);
        }
        let mut attention: u64 = events;
        for j in 0..n {
            let (old, new) = (&mut fleet.y[j], &fleet.frame[1 + j]);
            for lane in 0..W {
                let accept = accepted.0[lane] != 0.0;
                old.0[lane] = if accept { new.0[lane] } else { old.0[lane] };
            }
        }
        for lane in 0..W {
            fleet.t.0[lane] = arrival.0[lane];
            let met = (accepted.0[lane] != 0.0) & (arrival.0[lane] >= fleet.next_asked.0[lane]);
            attention |= u64::from(met | (broken.0[lane] != 0.0)) << lane;
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
                failure = fleet.fire(lane).err();
            }
            if failure.is_none() {
                fleet.record_now(lane, sheet);
            }
            let done = fleet.cursor[lane] == fleet.dynamics.asked.len();
            if failure.is_none() && done {
                if let Some(bad) = fleet.not_finite(lane) {
                    failure = Some(Failure::non_finite(bad));
                }
            } else if failure.is_none() && broken.0[lane] != 0.0 {
                failure = Some(if fleet.steps.0[lane] >= f64::from(solver.most_steps) {
                    Failure::StepLimit {
                        steps: solver.most_steps,
                    }
                } else if !square.0[lane].is_finite() {
                    let time = fleet.t.0[lane];
                    Failure::non_finite(format!("a derivative near time {time}"))
                } else {
                    Failure::StepTooSmall {
                        time: fleet.t.0[lane],
                    }
                });
            }
            match failure {
                Some(failure) => sheet.fail(row, failure),
                None if !done => continue,
                None => {}
            }
            fleet.running -= 1;
            fleet.refill(lane, None, sheet);
        }
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
        let k = &fleet.frame[fleet.outputs..];
        let values: Vec<[f64; 5]> = (0..n)
            .map(|j| {
                let weighted = |p: usize| {
                    (0..STAGES).fold(0.0, |sum: f64, s| {
                        DENSE[p][s].mul_add(k[s * n + j].0[lane], sum)
                    })
                };
                [
                    fleet.y[j].0[lane],
                    fleet.frame[1 + j].0[lane],
                    weighted(0),
                    weighted(1),
                    weighted(2),
                ]
            })
            .collect();
        let at = |share: f64, j: usize| {
            let [old, new, two, three, four] = values[j];
            let rest = 1.0 - share;
            let bend = share.mul_add(share.mul_add(four, three), two);
            rest.mul_add(old, share * rest.mul_add(bend, new))
        };
        let step = h.0[lane];
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
