//! Derivatives with respect to a distribution's arguments: of the log-density at a value, and of the
//! value at a standard-normal coordinate.
//!
//! ```
//! use gnomon_mechanism::Family;
//! let mut slopes = [0.0; 2];
//! Family::Normal.log_density_slopes(&[10.0, 2.0], 13.0, &mut slopes);
//! assert_eq!(slopes, [0.75, 0.625]); // z / sd, (z^2 - 1) / sd
//! ```

use crate::elementary::{exp, ln, ln_1p};

use super::density::ln_ratio;
use super::special::{LN_SQRT_TAU, digamma};
use super::{Family, Law};

/// The share of an argument by which it is moved to see what moves with it.
const NUDGE: f64 = 1e-5;

impl Family {
    /// The derivative of [`Family::log_density`] at `x` with respect to each argument, written to
    /// `slopes` (one number an argument). NaN where `args` are impossible or `x` has no density; 0
    /// for an argument that is a whole number (`n` of `Binomial`) and for a point mass.
    pub fn log_density_slopes(self, args: &[f64], x: f64, slopes: &mut [f64]) {
        slopes.fill(f64::NAN);
        let Some(law) = Law::new(self, args) else {
            return;
        };
        let (low, high) = law.support();
        if x >= low && x <= high {
            law.ln_density_slopes(x, slopes);
        }
    }

    /// The derivative of [`Family::from_normal`] at `z`, where it gives `x`, with respect to `z`;
    /// `None` and NaN as there.
    #[must_use]
    pub fn from_normal_slope(self, args: &[f64], z: f64, x: f64) -> Option<f64> {
        let law = |law: Law<'_>| match law {
            Law::Normal { sd, .. } => sd,
            Law::LogNormal { sdlog, .. } => x * sdlog,
            _ => exp(-0.5 * z * z - LN_SQRT_TAU - law.ln_density(x)),
        };
        self.has_coordinates()
            .then(|| Law::new(self, args).map_or(f64::NAN, law))
    }

    /// The derivative of [`Family::from_normal`] at `z`, where it gives `x`, with respect to the
    /// argument in place `position`: in closed form where it is simple, else by a central
    /// difference. `None` and NaN as there.
    #[must_use]
    pub fn from_normal_by_argument(
        self,
        args: &[f64],
        position: usize,
        z: f64,
        x: f64,
    ) -> Option<f64> {
        match (self, args, position) {
            (Self::Normal, _, 0) => Some(1.0),
            (Self::Normal, _, 1) => Some(z),
            (Self::LogNormal, _, 0) => Some(x),
            (Self::LogNormal, _, 1) => Some(x * z),
            (Self::Uniform, &[low, high], 0) => Some((high - x) / (high - low)),
            (Self::Uniform, &[low, high], 1) => Some((x - low) / (high - low)),
            _ => {
                // An argument of 0, such as a bound, has the value's scale.
                let scale = match args[position].abs() {
                    0.0 => x.abs(),
                    size => size,
                };
                let nudge = NUDGE * scale.max(NUDGE);
                let at = |shift: f64| {
                    let mut moved = args.to_vec();
                    moved[position] += shift;
                    self.from_normal(&moved, z)
                };
                Some((at(nudge)? - at(-nudge)?) / (2.0 * nudge))
            }
        }
    }
}

/// `count / per`, of which none count nothing.
fn share(count: f64, per: f64) -> f64 {
    if count == 0.0 { 0.0 } else { count / per }
}

impl Law<'_> {
    fn ln_density_slopes(self, x: f64, slopes: &mut [f64]) {
        match self {
            Self::Normal { mean, sd } => {
                let z = (x - mean) / sd;
                slopes.copy_from_slice(&[z / sd, (z * z - 1.0) / sd]);
            }
            Self::LogNormal { meanlog, sdlog } => {
                let z = (ln(x) - meanlog) / sdlog;
                slopes.copy_from_slice(&[z / sdlog, (z * z - 1.0) / sdlog]);
            }
            Self::Uniform { low, high } => {
                let per = 1.0 / (high - low);
                slopes.copy_from_slice(&[per, -per]);
            }
            Self::LogUniform { low, high } => {
                let per = 1.0 / ln_ratio(high, low);
                slopes.copy_from_slice(&[per / low, -per / high]);
            }
            Self::Beta(on) => {
                let (below, above) = on.shares(x);
                let (a, b, width) = (on.a, on.b, on.width());
                let both = digamma(a + b);
                let all = [
                    ln(below) - digamma(a) + both,
                    ln(above) - digamma(b) + both,
                    (a + b - 1.0 - (a - 1.0) / below) / width,
                    ((b - 1.0) / above - (a + b - 1.0)) / width,
                ];
                let given = slopes.len();
                slopes.copy_from_slice(&all[..given]);
            }
            Self::Gamma { shape, rate } => {
                slopes.copy_from_slice(&[ln(rate * x) - digamma(shape), shape / rate - x]);
            }
            Self::InverseGamma { shape, scale } => {
                let by_shape = ln(scale / x) - digamma(shape);
                slopes.copy_from_slice(&[by_shape, shape / scale - 1.0 / x]);
            }
            Self::HalfNormal { sd } => {
                let z = x / sd;
                slopes.copy_from_slice(&[(z * z - 1.0) / sd]);
            }
            Self::Exponential { rate } => slopes.copy_from_slice(&[1.0 / rate - x]),
            Self::StudentT {
                df,
                location,
                scale,
            } => {
                let t = (x - location) / scale;
                // (df + 1) t / (df + t^2), without a square that overflows.
                let pull = (df + 1.0) / (df / t + t);
                let by_df = 0.5
                    * (digamma(0.5 * (df + 1.0))
                        - digamma(0.5 * df)
                        - 1.0 / df
                        - ln_1p(t * t / df)
                        + pull * t / df);
                let all = [by_df, pull / scale, (pull * t - 1.0) / scale];
                let given = slopes.len();
                slopes.copy_from_slice(&all[..given]);
            }
            Self::HalfCauchy { scale } => {
                let r = x / scale;
                let share = if r > 1.0 {
                    1.0 / (1.0 / (r * r) + 1.0)
                } else {
                    r * r / (1.0 + r * r)
                };
                slopes.copy_from_slice(&[(2.0 * share - 1.0) / scale]);
            }
            Self::TruncatedNormal(truncated) => {
                let z = (x - truncated.mean) / truncated.sd;
                // Density at an end, and that times the end's distance in standard units.
                let end = |end: f64| {
                    if end.is_infinite() {
                        return (0.0, 0.0);
                    }
                    let density = exp(truncated.ln_density(end));
                    (density, density * (end - truncated.mean) / truncated.sd)
                };
                let ((low, low_z), (high, high_z)) = (end(truncated.low), end(truncated.high));
                slopes.copy_from_slice(&[
                    z / truncated.sd + high - low,
                    (z * z - 1.0) / truncated.sd + high_z - low_z,
                    low,
                    -high,
                ]);
            }
            Self::Poisson { mean } => slopes.copy_from_slice(&[share(x, mean) - 1.0]),
            Self::NegativeBinomial { mean, size } => {
                let all = size + mean;
                let by_size =
                    digamma(x + size) - digamma(size) - ln_1p(mean / size) + (mean - x) / all;
                slopes.copy_from_slice(&[share(x, mean) - (x + size) / all, by_size]);
            }
            Self::Binomial { n, p } => {
                let by_p = share(x, p) - share(n - x, 1.0 - p);
                slopes.fill(0.0);
                if let Some(last) = slopes.last_mut() {
                    *last = by_p;
                }
            }
            Self::Categorical { weights, total } => {
                slopes.fill(-1.0 / total);
                if let Some(slope) = slopes.get_mut(x as usize) {
                    *slope += 1.0 / weights[x as usize];
                }
            }
            Self::Exact { .. } => slopes.fill(0.0),
        }
    }
}
