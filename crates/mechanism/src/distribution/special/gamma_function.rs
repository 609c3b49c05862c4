//! The gamma function, and the two small differences through which its ratios keep their digits.

use crate::elementary::{ln, ln_1p};

use super::LN_SQRT_TAU;

const EULER: f64 = 0.577_215_664_901_532_9;

/// The Riemann zeta function at 2, 3, ..., less 1.
const ZETA_LESS_1: [f64; 31] = [
    0.644_934_066_848_226_4,
    0.202_056_903_159_594_3,
    0.082_323_233_711_138_19,
    0.036_927_755_143_369_93,
    0.017_343_061_984_449_14,
    0.008_349_277_381_922_827,
    0.004_077_356_197_944_339,
    0.002_008_392_826_082_214_4,
    9.945_751_278_180_853e-4,
    4.941_886_041_194_645e-4,
    2.460_865_533_080_483e-4,
    1.227_133_475_784_891_5e-4,
    6.124_813_505_870_483e-5,
    3.058_823_630_702_049e-5,
    1.528_225_940_865_187e-5,
    7.637_197_637_899_762e-6,
    3.817_293_264_999_84e-6,
    1.908_212_716_553_939e-6,
    9.539_620_338_727_96e-7,
    4.769_329_867_878_064e-7,
    2.384_505_027_277_33e-7,
    1.192_199_259_653_110_7e-7,
    5.960_818_905_125_948e-8,
    2.980_350_351_465_228e-8,
    1.490_155_482_836_504e-8,
    7.450_711_789_835_43e-9,
    3.725_334_024_788_457e-9,
    1.862_659_723_513_049e-9,
    9.313_274_324_196_68e-10,
    4.656_629_065_033_784e-10,
    2.328_311_833_676_505_5e-10,
];

/// `ln gamma(1 + x)` for |x| <= 1/2 by its Taylor series (Abramowitz & Stegun 1964, 6.1.33).
fn ln_gamma_near_1(x: f64) -> f64 {
    let mut sum = 0.0;
    for (index, zeta) in ZETA_LESS_1.iter().enumerate().rev() {
        let order = (index + 2) as f64;
        sum = zeta / order - x * sum;
    }
    x * (1.0 - EULER + x * sum) - ln_1p(x)
}

/// `ln gamma(x)` for positive `x`: the Taylor series about 1 below 10, Stirling's above.
pub(in crate::distribution) fn ln_gamma(x: f64) -> f64 {
    if x >= 10.0 {
        return (x - 0.5) * (ln(x) - 1.0) - 0.5 + LN_SQRT_TAU + stirling_error(x);
    }
    if x < 0.5 {
        return ln_gamma_near_1(x) - ln(x);
    }
    if x <= 1.5 {
        return ln_gamma_near_1(x - 1.0);
    }
    let mut product = 1.0;
    let mut reduced = x;
    while reduced > 2.5 {
        reduced -= 1.0;
        product *= reduced;
    }
    ln(product) + ln_1p(reduced - 2.0) + ln_gamma_near_1(reduced - 2.0)
}

/// `ln gamma(1 + x)` for positive `x`, accurate in relative terms near 0.
pub(super) fn ln_gamma_1p(x: f64) -> f64 {
    if x <= 0.5 {
        ln_gamma_near_1(x)
    } else {
        ln_gamma(1.0 + x)
    }
}

/// `ln gamma(x + 1) - (x + 1/2) ln x + x - ln sqrt(2 pi)` for positive `x`: Stirling's error
/// (Loader 2000, "Fast and accurate computation of binomial probabilities").
pub(in crate::distribution) fn stirling_error(x: f64) -> f64 {
    if x < 10.0 {
        return ln_gamma_1p(x) - (x + 0.5) * ln(x) + x - LN_SQRT_TAU;
    }
    const SERIES: [f64; 8] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
        -3617.0 / 122_400.0,
    ];
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    inverse
        * SERIES
            .iter()
            .rev()
            .fold(0.0, |sum, term| sum * square + term)
}

/// `t - ln(1 + t)` for t > -1, accurate in relative terms near 0.
pub(in crate::distribution) fn excess(t: f64) -> f64 {
    if !(-0.5..=0.6).contains(&t) {
        return t - ln_1p(t);
    }
    // ln(1 + t) = 2 atanh(s), and t - 2 s = s t.
    let s = t / (2.0 + t);
    let square = s * s;
    let mut sum = 0.0;
    for term in (1..=18).rev() {
        sum = 1.0 / f64::from(2 * term + 1) + square * sum;
    }
    s * (t - 2.0 * square * sum)
}

/// `x ln(x / mean) + mean - x` (Loader 2000) for positive `x` and `mean`, given also their relative
/// difference `(mean - x) / x`, which the caller may know better than the numbers tell.
pub(in crate::distribution) fn deviance(x: f64, mean: f64, relative: f64) -> f64 {
    if (-0.5..=0.6).contains(&relative) {
        return x * excess(relative);
    }
    let ratio = x / mean;
    let ln_ratio = if ratio.is_normal() {
        ln(ratio)
    } else {
        ln(x) - ln(mean)
    };
    x * ln_ratio + (mean - x)
}

/// The derivative of `ln gamma(x)` for positive `x`: its recurrence up to 10, then the asymptotic
/// series (Abramowitz & Stegun 1964, 6.3.5 and 6.3.18).
pub(in crate::distribution) fn digamma(x: f64) -> f64 {
    const SERIES: [f64; 7] = [
        1.0 / 12.0,
        -1.0 / 120.0,
        1.0 / 252.0,
        -1.0 / 240.0,
        1.0 / 132.0,
        -691.0 / 32760.0,
        1.0 / 12.0,
    ];
    let (mut x, mut below) = (x, 0.0);
    while x < 10.0 {
        below += 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let rest = SERIES
        .iter()
        .rev()
        .fold(0.0, |sum, term| (sum + term) * square);
    ln(x) - 0.5 / x - rest - below
}

#[cfg(test)]
mod tests {
    use super::*;

    /// mpmath 1.4, 40 digits.
    #[test]
    fn ln_gamma_agrees_with_mpmath() {
        for (x, expected) in [
            (1e-300, 690.775_527_898_213_7),
            (1e-3, 6.907_178_885_383_854),
            (0.5, 0.572_364_942_924_700_1),
            (1.0 + 1e-9, -5.772_157_118_381_04e-10),
            (2.5, 0.284_682_870_472_919_2),
            (9.75, 12.242_204_940_050_763),
            (10.0, 12.801_827_480_081_469),
            (1e9, 19_723_265_827.503_716),
        ] {
            let found = ln_gamma(x);
            assert!(
                (found - expected).abs() <= 2e-15 * expected.abs().max(0.3 * x.min(1.0)),
                "ln_gamma({x}) = {found}, expected {expected}"
            );
        }
    }
}
