//! Poisson numbers: inversion for small means, transformed rejection for the others.

use crate::elementary::{exp, ln};
use crate::random::Stream;

use super::super::density::poisson;
use super::TRIES;

/// A `Poisson(mean)` number; `mean` must not be negative.
pub(super) fn sample(mean: f64, stream: &mut Stream) -> f64 {
    if mean < 10.0 {
        inversion(mean, stream)
    } else {
        transformed_rejection(mean, stream)
    }
}

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
        if ln(v * inverse_alpha / (a / (us * us) + b)) <= poisson(mean, k) {
            return k;
        }
    }
    f64::NAN
}
