//! The standard normal distribution function, its logarithm, and its inverse.

use crate::elementary::{exp, ln, ln_1p};

/// `ln sqrt(2 pi)`.
pub(in crate::distribution) const LN_SQRT_TAU: f64 = 0.918_938_533_204_672_8;
const INVERSE_SQRT_TAU: f64 = 0.398_942_280_401_432_7;

/// Where Cody's first approximation ends, and his third begins.
const CENTRE: f64 = 0.674_489_75;
const FAR: f64 = 5.656_854_249_492_381;

/// Nodes and weights of the 16-point Gauss-Legendre rule on [-1, 1], the positive half.
pub(in crate::distribution) const GAUSS_LEGENDRE: [(f64, f64); 8] = [
    (0.095_012_509_837_637_44, 0.189_450_610_455_068_5),
    (0.281_603_550_779_258_9, 0.182_603_415_044_923_6),
    (0.458_016_777_657_227_4, 0.169_156_519_395_002_54),
    (0.617_876_244_402_643_7, 0.149_595_988_816_576_73),
    (0.755_404_408_355_003, 0.124_628_971_255_533_87),
    (0.865_631_202_387_831_7, 0.095_158_511_682_492_78),
    (0.944_575_023_073_232_6, 0.062_253_523_938_647_89),
    (0.989_400_934_991_649_9, 0.027_152_459_411_754_095),
];

/// The rational function `numerator / denominator`, coefficients from the highest power down.
fn rational(x: f64, numerator: &[f64], denominator: &[f64]) -> f64 {
    let horner = |terms: &[f64]| terms.iter().fold(0.0, |sum, term| sum * x + term);
    horner(numerator) / horner(denominator)
}

/// `cdf(x) - 1/2`, accurate in relative terms near 0 (Cody 1969, as in R's `pnorm`).
pub(in crate::distribution) fn central(x: f64) -> f64 {
    if x.abs() > CENTRE {
        let upper = scaled_tail(x.abs()) * exp(-0.5 * x * x);
        return (0.5 - upper).copysign(x);
    }
    x * rational(
        x * x,
        &[
            0.065_682_337_918_207_45,
            2.235_252_035_460_684,
            161.028_231_068_555_88,
            1_067.689_485_460_371,
            18_154.981_253_343_56,
        ],
        &[
            1.0,
            47.202_581_904_688_24,
            976.098_551_737_776_7,
            10_260.932_208_618_978,
            45_507.789_335_026_73,
        ],
    )
}

/// `(1 - cdf(x)) exp(x^2 / 2)` for x >= 0 (Cody 1969, as in R's `pnorm`).
fn scaled_tail(x: f64) -> f64 {
    if x <= CENTRE {
        return (0.5 - central(x)) * exp(0.5 * x * x);
    }
    if x <= FAR {
        return rational(
            x,
            &[
                1.076_557_677_372_019_2e-8,
                0.398_941_512_088_134_66,
                8.883_149_794_388_377,
                93.506_656_132_177_85,
                597.270_276_394_800_2,
                2_494.537_585_290_372_6,
                6_848.190_450_536_283,
                11_602.651_437_647_35,
                9_842.714_838_383_978,
            ],
            &[
                1.0,
                22.266_688_044_328_117,
                235.387_901_782_625,
                1_519.377_599_407_554_8,
                6_485.558_298_266_761,
                18_615.571_640_885_1,
                34_900.952_721_145_98,
                38_912.003_286_093_27,
                19_685.429_676_859_992,
            ],
        );
    }
    let inverse_square = 1.0 / (x * x);
    let correction = inverse_square
        * rational(
            inverse_square,
            &[
                0.023_073_441_764_940_174,
                0.215_898_534_057_957,
                0.127_401_161_160_247_36,
                0.022_235_277_870_649_807,
                0.001_421_619_193_227_893_4,
                2.911_287_495_116_879_3e-5,
            ],
            &[
                1.0,
                1.284_260_096_144_911,
                0.468_238_212_480_865_1,
                0.065_988_137_868_928_56,
                0.003_782_396_332_027_582_4,
                7.297_515_550_839_662e-5,
            ],
        );
    (INVERSE_SQRT_TAU - correction) / x
}

/// The upper tail over the density at x >= 0.
pub(super) fn mills_ratio(x: f64) -> f64 {
    scaled_tail(x) / INVERSE_SQRT_TAU
}

/// `ln cdf(z)`.
pub(in crate::distribution) fn ln_lower(z: f64) -> f64 {
    if z == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if z <= 0.0 {
        ln(scaled_tail(-z)) - 0.5 * z * z
    } else {
        ln_1p(-scaled_tail(z) * exp(-0.5 * z * z))
    }
}

/// The `z` with `ln cdf(z) = ln_p`, for `ln_p <= ln(1/2)`: Newton's method on the logarithm, from
/// the approximation of Hastings (1955).
pub(super) fn quantile_of_ln(ln_p: f64) -> f64 {
    if ln_p == f64::NEG_INFINITY {
        return ln_p;
    }
    let t = (-2.0 * ln_p).sqrt();
    let mut x = if t < 40.0 {
        t - rational(
            t,
            &[0.010_328, 0.802_853, 2.515_517],
            &[0.001_308, 0.189_269, 1.432_788, 1.0],
        )
    } else {
        t - (ln(t) + LN_SQRT_TAU) / t
    };
    for _ in 0..8 {
        x = x.max(0.0);
        let tail = scaled_tail(x);
        // The hazard, density over tail, is minus the derivative of the logarithm.
        let step = (ln(tail) - 0.5 * x * x - ln_p) * tail / INVERSE_SQRT_TAU;
        x += step;
        if step.abs() <= 1e-15 * (1.0 + x.abs()) {
            break;
        }
    }
    -x.max(0.0)
}

/// `ln(cdf(b) - cdf(a)) + a^2 / 2` for 0 <= a <= b, where `width = b - a`, which the caller may know
/// better than the ends. `b` may be infinite.
pub(in crate::distribution) fn ln_upper_interval(a: f64, b: f64, width: f64) -> f64 {
    if width <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if width * a.max(1.0) < 1.0 {
        // The density over that at `a`, smooth enough here for one Gauss-Legendre rule.
        let half = 0.5 * width;
        let mut sum = 0.0;
        for (node, weight) in GAUSS_LEGENDRE {
            for offset in [half * (1.0 - node), half * (1.0 + node)] {
                sum += weight * exp(-offset * (a + 0.5 * offset));
            }
        }
        return ln(half) + ln(sum) - LN_SQRT_TAU;
    }
    let ln_near = ln(scaled_tail(a));
    if b == f64::INFINITY {
        return ln_near;
    }
    ln_near + ln_1p(-scaled_tail(b) * exp(-width * (a + 0.5 * width) - ln_near))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// mpmath 1.4, 40 digits: `log(ncdf(z))`.
    #[test]
    fn ln_lower_agrees_with_mpmath_and_is_inverted() {
        for (z, expected) in [
            (-1e4, -50_000_010.129_278_93),
            (-40.0, -804.608_442_013_753_8),
            (-8.0, -35.013_437_159_914_55),
            (-1.0, -1.841_021_645_009_263_6),
            (-0.1, -0.776_154_592_730_273_3),
            (3.0, -0.001_350_809_964_748_193_7),
            (8.0, -6.220_960_574_271_786e-16),
        ] {
            let found = ln_lower(z);
            assert!(
                (found / expected - 1.0).abs() < 4e-15,
                "ln_lower({z}) = {found}, expected {expected}"
            );
            if z < 0.0 {
                assert!((quantile_of_ln(found) / z - 1.0).abs() < 1e-14);
            }
        }
    }
}
