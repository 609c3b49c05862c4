//! A rational function on disk: complex numbers as pairs.

use faer::c64;
use serde::{Deserialize, Serialize};

use super::Rational;

/// Plain numbers of a [`Rational`].
#[derive(Serialize, Deserialize)]
pub(super) struct Plain {
    support: Vec<f64>,
    weights: Vec<[f64; 2]>,
    values: Vec<Vec<[f64; 2]>>,
}

impl From<Rational> for Plain {
    fn from(function: Rational) -> Self {
        let pairs = |numbers: &Vec<c64>| numbers.iter().map(|z| [z.re, z.im]).collect();
        Self {
            weights: pairs(&function.weights),
            values: function.values.iter().map(pairs).collect(),
            support: function.support,
        }
    }
}

impl TryFrom<Plain> for Rational {
    type Error = &'static str;

    fn try_from(plain: Plain) -> Result<Self, Self::Error> {
        let m = plain.support.len();
        let outputs = plain.values.first().map(Vec::len);
        let is_even = plain.values.iter().all(|row| Some(row.len()) == outputs);
        if m == 0 || plain.weights.len() != m || plain.values.len() != m || !is_even {
            return Err("a rational function needs a weight and a row of values a support point");
        }
        let complex = |pairs: &Vec<[f64; 2]>| pairs.iter().map(|p| c64::new(p[0], p[1])).collect();
        Ok(Self {
            weights: complex(&plain.weights),
            values: plain.values.iter().map(complex).collect(),
            support: plain.support,
        })
    }
}
