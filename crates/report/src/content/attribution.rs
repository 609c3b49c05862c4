//! Attribution: the simulations that the networks take as most like the data.

use serde::{Deserialize, Serialize};

use super::{Claim, Quantity, Summary, missing};

/// What the simulations nearest to the data say.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Attribution {
    /// Given each mechanism.
    pub given: Vec<Alike>,
    /// Claims about attribution.
    pub claims: Vec<Claim>,
}

/// The simulations of one mechanism that are most like the data.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Alike {
    /// The mechanism.
    pub mechanism: String,
    /// Simulations that were searched.
    pub searched: u64,
    /// Those of them that have a weight.
    pub near: u64,
    /// Equally weighted simulations that these are worth.
    #[serde(deserialize_with = "missing::number")]
    pub effective: f64,
    /// The distance at which a weight is 0, in units of what the features leave unknown.
    #[serde(deserialize_with = "missing::number")]
    pub bandwidth: f64,
    /// Share of simulations whose own neighbours lie at least as far.
    #[serde(deserialize_with = "missing::number")]
    pub as_isolated: f64,
    /// The mechanism's probability by the nearest simulations of all mechanisms; NaN of one alone.
    #[serde(deserialize_with = "missing::number")]
    pub probability: f64,
    /// The quantities that are told.
    pub quantities: Vec<Quantity>,
    /// Their weighted distributions, one a quantity.
    pub summaries: Vec<Summary>,
    /// Whether the posterior that they are held against was refined by the mechanism's likelihood; else it is
    /// the network's own.
    pub refined: bool,
    /// That posterior, one a quantity.
    pub posterior: Vec<Summary>,
    /// The nearest simulations, the nearest first.
    pub nearest: Vec<Nearest>,
}

impl Default for Alike {
    fn default() -> Self {
        Self {
            mechanism: String::new(),
            searched: 0,
            near: 0,
            effective: f64::NAN,
            bandwidth: f64::NAN,
            as_isolated: f64::NAN,
            probability: f64::NAN,
            quantities: Vec::new(),
            summaries: Vec::new(),
            refined: false,
            posterior: Vec::new(),
            nearest: Vec::new(),
        }
    }
}

impl Alike {
    /// Whose posterior stands beside the nearest simulations, as a column's title.
    #[must_use]
    pub fn whose(&self) -> &'static str {
        match self.refined {
            true => "Refined posterior",
            false => "Network's posterior",
        }
    }
}

/// One simulation that is like the data.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Nearest {
    /// Its number in the bank.
    pub simulation: u64,
    /// Its weight; those of a mechanism sum to 1.
    #[serde(deserialize_with = "missing::number")]
    pub weight: f64,
    /// How far it is from the data, in the unit of the bandwidth.
    #[serde(deserialize_with = "missing::number")]
    pub distance: f64,
    /// The quantities' values, in their order.
    #[serde(deserialize_with = "missing::numbers")]
    pub values: Vec<f64>,
    /// What it made of each observed series, in the report's order.
    #[serde(deserialize_with = "missing::columns")]
    pub series: Vec<Vec<f64>>,
}
