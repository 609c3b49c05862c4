//! Data simulated from the posterior: predictive figures, and checks of the data against them.

use gnomon_examine::ExamineError;
use gnomon_examine::observed::entries::{Entries, Expected};
use gnomon_examine::observed::{About, Check, predictive};
use gnomon_infer::DrawTable;
use gnomon_infer::mixture::allocate;
use gnomon_report::content;

use super::Asked;
use super::prior::{AT_ONCE, predict};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::population::Population;

/// Posterior simulations behind figures and predictive checks, over all mechanisms.
const POSTERIOR_SIMULATIONS: usize = 4_000;
/// The same in a study of several rounds, whose simulations are dear.
const FEWER_SIMULATIONS: usize = 500;
/// Replicates without which the tails of entries are not known.
const FEWEST_REPLICATES: usize = 200;

/// Data simulated from the posterior.
pub(super) struct Replicates {
    /// The given columns of each replicate.
    pub(super) rows: Vec<Vec<f64>>,
    /// The mechanism of each.
    chosen: Vec<usize>,
    /// How many of each mechanism's belong to the mixture.
    counts: Vec<usize>,
}

impl Replicates {
    pub(super) fn new(
        context: &Context,
        population: &Population<'_>,
        asked: &Asked,
    ) -> Result<Self, Failure> {
        let most = match context.study.simulate.rounds {
            1 => POSTERIOR_SIMULATIONS,
            _ => FEWER_SIMULATIONS,
        };
        let counts = allocate(&asked.probabilities, most);
        let seed = context.seed_for("posterior predictive");
        let (mut rows, mut chosen) = (Vec::new(), Vec::new());
        // Each mechanism gets enough for a figure of its own.
        let wanted = |index: usize| counts[index].max(most / 8);
        let total: usize = (0..asked.given.len()).map(wanted).sum();
        let bar = context
            .progress
            .bar("predicting", "simulations", total as u64);
        for (index, own) in asked.given.iter().enumerate() {
            let wanted = wanted(index);
            let draws: Vec<Vec<f64>> = own
                .parameters
                .iter()
                .map(|c| c.iter().take(wanted).copied().collect())
                .collect();
            let count = draws.first().map_or(wanted, Vec::len);
            let numbers: Vec<u64> = (0..count as u64)
                .map(|number| ((index as u64) << 40) | number)
                .collect();
            let places = population.given_places(index);
            for (part, numbers) in numbers.chunks(AT_ONCE).enumerate() {
                interrupt::check()?;
                let begin = part * AT_ONCE;
                let own = |column: &Vec<f64>| column[begin..begin + numbers.len()].to_vec();
                let parameters = draws.iter().map(own).collect();
                let observed = population.observe(index, parameters, seed, numbers)?;
                let given: Vec<&Vec<f64>> = places.iter().map(|&place| &observed[place]).collect();
                for values in rows_of_columns(&given, numbers.len()) {
                    if values.iter().all(|value| value.is_finite()) {
                        rows.push(values);
                        chosen.push(index);
                    }
                }
                bar.inc(numbers.len() as u64);
            }
        }
        bar.finish_and_clear();
        Ok(Self {
            rows,
            chosen,
            counts,
        })
    }

    fn of(&self, mechanism: usize) -> Vec<&[f64]> {
        let all = self.rows.iter().zip(&self.chosen);
        all.filter(|(_, c)| **c == mechanism)
            .map(|(row, _)| row.as_slice())
            .collect()
    }

    /// The replicates of the mixture over mechanisms.
    fn mixture(&self) -> Vec<&[f64]> {
        (0..self.counts.len())
            .flat_map(|index| self.of(index).into_iter().take(self.counts[index]))
            .collect()
    }

    /// The replicates of each mechanism, a column a given entry.
    pub(super) fn table(&self, context: &Context) -> DrawTable {
        let names = context.study.given_columns();
        let mut table = DrawTable::default();
        for (index, mechanism) in context.study.mechanisms.iter().enumerate() {
            let rows = self.of(index);
            let columns: Vec<Vec<f64>> = (0..names.len())
                .map(|entry| rows.iter().map(|row| row[entry]).collect())
                .collect();
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            table.add(&mechanism.name, &names, &columns);
        }
        table
    }

    pub(super) fn predictions(&self, context: &Context) -> Vec<content::Prediction> {
        let mechanisms = &context.study.mechanisms;
        let mut predictions = Vec::new();
        if mechanisms.len() > 1 {
            predictions.extend(predict(context, None, &self.mixture()));
        }
        for (index, mechanism) in mechanisms.iter().enumerate() {
            predictions.extend(predict(context, Some(&mechanism.name), &self.of(index)));
        }
        predictions
    }

    /// Posterior predictive checks on summaries of each given series.
    pub(super) fn checks(&self, context: &Context, data: &[f64]) -> Result<Vec<Check>, Failure> {
        let mixture = self.mixture();
        let (mut names, mut observed) = (Vec::new(), Vec::new());
        let mut replicated = vec![Vec::new(); mixture.len()];
        let mut first = 0;
        for series in &context.study.given {
            let end = first + series.times.len();
            let seen: Vec<usize> = (first..end)
                .filter(|&entry| !data[entry].is_nan())
                .collect();
            let pick = |row: &[f64]| seen.iter().map(|&entry| row[entry]).collect::<Vec<f64>>();
            let own = summaries(&pick(data));
            let all: Vec<Vec<f64>> = mixture.iter().map(|row| summaries(&pick(row))).collect();
            for (position, value) in own.iter().enumerate() {
                let defined = all.iter().all(|summary| summary[position].is_finite());
                if !defined || !value.is_finite() {
                    continue;
                }
                names.push(summary_name(&series.name, seen.len(), position));
                observed.push(*value);
                for (row, summary) in replicated.iter_mut().zip(&all) {
                    row.push(summary[position]);
                }
            }
            first = end;
        }
        let wrong = |error| Failure::damaged(error, "learn anew");
        let checks = predictive::checks(&names, &observed, &replicated.concat());
        let mut checks = checks.map_err(wrong)?;
        checks.extend(entry_by_entry(&mixture, data).map_err(wrong)?);
        Ok(checks)
    }
}

/// The check of every entry among replicates; none where these are too few to tell.
fn entry_by_entry(mixture: &[&[f64]], data: &[f64]) -> Result<Option<Check>, ExamineError> {
    // Every second one, so that both halves have their share of each mechanism.
    let every_second = |from: usize| -> Vec<f64> {
        mixture
            .iter()
            .skip(from)
            .step_by(2)
            .copied()
            .flatten()
            .copied()
            .collect()
    };
    if mixture.len() < FEWEST_REPLICATES {
        return Ok(None);
    }
    let expected = Expected::BySimulations;
    let entries = Entries::new(&every_second(0), &every_second(1), data.len(), expected)?;
    let name = "an entry among replicates";
    entries.check(name, About::Posterior, data).map(Some)
}

/// Columns as rows.
fn rows_of_columns<'a>(
    columns: &'a [&Vec<f64>],
    rows: usize,
) -> impl Iterator<Item = Vec<f64>> + 'a {
    (0..rows).map(|row| columns.iter().map(|column| column[row]).collect())
}

/// The summaries of a series that predictive checks compare; of a short one, its entries.
fn summaries(series: &[f64]) -> Vec<f64> {
    if series.len() < 4 {
        series.to_vec()
    } else {
        predictive::series_summaries(series).to_vec()
    }
}

fn summary_name(series: &str, length: usize, position: usize) -> String {
    match length {
        1 => series.to_owned(),
        2 | 3 => format!("{series}, entry {}", position + 1),
        _ => format!("{series}, {}", predictive::SERIES_SUMMARIES[position]),
    }
}
