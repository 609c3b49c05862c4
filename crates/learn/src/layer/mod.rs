//! A network compiled to layers: a [`Plan`] says where each parameter lies and runs chunks of
//! examples forward and backward in a [`Workspace`] of buffers.

mod attention;
mod conditioner;
mod convolution;
mod deep_sets;
mod embedding;
mod flow;
mod linear;
mod matching;
mod mlp;
mod residual;
mod rows;
mod tokens;

use crate::examples::{Examples, Targets};
use crate::kernel::{loss, product::Start, product::transpose};
use crate::matrix::Matrix;
use crate::network::{Head, Layout, Network, NetworkError, Tensor};
use crate::vector::{Buffer, ROW_UNIT, padded};
use embedding::{EmbeddingBuffers, EmbeddingPlan};
use flow::{Flow, FlowBuffers, Kind};
use gnomon_mechanism::random::{Purpose, Stream};
use linear::{Beginning, Linear};
pub(crate) use matching::Occasion;
use matching::{Matching, MatchingBuffers};
use rows::{gather, scatter};
use std::ops::Range;

/// A network ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub given: usize,
    pub features: usize,
    embedding: EmbeddingPlan,
    head: HeadPlan,
    layout: Layout,
    /// Examples in a chunk: few enough for a chunk's buffers to stay in cache.
    chunk: usize,
}

#[derive(Clone, Debug)]
enum HeadPlan {
    Mean(Linear),
    Classes(Linear),
    Quantiles(Linear, Vec<f32>),
    Flow(Flow),
    Matching(Matching),
}

/// What a workspace was loaded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// Given columns.
    Given,
    /// Features that were worked out before.
    Features,
}

/// Buffers for one chunk of examples.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// Examples in the chunk, and the same rounded up to whole vectors.
    count: usize,
    rows: usize,
    x: Buffer,
    features: Buffer,
    targets: Buffer,
    weights: Buffer,
    loss: Buffer,
    embedding: EmbeddingBuffers,
    output: Buffer,
    output_gradient: Buffer,
    flow: FlowBuffers,
    matching: MatchingBuffers,
    transposed: Buffer,
}

const MOST_ROWS: usize = 128;
const FEWEST_ROWS: usize = 32;
/// Floats of activations that a chunk may take (2 MB: beyond a second-level cache, larger tiles still
/// win).
const CHUNK_FLOATS: usize = 512 << 10;

impl Plan {
    pub fn new(network: &Network) -> Result<Self, NetworkError> {
        network.check()?;
        let mut layout = Layout::default();
        let given = network.given;
        let embedding = EmbeddingPlan::new(&mut layout, given, &network.embedding);
        let (features, predict) = (network.features(), network.predict);
        let mut linear =
            |outputs| Linear::dense(&mut layout, "head", features, outputs, Beginning::Default);
        let head = match &network.head {
            Head::Mean => HeadPlan::Mean(linear(predict)),
            Head::Classes => HeadPlan::Classes(linear(predict)),
            Head::Quantiles { levels } => {
                HeadPlan::Quantiles(linear(predict * levels.len()), levels.clone())
            }
            Head::Spline(flow) | Head::Coupling(flow) => {
                let kind = match &network.head {
                    Head::Coupling(_) => Kind::Coupling,
                    _ => Kind::Autoregressive,
                };
                HeadPlan::Flow(Flow::new(&mut layout, features, predict, flow, kind))
            }
            Head::FlowMatching(flow) => {
                HeadPlan::Matching(Matching::new(&mut layout, features, predict, flow))
            }
        };
        let mut plan = Self {
            given,
            features,
            embedding,
            head,
            layout,
            chunk: MOST_ROWS,
        };
        let rows = CHUNK_FLOATS / plan.floats_per_row().max(1) / ROW_UNIT * ROW_UNIT;
        plan.chunk = rows.clamp(FEWEST_ROWS, MOST_ROWS);
        Ok(plan)
    }

    pub fn into_tensors(self) -> Vec<Tensor> {
        self.layout.tensors
    }

    pub fn tensors(&self) -> &[Tensor] {
        &self.layout.tensors
    }

    pub fn parameters(&self) -> usize {
        self.layout.parameters
    }

    pub fn initial_weights(&self, seed: u64) -> Vec<f32> {
        self.layout.initial_weights(seed)
    }

    fn floats_per_row(&self) -> usize {
        let head = match &self.head {
            HeadPlan::Mean(l) | HeadPlan::Classes(l) | HeadPlan::Quantiles(l, _) => 2 * l.outputs,
            HeadPlan::Flow(flow) => flow.floats_per_row(),
            HeadPlan::Matching(matching) => matching.floats_per_row(),
        };
        self.embedding.floats_per_row() + head
    }

    /// Splits `rows` examples into chunks of nearly equal numbers of whole vectors.
    pub fn chunks(&self, rows: usize) -> Vec<Range<usize>> {
        let units = rows.div_ceil(ROW_UNIT);
        let chunks = units.div_ceil(self.chunk / ROW_UNIT);
        let edge = |c: usize| (c * units).div_ceil(chunks) * ROW_UNIT;
        (0..chunks)
            .map(|c| edge(c)..edge(c + 1).min(rows))
            .collect()
    }

    pub fn workspace(&self) -> Workspace {
        let rows = self.chunk;
        let outputs = self.outputs();
        let flow = match &self.head {
            HeadPlan::Flow(flow) => flow.buffers(rows),
            _ => FlowBuffers::default(),
        };
        let matching = match &self.head {
            HeadPlan::Matching(matching) => matching.buffers(rows),
            _ => MatchingBuffers::default(),
        };
        Workspace {
            count: 0,
            rows,
            x: Buffer::zeros(self.given * rows),
            features: Buffer::default(),
            targets: Buffer::zeros(self.target_columns() * rows),
            weights: Buffer::zeros(rows),
            loss: Buffer::zeros(rows),
            embedding: self.embedding.buffers(rows),
            output: Buffer::zeros(outputs * rows),
            output_gradient: Buffer::zeros(outputs * rows),
            flow,
            matching,
            transposed: Buffer::default(),
        }
    }

    /// Numbers of the target in a row of examples: 1 for a class.
    pub fn target_columns(&self) -> usize {
        match &self.head {
            HeadPlan::Mean(l) => l.outputs,
            HeadPlan::Classes(_) => 1,
            HeadPlan::Quantiles(l, levels) => l.outputs / levels.len(),
            HeadPlan::Flow(flow) => flow.columns,
            HeadPlan::Matching(matching) => matching.columns,
        }
    }

    /// Puts the given columns of some rows into the workspace.
    pub fn load_given(
        &self,
        ws: &mut Workspace,
        given: &Matrix,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
    ) {
        ws.count = rows.len();
        ws.rows = padded(ws.count);
        gather(
            &mut ws.x,
            ws.rows,
            self.given,
            rows.map(|row| given.row(row)),
        );
    }

    /// Puts numbers to predict into the workspace, for the rows last given to `load_given`.
    pub fn load_targets(
        &self,
        ws: &mut Workspace,
        targets: &Matrix,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
    ) {
        let columns = self.target_columns();
        gather(
            &mut ws.targets,
            ws.rows,
            columns,
            rows.map(|row| targets.row(row)),
        );
    }

    /// Puts the examples of some rows into the workspace.
    pub fn load(&self, ws: &mut Workspace, examples: &Examples, rows: &[usize]) {
        self.load_given(ws, &examples.given, rows.iter().copied());
        match &examples.targets {
            Targets::Values(matrix) => self.load_targets(ws, matrix, rows.iter().copied()),
            Targets::Classes(classes) => {
                ws.targets[..ws.rows].fill(0.0);
                for (target, &row) in ws.targets.iter_mut().zip(rows) {
                    *target = classes[row] as f32;
                }
            }
        }
    }

    /// Adds normal noise to the given columns of the loaded examples, of an sd for each column; none where
    /// `sds` is empty. That of a row depends on `seed`, `occasion` and the row's number alone.
    pub fn add_noise(
        &self,
        ws: &mut Workspace,
        sds: &[f32],
        seed: u64,
        occasion: Occasion,
        numbers: &[usize],
    ) {
        if sds.is_empty() {
            return;
        }
        let high = match occasion {
            Occasion::Step(step) => step << 32,
            Occasion::HeldOut => u64::from(u32::MAX) << 32,
        };
        for (row, &number) in numbers.iter().enumerate() {
            let mut stream = Stream::new(seed, Purpose::AUGMENTATION, high | number as u64);
            let places = ws.x[row..].iter_mut().step_by(ws.rows);
            for (x, sd) in places.zip(sds).filter(|(_, sd)| **sd > 0.0) {
                *x += sd * stream.normal() as f32;
            }
        }
    }

    /// Draws what the loss of the loaded examples needs beside them: the paths of flow matching.
    pub fn load_paths(&self, ws: &mut Workspace, seed: u64, occasion: Occasion, rows: &[usize]) {
        if let HeadPlan::Matching(matching) = &self.head {
            matching.load_paths(ws.rows, seed, occasion, rows, &mut ws.matching);
        }
    }

    /// From the given columns to features.
    fn embed(&self, weights: &[f32], ws: &mut Workspace) {
        self.embedding
            .forward(weights, ws.rows, &ws.x, &mut ws.embedding);
    }

    /// The loss of each loaded example.
    pub fn losses<'a>(&self, weights: &[f32], ws: &'a mut Workspace) -> &'a [f32] {
        self.head_loss(weights, ws, 0.0);
        &ws.loss[..ws.count]
    }

    /// Puts features that were worked out before into the workspace, instead of given columns.
    pub fn load_features(
        &self,
        ws: &mut Workspace,
        features: &Matrix,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
    ) {
        ws.count = rows.len();
        ws.rows = padded(ws.count);
        ws.features.grow(self.features * ws.rows);
        gather(
            &mut ws.features,
            ws.rows,
            self.features,
            rows.map(|row| features.row(row)),
        );
    }

    /// ln p of each loaded target of a density, given the loaded columns or features; nothing for
    /// other heads.
    pub fn log_densities(
        &self,
        weights: &[f32],
        ws: &mut Workspace,
        loaded: Loaded,
        out: &mut [f64],
    ) {
        if loaded == Loaded::Given {
            self.embed(weights, ws);
        }
        let rows = ws.rows;
        let features = match loaded {
            Loaded::Given => self.embedding.features(&ws.x, &ws.embedding),
            Loaded::Features => &ws.features,
        };
        match &self.head {
            HeadPlan::Flow(flow) => {
                ws.weights[..rows].fill(0.0);
                flow.load(rows, &ws.targets, &mut ws.flow);
                flow.forward(weights, rows, features, &mut ws.flow);
                flow.loss(rows, &ws.weights, &mut ws.flow, &mut ws.loss);
                for (out, &loss) in out.iter_mut().zip(&*ws.loss) {
                    *out = -f64::from(loss);
                }
            }
            HeadPlan::Matching(matching) => {
                let contexts = matching.contexts(weights, rows, features);
                let mut targets = vec![0.0; ws.count * matching.columns];
                scatter(&ws.targets, rows, matching.columns, &mut targets);
                let context_of = |row: usize| contexts[row].as_slice();
                matching.log_densities(weights, context_of, &targets, out, &mut ws.matching);
            }
            HeadPlan::Mean(_) | HeadPlan::Classes(_) | HeadPlan::Quantiles(..) => {}
        }
    }

    /// Adds `scale` times the gradient of the summed loss of the loaded examples to `gradient`;
    /// returns the sum.
    pub fn add_gradient(
        &self,
        weights: &[f32],
        ws: &mut Workspace,
        scale: f32,
        gradient: &mut [f32],
    ) -> f64 {
        self.head_loss(weights, ws, scale);
        let sum = ws.loss[..ws.count].iter().map(|&l| f64::from(l)).sum();
        self.backward(weights, ws, gradient);
        sum
    }

    /// Forward through embedding and head, with the gradient at the head's output.
    fn head_loss(&self, weights: &[f32], ws: &mut Workspace, scale: f32) {
        self.embed(weights, ws);
        let Workspace {
            count,
            rows,
            x,
            targets,
            weights: row_weights,
            loss,
            ..
        } = ws;
        let rows = *rows;
        row_weights[..*count].fill(scale);
        row_weights[*count..rows].fill(0.0);
        let features = self.embedding.features(x, &ws.embedding);
        let size = |l: &Linear| l.outputs * rows;
        match &self.head {
            HeadPlan::Flow(flow) => {
                flow.load(rows, targets, &mut ws.flow);
                flow.forward(weights, rows, features, &mut ws.flow);
                flow.loss(rows, row_weights, &mut ws.flow, loss);
            }
            HeadPlan::Matching(matching) => {
                let examples = (features, &**targets);
                matching.loss(weights, rows, examples, row_weights, &mut ws.matching, loss);
            }
            HeadPlan::Mean(l) => {
                l.forward(weights, rows, features, &mut ws.output);
                let (y, g) = (&ws.output[..size(l)], &mut ws.output_gradient);
                loss::squared(rows, y, targets, row_weights, loss, g);
            }
            HeadPlan::Classes(l) => {
                l.forward(weights, rows, features, &mut ws.output);
                let (y, g) = (&ws.output[..size(l)], &mut ws.output_gradient);
                loss::cross_entropy(rows, y, targets, row_weights, loss, g);
            }
            HeadPlan::Quantiles(l, levels) => {
                l.forward(weights, rows, features, &mut ws.output);
                let (y, g) = (&ws.output[..size(l)], &mut ws.output_gradient);
                loss::pinball(rows, levels, y, targets, row_weights, loss, g);
            }
        }
    }

    fn backward(&self, weights: &[f32], ws: &mut Workspace, gradient: &mut [f32]) {
        let rows = ws.rows;
        // The features' gradient is written beside them: what is needed of them is kept first.
        match &self.head {
            HeadPlan::Flow(flow) => {
                let features = self.embedding.features(&ws.x, &ws.embedding);
                flow.load_features(rows, features, self.features, &mut ws.flow);
                let mut below = self.embedding.feature_gradient(&mut ws.embedding);
                if let Some(below) = &mut below {
                    below[..self.features * rows].fill(0.0);
                }
                flow.backward(weights, rows, &mut ws.flow, gradient, below);
            }
            HeadPlan::Matching(matching) => {
                let features = self.embedding.features(&ws.x, &ws.embedding);
                matching.load_features(rows, features, self.features, &mut ws.matching);
                let mut below = self.embedding.feature_gradient(&mut ws.embedding);
                if let Some(below) = &mut below {
                    below[..self.features * rows].fill(0.0);
                }
                matching.backward(weights, rows, &mut ws.matching, gradient, below);
            }
            HeadPlan::Mean(l) | HeadPlan::Classes(l) | HeadPlan::Quantiles(l, _) => {
                let features = self.embedding.features(&ws.x, &ws.embedding);
                let stride = transpose(self.features, rows, features, &mut ws.transposed);
                let g = &ws.output_gradient[..l.outputs * rows];
                l.add_weight_gradient(rows, &ws.transposed, stride, g, gradient);
                if let Some(below) = self.embedding.feature_gradient(&mut ws.embedding) {
                    l.input_gradient(weights, rows, g, below, Start::Zero);
                }
            }
        }
        let Workspace { x, embedding, .. } = ws;
        self.embedding
            .backward(weights, rows, x, embedding, gradient);
    }

    /// Features of the loaded rows, written row by row.
    pub fn write_features(&self, weights: &[f32], ws: &mut Workspace, out: &mut [f32]) {
        self.embed(weights, ws);
        let features = self.embedding.features(&ws.x, &ws.embedding);
        scatter(features, ws.rows, self.features, out);
    }

    /// Outputs of a mean, class (probabilities) or quantile head, written row by row.
    pub fn write_outputs(&self, weights: &[f32], ws: &mut Workspace, out: &mut [f32]) {
        let (HeadPlan::Mean(l) | HeadPlan::Classes(l) | HeadPlan::Quantiles(l, _)) = &self.head
        else {
            return;
        };
        self.embed(weights, ws);
        let rows = ws.rows;
        let features = self.embedding.features(&ws.x, &ws.embedding);
        l.forward(weights, rows, features, &mut ws.output);
        if let HeadPlan::Classes(_) = self.head {
            loss::softmax(rows, &mut ws.output[..l.outputs * rows]);
        }
        scatter(&ws.output, rows, l.outputs, out);
    }

    /// Derivatives of a mean head's outputs at one row of given columns, backward through the network:
    /// outputs x given. `None` for other heads, and for embeddings other than linear layers.
    pub fn mean_slopes(
        &self,
        weights: &[f32],
        ws: &mut Workspace,
        given: &Matrix,
    ) -> Option<Matrix> {
        let HeadPlan::Mean(l) = &self.head else {
            return None;
        };
        let mut all = Matrix::zeros(l.outputs, self.given);
        let mut unused = vec![0.0; weights.len()];
        let outputs: Vec<usize> = (0..l.outputs).collect();
        for chunk in outputs.chunks(self.chunk) {
            // The same row for each output, whose gradient is 1 there and 0 elsewhere.
            self.load_given(ws, given, chunk.iter().map(|_| 0));
            self.embed(weights, ws);
            let rows = ws.rows;
            let size = l.outputs * rows;
            ws.output_gradient[..size].fill(0.0);
            for (row, &output) in chunk.iter().enumerate() {
                ws.output_gradient[output * rows + row] = 1.0;
            }
            let below = self.embedding.feature_gradient(&mut ws.embedding)?;
            l.input_gradient(
                weights,
                rows,
                &ws.output_gradient[..size],
                below,
                Start::Zero,
            );
            let mut slopes = vec![0.0; self.given * rows];
            let Workspace { x, embedding, .. } = ws;
            let told = self.embedding.input_gradient(
                weights,
                rows,
                x,
                embedding,
                &mut unused,
                &mut slopes,
            );
            if !told {
                return None;
            }
            for (row, &output) in chunk.iter().enumerate() {
                let to = all.row_mut(output).iter_mut().enumerate();
                to.for_each(|(column, slope)| *slope = slopes[column * rows + row]);
            }
        }
        Some(all)
    }

    /// Number of outputs of a mean, class or quantile head; 0 for a density.
    pub fn outputs(&self) -> usize {
        match &self.head {
            HeadPlan::Mean(l) | HeadPlan::Classes(l) | HeadPlan::Quantiles(l, _) => l.outputs,
            HeadPlan::Flow(_) | HeadPlan::Matching(_) => 0,
        }
    }

    /// What a density needs to know of the loaded rows, example by example; empty for other heads.
    pub fn contexts(&self, weights: &[f32], ws: &mut Workspace) -> Vec<Vec<f32>> {
        self.embed(weights, ws);
        let features = self.embedding.features(&ws.x, &ws.embedding);
        let mut contexts = match &self.head {
            HeadPlan::Flow(flow) => flow.contexts(weights, ws.rows, features),
            HeadPlan::Matching(matching) => matching.contexts(weights, ws.rows, features),
            _ => Vec::new(),
        };
        contexts.truncate(ws.count);
        contexts
    }

    /// Turns noise (row by row, in `out`) into draws; example `r` has context `context_of(r)`.
    pub fn invert<'a>(
        &self,
        weights: &[f32],
        ws: &mut Workspace,
        context_of: impl Fn(usize) -> &'a [f32],
        out: &mut [f32],
    ) {
        let flow = match &self.head {
            HeadPlan::Flow(flow) => flow,
            HeadPlan::Matching(matching) => {
                matching.draw(weights, context_of, out, &mut ws.matching);
                return;
            }
            _ => return,
        };
        let count = out.len() / flow.columns;
        let rows = padded(count);
        gather(
            &mut ws.flow.z,
            rows,
            flow.columns,
            out.chunks_exact(flow.columns),
        );
        flow.inverse(
            weights,
            rows,
            |row| context_of(row.min(count - 1)),
            &mut ws.flow,
        );
        scatter(&ws.flow.z, rows, flow.columns, out);
    }
}

#[cfg(test)]
mod gradient_tests;
#[cfg(test)]
mod reference;
