//! Calibration of posteriors and mechanism probabilities over fresh simulations:
//! answers -> claims with their statistics -> verdicts and curves.

mod accuracy;
mod answers;
mod coverage;
mod likelihood;
mod mechanism;
mod sbc;
mod score;
mod settings;
mod tarp;
mod unseen;

pub use accuracy::{Accuracy, AnswerKind, Errors};
pub use answers::{
    Answers, Asked, GivenMechanism, LikelihoodForecasts, MechanismForecasts, Quantity,
    UnseenQuantiles,
};
pub use likelihood::name as likelihood_claim;
pub use settings::Settings;

use crate::{Curve, ExamineError};
use gnomon_claim::{Claim, Inputs, Test, Tested, decide};
use gnomon_mechanism::random::{Purpose, Stream};

/// A claim's test with the curve that shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Examined {
    /// The claim and its verdict.
    pub tested: Tested,
    /// What it is about.
    pub about: About,
    /// What a report draws beside it.
    pub curve: Option<Curve>,
}

/// What a claim is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The mechanism that the answer is given, or whose probability it is; `None` over all.
    pub mechanism: Option<String>,
    /// One quantity's name; or, of a joint diagnostic, the diagnostic's.
    pub quantity: Option<String>,
}

impl About {
    fn new(mechanism: Option<&str>, quantity: Option<&str>) -> Self {
        Self {
            mechanism: mechanism.map(str::to_owned),
            quantity: quantity.map(str::to_owned),
        }
    }
}

/// One claim with its statistics, not yet decided.
struct Statistic {
    claim: Claim,
    about: About,
    inputs: Inputs,
    curve: Option<Curve>,
    /// Claims without which surviving is vacuous.
    rests_on: Vec<String>,
}

/// The claims that [`examine`] will test, in its order: written down before any test data set is
/// drawn, so that their seal can give its seed.
#[must_use]
pub fn claims(asked: &Asked, settings: &Settings) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (mechanism, parameters) in &asked.given {
        claims.extend(
            parameters
                .iter()
                .map(|p| sbc::claim(p, Some(mechanism), settings)),
        );
        claims.push(coverage::claim(mechanism, settings));
        claims.push(tarp::claim(mechanism, settings));
        claims.extend(score::claims(mechanism, settings));
    }
    claims.extend(
        asked
            .shared
            .iter()
            .map(|quantity| sbc::claim(quantity, None, settings)),
    );
    if let Some(mechanisms) = &asked.mechanisms {
        claims.extend(mechanism::claims(mechanisms, settings));
    }
    for label in &asked.unseen {
        claims.extend(unseen::claims(label, settings));
    }
    let of_paths = asked.paths.iter();
    claims.extend(of_paths.map(|(name, _)| sbc::claim(name, None, settings)));
    for accuracy in &asked.accuracy {
        claims.extend(accuracy::claims(accuracy, settings));
    }
    for mechanism in &asked.likelihoods {
        claims.push(likelihood::claim(mechanism, settings));
    }
    claims
}

/// Tests every calibration claim about `answers`, in one list at one error rate. `seed` is the seed
/// of the sealed pool that the data sets came from, `attempt` how often it was touched.
///
/// # Errors
/// [`ExamineError`] when arrays contradict one another, a truth is not finite, or a list is empty.
pub fn examine(
    answers: &Answers<'_>,
    settings: &Settings,
    seed: u64,
    attempt: u32,
) -> Result<Vec<Examined>, ExamineError> {
    let mut statistics = Vec::new();
    let mut gains = Vec::new();
    for (index, given) in answers.given.iter().enumerate() {
        given.check()?;
        let index = index as u64;
        let gain = score::gain_name(given.mechanism);
        let mut rests = sbc::given(given, settings, seed, index);
        rests.push(coverage::statistic(given, settings, seed, index));
        rests.push(tarp::statistic(given, settings, seed, index));
        rests.iter_mut().for_each(|s| s.rests_on.push(gain.clone()));
        statistics.extend(rests);
        statistics.extend(score::statistics(given, settings));
        gains.push(gain);
    }
    for (index, quantity) in answers.shared.iter().enumerate() {
        quantity.check()?;
        let mut statistic = sbc::shared(quantity, settings, seed, index as u64);
        statistic.rests_on.clone_from(&gains);
        statistics.push(statistic);
    }
    if let Some(forecasts) = &answers.mechanisms {
        forecasts.check()?;
        statistics.extend(mechanism::statistics(forecasts, settings));
    }
    for (index, quantiles) in answers.unseen.iter().enumerate() {
        quantiles.check()?;
        statistics.extend(unseen::statistics(quantiles, settings, seed, index as u64));
    }
    for (index, (quantity, label)) in answers.paths.iter().enumerate() {
        quantity.check()?;
        let index = (answers.shared.len() + index) as u64;
        let mut statistic = sbc::shared(quantity, settings, seed, index);
        statistic.rests_on.push(unseen::gain_name(label));
        statistics.push(statistic);
    }
    for errors in &answers.accuracy {
        errors.check()?;
        statistics.extend(accuracy::statistics(errors, settings));
    }
    for forecasts in &answers.likelihoods {
        forecasts.check()?;
        statistics.push(likelihood::statistic(forecasts, settings));
    }
    let (tests, shown): (Vec<Test>, Vec<_>) = statistics
        .into_iter()
        .map(|s| {
            let test = Test {
                rests_on: s.rests_on,
                attempt,
                ..Test::new(s.claim, s.inputs, seed)
            };
            (test, (s.about, s.curve))
        })
        .unzip();
    let tested = decide(&tests)?;
    Ok(tested
        .into_iter()
        .zip(shown)
        .map(|(tested, (about, curve))| Examined {
            tested,
            about,
            curve,
        })
        .collect())
}

/// The random numbers of one statistic of one data set: no two share any. The index holds the use,
/// the mechanism or quantity, and the parameter, above the data set's number; all are above those
/// that the claims' own controls use.
fn stream(seed: u64, used_for: u64, of: u64, part: u64, data_set: usize) -> Stream {
    let index = (used_for << 60) | (of << 48) | (part << 36) | data_set as u64;
    Stream::new(seed, Purpose::CLAIM, index)
}
