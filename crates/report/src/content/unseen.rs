//! What is observed in the mechanisms and not given: hidden series, and the future.

use serde::{Deserialize, Serialize};

use super::{Prediction, Series, missing};

/// One series that was asked for, or part of one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Unseen {
    /// As the study writes it, such as `cases[64:77]`.
    pub label: String,
    /// What is given of the same series; without values where nothing is.
    pub given: Series,
    /// Its quantiles given the data, over all mechanisms.
    pub prediction: Prediction,
    /// Quantities of its whole paths; empty where only quantiles of each entry are known.
    pub of_paths: Vec<OfPaths>,
    /// What the data tell about it; `None` where nobody knows its prior.
    pub identified: Option<UnseenIdentified>,
}

/// One number of each path that a series may take.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OfPaths {
    /// What it is, such as "total".
    pub name: String,
    /// Its median.
    #[serde(deserialize_with = "missing::number")]
    pub median: f64,
    /// Its central 50 % interval.
    #[serde(deserialize_with = "missing::pair")]
    pub interval_50: [f64; 2],
    /// Its central 90 % interval.
    #[serde(deserialize_with = "missing::pair")]
    pub interval_90: [f64; 2],
}

/// How far each entry of a series moved from its prior.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UnseenIdentified {
    /// The largest difference of the answer's and the prior's distribution functions, one an entry.
    #[serde(deserialize_with = "missing::numbers")]
    pub moved: Vec<f64>,
    /// The difference from which on they can be told apart.
    #[serde(deserialize_with = "missing::number")]
    pub tolerance: f64,
    /// 1 - the mean width of 90 % intervals over the prior's, of simulated data sets; one an entry.
    #[serde(deserialize_with = "missing::numbers")]
    pub average: Vec<f64>,
    /// What that means.
    pub words: String,
}

/// What is known of a series before any data, and how much data of a study's kind tell about it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UnseenPrior {
    /// As [`Unseen::label`].
    pub label: String,
    /// Levels of the prior's quantiles.
    #[serde(deserialize_with = "missing::numbers")]
    pub levels: Vec<f64>,
    /// The prior's quantiles: for each level one an entry.
    #[serde(deserialize_with = "missing::columns")]
    pub quantiles: Vec<Vec<f64>>,
    /// As [`UnseenIdentified::average`].
    #[serde(deserialize_with = "missing::numbers")]
    pub average: Vec<f64>,
}
