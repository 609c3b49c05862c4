//! Losses of the heads, example by example, and their gradients.
//!
//! `weights` holds each example's weight in the gradient: 0 for padding.

use crate::vector::{Vector, dispatched, functions};

dispatched! {
    /// Mean squared error over the columns of `y`: the loss of each example and, in `gradient`,
    /// its weighted gradient.
    pub(crate) fn squared(
        rows: usize,
        y: &[f32],
        targets: &[f32],
        weights: &[f32],
        loss: &mut [f32],
        gradient: &mut [f32],
    ) = squared_body
}

#[inline(always)]
fn squared_body<V: Vector>(
    rows: usize,
    y: &[f32],
    targets: &[f32],
    weights: &[f32],
    loss: &mut [f32],
    gradient: &mut [f32],
) {
    let share = V::splat(rows as f32 / y.len() as f32);
    for at in (0..rows).step_by(V::LANES) {
        let scale = V::load(weights, at) * share * V::splat(2.0);
        let mut total = V::splat(0.0);
        for feature in (0..y.len()).step_by(rows) {
            let error = V::load(y, feature + at) - V::load(targets, feature + at);
            total = error.mul_add(error, total);
            (error * scale).store(gradient, feature + at);
        }
        (total * share).store(loss, at);
    }
}

dispatched! {
    /// Cross-entropy of the softmax of `y` against the class number in `class`.
    pub(crate) fn cross_entropy(
        rows: usize,
        y: &[f32],
        class: &[f32],
        weights: &[f32],
        loss: &mut [f32],
        gradient: &mut [f32],
    ) = cross_entropy_body
}

#[inline(always)]
fn cross_entropy_body<V: Vector>(
    rows: usize,
    y: &[f32],
    class: &[f32],
    weights: &[f32],
    loss: &mut [f32],
    gradient: &mut [f32],
) {
    let zero = V::splat(0.0);
    for at in (0..rows).step_by(V::LANES) {
        let mut largest = V::load(y, at);
        for feature in (0..y.len()).step_by(rows) {
            largest = largest.max(V::load(y, feature + at));
        }
        let mut total = zero;
        for feature in (0..y.len()).step_by(rows) {
            let e = functions::exp(V::load(y, feature + at) - largest);
            e.store(gradient, feature + at);
            total = total + e;
        }
        let class = V::load(class, at);
        let weight = V::load(weights, at);
        let inverse = V::splat(1.0) / total;
        let mut log = zero;
        for (number, feature) in (0..y.len()).step_by(rows).enumerate() {
            let other = (class - V::splat(number as f32)).abs();
            let here = other.less(V::splat(0.5));
            let p = V::load(gradient, feature + at) * inverse;
            let hit = V::select(here, V::splat(1.0), zero);
            ((p - hit) * weight).store(gradient, feature + at);
            log = V::select(here, V::load(y, feature + at) - largest, log);
        }
        (functions::ln(total) - log).store(loss, at);
    }
}

dispatched! {
    /// Softmax of `y` over its features, in place.
    pub(crate) fn softmax(rows: usize, y: &mut [f32]) = softmax_body
}

#[inline(always)]
fn softmax_body<V: Vector>(rows: usize, y: &mut [f32]) {
    for at in (0..rows).step_by(V::LANES) {
        let mut largest = V::load(y, at);
        for feature in (0..y.len()).step_by(rows) {
            largest = largest.max(V::load(y, feature + at));
        }
        let mut total = V::splat(0.0);
        for feature in (0..y.len()).step_by(rows) {
            let e = functions::exp(V::load(y, feature + at) - largest);
            e.store(y, feature + at);
            total = total + e;
        }
        for feature in (0..y.len()).step_by(rows) {
            (V::load(y, feature + at) / total).store(y, feature + at);
        }
    }
}

dispatched! {
    /// Pinball loss, the mean over columns and levels; features of `y` are column by column, each
    /// with all levels. A target that is missing (NaN) adds nothing.
    pub(crate) fn pinball(
        rows: usize,
        levels: &[f32],
        y: &[f32],
        targets: &[f32],
        weights: &[f32],
        loss: &mut [f32],
        gradient: &mut [f32],
    ) = pinball_body
}

#[inline(always)]
fn pinball_body<V: Vector>(
    rows: usize,
    levels: &[f32],
    y: &[f32],
    targets: &[f32],
    weights: &[f32],
    loss: &mut [f32],
    gradient: &mut [f32],
) {
    let (zero, infinity) = (V::splat(0.0), V::splat(f32::INFINITY));
    let share = V::splat(rows as f32 / y.len() as f32);
    for at in (0..rows).step_by(V::LANES) {
        let scale = V::load(weights, at) * share;
        let mut total = zero;
        for (number, feature) in (0..y.len()).step_by(rows).enumerate() {
            let level = V::splat(levels[number % levels.len()]);
            let target = V::load(targets, number / levels.len() * rows + at);
            let y = V::load(y, feature + at);
            let above = V::select(target.less(infinity), target - y, zero);
            let known = V::select(target.less(infinity), V::splat(1.0), zero);
            let slope = V::select(above.less(zero), level - V::splat(1.0), level) * known;
            total = slope.mul_add(above, total);
            (zero - slope * scale).store(gradient, feature + at);
        }
        (total * share).store(loss, at);
    }
}

dispatched! {
    /// Negative log-density of standard normal noise `z` and a log-derivative: writes the
    /// weighted gradients with respect to both.
    pub(crate) fn normal(
        rows: usize,
        z: &[f32],
        log_derivative: &[f32],
        weights: &[f32],
        loss: &mut [f32],
        z_gradient: &mut [f32],
        log_gradient: &mut [f32],
    ) = normal_body
}

#[inline(always)]
fn normal_body<V: Vector>(
    rows: usize,
    z: &[f32],
    log_derivative: &[f32],
    weights: &[f32],
    loss: &mut [f32],
    z_gradient: &mut [f32],
    log_gradient: &mut [f32],
) {
    const HALF_LN_TAU: f32 = 0.918_938_5;
    let constant = V::splat(HALF_LN_TAU * (z.len() / rows) as f32);
    for at in (0..rows).step_by(V::LANES) {
        let weight = V::load(weights, at);
        let mut squares = V::splat(0.0);
        for feature in (0..z.len()).step_by(rows) {
            let z = V::load(z, feature + at);
            squares = z.mul_add(z, squares);
            (z * weight).store(z_gradient, feature + at);
        }
        let loss_here = squares.mul_add(V::splat(0.5), constant) - V::load(log_derivative, at);
        loss_here.store(loss, at);
        (V::splat(0.0) - weight).store(log_gradient, at);
    }
}
