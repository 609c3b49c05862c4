//! A conditional autoregressive spline flow: targets pass through all transforms to noise
//! (densities, training), or noise passes back (draws).

use super::conditioner::{
    Conditioner, ConditionerBuffers, ConditionerGradients, ConditionerScratch,
};
use crate::kernel::activation::add;
use crate::kernel::affine;
use crate::kernel::spline::{self, Shape};
use crate::network::{Layout, SplineFlow};
use gnomon_mechanism::random::{Purpose, Stream};

/// The transforms of a flow.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub columns: usize,
    shape: Shape,
    transforms: Vec<Transform>,
}

/// One transform: which column stands at each position, and the network.
#[derive(Clone, Debug)]
struct Transform {
    order: Vec<usize>,
    conditioner: Conditioner,
}

/// Activations of all transforms and room for gradients.
#[derive(Debug, Default)]
pub(crate) struct FlowBuffers {
    transforms: Vec<ConditionerBuffers>,
    /// For each transform, its inputs shifted and scaled: what its splines act on.
    shifted: Vec<Vec<f32>>,
    /// The columns after the transforms so far.
    pub z: Vec<f32>,
    /// ln |d z / d targets| so far.
    pub log_derivative: Vec<f32>,
    /// Gradients with respect to `z` and `log_derivative`.
    pub z_gradient: Vec<f32>,
    pub log_gradient: Vec<f32>,
    x_gradient: Vec<f32>,
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

/// Raw parameters of one position: its spline's, then its shift and scale.
fn parameters(shape: Shape) -> usize {
    shape.parameters() + affine::PARAMETERS
}

impl Flow {
    pub fn new(layout: &mut Layout, features: usize, columns: usize, flow: &SplineFlow) -> Self {
        let shape = Shape {
            bins: flow.bins,
            bound: flow.tail_bound,
            scale: 1.0 / (flow.hidden as f32).sqrt(),
        };
        let transforms = orders(columns, flow.transforms).into_iter().enumerate();
        let transforms = transforms.map(|(t, order)| {
            let name = format!("head.transform{t}");
            Transform {
                order,
                conditioner: Conditioner::new(
                    layout,
                    &name,
                    features,
                    columns,
                    parameters(shape),
                    flow,
                ),
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
            .map(|t| t.conditioner.floats_per_row() + self.columns)
            .sum()
    }

    pub fn buffers(&self, rows: usize) -> FlowBuffers {
        FlowBuffers {
            transforms: self
                .transforms
                .iter()
                .map(|t| t.conditioner.buffers(rows))
                .collect(),
            shifted: vec![vec![0.0; self.columns * rows]; self.transforms.len()],
            z: vec![0.0; self.columns * rows],
            log_derivative: vec![0.0; rows],
            z_gradient: vec![0.0; self.columns * rows],
            log_gradient: vec![0.0; rows],
            x_gradient: vec![0.0; self.columns * rows],
            scratch: self.transforms[0].conditioner.scratch(rows),
        }
    }

    /// From targets in `b.z` to noise in `b.z`, with the log-derivative.
    pub fn forward(&self, weights: &[f32], rows: usize, features: &[f32], b: &mut FlowBuffers) {
        let per_position = parameters(self.shape) * rows;
        b.log_derivative[..rows].fill(0.0);
        let layers = b.transforms.iter_mut().zip(&mut b.shifted);
        for (transform, (t, shifted)) in self.transforms.iter().zip(layers) {
            for (position, &column) in transform.order.iter().enumerate() {
                t.x[position * rows..(position + 1) * rows]
                    .copy_from_slice(&b.z[column * rows..(column + 1) * rows]);
            }
            transform
                .conditioner
                .forward_context(weights, rows, features, &mut t.context);
            transform.conditioner.forward(weights, rows, t);
            for (position, &column) in transform.order.iter().enumerate() {
                let here = position * rows..(position + 1) * rows;
                let raw = &mut t.parameters[position * per_position..(position + 1) * per_position];
                let (splines, shift) = raw.split_at_mut(self.shape.parameters() * rows);
                let log = &mut b.log_derivative[..rows];
                let shifted = &mut shifted[here.clone()];
                affine::forward(rows, &t.x[here], shift, shifted, log);
                let z = &mut b.z[column * rows..(column + 1) * rows];
                spline::forward(self.shape, rows, shifted, splines, z, log);
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
        let per_position = parameters(self.shape) * rows;
        let layers = b.transforms.iter_mut().zip(&b.shifted);
        for (transform, (t, shifted)) in self.transforms.iter().zip(layers).rev() {
            let x_gradient = &mut b.x_gradient[..self.columns * rows];
            x_gradient.fill(0.0);
            for (position, &column) in transform.order.iter().enumerate() {
                let here = position * rows..(position + 1) * rows;
                let raw = &mut t.parameters[position * per_position..(position + 1) * per_position];
                let (splines, shift) = raw.split_at_mut(self.shape.parameters() * rows);
                let z_gradient = &b.z_gradient[column * rows..(column + 1) * rows];
                let log_gradient = &b.log_gradient[..rows];
                let (shifted, g) = (&shifted[here.clone()], &mut x_gradient[here]);
                spline::backward(
                    self.shape,
                    rows,
                    shifted,
                    splines,
                    z_gradient,
                    log_gradient,
                    g,
                );
                affine::backward(rows, shifted, shift, log_gradient, g);
            }
            // The gradient through each spline's input goes to its column; the one through the
            // conditioner is added to it.
            for (position, &column) in transform.order.iter().enumerate() {
                b.z_gradient[column * rows..(column + 1) * rows]
                    .copy_from_slice(&x_gradient[position * rows..(position + 1) * rows]);
            }
            let gradients = ConditionerGradients {
                weights: gradient,
                x: x_gradient,
                features: feature_gradient.as_deref_mut(),
            };
            let conditioner = &transform.conditioner;
            conditioner.backward(weights, rows, t, &mut b.scratch, gradients);
            for (position, &column) in transform.order.iter().enumerate() {
                add(
                    &x_gradient[position * rows..(position + 1) * rows],
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
        let mut buffer = Vec::new();
        for Transform { conditioner, .. } in &self.transforms {
            buffer.resize(conditioner.contexts() * rows, 0.0);
            conditioner.forward_context(weights, rows, features, &mut buffer);
            for (row, context) in contexts.iter_mut().enumerate() {
                let first = context.len();
                context.extend(buffer.iter().skip(row).step_by(rows));
                conditioner.open_gates(&mut context[first..]);
            }
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
        let per_position = parameters(self.shape) * rows;
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
            for (position, &column) in transform.order.iter().enumerate() {
                transform
                    .conditioner
                    .forward_position(weights, rows, position, t);
                let here = &mut t.x[position * rows..(position + 1) * rows];
                let raw = &mut t.parameters[position * per_position..(position + 1) * per_position];
                let (splines, shift) = raw.split_at_mut(self.shape.parameters() * rows);
                let z = &b.z[column * rows..(column + 1) * rows];
                spline::inverse(self.shape, rows, z, splines, here);
                affine::inverse(rows, shift, here);
            }
            for (position, &column) in transform.order.iter().enumerate() {
                b.z[column * rows..(column + 1) * rows]
                    .copy_from_slice(&t.x[position * rows..(position + 1) * rows]);
            }
        }
    }
}

/// Lays out each example's values feature by feature; runs of examples that share them are filled.
fn spread<'a>(rows: usize, count: usize, of: impl Fn(usize) -> &'a [f32], out: &mut [f32]) {
    let mut from = 0;
    while from < rows {
        let values = of(from);
        let same = |row: &usize| std::ptr::eq(of(*row), values);
        let to = from + (from..rows).take_while(same).count();
        for feature in 0..count {
            out[feature * rows + from..feature * rows + to].fill(values[feature]);
        }
        from = to;
    }
}
