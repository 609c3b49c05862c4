//! Draws as numbers: a posterior's summaries beside its prior's, given each mechanism and over all.

use gnomon_infer::mixture::allocate;
use gnomon_infer::{Amortized, Draws, Summary};
use gnomon_mechanism::model::Parameter;
use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_mechanism::{Family, Mechanism};
use gnomon_report::content;

use crate::context::Context;

/// Draws that a report holds.
const SHOWN_DRAWS: usize = 2_000;
/// A quantity with at most so many values is told value by value.
const FEW: usize = 6;

pub(crate) fn names(mechanism: &Mechanism) -> Vec<String> {
    let parameters = mechanism.parameters.iter().map(|p| p.name.clone());
    parameters
        .chain(mechanism.derived.iter().map(|d| d.name.clone()))
        .collect()
}

pub(super) fn quantities(mechanism: &Mechanism) -> Vec<content::Quantity> {
    let quantity =
        |name: &String, unit: &Option<String>, description: &Option<String>| content::Quantity {
            name: name.clone(),
            unit: unit.clone().unwrap_or_default(),
            description: description.clone().unwrap_or_default(),
            ..content::Quantity::default()
        };
    let parameters = mechanism
        .parameters
        .iter()
        .map(|p| quantity(&p.name, &p.unit, &p.description));
    let derived = mechanism
        .derived
        .iter()
        .map(|d| quantity(&d.name, &d.unit, &d.description));
    parameters.chain(derived).collect()
}

/// Prior draws of a mechanism's quantities: standard normal scores, taken back to parameters.
pub(super) fn prior_draws(
    context: &Context,
    amortized: &Amortized,
    mechanism: usize,
) -> Vec<Vec<f64>> {
    let coordinates = amortized.coordinates(mechanism);
    let mut stream = Stream::new(
        context.seed_for("prior draws"),
        Purpose::PARAMETERS,
        mechanism as u64,
    );
    let scores: Vec<f32> = (0..coordinates.dimension() * SHOWN_DRAWS)
        .map(|_| stream.normal() as f32)
        .collect();
    let mut columns = match coordinates.dimension() {
        0 => coordinates.fixed(SHOWN_DRAWS),
        _ => coordinates.to_parameters(&scores),
    };
    columns.extend(amortized.derived(mechanism, &columns));
    columns
}

pub(super) fn summary(draws: &[f64], prior: &[f64]) -> content::Summary {
    let (own, before) = (Summary::of(draws), Summary::of(prior));
    content::Summary {
        mean: own.mean,
        sd: own.sd,
        median: own.median,
        interval_50: own.interval_50,
        interval_90: own.interval_90,
        interval_95: own.interval_95,
        prior_mean: before.mean,
        prior_sd: before.sd,
        contraction: 1.0 - (own.sd / before.sd).powi(2),
        values: values(draws, prior),
    }
}

/// Every value of a quantity that has at most [`FEW`], and more than one, in the prior; else none.
fn values(draws: &[f64], prior: &[f64]) -> Vec<content::ValueShare> {
    let mut all: Vec<f64> = Vec::new();
    for &value in prior.iter().chain(draws).filter(|x| x.is_finite()) {
        if !all.contains(&value) {
            all.push(value);
        }
        if all.len() > FEW {
            return Vec::new();
        }
    }
    if all.len() < 2 {
        return Vec::new();
    }
    let share = |of: &[f64], value: f64| {
        let finite = of.iter().filter(|x| x.is_finite()).count();
        of.iter().filter(|&&x| x == value).count() as f64 / finite as f64
    };
    let mut values: Vec<content::ValueShare> = all
        .into_iter()
        .map(|value| content::ValueShare {
            value,
            posterior: share(draws, value),
            prior: share(prior, value),
        })
        .collect();
    values.sort_by(|a, b| {
        let by_share = b.posterior.total_cmp(&a.posterior);
        by_share.then(a.value.total_cmp(&b.value))
    });
    values
}

/// The places of the quantities that are shown, among all of a mechanism.
pub(super) fn shown(mechanism: &Mechanism, asked: &[String]) -> Vec<usize> {
    let is_asked = |group: &str, name: &str| asked.iter().any(|a| a == group || a == name);
    // A fixed parameter has no posterior to show, unless others fix it.
    let is_fixed = |p: &Parameter| {
        let value = p.prior.arguments.first();
        p.prior.family == Family::Exact
            && value.is_none_or(|&value| mechanism.graph.as_constant(value).is_some())
    };
    let parameters = mechanism
        .parameters
        .iter()
        .map(|p| !is_fixed(p) && is_asked("parameters", &p.name));
    let derived = mechanism
        .derived
        .iter()
        .map(|d| is_asked("derived", &d.name));
    let shown: Vec<bool> = parameters.chain(derived).collect();
    (0..shown.len()).filter(|&place| shown[place]).collect()
}

pub(super) fn posterior(
    mechanism: &Mechanism,
    asked: &[String],
    own: &Draws,
    prior: &[Vec<f64>],
) -> content::Posterior {
    let columns: Vec<&[f64]> = own.quantities().collect();
    let places = shown(mechanism, asked);
    let every = (columns.first().map_or(0, |c| c.len()) / SHOWN_DRAWS).max(1);
    let all = quantities(mechanism);
    content::Posterior {
        mechanism: mechanism.name.clone(),
        quantities: places.iter().map(|&k| all[k].clone()).collect(),
        summaries: places
            .iter()
            .map(|&k| summary(columns[k], &prior[k]))
            .collect(),
        draws: places
            .iter()
            .map(|&k| {
                columns[k]
                    .iter()
                    .step_by(every)
                    .take(SHOWN_DRAWS)
                    .copied()
                    .collect()
            })
            .collect(),
        prior_draws: places.iter().map(|&k| prior[k].clone()).collect(),
        ..content::Posterior::default()
    }
}

pub(super) fn shared(
    context: &Context,
    name: &str,
    probabilities: &[f64],
    all: &[(Draws, Vec<Vec<f64>>)],
) -> content::SharedQuantity {
    let study = &context.study;
    let mut quantity = content::Quantity::default();
    let mut given = Vec::new();
    let (mut mixture, mut before) = (Vec::new(), Vec::new());
    let declared: Vec<Option<usize>> = study
        .mechanisms
        .iter()
        .map(|m| names(m).iter().position(|n| n == name))
        .collect();
    let weights = |of: &[f64]| -> Vec<f64> {
        of.iter()
            .zip(&declared)
            .map(|(&w, d)| if d.is_some() { w } else { 0.0 })
            .collect()
    };
    let most = all
        .iter()
        .map(|(own, _)| own.parameters.first().map_or(0, Vec::len))
        .max();
    let counts = allocate(&weights(probabilities), most.unwrap_or(0));
    let prior_counts = allocate(&weights(&study.weights), SHOWN_DRAWS);
    for (index, mechanism) in study.mechanisms.iter().enumerate() {
        let Some(place) = declared[index] else {
            continue;
        };
        quantity = quantities(mechanism)[place].clone();
        let (own, prior) = &all[index];
        let Some(draws) = own.quantities().nth(place) else {
            continue;
        };
        mixture.extend(draws.iter().take(counts[index]));
        before.extend(prior[place].iter().take(prior_counts[index]));
        given.push(content::Given {
            mechanism: Some(mechanism.name.clone()),
            summary: summary(draws, &prior[place]),
            prior_interval_90: Summary::of(&prior[place]).interval_90,
        });
    }
    let over_all = content::Given {
        mechanism: None,
        summary: summary(&mixture, &before),
        prior_interval_90: Summary::of(&before).interval_90,
    };
    given.insert(0, over_all);
    content::SharedQuantity { quantity, given }
}

/// How far mechanism probabilities can be trusted.
pub(super) enum Range {
    /// Probabilities by each network of the ensemble.
    Members(Vec<Vec<f64>>),
    /// Standard errors, of probabilities by evidence.
    Error(Vec<f64>),
}

impl Range {
    /// The range of one mechanism's probability, and what it is.
    fn of(&self, mechanism: usize, probability: f64) -> ([f64; 2], String) {
        match self {
            Self::Members(members) if members.len() > 1 => {
                let own = members.iter().map(|member| member[mechanism]);
                (
                    [own.clone().fold(1.0, f64::min), own.fold(0.0, f64::max)],
                    format!("range over {} networks", members.len()),
                )
            }
            Self::Members(_) => ([f64::NAN; 2], String::new()),
            Self::Error(errors) => {
                let error = 1.96 * errors[mechanism];
                let range = [probability - error, probability + error];
                (
                    range.map(|p| p.clamp(0.0, 1.0)),
                    "95 % interval of the refinement's error".into(),
                )
            }
        }
    }
}

/// The study's mechanisms before any answer.
pub(in crate::stage) fn unanswered(context: &Context) -> Vec<content::Mechanism> {
    let mechanisms = context.study.mechanisms.iter().zip(&context.study.weights);
    let before = mechanisms.map(|(mechanism, &prior)| content::Mechanism {
        name: mechanism.name.clone(),
        description: mechanism.description.clone(),
        text: mechanism.text.to_string(),
        prior,
        ..content::Mechanism::default()
    });
    before.collect()
}

pub(super) fn mechanisms(
    context: &Context,
    probabilities: &[f64],
    amortized: &[f64],
    range: &Range,
) -> Vec<content::Mechanism> {
    let study = &context.study;
    let all = study.mechanisms.iter().zip(&study.weights).enumerate();
    all.map(|(index, (mechanism, &prior))| {
        let posterior = probabilities[index];
        let (interval, interval_meaning) = range.of(index, posterior);
        content::Mechanism {
            name: mechanism.name.clone(),
            description: mechanism.description.clone(),
            text: mechanism.text.to_string(),
            prior,
            posterior,
            interval,
            interval_meaning,
            amortized: match range {
                Range::Error(_) if probabilities.len() > 1 => amortized[index],
                _ => f64::NAN,
            },
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_with_few_values_are_told_value_by_value() {
        let few = summary(&[1.0, 1.0, 0.0, 1.0], &[0.0, 1.0]);
        assert_eq!(
            few.by_value().as_deref(),
            Some("1: 75\u{a0}% (prior 50\u{a0}%), 0: 25\u{a0}% (50\u{a0}%)")
        );
        // Many values, and a single one.
        let many: Vec<f64> = (0..10).map(f64::from).collect();
        assert_eq!(summary(&many, &many).by_value(), None);
        assert_eq!(summary(&[2.0; 5], &[2.0; 5]).by_value(), None);
    }
}
