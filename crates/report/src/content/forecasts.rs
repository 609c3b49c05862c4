//! What forecasts of many series were worth.

use serde::{Deserialize, Serialize};

use super::missing;

/// Forecasts of one observed variable, by several models, scored by what came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Forecasts {
    /// The variable's name.
    pub variable: String,
    /// Whom scores are relative to; also one of the models.
    pub reference: String,
    /// How far ahead, in steps.
    pub horizons: Vec<usize>,
    /// The shares that central intervals should hold, increasing.
    pub nominal: Vec<f64>,
    /// The models.
    pub models: Vec<Forecaster>,
}

/// One model's scores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Forecaster {
    /// Its name.
    pub name: String,
    /// Its weighted interval score over the reference's, one a horizon; below 1 is better.
    #[serde(deserialize_with = "missing::numbers")]
    pub relative_score: Vec<f64>,
    /// The share of what came that each interval holds, over all horizons.
    #[serde(deserialize_with = "missing::numbers")]
    pub covered: Vec<f64>,
}
