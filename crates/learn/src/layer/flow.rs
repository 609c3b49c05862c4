//! A conditional autoregressive spline flow: targets pass through all transforms to noise
//! (densities, training), or noise passes back (draws).

use super::conditioner::{
    Conditioner, ConditionerBuffers, ConditionerGradients, ConditionerScratch,
};
use crate::kernel::activation::add;
use crate::kernel::affine;
use crate::kernel::loss;
use crate::kernel::spline::{self, Shape};
use crate::network::{Layout, SplineFlow};
use crate::vector::Buffer;
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
    /// Whether columns are shifted and scaled before their splines: in the first transform alone.
    /// Scales that multiply from transform to transform would send a far example to infinity.
    shifts: bool,
    conditioner: Conditioner,
}

/// Activations of all transforms and room for gradients.
#[derive(Debug, Default)]
pub(crate) struct FlowBuffers {
    transforms: Vec<ConditionerBuffers>,
    /// The first transform's inputs shifted and scaled: what its splines act on.
    shifted: Buffer,
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
    /// Raw parameters of one position: its spline's, then its shift and scale, if it has them.
    fn parameters(shape: Shape, shifts: bool) -> usize {
        shape.parameters() + if shifts { affine::PARAMETERS } else { 0 }
    }
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
            let shifts = t == 0;
            let parameters = Transform::parameters(shape, shifts);
            Transform {
                order,
                shifts,
                conditioner: Conditioner::new(layout, &name, features, columns, parameters, flow),
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
        for (transform, t) in self.transforms.iter().zip(&mut b.transforms) {
            let per_position = Transform::parameters(self.shape, transform.shifts) * rows;
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
                let mut x = &t.x[here.clone()];
                if transform.shifts {
                    affine::forward(rows, x, shift, &mut b.shifted[here.clone()], log);
                    x = &b.shifted[here];
                }
                let z = &mut b.z[column * rows..(column + 1) * rows];
                spline::forward(self.shape, rows, x, splines, z, log);
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
        for (transform, t) in self.transforms.iter().zip(&mut b.transforms).rev() {
            let per_position = Transform::parameters(self.shape, transform.shifts) * rows;
            let x_gradient = &mut b.x_gradient[..self.columns * rows];
            x_gradient.fill(0.0);
            for (position, &column) in transform.order.iter().enumerate() {
                let here = position * rows..(position + 1) * rows;
                let raw = &mut t.parameters[position * per_position..(position + 1) * per_position];
                let (splines, shift) = raw.split_at_mut(self.shape.parameters() * rows);
                let z_gradient = &b.z_gradient[column * rows..(column + 1) * rows];
                let log_gradient = &b.log_gradient[..rows];
                let x = if transform.shifts { &b.shifted } else { &t.x };
                let (x, g) = (&x[here.clone()], &mut x_gradient[here]);
                spline::backward(self.shape, rows, x, splines, z_gradient, log_gradient, g);
                if transform.shifts {
                    affine::backward(rows, x, shift, log_gradient, g);
                }
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
        let mut context_end: usize = self
            .transforms
            .iter()
            .map(|t| t.conditioner.contexts())
            .sum();
        for (transform, t) in self.transforms.iter().zip(&mut b.transforms).rev() {
            let per_position = Transform::parameters(self.shape, transform.shifts) * rows;
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
                if transform.shifts {
                    affine::inverse(rows, shift, here);
                }
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
