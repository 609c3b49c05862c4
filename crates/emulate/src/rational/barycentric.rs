//! A rational function in barycentric form: r(z) = sum(w f / (z - s)) / sum(w / (z - s)).

use faer::c64;
use serde::{Deserialize, Serialize};

use super::saved::Plain;

/// A rational function, or several that share their poles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Plain", into = "Plain")]
pub struct Rational {
    /// Support points s.
    pub(super) support: Vec<f64>,
    /// Weights w, one a support point.
    pub(super) weights: Vec<c64>,
    /// Values f at the support points, one row a support point, one number an output.
    pub(super) values: Vec<Vec<c64>>,
}

impl Rational {
    /// The degree of numerator and denominator.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.support.len() - 1
    }

    /// The support points, in the order AAA chose them.
    #[must_use]
    pub fn support(&self) -> &[f64] {
        &self.support
    }

    /// The values at `z`, one an output; at a pole they are not finite.
    #[must_use]
    pub fn at(&self, z: c64) -> Vec<c64> {
        let outputs = self.values[0].len();
        let (mut above, mut below) = (vec![c64::new(0.0, 0.0); outputs], c64::new(0.0, 0.0));
        for ((&s, w), row) in self.support.iter().zip(&self.weights).zip(&self.values) {
            let distance = z - s;
            if distance == c64::new(0.0, 0.0) {
                return row.clone();
            }
            let term = w / distance;
            below += term;
            for (sum, f) in above.iter_mut().zip(row) {
                *sum += term * f;
            }
        }
        above.into_iter().map(|sum| sum / below).collect()
    }

    /// The values at a point of the real line.
    #[must_use]
    pub fn at_real(&self, x: f64) -> Vec<c64> {
        self.at(c64::new(x, 0.0))
    }

    /// The derivative at `z`, one number an output (Schneider & Werner 1986, propositions 11 and 12).
    #[must_use]
    pub fn derivative(&self, z: c64) -> Vec<c64> {
        let here = self.at(z);
        let at_support = self.support.iter().position(|&s| z == c64::new(s, 0.0));
        let mut sums = vec![c64::new(0.0, 0.0); here.len()];
        let mut below = c64::new(0.0, 0.0);
        for (j, ((&s, w), row)) in self
            .support
            .iter()
            .zip(&self.weights)
            .zip(&self.values)
            .enumerate()
        {
            if at_support == Some(j) {
                continue;
            }
            let distance = z - s;
            let term = w / distance;
            below += term;
            for ((sum, y), f) in sums.iter_mut().zip(&here).zip(row) {
                *sum += match at_support {
                    Some(_) => w * (y - f) / distance,
                    None => term * (y - f) / distance,
                };
            }
        }
        let divisor = at_support.map_or(below, |j| -self.weights[j]);
        sums.into_iter().map(|sum| sum / divisor).collect()
    }

    /// sum(w / (z - s)), whose roots are the poles, and its derivative.
    pub(super) fn denominator(&self, z: c64) -> [c64; 2] {
        let mut sums = [c64::new(0.0, 0.0); 2];
        for (&s, w) in self.support.iter().zip(&self.weights) {
            let term = w / (z - s);
            sums[0] += term;
            sums[1] -= term / (z - s);
        }
        sums
    }
}
