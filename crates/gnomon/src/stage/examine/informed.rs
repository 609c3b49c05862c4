//! How much data of a study's kind tell: about quantities by their variance, about series that are not given by
//! the widths of their intervals.

use gnomon_infer::summary::column_quantiles;
use gnomon_report::content;

use super::pool::{OfMechanism, Tests};
use crate::context::Context;

/// How much the data sets tell about each quantity on average: 1 - the mean posterior variance over
/// the variance of all draws together, which is the prior's where the answers are calibrated.
pub(super) fn contractions(tests: &Tests, context: &Context) -> Vec<content::Contraction> {
    let study = &context.study;
    let of = |(mechanism, own): &(usize, OfMechanism)| {
        let name = &study.mechanisms[*mechanism].name;
        let width = own.names.len();
        let all = own.names.iter().enumerate().map(|(place, quantity)| {
            let column = |values: &[f64]| -> Vec<f64> {
                values[place..].iter().step_by(width).copied().collect()
            };
            let draws = column(&own.draws);
            let each = draws.chunks_exact(study.claims.draws).map(variance);
            let mean = each.sum::<f64>() / own.log_q_truth.len() as f64;
            content::Contraction {
                mechanism: name.clone(),
                quantity: quantity.clone(),
                average: 1.0 - mean / variance(&draws),
            }
        });
        all.collect::<Vec<_>>()
    };
    tests.given.iter().flat_map(of).collect()
}

/// The prior of each series that is not given, and how much narrower than it the answers are.
pub(super) fn unseen_priors(tests: &Tests, context: &Context) -> Vec<content::UnseenPrior> {
    let levels = &tests.mixture.levels;
    let end = |level: f64| levels.iter().position(|other| (other - level).abs() < 1e-9);
    let (Some(low), Some(high)) = (end(0.05), end(0.95)) else {
        return Vec::new();
    };
    let parts = context.study.unseen.iter().zip(&tests.mixture.unseen);
    parts
        .map(|(part, own)| {
            let entries = part.times.len();
            let rows: Vec<Vec<f64>> = own
                .truths
                .chunks_exact(entries)
                .map(<[f64]>::to_vec)
                .collect();
            let quantiles = column_quantiles(&rows, levels);
            let widths = |entry: usize| {
                let answers = own.quantiles.chunks_exact(levels.len());
                let answers = answers.skip(entry).step_by(entries);
                answers
                    .map(|answer| answer[high] - answer[low])
                    .sum::<f64>()
                    / rows.len() as f64
            };
            let average = |entry: usize| {
                1.0 - widths(entry) / (quantiles[high][entry] - quantiles[low][entry])
            };
            content::UnseenPrior {
                label: part.label.clone(),
                average: (0..entries).map(average).collect(),
                levels: levels.clone(),
                quantiles,
            }
        })
        .collect()
}

fn variance(x: &[f64]) -> f64 {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)
}
