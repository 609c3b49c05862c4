//! Whether states that were integrated for long stand still: one Newton step with the exact Jacobian
//! must be within the tolerance, and is taken.
//!
//! The Rosenbrock steps before it, each as long as the error control lets them be, are those of a damped
//! Newton iteration that follows the flow (pseudo-transient continuation; C. Kelley & D. Keyes 1998). The
//! step here is damped by the horizon, so that what the dynamics conserve stays as it is.

use crate::block::Block;
use crate::checkpoint::Checkpoint;
use crate::compiled::{Compiled, OdePlan, StiffPlan};
use crate::failure::Failure;
use crate::lanes::{Frame, Lanes, WIDTH, dispatched, run};
use crate::linear::System;
use crate::sheet::Sheet;

/// Takes the last step of each row that has not failed, or fails it.
pub(super) fn settle(
    compiled: &Compiled,
    ode: &OdePlan,
    stiff: &StiffPlan,
    block: &Block<'_>,
    sheet: &mut Sheet,
) {
    let dynamics = &compiled.dynamics;
    let (n, outputs) = (dynamics.components, dynamics.plan.outputs());
    let Some(&end) = dynamics.asked.last() else {
        return;
    };
    let last = dynamics.asked.len() - 1;
    let start = Checkpoint::start(compiled, block);
    let mut frame: Frame<WIDTH> = dynamics.plan.frame(n + stiff.tape.outputs());
    let mut system = System::new(&stiff.pattern);
    let mut step = vec![Lanes::all(0.0); n];
    let rows: Vec<usize> = (0..block.rows()).collect();
    for group in rows.chunks(WIDTH) {
        for (lane, &row) in group.iter().enumerate() {
            start.load(row, lane, &mut frame);
            for (slot, &value) in frame[1..].iter_mut().zip(sheet.at_mut(row, last).iter()) {
                slot.0[lane] = value;
            }
        }
        frame[0] = Lanes::all(end);
        run(compiled.set, &ode.slopes, &mut frame, outputs);
        run(compiled.set, &stiff.tape, &mut frame, outputs + n);
        step.copy_from_slice(&frame[outputs..outputs + n]);
        let damping = 1.0 / (end - dynamics.start);
        let jacobian = &frame[outputs + n..];
        newton(
            compiled.set,
            stiff,
            jacobian,
            damping,
            &mut system,
            &mut step,
        );
        for (lane, &row) in group.iter().enumerate() {
            if sheet.failures[row].is_some() {
                continue;
            }
            let mut farthest = 0.0;
            let mut moves = None;
            for (j, y) in sheet.at_mut(row, last).iter_mut().enumerate() {
                let size = y.abs().mul_add(ode.solver.relative, ode.solver.absolute);
                let share = (step[j].0[lane] / size).abs();
                // NaN counts as moving, and stays.
                if share > farthest || share.is_nan() {
                    (farthest, moves) = (share, Some(j));
                }
                *y += step[j].0[lane];
            }
            if let Some(j) = moves.filter(|_| farthest > 1.0 || farthest.is_nan()) {
                let state = dynamics.names.get(j).cloned().unwrap_or_default();
                sheet.fail(row, Failure::NotAtRest { state, time: end });
            }
        }
    }
}

dispatched! {
    fn newton[const W: usize]<W>(
        stiff: &StiffPlan,
        jacobian: &[Lanes<W>],
        damping: f64,
        system: &mut System<W>,
        step: &mut [Lanes<W>],
    ) = newton_body
}

/// Solves (damping - J) step = f in place.
#[inline(always)]
fn newton_body<const W: usize>(
    stiff: &StiffPlan,
    jacobian: &[Lanes<W>],
    damping: f64,
    system: &mut System<W>,
    step: &mut [Lanes<W>],
) {
    let pattern = &stiff.pattern;
    system.matrix.fill(Lanes::all(0.0));
    for &place in &pattern.diagonal {
        system.matrix[place] = Lanes::all(damping);
    }
    for (&place, entry) in pattern.places.iter().zip(jacobian) {
        for lane in 0..W {
            system.matrix[place].0[lane] -= entry.0[lane];
        }
    }
    system.factor::<0>(pattern);
    system.solve::<0>(pattern, step);
}
