//! Root-mean-square normalisation over features (Zhang & Sennrich 2019), without a gain: the linear
//! layer after it has one.

use crate::vector::{Vector, dispatched};

/// Added to the mean square, so that zeros stay zeros.
const SMALLEST: f32 = 1e-6;

dispatched! {
    /// `y = x / rms(x)` for each example; keeps `1 / rms(x)` in `inverse`.
    pub(crate) fn normalise(rows: usize, x: &[f32], y: &mut [f32], inverse: &mut [f32])
        = normalise_body
}

#[inline(always)]
fn normalise_body<V: Vector>(rows: usize, x: &[f32], y: &mut [f32], inverse: &mut [f32]) {
    let (share, least) = (V::splat(rows as f32 / x.len() as f32), V::splat(SMALLEST));
    for at in (0..rows).step_by(V::LANES) {
        let mut squares = V::splat(0.0);
        for here in (at..x.len()).step_by(rows) {
            let x = V::load(x, here);
            squares = x.mul_add(x, squares);
        }
        let scale = V::splat(1.0) / squares.mul_add(share, least).sqrt();
        scale.store(inverse, at);
        for here in (at..x.len()).step_by(rows) {
            (V::load(x, here) * scale).store(y, here);
        }
    }
}

dispatched! {
    /// Adds the gradient of `x`, given that of `y`.
    pub(crate) fn add_normalise_gradient(
        rows: usize,
        y: &[f32],
        inverse: &[f32],
        y_gradient: &[f32],
        x_gradient: &mut [f32],
    ) = add_normalise_gradient_body
}

#[inline(always)]
fn add_normalise_gradient_body<V: Vector>(
    rows: usize,
    y: &[f32],
    inverse: &[f32],
    y_gradient: &[f32],
    x_gradient: &mut [f32],
) {
    let share = V::splat(rows as f32 / y.len() as f32);
    for at in (0..rows).step_by(V::LANES) {
        let mut along = V::splat(0.0);
        for here in (at..y.len()).step_by(rows) {
            along = V::load(y, here).mul_add(V::load(y_gradient, here), along);
        }
        let (along, scale) = (-(along * share), V::load(inverse, at));
        for here in (at..y.len()).step_by(rows) {
            let across = along.mul_add(V::load(y, here), V::load(y_gradient, here));
            let held = V::load(x_gradient, here);
            across.mul_add(scale, held).store(x_gradient, here);
        }
    }
}
