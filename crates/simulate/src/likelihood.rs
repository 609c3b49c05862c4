//! Log-likelihoods of data: the file's own expression, or the densities of what is observed where
//! the dynamics are not random, or have one noisy state ([`filter`]), summed over latents that have few values.

use gnomon_mechanism::elementary::{exp, ln};
use gnomon_mechanism::expression::Inputs;
use rayon::prelude::*;

use crate::acceptance::broken;
use crate::batch::{check_columns, log_densities};
use crate::compiled::{Compiled, LawPlan, SeenPlan};
use crate::failure::SimulateError;
use crate::filter;
use crate::lanes::{Frame, InstructionSet, Lanes, WIDTH, run};

/// Rows that a thread works out at once.
const ROWS: usize = 1024;

/// The log-likelihood of `data` (one number an observed column, NaN where missing) at each row of
/// `parameters` (one row where the mechanism has none); negative infinity where the simulation
/// failed or is not accepted. Up to a constant where the file says so.
///
/// # Errors
/// Where columns or data do not fit, or the file gives no likelihood and the dynamics are random with more
/// than one noisy state, a program's, or with latents of more values than can be summed over.
pub fn log_likelihood(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    data: &[f64],
) -> Result<Vec<f64>, SimulateError> {
    of_accepted(compiled, parameters, data, filter::log_densities)
}

/// An approximation of the log-likelihood where one state is noisy, hundreds of times as fast: the state's
/// density is taken as normal. Otherwise as [`log_likelihood`]; negative infinity, too, where the approximation fails.
///
/// # Errors
/// As [`log_likelihood`].
pub fn approximate_log_likelihood(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    data: &[f64],
) -> Result<Vec<f64>, SimulateError> {
    of_accepted(
        compiled,
        parameters,
        data,
        filter::approximate_log_densities,
    )
}

/// Log-densities of data at rows of parameters, with latents of these values.
type Densities =
    fn(&Compiled, &[Vec<f64>], &[f64], &[f64], usize) -> Result<Vec<f64>, SimulateError>;

/// With `of_noisy` for a noisy state.
fn of_accepted(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    data: &[f64],
    of_noisy: Densities,
) -> Result<Vec<f64>, SimulateError> {
    check_data(compiled, data)?;
    let rows = match check_columns(compiled, parameters)? {
        0 if compiled.priors.is_empty() => 1,
        rows => rows,
    };
    let mut logs = of_all(compiled, parameters, data, rows, of_noisy)?;
    rule_out(compiled, parameters, data, &mut logs);
    Ok(logs)
}

/// Parameters whose simulations are never accepted, or under which these data are not, are impossible.
pub(crate) fn rule_out(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    data: &[f64],
    logs: &mut [f64],
) {
    let observed: Vec<Vec<f64>> = data.iter().map(|&value| vec![value]).collect();
    let broken = broken(compiled, parameters, &observed, logs.len());
    for (log, rule) in logs.iter_mut().zip(broken) {
        if rule.is_some() {
            *log = f64::NEG_INFINITY;
        }
    }
}

/// The same for simulations of which all are accepted.
fn of_all(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    data: &[f64],
    rows: usize,
    of_noisy: Densities,
) -> Result<Vec<f64>, SimulateError> {
    if let Some(plan) = &compiled.likelihood {
        let [mut log] = of_written(compiled.set, plan, parameters, data, rows)
            .try_into()
            .unwrap_or_else(|_| [Vec::new()]);
        for value in log.iter_mut().filter(|value| value.is_nan()) {
            *value = f64::NEG_INFINITY;
        }
        return Ok(log);
    }
    let densities = match compiled.dynamics.law {
        LawPlan::Jumps(_) | LawPlan::Leaps(_) | LawPlan::Program => {
            return Err(SimulateError::Unsupported(
                "a jump process or a program has no likelihood that can be worked out".into(),
            ));
        }
        LawPlan::Sde { .. } => of_noisy,
        LawPlan::Static | LawPlan::Ode(_) | LawPlan::Map { .. } | LawPlan::Response(_) => {
            log_densities
        }
    };
    let Some(values) = compiled.mechanism.latent_values() else {
        return Err(SimulateError::Unsupported(
            "the latents have too many values to be summed over".into(),
        ));
    };
    if compiled.latents.is_empty() {
        return densities(compiled, parameters, &[], data, rows);
    }
    let mut sum = vec![f64::NEG_INFINITY; rows];
    for latents in &values {
        let logs = densities(compiled, parameters, latents, data, rows)?;
        let masses = log_masses(compiled, parameters, latents, rows);
        for ((sum, density), mass) in sum.iter_mut().zip(logs).zip(masses) {
            if mass > f64::NEG_INFINITY {
                *sum = log_sum(*sum, mass + density);
            }
        }
    }
    Ok(sum)
}

/// Refuses data that are not one number an observed column.
pub(crate) fn check_data(compiled: &Compiled, data: &[f64]) -> Result<(), SimulateError> {
    let columns = compiled.observed_columns().len();
    if data.len() == columns {
        return Ok(());
    }
    Err(SimulateError::Columns(format!(
        "{} observed numbers given, but the mechanism observes {columns}",
        data.len()
    )))
}

/// The log-probability of latents with these values in each row.
pub(crate) fn log_masses(
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

/// The values of the plan's expressions of the file's own likelihood: one column each.
pub(crate) fn of_written(
    set: InstructionSet,
    plan: &SeenPlan,
    parameters: &[Vec<f64>],
    data: &[f64],
    rows: usize,
) -> Vec<Vec<f64>> {
    let outputs = plan.plan.outputs();
    let count = plan.tape.outputs();
    let ready = || -> Frame<WIDTH> {
        let mut frame = plan.plan.frame(count);
        for (slot, &value) in frame[parameters.len()..].iter_mut().zip(data) {
            *slot = Lanes::all(value);
        }
        frame
    };
    let chunks = (0..rows.div_ceil(ROWS)).into_par_iter();
    let parts = chunks.map_init(ready, |frame, chunk| {
        let mut columns = vec![Vec::with_capacity(ROWS); count];
        let all = chunk * ROWS..rows.min((chunk + 1) * ROWS);
        for start in all.clone().step_by(WIDTH) {
            let lanes = WIDTH.min(all.end - start);
            for (slot, column) in frame.iter_mut().zip(parameters) {
                slot.0[..lanes].copy_from_slice(&column[start..start + lanes]);
            }
            run(set, &plan.tape, frame, outputs);
            for (column, values) in columns.iter_mut().zip(&frame[outputs..]) {
                column.extend_from_slice(&values.0[..lanes]);
            }
        }
        columns
    });
    let parts: Vec<Vec<Vec<f64>>> = parts.collect();
    let column = |k: usize| parts.iter().flat_map(|part| &part[k]).copied().collect();
    (0..count).map(column).collect()
}
