//! The kinds of surrogate, and how each is fitted.

use super::polynomial::Polynomial;
use super::process::{GaussianProcess, Trend};
use serde::{Deserialize, Serialize};

/// A kind of surrogate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// The bank's mean, whatever is asked: what any other must beat.
    Mean,
    /// Sparse polynomial expansions: for smooth outputs.
    Polynomial(Polynomial),
    /// Gaussian processes: for banks of up to some 2,000 rows.
    GaussianProcess(GaussianProcess),
    /// Another family on the logarithms of outputs, all of them positive.
    Logarithm(Box<Family>),
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mean => write!(f, "mean"),
            Self::Polynomial(_) => write!(f, "polynomial expansion"),
            Self::GaussianProcess(settings) => {
                let trend = match settings.trend {
                    Trend::Constant => "constant",
                    Trend::Linear => "linear",
                    Trend::Polynomial => "polynomial",
                };
                write!(f, "Gaussian process, {trend} trend")
            }
            Self::Logarithm(of) => write!(f, "{of} of logarithms"),
        }
    }
}
