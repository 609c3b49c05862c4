//! Probability distributions, as priors and as observation models.
//!
//! A [`Family`] and its arguments, in the order of its [`Signature`], are checked once when a file
//! is read ([`Family::check`]); then they are sampled, evaluated, and mapped to standard-normal
//! coordinates. Every function here is built on [`crate::elementary`], so that the same arguments
//! give the same bits on every machine.
//!
//! ```
//! use gnomon_mechanism::distribution::Family;
//! let family = Family::from_name("Gamma").ok_or("no such family")?;
//! family.check(&[2.0, 0.5])?;
//! assert_eq!(family.check(&[2.0, -1.0]).unwrap_err().to_string(), "rate is -1, but must be positive");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod coordinates;
mod cumulative;
mod density;
mod law;
mod moments;
mod sample;
mod signature;
mod slopes;
mod solve;
mod special;
mod truncated;

#[cfg(test)]
mod tests;

use law::Law;
pub use signature::{Argument, ArgumentError, Signature};

use crate::random::Stream;
use serde::{Deserialize, Serialize};

/// A family of distributions. Arguments are always in the order given here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Family {
    /// `Normal(mean, sd)`, as R `dnorm`, Stan `normal`
    Normal,
    /// `LogNormal(meanlog, sdlog)`: the logarithm is `Normal(meanlog, sdlog)`; as R
    /// `dlnorm`, Stan `lognormal`; SciPy `lognorm(sdlog, scale = exp(meanlog))`
    LogNormal,
    /// `Uniform(low, high)`, as R `dunif`, Stan `uniform`; SciPy `uniform(low, high - low)`
    Uniform,
    /// `LogUniform(low, high)`: the logarithm is uniform; as SciPy `loguniform`
    LogUniform,
    /// `Beta(a, b, low, high)`: a beta distribution stretched from `[0, 1]` to `[low, high]`; with the
    /// defaults 0 and 1 as R `dbeta`, Stan `beta`, SciPy `beta`
    Beta,
    /// `Gamma(shape, rate)`: mean shape / rate; as R `dgamma`, Stan `gamma`; SciPy
    /// `gamma(shape, scale = 1 / rate)`
    Gamma,
    /// `InverseGamma(shape, scale)`: mean scale / (shape - 1); as Stan `inv_gamma`,
    /// SciPy `invgamma(shape, scale = scale)`
    InverseGamma,
    /// `HalfNormal(sd)`: |Normal(0, sd)|; as SciPy `halfnorm(scale = sd)`
    HalfNormal,
    /// `Exponential(rate)`: mean 1 / rate; as R `dexp`, Stan `exponential`
    Exponential,
    /// `StudentT(df, location, scale)`, as Stan `student_t`, SciPy `t`; R `dt` has location 0, scale 1
    StudentT,
    /// `HalfCauchy(scale)`, as SciPy `halfcauchy(scale = scale)`
    HalfCauchy,
    /// `TruncatedNormal(mean, sd, low, high)`: mean and sd before truncation, as R
    /// `truncnorm::dtruncnorm`; SciPy `truncnorm` takes the bounds in standard units
    TruncatedNormal,
    /// `Poisson(mean)`, as R `dpois`, Stan `poisson`, SciPy `poisson`
    Poisson,
    /// `NegativeBinomial(mean, size)`: variance mean + mean^2 / size; mean 0 is a point mass
    /// at 0; as R `dnbinom(size, mu = mean)`, Stan `neg_binomial_2`; SciPy
    /// `nbinom(size, size / (size + mean))`
    NegativeBinomial,
    /// `Binomial(n, p)`, as R `dbinom`, Stan `binomial`, SciPy `binom`
    Binomial,
    /// `Bernoulli(p)`, as Stan `bernoulli`, SciPy `bernoulli`
    Bernoulli,
    /// `Categorical(p0, p1, ...)`: values 0, 1, ...; weights need not sum to 1. Stan counts
    /// from 1
    Categorical,
    /// `Fixed(value)` as a prior, `Exact(value)` as an observation: a point mass
    Exact,
}

impl Family {
    /// One draw, always inside the support. NaN where `args` are impossible; the mean of a count
    /// or a probability that a solver's error put just outside its range (by less than 1e-6) is
    /// taken as the end of that range.
    #[must_use]
    pub fn sample(self, args: &[f64], stream: &mut Stream) -> f64 {
        Law::new(self, args).map_or(f64::NAN, |law| law.sample(stream))
    }

    /// The log-density at `x`, or the log-mass of a discrete family; -inf outside the support, NaN
    /// where `x` or `args` are impossible. For a point mass 0 at its value.
    #[must_use]
    pub fn log_density(self, args: &[f64], x: f64) -> f64 {
        Law::new(self, args).map_or(f64::NAN, |law| law.ln_density(x))
    }

    /// P(X <= x); NaN where `x` or `args` are impossible.
    #[must_use]
    pub fn cdf(self, args: &[f64], x: f64) -> f64 {
        match Law::new(self, args) {
            Some(law) if !x.is_nan() => law.tails(x).lower(),
            _ => f64::NAN,
        }
    }

    /// The smallest `x` with `cdf(x) >= p`, for `p` in `[0, 1]`; NaN where `p` or `args` are
    /// impossible. At `p` 0 and 1 the ends of the support.
    #[must_use]
    pub fn quantile(self, args: &[f64], p: f64) -> f64 {
        match Law::new(self, args) {
            Some(law) if (0.0..=1.0).contains(&p) => law.quantile(p),
            _ => f64::NAN,
        }
    }

    /// The mean; infinite or NaN where it does not exist, NaN where `args` are impossible.
    #[must_use]
    pub fn mean(self, args: &[f64]) -> f64 {
        Law::new(self, args).map_or(f64::NAN, Law::mean)
    }

    /// The standard deviation; infinite or NaN where it does not exist, NaN where `args` are
    /// impossible.
    #[must_use]
    pub fn sd(self, args: &[f64]) -> f64 {
        Law::new(self, args).map_or(f64::NAN, Law::sd)
    }
}
