//! Correlation functions of a scaled distance, and what their slopes need.

use serde::{Deserialize, Serialize};

/// How correlation falls with distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// Matern with smoothness 5/2: answers have two derivatives (Rasmussen & Williams 2006, equation 4.17).
    Matern52,
    /// exp(-r^2 / 2): answers have all derivatives.
    SquaredExponential,
}

impl Kernel {
    /// The correlation at squared scaled distance `square`, and g = -(d correlation / d r) / r there.
    #[inline]
    pub(super) fn at(self, square: f64) -> (f64, f64) {
        match self {
            Self::SquaredExponential => {
                let correlation = (-0.5 * square).exp();
                (correlation, correlation)
            }
            Self::Matern52 => {
                let a = (5.0 * square).sqrt();
                let falling = (-a).exp();
                let correlation = (1.0 + a + a * a / 3.0) * falling;
                (correlation, 5.0 / 3.0 * (1.0 + a) * falling)
            }
        }
    }
}

/// Squared distance in units of the lengthscales.
#[inline]
pub(super) fn scaled_square(a: &[f64], b: &[f64], inverse: &[f64]) -> f64 {
    let each = a.iter().zip(b).zip(inverse);
    each.map(|((a, b), inverse)| {
        let apart = (a - b) * inverse;
        apart * apart
    })
    .sum()
}
