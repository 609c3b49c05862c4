//! The gain in log score over the prior: `log q(truth | data) - log prior(truth)`. Its mean is the
//! information that the answer takes from the data (Lindley 1956), less what it gets wrong; the prior
//! itself, which passes every calibration test, gains 0.

use super::{About, GivenMechanism, Settings, Statistic};
use gnomon_claim::{Assertion, Claim, Family, Inputs};

pub(super) fn gain_name(mechanism: &str) -> String {
    format!("gain over the prior given {mechanism}")
}

/// The clipped mean, and the share of losses beyond the clipping bound.
pub(super) fn claims(mechanism: &str, settings: &Settings) -> [Claim; 2] {
    let Settings {
        score_margin: margin,
        score_bound: bound,
        loss_share: share,
        ..
    } = settings;
    let (margin, bound, share) = (*margin, *bound, *share);
    [
        settings.claim(
            gain_name(mechanism),
            format!(
                "Given {mechanism}, the data tell the answer at least {margin} nats more about the \
                 parameters than the prior does, on average."
            ),
            Family::Accuracy,
            "gain in log density at the truth over the prior, in nats, clipped",
            Assertion::MeanAtLeast {
                margin,
                lowest: -bound,
                highest: bound,
            },
        ),
        settings.claim(
            format!("losses to the prior given {mechanism}"),
            format!(
                "Given {mechanism}, at most {:.0} % of data sets have a posterior density at the \
                 truth more than {bound} nats below the prior's.",
                100.0 * share
            ),
            Family::Accuracy,
            "loss in log density at the truth to the prior, in nats",
            Assertion::ShareAtMost {
                threshold: bound,
                share,
            },
        ),
    ]
}

pub(super) fn statistics(given: &GivenMechanism<'_>, settings: &Settings) -> [Statistic; 2] {
    let gains: Vec<f64> = given
        .log_q_truth
        .iter()
        .zip(given.log_prior_truth)
        .map(|(q, prior)| q - prior)
        .collect();
    let about = About::new(Some(given.mechanism), None);
    paired(claims(given.mechanism, settings), &about, gains)
}

/// The gains for the mean, their negatives for the exceedances. A density that is not a number is a
/// loss without bound.
pub(super) fn paired(
    [mean, exceedance]: [Claim; 2],
    about: &About,
    gains: Vec<f64>,
) -> [Statistic; 2] {
    let gains: Vec<f64> = gains
        .into_iter()
        .map(|g| if g.is_nan() { f64::NEG_INFINITY } else { g })
        .collect();
    let losses = gains.iter().map(|g| -g).collect();
    [(mean, gains), (exceedance, losses)].map(|(claim, numbers)| Statistic {
        claim,
        about: about.clone(),
        inputs: Inputs::Numbers(numbers),
        curve: None,
        rests_on: Vec::new(),
    })
}
