//! What a report says: plain data, filled by whoever has the results, and written as it is to
//! `report.json`.
//!
//! A missing or not applicable number is NaN in memory and `null` in JSON. Everything that refers
//! to a mechanism does so by name; `None` means "over all mechanisms". Every list may be empty:
//! what is not there is not drawn.
//!
//! ```
//! use gnomon_report::content::{Claim, Report, Verdict};
//! let report = Report {
//!     title: "Is the coin fair?".into(),
//!     claims: vec![Claim { verdict: Verdict::Survived, inputs: 4000, ..Claim::default() }],
//!     ..Report::default()
//! };
//! let json = serde_json::to_string(&report).unwrap();
//! let same: Report = serde_json::from_str(&json).unwrap();
//! assert_eq!(same.claims[0].verdict, Verdict::Survived);
//! ```

mod answer;
mod attribution;
mod calibration;
mod claim;
mod convergence;
mod cost;
mod emulation;
mod forecasts;
mod holes;
mod identified;
mod missing;
mod refinement;
mod round;
mod sensitivity;
mod series;
mod unseen;

pub use answer::{Given, Posterior, Quantity, SharedQuantity, Subject, Summary, ValueShare};
pub use attribution::{Alike, Attribution, Nearest};
pub use calibration::{Calibration, CoverageCurve, Reliability, SbcCurve, ScoreGain};
pub use claim::{Alarm, Claim, Control, Typicality, Verdict};
pub use convergence::{Convergence, Converging};
pub use cost::{Acceptance, Failure, Ledger, LedgerRow, Training};
pub use emulation::{
    AnswerSpeed, Conserved, Drift, Emulated, Emulation, EmulationCosts, FamilyTried, LearningCurve,
    ModeCurve, PaidOnce, Path, Sweeps, Trajectories, Trajectory,
};
pub use forecasts::{Forecaster, Forecasts};
pub use holes::{Certified, Holes, HolesOutput, HolesPole, WorstPoint};
pub use identified::{Contraction, Identified};
pub use refinement::{Refinement, Settling, Standing};
pub use round::Round;
pub use sensitivity::Sensitivity;
pub use series::{Prediction, Scale, Series};
pub use unseen::{OfPaths, Unseen, UnseenIdentified, UnseenPrior};

use serde::{Deserialize, Serialize};

/// Everything one report holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// The study's title: a question.
    pub title: String,
    /// The answer, in one sentence.
    pub answer: String,
    /// What the answer is given beside the data, such as that simulations succeed; may be empty.
    pub condition: String,
    /// What produced the report, and when.
    pub provenance: Provenance,
    /// The claims behind the answer, with their verdicts.
    pub claims: Vec<Claim>,
    /// Alarms about the observed data.
    pub alarms: Vec<Alarm>,
    /// Whether the mechanisms can have produced the observed data, and where not, in words; may be empty.
    pub possible: String,
    /// Whether the observed data lie within what the mechanisms produce.
    pub typicality: Vec<Typicality>,
    /// The mechanisms that were compared, in the study's order: their order gives their colours.
    pub mechanisms: Vec<Mechanism>,
    /// The observed series.
    pub observed: Vec<Series>,
    /// What the mechanisms produce before anything is learned.
    pub prior_predictive: Vec<Prediction>,
    /// What the mechanisms produce given the data.
    pub posterior_predictive: Vec<Prediction>,
    /// What was asked of series that are not given.
    pub unseen: Vec<Unseen>,
    /// The parameters, given each mechanism.
    pub posteriors: Vec<Posterior>,
    /// Quantities with one meaning in all mechanisms.
    pub shared: Vec<SharedQuantity>,
    /// What the mechanisms' likelihoods made of the network's answer, one a mechanism.
    pub refinement: Vec<Refinement>,
    /// The rounds of simulations, where there were several.
    pub rounds: Vec<Round>,
    /// What would follow from other priors.
    pub sensitivity: Vec<Sensitivity>,
    /// The simulations that the networks take as most like the data.
    pub attribution: Attribution,
    /// Diagnostics on simulations that nothing was fitted to.
    pub calibration: Calibration,
    /// How each network was trained.
    pub training: Vec<Training>,
    /// What it all cost.
    pub ledger: Ledger,
}

/// Where a report comes from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// The day it was made, as `2026-01-31`.
    pub date: String,
    /// The study's path.
    pub study: String,
    /// The seed every random number comes from.
    pub seed: u64,
    /// The version of the program.
    pub version: String,
    /// The command that makes this report again.
    pub command: String,
}

/// One mechanism and its probability.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Mechanism {
    /// Its name in the study.
    pub name: String,
    /// One sentence about it.
    pub description: String,
    /// The mechanism file, word for word.
    pub text: String,
    /// Prior probability, 0 to 1.
    #[serde(deserialize_with = "missing::number")]
    pub prior: f64,
    /// Posterior probability, 0 to 1; NaN when it was not asked.
    #[serde(deserialize_with = "missing::number")]
    pub posterior: f64,
    /// Interval of the posterior probability (sampling or ensemble spread), where there is one.
    #[serde(deserialize_with = "missing::pair")]
    pub interval: [f64; 2],
    /// What `interval` is, such as "range over 4 networks".
    pub interval_meaning: String,
    /// The network's own posterior probability, where `posterior` was refined; else NaN.
    #[serde(deserialize_with = "missing::number")]
    pub amortized: f64,
}

impl Default for Mechanism {
    fn default() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            text: String::new(),
            prior: f64::NAN,
            posterior: f64::NAN,
            interval: [f64::NAN; 2],
            interval_meaning: String::new(),
            amortized: f64::NAN,
        }
    }
}
