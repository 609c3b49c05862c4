//! Means over the tokens that are there. Features of tokens lie token by token: entry
//! `(feature * length + token) * rows + example`.

use crate::vector::{Vector, dispatched, functions};

dispatched! {
    /// From presence (1 or 0; `length` x `rows`) to each token's share in the mean, in place, and
    /// `ln((1 + present) / (1 + length))` of each example.
    pub(crate) fn shares(rows: usize, length: usize, presence: &mut [f32], log_count: &mut [f32])
        = shares_body
}

#[inline(always)]
fn shares_body<V: Vector>(rows: usize, length: usize, presence: &mut [f32], log_count: &mut [f32]) {
    let one = V::splat(1.0);
    for at in (0..rows).step_by(V::LANES) {
        let mut count = V::splat(0.0);
        for token in 0..length {
            count = count + V::load(presence, token * rows + at);
        }
        // Where every token is missing, all shares are 0.
        let inverse = one / one.max(count);
        for token in 0..length {
            let here = token * rows + at;
            (V::load(presence, here) * inverse).store(presence, here);
        }
        let share = (one + count) * V::splat(1.0 / (1.0 + length as f32));
        functions::ln(share).store(log_count, at);
    }
}

dispatched! {
    /// `mean = sum over tokens of x * share`, feature by feature.
    pub(crate) fn pool(rows: usize, length: usize, x: &[f32], shares: &[f32], mean: &mut [f32])
        = pool_body
}

#[inline(always)]
fn pool_body<V: Vector>(rows: usize, length: usize, x: &[f32], shares: &[f32], mean: &mut [f32]) {
    for (x, mean) in x
        .chunks_exact(rows * length)
        .zip(mean.chunks_exact_mut(rows))
    {
        for at in (0..rows).step_by(V::LANES) {
            let mut sum = V::splat(0.0);
            for here in (at..length * rows).step_by(rows) {
                sum = V::load(x, here).mul_add(V::load(shares, here), sum);
            }
            sum.store(mean, at);
        }
    }
}

dispatched! {
    /// The gradient of `x`, given that of the mean.
    pub(crate) fn pool_gradient(
        rows: usize,
        length: usize,
        mean_gradient: &[f32],
        shares: &[f32],
        x_gradient: &mut [f32],
    ) = pool_gradient_body
}

#[inline(always)]
fn pool_gradient_body<V: Vector>(
    rows: usize,
    length: usize,
    mean_gradient: &[f32],
    shares: &[f32],
    x_gradient: &mut [f32],
) {
    let features = x_gradient.chunks_exact_mut(rows * length);
    for (x_gradient, mean_gradient) in features.zip(mean_gradient.chunks_exact(rows)) {
        for at in (0..rows).step_by(V::LANES) {
            let gradient = V::load(mean_gradient, at);
            for here in (at..length * rows).step_by(rows) {
                (gradient * V::load(shares, here)).store(x_gradient, here);
            }
        }
    }
}
