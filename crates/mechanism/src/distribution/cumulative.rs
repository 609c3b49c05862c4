//! Distribution functions and their inverses, by way of [`Tails`].

use crate::elementary::{atan, exp, ln, sinh, tan};

use super::density::{ln_ratio, student};
use super::law::Law;
use super::solve::solve;
use super::special::{
    LN_SQRT_TAU, Tails, beta_tails, central, gamma_tails, ln_beta_power, ln_gamma, ln_gamma_power,
    ln_lower,
};

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, LN_2};

/// Logarithms of the smallest and largest positive numbers that are used.
const LN_RANGE: (f64, f64) = (-708.3, 709.7);

impl Law<'_> {
    /// P(X <= x) and P(X > x), as logarithms.
    pub(super) fn tails(self, x: f64) -> Tails {
        let (low, high) = self.support();
        if x < low || (x == low && self.is_continuous()) {
            return Tails::NONE;
        }
        if x >= high {
            return Tails::ALL;
        }
        match self {
            Self::Normal { mean, sd } => Tails::from_normal((x - mean) / sd),
            Self::LogNormal { meanlog, sdlog } => Tails::from_normal((ln(x) - meanlog) / sdlog),
            Self::Uniform { low, high } => {
                let width = high - low;
                Tails::from_probabilities((x - low) / width, (high - x) / width)
            }
            Self::LogUniform { low, high } => {
                let width = ln_ratio(high, low);
                Tails::from_probabilities(ln_ratio(x, low) / width, ln_ratio(high, x) / width)
            }
            Self::Beta(beta) => {
                let (share, rest) = beta.shares(x);
                beta_tails(beta.a, beta.b, share, rest)
            }
            Self::Gamma { shape, rate } => gamma_tails(shape, rate * x),
            Self::InverseGamma { shape, scale } => gamma_tails(shape, scale / x).swapped(),
            Self::HalfNormal { sd } => {
                let z = x / sd;
                if z < 1.0 {
                    Tails::from_ln_lower(ln(2.0 * central(z)))
                } else {
                    Tails::from_ln_upper(ln_lower(-z) + LN_2)
                }
            }
            Self::Exponential { rate } => Tails::from_ln_upper(-rate * x),
            Self::StudentT {
                df,
                location,
                scale,
            } => student_tails(df, (x - location) / scale),
            Self::HalfCauchy { scale } => {
                Tails::from_probabilities(FRAC_2_PI * atan(x / scale), FRAC_2_PI * atan(scale / x))
            }
            Self::TruncatedNormal(truncated) => truncated.tails(x),
            Self::Poisson { mean } => gamma_tails(x.floor() + 1.0, mean).swapped(),
            Self::NegativeBinomial { mean, size } => {
                let total = size + mean;
                beta_tails(size, x.floor() + 1.0, size / total, mean / total)
            }
            Self::Binomial { n, p } => {
                let k = x.floor();
                beta_tails(n - k, k + 1.0, 1.0 - p, p)
            }
            Self::Categorical { weights, total } => {
                let (lower, upper) = weights.split_at(x as usize + 1);
                let share = |weights: &[f64]| weights.iter().sum::<f64>() / total;
                Tails::from_probabilities(share(lower), share(upper))
            }
            // Every x falls below or at the value, handled above.
            Self::Exact { .. } => Tails::ALL,
        }
    }

    /// The value of a continuous law with these tails.
    pub(super) fn invert(self, tails: Tails) -> f64 {
        let (low, high) = self.support();
        if tails.ln_lower == f64::NEG_INFINITY {
            return low;
        }
        if tails.ln_upper == f64::NEG_INFINITY {
            return high;
        }
        let lower_is_smaller = tails.ln_lower < tails.ln_upper;
        match self {
            Self::Normal { mean, sd } => mean + sd * tails.to_normal(),
            Self::LogNormal { meanlog, sdlog } => exp(meanlog + sdlog * tails.to_normal()),
            Self::Uniform { low, high } if lower_is_smaller => {
                low + (high - low) * exp(tails.ln_lower)
            }
            Self::Uniform { low, high } => high - (high - low) * exp(tails.ln_upper),
            Self::LogUniform { low, high } if lower_is_smaller => {
                low * exp(ln_ratio(high, low) * exp(tails.ln_lower))
            }
            Self::LogUniform { low, high } => {
                high * exp(-ln_ratio(high, low) * exp(tails.ln_upper))
            }
            Self::Beta(beta) => beta.low + beta.width() * invert_beta(beta.a, beta.b, tails),
            Self::Gamma { shape, rate } => exp(ln_inverse_gamma(shape, tails) - ln(rate)),
            Self::InverseGamma { shape, scale } => {
                exp(ln(scale) - ln_inverse_gamma(shape, tails.swapped()))
            }
            Self::HalfNormal { sd } if lower_is_smaller => sd * invert_central(tails),
            Self::HalfNormal { sd } => {
                let halved = Tails::from_ln_upper(tails.ln_upper - LN_2);
                sd * halved.to_normal()
            }
            Self::Exponential { rate } => -tails.ln_upper / rate,
            Self::StudentT {
                df,
                location,
                scale,
            } => location + scale * invert_student(df, tails),
            Self::HalfCauchy { scale } if lower_is_smaller => {
                scale * tan(FRAC_PI_2 * exp(tails.ln_lower))
            }
            Self::HalfCauchy { scale } => scale / tan(FRAC_PI_2 * exp(tails.ln_upper)),
            Self::TruncatedNormal(truncated) => truncated.invert(tails),
            Self::Poisson { .. }
            | Self::NegativeBinomial { .. }
            | Self::Binomial { .. }
            | Self::Categorical { .. }
            | Self::Exact { .. } => self.smallest_with(tails.lower()),
        }
    }

    /// The smallest x with P(X <= x) >= p.
    pub(super) fn quantile(self, p: f64) -> f64 {
        let (low, high) = self.support();
        match self {
            _ if p == 0.0 => low,
            _ if p == 1.0 => high,
            Self::Exact { value } => value,
            Self::Poisson { .. }
            | Self::NegativeBinomial { .. }
            | Self::Binomial { .. }
            | Self::Categorical { .. } => self.smallest_with(p),
            _ => self
                .invert(Tails::from_probabilities(p, 1.0 - p))
                .clamp(low, high),
        }
    }

    /// The smallest whole number with P(X <= x) >= p: a search that doubles its step from the
    /// mean, then halves the interval.
    fn smallest_with(self, p: f64) -> f64 {
        let (low, high) = self.support();
        let reaches = |k: f64| self.tails(k).lower() >= p;
        let mean = self.mean().floor();
        let mut step = self.sd().floor().max(1.0);
        let (mut below, mut at) = (low - 1.0, mean.clamp(low, high));
        if reaches(at) {
            while at - step >= low && reaches(at - step) {
                at -= step;
                step *= 2.0;
            }
            below = below.max(at - step);
        } else {
            while !reaches(at) {
                below = at;
                at = (at + step).min(high);
                step *= 2.0;
            }
        }
        while at - below > 1.0 {
            let middle = (below + 0.5 * (at - below)).floor();
            if middle <= below || middle >= at {
                break;
            }
            if reaches(middle) {
                at = middle;
            } else {
                below = middle;
            }
        }
        at
    }
}

/// `ln` of the value of `Gamma(shape, 1)` with these tails, by Newton's method from the guess of
/// Wilson & Hilferty (1931), or of the power of x that rules near 0.
fn ln_inverse_gamma(shape: f64, tails: Tails) -> f64 {
    let target = tails.to_normal();
    let root = 1.0 - 1.0 / (9.0 * shape) + target / (3.0 * shape.sqrt());
    let guess = if shape > 0.3 && root > 0.3 {
        ln(shape) + 3.0 * ln(root)
    } else {
        (tails.ln_lower + ln_gamma(shape) + ln(shape)) / shape
    };
    solve(target, guess, LN_RANGE, |u| {
        let x = exp(u);
        let z = gamma_tails(shape, x).to_normal();
        (z, exp(ln_gamma_power(shape, x) + 0.5 * z * z + LN_SQRT_TAU))
    })
}

/// The value of `Beta(a, b)` with these tails, by Newton's method in its logit.
fn invert_beta(a: f64, b: f64, tails: Tails) -> f64 {
    let target = tails.to_normal();
    let guess = ln(a) - ln(b) + target * (1.0 / a + 1.0 / b).sqrt();
    let ends = |u: f64| {
        let small = exp(-u.abs());
        let (minor, major) = (small / (1.0 + small), 1.0 / (1.0 + small));
        if u < 0.0 {
            (minor, major)
        } else {
            (major, minor)
        }
    };
    let range = (LN_RANGE.0, -LN_RANGE.0);
    let logit = solve(target, guess, range, |u| {
        let (x, y) = ends(u);
        let z = beta_tails(a, b, x, y).to_normal();
        let slope = exp(ln_beta_power(a, b, x, y) + 0.5 * z * z + LN_SQRT_TAU);
        (z, slope)
    });
    ends(logit).0
}

/// Student's t in standard units: one side is an incomplete beta function of `df / (df + t^2)`.
fn student_tails(df: f64, t: f64) -> Tails {
    let r = t / df.sqrt();
    let ln_outer = if r.is_infinite() {
        f64::NEG_INFINITY
    } else if r.abs() > 1e100 {
        // There the density is a power, to 1e-200.
        student(df, t) + ln(t.abs()) - ln(df)
    } else {
        let square = r * r;
        let (x, y) = (1.0 / (1.0 + square), square / (1.0 + square));
        beta_tails(0.5 * df, 0.5, x, y).ln_lower - LN_2
    };
    let tails = Tails::from_ln_upper(ln_outer.min(-LN_2));
    if t >= 0.0 { tails } else { tails.swapped() }
}

/// The value of Student's t with these tails, by Newton's method in its inverse hyperbolic sine.
fn invert_student(df: f64, tails: Tails) -> f64 {
    let target = tails.to_normal().abs();
    let u = solve(target, target, (0.0, LN_RANGE.1), |u| {
        let t = sinh(u);
        let z = student_tails(df, t).to_normal();
        let slope = exp(student(df, t) + 0.5 * z * z + LN_SQRT_TAU);
        (z, slope * (1.0 + t * t).sqrt())
    });
    sinh(u).copysign(tails.ln_lower - tails.ln_upper)
}

/// The `z >= 0` with `2 (cdf(z) - 1/2)` the lower side, which is below 1/2: Newton's method.
fn invert_central(tails: Tails) -> f64 {
    let half = 0.5 * exp(tails.ln_lower);
    let mut z = half * exp(LN_SQRT_TAU);
    for _ in 0..6 {
        z -= (central(z) - half) * exp(0.5 * z * z + LN_SQRT_TAU);
    }
    z
}
