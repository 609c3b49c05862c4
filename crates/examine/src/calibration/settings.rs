//! Tolerances and error rates of the calibration claims.

use gnomon_claim::{Assertion, Claim, Family, Level, Subject};
use serde::{Deserialize, Serialize};

/// What the claims of a list have in common. The defaults suit some 4,000 data sets a mechanism;
/// [`uniformity::inputs_needed`](gnomon_claim::uniformity::inputs_needed) says how many another
/// tolerance needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Whose answer.
    pub subject: Subject,
    /// Where the data sets come from, in words.
    pub population: String,
    /// The probability of any wrong verdict in the list.
    pub error_rate: f64,
    /// At most this many data sets a claim.
    pub most_inputs: usize,
    /// Largest `sup |F(u) - u|` of ranks (simulation-based calibration, TARP).
    pub rank_tolerance: f64,
    /// Levels of credible regions whose coverage is claimed.
    pub coverage_levels: Vec<f64>,
    /// Largest difference between coverage and level.
    pub coverage_tolerance: f64,
    /// Smallest mean gain in log score over the prior, in nats.
    pub score_margin: f64,
    /// Gains are clipped to plus and minus this, in nats.
    pub score_bound: f64,
    /// Smallest mean gain in interval score over the prior, relative to the sum of both.
    pub interval_margin: f64,
    /// Largest share of data sets that may lose more than `score_bound` to the prior.
    pub loss_share: f64,
    /// Smallest mean gain in log score of mechanism probabilities over their prior, in nats.
    pub mechanism_score_margin: f64,
    /// Largest binned calibration error of a mechanism's probability.
    pub reliability_tolerance: f64,
    /// Number of its bins; even, so that an edge lies at 1/2.
    pub reliability_bins: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            subject: Subject::Amortized,
            population: "fresh simulations from the prior".into(),
            error_rate: 0.05,
            most_inputs: 4000,
            rank_tolerance: 0.05,
            coverage_levels: vec![0.5, 0.8, 0.95],
            coverage_tolerance: 0.05,
            score_margin: 0.1,
            score_bound: 10.0,
            interval_margin: 0.05,
            loss_share: 0.02,
            mechanism_score_margin: 0.05,
            reliability_tolerance: 0.05,
            reliability_bins: 6,
        }
    }
}

impl Settings {
    pub(super) fn claim(
        &self,
        name: String,
        statement: String,
        family: Family,
        statistic: &str,
        assertion: Assertion,
    ) -> Claim {
        Claim {
            name,
            statement,
            family,
            subject: self.subject,
            level: Level::ThisNetwork,
            population: self.population.clone(),
            statistic: statistic.into(),
            assertion,
            error_rate: self.error_rate,
            most_inputs: self.most_inputs,
        }
    }
}
