//! A family with its arguments named and known to be possible: what every computation starts from.

use super::Family;

/// How far outside its range a count's mean or a probability may lie, by the error of the solver
/// that computed it, and still be taken as the end of the range.
const SOLVER_NOISE: f64 = 1e-6;

/// No argument may be larger, nor a positive one smaller than its inverse: so that squares and
/// ratios of arguments are numbers.
pub(super) const LARGEST_ARGUMENT: f64 = 1e150;

/// A family and arguments that are possible.
#[derive(Clone, Copy, Debug)]
pub(super) enum Law<'a> {
    Normal { mean: f64, sd: f64 },
    LogNormal { meanlog: f64, sdlog: f64 },
    Uniform { low: f64, high: f64 },
    LogUniform { low: f64, high: f64 },
    Beta(Beta),
    Gamma { shape: f64, rate: f64 },
    InverseGamma { shape: f64, scale: f64 },
    HalfNormal { sd: f64 },
    Exponential { rate: f64 },
    StudentT { df: f64, location: f64, scale: f64 },
    HalfCauchy { scale: f64 },
    TruncatedNormal(Truncated),
    Poisson { mean: f64 },
    NegativeBinomial { mean: f64, size: f64 },
    Binomial { n: f64, p: f64 },
    Categorical { weights: &'a [f64], total: f64 },
    Exact { value: f64 },
}

/// A beta distribution on `[low, high]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beta {
    pub a: f64,
    pub b: f64,
    pub low: f64,
    pub high: f64,
}

impl Beta {
    pub fn width(self) -> f64 {
        self.high - self.low
    }

    /// Where `x` lies between the ends: its distance from the lower and from the upper one.
    pub fn shares(self, x: f64) -> (f64, f64) {
        (
            (x - self.low) / self.width(),
            (self.high - x) / self.width(),
        )
    }
}

/// `Normal(mean, sd)` given that it lies in `[low, high]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Truncated {
    pub mean: f64,
    pub sd: f64,
    pub low: f64,
    pub high: f64,
}

impl<'a> Law<'a> {
    /// The law, or `None` where `args` are impossible. Means of counts and probabilities that
    /// leave their range by less than [`SOLVER_NOISE`] are taken as its end.
    pub(super) fn new(family: Family, args: &'a [f64]) -> Option<Self> {
        let real = |x: f64| x.abs() <= LARGEST_ARGUMENT;
        let positive = |x: f64| (1.0 / LARGEST_ARGUMENT..=LARGEST_ARGUMENT).contains(&x);
        let count = |mean: f64| {
            (-SOLVER_NOISE..=LARGEST_ARGUMENT)
                .contains(&mean)
                .then_some(mean.max(0.0))
        };
        let probability =
            |p: f64| (p > -SOLVER_NOISE && p < 1.0 + SOLVER_NOISE).then_some(p.clamp(0.0, 1.0));
        let between = |low: f64, high: f64| low < high && real(low) && real(high);
        match (family, args) {
            (Family::Normal, &[mean, sd]) => {
                (real(mean) && positive(sd)).then_some(Self::Normal { mean, sd })
            }
            (Family::LogNormal, &[meanlog, sdlog]) => {
                (real(meanlog) && positive(sdlog)).then_some(Self::LogNormal { meanlog, sdlog })
            }
            (Family::Uniform, &[low, high]) => {
                between(low, high).then_some(Self::Uniform { low, high })
            }
            (Family::LogUniform, &[low, high]) => {
                (positive(low) && between(low, high)).then_some(Self::LogUniform { low, high })
            }
            (Family::Beta, &[a, b, ref rest @ ..]) if rest.len() <= 2 => {
                let low = rest.first().copied().unwrap_or(0.0);
                let high = rest.get(1).copied().unwrap_or(1.0);
                (positive(a) && positive(b) && between(low, high)).then_some(Self::Beta(Beta {
                    a,
                    b,
                    low,
                    high,
                }))
            }
            (Family::Gamma, &[shape, rate]) => {
                (positive(shape) && positive(rate)).then_some(Self::Gamma { shape, rate })
            }
            (Family::InverseGamma, &[shape, scale]) => {
                (positive(shape) && positive(scale)).then_some(Self::InverseGamma { shape, scale })
            }
            (Family::HalfNormal, &[sd]) => positive(sd).then_some(Self::HalfNormal { sd }),
            (Family::Exponential, &[rate]) => positive(rate).then_some(Self::Exponential { rate }),
            (Family::StudentT, &[df, ref rest @ ..]) if rest.len() <= 2 => {
                let location = rest.first().copied().unwrap_or(0.0);
                let scale = rest.get(1).copied().unwrap_or(1.0);
                (positive(df) && real(location) && positive(scale)).then_some(Self::StudentT {
                    df,
                    location,
                    scale,
                })
            }
            (Family::HalfCauchy, &[scale]) => positive(scale).then_some(Self::HalfCauchy { scale }),
            (Family::TruncatedNormal, &[mean, sd, low, high]) => {
                let bound = |x: f64| real(x) || x.is_infinite();
                let bounds = low < high
                    && bound(low)
                    && bound(high)
                    && low < f64::INFINITY
                    && high > f64::NEG_INFINITY;
                (real(mean) && positive(sd) && bounds).then_some(Self::TruncatedNormal(Truncated {
                    mean,
                    sd,
                    low,
                    high,
                }))
            }
            (Family::Poisson, &[mean]) => Some(Self::Poisson { mean: count(mean)? }),
            (Family::NegativeBinomial, &[mean, size]) => Some(Self::NegativeBinomial {
                mean: count(mean)?,
                size: positive(size).then_some(size)?,
            }),
            (Family::Binomial, &[n, p]) => {
                let p = probability(p)?;
                let whole = n >= 0.0 && real(n) && n.floor() == n;
                whole.then_some(Self::Binomial { n, p })
            }
            (Family::Bernoulli, &[p]) => Some(Self::Binomial {
                n: 1.0,
                p: probability(p)?,
            }),
            (Family::Categorical, weights) => {
                let total: f64 = weights.iter().sum();
                let possible = weights.iter().all(|&weight| weight >= 0.0);
                (possible && total > 0.0 && total.is_finite())
                    .then_some(Self::Categorical { weights, total })
            }
            (Family::Exact, &[value]) => value.is_finite().then_some(Self::Exact { value }),
            _ => None,
        }
    }

    /// Whether it has a density.
    pub(super) fn is_continuous(self) -> bool {
        !matches!(
            self,
            Self::Poisson { .. }
                | Self::NegativeBinomial { .. }
                | Self::Binomial { .. }
                | Self::Categorical { .. }
                | Self::Exact { .. }
        )
    }

    /// The smallest and the largest value, or their limits.
    pub(super) fn support(self) -> (f64, f64) {
        match self {
            Self::Normal { .. } | Self::StudentT { .. } => (f64::NEG_INFINITY, f64::INFINITY),
            Self::LogNormal { .. }
            | Self::Gamma { .. }
            | Self::InverseGamma { .. }
            | Self::HalfNormal { .. }
            | Self::Exponential { .. }
            | Self::HalfCauchy { .. } => (0.0, f64::INFINITY),
            Self::Uniform { low, high }
            | Self::LogUniform { low, high }
            | Self::TruncatedNormal(Truncated { low, high, .. }) => (low, high),
            Self::Beta(Beta { low, high, .. }) => (low, high),
            Self::Poisson { mean } | Self::NegativeBinomial { mean, .. } => {
                (0.0, if mean == 0.0 { 0.0 } else { f64::INFINITY })
            }
            Self::Binomial { n, p } => (
                if p == 1.0 { n } else { 0.0 },
                if p == 0.0 { 0.0 } else { n },
            ),
            Self::Categorical { weights, .. } => {
                let first = weights.iter().position(|&weight| weight > 0.0);
                let last = weights.iter().rposition(|&weight| weight > 0.0);
                (first.unwrap_or(0) as f64, last.unwrap_or(0) as f64)
            }
            Self::Exact { value } => (value, value),
        }
    }

    /// The finite number strictly inside the support of a continuous law that is nearest to `x`.
    pub(super) fn inside(self, x: f64) -> f64 {
        let (low, high) = self.support();
        // Numbers next to 0 are subnormal, where digits are lost: the smallest normal one instead.
        let least = if low == 0.0 {
            f64::MIN_POSITIVE
        } else {
            low.next_up()
        };
        let most = if high == 0.0 {
            -f64::MIN_POSITIVE
        } else {
            high.next_down()
        };
        if least <= most {
            x.clamp(least, most)
        } else {
            x.clamp(low, high)
        }
    }

    /// The same for `x` in the support or on its border; `None` elsewhere.
    pub(super) fn nearest_inside(self, x: f64) -> Option<f64> {
        let (low, high) = self.support();
        (x >= low && x <= high).then(|| self.inside(x))
    }
}
