//! What was spent, and on what: training, simulations, seconds.

use serde::{Deserialize, Serialize};

use super::missing;

/// How one network was trained.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Training {
    /// The network's name.
    pub network: String,
    /// The mechanism it is about, or `None`.
    pub mechanism: Option<String>,
    /// The network in words: layers, widths, heads.
    pub description: String,
    /// What the loss is, such as "negative log density, nats".
    pub loss: String,
    /// Training loss, one an epoch.
    #[serde(deserialize_with = "missing::numbers")]
    pub train: Vec<f64>,
    /// Validation loss, one an epoch.
    #[serde(deserialize_with = "missing::numbers")]
    pub validation: Vec<f64>,
    /// The epoch whose weights were kept, counted from 1.
    pub best_epoch: Option<usize>,
}

/// What it all cost.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// One line a kind of work.
    pub rows: Vec<LedgerRow>,
    /// Simulations that failed, by reason.
    pub failures: Vec<Failure>,
    /// Simulations that the study's filters kept.
    pub acceptance: Vec<Acceptance>,
}

/// One kind of work.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct LedgerRow {
    /// What was done, such as "simulations".
    pub what: String,
    /// How many.
    pub count: Option<u64>,
    /// Seconds of wall-clock time; NaN when not measured.
    #[serde(deserialize_with = "missing::number")]
    pub seconds: f64,
    /// Whether the cost is paid again for each new data set.
    pub per_query: bool,
}

impl Default for LedgerRow {
    fn default() -> Self {
        Self {
            what: String::new(),
            count: None,
            seconds: f64::NAN,
            per_query: false,
        }
    }
}

/// Simulations that failed for one reason.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Failure {
    /// The mechanism.
    pub mechanism: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
}

/// How many of a mechanism's simulations were kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Acceptance {
    /// The mechanism.
    pub mechanism: String,
    /// Simulations run.
    pub simulated: u64,
    /// Simulations kept.
    pub accepted: u64,
}
