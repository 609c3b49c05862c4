//! Alarms about the observed data. One data set is one input, so nothing here can "survive": an
//! alarm is raised, or nothing speaks against the mechanisms.
//!
//! Replicates from the posterior -> predictive checks; held-out simulations -> typicality; either, entry by
//! entry; all -> [`Observed`], which says it in words.

pub mod entries;
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
    /// The entries that stand out, where it looked at each; the farthest first.
    #[serde(default)]
    pub entries: Vec<Deviation>,
}

/// How far an entry of the data lies from where it was expected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deviation {
    /// Which entry, from 0.
    pub entry: usize,
    /// In standard deviations, as a normal's quantiles have them; positive where it is higher.
    pub deviation: f64,
    /// Whether simulations never have a number there, so that any is one too many.
    #[serde(default)]
    pub unseen: bool,
    /// The share of simulations of which any entry deviates as far: it holds for all entries together.
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
    /// Weighs all checks together; the probability of any false alarm is at most `error_rate`: half of it
    /// for alarms about the mechanisms and half for those about the posterior, where there are both. An
    /// alarm needs more than `checks / rate` replicates to be possible at all.
    #[must_use]
    pub fn new(checks: Vec<Check>, error_rate: f64) -> Self {
        let kinds = [About::Mechanisms, About::Posterior]
            .map(|about| positions(&checks, |check| check.about == about));
        let present = kinds.iter().filter(|kind| !kind.is_empty()).count();
        let rate = error_rate / present.max(1) as f64;
        let mut alarms = vec![false; checks.len()];
        for kind in &kinds {
            let p_values: Vec<f64> = kind.iter().map(|&place| checks[place].p_value).collect();
            for (&place, p) in kind.iter().zip(holm(&p_values)) {
                alarms[place] = p <= rate;
            }
        }
        let raised = |about: About| -> String {
            let both = checks.iter().zip(&alarms);
            let raised = both.filter(|(c, alarm)| **alarm && c.about == about);
            let told = raised.map(|(c, _)| format!("{}, p = {}", c.name, in_words(c.p_value)));
            told.collect::<Vec<_>>().join("; ")
        };
        let statement = match (&*raised(About::Mechanisms), &*raised(About::Posterior)) {
            ("", "") => match checks.iter().map(|c| c.p_value).reduce(f64::min) {
                None => String::new(),
                Some(least) => format!(
                    "Nothing in the observed data speaks against these mechanisms: the smallest p-value of {} \
                     checks is {}.",
                    checks.len(),
                    in_words(least)
                ),
            },
            ("", told) => format!(
                "The posterior does not reproduce the observed data ({told}). The mechanisms, the posterior, \
                 or both are wrong there."
            ),
            (told, _) => format!(
                "None of these mechanisms fits: the observed data lie outside what they produce ({told}). \
                 The posterior should not be believed."
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

fn positions(checks: &[Check], wanted: impl Fn(&Check) -> bool) -> Vec<usize> {
    (0..checks.len())
        .filter(|&place| wanted(&checks[place]))
        .collect()
}

/// A p-value with one digit that counts, or two.
fn in_words(p: f64) -> String {
    match p {
        ..0.001 => format!("{p:.4}"),
        ..0.01 => format!("{p:.3}"),
        _ => format!("{p:.2}"),
    }
}
