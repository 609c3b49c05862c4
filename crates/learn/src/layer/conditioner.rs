//! The network of one transform of a flow: a residual network with gates (Durkan et al. 2019) from
//! features and inputs to parameters, in steps: the parameters of each step see the inputs that the
//! step may see. An autoregressive transform (MADE; Germain et al. 2015) has a step for each column,
//! which sees the columns before it; a coupling has one or two.
//!
//! Hidden units are sorted by degree: those of degree g see what step g sees, and hidden units of
//! degree g or less, and the parameters of step g see hidden units of degree g or less. Masked weight
//! matrices are then staircases, of which only the steps are computed, and the inverse can go step
//! by step at the cost of one pass.

use super::linear::{Beginning, Linear};
use crate::kernel::activation::{
    Activation, activate, activated, add_product, add_times_slope, gated, gated_gradient,
    times_slope,
};
use crate::kernel::product::{Start, transpose};
use crate::network::{Block, Layout};
use crate::vector::Buffer;
use gnomon_mechanism::elementary;
use std::ops::Range;

/// The layers of one transform's network.
#[derive(Clone, Debug)]
pub(crate) struct Conditioner {
    inputs: usize,
    hidden: usize,
    activation: Activation,
    /// From features to a start of the hidden units and one gate a block.
    context: Linear,
    input: Linear,
    blocks: Vec<[Linear; 2]>,
    output: Linear,
    /// Hidden units of each degree.
    degrees: Vec<Range<usize>>,
}

/// One transform's activations.
#[derive(Debug, Default)]
pub(crate) struct ConditionerBuffers {
    /// Inputs, in autoregressive order if there is one.
    pub x: Buffer,
    /// Contributions of the features: start and gates.
    pub context: Buffer,
    /// The stream before each block and after the last.
    stream: Vec<Buffer>,
    /// For each block: the inputs of its layers, and its output before the gate.
    inner: Vec<[Buffer; 3]>,
    /// Raw parameters, step by step; the flow replaces them by their gradient.
    pub parameters: Buffer,
}

/// Room for gradients, shared by all transforms.
#[derive(Debug, Default)]
pub(crate) struct ConditionerScratch {
    stream: Buffer,
    inner: Buffer,
    below: Buffer,
    context: Buffer,
    transposed: Buffer,
    /// The transposed features and their stride.
    features: Buffer,
    features_stride: usize,
}

/// Where a backward pass leaves its gradients.
pub(crate) struct ConditionerGradients<'a> {
    /// Added to: all weights of the network.
    pub weights: &'a mut [f32],
    /// Written: the inputs.
    pub x: &'a mut [f32],
    /// Added to: the features, if their gradient is wanted.
    pub features: Option<&'a mut [f32]>,
}

impl ConditionerScratch {
    /// Keeps what the backward passes need of the features.
    pub fn load_features(&mut self, rows: usize, features: &[f32], count: usize) {
        self.features_stride = transpose(count, rows, features, &mut self.features);
    }
}

/// The residual network between inputs and parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trunk {
    /// Hidden units.
    pub hidden: usize,
    /// Residual blocks.
    pub blocks: usize,
    /// Before each layer of a block.
    pub activation: Activation,
}

/// What one step computes, and from what beside the features.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Inputs that it sees: the first so many, not fewer than the step before.
    pub seen: usize,
    /// Numbers that it computes.
    pub parameters: usize,
}

impl Conditioner {
    /// A network that reads `inputs` (at least 1) beside the features.
    pub fn new(
        layout: &mut Layout,
        name: &str,
        features: usize,
        inputs: usize,
        steps: &[Step],
        trunk: Trunk,
    ) -> Self {
        let hidden = trunk.hidden;
        let edge = |degree: usize| (degree * hidden).div_ceil(steps.len());
        let degrees: Vec<_> = (0..steps.len()).map(|g| edge(g)..edge(g + 1)).collect();
        let blocks = |columns: &dyn Fn(usize) -> usize| -> Vec<Block> {
            let block = |g: usize| Block {
                rows: degrees[g].clone(),
                columns: columns(g),
            };
            (0..steps.len()).map(block).collect()
        };
        let from_inputs = blocks(&|g| steps[g].seen);
        let from_hidden = blocks(&|g| edge(g + 1));
        let mut parameters = 0;
        let to_output = steps.iter().enumerate().map(|(g, step)| {
            let first = parameters;
            parameters += step.parameters;
            Block {
                rows: first..parameters,
                columns: edge(g + 1),
            }
        });
        let to_output = to_output.collect();
        let begin = Beginning::Default;
        let contexts = hidden * (1 + trunk.blocks);
        let context = Linear::dense(
            layout,
            &format!("{name}.context"),
            features,
            contexts,
            begin,
        );
        let input = Linear::masked(
            layout,
            &format!("{name}.input"),
            inputs,
            from_inputs,
            begin,
            false,
        );
        let blocks = (0..trunk.blocks).map(|b| {
            [(0, begin), (1, Beginning::Within(1e-3))].map(|(layer, begin)| {
                let name = format!("{name}.block{b}.{layer}");
                Linear::masked(layout, &name, hidden, from_hidden.clone(), begin, true)
            })
        });
        let blocks = blocks.collect();
        let output = Linear::masked(
            layout,
            &format!("{name}.output"),
            hidden,
            to_output,
            begin,
            true,
        );
        Self {
            inputs,
            hidden,
            activation: trunk.activation,
            context,
            input,
            blocks,
            output,
            degrees,
        }
    }

    /// Floats that one example takes in the buffers.
    pub fn floats_per_row(&self) -> usize {
        self.inputs
            + self.context.outputs
            + self.hidden * (1 + 4 * self.blocks.len())
            + self.output.outputs
    }

    /// Contributions of the features, for each example.
    pub fn contexts(&self) -> usize {
        self.context.outputs
    }

    pub fn buffers(&self, rows: usize) -> ConditionerBuffers {
        let wide = || Buffer::zeros(self.hidden * rows);
        ConditionerBuffers {
            x: Buffer::zeros(self.inputs * rows),
            context: Buffer::zeros(self.context.outputs * rows),
            stream: (0..=self.blocks.len()).map(|_| wide()).collect(),
            inner: self
                .blocks
                .iter()
                .map(|_| [wide(), wide(), wide()])
                .collect(),
            parameters: Buffer::zeros(self.output.outputs * rows),
        }
    }

    pub fn scratch(&self, rows: usize) -> ConditionerScratch {
        let wide = || Buffer::zeros(self.hidden * rows);
        ConditionerScratch {
            stream: wide(),
            inner: wide(),
            below: wide(),
            context: Buffer::zeros(self.context.outputs * rows),
            transposed: Buffer::default(),
            features: Buffer::default(),
            features_stride: 0,
        }
    }

    /// Computes `context` from the features.
    pub fn forward_context(
        &self,
        weights: &[f32],
        rows: usize,
        features: &[f32],
        context: &mut [f32],
    ) {
        self.context.forward(weights, rows, features, context);
    }

    /// How many inputs it reads.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// From `x` and `context` to the parameters of all steps.
    pub fn forward(&self, weights: &[f32], rows: usize, b: &mut ConditionerBuffers) {
        let size = self.hidden * rows;
        let (start, gates) = b.context.split_at_mut(size);
        b.stream[0][..size].copy_from_slice(start);
        self.input
            .forward_add(weights, rows, &b.x, &mut b.stream[0]);
        for (i, layers) in self.blocks.iter().enumerate() {
            let (before, after) = b.stream.split_at_mut(i + 1);
            let (before, after) = (&before[i][..size], &mut after[0][..size]);
            let [one, two, out] = &mut b.inner[i];
            activated(self.activation, before, &mut one[..size]);
            layers[0].forward(weights, rows, one, two);
            activate(self.activation, &mut two[..size]);
            layers[1].forward(weights, rows, two, out);
            gated(
                before,
                &out[..size],
                &mut gates[i * size..(i + 1) * size],
                after,
            );
        }
        self.output.forward(
            weights,
            rows,
            &b.stream[self.blocks.len()],
            &mut b.parameters,
        );
    }

    /// From the inputs that `step` sees to its parameters. Called for each step in order; gates must
    /// be open already ([`open_gates`](Self::open_gates)).
    pub fn forward_step(
        &self,
        weights: &[f32],
        rows: usize,
        step: usize,
        b: &mut ConditionerBuffers,
    ) {
        let size = self.hidden * rows;
        let Range { start, end } = self.degrees[step];
        let units = start * rows..end * rows;
        b.stream[0][units.clone()].copy_from_slice(&b.context[units.clone()]);
        let input = &mut b.stream[0];
        self.input
            .block_product(weights, rows, &b.x, input, step, Start::Accumulate);
        for (i, layers) in self.blocks.iter().enumerate() {
            let (before, after) = b.stream.split_at_mut(i + 1);
            let before = &before[i][units.clone()];
            let [one, two, out] = &mut b.inner[i];
            activated(self.activation, before, &mut one[units.clone()]);
            layers[0].forward_block(weights, rows, one, two, step);
            activate(self.activation, &mut two[units.clone()]);
            layers[1].forward_block(weights, rows, two, out, step);
            let gate = &b.context[(i + 1) * size..][units.clone()];
            let after = &mut after[0][units.clone()];
            add_product(before, &out[units.clone()], gate, after);
        }
        let stream = &b.stream[self.blocks.len()];
        self.output
            .forward_block(weights, rows, stream, &mut b.parameters, step);
    }

    /// Appends what the network needs to know of each of `rows` examples' features, gates open, to
    /// that example's contexts.
    pub fn append_contexts(
        &self,
        weights: &[f32],
        rows: usize,
        features: &[f32],
        contexts: &mut [Vec<f32>],
    ) {
        let mut buffer = vec![0.0; self.contexts() * rows];
        self.forward_context(weights, rows, features, &mut buffer);
        for (row, context) in contexts.iter_mut().enumerate() {
            let first = context.len();
            context.extend(buffer.iter().skip(row).step_by(rows));
            self.open_gates(&mut context[first..]);
        }
    }

    /// After [`forward_step`](Self::forward_step) of a single step: the sum over i < `count` of the
    /// derivative of parameter i with respect to input i, by a tangent forward through the network
    /// for each.
    pub fn trace(
        &self,
        weights: &[f32],
        rows: usize,
        count: usize,
        b: &ConditionerBuffers,
        scratch: &mut ConditionerScratch,
        trace: &mut [f32],
    ) {
        let size = self.hidden * rows;
        let ConditionerScratch {
            stream,
            inner,
            below,
            ..
        } = scratch;
        let (stream, inner, below) = (&mut stream[..size], &mut inner[..size], &mut below[..size]);
        let trace = &mut trace[..rows];
        trace.fill(0.0);
        for input in 0..count {
            for (unit, stream) in stream.chunks_exact_mut(rows).enumerate() {
                stream.fill(self.input.weight(weights, unit, input));
            }
            for (i, layers) in self.blocks.iter().enumerate() {
                let [one, two, _] = &b.inner[i];
                inner.copy_from_slice(stream);
                times_slope(self.activation, &one[..size], inner);
                layers[0].block_product(weights, rows, inner, below, 0, Start::Zero);
                times_slope(self.activation, &two[..size], below);
                layers[1].block_product(weights, rows, below, inner, 0, Start::Zero);
                let gate = &b.context[(i + 1) * size..(i + 2) * size];
                below.copy_from_slice(stream);
                add_product(below, inner, gate, stream);
            }
            self.output
                .add_row_product(weights, rows, input, stream, trace);
        }
    }

    /// Turns the gates of a context of one example from raw values to openings.
    fn open_gates(&self, context: &mut [f32]) {
        for gate in &mut context[self.hidden..] {
            *gate = (1.0 / (1.0 + elementary::exp(-f64::from(*gate)))) as f32;
        }
    }

    /// Given the gradient of the spline parameters (in `b.parameters`): the gradients of the
    /// weights, of the inputs and of the features.
    pub fn backward(
        &self,
        weights: &[f32],
        rows: usize,
        b: &ConditionerBuffers,
        scratch: &mut ConditionerScratch,
        to: ConditionerGradients<'_>,
    ) {
        let gradient = to.weights;
        let size = self.hidden * rows;
        let ConditionerScratch {
            stream,
            inner,
            below,
            context,
            transposed,
            features,
            features_stride,
        } = scratch;
        let (stream, inner, below) = (&mut stream[..size], &mut inner[..size], &mut below[..size]);
        let last = &b.stream[self.blocks.len()];
        let stride = transpose(self.hidden, rows, last, transposed);
        self.output
            .add_weight_gradient(rows, transposed, stride, &b.parameters, gradient);
        self.output
            .input_gradient(weights, rows, &b.parameters, stream, Start::Zero);
        for (i, layers) in self.blocks.iter().enumerate().rev() {
            let [one, two, out] = &b.inner[i];
            let (one, two, out) = (&one[..size], &two[..size], &out[..size]);
            let gates = (i + 1) * size..(i + 2) * size;
            let gate = &b.context[gates.clone()];
            gated_gradient(out, gate, stream, inner, &mut context[gates]);
            let stride = transpose(self.hidden, rows, two, transposed);
            layers[1].add_weight_gradient(rows, transposed, stride, inner, gradient);
            layers[1].input_gradient(weights, rows, inner, below, Start::Zero);
            times_slope(self.activation, two, below);
            let stride = transpose(self.hidden, rows, one, transposed);
            layers[0].add_weight_gradient(rows, transposed, stride, below, gradient);
            layers[0].input_gradient(weights, rows, below, inner, Start::Zero);
            add_times_slope(self.activation, one, inner, stream);
        }
        let stride = transpose(self.inputs, rows, &b.x, transposed);
        self.input
            .add_weight_gradient(rows, transposed, stride, stream, gradient);
        self.input
            .input_gradient(weights, rows, stream, to.x, Start::Zero);
        context[..size].copy_from_slice(stream);
        let context = context.as_slice();
        self.context
            .add_weight_gradient(rows, features, *features_stride, context, gradient);
        if let Some(g) = to.features {
            self.context
                .input_gradient(weights, rows, context, g, Start::Accumulate);
        }
    }
}
