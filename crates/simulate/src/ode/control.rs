//! The size of the next step from the error of the last (Gustafsson 1991's PI controller), and of
//! the first from the derivatives (Hairer, Norsett & Wanner 1993, II.4).

use gnomon_mechanism::elementary::{exp, ln};

/// Safety factor; a step changes at most by these factors.
const SAFETY: f64 = 0.9;
const SHRINK: f64 = 0.2;
const GROW: f64 = 8.0;
/// Errors below this count as this for the next step's memory.
const SMALLEST_MEMORY: f64 = -13.287_712_379_549_45; // log2 1e-4

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
        let log = 0.5 * rough_log2(square);
        let accept = square <= 1.0; // false for NaN
        let exponent = if accept {
            self.before.mul_add(memory, -self.last * log)
        } else {
            -self.rejected * log
        };
        let factor = SAFETY * rough_exp2(exponent);
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

/// log2 x of a positive normal number within 1.2e-4: the step's size needs no more. Beyond them it is
/// a large number of the right sign.
#[inline(always)]
fn rough_log2(x: f64) -> f64 {
    const INTEGER: f64 = 4_503_599_627_370_496.0; // 2^52: the last bits of 2^52 + n are those of n
    let exponent = f64::from_bits((x.to_bits() >> 52) | INTEGER.to_bits()) - (INTEGER + 1023.0);
    let mantissa = f64::from_bits((x.to_bits() & ((1 << 52) - 1)) | 1f64.to_bits());
    let u = mantissa - 1.0;
    let rest = u.mul_add(-0.082_130_507_666_176_7, 0.239_058_045_618_104_81);
    let rest = u.mul_add(rest, -0.438_725_699_715_898_03);
    let log = (u * (u - 1.0)).mul_add(rest, u);
    log + exponent
}

/// 2^x within a relative 1.5e-4; x is cut to where factors are not cut anyway.
#[inline(always)]
fn rough_exp2(x: f64) -> f64 {
    const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52: adding it rounds to an integer
    let x = if x < 8.0 { x } else { 8.0 };
    let x = if x > -8.0 { x } else { -8.0 };
    let shifted = x + ROUND;
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    let f = x - (shifted - ROUND);
    let rest = f.mul_add(0.055_977_141_786_280_875, 0.242_225_503_597_535_14);
    let rest = f.mul_add(rest, 0.693_112_494_999_306);
    power * f.mul_add(rest, 1.0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rough_powers_are_near_and_sane_at_the_ends() {
        for k in -4000..4000 {
            let x = f64::from(k) * 1.9e-3;
            assert!((rough_exp2(x) / x.exp2() - 1.0).abs() < 1.5e-4, "2^{x}");
            assert!((rough_log2(x.exp2()) - x).abs() < 1.2e-4, "log2 2^{x}");
        }
        assert!(rough_log2(0.0) < -1000.0 && rough_log2(f64::INFINITY) > 1000.0);
        assert!(rough_exp2(f64::INFINITY) > 200.0 && rough_exp2(f64::NEG_INFINITY) < 0.01);
    }
}
