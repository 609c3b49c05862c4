//! Expected coverage of joint credible regions (Hermans et al. 2022): the level of the smallest
//! highest-density region that holds the truth is the rank of its density among those of draws.

use super::{About, GivenMechanism, Settings, Statistic, stream};
use crate::curve;
use gnomon_claim::uniformity::randomised_rank;
use gnomon_claim::{Assertion, Claim, Family, Inputs};

pub(super) fn claim(mechanism: &str, settings: &Settings) -> Claim {
    let levels: Vec<String> = settings
        .coverage_levels
        .iter()
        .map(|l| format!("{:.0} %", 100.0 * l))
        .collect();
    settings.claim(
        format!("joint coverage given {mechanism}"),
        format!(
            "Joint credible regions of {} given {mechanism} hold the true parameters as often as \
             they say, to within {:.0} percentage points.",
            levels.join(", "),
            100.0 * settings.coverage_tolerance
        ),
        Family::Coverage,
        "level of the smallest highest-density region that holds the truth, in (0, 1)",
        Assertion::CoverageWithin {
            levels: settings.coverage_levels.clone(),
            tolerance: settings.coverage_tolerance,
        },
    )
}

pub(super) fn statistic(
    given: &GivenMechanism<'_>,
    settings: &Settings,
    seed: u64,
    index: u64,
) -> Statistic {
    let ranks: Vec<f64> = given
        .log_q_truth
        .iter()
        .zip(given.log_q_draws.chunks_exact(given.draws_per_set()))
        .enumerate()
        .map(|(i, (truth, draws))| {
            // Draws of higher density than the truth lie in the region that just holds it.
            randomised_rank(
                -truth,
                draws.iter().map(|d| -d),
                &mut stream(seed, 3, index, 0, i),
            )
        })
        .collect();
    Statistic {
        claim: claim(given.mechanism, settings),
        about: About::new(Some(given.mechanism), Some("expected coverage")),
        curve: Some(curve::coverage(&ranks, settings.coverage_tolerance)),
        inputs: Inputs::Numbers(ranks),
        rests_on: Vec::new(),
    }
}
