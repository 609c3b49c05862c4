//! Alarms about the observed data. One data set is one input, so nothing here can "survive": an
//! alarm is raised, or nothing speaks against the mechanisms.
//!
//! Replicates from the posterior -> predictive checks; held-out simulations -> typicality; both ->
//! [`Observed`], which says it in words.

pub mod predictive;
pub mod typicality;

use gnomon_claim::multiplicity::holm;
use serde::{Deserialize, Serialize};

/// One question asked of the observed data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// Whether a posterior or the mechanisms themselves are in question.
    pub about: About,
    /// The observed value.
    pub observed: f64,
    /// The same of each replicate or held-out simulation.
    pub replicates: Vec<f64>,
    /// Permutation-style p-value: `(1 + #) / (1 + B)`.
    pub p_value: f64,
}

/// What a small p-value speaks against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The posterior: its replicates do not look like the data.
    Posterior,
    /// The mechanisms: no parameters of theirs make such data often.
    Mechanisms,
}

/// All checks of one observed data set, and what they say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The checks.
    pub checks: Vec<Check>,
    /// Whether each raises an alarm, at one error rate for all (Holm 1979).
    pub alarms: Vec<bool>,
    /// One sentence or two.
    pub statement: String,
}

impl Observed {
    /// Weighs all checks together; the probability of any false alarm is at most `error_rate`. An
    /// alarm needs more than `checks / error_rate` replicates to be possible at all.
    #[must_use]
    pub fn new(checks: Vec<Check>, error_rate: f64) -> Self {
        let p_values: Vec<f64> = checks.iter().map(|check| check.p_value).collect();
        let alarms: Vec<bool> = holm(&p_values)
            .into_iter()
            .map(|p| p <= error_rate)
            .collect();
        let raised = |about: About| -> Vec<&str> {
            let both = checks.iter().zip(&alarms);
            both.filter(|(c, alarm)| **alarm && c.about == about)
                .map(|(c, _)| &*c.name)
                .collect()
        };
        let statement = match (&*raised(About::Mechanisms), &*raised(About::Posterior)) {
            ([], []) => "Nothing in the observed data speaks against these mechanisms.".into(),
            ([], names) => format!(
                "The posterior does not reproduce the observed data: {}. The mechanisms, the \
                 posterior, or both are wrong there.",
                names.join(", ")
            ),
            (names, _) => format!(
                "None of these mechanisms fits: the observed data lie outside what they produce \
                 ({}). The posterior should not be believed.",
                names.join(", ")
            ),
        };
        Self {
            checks,
            alarms,
            statement,
        }
    }

    /// Whether any alarm speaks against every mechanism.
    #[must_use]
    pub fn no_mechanism_fits(&self) -> bool {
        self.checks
            .iter()
            .zip(&self.alarms)
            .any(|(c, &a)| a && c.about == About::Mechanisms)
    }
}
