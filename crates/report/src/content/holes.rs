//! What a search for holes found: resonances along one parameter, or the worst points of an emulator.

use serde::{Deserialize, Serialize};

use super::{Mechanism, Provenance, missing};

/// What `gnomon holes` found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Holes {
    /// The study's title, or the mechanism's name.
    pub title: String,
    /// What was done, in a sentence.
    pub answer: String,
    /// What produced it, and when.
    pub provenance: Provenance,
    /// The mechanism.
    pub mechanism: Mechanism,
    /// What was shown, by grade.
    pub certificates: Vec<Certified>,
    /// What was not shown, and why.
    pub open: Vec<String>,
    /// The parameter; empty where an emulator was searched.
    pub over: String,
    /// Its unit, or nothing.
    pub unit: String,
    /// What was looked at.
    pub outputs: Vec<HolesOutput>,
    /// Poles.
    pub poles: Vec<HolesPole>,
    /// Names of what the worst points give.
    pub given: Vec<String>,
    /// The worst points of an emulator, worst first.
    pub worst: Vec<WorstPoint>,
}

/// A certificate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Certified {
    /// complete, structural or statistical.
    pub grade: String,
    /// What there is not.
    pub excludes: String,
    /// What there may still be.
    pub cannot_exclude: String,
}

/// One output along the parameter. Pairs are (parameter, number).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HolesOutput {
    /// Its name.
    pub name: String,
    /// |y| of the rational function.
    pub curve: Vec<[f64; 2]>,
    /// |y| that was solved.
    pub samples: Vec<[f64; 2]>,
    /// |y| at the confirmed poles.
    pub poles: Vec<[f64; 2]>,
    /// The smallest residue that would have shown.
    pub hideable: Vec<[f64; 2]>,
}

/// A pole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HolesPole {
    /// Its real part.
    pub position: f64,
    /// The full width of |y|^2 at half of the maximum.
    pub width: f64,
    /// The output in which it is seen best.
    pub output: String,
    /// The size of that output's residue.
    pub residue: f64,
    /// |y| of that output at the position.
    pub height: f64,
    /// confirmed, not confirmed, or missed.
    pub state: String,
}

/// A point where an emulator answers and is wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorstPoint {
    /// What it was given.
    pub query: Vec<f64>,
    /// Its error, in tolerances.
    #[serde(deserialize_with = "missing::number")]
    pub error: f64,
    /// The number that is most in error.
    pub output: String,
    /// What the emulator says of it.
    #[serde(deserialize_with = "missing::number")]
    pub emulator: f64,
    /// What the solver says; NaN where it failed.
    #[serde(deserialize_with = "missing::number")]
    pub solver: f64,
}
