//! Simulation-based calibration (Cook, Gelman & Rubin 2006; Talts et al. 2018): the rank of each true
//! value among posterior draws is uniform, whatever the data.

use super::{About, GivenMechanism, Quantity, Settings, Statistic, stream};
use crate::curve;
use gnomon_claim::uniformity::randomised_rank;
use gnomon_claim::{Assertion, Claim, Family, Inputs};

pub(super) fn claim(quantity: &str, mechanism: Option<&str>, settings: &Settings) -> Claim {
    let given = mechanism.map(|m| format!(" given {m}")).unwrap_or_default();
    let percent = 100.0 * settings.rank_tolerance;
    settings.claim(
        format!("calibration of {quantity}{given}"),
        format!(
            "Every stated quantile of {quantity}{given} has the true value below it as often as it \
             says, to within {percent:.0} percentage points."
        ),
        Family::Calibration,
        "randomised rank of the true value among posterior draws, in (0, 1)",
        Assertion::UniformWithin {
            tolerance: settings.rank_tolerance,
        },
    )
}

/// One claim a parameter.
pub(super) fn given(
    given: &GivenMechanism<'_>,
    settings: &Settings,
    seed: u64,
    index: u64,
) -> Vec<Statistic> {
    let (p, l) = (given.parameters.len(), given.draws_per_set());
    (0..p)
        .map(|column| {
            let ranks = (0..given.data_sets())
                .map(|i| {
                    let draws = given.draws[i * l * p..(i + 1) * l * p].iter();
                    let draws = draws.skip(column).step_by(p).copied();
                    let stream = &mut stream(seed, 1, index, column as u64, i);
                    randomised_rank(given.truths[i * p + column], draws, stream)
                })
                .collect();
            let claim = claim(&given.parameters[column], Some(given.mechanism), settings);
            let about = About::new(Some(given.mechanism), Some(&given.parameters[column]));
            statistic(claim, about, ranks, settings)
        })
        .collect()
}

/// The claim of a quantity over all mechanisms.
pub(super) fn shared(
    quantity: &Quantity<'_>,
    settings: &Settings,
    seed: u64,
    index: u64,
) -> Statistic {
    let l = quantity.draws.len() / quantity.truths.len().max(1);
    let ranks = quantity
        .truths
        .iter()
        .zip(quantity.draws.chunks_exact(l.max(1)))
        .enumerate()
        .map(|(i, (&truth, draws))| {
            randomised_rank(
                truth,
                draws.iter().copied(),
                &mut stream(seed, 2, index, 0, i),
            )
        })
        .collect();
    let about = About::new(None, Some(quantity.name));
    statistic(claim(quantity.name, None, settings), about, ranks, settings)
}

fn statistic(claim: Claim, about: About, ranks: Vec<f64>, settings: &Settings) -> Statistic {
    let curve = curve::ecdf_difference(&ranks, settings.rank_tolerance);
    Statistic {
        claim,
        about,
        inputs: Inputs::Numbers(ranks),
        curve: Some(curve),
        rests_on: Vec::new(),
    }
}
