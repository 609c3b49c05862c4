//! Log-likelihoods of data: the file's own expression, or the densities of what is observed where
//! the dynamics are not random, summed over latents that have few values.

use gnomon_mechanism::elementary::{exp, ln};
use gnomon_mechanism::expression::Inputs;
use rayon::prelude::*;

use crate::batch::{check_columns, log_densities};
use crate::compiled::{Compiled, LawPlan, LikelihoodPlan};
use crate::failure::SimulateError;
use crate::lanes::{Frame, Lanes, WIDTH, run};

/// Rows that a thread works out at once.
const ROWS: usize = 1024;

/// The log-likelihood of `data` (one number an observed column, NaN where missing) at each row of
/// `parameters` (one row where the mechanism has none); negative infinity where the simulation
/// failed. Up to a constant where the file says so.
///
/// # Errors
/// Where columns or data do not fit, or the file gives no likelihood and the dynamics are random, a
/// program's, or with latents of more values than can be summed over.
pub fn log_likelihood(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    data: &[f64],
) -> Result<Vec<f64>, SimulateError> {
    if data.len() != compiled.observed_columns().len() {
        return Err(SimulateError::Columns(format!(
            "{} observed numbers given, but the mechanism observes {}",
            data.len(),
            compiled.observed_columns().len()
        )));
    }
    let rows = match check_columns(compiled, parameters)? {
        0 if compiled.priors.is_empty() => 1,
        rows => rows,
    };
    if let Some(plan) = &compiled.likelihood {
        return Ok(written(compiled, plan, parameters, data, rows));
    }
    if matches!(
        compiled.dynamics.law,
        LawPlan::Sde { .. } | LawPlan::Jumps(_) | LawPlan::Program
    ) {
        return Err(SimulateError::Unsupported(
            "a mechanism with random dynamics has no likelihood in closed form".into(),
        ));
    }
    let Some(values) = compiled.mechanism.latent_values() else {
        return Err(SimulateError::Unsupported(
            "the latents have too many values to be summed over".into(),
        ));
    };
    if compiled.latents.is_empty() {
        return log_densities(compiled, parameters, &[], data, rows);
    }
    let mut sum = vec![f64::NEG_INFINITY; rows];
    for latents in &values {
        let densities = log_densities(compiled, parameters, latents, data, rows)?;
        let masses = log_masses(compiled, parameters, latents, rows);
        for ((sum, density), mass) in sum.iter_mut().zip(densities).zip(masses) {
            if mass > f64::NEG_INFINITY {
                *sum = log_sum(*sum, mass + density);
            }
        }
    }
    Ok(sum)
}

/// The log-probability of latents with these values in each row.
fn log_masses(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    latents: &[f64],
    rows: usize,
) -> Vec<f64> {
    let count = parameters.len();
    let mut known = vec![0.0; count];
    known.extend(latents);
    let row = |row: usize| {
        for (to, column) in known.iter_mut().zip(parameters) {
            *to = column[row];
        }
        let inputs = Inputs {
            parameters: &known,
            ..Inputs::default()
        };
        let mut sum = 0.0;
        for ((family, tape), &value) in compiled.latents.iter().zip(latents) {
            sum += family.log_density(&tape.evaluate(&inputs), value);
        }
        if sum.is_nan() { f64::NEG_INFINITY } else { sum }
    };
    (0..rows).map(row).collect()
}

/// ln(exp(a) + exp(b)).
fn log_sum(a: f64, b: f64) -> f64 {
    let (less, more) = if a < b { (a, b) } else { (b, a) };
    if less == f64::NEG_INFINITY {
        return more;
    }
    more + ln(1.0 + exp(less - more))
}

/// The file's own expression; negative infinity where it is not a number.
fn written(
    compiled: &Compiled,
    plan: &LikelihoodPlan,
    parameters: &[Vec<f64>],
    data: &[f64],
    rows: usize,
) -> Vec<f64> {
    let mut values = vec![0.0; rows];
    let output = plan.plan.outputs();
    let ready = || -> Frame<WIDTH> {
        let mut frame = plan.plan.frame(1);
        for (slot, &value) in frame[parameters.len()..].iter_mut().zip(data) {
            *slot = Lanes::all(value);
        }
        frame
    };
    let chunks = values.par_chunks_mut(ROWS).enumerate();
    chunks.for_each_init(ready, |frame, (chunk, values)| {
        for (group, values) in values.chunks_mut(WIDTH).enumerate() {
            let start = chunk * ROWS + group * WIDTH;
            for (slot, column) in frame.iter_mut().zip(parameters) {
                slot.0[..values.len()].copy_from_slice(&column[start..start + values.len()]);
            }
            run(compiled.set, &plan.tape, frame, output);
            for (to, &value) in values.iter_mut().zip(&frame[output].0) {
                *to = if value.is_nan() {
                    f64::NEG_INFINITY
                } else {
                    value
                };
            }
        }
    });
    values
}
