//! Means and standard deviations.

use crate::elementary::{exp, exp_m1};

use super::density::ln_ratio;
use super::law::{Beta, Law};

use std::f64::consts::FRAC_2_PI;

impl Law<'_> {
    /// Infinite or NaN where the integral diverges or does not exist.
    pub(super) fn mean(self) -> f64 {
        match self {
            Self::Normal { mean, .. }
            | Self::Poisson { mean }
            | Self::NegativeBinomial { mean, .. } => mean,
            Self::LogNormal { meanlog, sdlog } => exp(meanlog + 0.5 * sdlog * sdlog),
            Self::Uniform { low, high } => 0.5 * low + 0.5 * high,
            Self::LogUniform { low, high } => (high - low) / ln_ratio(high, low),
            Self::Beta(beta) => beta.low + beta.width() * (beta.a / (beta.a + beta.b)),
            Self::Gamma { shape, rate } => shape / rate,
            Self::InverseGamma { shape, .. } if shape <= 1.0 => f64::INFINITY,
            Self::InverseGamma { shape, scale } => scale / (shape - 1.0),
            Self::HalfNormal { sd } => sd * FRAC_2_PI.sqrt(),
            Self::Exponential { rate } => 1.0 / rate,
            Self::StudentT { df, .. } if df <= 1.0 => f64::NAN,
            Self::StudentT { location, .. } => location,
            Self::HalfCauchy { .. } => f64::INFINITY,
            Self::TruncatedNormal(truncated) => truncated.moments().0,
            Self::Binomial { n, p } => n * p,
            Self::Categorical { weights, total } => {
                let sum: f64 = (0..).zip(weights).map(|(k, w)| f64::from(k) * w).sum();
                sum / total
            }
            Self::Exact { value } => value,
        }
    }

    /// Infinite or NaN where the integral diverges or does not exist.
    pub(super) fn sd(self) -> f64 {
        match self {
            Self::Normal { sd, .. } => sd,
            Self::LogNormal { sdlog, .. } => self.mean() * exp_m1(sdlog * sdlog).sqrt(),
            Self::Uniform { low, high } => (high - low) / 12f64.sqrt(),
            Self::LogUniform { low, high } => log_uniform_sd(low, high),
            Self::Beta(beta @ Beta { a, b, .. }) => {
                beta.width() * (a / (a + b) * (b / (a + b)) / (a + b + 1.0)).sqrt()
            }
            Self::Gamma { shape, rate } => shape.sqrt() / rate,
            Self::InverseGamma { shape, .. } if shape <= 2.0 => f64::INFINITY,
            Self::InverseGamma { shape, .. } => self.mean() / (shape - 2.0).sqrt(),
            Self::HalfNormal { sd } => sd * (1.0 - FRAC_2_PI).sqrt(),
            Self::Exponential { rate } => 1.0 / rate,
            Self::StudentT { df, .. } if df <= 1.0 => f64::NAN,
            Self::StudentT { df, .. } if df <= 2.0 => f64::INFINITY,
            Self::StudentT { df, scale, .. } => scale * (df / (df - 2.0)).sqrt(),
            Self::HalfCauchy { .. } => f64::INFINITY,
            Self::TruncatedNormal(truncated) => truncated.moments().1.sqrt(),
            Self::Poisson { mean } => mean.sqrt(),
            Self::NegativeBinomial { mean, size } => (mean * (1.0 + mean / size)).sqrt(),
            Self::Binomial { n, p } => (n * p * (1.0 - p)).sqrt(),
            Self::Categorical { weights, total } => {
                let mean = self.mean();
                let sum: f64 = (0..)
                    .zip(weights)
                    .map(|(k, w)| w * (f64::from(k) - mean) * (f64::from(k) - mean))
                    .sum();
                (sum / total).sqrt()
            }
            Self::Exact { .. } => 0.0,
        }
    }
}

/// In units of the geometric mean of the ends the variance is
/// `sinh(L) / L - (sinh(L / 2) / (L / 2))^2`, `L = ln(high / low)`: by its series where `L` is small.
fn log_uniform_sd(low: f64, high: f64) -> f64 {
    let width = ln_ratio(high, low);
    if width > 4.0 {
        let mean = (high - low) / width;
        let square = (high - low) * (0.5 * high + 0.5 * low) / width;
        return (square - mean * mean).sqrt();
    }
    let square = width * width;
    let mut power = 1.0;
    let mut factorial = 2.0;
    let mut sum = 0.0;
    for k in 1..20 {
        let k = f64::from(k);
        power *= square;
        factorial *= (2.0 * k + 1.0) * (2.0 * k + 2.0);
        sum += power * 2.0 * k / factorial;
    }
    let middle = low * exp(0.5 * width);
    middle * sum.sqrt()
}
