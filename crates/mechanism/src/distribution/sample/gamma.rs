//! Gamma numbers of rate 1 (Marsaglia & Tsang 2000, "A simple method for generating gamma
//! variables"); shapes below 1 by their power of a uniform number.

use crate::elementary::{exp, ln};
use crate::random::Stream;

use super::TRIES;

/// A `Gamma(shape, 1)` number; 0 where it is too small for a number.
#[inline(always)]
pub(super) fn standard(shape: f64, stream: &mut Stream) -> f64 {
    if shape >= 1.0 {
        at_least_1(shape, stream)
    } else {
        exp(ln_standard(shape, stream))
    }
}

/// The logarithm of a `Gamma(shape, 1)` number.
#[inline(always)]
pub(super) fn ln_standard(shape: f64, stream: &mut Stream) -> f64 {
    if shape >= 1.0 {
        ln(at_least_1(shape, stream))
    } else {
        ln(at_least_1(shape + 1.0, stream)) - stream.exponential() / shape
    }
}

#[inline(always)]
fn at_least_1(shape: f64, stream: &mut Stream) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    for _ in 0..TRIES {
        let x = stream.normal();
        let root = 1.0 + c * x;
        if root <= 0.0 {
            continue;
        }
        let v = root * root * root;
        let u = stream.uniform();
        let square = x * x;
        // ln u < x^2 / 2 + d (1 - v + ln v), with the squeeze that spares most logarithms.
        if u < 1.0 - 0.0331 * square * square || ln(u) < 0.5 * square + acceptance(d, c * x, v) {
            return d * v;
        }
    }
    f64::NAN
}

/// `d (1 - v + ln v)` for `v = (1 + t)^3`. With large shapes `t` is small and the terms cancel:
/// then by the series of `ln(1 + t)`.
#[inline(always)]
fn acceptance(d: f64, t: f64, v: f64) -> f64 {
    if t.abs() > 0.01 {
        return d * (1.0 - v + ln(v));
    }
    // 3 ln(1 + t) - 3 t - 3 t^2 - t^3 = -9/2 t^2 + 3 (-t^4/4 + t^5/5 - ...)
    let mut series = 0.0;
    for order in (4..=10).rev() {
        let sign = if order % 2 == 0 { -1.0 } else { 1.0 };
        series = sign / f64::from(order) + t * series;
    }
    let square = t * t;
    d * (3.0 * square * square * series - 4.5 * square)
}
