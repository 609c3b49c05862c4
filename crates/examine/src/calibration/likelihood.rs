//! Whether a likelihood that a file writes is the simulator's own: of two parameters, which one made
//! the data? By Bayes' theorem the likelihood gives the probability, and it must be calibrated.

use super::{About, LikelihoodForecasts, Settings, Statistic};
use gnomon_claim::{Assertion, Claim, Family, Forecast, Inputs, Subject};

/// Nats that the likelihood must tell about which parameters made the data, on average.
const MARGIN: f64 = 0.03;
/// Gains are clipped to plus and minus this: those of a right likelihood are at most ln 2, or so.
const BOUND: f64 = 1.0;

fn gain_name(mechanism: &str) -> String {
    format!("gain of the written likelihood of {mechanism}")
}

/// The reliability of the likelihood, and that it says anything at all.
pub(super) fn claims(mechanism: &str, settings: &Settings) -> [Claim; 2] {
    let (tolerance, bins) = (settings.reliability_tolerance, settings.reliability_bins);
    let mut claims = [
        settings.claim(
            format!("calibration of the written likelihood of {mechanism}"),
            format!(
                "Of the parameters that made a data set of {mechanism} and others near them, the \
                 [likelihood] of its file tells with probability p which ones made it, and is right a \
                 share p of the time, to within {:.0} percentage points on average over {bins} bins.",
                100.0 * tolerance
            ),
            Family::Calibration,
            "whether the first parameters made the data, less the stated probability",
            Assertion::ReliabilityWithin { tolerance, bins },
        ),
        settings.claim(
            gain_name(mechanism),
            format!(
                "The [likelihood] of {mechanism} tells at least {MARGIN} nats about which parameters made \
                 a data set, on average."
            ),
            Family::Accuracy,
            "gain in log probability of the true parameters over their prior's, in nats, clipped",
            Assertion::MeanAtLeast {
                margin: MARGIN,
                lowest: -BOUND,
                highest: BOUND,
            },
        ),
    ];
    for claim in &mut claims {
        claim.subject = Subject::Refined;
    }
    claims
}

pub(super) fn statistics(answers: &LikelihoodForecasts<'_>, settings: &Settings) -> [Statistic; 2] {
    let [reliability, gain] = claims(answers.mechanism, settings);
    let about = About::new(Some(answers.mechanism), Some("likelihood"));
    let forecasts: Vec<Forecast> = answers
        .probabilities
        .iter()
        .zip(answers.first)
        .map(|(&probability, &happened)| Forecast {
            probability,
            happened,
        })
        .collect();
    let gains = forecasts.iter().zip(answers.prior);
    let gains = gains.map(|(forecast, prior)| {
        let of_truth = |p: f64| if forecast.happened { p } else { 1.0 - p };
        (of_truth(forecast.probability) / of_truth(*prior)).ln()
    });
    let gains = gains.collect();
    let statistic = |claim, inputs, rests_on| Statistic {
        claim,
        about: about.clone(),
        inputs,
        curve: None,
        rests_on,
    };
    [
        statistic(
            reliability,
            Inputs::Forecasts(forecasts),
            vec![gain_name(answers.mechanism)],
        ),
        statistic(gain, Inputs::Numbers(gains), Vec::new()),
    ]
}
