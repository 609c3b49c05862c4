//! The kinds of surrogate, and how each is fitted.

use super::polynomial::Polynomial;
use serde::{Deserialize, Serialize};

/// A kind of surrogate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// The bank's mean, whatever is asked: what any other must beat.
    Mean,
    /// Sparse polynomial expansions: for smooth outputs.
    Polynomial(Polynomial),
    /// Another family on the logarithms of outputs, all of them positive.
    Logarithm(Box<Family>),
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mean => write!(f, "mean"),
            Self::Polynomial(_) => write!(f, "polynomial expansion"),
            Self::Logarithm(of) => write!(f, "{of} of logarithms"),
        }
    }
}
