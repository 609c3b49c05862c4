//! The regularized incomplete beta function, both sides, as logarithms.

use crate::elementary::ln;

use super::normal::LN_SQRT_TAU;
use super::{Tails, deviance, stirling_error};

/// `ln(x^a y^b / B(a, b))` for positive `a` and `b`, where `y = 1 - x`: the log-density of
/// `ln(x / y)` where `x` is `Beta(a, b)`. By Loader's (2000) saddle-point form of the binomial.
pub(in crate::distribution) fn ln_beta_power(a: f64, b: f64, x: f64, y: f64) -> f64 {
    // The difference between x and its mean a / (a + b), times a + b.
    let shift = b * x - a * y;
    let n = a + b;
    stirling_error(n)
        - stirling_error(a)
        - stirling_error(b)
        - deviance(a, n * x, shift / a)
        - deviance(b, n * y, -shift / b)
        + 0.5 * (ln(a) + ln(b / n))
        - LN_SQRT_TAU
}

/// Both sides of `Beta(a, b)` at `x`, where `y = 1 - x`.
pub(in crate::distribution) fn beta_tails(a: f64, b: f64, x: f64, y: f64) -> Tails {
    // A fraction converges below the mean, but slowly near 1, where the other side's is taken; a
    // little beyond the mean it converges too.
    let below_mean = a * y >= b * x;
    let well_below = x * (b + 1.0) <= y * (a + 1.0);
    if x <= 0.0 {
        Tails::NONE
    } else if y <= 0.0 {
        Tails::ALL
    } else if well_below && (below_mean || y >= 0.9) || below_mean && x < 0.9 {
        let fraction = continued_fraction(a, b, x, y);
        Tails::from_ln_lower((ln_beta_power(a, b, x, y) + ln(fraction)).min(0.0))
    } else {
        let fraction = continued_fraction(b, a, y, x);
        Tails::from_ln_upper((ln_beta_power(a, b, x, y) + ln(fraction)).min(0.0))
    }
}

/// The lower side over `x^a y^b / B(a, b)`, for `x` below the mean, by the continued fraction of
/// DiDonato & Morris (1992, "Algorithm 708", equation 9) and Lentz's method. Its terms are positive
/// there and know the distance from the mean; it needs about `sqrt(max(a, b))` of them.
fn continued_fraction(a: f64, b: f64, x: f64, y: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let shift = a * y - b * x;
    let mut fraction = away(a / (a + 1.0) * (shift + 1.0));
    let mut c = fraction;
    let mut d = 0.0;
    for step in 1..100_000 {
        let m = f64::from(step);
        let odd = a + (2.0 * m - 1.0);
        let share = m / odd * (b - m) * x;
        let numerator = (a + (m - 1.0)) / odd * ((a + b + (m - 1.0)) * x) * share;
        let denominator = m + share + (a + m) / (odd + 2.0) * (shift + 1.0 + m * (1.0 + y));
        d = 1.0 / away(denominator + numerator * d);
        c = away(denominator + numerator / c);
        let factor = c * d;
        fraction *= factor;
        if (factor - 1.0).abs() < 2e-16 || factor.is_nan() {
            break;
        }
    }
    1.0 / fraction
}
