//! Deep Sets (Zaheer et al. 2017): one MLP for every trial of a set, the mean over the trials that
//! are there with the logarithm of their number, joined with the other columns, and an MLP.

use super::mlp::{Mlp, MlpBuffers};
use super::tokens::{SortingRoom, lay_out, presence, sort};
use crate::kernel::activation::Activation;
use crate::kernel::pool::{pool, pool_gradient, shares};
use crate::network::{Layout, Tokens};
use crate::vector::Buffer;

/// The layers.
#[derive(Clone, Debug)]
pub(crate) struct DeepSets {
    sets: Vec<(Tokens, Mlp)>,
    /// Columns that belong to no set.
    others: Vec<usize>,
    joined: usize,
    mlp: Mlp,
}

/// What the backward pass needs, and room for gradients.
#[derive(Debug, Default)]
pub(crate) struct DeepSetsBuffers {
    sets: Vec<SetBuffers>,
    joined: Buffer,
    joined_gradient: Buffer,
    log_count: Buffer,
    room: SortingRoom,
    mlp: MlpBuffers,
}

#[derive(Debug, Default)]
struct SetBuffers {
    inputs: Buffer,
    shares: Buffer,
    mlp: MlpBuffers,
}

/// Features that a set adds to the joined ones.
fn pooled(set: &Tokens, trial: &Mlp) -> usize {
    trial.outputs() + usize::from(set.may_lack())
}

impl DeepSets {
    pub fn new(
        layout: &mut Layout,
        name: &str,
        given: usize,
        (sets, trial, widths): (&[Tokens], &[usize], &[usize]),
        activation: Activation,
    ) -> Self {
        let others = Tokens::others(sets, given);
        let of_set = |(s, set): (usize, &Tokens)| {
            let name = format!("{name}.set{s}");
            (
                set.clone(),
                Mlp::new(layout, &name, set.inputs(), trial, activation),
            )
        };
        let sets: Vec<_> = sets.iter().enumerate().map(of_set).collect();
        let joined = sets
            .iter()
            .map(|(set, mlp)| pooled(set, mlp))
            .sum::<usize>()
            + others.len();
        let name = format!("{name}.joined");
        Self {
            mlp: Mlp::new(layout, &name, joined, widths, activation),
            sets,
            others,
            joined,
        }
    }

    /// Floats that one example takes in the buffers.
    pub fn floats_per_row(&self) -> usize {
        let of_set =
            |(set, mlp): &(Tokens, Mlp)| set.length * (set.inputs() + 1 + mlp.floats_per_row());
        self.sets.iter().map(of_set).sum::<usize>() + 2 * self.joined + self.mlp.floats_per_row()
    }

    pub fn buffers(&self, rows: usize) -> DeepSetsBuffers {
        let of_set = |(set, mlp): &(Tokens, Mlp)| SetBuffers {
            inputs: Buffer::zeros(set.inputs() * set.length * rows),
            shares: Buffer::zeros(set.length * rows),
            mlp: mlp.buffers(set.length * rows),
        };
        DeepSetsBuffers {
            sets: self.sets.iter().map(of_set).collect(),
            joined: Buffer::zeros(self.joined * rows),
            joined_gradient: Buffer::zeros(self.joined * rows),
            log_count: Buffer::zeros(rows),
            room: SortingRoom::default(),
            mlp: self.mlp.buffers(rows),
        }
    }

    pub fn forward(&self, parameters: &[f32], rows: usize, x: &[f32], b: &mut DeepSetsBuffers) {
        let mut at = 0;
        for ((set, mlp), s) in self.sets.iter().zip(&mut b.sets) {
            let (length, trials) = (set.length, set.length * rows);
            let inputs = &mut s.inputs[..set.inputs() * trials];
            lay_out(set, rows, x, inputs);
            sort(rows, length, inputs, &mut b.room);
            presence(set, rows, inputs, &mut s.shares);
            let share = &mut s.shares[..trials];
            shares(rows, length, share, &mut b.log_count);
            mlp.forward(parameters, trials, inputs, &mut s.mlp);
            let outputs = mlp.outputs();
            let h = &mlp.output(&s.mlp)[..outputs * trials];
            pool(
                rows,
                length,
                h,
                share,
                &mut b.joined[at * rows..(at + outputs) * rows],
            );
            at += outputs;
            if set.may_lack() {
                b.joined[at * rows..(at + 1) * rows].copy_from_slice(&b.log_count[..rows]);
                at += 1;
            }
        }
        for (i, &column) in self.others.iter().enumerate() {
            b.joined[(at + i) * rows..(at + i + 1) * rows]
                .copy_from_slice(&x[column * rows..(column + 1) * rows]);
        }
        self.mlp.forward(parameters, rows, &b.joined, &mut b.mlp);
    }

    pub fn output<'a>(&self, b: &'a DeepSetsBuffers) -> &'a [f32] {
        self.mlp.output(&b.mlp)
    }

    /// Where the caller puts the gradient of the output.
    pub fn output_gradient<'a>(&self, b: &'a mut DeepSetsBuffers) -> &'a mut [f32] {
        self.mlp.output_gradient(&mut b.mlp)
    }

    /// Adds the parameters' gradient.
    pub fn backward(
        &self,
        parameters: &[f32],
        rows: usize,
        b: &mut DeepSetsBuffers,
        gradient: &mut [f32],
    ) {
        let below = Some(b.joined_gradient.as_mut_slice());
        self.mlp
            .backward(parameters, rows, &b.joined, &mut b.mlp, gradient, below);
        let mut at = 0;
        for ((set, mlp), s) in self.sets.iter().zip(&mut b.sets) {
            let (outputs, trials) = (mlp.outputs(), set.length * rows);
            let pooled_gradient = &b.joined_gradient[at * rows..(at + outputs) * rows];
            let h_gradient = &mut mlp.output_gradient(&mut s.mlp)[..outputs * trials];
            pool_gradient(rows, set.length, pooled_gradient, &s.shares, h_gradient);
            mlp.backward(parameters, trials, &s.inputs, &mut s.mlp, gradient, None);
            at += pooled(set, mlp);
        }
    }
}
