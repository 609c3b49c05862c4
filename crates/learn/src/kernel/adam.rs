//! Adam (Kingma & Ba 2015) with decoupled weight decay (Loshchilov & Hutter 2019) and an
//! exponential moving average of the weights, in one pass over a flat block of parameters.

use crate::vector::{Vector, dispatched};

/// The numbers of one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamStep {
    /// Multiplies the gradient first (clipping).
    pub gradient_scale: f32,
    /// Learning rate over `1 - beta1^t`.
    pub rate: f32,
    /// 1 over `sqrt(1 - beta2^t)`.
    pub second_scale: f32,
    /// Learning rate times weight decay.
    pub decay: f32,
    /// Weight of the newest weights in the moving average (1: no averaging).
    pub average: f32,
}

/// Decay rate of the first moment.
pub(crate) const BETA1: f32 = 0.9;
/// Decay rate of the second moment.
pub(crate) const BETA2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// One block of the optimiser's state; all slices have one length.
pub(crate) struct AdamBlock<'a> {
    pub weights: &'a mut [f32],
    pub first: &'a mut [f32],
    pub second: &'a mut [f32],
    pub average: &'a mut [f32],
    pub gradient: &'a [f32],
}

/// Takes one step.
pub(crate) fn adam(step: AdamStep, block: &mut AdamBlock<'_>) {
    let n = block.weights.len();
    let whole = n - n % crate::vector::ROW_UNIT;
    vectors(step, whole, block);
    for i in whole..n {
        let g = block.gradient[i] * step.gradient_scale;
        let m = (1.0 - BETA1) * g + BETA1 * block.first[i];
        let v = (1.0 - BETA2) * g * g + BETA2 * block.second[i];
        (block.first[i], block.second[i]) = (m, v);
        let w = block.weights[i];
        let w = w - step.decay * w - step.rate * m / (v.sqrt() * step.second_scale + EPSILON);
        block.weights[i] = w;
        block.average[i] += step.average * (w - block.average[i]);
    }
}

dispatched! {
    fn vectors(step: AdamStep, whole: usize, block: &mut AdamBlock<'_>) = vectors_body
}

#[inline(always)]
fn vectors_body<V: Vector>(step: AdamStep, whole: usize, block: &mut AdamBlock<'_>) {
    let s = V::splat;
    let AdamBlock {
        weights,
        first,
        second,
        average,
        gradient,
    } = block;
    for at in (0..whole).step_by(V::LANES) {
        let g = V::load(gradient, at) * s(step.gradient_scale);
        let m = V::load(first, at).mul_add(s(BETA1), g * s(1.0 - BETA1));
        let v = V::load(second, at).mul_add(s(BETA2), g * g * s(1.0 - BETA2));
        m.store(first, at);
        v.store(second, at);
        let w = V::load(weights, at);
        let below = v.sqrt().mul_add(s(step.second_scale), s(EPSILON));
        let w = w - s(step.decay) * w - s(step.rate) * m / below;
        w.store(weights, at);
        let held = V::load(average, at);
        s(step.average).mul_add(w - held, held).store(average, at);
    }
}

dispatched! {
    /// `sum = parts[0] + parts[1] + ...` over `range`, in that order; returns the sum of squares.
    pub(crate) fn reduce(parts: &[&[f32]], at: usize, sum: &mut [f32]) -> f64 = reduce_body
}

#[inline(always)]
fn reduce_body<V: Vector>(parts: &[&[f32]], from: usize, sum: &mut [f32]) -> f64 {
    let n = sum.len();
    let whole = n - n % V::LANES;
    let mut squares = V::splat(0.0);
    for at in (0..whole).step_by(V::LANES) {
        let mut total = V::splat(0.0);
        for part in parts {
            total = total + V::load(part, from + at);
        }
        total.store(sum, at);
        squares = total.mul_add(total, squares);
    }
    let mut rest = 0.0;
    for i in whole..n {
        sum[i] = parts.iter().map(|part| part[from + i]).sum();
        rest += sum[i] * sum[i];
    }
    f64::from(squares.sum() + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three steps on one weight, from the paper's update rule written in f64.
    #[test]
    fn steps_agree_with_the_rule_in_f64() {
        let n = 21;
        let gradients: Vec<Vec<f32>> = (0..3)
            .map(|t| {
                (0..n)
                    .map(|i| ((i * 7 + t * 5) % 11) as f32 * 0.3 - 1.0)
                    .collect()
            })
            .collect();
        let (mut w, mut m, mut v) = (vec![0.5_f32; n], vec![0.0; n], vec![0.0; n]);
        let mut average = w.clone();
        for (t, gradient) in gradients.iter().enumerate() {
            let t = t as i32 + 1;
            let step = AdamStep {
                gradient_scale: 0.5,
                rate: 0.01 / (1.0 - BETA1.powi(t)),
                second_scale: 1.0 / (1.0 - BETA2.powi(t)).sqrt(),
                decay: 1e-3,
                average: 0.25,
            };
            let block = &mut AdamBlock {
                weights: &mut w,
                first: &mut m,
                second: &mut v,
                average: &mut average,
                gradient,
            };
            adam(step, block);
        }
        for i in 0..n {
            let (mut w64, mut m64, mut v64, mut a64) = (0.5_f64, 0.0, 0.0, 0.5);
            for (t, gradient) in gradients.iter().enumerate() {
                let t = t as i32 + 1;
                let g = f64::from(gradient[i]) * 0.5;
                m64 = 0.9 * m64 + 0.1 * g;
                v64 = 0.999 * v64 + 0.001 * g * g;
                let (mh, vh) = (
                    m64 / (1.0 - 0.9_f64.powi(t)),
                    v64 / (1.0 - 0.999_f64.powi(t)),
                );
                w64 = w64 - 1e-3 * w64 - 0.01 * mh / (vh.sqrt() + 1e-8);
                a64 += 0.25 * (w64 - a64);
            }
            assert!((f64::from(w[i]) - w64).abs() < 1e-6, "{} {w64}", w[i]);
            assert!((f64::from(average[i]) - a64).abs() < 1e-6);
        }
    }
}
