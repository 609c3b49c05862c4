//! Rounds of simulations, each nearer to the answer.

use serde::{Deserialize, Serialize};

use super::missing;

/// One round: what was simulated, from which part of the prior, and how the answer moved.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Round {
    /// Simulations of the round.
    pub simulations: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Where candidates for its parameters came from, in words.
    pub candidates: String,
    /// The share of candidates that lay inside the region.
    #[serde(deserialize_with = "missing::number")]
    pub acceptance: f64,
    /// The share of the prior that lies inside the region.
    #[serde(deserialize_with = "missing::number")]
    pub mass: f64,
    /// Seconds spent on simulations, with drawing their parameters.
    #[serde(deserialize_with = "missing::number")]
    pub simulating: f64,
    /// Seconds spent on training, and on the region of the next round.
    #[serde(deserialize_with = "missing::number")]
    pub learning: f64,
    /// The quantities that vary.
    pub names: Vec<String>,
    /// Their posterior means by the network trained after the round.
    #[serde(deserialize_with = "missing::numbers")]
    pub mean: Vec<f64>,
    /// Their posterior standard deviations.
    #[serde(deserialize_with = "missing::numbers")]
    pub sd: Vec<f64>,
    /// The quantity whose mean moved farthest since the round before.
    pub moved: String,
    /// How far it moved, in its posterior standard deviations; NaN in round 1.
    #[serde(deserialize_with = "missing::number")]
    pub shift: f64,
    /// The quantity whose standard deviation changed most since the round before.
    pub spread_of: String,
    /// The ratio of the two standard deviations; NaN in round 1.
    #[serde(deserialize_with = "missing::number")]
    pub spread: f64,
}

impl Default for Round {
    fn default() -> Self {
        Self {
            simulations: 0,
            failed: 0,
            candidates: String::new(),
            acceptance: f64::NAN,
            mass: f64::NAN,
            simulating: f64::NAN,
            learning: f64::NAN,
            names: Vec::new(),
            mean: Vec::new(),
            sd: Vec::new(),
            moved: String::new(),
            shift: f64::NAN,
            spread_of: String::new(),
            spread: f64::NAN,
        }
    }
}
