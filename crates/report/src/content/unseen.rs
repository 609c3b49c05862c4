//! What is observed in the mechanisms and not given: hidden series, and the future.

use serde::{Deserialize, Serialize};

use super::{Prediction, Series};

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
}
