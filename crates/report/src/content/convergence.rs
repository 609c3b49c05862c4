//! Convergence to the exact predictor: risks of networks against the number of simulations.

use serde::{Deserialize, Serialize};

use super::{Mechanism, Provenance, missing};

/// What `gnomon converge` found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Convergence {
    /// The study's title: a question.
    pub title: String,
    /// What produced it, and when.
    pub provenance: Provenance,
    /// The study's mechanisms: their order gives their colours.
    pub mechanisms: Vec<Mechanism>,
    /// Numbers of simulations, increasing.
    pub simulations: Vec<u64>,
    /// Seconds of training of all networks, one a number of simulations.
    #[serde(deserialize_with = "missing::numbers")]
    pub seconds: Vec<f64>,
    /// One a network.
    pub networks: Vec<Converging>,
}

/// How the risk of one network falls.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Converging {
    /// The mechanism whose parameters it predicts; `None` for the network that predicts the mechanism.
    pub mechanism: Option<String>,
    /// Whether the risk is the excess over the exact predictor; else the loss itself.
    pub is_excess: bool,
    /// Why no exact predictor is known; empty where one is.
    pub because: String,
    /// Fresh data sets that it was tested on.
    pub data_sets: u64,
    /// Data sets left out, since their exact posterior was not found.
    pub left_out: u64,
    /// The mean risk in nats, one a number of simulations.
    #[serde(deserialize_with = "missing::numbers")]
    pub risk: Vec<f64>,
    /// Its 95 % interval.
    pub interval: Vec<[f64; 2]>,
    /// The excess squared error of the posterior mean, in prior variances; empty where there is none.
    #[serde(deserialize_with = "missing::numbers")]
    pub squared: Vec<f64>,
    /// The fitted curve: `floor + scale n^-rate`; NaN where none could be fitted.
    #[serde(deserialize_with = "missing::number")]
    pub scale: f64,
    /// How fast it falls.
    #[serde(deserialize_with = "missing::number")]
    pub rate: f64,
    /// Its 95 % interval.
    #[serde(deserialize_with = "missing::pair")]
    pub rate_interval: [f64; 2],
    /// Where it ends; 0 for an excess without a visible floor.
    #[serde(deserialize_with = "missing::number")]
    pub floor: f64,
    /// The 95 % interval of the floor, of a curve that has one; NaN where none could be fitted.
    #[serde(deserialize_with = "missing::pair")]
    pub floor_interval: [f64; 2],
    /// What ten times as many simulations would bring, in nats.
    #[serde(deserialize_with = "missing::number")]
    pub gain: f64,
    /// Its 95 % interval.
    #[serde(deserialize_with = "missing::pair")]
    pub gain_interval: [f64; 2],
    /// What all this means.
    pub words: String,
}

impl Converging {
    /// The fitted risk after so many simulations; NaN without a fit.
    pub fn fitted(&self, simulations: f64) -> f64 {
        self.floor + self.scale * simulations.powf(-self.rate)
    }
}

impl Default for Converging {
    fn default() -> Self {
        Self {
            mechanism: None,
            is_excess: false,
            because: String::new(),
            data_sets: 0,
            left_out: 0,
            risk: Vec::new(),
            interval: Vec::new(),
            squared: Vec::new(),
            scale: f64::NAN,
            rate: f64::NAN,
            rate_interval: [f64::NAN; 2],
            floor: f64::NAN,
            floor_interval: [f64::NAN; 2],
            gain: f64::NAN,
            gain_interval: [f64::NAN; 2],
            words: String::new(),
        }
    }
}
