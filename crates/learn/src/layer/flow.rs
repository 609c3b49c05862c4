//! A conditional spline flow, autoregressive or coupling: targets pass through all transforms to
//! noise (densities, training), or noise passes back (draws).

use super::conditioner::{
    Conditioner, ConditionerBuffers, ConditionerGradients, ConditionerScratch, Step, Trunk,
};
use super::rows::spread;
use crate::kernel::activation::{Activation, add};
use crate::kernel::affine;
use crate::kernel::loss;
use crate::kernel::spline::{self, Shape};
use crate::network::{Layout, SplineFlow};
use crate::vector::Buffer;
use gnomon_mechanism::random::{Purpose, Stream};
use std::ops::Range;

/// The transforms of a flow.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub columns: usize,
    shape: Shape,
    transforms: Vec<Transform>,
}

/// Which columns a transform passes through splines, and what their parameters see beside the
/// features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All; those of a column see the columns before it.
    Autoregressive,
    /// Half of them; their parameters see the other half, which stays (Dinh et al. 2017). The first
    /// transform takes that half, too, from the features alone, so that both have a shift and a scale
    /// that see nothing scaled.
    Coupling,
}

impl Kind {
    /// The positions that transform `t` takes at each step; a step sees all before its own.
    fn steps(self, t: usize, columns: usize) -> Vec<Range<usize>> {
        let half = columns / 2;
        match self {
            Self::Autoregressive => (0..columns)
                .map(|position| position..position + 1)
                .collect(),
            Self::Coupling if t == 0 && half > 0 => vec![0..half, half..columns],
            Self::Coupling => std::iter::once(half..columns).collect(),
        }
    }
}

/// One transform: which column stands at each position, and the network.
#[derive(Clone, Debug)]
struct Transform {
    order: Vec<usize>,
    /// Positions transformed at each step: from the first's start to the end.
    steps: Vec<Range<usize>>,
    /// The raw parameters of each transformed position.
    raw: Vec<Raw>,
    conditioner: Conditioner,
}

/// Where the raw parameters of one position are: its spline's, then its shift and scale, if it has
/// them.
#[derive(Clone, Copy, Debug)]
struct Raw {
    offset: usize,
    /// Whether the column is shifted and scaled before its spline: in the first transform alone.
    /// Scales that multiply from transform to transform would send a far example to infinity.
    shifts: bool,
}

/// Activations of all transforms and room for gradients.
#[derive(Debug, Default)]
pub(crate) struct FlowBuffers {
    transforms: Vec<ConditionerBuffers>,
    /// The first transform's inputs shifted and scaled, by column: what its splines act on.
    shifted: Buffer,
    /// Inputs of each transform, by position.
    inputs: Vec<Buffer>,
    /// The columns after the transforms so far.
    pub z: Buffer,
    /// ln |d z / d targets| so far.
    pub log_derivative: Buffer,
    /// Gradients with respect to `z` and `log_derivative`.
    pub z_gradient: Buffer,
    pub log_gradient: Buffer,
    x_gradient: Buffer,
    scratch: ConditionerScratch,
}

/// The order of columns in each transform: a random one, then its reverse, and so on. (With one
/// order alone, each column would always see the same ones.)
pub(super) fn orders(columns: usize, transforms: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..columns).collect();
    let next = |t: usize| {
        if t % 2 == 1 {
            order.reverse();
        } else if t > 0 {
            Stream::new(0, Purpose::WEIGHTS, t as u64).shuffle(&mut order);
        }
        order.clone()
    };
    (0..transforms).map(next).collect()
}

impl Transform {
    /// The first position that is transformed.
    fn first(&self) -> usize {
        self.steps.first().map_or(0, |step| step.start)
    }

    /// The transformed positions: number, column and raw parameters.
    fn transformed(&self) -> impl Iterator<Item = (usize, usize, Raw)> {
        let columns = self.order.iter().copied().enumerate().skip(self.first());
        let places = columns.zip(&self.raw);
        places.map(|((position, column), &raw)| (position, column, raw))
    }

    /// Those of one step.
    fn transformed_at(&self, step: usize) -> impl Iterator<Item = (usize, usize, Raw)> {
        let Range { start, end } = self.steps[step];
        let before = start - self.first();
        self.transformed().skip(before).take(end - start)
    }
}

impl Raw {
    /// Its rows in a buffer of parameters, the spline's and the others.
    fn of(self, shape: Shape, rows: usize, parameters: &mut [f32]) -> (&mut [f32], &mut [f32]) {
        let others = if self.shifts { affine::PARAMETERS } else { 0 };
        let end = self.offset + shape.parameters() + others;
        parameters[self.offset * rows..end * rows].split_at_mut(shape.parameters() * rows)
    }
}

impl Flow {
    pub fn new(
        layout: &mut Layout,
        features: usize,
        columns: usize,
        flow: &SplineFlow,
        kind: Kind,
    ) -> Self {
        let shape = Shape {
            bins: flow.bins,
            bound: flow.tail_bound,
            scale: 1.0 / (flow.hidden as f32).sqrt(),
        };
        let trunk = Trunk {
            hidden: flow.hidden,
            blocks: flow.blocks,
            activation: Activation::Relu,
        };
        let transforms = orders(columns, flow.transforms).into_iter().enumerate();
        let transforms = transforms.map(|(t, order)| {
            let name = format!("head.transform{t}");
            let shifts = t == 0;
            let each = shape.parameters() + if shifts { affine::PARAMETERS } else { 0 };
            let steps = kind.steps(t, columns);
            let of = |positions: &Range<usize>| Step {
                seen: positions.start,
                parameters: positions.len() * each,
            };
            let parts: Vec<Step> = steps.iter().map(of).collect();
            let first = steps.first().map_or(0, |step| step.start);
            let inputs = match kind {
                Kind::Autoregressive => columns,
                // Without any that is seen there is one that nobody sees.
                Kind::Coupling => (columns / 2).max(1),
            };
            Transform {
                order,
                steps,
                raw: (0..columns - first)
                    .map(|number| Raw {
                        offset: number * each,
                        shifts,
                    })
                    .collect(),
                conditioner: Conditioner::new(layout, &name, features, inputs, &parts, trunk),
            }
        });
        Self {
            columns,
            shape,
            transforms: transforms.collect(),
        }
    }

    /// Floats that one example takes in the buffers.
    pub fn floats_per_row(&self) -> usize {
        self.transforms
            .iter()
            .map(|t| t.conditioner.floats_per_row())
            .sum()
    }

    pub fn buffers(&self, rows: usize) -> FlowBuffers {
        FlowBuffers {
            transforms: self
                .transforms
                .iter()
                .map(|t| t.conditioner.buffers(rows))
                .collect(),
            shifted: Buffer::zeros(self.columns * rows),
            inputs: self
                .transforms
                .iter()
                .map(|_| Buffer::zeros(self.columns * rows))
                .collect(),
            z: Buffer::zeros(self.columns * rows),
            log_derivative: Buffer::zeros(rows),
            z_gradient: Buffer::zeros(self.columns * rows),
            log_gradient: Buffer::zeros(rows),
            x_gradient: Buffer::zeros(self.columns * rows),
            scratch: self.transforms[0].conditioner.scratch(rows),
        }
    }

    /// Puts targets where [`forward`](Self::forward) reads them.
    pub fn load(&self, rows: usize, targets: &[f32], b: &mut FlowBuffers) {
        let n = self.columns * rows;
        b.z[..n].copy_from_slice(&targets[..n]);
    }

    /// The negative log-density of each row after [`forward`](Self::forward), and its gradients, each
    /// row's times its weight.
    pub fn loss(&self, rows: usize, row_weights: &[f32], b: &mut FlowBuffers, loss: &mut [f32]) {
        let n = self.columns * rows;
        let (z, z_gradient) = (&b.z[..n], &mut b.z_gradient[..n]);
        let (log, log_gradient) = (&b.log_derivative, &mut b.log_gradient);
        loss::normal(rows, z, log, row_weights, loss, z_gradient, log_gradient);
    }

    /// From targets in `b.z` to noise in `b.z`, with the log-derivative.
    pub fn forward(&self, weights: &[f32], rows: usize, features: &[f32], b: &mut FlowBuffers) {
        b.log_derivative[..rows].fill(0.0);
        let transforms = self.transforms.iter().zip(&mut b.transforms);
        for ((transform, t), x) in transforms.zip(&mut b.inputs) {
            let Transform {
                order, conditioner, ..
            } = transform;
            for (position, &column) in order.iter().enumerate() {
                x[position * rows..(position + 1) * rows]
                    .copy_from_slice(&b.z[column * rows..(column + 1) * rows]);
            }
            let read = conditioner.inputs() * rows;
            t.x[..read].copy_from_slice(&x[..read]);
            conditioner.forward_context(weights, rows, features, &mut t.context);
            conditioner.forward(weights, rows, t);
            for (position, column, raw) in transform.transformed() {
                let (splines, shift) = raw.of(self.shape, rows, &mut t.parameters);
                let log = &mut b.log_derivative[..rows];
                let own = column * rows..(column + 1) * rows;
                let mut x = &x[position * rows..(position + 1) * rows];
                if raw.shifts {
                    affine::forward(rows, x, shift, &mut b.shifted[own.clone()], log);
                    x = &b.shifted[own.clone()];
                }
                spline::forward(self.shape, rows, x, splines, &mut b.z[own], log);
            }
        }
    }

    /// Keeps what [`backward`](Self::backward) needs of the features.
    pub fn load_features(&self, rows: usize, features: &[f32], count: usize, b: &mut FlowBuffers) {
        b.scratch.load_features(rows, features, count);
    }

    /// Given `b.z_gradient` and `b.log_gradient` after [`forward`](Self::forward), adds the
    /// gradients of the weights and of the features.
    pub fn backward(
        &self,
        weights: &[f32],
        rows: usize,
        b: &mut FlowBuffers,
        gradient: &mut [f32],
        mut feature_gradient: Option<&mut [f32]>,
    ) {
        let transforms = self.transforms.iter().zip(&mut b.transforms);
        for ((transform, t), x) in transforms.zip(&b.inputs).rev() {
            let conditioner = &transform.conditioner;
            let g = &mut b.x_gradient[..self.columns * rows];
            g.fill(0.0);
            // The gradient through each spline's input goes to its column; the one through the
            // conditioner is added to that of its inputs.
            for (position, column, raw) in transform.transformed() {
                let (splines, shift) = raw.of(self.shape, rows, &mut t.parameters);
                let own = column * rows..(column + 1) * rows;
                let here = position * rows..(position + 1) * rows;
                let log_gradient = &b.log_gradient[..rows];
                let x = if raw.shifts {
                    &b.shifted[own.clone()]
                } else {
                    &x[here.clone()]
                };
                let (z_gradient, g) = (&mut b.z_gradient[own], &mut g[here]);
                spline::backward(self.shape, rows, x, splines, z_gradient, log_gradient, g);
                if raw.shifts {
                    affine::backward(rows, x, shift, log_gradient, g);
                }
                z_gradient.copy_from_slice(g);
            }
            let gradients = ConditionerGradients {
                weights: gradient,
                x: g,
                features: feature_gradient.as_deref_mut(),
            };
            conditioner.backward(weights, rows, t, &mut b.scratch, gradients);
            for (position, &column) in transform.order[..conditioner.inputs()].iter().enumerate() {
                add(
                    &g[position * rows..(position + 1) * rows],
                    &mut b.z_gradient[column * rows..(column + 1) * rows],
                );
            }
        }
    }

    /// What the transforms need to know of one set of features, gates open: computed once for
    /// any number of draws. `features` holds `rows` examples; the result is example by example.
    pub fn contexts(&self, weights: &[f32], rows: usize, features: &[f32]) -> Vec<Vec<f32>> {
        let total: usize = self
            .transforms
            .iter()
            .map(|t| t.conditioner.contexts())
            .sum();
        let mut contexts = vec![Vec::with_capacity(total); rows];
        for Transform { conditioner, .. } in &self.transforms {
            conditioner.append_contexts(weights, rows, features, &mut contexts);
        }
        contexts
    }

    /// From noise in `b.z` to targets in `b.z`; `context_of` gives each example's context (from
    /// [`contexts`](Self::contexts)).
    pub fn inverse<'a>(
        &self,
        weights: &[f32],
        rows: usize,
        context_of: impl Fn(usize) -> &'a [f32],
        b: &mut FlowBuffers,
    ) {
        let mut context_end: usize = self
            .transforms
            .iter()
            .map(|t| t.conditioner.contexts())
            .sum();
        for (transform, t) in self.transforms.iter().zip(&mut b.transforms).rev() {
            let contexts = transform.conditioner.contexts();
            let first = context_end - contexts;
            spread(
                rows,
                contexts,
                |row| &context_of(row)[first..],
                &mut t.context,
            );
            context_end = first;
            let conditioner = &transform.conditioner;
            let read = conditioner.inputs();
            let stays = &transform.order[..transform.first()];
            for (position, &column) in stays.iter().enumerate() {
                t.x[position * rows..(position + 1) * rows]
                    .copy_from_slice(&b.z[column * rows..(column + 1) * rows]);
            }
            for step in 0..transform.steps.len() {
                conditioner.forward_step(weights, rows, step, t);
                for (position, column, raw) in transform.transformed_at(step) {
                    let (splines, shift) = raw.of(self.shape, rows, &mut t.parameters);
                    let z = &mut b.z[column * rows..(column + 1) * rows];
                    let x = &mut b.shifted[..rows];
                    spline::inverse(self.shape, rows, z, splines, x);
                    if raw.shifts {
                        affine::inverse(rows, shift, x);
                    }
                    z.copy_from_slice(x);
                    if position < read {
                        t.x[position * rows..(position + 1) * rows].copy_from_slice(x);
                    }
                }
            }
        }
    }
}
