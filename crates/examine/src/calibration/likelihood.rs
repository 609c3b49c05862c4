//! Whether a likelihood that a file writes is the simulator's own: of the parameters that made a data
//! set and a draw of the network's posterior given it, which ones made it? By Bayes' theorem
//! prior x likelihood over the network's density tells the odds, and the probability must be
//! calibrated, however good the network is.

use super::{About, LikelihoodForecasts, Settings, Statistic, score};
use gnomon_claim::{Assertion, Claim, Family, Forecast, Inputs, Subject};

/// The name of the claim about the likelihood that the file of `mechanism` writes.
#[must_use]
pub fn name(mechanism: &str) -> String {
    format!("calibration of the written likelihood of {mechanism}")
}

pub(super) fn claim(mechanism: &str, settings: &Settings) -> Claim {
    let (tolerance, bins) = (settings.reliability_tolerance, settings.reliability_bins);
    let claim = settings.claim(
        name(mechanism),
        format!(
            "Of the parameters that made a data set of {mechanism} and a draw of the network's posterior, \
             the [likelihood] of its file tells with probability p which ones made it, and is right a \
             share p of the time, to within {:.0} percentage points on average over {bins} bins.",
            100.0 * tolerance
        ),
        Family::Calibration,
        "whether the first parameters made the data, less the stated probability",
        Assertion::ReliabilityWithin { tolerance, bins },
    );
    Claim {
        subject: Subject::Refined,
        ..claim
    }
}

pub(super) fn statistic(answers: &LikelihoodForecasts<'_>, settings: &Settings) -> Statistic {
    let forecasts =
        answers
            .probabilities
            .iter()
            .zip(answers.first)
            .map(|(&probability, &happened)| Forecast {
                probability,
                happened,
            });
    Statistic {
        claim: claim(answers.mechanism, settings),
        about: About::new(Some(answers.mechanism), Some("likelihood")),
        inputs: Inputs::Forecasts(forecasts.collect()),
        curve: None,
        // A network that is no more than the prior would tell nothing about a flat likelihood.
        rests_on: vec![score::gain_name(answers.mechanism)],
    }
}
