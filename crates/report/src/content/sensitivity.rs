//! Sensitivity: what would follow from other priors.

use serde::{Deserialize, Serialize};

use super::missing;

/// What one change of one prior would do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Sensitivity {
    /// The mechanism.
    pub mechanism: String,
    /// The parameter whose prior is changed.
    pub parameter: String,
    /// What is done to it: "narrower", "wider", "lower" or "higher".
    pub change: String,
    /// Change of ln p(data | mechanism), nats.
    #[serde(deserialize_with = "missing::number")]
    pub log_evidence: f64,
    /// The mechanism's posterior probability, then.
    #[serde(deserialize_with = "missing::number")]
    pub probability: f64,
    /// The quantity, given the mechanism, whose mean moves farthest.
    pub quantity: String,
    /// How far, in posterior sds.
    #[serde(deserialize_with = "missing::number")]
    pub shift: f64,
    /// Shared quantities, and how far their means over all mechanisms move, in posterior sds.
    pub shared: Vec<(String, f64)>,
    /// Whether the posterior draws reach far enough to tell.
    pub reliable: bool,
}

impl Default for Sensitivity {
    fn default() -> Self {
        Self {
            mechanism: String::new(),
            parameter: String::new(),
            change: String::new(),
            log_evidence: f64::NAN,
            probability: f64::NAN,
            quantity: String::new(),
            shift: f64::NAN,
            shared: Vec::new(),
            reliable: false,
        }
    }
}
