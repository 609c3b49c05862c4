//! One-dimensional convolutions over series, joined with the other columns by an MLP.
//!
//! A level's buffer holds its times one after the other, each with all its channels and with zero
//! times before and after: the window of an output is then a contiguous run of features, and a
//! convolution is one product for each output time.

use super::mlp::{Mlp, MlpBuffers};
use crate::kernel::activation::{Activation, activate, times_slope};
use crate::kernel::product::{Left, Size, Start, add_row_sums, product, transpose};
use crate::network::{ConvolutionLayer, Layout, Series};
use crate::vector::Buffer;

/// One convolution of one series.
#[derive(Clone, Debug)]
struct Level {
    weight: usize,
    bias: usize,
    kernel: usize,
    stride: usize,
    channels_in: usize,
    channels_out: usize,
    length_in: usize,
    length_out: usize,
}

impl Level {
    fn padding(&self) -> usize {
        self.kernel / 2
    }

    /// Features of the padded input.
    fn padded_inputs(&self) -> usize {
        (self.length_in + 2 * self.padding()) * self.channels_in
    }

    fn window(&self) -> usize {
        self.kernel * self.channels_in
    }

    fn weights<'a>(&self, parameters: &'a [f32]) -> &'a [f32] {
        &parameters[self.weight..self.weight + self.channels_out * self.window()]
    }
}

/// The convolutions of each series and the MLP after them.
#[derive(Clone, Debug)]
pub(crate) struct Convolution {
    series: Vec<(Series, Vec<Level>)>,
    scalars: Vec<usize>,
    joined: usize,
    activation: Activation,
    mlp: Mlp,
}

/// Padded inputs of every level, the joined features, and their gradients.
#[derive(Debug, Default)]
pub(crate) struct ConvolutionBuffers {
    levels: Vec<Vec<Buffer>>,
    level_gradients: Vec<Vec<Buffer>>,
    joined: Buffer,
    joined_gradient: Buffer,
    transposed: Buffer,
    mlp: MlpBuffers,
}

impl Convolution {
    pub fn new(
        layout: &mut Layout,
        name: &str,
        given: usize,
        (series, layers, widths): (&[Series], &[ConvolutionLayer], &[usize]),
        activation: Activation,
    ) -> Self {
        let mut joined = 0;
        let mut parts = Vec::new();
        for one in series {
            let (mut channels, mut length) = (one.channels, one.length);
            let mut levels = Vec::new();
            for (i, layer) in layers.iter().enumerate() {
                let window = layer.kernel * channels;
                let bound = 1.0 / (window as f32).sqrt();
                let name = format!("{name}.{}.{i}", one.name);
                let shape = vec![layer.channels, window];
                let weight = layout.add(format!("{name}.weight"), shape, bound, &[]);
                let bias = layout.add(format!("{name}.bias"), vec![layer.channels], bound, &[]);
                let length_out = (length - 1) / layer.stride + 1;
                levels.push(Level {
                    weight,
                    bias,
                    kernel: layer.kernel,
                    stride: layer.stride,
                    channels_in: channels,
                    channels_out: layer.channels,
                    length_in: length,
                    length_out,
                });
                (channels, length) = (layer.channels, length_out);
            }
            joined += channels * length;
            parts.push((one.clone(), levels));
        }
        let scalars: Vec<usize> = (0..given)
            .filter(|c| !series.iter().any(|s| s.columns().contains(c)))
            .collect();
        joined += scalars.len();
        let mlp = Mlp::new(
            layout,
            &format!("{name}.joined"),
            joined,
            widths,
            activation,
        );
        Self {
            series: parts,
            scalars,
            joined,
            activation,
            mlp,
        }
    }

    /// Floats that one example takes in the buffers.
    pub fn floats_per_row(&self) -> usize {
        let levels = self.series.iter().flat_map(|(_, levels)| levels);
        2 * (levels.map(Level::padded_inputs).sum::<usize>() + self.joined)
            + self.mlp.floats_per_row()
    }

    pub fn buffers(&self, rows: usize) -> ConvolutionBuffers {
        let all = || {
            let of = |levels: &Vec<Level>| {
                levels
                    .iter()
                    .map(|l| Buffer::zeros(l.padded_inputs() * rows))
                    .collect()
            };
            self.series.iter().map(|(_, levels)| of(levels)).collect()
        };
        ConvolutionBuffers {
            levels: all(),
            level_gradients: all(),
            joined: Buffer::zeros(self.joined * rows),
            joined_gradient: Buffer::zeros(self.joined * rows),
            transposed: Buffer::default(),
            mlp: self.mlp.buffers(rows),
        }
    }

    pub fn forward(&self, parameters: &[f32], rows: usize, x: &[f32], b: &mut ConvolutionBuffers) {
        let mut joined_at = 0;
        for ((series, levels), buffers) in self.series.iter().zip(&mut b.levels) {
            match (levels.first(), buffers.first_mut()) {
                (Some(level), Some(first)) => by_time(series, level.padding(), rows, x, first),
                // Without convolutions the series goes to the MLP as it is.
                _ => {
                    let columns = series.columns();
                    let features = columns.len();
                    b.joined[joined_at * rows..(joined_at + features) * rows]
                        .copy_from_slice(&x[columns.start * rows..columns.end * rows]);
                    joined_at += features;
                }
            }
            for (i, level) in levels.iter().enumerate() {
                let (before, after) = buffers.split_at_mut(i + 1);
                let features = level.channels_out * level.length_out;
                let (output, first) = match after.first_mut() {
                    Some(next) => {
                        let first = levels[i + 1].padding() * level.channels_out;
                        next[..first * rows].fill(0.0);
                        next[(first + features) * rows..(2 * first + features) * rows].fill(0.0);
                        (next, first)
                    }
                    None => (&mut b.joined, joined_at),
                };
                let output = &mut output[first * rows..(first + features) * rows];
                level_forward(level, parameters, rows, &before[i], output);
                activate(self.activation, output);
                if i + 1 == levels.len() {
                    joined_at += features;
                }
            }
        }
        for (i, &column) in self.scalars.iter().enumerate() {
            b.joined[(joined_at + i) * rows..(joined_at + i + 1) * rows]
                .copy_from_slice(&x[column * rows..(column + 1) * rows]);
        }
        self.mlp.forward(parameters, rows, &b.joined, &mut b.mlp);
    }

    pub fn output<'a>(&self, b: &'a ConvolutionBuffers) -> &'a [f32] {
        self.mlp.output(&b.mlp)
    }

    /// Where the caller puts the gradient of the output.
    pub fn output_gradient<'a>(&self, b: &'a mut ConvolutionBuffers) -> &'a mut [f32] {
        self.mlp.output_gradient(&mut b.mlp)
    }

    /// Adds the parameters' gradient.
    pub fn backward(
        &self,
        parameters: &[f32],
        rows: usize,
        b: &mut ConvolutionBuffers,
        gradient: &mut [f32],
    ) {
        let below = Some(b.joined_gradient.as_mut_slice());
        self.mlp
            .backward(parameters, rows, &b.joined, &mut b.mlp, gradient, below);
        let mut joined_at = 0;
        for (s, (series, levels)) in self.series.iter().enumerate() {
            let inputs = &b.levels[s];
            for (i, level) in levels.iter().enumerate().rev() {
                let features = level.channels_out * level.length_out;
                let (before, after) = b.level_gradients[s].split_at_mut(i + 1);
                let (output, output_gradient, first) = match after.first_mut() {
                    Some(next) => (
                        &inputs[i + 1],
                        next,
                        levels[i + 1].padding() * level.channels_out,
                    ),
                    None => (&b.joined, &mut b.joined_gradient, joined_at),
                };
                let range = first * rows..(first + features) * rows;
                let output_gradient = &mut output_gradient[range.clone()];
                times_slope(self.activation, &output[range], output_gradient);
                let transposed = &mut b.transposed;
                let stride = transpose(level.padded_inputs(), rows, &inputs[i], transposed);
                level_weight_gradient(level, rows, transposed, stride, output_gradient, gradient);
                if i > 0 {
                    level_input_gradient(level, parameters, rows, output_gradient, &mut before[i]);
                }
            }
            joined_at += match levels.last() {
                Some(level) => level.channels_out * level.length_out,
                None => series.channels * series.length,
            };
        }
    }
}

/// Lays a series out time by time, with `padding` zero times before and after.
fn by_time(series: &Series, padding: usize, rows: usize, x: &[f32], out: &mut [f32]) {
    let channels = series.channels;
    let end = (2 * padding + series.length) * channels * rows;
    out[..padding * channels * rows].fill(0.0);
    out[(padding + series.length) * channels * rows..end].fill(0.0);
    for time in 0..series.length {
        for channel in 0..channels {
            let column = series.start + channel * series.length + time;
            let feature = (time + padding) * channels + channel;
            out[feature * rows..(feature + 1) * rows]
                .copy_from_slice(&x[column * rows..(column + 1) * rows]);
        }
    }
}

fn level_forward(level: &Level, parameters: &[f32], rows: usize, x: &[f32], y: &mut [f32]) {
    let bias = &parameters[level.bias..level.bias + level.channels_out];
    for time in 0..level.length_out {
        product(
            Size {
                m: level.channels_out,
                n: rows,
                k: level.window(),
            },
            Left {
                values: level.weights(parameters),
                row: level.window(),
                column: 1,
            },
            &x[time * level.stride * level.channels_in * rows..],
            rows,
            &mut y[time * level.channels_out * rows..],
            rows,
            Start::Bias(bias),
        );
    }
}

fn level_weight_gradient(
    level: &Level,
    rows: usize,
    transposed_x: &[f32],
    stride: usize,
    y_gradient: &[f32],
    gradient: &mut [f32],
) {
    let channels = level.channels_out;
    for time in 0..level.length_out {
        let y_gradient = &y_gradient[time * channels * rows..(time + 1) * channels * rows];
        product(
            Size {
                m: channels,
                n: level.window(),
                k: rows,
            },
            Left {
                values: y_gradient,
                row: rows,
                column: 1,
            },
            &transposed_x[time * level.stride * level.channels_in..],
            stride,
            &mut gradient[level.weight..],
            level.window(),
            Start::Accumulate,
        );
        add_row_sums(
            rows,
            y_gradient,
            &mut gradient[level.bias..level.bias + channels],
        );
    }
}

fn level_input_gradient(
    level: &Level,
    parameters: &[f32],
    rows: usize,
    y_gradient: &[f32],
    x_gradient: &mut [f32],
) {
    x_gradient[..level.padded_inputs() * rows].fill(0.0);
    for time in 0..level.length_out {
        product(
            Size {
                m: level.window(),
                n: rows,
                k: level.channels_out,
            },
            Left {
                values: level.weights(parameters),
                row: 1,
                column: level.window(),
            },
            &y_gradient[time * level.channels_out * rows..],
            rows,
            &mut x_gradient[time * level.stride * level.channels_in * rows..],
            rows,
            Start::Accumulate,
        );
    }
}
