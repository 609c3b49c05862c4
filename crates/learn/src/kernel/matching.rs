//! Flow matching along straight paths from noise to targets (Lipman et al. 2023), example by example.
//!
//! The network's input and output are scaled so that both have variance 1 when targets are standard
//! normal (as Karras et al. 2022 do for diffusion): at time t the point `x = (1 - t) noise + t target`
//! enters as `scale x` and the velocity is `skip scale x + scale F`. With F = 0 the flow then leaves
//! standard normal noise as it is.

use crate::vector::{Vector, dispatched};

/// `1 / sd(x)` at time `t`, and the slope of the velocity's mean in `scale x`.
pub(crate) fn scale_and_skip(t: f64) -> (f64, f64) {
    let variance = t * t + (1.0 - t) * (1.0 - t);
    let scale = 1.0 / variance.sqrt();
    (scale, (2.0 * t - 1.0) * scale)
}

dispatched! {
    /// The scaled points of the paths at the examples' times.
    pub(crate) fn points(
        rows: usize,
        times: &[f32],
        scales: &[f32],
        noise: &[f32],
        targets: &[f32],
        out: &mut [f32],
    ) = points_body
}

#[inline(always)]
fn points_body<V: Vector>(
    rows: usize,
    times: &[f32],
    scales: &[f32],
    noise: &[f32],
    targets: &[f32],
    out: &mut [f32],
) {
    for at in (0..rows).step_by(V::LANES) {
        let (t, scale) = (V::load(times, at), V::load(scales, at));
        for here in (at..out.len()).step_by(rows) {
            let noise = V::load(noise, here);
            let x = (V::load(targets, here) - noise).mul_add(t, noise);
            (x * scale).store(out, here);
        }
    }
}

dispatched! {
    /// The mean squared error of the velocity over columns, and its weighted gradient with respect
    /// to the network's output, which takes the output's place.
    pub(crate) fn loss(
        rows: usize,
        scales: &[f32],
        skips: &[f32],
        points: &[f32],
        noise: &[f32],
        targets: &[f32],
        weights: &[f32],
        output: &mut [f32],
        loss: &mut [f32],
    ) = loss_body
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn loss_body<V: Vector>(
    rows: usize,
    scales: &[f32],
    skips: &[f32],
    points: &[f32],
    noise: &[f32],
    targets: &[f32],
    weights: &[f32],
    output: &mut [f32],
    loss: &mut [f32],
) {
    let share = V::splat(rows as f32 / output.len() as f32);
    for at in (0..rows).step_by(V::LANES) {
        let (scale, skip) = (V::load(scales, at), V::load(skips, at));
        let slope = V::load(weights, at) * share * V::splat(2.0) * scale;
        let mut total = V::splat(0.0);
        for here in (at..output.len()).step_by(rows) {
            let velocity = V::load(points, here).mul_add(skip, V::load(output, here) * scale);
            let error = velocity - (V::load(targets, here) - V::load(noise, here));
            total = error.mul_add(error, total);
            (error * slope).store(output, here);
        }
        (total * share).store(loss, at);
    }
}
