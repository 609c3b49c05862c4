//! Claims about attribution over fresh simulations: the stored simulations nearest to a data set say
//! what the posterior says, and are nearer in what is to be known than those nearest by its numbers
//! or by an untrained network.

use gnomon_claim::{
    Assertion, Claim, ClaimError, Family, Inputs, Level, Subject, Test, Tested, decide,
};

/// What the claims of a list have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where the data sets come from, in words.
    pub population: String,
    /// The probability of any wrong verdict in the list.
    pub error_rate: f64,
    /// At most this many data sets a claim.
    pub most_inputs: usize,
    /// Largest `sup |F(u) - u|` of ranks.
    pub rank_tolerance: f64,
    /// Largest mean distance of means, in posterior standard deviations.
    pub shift_tolerance: f64,
    /// Largest mean distance in total variation of mechanism probabilities.
    pub probability_tolerance: f64,
    /// Smallest mean reduction of the squared error, in prior variances; of mechanism
    /// probabilities, of the Brier score.
    pub margin: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            population: "fresh simulations from the prior".into(),
            error_rate: 0.05,
            most_inputs: 4000,
            rank_tolerance: 0.05,
            shift_tolerance: 0.25,
            probability_tolerance: 0.1,
            margin: 0.005,
        }
    }
}

/// What was asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// Mechanisms with parameters.
    pub given: Vec<String>,
    /// Of each of them, whether its exact posterior can be had.
    pub exact: Vec<bool>,
    /// Whether mechanisms are told apart.
    pub mechanisms: bool,
}

/// What the neighbours of data sets say; the lists of a mechanism are in the order asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// Of parameters given each mechanism.
    pub given: Vec<GivenMechanism>,
    /// Of the mechanism.
    pub mechanisms: Option<OverMechanisms>,
}

/// What neighbours say of one mechanism's parameters, data set by data set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GivenMechanism {
    /// Rank of one true parameter among the weighted ones, in (0, 1).
    pub ranks: Vec<f64>,
    /// Distance of the weighted means from the posterior's, in its standard deviations.
    pub shifts: Vec<f64>,
    /// The same distance from the exact posterior's means, in its standard deviations; of as many data sets as
    /// there is time for, none where it cannot be had.
    pub exact_shifts: Vec<f64>,
    /// How much larger the squared error is by neighbours in the series, and by an untrained network's.
    pub gains: [Vec<f64>; 2],
}

/// What neighbours say of the mechanism, data set by data set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OverMechanisms {
    /// Distance in total variation of the weighted shares from the network's probabilities.
    pub distances: Vec<f64>,
    /// As [`GivenMechanism::gains`], of the Brier score.
    pub gains: [Vec<f64>; 2],
}

/// Means are farther apart at most so many standard deviations: what is beyond is all the same.
pub const FARTHEST: f64 = 2.0;
/// What neighbours are held against.
const RIVALS: [(&str, &str); 2] = [
    ("the series", "nearest in the standardised series"),
    (
        "an untrained network",
        "nearest in the features of the same network before training",
    ),
];

/// The claims that [`examine`] will test, in its order.
#[must_use]
pub fn claims(asked: &Asked, settings: &Settings) -> Vec<Claim> {
    let percent = |share: f64| format!("{:.0}", 100.0 * share);
    let mut claims = Vec::new();
    for (number, mechanism) in asked.given.iter().enumerate() {
        claims.push(settings.claim(
            format!("calibration of attribution given {mechanism}"),
            format!(
                "Every quantile of a parameter over the simulations of {mechanism} most like the data has \
                 the true value below it as often as it says, to within {} percentage points.",
                percent(settings.rank_tolerance)
            ),
            Family::Calibration,
            "rank of one true parameter, taken at random, among the weighted ones, in (0, 1)",
            Assertion::UniformWithin {
                tolerance: settings.rank_tolerance,
            },
        ));
        claims.push(settings.claim(
            format!("attribution and posterior given {mechanism}"),
            format!(
                "The weighted means over the simulations of {mechanism} most like the data are within {} \
                 posterior standard deviations of the posterior's, on average.",
                settings.shift_tolerance
            ),
            Family::Accuracy,
            "distance of the means, in posterior sds, averaged over parameters, at most 2",
            Assertion::MeanAtMost {
                tolerance: settings.shift_tolerance,
                lowest: 0.0,
                highest: FARTHEST,
            },
        ));
        if asked.exact.get(number) == Some(&true) {
            claims.push(settings.claim(
                format!("attribution and exact posterior given {mechanism}"),
                format!(
                    "The weighted means over the simulations of {mechanism} most like the data are within {} \
                     standard deviations of the exact posterior from its means, on average.",
                    settings.shift_tolerance
                ),
                Family::Accuracy,
                "distance of the means, in sds of the exact posterior, averaged over parameters, at most 2; 2 \
                 where the exact posterior is not found",
                Assertion::MeanAtMost {
                    tolerance: settings.shift_tolerance,
                    lowest: 0.0,
                    highest: FARTHEST,
                },
            ));
        }
        for (rival, nearest) in RIVALS {
            claims.push(settings.claim(
                format!("attribution beside {rival} given {mechanism}"),
                format!(
                    "The weighted parameters of the simulations of {mechanism} nearest in the trained \
                     network's features have a squared error that is at least {} prior variances smaller, \
                     on average, than those of the simulations {nearest}.",
                    settings.margin
                ),
                Family::Accuracy,
                "reduction of the squared error, in prior variances, averaged over parameters",
                settings.gain(),
            ));
        }
    }
    if asked.mechanisms {
        claims.push(settings.claim(
            "attribution and mechanism probabilities".into(),
            format!(
                "The mechanisms' shares among the simulations most like the data are within {} percentage \
                 points of the network's probabilities, on average (total variation).",
                percent(settings.probability_tolerance)
            ),
            Family::Accuracy,
            "total variation between shares and probabilities",
            Assertion::MeanAtMost {
                tolerance: settings.probability_tolerance,
                lowest: 0.0,
                highest: 1.0,
            },
        ));
        for (rival, nearest) in RIVALS {
            claims.push(settings.claim(
                format!("attribution of the mechanism beside {rival}"),
                format!(
                    "The mechanisms' shares among the simulations nearest in the trained network's features \
                     have a Brier score that is at least {} smaller, on average, than among those {nearest}.",
                    settings.margin
                ),
                Family::Accuracy,
                "reduction of the Brier score",
                settings.gain(),
            ));
        }
    }
    claims
}

impl Settings {
    fn claim(
        &self,
        name: String,
        statement: String,
        family: Family,
        statistic: &str,
        assertion: Assertion,
    ) -> Claim {
        Claim {
            name,
            statement,
            family,
            subject: Subject::Amortized,
            level: Level::ThisNetwork,
            population: self.population.clone(),
            statistic: statistic.into(),
            assertion,
            error_rate: self.error_rate,
            most_inputs: self.most_inputs,
        }
    }

    fn gain(&self) -> Assertion {
        Assertion::MeanAtLeast {
            margin: self.margin,
            lowest: -1.0,
            highest: 1.0,
        }
    }
}

/// Tests the claims, in one list at one error rate. `seed` is the seed of the sealed pool that the data
/// sets came from, `attempt` how often it was touched.
///
/// # Errors
/// [`ClaimError`] where a list is empty or holds what is no number.
pub fn examine(
    asked: &Asked,
    answers: &Answers,
    settings: &Settings,
    seed: u64,
    attempt: u32,
) -> Result<Vec<Tested>, ClaimError> {
    let mut inputs: Vec<&[f64]> = Vec::new();
    for (number, given) in answers.given.iter().enumerate() {
        inputs.extend([given.ranks.as_slice(), &given.shifts]);
        if asked.exact.get(number) == Some(&true) {
            inputs.push(&given.exact_shifts);
        }
        inputs.extend(given.gains.iter().map(Vec::as_slice));
    }
    if let Some(over) = &answers.mechanisms {
        inputs.push(&over.distances);
        inputs.extend(over.gains.iter().map(Vec::as_slice));
    }
    let tests: Vec<Test> = claims(asked, settings)
        .into_iter()
        .zip(inputs)
        .map(|(claim, inputs)| Test {
            attempt,
            ..Test::new(claim, Inputs::Numbers(inputs.to_vec()), seed)
        })
        .collect();
    decide(&tests)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use gnomon_claim::Verdict;
    use gnomon_mechanism::random::{Purpose, Stream};

    /// 4,000 data sets whose answers are right, or wrong in one way: at an error rate of 5 % a list of
    /// wrong verdicts is seen once in twenty seeds; this one is fixed.
    fn verdicts(power: f64, shift: f64, gain: f64) -> Vec<Verdict> {
        let asked = Asked {
            given: vec!["m".into()],
            exact: vec![true],
            mechanisms: true,
        };
        let mut stream = Stream::new(5, Purpose::CLAIM, 0);
        let mut list = |value: &dyn Fn(&mut Stream) -> f64| -> Vec<f64> {
            (0..4000).map(|_| value(&mut stream)).collect()
        };
        let ranks = list(&|s| s.uniform().powf(power));
        let shifts = list(&|s| shift * 2.0 * s.uniform());
        let mut gains = || [0, 1].map(|_| list(&|s| gain + 0.1 * s.normal()));
        let answers = Answers {
            given: vec![GivenMechanism {
                ranks,
                shifts: shifts.clone(),
                exact_shifts: shifts[..1000].to_vec(),
                gains: gains(),
            }],
            mechanisms: Some(OverMechanisms {
                distances: shifts.iter().map(|x| 0.4 * x).collect(),
                gains: gains(),
            }),
        };
        let tested = examine(&asked, &answers, &Settings::default(), 1, 1).unwrap();
        tested.iter().map(|tested| tested.verdict).collect()
    }

    #[test]
    fn what_agrees_survives_and_what_does_not_is_falsified() {
        assert_eq!(verdicts(1.0, 0.15, 0.05), [Verdict::Survived; 8]);
        assert_eq!(verdicts(1.5, 0.4, -0.05), [Verdict::Falsified; 8]);
    }
}
