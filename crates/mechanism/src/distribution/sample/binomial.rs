//! Binomial numbers: inversion for small means, transformed rejection for the others.

use crate::elementary::{exp, ln, ln_1p};
use crate::random::Stream;

use super::super::density::binomial;
use super::TRIES;

/// A `Binomial(n, p)` number; `n` must be a whole number and `p` in `[0, 1]`.
pub(super) fn sample(n: f64, p: f64, stream: &mut Stream) -> f64 {
    if p > 0.5 {
        return n - sample(n, 1.0 - p, stream);
    }
    if n * p < 10.0 {
        inversion(n, p, stream)
    } else {
        transformed_rejection(n, p, stream)
    }
}

fn inversion(n: f64, p: f64, stream: &mut Stream) -> f64 {
    let mut left = stream.uniform();
    let mut mass = exp(n * ln_1p(-p));
    let odds = p / (1.0 - p);
    let mut k = 0.0;
    // Beyond 100 lies less than 1e-60 of the mass.
    while left > mass && k < n.min(100.0) {
        left -= mass;
        mass *= odds * (n - k) / (k + 1.0);
        k += 1.0;
    }
    k
}

/// BTRS (Hormann 1993, "The generation of binomial random variates"), for `n p >= 10`, `p <= 1/2`.
fn transformed_rejection(n: f64, p: f64, stream: &mut Stream) -> f64 {
    let sd = (n * p * (1.0 - p)).sqrt();
    let b = 1.15 + 2.53 * sd;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let c = n * p + 0.5;
    let squeeze = 0.92 - 4.2 / b;
    let alpha = (2.83 + 5.1 / b) * sd;
    let ln_mode = binomial(n, p, ((n + 1.0) * p).floor());
    for _ in 0..TRIES {
        let u = stream.uniform() - 0.5;
        let v = stream.uniform();
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + c).floor();
        if us >= 0.07 && v <= squeeze {
            return k;
        }
        if k < 0.0 || k > n {
            continue;
        }
        if ln(v * alpha / (a / (us * us) + b)) <= binomial(n, p, k) - ln_mode {
            return k;
        }
    }
    f64::NAN
}
