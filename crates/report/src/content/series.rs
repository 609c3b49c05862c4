//! Observed series, and what the mechanisms predict for them.

use serde::{Deserialize, Serialize};

use super::missing;

/// How an axis spreads its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Equal differences, equal distances.
    #[default]
    Linear,
    /// Equal ratios, equal distances; values that are not positive are not drawn.
    Log,
}

/// One observed series.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    /// Its name in the mechanisms.
    pub name: String,
    /// What a reader should call it, such as "boys in bed"; the name when empty.
    pub label: String,
    /// Unit of the values; may be empty.
    pub unit: String,
    /// What the times are, such as "day"; may be empty.
    pub time_label: String,
    /// Times of observation, increasing. When empty, the values are drawn at 1, 2, 3, ...
    #[serde(deserialize_with = "missing::numbers")]
    pub times: Vec<f64>,
    /// Observed values, one a time; NaN where missing.
    #[serde(deserialize_with = "missing::numbers")]
    pub values: Vec<f64>,
    /// How the value axis is drawn.
    pub scale: Scale,
}

/// What is predicted for one series: quantiles at each time, and a few whole trajectories.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Prediction {
    /// The mechanism, or `None` for the mixture over all mechanisms.
    pub mechanism: Option<String>,
    /// The name of the series.
    pub series: String,
    /// Times of the prediction, increasing; 1, 2, 3, ... when empty.
    #[serde(deserialize_with = "missing::numbers")]
    pub times: Vec<f64>,
    /// Quantile levels, increasing and symmetric about 0.5, such as 0.05, 0.25, 0.5, 0.75, 0.95.
    pub levels: Vec<f64>,
    /// The quantiles: one row a level, one number a time.
    #[serde(deserialize_with = "missing::columns")]
    pub quantiles: Vec<Vec<f64>>,
    /// Sampled trajectories, each one number a time.
    #[serde(deserialize_with = "missing::columns")]
    pub samples: Vec<Vec<f64>>,
}
