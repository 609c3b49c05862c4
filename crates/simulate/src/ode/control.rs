//! The size of the next step from the error of the last (Gustafsson 1991's PI controller), and of
//! the first from the derivatives (Hairer, Norsett & Wanner 1993, II.4).

use gnomon_mechanism::elementary::{exp, ln};

/// Safety factor; a step changes at most by these factors.
const SAFETY: f64 = 0.9;
const SHRINK: f64 = 0.2;
const GROW: f64 = 8.0;
/// Errors below this count as this for the next step's memory.
const SMALLEST_MEMORY: f64 = -9.210_340_371_976_182; // ln 1e-4

/// The exponents of a controller: of the last error, of the one before, and after a rejection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Controller {
    pub last: f64,
    pub before: f64,
    pub rejected: f64,
}

/// The memory that a simulation starts with.
pub(super) const FIRST_MEMORY: f64 = SMALLEST_MEMORY;

impl Controller {
    /// From the mean square error in units of the tolerance and the memory of the last accepted
    /// step: whether to accept, by what factor to change the step, and the new memory.
    #[inline(always)]
    pub fn judge(self, square: f64, memory: f64, after_rejection: bool) -> (bool, f64, f64) {
        let log = 0.5 * ln(square);
        let accept = square <= 1.0; // false for NaN
        let exponent = if accept {
            self.before.mul_add(memory, -self.last * log)
        } else {
            -self.rejected * log
        };
        let factor = SAFETY * exp(exponent);
        let most = if after_rejection & accept { 1.0 } else { GROW };
        let factor = if factor < most { factor } else { most };
        let factor = if factor > SHRINK { factor } else { SHRINK };
        // An error that is not a number shrinks the step.
        let factor = if square.is_nan() { SHRINK } else { factor };
        let next = if log > SMALLEST_MEMORY {
            log
        } else {
            SMALLEST_MEMORY
        };
        (accept, factor, if accept { next } else { memory })
    }
}

/// A first step from the scaled norms of the state, its derivative, and the second derivative
/// (given the trial step); `order` is the method's.
#[inline(always)]
pub(super) fn trial_step(state: f64, slope: f64) -> f64 {
    if (state < 1e-5) | (slope < 1e-5) {
        1e-6
    } else {
        0.01 * state / slope
    }
}

/// The first step, from the trial step.
#[inline(always)]
pub(super) fn first_step(trial: f64, slope: f64, curvature: f64, order: f64) -> f64 {
    let most = if slope > curvature { slope } else { curvature };
    let step = if most <= 1e-15 {
        let small = trial * 1e-3;
        if small > 1e-6 { small } else { 1e-6 }
    } else {
        exp(ln(0.01 / most) / order)
    };
    let bound = 100.0 * trial;
    if step < bound { step } else { bound }
}
