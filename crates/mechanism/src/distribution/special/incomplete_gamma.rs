//! The regularized incomplete gamma function, both sides, as logarithms.

use crate::elementary::{exp, exp_m1, ln, ln_1p};

use super::gamma_function::ln_gamma_1p;
use super::normal::{LN_SQRT_TAU, ln_lower, mills_ratio};
use super::{Tails, deviance, excess, ln_gamma, stirling_error};

/// `ln(x^a exp(-x) / gamma(a))` for positive `a` and `x`: the log-density of `ln x` where `x` is
/// `Gamma(a, 1)`.
pub(in crate::distribution) fn ln_gamma_power(a: f64, x: f64) -> f64 {
    if x == f64::INFINITY {
        f64::NEG_INFINITY
    } else if a < 10.0 {
        a * ln(x) - x - ln_gamma(a)
    } else {
        0.5 * ln(a) - LN_SQRT_TAU - deviance(a, x, (x - a) / a) - stirling_error(a)
    }
}

/// Both sides of `Gamma(a, 1)` at `x`.
pub(in crate::distribution) fn gamma_tails(a: f64, x: f64) -> Tails {
    if x <= 0.0 {
        return Tails::NONE;
    }
    if x == f64::INFINITY {
        return Tails::ALL;
    }
    if a >= 20.0 && (x - a).abs() < 0.6 * a {
        uniform_expansion(a, x)
    } else if x < a + 1.0 {
        let ln_lower = ln_gamma_power(a, x) - ln(a) + ln(power_series(a, x));
        let lower = exp(ln_lower);
        if a < 1.0 && lower > 0.5 {
            Tails::from_ln_upper(ln_upper_of_small(a, x))
        } else {
            Tails::from_ln_lower(ln_lower.min(0.0))
        }
    } else {
        Tails::from_ln_upper((ln_gamma_power(a, x) + ln(continued_fraction(a, x))).min(0.0))
    }
}

/// `1 + x / (a + 1) + x^2 / ((a + 1) (a + 2)) + ...`
fn power_series(a: f64, x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    let mut denominator = a;
    for _ in 0..2000 {
        denominator += 1.0;
        term *= x / denominator;
        sum += term;
        if term < 1e-17 * sum {
            break;
        }
    }
    sum
}

/// The upper side where it is the smaller and `a` is small: no difference of near numbers.
/// `lower = x^a / gamma(1 + a) (1 + a r)`, `r = sum over n >= 1 of (-x)^n / ((a + n) n!)`.
fn ln_upper_of_small(a: f64, x: f64) -> f64 {
    let mut power = 1.0;
    let mut sum = 0.0;
    for n in 1..60 {
        let n = f64::from(n);
        power *= -x / n;
        sum += power / (a + n);
    }
    let ln_scale = a * ln(x) - ln_gamma_1p(a);
    ln(-exp_m1(ln_scale) - exp(ln_scale) * a * sum)
}

/// The upper side over `x^a exp(-x) / gamma(a)`: Legendre's continued fraction by Lentz's method
/// (Press et al. 2007, section 6.2).
fn continued_fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for step in 1..2000 {
        let n = f64::from(step);
        let numerator = n * (a - n);
        b += 2.0;
        d = numerator * d + b;
        d = 1.0 / if d.abs() < TINY { TINY } else { d };
        c = b + numerator / c;
        c = if c.abs() < TINY { TINY } else { c };
        let factor = c * d;
        fraction *= factor;
        if (factor - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction
}

/// Temme's expansion, uniform in `x` near `a` (Gil, Segura & Temme 2012, "Efficient and accurate
/// algorithms for the computation and inversion of the incomplete gamma function ratios", 2.4).
fn uniform_expansion(a: f64, x: f64) -> Tails {
    /// Taylor coefficients of `eta / (x / a - 1)`.
    const SERIES: [f64; 27] = [
        1.0,
        -1.0 / 3.0,
        1.0 / 12.0,
        -2.0 / 135.0,
        1.0 / 864.0,
        1.0 / 2835.0,
        -139.0 / 777_600.0,
        1.0 / 25_515.0,
        -571.0 / 261_273_600.0,
        -1.854_062_210_715_16e-6,
        8.296_711_340_953_087e-7,
        -1.766_595_273_682_607_8e-7,
        6.707_853_543_401_498e-9,
        1.026_180_978_424_030_9e-8,
        -4.382_036_018_453_353e-9,
        9.147_699_582_236_79e-10,
        -2.551_419_399_494_624_8e-11,
        -5.830_772_132_550_426e-11,
        2.436_194_802_066_741_5e-11,
        -5.027_669_280_114_175_5e-12,
        1.100_439_203_195_613_5e-13,
        3.371_763_262_400_985e-13,
        -1.392_388_722_418_162e-13,
        2.853_489_380_704_744_5e-14,
        -5.139_111_834_242_572e-16,
        -1.975_228_829_434_944_2e-15,
        8.099_521_156_704_561e-16,
    ];
    let relative = (x - a) / a;
    let half_square = excess(relative);
    let eta = (2.0 * half_square).sqrt().copysign(relative);
    let mut beta = [0.0; 26];
    beta[25] = SERIES[26];
    beta[24] = SERIES[25];
    for m in (1..=24).rev() {
        beta[m - 1] = SERIES[m] + (m + 1) as f64 * beta[m + 1] / a;
    }
    let sum = beta.iter().rev().fold(0.0, |sum, term| sum * eta + term) / (1.0 + beta[1] / a);
    let z = eta * a.sqrt();
    let ln_tail = ln_lower(-z.abs());
    // The correction is a multiple of the density at z, moved from the upper side to the lower.
    let share = sum / a.sqrt() / mills_ratio(z.abs());
    if z > 0.0 {
        Tails::from_ln_upper(ln_tail + ln_1p(share))
    } else {
        Tails::from_ln_lower(ln_tail + ln_1p(-share))
    }
}
