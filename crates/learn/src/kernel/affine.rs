//! Shift and scale before a spline: `u = (x - shift) e^-s`, so that the spline's fixed interval
//! lies over the density's bulk wherever that is and however narrow, and its tails are Gaussian
//! tails of that width.
//!
//! `s = raw / (1 + |raw| / MOST)`: bounded, and never flat.

use crate::vector::{Vector, dispatched, functions};

/// Raw parameters of one column: shift and raw log-scale, each a feature row of the buffer.
pub(crate) const PARAMETERS: usize = 2;
/// The log-scale stays within this of 0.
pub(crate) const MOST: f32 = 12.0;

/// The log-scale and its derivative with respect to the raw one.
#[inline(always)]
fn log_scale<V: Vector>(raw: V) -> (V, V) {
    let one = V::splat(1.0);
    let inverse = one / raw.abs().mul_add(V::splat(1.0 / MOST), one);
    (raw * inverse, inverse * inverse)
}

dispatched! {
    /// `u` for each example, adding ln du/dx to `log_derivative`.
    pub(crate) fn forward(
        rows: usize,
        x: &[f32],
        params: &[f32],
        u: &mut [f32],
        log_derivative: &mut [f32],
    ) = forward_body
}

#[inline(always)]
fn forward_body<V: Vector>(
    rows: usize,
    x: &[f32],
    params: &[f32],
    u: &mut [f32],
    log_derivative: &mut [f32],
) {
    let zero = V::splat(0.0);
    for at in (0..rows).step_by(V::LANES) {
        let (s, _) = log_scale(V::load(params, rows + at));
        let out = (V::load(x, at) - V::load(params, at)) * functions::exp(zero - s);
        out.store(u, at);
        (V::load(log_derivative, at) - s).store(log_derivative, at);
    }
}

dispatched! {
    /// `x` for each example from `u`, in place.
    pub(crate) fn inverse(rows: usize, params: &[f32], x: &mut [f32]) = inverse_body
}

#[inline(always)]
fn inverse_body<V: Vector>(rows: usize, params: &[f32], x: &mut [f32]) {
    for at in (0..rows).step_by(V::LANES) {
        let (s, _) = log_scale(V::load(params, rows + at));
        V::load(x, at)
            .mul_add(functions::exp(s), V::load(params, at))
            .store(x, at);
    }
}

dispatched! {
    /// Gradients of a loss through [`forward`]: given those with respect to `u` (in `gradient`) and
    /// to the log-derivative, leaves that of `x` in `gradient` and replaces `params` by the gradient
    /// of the raw parameters.
    pub(crate) fn backward(
        rows: usize,
        u: &[f32],
        params: &mut [f32],
        log_gradient: &[f32],
        gradient: &mut [f32],
    ) = backward_body
}

#[inline(always)]
fn backward_body<V: Vector>(
    rows: usize,
    u: &[f32],
    params: &mut [f32],
    log_gradient: &[f32],
    gradient: &mut [f32],
) {
    let zero = V::splat(0.0);
    for at in (0..rows).step_by(V::LANES) {
        let (s, slope) = log_scale(V::load(params, rows + at));
        let g_u = V::load(gradient, at);
        let g_x = g_u * functions::exp(zero - s);
        let g_s = zero - g_u.mul_add(V::load(u, at), V::load(log_gradient, at));
        g_x.store(gradient, at);
        (zero - g_x).store(params, at);
        (g_s * slope).store(params, rows + at);
    }
}
