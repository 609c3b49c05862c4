//! A residual MLP: linear, blocks `h + L2(act(L1(act(h))))`, linear.

use super::linear::{Beginning, Linear};
use crate::kernel::activation::{
    Activation, activate, activated, add, add_times_slope, times_slope,
};
use crate::kernel::product::{Start, transpose};
use crate::network::Layout;
use crate::vector::Buffer;

/// The layers of a residual MLP.
#[derive(Clone, Debug)]
pub(crate) struct Residual {
    first: Linear,
    blocks: Vec<[Linear; 2]>,
    last: Linear,
    activation: Activation,
}

/// What the backward pass needs, and room for gradients.
#[derive(Debug, Default)]
pub(crate) struct ResidualBuffers {
    /// The stream after the first layer and after each block.
    stream: Buffer,
    /// For each block: the inputs of its two layers.
    inner: Vec<[Buffer; 2]>,
    output: Buffer,
    output_gradient: Buffer,
    stream_gradient: Buffer,
    inner_gradient: Buffer,
    scratch: Buffer,
    transposed: Buffer,
}

impl Residual {
    pub fn new(
        layout: &mut Layout,
        name: &str,
        inputs: usize,
        (width, blocks, outputs): (usize, usize, usize),
        activation: Activation,
    ) -> Self {
        let mut dense = |part: &str, from, to, beginning| {
            Linear::dense(layout, &format!("{name}.{part}"), from, to, beginning)
        };
        let first = dense("first", inputs, width, Beginning::Default);
        let blocks = (0..blocks).map(|b| {
            [
                dense(&format!("block{b}.0"), width, width, Beginning::Default),
                dense(
                    &format!("block{b}.1"),
                    width,
                    width,
                    Beginning::Within(1e-3),
                ),
            ]
        });
        let blocks = blocks.collect();
        let last = dense("last", width, outputs, Beginning::Default);
        Self {
            first,
            blocks,
            last,
            activation,
        }
    }

    /// Floats that one example takes in the buffers.
    pub fn floats_per_row(&self) -> usize {
        self.first.outputs * (4 + 2 * self.blocks.len()) + 2 * self.last.outputs
    }

    pub fn buffers(&self, rows: usize) -> ResidualBuffers {
        let wide = || Buffer::zeros(self.first.outputs * rows);
        let out = || Buffer::zeros(self.last.outputs * rows);
        ResidualBuffers {
            stream: wide(),
            inner: self.blocks.iter().map(|_| [wide(), wide()]).collect(),
            output: out(),
            output_gradient: out(),
            stream_gradient: wide(),
            inner_gradient: wide(),
            scratch: wide(),
            transposed: Buffer::default(),
        }
    }

    pub fn forward(&self, parameters: &[f32], rows: usize, x: &[f32], b: &mut ResidualBuffers) {
        let size = self.first.outputs * rows;
        let stream = &mut b.stream[..size];
        self.first.forward(parameters, rows, x, stream);
        for (layers, [one, two]) in self.blocks.iter().zip(&mut b.inner) {
            let (one, two) = (&mut one[..size], &mut two[..size]);
            activated(self.activation, stream, one);
            layers[0].forward(parameters, rows, one, two);
            activate(self.activation, two);
            layers[1].forward(parameters, rows, two, &mut b.scratch[..size]);
            add(&b.scratch[..size], stream);
        }
        self.last.forward(parameters, rows, stream, &mut b.output);
    }

    pub fn output<'a>(&self, b: &'a ResidualBuffers) -> &'a [f32] {
        &b.output
    }

    /// Where the caller puts the gradient of the output.
    pub fn output_gradient<'a>(&self, b: &'a mut ResidualBuffers) -> &'a mut [f32] {
        &mut b.output_gradient
    }

    /// Adds the parameters' gradient; writes that of the input if `x_gradient` is given.
    pub fn backward(
        &self,
        parameters: &[f32],
        rows: usize,
        x: &[f32],
        b: &mut ResidualBuffers,
        gradient: &mut [f32],
        x_gradient: Option<&mut [f32]>,
    ) {
        let size = self.first.outputs * rows;
        let g_stream = &mut b.stream_gradient[..size];
        let g_inner = &mut b.inner_gradient[..size];
        let transposed = &mut b.transposed;
        let stride = transpose(self.last.inputs, rows, &b.stream, transposed);
        self.last
            .add_weight_gradient(rows, transposed, stride, &b.output_gradient, gradient);
        self.last
            .input_gradient(parameters, rows, &b.output_gradient, g_stream, Start::Zero);
        for (layers, [one, two]) in self.blocks.iter().zip(&b.inner).rev() {
            let (one, two) = (&one[..size], &two[..size]);
            let stride = transpose(layers[1].inputs, rows, two, transposed);
            layers[1].add_weight_gradient(rows, transposed, stride, g_stream, gradient);
            layers[1].input_gradient(parameters, rows, g_stream, g_inner, Start::Zero);
            times_slope(self.activation, two, g_inner);
            let stride = transpose(layers[0].inputs, rows, one, transposed);
            layers[0].add_weight_gradient(rows, transposed, stride, g_inner, gradient);
            let below = &mut b.scratch[..size];
            layers[0].input_gradient(parameters, rows, g_inner, below, Start::Zero);
            add_times_slope(self.activation, one, below, g_stream);
        }
        let stride = transpose(self.first.inputs, rows, x, transposed);
        self.first
            .add_weight_gradient(rows, transposed, stride, g_stream, gradient);
        if let Some(below) = x_gradient {
            self.first
                .input_gradient(parameters, rows, g_stream, below, Start::Zero);
        }
    }
}
