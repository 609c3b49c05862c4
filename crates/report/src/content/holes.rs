//! Resonances along one parameter, and what could hide between the samples.

use serde::{Deserialize, Serialize};

/// A scan along one parameter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Holes {
    /// The parameter.
    pub over: String,
    /// Its unit, or nothing.
    pub unit: String,
    /// What was looked at.
    pub outputs: Vec<HolesOutput>,
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
