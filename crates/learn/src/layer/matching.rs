//! Flow matching (Lipman et al. 2023): a network learns the velocity of a flow from noise to targets,
//! given features; the flow is then solved as an ordinary differential equation.

mod solver;

use super::conditioner::{
    Conditioner, ConditionerBuffers, ConditionerGradients, ConditionerScratch, Step, Trunk,
};
use crate::kernel::activation::Activation;
use crate::kernel::matching::{loss, points, scale_and_skip};
use crate::network::{FlowMatching, Layout};
use crate::vector::{Buffer, padded};
use gnomon_mechanism::elementary;
use gnomon_mechanism::random::{Purpose, Stream};
use solver::{Span, solve};

/// The velocity's network.
#[derive(Clone, Debug)]
pub(crate) struct Matching {
    pub columns: usize,
    conditioner: Conditioner,
    tolerance: f64,
}

/// Activations, the paths of the loaded examples, and room for gradients.
#[derive(Debug, Default)]
pub(crate) struct MatchingBuffers {
    conditioner: ConditionerBuffers,
    scratch: ConditionerScratch,
    times: Buffer,
    scales: Buffer,
    skips: Buffer,
    noise: Buffer,
    input_gradient: Buffer,
    /// Sums of diagonal entries of the network's Jacobian.
    trace: Buffer,
}

/// Which step's random numbers the paths of examples are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// A training step.
    Step(u64),
    /// Measuring the held-out loss: the same numbers every time.
    HeldOut,
}

/// Waves of the time that the network knows: a sine and a cosine of each, and the time itself.
const WAVES: usize = 4;
const TIME_INPUTS: usize = 1 + 2 * WAVES;

/// The time as the network knows it: the logarithm of the ratio of target to noise, kept finite and
/// scaled to [-1, 1], and waves of that. (A narrow density changes its velocity within 1 - t of its
/// width: the plain time would not show that.)
pub(super) fn time_inputs(t: f64) -> [f32; TIME_INPUTS] {
    const LEAST: f64 = 1e-3;
    const MOST: f64 = 6.908_754_779_315_221;
    let ratio = elementary::ln((t + LEAST) / (1.0 - t + LEAST)) / MOST;
    let angle = 0.5 * std::f64::consts::PI * ratio;
    let (sin, cos) = (elementary::sin(angle), elementary::cos(angle));
    let (mut s, mut c) = (sin, cos);
    let mut inputs = [ratio as f32; TIME_INPUTS];
    for wave in 0..WAVES {
        inputs[1 + 2 * wave] = s as f32;
        inputs[2 + 2 * wave] = c as f32;
        (s, c) = (s * cos + c * sin, c * cos - s * sin);
    }
    inputs
}

/// The time and the noise of a row's path.
pub(super) fn path(seed: u64, occasion: Occasion, row: usize, noise: &mut [f32]) -> f64 {
    // No training has 2^32 - 1 steps.
    let number = match occasion {
        Occasion::Step(step) => step,
        Occasion::HeldOut => u64::from(u32::MAX),
    };
    let mut stream = Stream::new(seed, Purpose::PATH, (number << 32) | row as u64);
    let uniform = stream.uniform();
    noise.fill_with(|| stream.normal() as f32);
    match occasion {
        Occasion::Step(_) => uniform,
        // Evenly spread over the rows (multiples of the golden ratio): less noise in the mean.
        Occasion::HeldOut => ((row as f64 + 0.5) * 0.618_033_988_749_894_9).fract(),
    }
}

impl Matching {
    pub fn new(layout: &mut Layout, features: usize, columns: usize, flow: &FlowMatching) -> Self {
        let inputs = columns + TIME_INPUTS;
        let step = Step {
            seen: inputs,
            parameters: columns,
        };
        let trunk = Trunk {
            hidden: flow.hidden,
            blocks: flow.blocks,
            // Smooth: the solver's steps and the divergence need a continuous derivative.
            activation: Activation::Elu,
        };
        let name = "head.velocity";
        Self {
            columns,
            conditioner: Conditioner::new(layout, name, features, inputs, &[step], trunk),
            tolerance: f64::from(flow.tolerance),
        }
    }

    /// Floats that one example takes in the buffers.
    pub fn floats_per_row(&self) -> usize {
        self.conditioner.floats_per_row() + 2 * self.columns + TIME_INPUTS + 4
    }

    pub fn buffers(&self, rows: usize) -> MatchingBuffers {
        let row = || Buffer::zeros(rows);
        MatchingBuffers {
            conditioner: self.conditioner.buffers(rows),
            scratch: self.conditioner.scratch(rows),
            times: row(),
            scales: row(),
            skips: row(),
            noise: Buffer::zeros(self.columns * rows),
            input_gradient: Buffer::zeros((self.columns + TIME_INPUTS) * rows),
            trace: row(),
        }
    }

    /// Puts the time of an example where the network reads it.
    fn load_time(&self, rows: usize, row: usize, t: f64, b: &mut MatchingBuffers) {
        let (scale, skip) = scale_and_skip(t);
        (b.times[row], b.scales[row], b.skips[row]) = (t as f32, scale as f32, skip as f32);
        let inputs = b.conditioner.x[self.columns * rows + row..].iter_mut();
        inputs
            .step_by(rows)
            .zip(time_inputs(t))
            .for_each(|(input, value)| *input = value);
    }

    /// Draws the paths of the loaded examples, which have these numbers.
    pub fn load_paths(
        &self,
        rows: usize,
        seed: u64,
        occasion: Occasion,
        numbers: &[usize],
        b: &mut MatchingBuffers,
    ) {
        let mut noise = vec![0.0; self.columns];
        for row in 0..rows {
            let t = match numbers.get(row) {
                Some(&number) => path(seed, occasion, number, &mut noise),
                None => 0.5,
            };
            self.load_time(rows, row, t, b);
            let places = b.noise[row..].iter_mut().step_by(rows);
            places.zip(&noise).for_each(|(to, &value)| *to = value);
        }
    }

    /// The loss of each example along its path; leaves the gradient, each row's times its weight,
    /// for [`backward`](Self::backward).
    pub fn loss(
        &self,
        weights: &[f32],
        rows: usize,
        (features, targets): (&[f32], &[f32]),
        row_weights: &[f32],
        b: &mut MatchingBuffers,
        losses: &mut [f32],
    ) {
        let size = self.columns * rows;
        let MatchingBuffers {
            conditioner: c,
            times,
            scales,
            skips,
            noise,
            ..
        } = b;
        points(rows, times, scales, noise, targets, &mut c.x[..size]);
        let conditioner = &self.conditioner;
        conditioner.forward_context(weights, rows, features, &mut c.context);
        conditioner.forward(weights, rows, c);
        let (x, output) = (&c.x, &mut c.parameters[..size]);
        loss(
            rows,
            scales,
            skips,
            x,
            noise,
            targets,
            row_weights,
            output,
            losses,
        );
    }

    /// Keeps what [`backward`](Self::backward) needs of the features.
    pub fn load_features(
        &self,
        rows: usize,
        features: &[f32],
        count: usize,
        b: &mut MatchingBuffers,
    ) {
        b.scratch.load_features(rows, features, count);
    }

    /// After [`loss`](Self::loss), adds the gradients of the weights and of the features.
    pub fn backward(
        &self,
        weights: &[f32],
        rows: usize,
        b: &mut MatchingBuffers,
        gradient: &mut [f32],
        features: Option<&mut [f32]>,
    ) {
        let gradients = ConditionerGradients {
            weights: gradient,
            x: &mut b.input_gradient,
            features,
        };
        let (c, scratch) = (&b.conditioner, &mut b.scratch);
        self.conditioner
            .backward(weights, rows, c, scratch, gradients);
    }

    /// What the network needs to know of each example's features, gates open.
    pub fn contexts(&self, weights: &[f32], rows: usize, features: &[f32]) -> Vec<Vec<f32>> {
        let mut contexts = vec![Vec::new(); rows];
        self.conditioner
            .append_contexts(weights, rows, features, &mut contexts);
        contexts
    }

    /// Turns noise (row by row, in `x`) into targets; `context_of` gives each example's context.
    pub fn draw<'a>(
        &self,
        weights: &[f32],
        context_of: impl Fn(usize) -> &'a [f32],
        x: &mut [f32],
        b: &mut MatchingBuffers,
    ) {
        let mut states: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let width = self.columns;
        solve(
            &mut states,
            width,
            Span::FromNoise,
            self.tolerance,
            |moved, at, out| {
                self.velocities(weights, moved, &context_of, at, width, out, b);
            },
        );
        x.iter_mut()
            .zip(states)
            .for_each(|(x, state)| *x = state as f32);
    }

    /// ln p(target) of each target (row by row) by the instantaneous change of variables (Chen et
    /// al. 2018), with the exact divergence.
    pub fn log_densities<'a>(
        &self,
        weights: &[f32],
        context_of: impl Fn(usize) -> &'a [f32],
        targets: &[f32],
        out: &mut [f64],
        b: &mut MatchingBuffers,
    ) {
        // The last number of a state is the integral of the divergence, backwards.
        let width = self.columns + 1;
        let mut states = Vec::with_capacity(out.len() * width);
        for target in targets.chunks_exact(self.columns) {
            states.extend(target.iter().map(|&x| f64::from(x)));
            states.push(0.0);
        }
        solve(
            &mut states,
            width,
            Span::FromTarget,
            self.tolerance,
            |moved, at, out| {
                self.velocities(weights, moved, &context_of, at, width, out, b);
            },
        );
        for (state, out) in states.chunks_exact(width).zip(out) {
            let (noise, log) = state.split_at(self.columns);
            let squares: f64 = noise.iter().map(|z| z * z).sum();
            let constant = elementary::ln(std::f64::consts::TAU) * self.columns as f64;
            *out = log[0] - 0.5 * (squares + constant);
        }
    }

    /// The velocities at some points: `at` gives the example, its time and its state; `width` is one
    /// more than the columns where the divergence is wanted, too.
    #[allow(clippy::too_many_arguments)]
    fn velocities<'a>(
        &self,
        weights: &[f32],
        moved: bool,
        context_of: &impl Fn(usize) -> &'a [f32],
        at: &solver::Points<'_>,
        width: usize,
        out: &mut [f64],
        b: &mut MatchingBuffers,
    ) {
        let (count, rows) = (at.examples.len(), padded(at.examples.len()));
        if moved {
            let last = count - 1;
            let context = |row: usize| context_of(at.examples[row.min(last)]);
            let contexts = self.conditioner.contexts();
            super::rows::spread(rows, contexts, context, &mut b.conditioner.context);
        }
        for row in 0..rows {
            // Rows that fill up a vector repeat the last.
            let from = row.min(count - 1);
            self.load_time(rows, row, at.times[from], b);
            let x = &at.states[from * width..(from + 1) * width];
            let scale = f64::from(b.scales[row]);
            let inputs = b.conditioner.x[row..].iter_mut().step_by(rows);
            inputs
                .zip(&x[..self.columns])
                .for_each(|(input, x)| *input = (scale * x) as f32);
        }
        let c = &mut b.conditioner;
        self.conditioner.forward_step(weights, rows, 0, c);
        if width > self.columns {
            let (scratch, trace) = (&mut b.scratch, &mut b.trace);
            self.conditioner
                .trace(weights, rows, self.columns, c, scratch, trace);
        }
        for (row, out) in out.chunks_exact_mut(width).enumerate() {
            let (scale, skip) = (f64::from(b.scales[row]), f64::from(b.skips[row]));
            for (column, out) in out.iter_mut().take(self.columns).enumerate() {
                let here = column * rows + row;
                *out = skip * f64::from(c.x[here]) + scale * f64::from(c.parameters[here]);
            }
            if let Some(divergence) = out.get_mut(self.columns) {
                let linear = skip * scale * self.columns as f64;
                *divergence = linear + scale * scale * f64::from(b.trace[row]);
            }
        }
    }
}
