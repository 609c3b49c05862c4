//! A claim: what an answer asserts, in a form that can fail, written down before it is tested.

use serde::{Deserialize, Serialize};

/// What kind of property a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Stated probabilities are observed frequencies.
    Calibration,
    /// Credible regions hold the truth as often as they say.
    Coverage,
    /// Answers are close to the truth, or closer than a control's.
    Accuracy,
    /// What the simulator conserves stays the same along answers.
    Conservation,
}

/// Whose answer a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The network's own answer.
    Amortized,
    /// The answer after refinement by the mechanism.
    Refined,
    /// An emulator's answer instead of the solver's.
    Emulated,
}

/// What the independent inputs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Simulations shown to one trained network.
    ThisNetwork,
    /// Training seeds: at least 20 of them.
    TrainingProcedure,
}

/// What is asserted of the statistic over the population.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Assertion {
    /// Its mean, after clipping to `[lowest, highest]`, is at most `tolerance`.
    MeanAtMost {
        /// Largest mean allowed, in the statistic's unit.
        tolerance: f64,
        /// Lower clipping bound.
        lowest: f64,
        /// Upper clipping bound.
        highest: f64,
    },
    /// Its mean, after clipping to `[lowest, highest]`, is at least `margin`. The statistic is a
    /// gain over a control, so that the control itself has gain 0.
    MeanAtLeast {
        /// Smallest mean allowed, in the statistic's unit; above 0.
        margin: f64,
        /// Lower clipping bound.
        lowest: f64,
        /// Upper clipping bound.
        highest: f64,
    },
    /// It exceeds `threshold` with probability at most `share`.
    ShareAtMost {
        /// The statistic's threshold.
        threshold: f64,
        /// Largest probability of exceeding it.
        share: f64,
    },
    /// It never exceeds `threshold`: one counterexample falsifies, and surviving means that the
    /// probability of one is below `share`.
    NoneAbove {
        /// The statistic's threshold.
        threshold: f64,
        /// The probability below which violations may stay unseen.
        share: f64,
    },
    /// It is a rank in (0, 1) whose distribution function F has `sup |F(u) - u| <= tolerance`.
    UniformWithin {
        /// Largest deviation of the distribution function.
        tolerance: f64,
    },
    /// It is the level of the smallest credible region that holds the truth, and regions of every
    /// stated level hold it with that probability to within `tolerance`.
    CoverageWithin {
        /// Levels in (0, 1).
        levels: Vec<f64>,
        /// Largest difference between coverage and level.
        tolerance: f64,
    },
    /// It is a forecast, and the binned calibration error, `sum_b |E[(happened - p) 1(p in b)]|`
    /// over equal-width bins, is at most `tolerance`.
    ReliabilityWithin {
        /// Largest binned calibration error.
        tolerance: f64,
        /// Number of equal-width bins of the stated probability: 1 to 10.
        bins: usize,
    },
}

impl Assertion {
    /// The number that the estimate is compared with.
    #[must_use]
    pub fn tolerance(&self) -> f64 {
        match self {
            Self::MeanAtMost { tolerance, .. }
            | Self::UniformWithin { tolerance }
            | Self::CoverageWithin { tolerance, .. }
            | Self::ReliabilityWithin { tolerance, .. } => *tolerance,
            Self::MeanAtLeast { margin, .. } => *margin,
            Self::ShareAtMost { share, .. } | Self::NoneAbove { share, .. } => *share,
        }
    }

    fn problem(&self) -> Option<&'static str> {
        let inside = |x: f64| x > 0.0 && x < 1.0;
        let (fine, problem) = match self {
            Self::MeanAtMost {
                tolerance: mean,
                lowest,
                highest,
            } => (
                lowest.is_finite() && highest.is_finite() && lowest < mean && mean < highest,
                "the tolerance must lie between finite clipping bounds",
            ),
            Self::MeanAtLeast {
                margin,
                lowest,
                highest,
            } => (
                lowest.is_finite()
                    && highest.is_finite()
                    && *lowest < 0.0
                    && *margin > 0.0
                    && margin < highest,
                "the bounds must be finite, with lowest < 0 < margin < highest",
            ),
            Self::ShareAtMost { threshold, share } | Self::NoneAbove { threshold, share } => (
                inside(*share) && !threshold.is_nan(),
                "the share must lie between 0 and 1, and the threshold be a number",
            ),
            Self::UniformWithin { tolerance } => {
                (inside(*tolerance), "the tolerance must lie between 0 and 1")
            }
            Self::CoverageWithin { levels, tolerance } => (
                inside(*tolerance) && !levels.is_empty() && levels.iter().all(|&l| inside(l)),
                "levels and tolerance must lie between 0 and 1",
            ),
            Self::ReliabilityWithin { tolerance, bins } => (
                inside(*tolerance) && (1..=10).contains(bins),
                "the tolerance must lie between 0 and 1, and there must be 1 to 10 bins",
            ),
        };
        (!fine).then_some(problem)
    }
}

/// What an answer asserts, and how it is to be tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Short and unique in its list.
    pub name: String,
    /// One sentence a scientist would say.
    pub statement: String,
    /// The kind of property.
    pub family: Family,
    /// Whose answer.
    pub subject: Subject,
    /// What the independent inputs are.
    pub level: Level,
    /// Where the inputs come from.
    pub population: String,
    /// The number that each input gives, with its unit or scale.
    pub statistic: String,
    /// What is asserted of that number.
    pub assertion: Assertion,
    /// The probability of any wrong verdict in the claim's list.
    pub error_rate: f64,
    /// At most this many inputs are used.
    pub most_inputs: usize,
}

impl Claim {
    /// Checks that the claim can be tested at all.
    ///
    /// # Errors
    /// [`ClaimError::Malformed`], which says what is wrong.
    pub fn check(&self) -> Result<(), ClaimError> {
        let problem = if !(self.error_rate > 0.0 && self.error_rate < 1.0) {
            Some("the error rate must lie between 0 and 1")
        } else if self.most_inputs == 0 {
            Some("at least one input must be allowed")
        } else {
            self.assertion.problem()
        };
        match problem {
            Some(problem) => Err(ClaimError::Malformed {
                claim: self.name.clone(),
                problem,
            }),
            None => Ok(()),
        }
    }
}

/// A stated probability and whether the event happened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The stated probability, in [0, 1].
    pub probability: f64,
    /// Whether the event happened.
    pub happened: bool,
}

/// The statistic of every independent input, in the order in which they were drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// One number an input; infinities are clipped, NaN is refused.
    Numbers(Vec<f64>),
    /// One forecast an input.
    Forecasts(Vec<Forecast>),
}

impl Inputs {
    /// How many inputs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Forecasts(forecasts) => forecasts.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first `n`, or all when there are fewer.
    #[must_use]
    pub fn first(&self, n: usize) -> Self {
        let n = n.min(self.len());
        match self {
            Self::Numbers(numbers) => Self::Numbers(numbers[..n].to_vec()),
            Self::Forecasts(forecasts) => Self::Forecasts(forecasts[..n].to_vec()),
        }
    }
}

/// Why a claim could not be weighed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ClaimError {
    /// The claim contradicts itself.
    #[error("claim `{claim}`: {problem}")]
    Malformed {
        /// The claim's name.
        claim: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// An input's statistic is not usable.
    #[error("claim `{claim}`: the statistic of input {input} is {value}, {problem}")]
    Statistic {
        /// The claim's name.
        claim: String,
        /// The input's index.
        input: usize,
        /// Its value.
        value: f64,
        /// What it should have been.
        problem: &'static str,
    },
    /// No input was given, or too few for the claim's level.
    #[error("claim `{claim}` needs at least {needed} inputs, and has {given}")]
    TooFewInputs {
        /// The claim's name.
        claim: String,
        /// The least number.
        needed: usize,
        /// The number given.
        given: usize,
    },
    /// A claim rests on one that is not in the list.
    #[error("claim `{claim}` rests on `{missing}`, which is not in the list")]
    UnknownCompanion {
        /// The claim's name.
        claim: String,
        /// The name that is missing.
        missing: String,
    },
}
