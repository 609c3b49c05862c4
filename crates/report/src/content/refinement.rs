//! Refinement: what the mechanism's own likelihood made of the network's answer.

use serde::{Deserialize, Serialize};

use super::missing;

/// How far a mechanism's posterior was corrected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Not at all: the network's answer stands as it comes.
    #[default]
    Amortized,
    /// By the likelihood, but an independent start did not confirm it.
    Refined,
    /// By the likelihood, and a start from the prior came to the same.
    Exact,
}

/// The refinement of one mechanism's posterior.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Refinement {
    /// The mechanism.
    pub mechanism: String,
    /// How far it went.
    pub standing: Standing,
    /// Why it went no further; may be empty.
    pub because: String,
    /// How the draws were got, such as "importance sampling"; may be empty.
    pub method: String,
    /// Whether tempered particles made the draws, and no weights.
    pub tempered: bool,
    /// Independent draws that the answer's own are worth: its weighted proposals, or its particles.
    #[serde(deserialize_with = "missing::number")]
    pub effective: f64,
    /// The shape of the importance weights' tail: good below 0.5, usable below 0.7. Not a number where the
    /// answer rests on no weights.
    #[serde(deserialize_with = "missing::number")]
    pub k_hat: f64,
    /// ln p(data | mechanism), nats.
    #[serde(deserialize_with = "missing::number")]
    pub log_evidence: f64,
    /// Its standard error, nats.
    #[serde(deserialize_with = "missing::number")]
    pub log_evidence_error: f64,
    /// Likelihoods worked out, or simulations of a particle filter.
    pub calls: u64,
    /// Whether a filter on a grid works out the likelihood.
    pub on_grid: bool,
    /// Particles behind each estimate of the likelihood; 0 where it has a closed form.
    pub particles: u64,
    /// The sd of such an estimate's logarithm, nats.
    #[serde(deserialize_with = "missing::number")]
    pub log_likelihood_sd: f64,
    /// ln p(data | mechanism) by a start from the prior, and its standard error, nats.
    #[serde(deserialize_with = "missing::pair")]
    pub from_prior: [f64; 2],
    /// Particles of that start: what is within much less than one in so many of the prior it may miss; 0
    /// without one.
    pub prior_particles: u64,
    /// How the answer settled, the fewest calls first.
    pub progress: Vec<Settling>,
}

impl Default for Refinement {
    fn default() -> Self {
        Self {
            mechanism: String::new(),
            standing: Standing::default(),
            because: String::new(),
            method: String::new(),
            tempered: false,
            effective: f64::NAN,
            k_hat: f64::NAN,
            log_evidence: f64::NAN,
            log_evidence_error: f64::NAN,
            calls: 0,
            on_grid: false,
            particles: 0,
            log_likelihood_sd: f64::NAN,
            from_prior: [f64::NAN; 2],
            prior_particles: 0,
            progress: Vec::new(),
        }
    }
}

impl Refinement {
    /// The refinement in a sentence.
    #[must_use]
    pub fn in_brief(&self) -> String {
        let how = match self.standing {
            Standing::Amortized => return format!("Not refined: {}.", self.because),
            Standing::Refined => "Not confirmed by a start from the prior",
            Standing::Exact => "Confirmed by a start from the prior",
        };
        let worth = match (self.tempered, self.k_hat.is_nan()) {
            (true, _) => format!(
                "its particles are worth some {:.0} independent draws",
                self.effective
            ),
            (false, true) => format!(
                "the network's proposals are worth {:.0} independent draws, weights too even to have a tail",
                self.effective
            ),
            (false, false) => format!(
                "the network's proposals are worth {:.0} independent draws, k-hat {:.2}",
                self.effective, self.k_hat
            ),
        };
        format!("By {}{}; {worth}. {how}.", self.method, self.of_particles())
    }

    /// ` (128 particles, sd 0.9)`; nothing where the likelihood has a closed form.
    #[must_use]
    pub fn of_particles(&self) -> String {
        match self.particles {
            0 => String::new(),
            count => format!(
                " ({count} particles, sd of the log-likelihood {:.1})",
                self.log_likelihood_sd
            ),
        }
    }
}

/// How good a refined answer was after so many solver calls.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Settling {
    /// Whether it is of tempered particles, and not of weighted proposals.
    #[serde(default)]
    pub tempered: bool,
    /// Likelihoods worked out, or simulations of a particle filter.
    pub calls: u64,
    /// ln p(data | mechanism), nats.
    #[serde(deserialize_with = "missing::number")]
    pub log_evidence: f64,
    /// Its standard error, nats.
    #[serde(deserialize_with = "missing::number")]
    pub error: f64,
    /// Independent draws of the same worth.
    #[serde(deserialize_with = "missing::number")]
    pub effective: f64,
    /// The largest distance of a parameter's mean from the final one, in posterior sds (in the
    /// prior's coordinates).
    #[serde(deserialize_with = "missing::number")]
    pub shift: f64,
}
