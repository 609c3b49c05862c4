//! What the mechanisms produce before anything is learned.

use gnomon_bank::Bank;
use gnomon_infer::summary::column_quantiles;
use gnomon_report::content;

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::population::Population;

/// Prior simulations behind figures and typicality, half of them as reference.
const PRIOR_SIMULATIONS: u64 = 4_000;
/// Simulations between two looks at the clock.
pub(super) const AT_ONCE: usize = 500;
/// Sampled trajectories that a figure holds.
const SHOWN_TRAJECTORIES: usize = 20;
/// Quantile levels of predictive ribbons.
const LEVELS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// Prior simulations of the study's mixture.
pub(crate) struct PriorRows {
    /// The mechanism of each row that succeeded.
    pub(crate) chosen: Vec<usize>,
    /// The given columns, one row after the other.
    pub(crate) given: Vec<f64>,
}

/// Fresh simulations of the study's mixture.
///
/// # Errors
/// Where a simulator cannot be run, or the user interrupts.
pub(crate) fn prior_rows(
    context: &Context,
    population: &Population<'_>,
) -> Result<PriorRows, Failure> {
    let seed = context.seed_for("prior predictive");
    let schema = population.schema(seed);
    let places: Vec<usize> = context
        .study
        .given_columns()
        .iter()
        .filter_map(|name| schema.position(name))
        .collect();
    let (mut given, mut chosen) = (Vec::new(), Vec::new());
    let bar = context
        .progress
        .bar("drawing from the prior", "simulations", PRIOR_SIMULATIONS);
    let numbers: Vec<u64> = (0..PRIOR_SIMULATIONS).collect();
    for numbers in numbers.chunks(AT_ONCE) {
        interrupt::check()?;
        let rows = population.rows(seed, numbers)?;
        for row in (0..rows.len()).filter(|&row| rows.failure[row].is_none()) {
            given.extend(places.iter().map(|&place| rows.columns[place][row]));
            chosen.push(rows.mechanism[row] as usize);
        }
        bar.inc(numbers.len() as u64);
    }
    bar.finish_and_clear();
    Ok(PriorRows { chosen, given })
}

/// The same from a bank whose simulations are from the prior.
pub(super) fn known_rows(context: &Context, bank: &Bank) -> Result<PriorRows, Failure> {
    let names = context.study.given_columns();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let table = bank.read_columns(&names)?;
    let rows = &table.rows;
    let succeeded = (0..rows.len()).filter(|&row| rows.failure[row].is_none());
    let kept: Vec<usize> = succeeded.take(PRIOR_SIMULATIONS as usize).collect();
    let given = kept
        .iter()
        .flat_map(|&row| rows.columns.iter().map(move |column| column[row]));
    Ok(PriorRows {
        given: given.collect(),
        chosen: kept
            .iter()
            .map(|&row| rows.mechanism[row] as usize)
            .collect(),
    })
}

pub(super) fn prior_predictive(context: &Context, prior: &PriorRows) -> Vec<content::Prediction> {
    let width = context.study.given_columns().len();
    let mut predictions = Vec::new();
    for (index, mechanism) in context.study.mechanisms.iter().enumerate() {
        let rows: Vec<&[f64]> = prior
            .given
            .chunks_exact(width)
            .zip(&prior.chosen)
            .filter(|(_, chosen)| **chosen == index)
            .map(|(row, _)| row)
            .collect();
        predictions.extend(predict(context, Some(&mechanism.name), &rows));
    }
    predictions
}

/// One prediction a given series.
pub(super) fn predict(
    context: &Context,
    mechanism: Option<&str>,
    rows: &[&[f64]],
) -> Vec<content::Prediction> {
    let mut first = 0;
    let mut predictions = Vec::new();
    for series in &context.study.given {
        let end = first + series.times.len();
        let own: Vec<Vec<f64>> = rows.iter().map(|row| row[first..end].to_vec()).collect();
        predictions.push(content::Prediction {
            mechanism: mechanism.map(str::to_owned),
            series: series.name.clone(),
            times: series.times.clone(),
            levels: LEVELS.to_vec(),
            quantiles: column_quantiles(&own, &LEVELS),
            samples: own.into_iter().take(SHOWN_TRAJECTORIES).collect(),
        });
        first = end;
    }
    predictions
}
