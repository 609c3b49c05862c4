//! The kinds of surrogate, and how each is fitted.

use super::network::Network;
use super::polynomial::Polynomial;
use super::process::{GaussianProcess, Kernel, Trend};
use super::rational::Fraction;
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
    /// Ensembles of residual networks: for large banks.
    Network(Network),
    /// Rational functions of the only input that varies, outputs sharing their poles: for resonances.
    Rational(Fraction),
    /// Another family on the coefficients of the bank's main modes: for series and fields.
    Reduced {
        /// Most modes; fewer where they leave less than 1e-10 of the variance, or where more do not lower
        /// the held-out error.
        modes: usize,
        /// What learns the coefficients.
        of: Box<Family>,
    },
    /// Another family on the logarithms of outputs, all of them positive.
    Logarithm(Box<Family>),
}

impl Family {
    /// Whether a fit takes so long that it is judged by one held-out part instead of five.
    pub(super) fn is_costly(&self) -> bool {
        match self {
            Self::Network(_) => true,
            Self::Reduced { of, .. } | Self::Logarithm(of) => of.is_costly(),
            Self::Mean | Self::Polynomial(_) | Self::GaussianProcess(_) | Self::Rational(_) => {
                false
            }
        }
    }
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
                match settings.kernels[..] {
                    [Kernel::Matern52] => write!(f, "Gaussian process, Matern, {trend} trend"),
                    [Kernel::SquaredExponential] => {
                        write!(f, "Gaussian process, squared exponential, {trend} trend")
                    }
                    _ => write!(f, "Gaussian process, {trend} trend"),
                }
            }
            Self::Rational(_) => write!(f, "rational function"),
            Self::Network(settings) => {
                match settings.members {
                    1 => write!(f, "network")?,
                    members => write!(f, "{members} networks")?,
                }
                let layers: Vec<String> = settings.layers.iter().map(usize::to_string).collect();
                match layers.is_empty() {
                    true => Ok(()),
                    false => write!(f, " of {}", layers.join(", ")),
                }
            }
            Self::Reduced { of, .. } => write!(f, "{of} of modes"),
            Self::Logarithm(of) => write!(f, "{of} of logarithms"),
        }
    }
}
