//! Diagnostics on simulations that nothing was fitted to.

use serde::{Deserialize, Serialize};

use super::{Contraction, UnseenPrior, missing};

/// All diagnostics of a study.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Calibration {
    /// Simulation-based calibration, one curve a quantity.
    pub sbc: Vec<SbcCurve>,
    /// Expected coverage and TARP.
    pub coverage: Vec<CoverageCurve>,
    /// Do the mechanism probabilities mean what they say?
    pub reliability: Vec<Reliability>,
    /// How much better than the prior the answers are.
    pub gains: Vec<ScoreGain>,
    /// How much data of this kind tell about each quantity.
    pub contractions: Vec<Contraction>,
    /// The same of series that are not given.
    pub unseen: Vec<UnseenPrior>,
}

/// Rank ECDF minus its expectation for one quantity (Talts et al. 2018; bands Säilynoja et al. 2022).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SbcCurve {
    /// The mechanism, or `None` for a quantity of the mixture.
    pub mechanism: Option<String>,
    /// The quantity's name.
    pub quantity: String,
    /// Normalised ranks, increasing, 0 to 1.
    #[serde(deserialize_with = "missing::numbers")]
    pub ranks: Vec<f64>,
    /// ECDF minus rank.
    #[serde(deserialize_with = "missing::numbers")]
    pub difference: Vec<f64>,
    /// Lower edge of the band within which a calibrated answer stays; may be empty.
    #[serde(deserialize_with = "missing::numbers")]
    pub lower: Vec<f64>,
    /// Upper edge of the band.
    #[serde(deserialize_with = "missing::numbers")]
    pub upper: Vec<f64>,
    /// The claim's tolerance, drawn as two lines when positive.
    #[serde(deserialize_with = "missing::number")]
    pub tolerance: f64,
    /// Data sets behind the curve.
    pub inputs: u64,
}

/// How often regions of a nominal probability hold the truth.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CoverageCurve {
    /// Which diagnostic, such as "expected coverage" or "TARP".
    pub diagnostic: String,
    /// The mechanism, or `None`.
    pub mechanism: Option<String>,
    /// Nominal probabilities, increasing, 0 to 1.
    #[serde(deserialize_with = "missing::numbers")]
    pub nominal: Vec<f64>,
    /// Observed frequencies.
    #[serde(deserialize_with = "missing::numbers")]
    pub actual: Vec<f64>,
    /// Lower edge of the band within which a calibrated answer stays; may be empty.
    #[serde(deserialize_with = "missing::numbers")]
    pub lower: Vec<f64>,
    /// Upper edge of the band.
    #[serde(deserialize_with = "missing::numbers")]
    pub upper: Vec<f64>,
    /// Data sets behind the curve.
    pub inputs: u64,
}

/// Reliability of one mechanism's probability: predicted against how often it was true.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reliability {
    /// The mechanism.
    pub mechanism: String,
    /// Mean predicted probability of each bin.
    #[serde(deserialize_with = "missing::numbers")]
    pub predicted: Vec<f64>,
    /// Frequency with which the mechanism was the true one.
    #[serde(deserialize_with = "missing::numbers")]
    pub frequency: Vec<f64>,
    /// Lower confidence limit of the frequency; may be empty.
    #[serde(deserialize_with = "missing::numbers")]
    pub lower: Vec<f64>,
    /// Upper confidence limit of the frequency.
    #[serde(deserialize_with = "missing::numbers")]
    pub upper: Vec<f64>,
    /// Data sets in each bin.
    pub count: Vec<u64>,
}

/// Mean log score of an answer minus the prior's, in nats.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ScoreGain {
    /// What was scored, such as "parameters" or "mechanism".
    pub target: String,
    /// The mechanism, or `None`.
    pub mechanism: Option<String>,
    /// Mean gain, nats.
    #[serde(deserialize_with = "missing::number")]
    pub mean: f64,
    /// Its confidence interval, nats.
    #[serde(deserialize_with = "missing::pair")]
    pub interval: [f64; 2],
    /// Data sets behind it.
    pub inputs: u64,
}

impl Default for ScoreGain {
    fn default() -> Self {
        Self {
            target: String::new(),
            mechanism: None,
            mean: f64::NAN,
            interval: [f64::NAN; 2],
            inputs: 0,
        }
    }
}
