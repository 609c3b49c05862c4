//! Between a value and standard-normal coordinates under its distribution: `z` such that the
//! standard normal has the same mass below `z` as the distribution has below the value.
//!
//! Exactly affine for `Normal`, and in the logarithm for `LogNormal`; for the others by way of the
//! logarithms of both tails, so that neither saturates. Discrete families and point masses have no
//! such coordinates.
//!
//! ```
//! use gnomon_mechanism::Family;
//! assert_eq!(Family::Normal.to_normal(&[10.0, 2.0], 13.0), Some(1.5));
//! assert_eq!(Family::Poisson.to_normal(&[10.0], 13.0), None);
//! let far = Family::Exponential.from_normal(&[1.0], 8.0).unwrap_or(f64::NAN);
//! assert!((far - 35.013_437_159_914_55).abs() < 1e-13); // -ln(1 - cdf(8))
//! ```

use crate::elementary::{exp, ln};

use super::special::{LN_SQRT_TAU, Tails};
use super::{Family, Law};

/// Coordinates lie within plus or minus this (but for the affine ones): the mass beyond is 4e-350,
/// less than the smallest positive number.
const FURTHEST: f64 = 40.0;

impl Family {
    /// Whether it has standard-normal coordinates: all continuous families do.
    #[must_use]
    pub const fn has_coordinates(self) -> bool {
        !(self.is_discrete() || matches!(self, Self::Exact))
    }

    /// The standard-normal coordinate of `x`; `None` for families that have none. NaN where `x` or
    /// `args` are impossible or `x` lies outside the support. A value on the support's border is
    /// taken as the nearest number inside, so that its coordinate is finite.
    #[must_use]
    pub fn to_normal(self, args: &[f64], x: f64) -> Option<f64> {
        self.with_coordinates(args, |law| match law.nearest_inside(x) {
            None => f64::NAN,
            Some(x) => match law {
                Law::Normal { mean, sd } => (x - mean) / sd,
                Law::LogNormal { meanlog, sdlog } => (ln(x) - meanlog) / sdlog,
                _ => law.tails(x).to_normal().clamp(-FURTHEST, FURTHEST),
            },
        })
    }

    /// The value whose standard-normal coordinate is `z`, always inside the support; `None` for
    /// families without coordinates, NaN where `z` or `args` are impossible. But for `Normal` and
    /// `LogNormal`, a `z` beyond 40 is taken as 40.
    #[must_use]
    pub fn from_normal(self, args: &[f64], z: f64) -> Option<f64> {
        self.with_coordinates(args, |law| {
            let x = match law {
                _ if z.is_nan() => return f64::NAN,
                Law::Normal { mean, sd } => mean + sd * z,
                Law::LogNormal { meanlog, sdlog } => exp(meanlog + sdlog * z),
                _ => law.invert(Tails::from_normal(z.clamp(-FURTHEST, FURTHEST))),
            };
            law.inside(x)
        })
    }

    /// `ln |dz/dx|` of [`Family::to_normal`] at `x`: the log-density of the family at `x` less
    /// that of the standard normal at `z`. `None` and NaN as there.
    #[must_use]
    pub fn log_slope(self, args: &[f64], x: f64) -> Option<f64> {
        self.with_coordinates(args, |law| match law.nearest_inside(x) {
            None => f64::NAN,
            Some(x) => match law {
                Law::Normal { sd, .. } => -ln(sd),
                Law::LogNormal { sdlog, .. } => -ln(sdlog) - ln(x),
                _ => {
                    let z = law.tails(x).to_normal();
                    law.ln_density(x) + 0.5 * z * z + LN_SQRT_TAU
                }
            },
        })
    }

    fn with_coordinates(self, args: &[f64], map: impl Fn(Law) -> f64) -> Option<f64> {
        self.has_coordinates()
            .then(|| Law::new(self, args).map_or(f64::NAN, map))
    }
}
