//! Log-densities of continuous laws and log-masses of discrete ones, accurate in the tails.

use crate::elementary::{ln, ln_1p};

use super::law::Law;
use super::special::{LN_SQRT_TAU, deviance, ln_beta_power, ln_gamma_power, stirling_error};

const LN_SQRT_TWO_OVER_PI: f64 = -0.225_791_352_644_727_43;
const LN_TWO_OVER_PI: f64 = -0.451_582_705_289_454_9;

impl Law<'_> {
    /// The log-density at `x`, or the log-mass; -inf outside the support.
    pub(super) fn ln_density(self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        let (low, high) = self.support();
        if x < low || x > high || x.is_infinite() {
            return f64::NEG_INFINITY;
        }
        match self {
            Self::Normal { mean, sd } => normal((x - mean) / sd) - ln(sd),
            Self::LogNormal { .. } | Self::InverseGamma { .. } if x == 0.0 => f64::NEG_INFINITY,
            Self::LogNormal { meanlog, sdlog } => {
                normal((ln(x) - meanlog) / sdlog) - ln(sdlog) - ln(x)
            }
            Self::Uniform { low, high } => -ln(high - low),
            Self::LogUniform { low, high } => -ln(x) - ln(ln_ratio(high, low)),
            Self::Beta(on) => beta(on.a, on.b, on.shares(x)) - ln(on.width()),
            Self::Gamma { shape, rate } => gamma(shape, rate, x),
            Self::InverseGamma { shape, scale } => ln_gamma_power(shape, scale / x) - ln(x),
            Self::HalfNormal { sd } => {
                let z = x / sd;
                LN_SQRT_TWO_OVER_PI - 0.5 * z * z - ln(sd)
            }
            Self::Exponential { rate } => ln(rate) - rate * x,
            Self::StudentT {
                df,
                location,
                scale,
            } => student(df, (x - location) / scale) - ln(scale),
            Self::HalfCauchy { scale } => LN_TWO_OVER_PI - ln(scale) - ln_1p_square(x / scale),
            Self::TruncatedNormal(truncated) => truncated.ln_density(x),
            Self::Exact { .. } => 0.0,
            _ if x.floor() != x => f64::NEG_INFINITY,
            Self::Poisson { mean } => poisson(mean, x),
            Self::NegativeBinomial { mean, size } => negative_binomial(mean, size, x),
            Self::Binomial { n, p } => binomial(n, p, x),
            Self::Categorical { weights, total } => ln(weights[x as usize] / total),
        }
    }
}

fn normal(z: f64) -> f64 {
    -0.5 * z * z - LN_SQRT_TAU
}

/// `ln(high / low)`, accurate where they are near.
pub(super) fn ln_ratio(high: f64, low: f64) -> f64 {
    let relative = (high - low) / low;
    if relative < 1.0 {
        ln_1p(relative)
    } else {
        ln(high) - ln(low)
    }
}

fn gamma(shape: f64, rate: f64, x: f64) -> f64 {
    if x == 0.0 {
        return match shape.total_cmp(&1.0) {
            std::cmp::Ordering::Less => f64::INFINITY,
            std::cmp::Ordering::Equal => ln(rate),
            std::cmp::Ordering::Greater => f64::NEG_INFINITY,
        };
    }
    ln_gamma_power(shape, rate * x) - ln(x)
}

/// At a share `x` of the way from end to end, `y` of it left.
fn beta(a: f64, b: f64, (x, y): (f64, f64)) -> f64 {
    // At an end the density is that of the power there: 0, finite, or infinite.
    let end = |power: f64, other: f64| match power.total_cmp(&1.0) {
        std::cmp::Ordering::Less => f64::INFINITY,
        std::cmp::Ordering::Equal => ln(other),
        std::cmp::Ordering::Greater => f64::NEG_INFINITY,
    };
    if x == 0.0 {
        end(a, b)
    } else if y == 0.0 {
        end(b, a)
    } else {
        ln_beta_power(a, b, x, y) - ln(x) - ln(y)
    }
}

/// `ln(1 + r^2)`.
fn ln_1p_square(r: f64) -> f64 {
    if r.abs() < 1e150 {
        ln_1p(r * r)
    } else {
        2.0 * ln(r.abs())
    }
}

/// Student's t in standard units (as R's `dt`).
pub(super) fn student(df: f64, t: f64) -> f64 {
    let half = 0.5 * df;
    let constant =
        stirling_error(half + 0.5) - stirling_error(half) - deviance(half, half + 0.5, 1.0 / df);
    let ln_square = ln_1p_square(t / df.sqrt());
    constant - half * ln_square - 0.5 * ln_square - LN_SQRT_TAU
}

/// The log-mass of `Poisson(mean)` at a whole `k` >= 0 (Loader 2000).
pub(super) fn poisson(mean: f64, k: f64) -> f64 {
    if k == 0.0 {
        return -mean;
    }
    if mean == 0.0 {
        return f64::NEG_INFINITY;
    }
    -stirling_error(k) - deviance(k, mean, (mean - k) / k) - 0.5 * ln(k) - LN_SQRT_TAU
}

/// The log-mass of `Binomial(n, p)` at a whole `k` in `0..=n` (Loader 2000).
pub(super) fn binomial(n: f64, p: f64, k: f64) -> f64 {
    if n == 0.0 {
        return 0.0;
    }
    if k == 0.0 {
        return n * ln_1p(-p);
    }
    if k == n {
        return n * ln(p);
    }
    if p == 0.0 || p == 1.0 {
        return f64::NEG_INFINITY;
    }
    let (rest, q) = (n - k, 1.0 - p);
    let shift = n * p - k;
    stirling_error(n)
        - stirling_error(k)
        - stirling_error(rest)
        - deviance(k, n * p, shift / k)
        - deviance(rest, n * q, -shift / rest)
        - 0.5 * (ln(k) + ln(rest / n))
        - LN_SQRT_TAU
}

/// The log-mass of `NegativeBinomial(mean, size)` at a whole `k` >= 0, by Loader's (2000) form of
/// the binomial with its differences written out, so that a huge `size` tends to the Poisson.
fn negative_binomial(mean: f64, size: f64, k: f64) -> f64 {
    if k == 0.0 {
        let ratio = mean / size;
        return -size
            * if ratio.is_finite() {
                ln_1p(ratio)
            } else {
                ln(mean) - ln(size)
            };
    }
    if mean == 0.0 {
        return f64::NEG_INFINITY;
    }
    let n = size + k;
    // p = size / (size + mean), the probability of a success.
    let p = size / (size + mean);
    let q = mean / (size + mean);
    stirling_error(n)
        - stirling_error(size)
        - stirling_error(k)
        - deviance(size, n * p, (k - mean) / (size + mean))
        - deviance(k, n * q, p * (mean - k) / k)
        + 0.5 * (ln(size / n) - ln(k))
        - LN_SQRT_TAU
}
