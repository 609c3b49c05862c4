//! What would follow from other priors, by reweighing the posterior's draws.

use gnomon_infer::refine::importance::Weighted;
use gnomon_infer::sensitivity::{Change, under};
use gnomon_infer::{Amortized, Draws};
use gnomon_mechanism::Study;
use gnomon_mechanism::elementary::exp;
use gnomon_report::content::Sensitivity;

use super::quantities::names;

/// Effective draws from which on a changed prior can be judged.
const FEWEST_EFFECTIVE: f64 = 100.0;

/// Each change of each parameter's prior, given the mechanisms' probabilities, their posteriors and
/// the names of the quantities that are asked.
pub(super) fn sensitivity(
    study: &Study,
    amortized: &Amortized,
    probabilities: &[f64],
    given: &[&Draws],
    asked: &[Vec<String>],
) -> Vec<Sensitivity> {
    let mut all = Vec::new();
    for (index, mechanism) in study.mechanisms.iter().enumerate() {
        let own = given[index];
        let places: Vec<usize> = positions(&names(mechanism), &asked[index]);
        for (coordinate, parameter) in amortized.coordinates(index).names().enumerate() {
            for change in Change::ALL {
                let weighted = under(&own.scores, coordinate, change);
                let changed = changed(probabilities, index, weighted.log_evidence);
                let farthest = places
                    .iter()
                    .filter_map(|&place| own.quantities().nth(place))
                    .map(|draws| moved(draws, &weighted))
                    .enumerate()
                    .filter(|(_, shift)| shift.is_finite())
                    .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
                let shared = study.shared.iter().filter_map(|name| {
                    let shift = moved_over_all(
                        study,
                        name,
                        given,
                        probabilities,
                        &changed,
                        (index, &weighted),
                    );
                    Some((name.clone(), shift?))
                });
                all.push(Sensitivity {
                    mechanism: mechanism.name.clone(),
                    parameter: parameter.to_owned(),
                    change: match change {
                        Change::Narrower => "narrower",
                        Change::Wider => "wider",
                        Change::Lower => "lower",
                        Change::Higher => "higher",
                    }
                    .into(),
                    log_evidence: weighted.log_evidence,
                    probability: changed[index],
                    quantity: farthest
                        .map(|(k, _)| names(mechanism)[places[k]].clone())
                        .unwrap_or_default(),
                    shift: farthest.map_or(f64::NAN, |(_, shift)| shift),
                    shared: shared.collect(),
                    reliable: weighted.usable() && weighted.effective >= FEWEST_EFFECTIVE,
                });
            }
        }
    }
    all
}

fn positions(all: &[String], some: &[String]) -> Vec<usize> {
    let place = |name: &String| all.iter().position(|other| other == name);
    some.iter().filter_map(place).collect()
}

/// Mechanism probabilities after one mechanism's evidence has changed.
fn changed(probabilities: &[f64], mechanism: usize, log_evidence: f64) -> Vec<f64> {
    let mass = |(index, &p): (usize, &f64)| {
        if index == mechanism {
            p * exp(log_evidence)
        } else {
            p
        }
    };
    let masses: Vec<f64> = probabilities.iter().enumerate().map(mass).collect();
    let sum: f64 = masses.iter().sum();
    masses.iter().map(|mass| mass / sum).collect()
}

fn mean(draws: &[f64]) -> f64 {
    draws.iter().sum::<f64>() / draws.len() as f64
}

fn weighted_mean(draws: &[f64], weighted: &Weighted) -> f64 {
    draws
        .iter()
        .zip(&weighted.weights)
        .map(|(x, w)| x * w)
        .sum()
}

/// How far the mean of `draws` moves, in their sds.
fn moved(draws: &[f64], weighted: &Weighted) -> f64 {
    let before = mean(draws);
    let square = draws.iter().map(|x| (x - before).powi(2)).sum::<f64>() / draws.len() as f64;
    if square.sqrt() <= 1e-12 * before.abs() {
        // It does not vary: rounding is no movement.
        return f64::NAN;
    }
    (weighted_mean(draws, weighted) - before) / square.sqrt()
}

/// How far the mean of a shared quantity over all mechanisms that declare it moves, in sds of the
/// mixture.
fn moved_over_all(
    study: &Study,
    name: &str,
    given: &[&Draws],
    before: &[f64],
    after: &[f64],
    (changed, weighted): (usize, &Weighted),
) -> Option<f64> {
    let declared: Vec<(usize, &[f64])> = study
        .mechanisms
        .iter()
        .enumerate()
        .filter_map(|(index, mechanism)| {
            let place = names(mechanism).iter().position(|other| other == name)?;
            Some((index, given[index].quantities().nth(place)?))
        })
        .collect();
    let average = |probabilities: &[f64], of: &dyn Fn(usize, &[f64]) -> f64| {
        let total: f64 = declared
            .iter()
            .map(|(index, _)| probabilities[*index])
            .sum();
        let terms = declared
            .iter()
            .map(|(index, draws)| probabilities[*index] * of(*index, draws));
        terms.sum::<f64>() / total
    };
    let first = average(before, &|_, draws| mean(draws));
    let square = average(before, &|_, draws| {
        draws.iter().map(|x| (x - first).powi(2)).sum::<f64>() / draws.len() as f64
    });
    let then = average(after, &|index, draws| {
        if index == changed {
            weighted_mean(draws, weighted)
        } else {
            mean(draws)
        }
    });
    Some((then - first) / square.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_changes_probabilities() {
        let after = changed(&[0.5, 0.5], 1, 3f64.ln());
        assert!((after[0] - 0.25).abs() < 1e-12 && (after[1] - 0.75).abs() < 1e-12);
    }

    #[test]
    fn means_move_in_sds() {
        let draws = [-1.0, 1.0];
        let weighted = Weighted {
            weights: vec![0.25, 0.75],
            log_evidence: 0.0,
            log_evidence_error: 0.0,
            effective: 1.6,
            k_hat: f64::NAN,
        };
        assert!((moved(&draws, &weighted) - 0.5).abs() < 1e-12);
    }
}
