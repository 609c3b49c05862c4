//! What the data say about a quantity: whether its posterior can be told from its prior.

use serde::{Deserialize, Serialize};

use super::missing;

/// One quantity, and how far its posterior moved from its prior.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Identified {
    /// The largest difference of the posterior's and the prior's distribution functions, 0 to 1.
    #[serde(deserialize_with = "missing::number")]
    pub moved: f64,
    /// The difference from which on the posterior can be told from the prior.
    #[serde(deserialize_with = "missing::number")]
    pub tolerance: f64,
    /// The contraction on average over simulated data sets: 1 - the mean posterior variance over the
    /// prior's; NaN where it is not known.
    #[serde(deserialize_with = "missing::number")]
    pub average: f64,
    /// The largest difference of the network's and the refined posterior's distribution functions; NaN
    /// where the answer is the network's.
    #[serde(deserialize_with = "missing::number")]
    pub network: f64,
    /// Whether the data inform it.
    pub informed: bool,
    /// That, and what would help, in words.
    pub words: String,
}

impl Default for Identified {
    fn default() -> Self {
        Self {
            moved: f64::NAN,
            tolerance: f64::NAN,
            average: f64::NAN,
            network: f64::NAN,
            informed: false,
            words: String::new(),
        }
    }
}

/// How much data of a study's kind tell about a quantity.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Contraction {
    /// The mechanism.
    pub mechanism: String,
    /// The quantity.
    pub quantity: String,
    /// 1 - the mean posterior variance over the prior's, by the network on simulated data sets.
    #[serde(deserialize_with = "missing::number")]
    pub average: f64,
}
