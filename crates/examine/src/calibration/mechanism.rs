//! Calibration of mechanism probabilities: class by class, the binned calibration error of the
//! probability stated for it (Kull et al. 2019), and the gain in log score over the prior.

use super::{About, MechanismForecasts, Settings, Statistic, score};
use crate::curve;
use gnomon_claim::{Assertion, Claim, Family, Forecast, Inputs};

const GAIN: &str = "gain over the prior about the mechanism";

/// The reliability of each mechanism's probability; the gain; the losses.
pub(super) fn claims(names: &[String], settings: &Settings) -> Vec<Claim> {
    names
        .iter()
        .map(|name| reliability(name, settings))
        .chain(scores(settings))
        .collect()
}

fn reliability(name: &str, settings: &Settings) -> Claim {
    let Settings {
        reliability_tolerance: tolerance,
        reliability_bins: bins,
        ..
    } = settings;
    settings.claim(
        format!("calibration of the probability of {name}"),
        format!(
            "When the probability stated for {name} is p, {name} is the mechanism a share p of the \
             time, to within {:.0} percentage points on average over {bins} bins of p.",
            100.0 * tolerance
        ),
        Family::Calibration,
        "whether it was the mechanism, less its stated probability",
        Assertion::ReliabilityWithin {
            tolerance: *tolerance,
            bins: *bins,
        },
    )
}

fn scores(settings: &Settings) -> [Claim; 2] {
    let (margin, bound) = (settings.mechanism_score_margin, settings.score_bound);
    let share = settings.loss_share;
    [
        settings.claim(
            GAIN.into(),
            format!(
                "The data tell the answer at least {margin} nats more about the mechanism than its \
                 prior probability does, on average."
            ),
            Family::Accuracy,
            "gain in log probability of the true mechanism over its prior, in nats, clipped",
            Assertion::MeanAtLeast {
                margin,
                lowest: -bound,
                highest: bound,
            },
        ),
        settings.claim(
            "losses to the prior about the mechanism".into(),
            format!(
                "At most {:.0} % of data sets have a probability of the true mechanism more than \
                 {bound} nats below its prior's.",
                100.0 * share
            ),
            Family::Accuracy,
            "loss in log probability of the true mechanism to its prior, in nats",
            Assertion::ShareAtMost {
                threshold: bound,
                share,
            },
        ),
    ]
}

pub(super) fn statistics(answers: &MechanismForecasts<'_>, settings: &Settings) -> Vec<Statistic> {
    let m = answers.names.len();
    let rows = || {
        answers
            .truths
            .iter()
            .zip(answers.probabilities.chunks_exact(m))
    };
    let reliabilities = answers.names.iter().enumerate().map(|(class, name)| {
        let forecasts: Vec<Forecast> = rows()
            .map(|(&truth, row)| Forecast {
                // A softmax may sum to one only up to rounding.
                probability: row[class].clamp(0.0, 1.0),
                happened: truth == class,
            })
            .collect();
        let (bins, tolerance) = (settings.reliability_bins, settings.reliability_tolerance);
        Statistic {
            claim: reliability(name, settings),
            about: About::new(Some(name), None),
            curve: Some(curve::reliability(&forecasts, bins, tolerance)),
            inputs: Inputs::Forecasts(forecasts),
            rests_on: vec![GAIN.into()],
        }
    });
    let gains = rows()
        .map(|(&truth, row)| (row[truth] / answers.prior[truth]).ln())
        .collect();
    reliabilities
        .chain(score::paired(scores(settings), &About::default(), gains))
        .collect()
}
