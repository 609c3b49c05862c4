//! Evidences of the mechanisms at many data sets, and their probabilities by them.

use gnomon_infer::refine::{Evidence, NEVER_LATE, Problem};
use gnomon_infer::{Amortized, DrawTable, InferError};
use gnomon_mechanism::elementary::exp;
use rayon::prelude::*;

use super::refinement::{incomparable, not_observed};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::population::Population;

/// Data sets between two looks at the interrupt flag.
const AT_ONCE: usize = 16;
/// Likelihoods that one evidence may take.
const BUDGET: u64 = 1_000_000;

/// Adds to a table with a row for each data set (one column a given entry) the ln evidence of each mechanism
/// and its standard error, NaN where its weights cannot be trusted, and the mechanisms' probabilities by them.
///
/// # Errors
/// Where a mechanism has no likelihood that can be worked out, or those of different ones cannot be compared; and
/// where the user interrupts.
pub fn add_evidences(
    context: &Context,
    population: &Population<'_>,
    amortized: &Amortized,
    data: &[Vec<f64>],
    table: &mut DrawTable,
) -> Result<(), Failure> {
    let study = &context.study;
    let refused = |name: &str, why: String| {
        Err(Failure::refused(
            format!("{name} has no evidence: {why}"),
            "leave `--refine` out",
        ))
    };
    for mechanism in &study.mechanisms {
        if let Some(why) = mechanism.no_likelihood(&study.given_names()) {
            return refused(&mechanism.name, why);
        }
    }
    if let Some(why) = incomparable(study) {
        return refused("a mechanism", why);
    }
    let count = study.mechanisms.len();
    let places: Vec<Vec<usize>> = (0..count).map(|m| population.given_places(m)).collect();
    let seed = context.seed_for("evidences");
    let one = |row: usize| -> Result<Vec<Option<Evidence>>, Failure> {
        let values: Vec<f64> = data.iter().map(|column| column[row]).collect();
        let wrong = |error| Failure::damaged(error, "learn anew");
        let given = amortized.standardise(&values).map_err(wrong)?;
        let of = |mechanism: usize| {
            let mut own = vec![f64::NAN; study.mechanisms[mechanism].observed_count()];
            for (&place, &value) in places[mechanism].iter().zip(&values) {
                own[place] = value;
            }
            if not_observed(&study.mechanisms[mechanism], &own).is_some() {
                return Ok(None);
            }
            let problem = Problem {
                amortized,
                mechanism,
                compiled: population.compiled(mechanism),
                given: &given,
                data: &own,
                particles: None,
                budget: BUDGET,
                confirm: false,
                stop: interrupt::flag(),
                late: NEVER_LATE,
            };
            match problem.evidence(seed.wrapping_add(row as u64)) {
                Ok(evidence) => Ok(Some(evidence)),
                Err(InferError::Interrupted) => Err(Failure::Interrupted),
                Err(InferError::Simulate(error)) => Err(Failure::simulation(error)),
                Err(_) => Ok(None),
            }
        };
        (0..count).map(of).collect()
    };
    let rows = data.first().map_or(0, Vec::len);
    let bar = context.progress.bar("weighing", "data sets", rows as u64);
    let mut all = Vec::with_capacity(rows);
    for first in (0..rows).step_by(AT_ONCE) {
        interrupt::check()?;
        let chunk = first..rows.min(first + AT_ONCE);
        let number = chunk.len() as u64;
        let found = chunk
            .into_par_iter()
            .map(one)
            .collect::<Result<Vec<_>, _>>()?;
        all.extend(found);
        bar.inc(number);
    }
    bar.finish_and_clear();
    let mut columns: Vec<Vec<Vec<f64>>> = vec![vec![Vec::new(); 3]; count];
    for own in &all {
        let probabilities = probabilities(&study.weights, own);
        for (mechanism, evidence) in own.iter().enumerate() {
            let (log, error) = evidence.map_or((f64::NAN, f64::NAN), |evidence| {
                let error = if evidence.is_settled {
                    evidence.error
                } else {
                    f64::NAN
                };
                (evidence.log, error)
            });
            for (column, value) in
                columns[mechanism]
                    .iter_mut()
                    .zip([log, error, probabilities[mechanism]])
            {
                column.push(value);
            }
        }
    }
    for (mechanism, columns) in study.mechanisms.iter().zip(columns) {
        let names = [
            "log_evidence",
            "log_evidence_error",
            "probability_by_evidence",
        ];
        for (name, column) in names.iter().zip(columns) {
            table.names.push(format!("{name}_{}", mechanism.name));
            table.columns.push(column);
        }
    }
    Ok(())
}

/// By evidences; NaN where one is not known.
fn probabilities(weights: &[f64], evidences: &[Option<Evidence>]) -> Vec<f64> {
    let logs: Option<Vec<f64>> = evidences.iter().map(|e| e.map(|e| e.log)).collect();
    let Some(logs) = logs else {
        return vec![f64::NAN; weights.len()];
    };
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let masses = logs.iter().zip(weights);
    let masses: Vec<f64> = masses
        .map(|(log, weight)| weight * exp(log - largest))
        .collect();
    let sum: f64 = masses.iter().sum();
    masses.iter().map(|mass| mass / sum).collect()
}
