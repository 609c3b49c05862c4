//! A small transformer over the entries of series (Vaswani et al. 2017, pre-norm as Xiong et al.
//! 2020): each entry's numbers and time become a token, the tokens attend to each other, and their
//! mean is joined with the other columns by an MLP.

use super::linear::{Beginning, Linear};
use super::mlp::{Mlp, MlpBuffers};
use super::tokens::{lay_out, presence};
use crate::kernel::activation::{Activation, activate, add, times_slope};
use crate::kernel::attention::{Extent, HEAD, attend, attend_gradient};
use crate::kernel::normalise::{add_normalise_gradient, normalise};
use crate::kernel::pool::{pool, pool_gradient, shares};
use crate::kernel::product::{Start, transpose};
use crate::network::{Layout, Tokens};
use crate::vector::Buffer;
use gnomon_mechanism::elementary;

/// Waves of the time that a token knows: a sine and a cosine of each, and the time itself.
const WAVES: usize = 4;
const TIME_INPUTS: usize = 1 + 2 * WAVES;

/// The layers.
#[derive(Clone, Debug)]
pub(crate) struct Attention {
    series: Vec<Entrance>,
    length: usize,
    heads: usize,
    blocks: Vec<Block>,
    activation: Activation,
    /// Whether the number of tokens varies.
    counts: bool,
    /// Columns that belong to no series.
    others: Vec<usize>,
    joined: usize,
    mlp: Mlp,
}

/// From the entries of some series to tokens.
#[derive(Clone, Debug)]
struct Entrance {
    tokens: Tokens,
    /// Its first token among all.
    first: usize,
    /// `TIME_INPUTS` x its tokens.
    times: Vec<f32>,
    linear: Linear,
}

/// `x + out(attention(qkv(norm x)))`, then `x + down(act(up(norm x)))`.
#[derive(Clone, Debug)]
struct Block {
    qkv: Linear,
    out: Linear,
    up: Linear,
    down: Linear,
}

/// What the backward pass needs, and room for gradients.
#[derive(Debug, Default)]
pub(crate) struct AttentionBuffers {
    /// The inputs of each entrance.
    inputs: Vec<Buffer>,
    presence: Buffer,
    shares: Buffer,
    log_count: Buffer,
    stream: Buffer,
    blocks: Vec<BlockBuffers>,
    joined: Buffer,
    joined_gradient: Buffer,
    mlp: MlpBuffers,
    scores: Buffer,
    /// As wide as the stream.
    narrow: Buffer,
    /// As wide as queries, keys and values.
    wide: Buffer,
    stream_gradient: Buffer,
    transposed: Buffer,
}

#[derive(Debug, Default)]
struct BlockBuffers {
    first_norm: Buffer,
    first_inverse: Buffer,
    qkv: Buffer,
    statistics: Buffer,
    attended: Buffer,
    second_norm: Buffer,
    second_inverse: Buffer,
    hidden: Buffer,
}

/// How many heads of 8 dimensions, and how many blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depth {
    pub heads: usize,
    pub blocks: usize,
}

/// The times of each series' entries, all scaled to [-1, 1] together; numbers of entries where a
/// series has no times.
pub(super) fn scaled_times(series: &[Tokens]) -> Vec<Vec<f64>> {
    let of = |tokens: &Tokens| match tokens.times.as_slice() {
        [] => (0..tokens.length).map(|t| t as f64).collect(),
        times => times.to_vec(),
    };
    let mut times: Vec<Vec<f64>> = series.iter().map(of).collect();
    let all = || times.iter().flatten().copied();
    let (low, high) = (
        all().fold(f64::INFINITY, f64::min),
        all().fold(f64::NEG_INFINITY, f64::max),
    );
    let (middle, half) = (0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low);
    for time in times.iter_mut().flatten() {
        *time = if half > 0.0 {
            (*time - middle) / half
        } else {
            0.0
        };
    }
    times
}

fn time_inputs(times: &[f64]) -> Vec<f32> {
    let mut inputs: Vec<f32> = times.iter().map(|&t| t as f32).collect();
    for wave in 1..=WAVES {
        let angles = || times.iter().map(|t| std::f64::consts::PI * wave as f64 * t);
        inputs.extend(angles().map(|angle| elementary::sin(angle) as f32));
        inputs.extend(angles().map(|angle| elementary::cos(angle) as f32));
    }
    inputs
}

impl Attention {
    pub fn new(
        layout: &mut Layout,
        name: &str,
        given: usize,
        (series, depth, widths): (&[Tokens], Depth, &[usize]),
        activation: Activation,
    ) -> Self {
        let Depth { heads, blocks } = depth;
        let width = heads * HEAD;
        let mut linear = |part: String, inputs, outputs, beginning| {
            Linear::dense(
                layout,
                &format!("{name}.{part}"),
                inputs,
                outputs,
                beginning,
            )
        };
        let (begin, small) = (Beginning::Default, Beginning::Within(1e-3));
        let mut length = 0;
        let times = scaled_times(series);
        let entrances = series
            .iter()
            .zip(&times)
            .enumerate()
            .map(|(s, (tokens, times))| {
                let first = length;
                length += tokens.length;
                let inputs = tokens.inputs() + TIME_INPUTS;
                Entrance {
                    tokens: tokens.clone(),
                    first,
                    times: time_inputs(times),
                    linear: linear(format!("series{s}"), inputs, width, begin),
                }
            });
        let entrances: Vec<Entrance> = entrances.collect();
        let blocks = (0..blocks).map(|b| Block {
            qkv: linear(format!("block{b}.qkv"), width, 3 * width, begin),
            out: linear(format!("block{b}.out"), width, width, small),
            up: linear(format!("block{b}.up"), width, 2 * width, begin),
            down: linear(format!("block{b}.down"), 2 * width, width, small),
        });
        let blocks = blocks.collect();
        let others = Tokens::others(series, given);
        let counts = series.iter().any(Tokens::may_lack);
        let joined = width + usize::from(counts) + others.len();
        let name = format!("{name}.joined");
        Self {
            series: entrances,
            length,
            heads,
            blocks,
            activation,
            counts,
            others,
            joined,
            mlp: Mlp::new(layout, &name, joined, widths, activation),
        }
    }

    fn width(&self) -> usize {
        self.heads * HEAD
    }

    /// Floats that one example takes in the buffers.
    pub fn floats_per_row(&self) -> usize {
        let width = self.width();
        let block = width * 8 + 2 * self.heads + 2;
        let inputs = |entrance: &Entrance| entrance.linear.inputs * entrance.tokens.length;
        self.length * (6 * width + 3 + block * self.blocks.len())
            + self.series.iter().map(inputs).sum::<usize>()
            + 2 * self.joined
            + self.mlp.floats_per_row()
    }

    pub fn buffers(&self, rows: usize) -> AttentionBuffers {
        let (width, n) = (self.width(), self.length * rows);
        let zeros = |features: usize| Buffer::zeros(features * n);
        let inputs = |e: &Entrance| Buffer::zeros(e.linear.inputs * e.tokens.length * rows);
        let block = |_: &Block| BlockBuffers {
            first_norm: zeros(width),
            first_inverse: zeros(1),
            qkv: zeros(3 * width),
            statistics: zeros(2 * self.heads),
            attended: zeros(width),
            second_norm: zeros(width),
            second_inverse: zeros(1),
            hidden: zeros(2 * width),
        };
        AttentionBuffers {
            inputs: self.series.iter().map(inputs).collect(),
            presence: zeros(1),
            shares: zeros(1),
            log_count: Buffer::zeros(rows),
            stream: zeros(width),
            blocks: self.blocks.iter().map(block).collect(),
            joined: Buffer::zeros(self.joined * rows),
            joined_gradient: Buffer::zeros(self.joined * rows),
            mlp: self.mlp.buffers(rows),
            scores: zeros(1),
            narrow: zeros(width),
            wide: zeros(3 * width),
            stream_gradient: zeros(width),
            transposed: Buffer::default(),
        }
    }

    fn extent(&self, rows: usize) -> Extent {
        Extent {
            heads: self.heads,
            length: self.length,
            rows,
        }
    }

    /// Fills the stream with tokens.
    fn enter(&self, parameters: &[f32], rows: usize, x: &[f32], b: &mut AttentionBuffers) {
        for (entrance, inputs) in self.series.iter().zip(&mut b.inputs) {
            let Entrance {
                tokens,
                first,
                times,
                linear,
            } = entrance;
            let size = tokens.length * rows;
            let (observed, timed) = inputs.split_at_mut(tokens.inputs() * size);
            lay_out(tokens, rows, x, observed);
            for (&time, out) in times.iter().zip(timed.chunks_exact_mut(rows)) {
                out.fill(time);
            }
            presence(tokens, rows, observed, &mut b.presence[first * rows..]);
            let entered = &mut b.narrow[..self.width() * size];
            linear.forward(parameters, size, inputs, entered);
            let stream = b.stream.chunks_exact_mut(self.length * rows);
            for (stream, entered) in stream.zip(entered.chunks_exact(size)) {
                stream[first * rows..first * rows + size].copy_from_slice(entered);
            }
        }
    }

    pub fn forward(&self, parameters: &[f32], rows: usize, x: &[f32], b: &mut AttentionBuffers) {
        let n = self.length * rows;
        let (narrow, twice) = (self.width() * n, 2 * self.width() * n);
        self.enter(parameters, rows, x, b);
        let (stream, added) = (&mut b.stream[..narrow], &mut b.narrow[..narrow]);
        for (block, s) in self.blocks.iter().zip(&mut b.blocks) {
            normalise(n, stream, &mut s.first_norm[..narrow], &mut s.first_inverse);
            block.qkv.forward(parameters, n, &s.first_norm, &mut s.qkv);
            let (scores, statistics) = (&mut b.scores, &mut s.statistics);
            attend(
                self.extent(rows),
                &s.qkv,
                &b.presence,
                scores,
                statistics,
                &mut s.attended,
            );
            block.out.forward(parameters, n, &s.attended, added);
            add(added, stream);
            normalise(
                n,
                stream,
                &mut s.second_norm[..narrow],
                &mut s.second_inverse,
            );
            block
                .up
                .forward(parameters, n, &s.second_norm, &mut s.hidden);
            activate(self.activation, &mut s.hidden[..twice]);
            block.down.forward(parameters, n, &s.hidden, added);
            add(added, stream);
        }
        b.shares[..n].copy_from_slice(&b.presence[..n]);
        shares(rows, self.length, &mut b.shares, &mut b.log_count);
        pool(rows, self.length, stream, &b.shares, &mut b.joined);
        let mut at = self.width();
        if self.counts {
            b.joined[at * rows..(at + 1) * rows].copy_from_slice(&b.log_count[..rows]);
            at += 1;
        }
        for (i, &column) in self.others.iter().enumerate() {
            b.joined[(at + i) * rows..(at + i + 1) * rows]
                .copy_from_slice(&x[column * rows..(column + 1) * rows]);
        }
        self.mlp.forward(parameters, rows, &b.joined, &mut b.mlp);
    }

    pub fn output<'a>(&self, b: &'a AttentionBuffers) -> &'a [f32] {
        self.mlp.output(&b.mlp)
    }

    /// Where the caller puts the gradient of the output.
    pub fn output_gradient<'a>(&self, b: &'a mut AttentionBuffers) -> &'a mut [f32] {
        self.mlp.output_gradient(&mut b.mlp)
    }

    /// Adds the parameters' gradient.
    pub fn backward(
        &self,
        parameters: &[f32],
        rows: usize,
        b: &mut AttentionBuffers,
        gradient: &mut [f32],
    ) {
        let (width, n) = (self.width(), self.length * rows);
        let below = Some(b.joined_gradient.as_mut_slice());
        self.mlp
            .backward(parameters, rows, &b.joined, &mut b.mlp, gradient, below);
        let g = &mut b.stream_gradient[..width * n];
        pool_gradient(rows, self.length, &b.joined_gradient, &b.shares, g);
        let narrow = &mut b.narrow[..width * n];
        let transposed = &mut b.transposed;
        for (block, s) in self.blocks.iter().zip(&b.blocks).rev() {
            let wide = &mut b.wide[..2 * width * n];
            let stride = transpose(2 * width, n, &s.hidden, transposed);
            block
                .down
                .add_weight_gradient(n, transposed, stride, g, gradient);
            block
                .down
                .input_gradient(parameters, n, g, wide, Start::Zero);
            times_slope(self.activation, &s.hidden[..2 * width * n], wide);
            let stride = transpose(width, n, &s.second_norm, transposed);
            block
                .up
                .add_weight_gradient(n, transposed, stride, wide, gradient);
            block
                .up
                .input_gradient(parameters, n, wide, narrow, Start::Zero);
            let norm = &s.second_norm[..width * n];
            add_normalise_gradient(n, norm, &s.second_inverse, narrow, g);

            let wide = &mut b.wide[..3 * width * n];
            let stride = transpose(width, n, &s.attended, transposed);
            block
                .out
                .add_weight_gradient(n, transposed, stride, g, gradient);
            block
                .out
                .input_gradient(parameters, n, g, narrow, Start::Zero);
            let (qkv, statistics) = (&s.qkv, &s.statistics);
            let extent = self.extent(rows);
            attend_gradient(
                extent,
                qkv,
                &b.presence,
                statistics,
                &s.attended,
                narrow,
                wide,
            );
            let stride = transpose(width, n, &s.first_norm, transposed);
            block
                .qkv
                .add_weight_gradient(n, transposed, stride, wide, gradient);
            block
                .qkv
                .input_gradient(parameters, n, wide, narrow, Start::Zero);
            let norm = &s.first_norm[..width * n];
            add_normalise_gradient(n, norm, &s.first_inverse, narrow, g);
        }
        for (entrance, inputs) in self.series.iter().zip(&b.inputs) {
            let Entrance {
                tokens,
                first,
                linear,
                ..
            } = entrance;
            let size = tokens.length * rows;
            for (entered, g) in narrow.chunks_exact_mut(size).zip(g.chunks_exact(n)) {
                entered.copy_from_slice(&g[first * rows..first * rows + size]);
            }
            let stride = transpose(linear.inputs, size, inputs, transposed);
            linear.add_weight_gradient(size, transposed, stride, narrow, gradient);
        }
    }
}
