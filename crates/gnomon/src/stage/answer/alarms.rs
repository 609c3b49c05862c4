//! Whether the data speak against the mechanisms or the posterior, and what that means.

use gnomon_examine::observed::typicality::{self, Distance};
use gnomon_examine::observed::{About, Check, Observed};
use gnomon_infer::Amortized;
use gnomon_report::content;

use super::Answer;
use super::prior::PriorRows;
use crate::failure::Failure;

/// The probability of any false alarm about the observed data.
const ALARM_RATE: f64 = 0.01;
/// Which nearest neighbour a distance between data sets is taken to.
const NEIGHBOUR: usize = 10;

/// Whether the data lie within what the mechanisms produce: distances in the networks' features, and
/// between standardised data sets. Without `fresh` simulations the features would know them: then only
/// the latter.
pub(super) fn typicality_checks(
    amortized: &Amortized,
    data: &[f64],
    prior: &PriorRows,
    fresh: bool,
) -> Result<Vec<Check>, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::damaged(error, "learn anew");
    let width = data.len();
    let mut simulated = prior.given.clone();
    for row in simulated.chunks_exact_mut(width) {
        // Simulations lack what the data lack, so that the distances compare like with like.
        for (entry, value) in row.iter_mut().zip(data) {
            if value.is_nan() {
                *entry = f64::NAN;
            }
        }
    }
    simulated.extend_from_slice(data);
    let given = amortized.standardise(&simulated).map_err(|e| wrong(&e))?;
    let (features, count) = amortized.features(&given).map_err(|e| wrong(&e))?;
    let columns: Vec<f64> = given.values().iter().map(|&x| f64::from(x)).collect();
    let mut checks = Vec::new();
    for (name, values, d, distance) in [
        (
            "distance in the network's features",
            features,
            count,
            Distance::Mahalanobis,
        ),
        (
            "distance between data sets",
            columns,
            given.columns(),
            Distance::Neighbour(NEIGHBOUR),
        ),
    ] {
        let (values, d) = varying(&values, d);
        if d == 0 || (!fresh && matches!(distance, Distance::Mahalanobis)) {
            continue;
        }
        let simulations = prior.chosen.len();
        let half = simulations / 2 * d;
        let (reference, rest) = values.split_at(half);
        let (held_out, observed) = rest.split_at((simulations - simulations / 2) * d);
        let check = typicality::check(name, observed, reference, held_out, distance);
        checks.push(check.map_err(|e| wrong(&e))?);
    }
    Ok(checks)
}

/// The columns that differ somewhere: a constant one has no scale.
fn varying(values: &[f64], columns: usize) -> (Vec<f64>, usize) {
    let differs = |column: usize| {
        let first = values[column];
        values.chunks_exact(columns).any(|row| row[column] != first)
    };
    let kept: Vec<usize> = (0..columns).filter(|&column| differs(column)).collect();
    let rows = values.chunks_exact(columns);
    (
        rows.flat_map(|row| kept.iter().map(|&k| row[k])).collect(),
        kept.len(),
    )
}

/// Weighs all checks together and says what they mean.
pub(super) fn weigh(answer: &mut Answer, checks: Vec<Check>) {
    let weighed = Observed::new(checks, ALARM_RATE);
    for (check, &raised) in weighed.checks.iter().zip(&weighed.alarms) {
        let words = match (check.about, raised) {
            (About::Mechanisms, false) => "the mechanisms produce data like these",
            (About::Mechanisms, true) => "the mechanisms hardly ever produce data like these",
            (About::Posterior, false) => "the posterior reproduces it",
            (About::Posterior, true) => "the posterior does not reproduce it",
        };
        answer.alarms.push(content::Alarm {
            name: check.name.clone(),
            p_value: check.p_value,
            raised,
            words: words.into(),
        });
        if check.about == About::Mechanisms {
            answer.typicality.push(content::Typicality {
                name: check.name.clone(),
                distances: check.replicates.clone(),
                observed: check.observed,
                p_value: check.p_value,
            });
        }
    }
    if weighed.alarms.contains(&true) {
        answer.sentence = format!(
            "{} What follows is what the networks say nevertheless: {}",
            weighed.statement, answer.sentence
        );
        answer.warning = Some(weighed.statement);
    }
}
