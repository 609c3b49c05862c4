//! Linear layers, each followed by an activation.

use super::linear::{Beginning, Linear};
use crate::kernel::activation::{Activation, activate, times_slope};
use crate::kernel::product::{Start, transpose};
use crate::network::Layout;
use crate::vector::Buffer;

/// A stack of linear layers.
#[derive(Clone, Debug)]
pub(crate) struct Mlp {
    layers: Vec<Linear>,
    activation: Activation,
}

/// Outputs and their gradients, layer by layer.
#[derive(Debug, Default)]
pub(crate) struct MlpBuffers {
    outputs: Vec<Buffer>,
    gradients: Vec<Buffer>,
    transposed: Buffer,
}

impl Mlp {
    pub fn new(
        layout: &mut Layout,
        name: &str,
        inputs: usize,
        widths: &[usize],
        activation: Activation,
    ) -> Self {
        let mut from = inputs;
        let layers = widths.iter().enumerate().map(|(i, &width)| {
            let name = format!("{name}.{i}");
            let layer = Linear::dense(layout, &name, from, width, Beginning::Default);
            from = width;
            layer
        });
        Self {
            layers: layers.collect(),
            activation,
        }
    }

    /// Numbers that an example ends as.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |l| l.outputs)
    }

    /// Floats that one example takes in the buffers.
    pub fn floats_per_row(&self) -> usize {
        2 * self.layers.iter().map(|l| l.outputs).sum::<usize>()
    }

    pub fn buffers(&self, rows: usize) -> MlpBuffers {
        let all = || {
            self.layers
                .iter()
                .map(|l| Buffer::zeros(l.outputs * rows))
                .collect()
        };
        MlpBuffers {
            outputs: all(),
            gradients: all(),
            transposed: Buffer::default(),
        }
    }

    pub fn forward(&self, parameters: &[f32], rows: usize, x: &[f32], buffers: &mut MlpBuffers) {
        for (i, layer) in self.layers.iter().enumerate() {
            let (before, after) = buffers.outputs.split_at_mut(i);
            let input = before.last().map_or(x, Buffer::as_slice);
            let output = &mut after[0][..layer.outputs * rows];
            layer.forward(parameters, rows, input, output);
            activate(self.activation, output);
        }
    }

    pub fn output<'a>(&self, buffers: &'a MlpBuffers) -> &'a [f32] {
        buffers.outputs.last().map_or(&[], Buffer::as_slice)
    }

    /// Where the caller puts the gradient of the output.
    pub fn output_gradient<'a>(&self, buffers: &'a mut MlpBuffers) -> &'a mut [f32] {
        buffers
            .gradients
            .last_mut()
            .map_or(&mut [], Buffer::as_mut_slice)
    }

    /// Adds the parameters' gradient; writes that of the input if `x_gradient` is given.
    pub fn backward(
        &self,
        parameters: &[f32],
        rows: usize,
        x: &[f32],
        buffers: &mut MlpBuffers,
        gradient: &mut [f32],
        x_gradient: Option<&mut [f32]>,
    ) {
        let MlpBuffers {
            outputs,
            gradients,
            transposed,
        } = buffers;
        let mut x_gradient = x_gradient;
        for (i, layer) in self.layers.iter().enumerate().rev() {
            let (before, after) = gradients.split_at_mut(i);
            let size = layer.outputs * rows;
            let y_gradient = &mut after[0][..size];
            times_slope(self.activation, &outputs[i][..size], y_gradient);
            let input = if i == 0 { x } else { outputs[i - 1].as_slice() };
            let stride = transpose(layer.inputs, rows, input, transposed);
            layer.add_weight_gradient(rows, transposed, stride, y_gradient, gradient);
            let below = match before.last_mut() {
                Some(below) => Some(below.as_mut_slice()),
                None => x_gradient.take(),
            };
            if let Some(below) = below {
                layer.input_gradient(parameters, rows, y_gradient, below, Start::Zero);
            }
        }
    }
}
