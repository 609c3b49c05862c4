//! Poisson numbers: inversion for small means, transformed rejection for the others.

use crate::elementary::{exp, ln};
use crate::random::Stream;

use super::super::density;
use super::super::special::LN_SQRT_TAU;
use super::TRIES;

/// ln k! less Stirling's (k + 1/2) ln k - k + ln sqrt(2 pi), for k = 1, ..., 15; exact to the last digit.
const SMALL: [f64; 15] = [
    0.081_061_466_795_327_26,
    0.041_340_695_955_409_29,
    0.027_677_925_684_998_34,
    0.020_790_672_103_765_093,
    0.016_644_691_189_821_193,
    0.013_876_128_823_070_748,
    0.011_896_709_945_891_77,
    0.010_411_265_261_972_096,
    0.009_255_462_182_712_733,
    0.008_330_563_433_362_87,
    0.007_573_675_487_951_841,
    0.006_942_840_107_209_53,
    0.006_408_994_188_004_207,
    0.005_951_370_112_758_848,
    0.005_554_733_551_962_801,
];
/// Above this mean the terms of a log-mass cancel too well to be added as they are.
const LARGE: f64 = 1e7;

/// A `Poisson(mean)` number; `mean` must not be negative.
#[inline(always)]
pub(super) fn sample(mean: f64, stream: &mut Stream) -> f64 {
    if mean < 10.0 {
        inversion(mean, stream)
    } else {
        transformed_rejection(mean, stream)
    }
}

#[inline(always)]
fn inversion(mean: f64, stream: &mut Stream) -> f64 {
    let mut left = stream.uniform();
    let mut mass = exp(-mean);
    let mut k = 0.0;
    // Beyond 100 lies less than 1e-60 of the mass.
    while left > mass && k < 100.0 {
        left -= mass;
        k += 1.0;
        mass *= mean / k;
    }
    k
}

/// PTRS (Hormann 1993, "The transformed rejection method for generating Poisson random variables"),
/// for means of 10 and more.
#[inline(always)]
fn transformed_rejection(mean: f64, stream: &mut Stream) -> f64 {
    let root = mean.sqrt();
    let b = 0.931 + 2.53 * root;
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let squeeze = 0.9277 - 3.6224 / (b - 2.0);
    for _ in 0..TRIES {
        let u = stream.uniform() - 0.5;
        let v = stream.uniform();
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
        if us >= 0.07 && v <= squeeze {
            return k;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        if ln(v * inverse_alpha / (a / (us * us) + b)) <= ln_mass(mean, k) {
            return k;
        }
    }
    f64::NAN
}

/// The log-mass at a whole `k` >= 0 for a mean of 10 or more: to 1e-8 where [`density::poisson`] has all digits,
/// in a fraction of the time.
#[inline(always)]
fn ln_mass(mean: f64, k: f64) -> f64 {
    if mean > LARGE {
        return density::poisson(mean, k);
    }
    if k == 0.0 {
        return -mean;
    }
    let rest = match SMALL.get(k as usize - 1) {
        Some(&rest) => rest,
        None => {
            let inverse = 1.0 / k;
            let square = inverse * inverse;
            let series = [1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0];
            inverse
                * series
                    .iter()
                    .fold(-1.0 / 1680.0, |sum, term| sum * square + term)
        }
    };
    k * ln(mean / k) + (k - mean) - 0.5 * ln(k) - LN_SQRT_TAU - rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_masses_are_those_of_the_density() {
        for mean in [10.0, 37.5, 800.0, 1e5, 9.9e6, 3e7] {
            let sd = f64::sqrt(mean);
            let all = (-40..60).map(|i| (mean + 0.2 * f64::from(i) * sd).floor());
            for k in all.chain([0.0, 1.0, 2.0, 15.0, 16.0]).filter(|k| *k >= 0.0) {
                let (own, exact) = (ln_mass(mean, k), density::poisson(mean, k));
                let near = 1e-8 * (1.0 + 1e-3 * exact.abs());
                assert!((own - exact).abs() < near, "{mean} {k}: {own} {exact}");
            }
        }
    }
}
