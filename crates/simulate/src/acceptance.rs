//! Which simulations count: conditions of parameters and observed numbers.

use rayon::prelude::*;

use crate::compiled::Compiled;
use crate::failure::Failure;
use crate::lanes::{Frame, WIDTH, run};

/// Rows that a thread looks at together.
const ROWS: usize = 4096;

/// Marks the simulations that break one of the mechanism's conditions as failed, for that reason, and
/// takes away what they observed. Columns as in a [`Batch`](crate::Batch).
pub fn reject(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    observed: &mut [Vec<f64>],
    failures: &mut [Option<Failure>],
) {
    let broken = broken(compiled, parameters, observed, failures.len());
    for (row, rule) in broken.into_iter().enumerate() {
        if let Some(rule) = rule
            && failures[row].is_none()
        {
            let rule = compiled.mechanism.acceptance[rule].name.clone();
            failures[row] = Some(Failure::NotAccepted { rule });
            for column in observed.iter_mut() {
                column[row] = f64::NAN;
            }
        }
    }
}

/// For each of `rows` rows the first condition that it breaks; columns of one number hold for all rows.
/// A condition that is not a number is broken.
pub(crate) fn broken(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    observed: &[Vec<f64>],
    rows: usize,
) -> Vec<Option<usize>> {
    let Some(plan) = &compiled.acceptance else {
        return vec![None; rows];
    };
    let outputs = plan.plan.outputs();
    let columns: Vec<&Vec<f64>> = parameters.iter().chain(observed).collect();
    let ready = || -> Frame<WIDTH> { plan.plan.frame(plan.tape.outputs()) };
    let chunks = (0..rows.div_ceil(ROWS)).into_par_iter();
    let parts = chunks.map_init(ready, |frame, chunk| {
        let all = chunk * ROWS..rows.min((chunk + 1) * ROWS);
        let mut found = Vec::with_capacity(all.len());
        for start in all.clone().step_by(WIDTH) {
            let lanes = WIDTH.min(all.end - start);
            for (slot, column) in frame.iter_mut().zip(&columns) {
                match column.as_slice() {
                    [same] => slot.0[..lanes].fill(*same),
                    each => slot.0[..lanes].copy_from_slice(&each[start..start + lanes]),
                }
            }
            run(compiled.set, &plan.tape, frame, outputs);
            let rules = &frame[outputs..outputs + plan.tape.outputs()];
            found.extend((0..lanes).map(|lane| {
                let holds = |value: f64| value != 0.0 && !value.is_nan();
                rules.iter().position(|rule| !holds(rule.0[lane]))
            }));
        }
        found
    });
    parts.collect::<Vec<_>>().concat()
}
