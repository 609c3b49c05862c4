//! Errors of the answers to the test data sets, for the claims that a study makes of its own.

use gnomon_examine::calibration::{Accuracy, Errors};
use gnomon_infer::summary::quantile;
use gnomon_mechanism::Study;
use gnomon_mechanism::study::Target;

use super::pool::{OfMechanism, OfMixture, OfUnseen, Tests};
use crate::context::Context;

/// The errors of every claim, which are in the order of the study's own.
pub(super) fn of<'a>(tests: &Tests, context: &Context, claimed: &'a [Accuracy]) -> Vec<Errors<'a>> {
    let study = &context.study;
    let own = study.claims.accuracy.iter().zip(claimed);
    own.map(|(accuracy, claimed)| {
        let (answers, without) = match &accuracy.target {
            Target::Mechanism => of_mechanisms(&tests.mixture, study),
            Target::Shared(name) => {
                let mut shared = tests.mixture.shared.iter();
                let found = shared.find(|(other, ..)| other == name);
                found.map_or_else(Default::default, |(_, truths, draws)| {
                    of_quantity(truths, draws.chunks_exact(study.claims.draws))
                })
            }
            Target::Given { mechanism, name } => {
                let mut given = tests.given.iter();
                let found = given.find(|(place, _)| place == mechanism);
                found.map_or_else(Default::default, |(_, own)| {
                    of_given(own, name, study.claims.draws)
                })
            }
            Target::Unseen(place) => of_series(
                &tests.mixture.unseen[*place],
                study.unseen[*place].times.len(),
                &tests.mixture.levels,
            ),
        };
        Errors {
            claimed,
            answers,
            without,
        }
    })
    .collect()
}

/// Errors of the answers, and of what the prior alone would say.
type Both = (Vec<f64>, Vec<f64>);

/// 1 where the most probable mechanism is not the true one.
fn of_mechanisms(mixture: &OfMixture, study: &Study) -> Both {
    let before = largest(&study.weights);
    let wrong = |told: usize, truth: usize| f64::from(u8::from(told != truth));
    let each = mixture.probabilities.chunks_exact(study.weights.len());
    let answers = each.zip(&mixture.truths);
    (
        answers
            .map(|(probabilities, &truth)| wrong(largest(probabilities), truth))
            .collect(),
        mixture.truths.iter().map(|&t| wrong(before, t)).collect(),
    )
}

fn largest(probabilities: &[f64]) -> usize {
    let all = probabilities.iter().enumerate();
    all.max_by(|a, b| a.1.total_cmp(b.1))
        .map_or(0, |(place, _)| place)
}

/// How far the medians of draws are off: infinitely where there is none.
fn of_quantity<'a>(truths: &[f64], draws: impl Iterator<Item = &'a [f64]>) -> Both {
    let prior = median(truths.to_vec());
    (
        truths
            .iter()
            .zip(draws)
            .map(|(truth, own)| match (median(own.to_vec()) - truth).abs() {
                off if off.is_nan() => f64::INFINITY,
                off => off,
            })
            .collect(),
        truths.iter().map(|truth| (prior - truth).abs()).collect(),
    )
}

fn of_given(own: &OfMechanism, name: &str, draws: usize) -> Both {
    let Some(place) = own.names.iter().position(|other| other == name) else {
        return Both::default();
    };
    let column = |values: &[f64]| -> Vec<f64> {
        let own = values[place..].iter().step_by(own.names.len());
        own.copied().collect()
    };
    of_quantity(&column(&own.truths), column(&own.draws).chunks_exact(draws))
}

/// How far the medians of a series are off, on average over the entries that are there; data sets without any
/// are left out.
fn of_series(own: &OfUnseen, entries: usize, levels: &[f64]) -> Both {
    let half = levels.iter().position(|level| (level - 0.5).abs() < 1e-9);
    let Some(half) = half else {
        return Both::default();
    };
    let prior: Vec<f64> = (0..entries)
        .map(|entry| {
            let column = own.truths.iter().skip(entry).step_by(entries);
            median(column.copied().collect())
        })
        .collect();
    let quantiles = own.quantiles.chunks_exact(entries * levels.len());
    let mut both = Both::default();
    for (truths, quantiles) in own.truths.chunks_exact(entries).zip(quantiles) {
        let known: Vec<usize> = (0..entries).filter(|&k| !truths[k].is_nan()).collect();
        if known.is_empty() {
            continue;
        }
        let mean = |told: &dyn Fn(usize) -> f64| {
            let off = known.iter().map(|&k| (told(k) - truths[k]).abs());
            off.sum::<f64>() / known.len() as f64
        };
        both.0.push(mean(&|k| quantiles[k * levels.len() + half]));
        both.1.push(mean(&|k| prior[k]));
    }
    both
}

/// The median of the numbers that are finite.
fn median(mut values: Vec<f64>) -> f64 {
    values.retain(|x| x.is_finite());
    values.sort_unstable_by(f64::total_cmp);
    quantile(&values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_off_by_the_mean_over_the_entries_that_are_there() {
        // Two entries, three data sets, three levels of which the second is the median.
        let own = OfUnseen {
            truths: vec![1.0, 5.0, 3.0, f64::NAN, f64::NAN, f64::NAN],
            quantiles: [
                [0.0, 2.0, 4.0],
                [0.0, 2.0, 9.0],
                [0.0, 3.0, 9.0],
                [0.0, 0.0, 0.0],
                [0.0, 0.0, 0.0],
                [0.0, 0.0, 0.0],
            ]
            .concat(),
        };
        let (answers, without) = of_series(&own, 2, &[0.1, 0.5, 0.9]);
        assert_eq!(answers, [2.0, 0.0]);
        // Medians of the true entries: 2 and 5.
        assert_eq!(without, [0.5, 1.0]);
    }

    #[test]
    fn quantities_are_off_by_their_medians() {
        let draws = [[0.0, 1.0, 5.0], [2.0, 2.0, 3.0]];
        let both = of_quantity(&[1.0, 5.0], draws.iter().map(<[f64; 3]>::as_slice));
        assert_eq!(both, (vec![0.0, 3.0], vec![2.0, 2.0]));
        let none = of_quantity(&[1.0], std::iter::once([f64::NAN; 3].as_slice()));
        assert_eq!(none.0, [f64::INFINITY]);
    }
}
