//! Tests of accuracy with random points (TARP, Lemos et al. 2023): the share of draws nearer to a
//! reference point than the truth is uniform, when the point depends on the data only.
//!
//! A reference point that ignored the data could not tell the prior from the posterior, so it is a
//! random linear function of the data. Location and scale of each parameter come from one draw a
//! data set, which takes no part in the ranks: so truth and draws stay exchangeable exactly.

use super::{About, GivenMechanism, Settings, Statistic, stream};
use crate::curve;
use gnomon_claim::uniformity::randomised_rank;
use gnomon_claim::{Assertion, Claim, Family, Inputs};

pub(super) fn claim(mechanism: &str, settings: &Settings) -> Claim {
    settings.claim(
        format!("TARP coverage given {mechanism}"),
        format!(
            "Balls around any point, drawn so that the posterior given {mechanism} puts a stated \
             probability in them, hold the true parameters that often, to within {:.0} percentage \
             points.",
            100.0 * settings.rank_tolerance
        ),
        Family::Coverage,
        "share of draws nearer to a reference point than the truth, in (0, 1)",
        Assertion::UniformWithin {
            tolerance: settings.rank_tolerance,
        },
    )
}

pub(super) fn statistic(
    given: &GivenMechanism<'_>,
    settings: &Settings,
    seed: u64,
    index: u64,
) -> Statistic {
    let (n, p, l) = (
        given.data_sets(),
        given.parameters.len(),
        given.draws_per_set(),
    );
    let set_aside: Vec<f64> = given
        .draws
        .chunks_exact(l * p)
        .flat_map(|draws| draws[..p].iter().copied())
        .collect();
    let parameter_scales = scales(&set_aside, p);
    let d = given.data.len() / n.max(1);
    let data_scales = scales(given.data, d);
    // One direction in data space a parameter, of unit length on average.
    let mut weights_stream = stream(seed, 4, index, 0, 0);
    let weights: Vec<f64> = (0..p * d)
        .map(|_| weights_stream.normal() / (d as f64).sqrt())
        .collect();

    let ranks: Vec<f64> = (0..n)
        .map(|i| {
            let data = standardised(&given.data[i * d..(i + 1) * d], &data_scales);
            let reference: Vec<f64> = weights
                .chunks_exact(d)
                .map(|w| w.iter().zip(&data).map(|(w, x)| w * x).sum())
                .collect();
            let distance = |theta: &[f64]| -> f64 {
                let theta = standardised(theta, &parameter_scales);
                theta
                    .iter()
                    .zip(&reference)
                    .map(|(t, r)| (t - r).powi(2))
                    .sum()
            };
            let draws = &given.draws[i * l * p + p..(i + 1) * l * p];
            randomised_rank(
                distance(&given.truths[i * p..(i + 1) * p]),
                draws.chunks_exact(p).map(distance),
                &mut stream(seed, 5, index, 0, i),
            )
        })
        .collect();
    Statistic {
        claim: claim(given.mechanism, settings),
        about: About::new(Some(given.mechanism), Some("TARP")),
        curve: Some(curve::coverage(&ranks, settings.rank_tolerance)),
        inputs: Inputs::Numbers(ranks),
        rests_on: Vec::new(),
    }
}

/// Median and interquartile range of each column: heavy tails must not set the scale.
fn scales(rows: &[f64], width: usize) -> Vec<[f64; 2]> {
    (0..width)
        .map(|column| {
            let mut values: Vec<f64> = rows
                .iter()
                .skip(column)
                .step_by(width)
                .copied()
                .filter(|x| x.is_finite())
                .collect();
            values.sort_unstable_by(f64::total_cmp);
            let at = |share: f64| {
                let i = (share * values.len() as f64) as usize;
                values.get(i).copied().unwrap_or(0.0)
            };
            let spread = at(0.75) - at(0.25);
            [at(0.5), if spread > 0.0 { spread } else { 1.0 }]
        })
        .collect()
}

/// Missing entries sit at the median; far ones are pulled in, so that no point lies at infinity.
fn standardised(row: &[f64], scales: &[[f64; 2]]) -> Vec<f64> {
    row.iter()
        .zip(scales)
        .map(|(x, [median, spread])| {
            let z = (x - median) / spread;
            if z.is_nan() { 0.0 } else { z.clamp(-1e6, 1e6) }
        })
        .collect()
}
