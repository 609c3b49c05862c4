//! Draws: exact algorithms on the stream's uniform, normal and exponential numbers.
//!
//! Every rejection loop gives up, with NaN, after [`TRIES`] rounds, which no possible arguments
//! come near: their acceptance is above 1/4 a round.
//!
//! What a draw takes is `#[inline(always)]`, so that it is compiled a second time for machines with fused
//! multiply-add, without which every `mul_add` of the elementary functions is a call. The bits are the same.

mod binomial;
mod gamma;
mod poisson;
mod truncated_normal;

use crate::elementary::{exp, ln, tan};
use crate::random::Stream;

use super::density::ln_ratio;
use super::law::Law;

use std::f64::consts::FRAC_PI_2;

const TRIES: usize = 1000;

/// [`Law::drawn`] compiled for machines with fused multiply-add.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn drawn_fused(law: Law<'_>, stream: &mut Stream) -> f64 {
    law.drawn(stream)
}

impl Law<'_> {
    /// One draw.
    pub(super) fn sample(self, stream: &mut Stream) -> f64 {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the machine was asked and has both.
            return unsafe { drawn_fused(self, stream) };
        }
        self.drawn(stream)
    }

    #[inline(always)]
    fn drawn(self, stream: &mut Stream) -> f64 {
        match self {
            Self::Normal { mean, sd } => mean + sd * stream.normal(),
            Self::LogNormal { meanlog, sdlog } => {
                self.inside(exp(meanlog + sdlog * stream.normal()))
            }
            Self::Uniform { low, high } => {
                let share = stream.uniform();
                (low * (1.0 - share) + high * share).clamp(low, high)
            }
            Self::LogUniform { low, high } => {
                (low * exp(ln_ratio(high, low) * stream.uniform())).clamp(low, high)
            }
            Self::Beta(beta) => {
                // As logarithms: with small a and b both gamma numbers may underflow.
                let ratio = gamma::ln_standard(beta.b, stream) - gamma::ln_standard(beta.a, stream);
                self.inside(beta.low + beta.width() * (1.0 / (1.0 + exp(ratio))))
            }
            Self::Gamma { shape, rate } => self.inside(gamma::standard(shape, stream) / rate),
            Self::InverseGamma { shape, scale } => {
                self.inside(exp(ln(scale) - gamma::ln_standard(shape, stream)))
            }
            Self::HalfNormal { sd } => self.inside(sd * stream.normal().abs()),
            Self::Exponential { rate } => self.inside(stream.exponential() / rate),
            Self::StudentT {
                df,
                location,
                scale,
            } => {
                let half = 0.5 * df;
                let spread = exp(0.5 * (ln(half) - gamma::ln_standard(half, stream)));
                self.inside(location + scale * (stream.normal() * spread))
            }
            Self::HalfCauchy { scale } => {
                self.inside(scale * tan(FRAC_PI_2 * stream.uniform()).abs())
            }
            Self::TruncatedNormal(truncated) => truncated_normal::sample(truncated, stream),
            Self::Poisson { mean } => poisson::sample(mean, stream),
            Self::NegativeBinomial { mean, size } => {
                // Poisson with a gamma-distributed mean.
                let factor = gamma::standard(size, stream) / size;
                poisson::sample((mean * factor).min(f64::MAX), stream)
            }
            Self::Binomial { n, p } => binomial::sample(n, p, stream),
            Self::Categorical { weights, total } => {
                let mut left = total * stream.uniform();
                for (k, &weight) in weights.iter().enumerate() {
                    left -= weight;
                    if left < 0.0 {
                        return k as f64;
                    }
                }
                // Rounding left a trace after the last weight.
                self.support().1
            }
            Self::Exact { value } => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Family;
    use super::*;
    use crate::random::Purpose;

    /// Machines with fused multiply-add draw the same bits as others.
    #[test]
    fn instruction_sets_do_not_change_draws() {
        let all: [(Family, &[f64]); 8] = [
            (Family::Normal, &[1.0, 2.0]),
            (Family::LogNormal, &[1.0, 0.5]),
            (Family::Gamma, &[2.5, 0.3]),
            (Family::Gamma, &[0.4, 0.3]),
            (Family::Poisson, &[4.0]),
            (Family::Poisson, &[3000.0]),
            (Family::NegativeBinomial, &[200.0, 30.0]),
            (Family::Binomial, &[500.0, 0.7]),
        ];
        for (family, args) in all {
            let stream = |index: u64| Stream::new(3, Purpose::OBSERVATION, index);
            let law = Law::new(family, args).unwrap();
            for index in 0..500 {
                let best = law.sample(&mut stream(index));
                let portable = law.drawn(&mut stream(index));
                assert_eq!(best.to_bits(), portable.to_bits(), "{family:?} {args:?}");
            }
        }
    }
}
