//! Multi-head self-attention among the tokens of each example (Vaswani et al. 2017): lanes run over
//! examples, and every token attends to the tokens that are there.
//!
//! Features lie token by token: entry `(feature * length + token) * rows + example`. The weights of
//! attention are not kept, but worked out again from their largest score and sum (as Dao et al. 2022
//! do), so that memory grows with the length and not with its square.

use crate::vector::{Vector, dispatched, functions};

/// Dimensions of a head: its query stays in registers.
pub(crate) const HEAD: usize = 8;

/// How many heads, tokens and examples there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub heads: usize,
    pub length: usize,
    pub rows: usize,
}

impl Extent {
    /// Numbers of one feature: tokens times examples.
    const fn feature(self) -> usize {
        self.length * self.rows
    }
}

/// 1 / sqrt(HEAD).
const SCALE: f32 = 0.353_553_4;
/// The score of a token that is not there.
const NONE: f32 = -1e30;

/// The numbers of one head and one lane of examples: feature `d` of token `t` of `part` (queries,
/// keys or values).
#[derive(Clone, Copy)]
struct Head {
    extent: Extent,
    head: usize,
    lane: usize,
}

impl Head {
    #[inline(always)]
    fn at(self, part: usize, d: usize, token: usize) -> usize {
        let Extent { heads, rows, .. } = self.extent;
        ((part * heads + self.head) * HEAD + d) * self.extent.feature() + token * rows + self.lane
    }

    #[inline(always)]
    fn load<V: Vector>(self, from: &[f32], part: usize, token: usize) -> [V; HEAD] {
        std::array::from_fn(|d| V::load(from, self.at(part, d, token)))
    }

    #[inline(always)]
    fn store<V: Vector>(self, values: [V; HEAD], to: &mut [f32], part: usize, token: usize) {
        for (d, value) in values.into_iter().enumerate() {
            value.store(to, self.at(part, d, token));
        }
    }

    #[inline(always)]
    fn add<V: Vector>(self, scale: V, x: [V; HEAD], to: &mut [f32], part: usize, token: usize) {
        for (d, x) in x.into_iter().enumerate() {
            let at = self.at(part, d, token);
            x.mul_add(scale, V::load(to, at)).store(to, at);
        }
    }

    /// Where the statistics of a token's query are.
    #[inline(always)]
    fn statistic(self, which: usize, token: usize) -> usize {
        let Extent { heads, rows, .. } = self.extent;
        (which * heads + self.head) * self.extent.feature() + token * rows + self.lane
    }
}

#[inline(always)]
fn dot<V: Vector>(a: [V; HEAD], b: [V; HEAD]) -> V {
    let mut sum = a[0] * b[0];
    for d in 1..HEAD {
        sum = a[d].mul_add(b[d], sum);
    }
    sum
}

#[inline(always)]
fn scaled<V: Vector>(a: [V; HEAD], scale: V) -> [V; HEAD] {
    a.map(|a| a * scale)
}

dispatched! {
    /// From queries, keys and values (`qkv`, 3 x heads x 8 features) to the heads' outputs (heads x
    /// 8 features). `presence` is 1 where a token is there, else 0; `scores` is room for `length` x
    /// `rows`; `statistics` is kept for the gradient.
    pub(crate) fn attend(
        extent: Extent,
        qkv: &[f32],
        presence: &[f32],
        scores: &mut [f32],
        statistics: &mut [f32],
        out: &mut [f32],
    ) = attend_body
}

#[inline(always)]
fn attend_body<V: Vector>(
    extent: Extent,
    qkv: &[f32],
    presence: &[f32],
    scores: &mut [f32],
    statistics: &mut [f32],
    out: &mut [f32],
) {
    let Extent {
        heads,
        length,
        rows,
    } = extent;
    let (zero, none) = (V::splat(0.0), V::splat(NONE));
    for head in 0..heads {
        for lane in (0..rows).step_by(V::LANES) {
            let here = Head { extent, head, lane };
            for token in 0..length {
                let query = scaled(here.load(qkv, 0, token), V::splat(SCALE));
                let mut largest = none;
                for other in 0..length {
                    let score = dot(query, here.load(qkv, 1, other));
                    score.store(scores, other * rows + lane);
                    let there = zero.less(V::load(presence, other * rows + lane));
                    largest = V::select(there, largest.max(score), largest);
                }
                let mut sum = zero;
                let mut output = [zero; HEAD];
                for other in 0..length {
                    let at = other * rows + lane;
                    let weight = functions::exp(V::load(scores, at) - largest);
                    let weight = weight * V::load(presence, at);
                    sum = sum + weight;
                    let value: [V; HEAD] = here.load(qkv, 2, other);
                    for d in 0..HEAD {
                        output[d] = weight.mul_add(value[d], output[d]);
                    }
                }
                // Where no token is there, the sum is 0 and so is the output.
                let inverse = V::splat(1.0) / V::splat(1e-30).max(sum);
                largest.store(statistics, here.statistic(0, token));
                inverse.store(statistics, here.statistic(1, token));
                here.store(scaled(output, inverse), out, 0, token);
            }
        }
    }
}

dispatched! {
    /// The gradient of queries, keys and values, given that of the outputs.
    pub(crate) fn attend_gradient(
        extent: Extent,
        qkv: &[f32],
        presence: &[f32],
        statistics: &[f32],
        out: &[f32],
        out_gradient: &[f32],
        qkv_gradient: &mut [f32],
    ) = attend_gradient_body
}

#[inline(always)]
fn attend_gradient_body<V: Vector>(
    extent: Extent,
    qkv: &[f32],
    presence: &[f32],
    statistics: &[f32],
    out: &[f32],
    out_gradient: &[f32],
    qkv_gradient: &mut [f32],
) {
    let Extent {
        heads,
        length,
        rows,
    } = extent;
    qkv_gradient[..3 * heads * HEAD * extent.feature()].fill(0.0);
    for head in 0..heads {
        for lane in (0..rows).step_by(V::LANES) {
            let here = Head { extent, head, lane };
            for token in 0..length {
                let query = scaled(here.load(qkv, 0, token), V::splat(SCALE));
                let above = here.load(out_gradient, 0, token);
                let mean = dot(above, here.load(out, 0, token));
                let largest = V::load(statistics, here.statistic(0, token));
                let inverse = V::load(statistics, here.statistic(1, token));
                let mut query_gradient = [V::splat(0.0); HEAD];
                for other in 0..length {
                    let key = here.load(qkv, 1, other);
                    let there = V::load(presence, other * rows + lane);
                    let weight = functions::exp(dot(query, key) - largest) * there * inverse;
                    let score = weight * (dot(above, here.load(qkv, 2, other)) - mean);
                    for d in 0..HEAD {
                        query_gradient[d] = score.mul_add(key[d], query_gradient[d]);
                    }
                    here.add(score, query, qkv_gradient, 1, other);
                    here.add(weight, above, qkv_gradient, 2, other);
                }
                let query_gradient = scaled(query_gradient, V::splat(SCALE));
                here.store(query_gradient, qkv_gradient, 0, token);
            }
        }
    }
}
