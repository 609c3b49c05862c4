//! What testing a claim gives.

use crate::Claim;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The outcome of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The claim holds within its tolerance, at the stated error rate, and every control behaved.
    Survived,
    /// The claim is violated beyond its tolerance, at the stated error rate.
    Falsified,
    /// The inputs ran out before either could be said.
    Undecided,
    /// A control failed: the test could not have told.
    Untestable,
    /// What is trivial passes as well, so passing says nothing.
    Vacuous,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Survived => "survived",
            Self::Falsified => "falsified",
            Self::Undecided => "undecided",
            Self::Untestable => "untestable",
            Self::Vacuous => "vacuous",
        })
    }
}

/// Something that must pass, or must fail, for a test to mean anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// What was put in the answer's place.
    pub name: String,
    /// What had to be observed.
    pub expected: String,
    /// What was observed.
    pub observed: String,
    /// Whether the two agree.
    pub behaved: bool,
    /// Whether it shows power to catch a violation (else: that the test spares what holds).
    pub planted: bool,
}

/// A claim with its verdict and what the verdict rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tested {
    /// The claim.
    pub claim: Claim,
    /// Its verdict.
    pub verdict: Verdict,
    /// The statistic's estimate, to be compared with `claim.assertion.tolerance()`.
    pub estimate: f64,
    /// Lower and upper confidence bounds, each at `threshold`.
    pub interval: [f64; 2],
    /// p-value of "the claim is false": small values let it survive.
    pub p_survive: f64,
    /// p-value of "the claim is true": small values falsify it.
    pub p_falsify: f64,
    /// Stopped e-value against "the claim is false", where the test bets.
    pub e_survive: Option<f64>,
    /// Stopped e-value against "the claim is true", where the test bets.
    pub e_falsify: Option<f64>,
    /// The p-value at which each side decides: the list's error rate over its number of claims.
    pub threshold: f64,
    /// Independent inputs used.
    pub inputs: usize,
    /// What the test was checked with.
    pub controls: Vec<Control>,
    /// The seed of the test's inputs and of its own randomness.
    pub seed: u64,
    /// 1 for the first time that this claim about these weights touches its test pool.
    pub attempt: u32,
    /// The claim that it rests on and whose verdict it took over, if it did.
    pub because: Option<String>,
    /// The worst input's index, when the claim is falsified and one input shows it.
    pub counterexample: Option<usize>,
}
