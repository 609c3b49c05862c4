//! Claims with their verdicts, and alarms about the observed data.

use serde::{Deserialize, Serialize};

use super::{Subject, missing};

/// What became of a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The upper confidence bound is below the tolerance and every control behaved.
    Survived,
    /// The lower confidence bound is above the tolerance.
    Falsified,
    /// The budget ran out in between.
    #[default]
    Undecided,
    /// A control failed: the test means nothing.
    Untestable,
    /// What is trivial passes as well.
    Vacuous,
}

/// One claim as it was tested.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Claim {
    /// Short name, unique in the report.
    pub name: String,
    /// One sentence a scientist would say.
    pub statement: String,
    /// What became of it.
    pub verdict: Verdict,
    /// What it rests on, where that decided the verdict, in words.
    pub because: String,
    /// What is measured, in words, such as "rank of the true value among posterior draws".
    pub statistic: String,
    /// Estimate of the statistic.
    #[serde(deserialize_with = "missing::number")]
    pub estimate: f64,
    /// Confidence interval of the statistic, lower and upper; one side may be NaN.
    #[serde(deserialize_with = "missing::pair")]
    pub interval: [f64; 2],
    /// What the statistic is held against.
    #[serde(deserialize_with = "missing::number")]
    pub tolerance: f64,
    /// Probability that the verdict is wrong, at most.
    #[serde(deserialize_with = "missing::number")]
    pub error_rate: f64,
    /// Independent inputs it was tested on.
    pub inputs: u64,
    /// Whose answer it is about.
    pub subject: Subject,
    /// What had to pass, or to fail, for the test to mean anything.
    pub controls: Vec<Control>,
}

impl Default for Claim {
    fn default() -> Self {
        Self {
            name: String::new(),
            statement: String::new(),
            verdict: Verdict::default(),
            because: String::new(),
            statistic: String::new(),
            estimate: f64::NAN,
            interval: [f64::NAN; 2],
            tolerance: f64::NAN,
            error_rate: f64::NAN,
            inputs: 0,
            subject: Subject::default(),
            controls: Vec::new(),
        }
    }
}

/// A control of a claim.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Control {
    /// What was tried, such as "a planted violation of twice the tolerance is caught".
    pub name: String,
    /// What was seen.
    pub result: String,
    /// Whether it behaved as it must.
    pub behaved: bool,
}

/// An alarm about the one observed data set. It can be raised; it can never "survive".
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Alarm {
    /// Short name.
    pub name: String,
    /// The p-value behind it.
    #[serde(deserialize_with = "missing::number")]
    pub p_value: f64,
    /// Whether it rings.
    pub raised: bool,
    /// What that means, in words.
    pub words: String,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            name: String::new(),
            p_value: f64::NAN,
            raised: false,
            words: String::new(),
        }
    }
}

/// The observed data's distance from what the mechanisms produce, among held-out simulations'.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Typicality {
    /// What it is, such as "distance between data sets".
    pub name: String,
    /// Distances of held-out simulations.
    #[serde(deserialize_with = "missing::numbers")]
    pub distances: Vec<f64>,
    /// Distance of the observed data.
    #[serde(deserialize_with = "missing::number")]
    pub observed: f64,
    /// Share of simulations at least as far.
    #[serde(deserialize_with = "missing::number")]
    pub p_value: f64,
}

impl Default for Typicality {
    fn default() -> Self {
        Self {
            name: String::new(),
            distances: Vec::new(),
            observed: f64::NAN,
            p_value: f64::NAN,
        }
    }
}
