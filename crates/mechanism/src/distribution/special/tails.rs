//! A probability as the logarithms of both its sides, so that neither saturates.

use crate::elementary::{exp, exp_m1, ln, ln_1p};

use super::ln_lower;
use super::normal::quantile_of_ln;

/// The logarithms of P(X <= x) and P(X > x).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::distribution) struct Tails {
    pub ln_lower: f64,
    pub ln_upper: f64,
}

impl Tails {
    /// Nothing lies below.
    pub const NONE: Self = Self {
        ln_lower: f64::NEG_INFINITY,
        ln_upper: 0.0,
    };
    /// Everything lies below.
    pub const ALL: Self = Self {
        ln_lower: 0.0,
        ln_upper: f64::NEG_INFINITY,
    };

    /// From the logarithm of the lower side.
    pub fn from_ln_lower(ln_lower: f64) -> Self {
        Self {
            ln_lower,
            ln_upper: ln_1m_exp(ln_lower),
        }
    }

    /// From the logarithm of the upper side.
    pub fn from_ln_upper(ln_upper: f64) -> Self {
        Self::from_ln_lower(ln_upper).swapped()
    }

    /// From the probabilities of the two sides, each known on its own.
    pub fn from_probabilities(lower: f64, upper: f64) -> Self {
        if lower < upper {
            Self {
                ln_lower: ln(lower),
                ln_upper: ln_1p(-lower),
            }
        } else {
            Self {
                ln_lower: ln_1p(-upper),
                ln_upper: ln(upper),
            }
        }
    }

    /// Of a standard normal number at `z`.
    pub fn from_normal(z: f64) -> Self {
        Self {
            ln_lower: ln_lower(z),
            ln_upper: ln_lower(-z),
        }
    }

    /// The standard normal number with these sides.
    pub fn to_normal(self) -> f64 {
        if self.ln_lower < self.ln_upper {
            quantile_of_ln(self.ln_lower)
        } else {
            -quantile_of_ln(self.ln_upper)
        }
    }

    /// Lower and upper exchanged.
    pub fn swapped(self) -> Self {
        Self {
            ln_lower: self.ln_upper,
            ln_upper: self.ln_lower,
        }
    }

    /// P(X <= x).
    pub fn lower(self) -> f64 {
        if self.ln_lower < self.ln_upper {
            exp(self.ln_lower)
        } else {
            1.0 - exp(self.ln_upper)
        }
    }
}

/// `ln(1 - exp(x))` for x <= 0 (Maechler 2012).
fn ln_1m_exp(x: f64) -> f64 {
    if x > -std::f64::consts::LN_2 {
        ln(-exp_m1(x))
    } else {
        ln_1p(-exp(x))
    }
}
