//! One training step on all threads: chunks of the batch to gradients, gradients summed in a fixed
//! order, Adam.

use super::checkpoint::Checkpoint;
use super::feed::Batch;
use super::recipe::Recipe;
use crate::crew::Crew;
use crate::examples::Examples;
use crate::kernel::adam::{AdamBlock, AdamStep, BETA1, BETA2, adam, reduce};
use crate::layer::{Occasion, Plan, Workspace};
use crate::vector::Buffer;
use std::ops::Range;

/// Gradients are summed into at most this many partial sums, each over fixed chunks in order:
/// room for as many threads, whatever their number really is.
const MOST_SLOTS: usize = 16;
/// Parameters of one block of the update.
const BLOCK: usize = 8192;

/// Chunks and gradient buffers for batches of one size.
pub(super) struct Engine<'a> {
    plan: &'a Plan,
    slots: Vec<Slot>,
    workspaces: Vec<Workspace>,
    gradient: Buffer,
    block_squares: Vec<f64>,
    clip_norm: Option<f64>,
    weight_decay: f64,
    average: f32,
    noise: &'a [f32],
    seed: u64,
}

/// A partial sum of gradients over some chunks of the batch.
struct Slot {
    chunks: Vec<Range<usize>>,
    gradient: Buffer,
    loss: f64,
}

impl<'a> Engine<'a> {
    pub fn new(plan: &'a Plan, batch: usize, recipe: &'a Recipe) -> Self {
        let chunks = plan.chunks(batch);
        let count = chunks.len().min(MOST_SLOTS);
        let slot = |s: usize| Slot {
            chunks: chunks[s * chunks.len() / count..(s + 1) * chunks.len() / count].to_vec(),
            gradient: Buffer::zeros(plan.parameters()),
            loss: 0.0,
        };
        Self {
            plan,
            slots: (0..count).map(slot).collect(),
            workspaces: Vec::new(),
            gradient: Buffer::zeros(plan.parameters()),
            block_squares: vec![0.0; plan.parameters().div_ceil(BLOCK)],
            clip_norm: recipe.clip_norm,
            weight_decay: recipe.weight_decay,
            seed: recipe.seed,
            noise: &recipe.noise,
            average: if recipe.averaging > 0 {
                1.0 / recipe.averaging as f32
            } else {
                1.0
            },
        }
    }

    fn workspaces(&mut self, crew: &Crew) {
        while self.workspaces.len() < crew.size() {
            self.workspaces.push(self.plan.workspace());
        }
    }

    /// Takes a step on a batch; returns its mean loss before it, NaN if the gradient is not finite.
    pub fn step(
        &mut self,
        crew: &mut Crew,
        batch: &Batch<'_>,
        rate: f64,
        state: &mut Checkpoint,
    ) -> f64 {
        let Batch { examples, rows } = *batch;
        self.workspaces(crew);
        let (plan, scale, seed) = (self.plan, 1.0 / rows.len() as f32, self.seed);
        let noise = self.noise;
        let occasion = Occasion::Step(state.step);
        let weights = &state.weights;
        crew.for_each(
            &mut self.workspaces,
            &mut self.slots,
            |workspace, _, slot| {
                slot.gradient.fill(0.0);
                slot.loss = 0.0;
                for chunk in &slot.chunks {
                    plan.load(workspace, examples, &rows[chunk.clone()]);
                    plan.add_noise(workspace, noise, seed, occasion, &rows[chunk.clone()]);
                    plan.load_paths(workspace, seed, occasion, &rows[chunk.clone()]);
                    slot.loss += plan.add_gradient(weights, workspace, scale, &mut slot.gradient);
                }
            },
        );
        if !self.update(crew, rate, state) {
            return f64::NAN;
        }
        self.slots.iter().map(|slot| slot.loss).sum::<f64>() / rows.len() as f64
    }

    /// Sums the slots, clips, and takes an Adam step, unless the gradient is not finite; blocks of
    /// parameters go to threads.
    fn update(&mut self, crew: &mut Crew, rate: f64, state: &mut Checkpoint) -> bool {
        let parts: Vec<&[f32]> = self.slots.iter().map(|s| &*s.gradient).collect();
        let mut sums: Vec<(&mut [f32], &mut f64)> = self
            .gradient
            .chunks_mut(BLOCK)
            .zip(&mut self.block_squares)
            .collect();
        let reduce_block =
            |_: &mut (), index: usize, (sum, squares): &mut (&mut [f32], &mut f64)| {
                **squares = reduce(&parts, index * BLOCK, sum);
            };
        on_blocks(crew, &mut sums, reduce_block);
        let norm = self.block_squares.iter().sum::<f64>().sqrt();
        if !norm.is_finite() {
            return false;
        }
        let clip = self
            .clip_norm
            .map_or(1.0, |most| (most / norm.max(1e-30)).min(1.0));
        let taken = i32::try_from(state.step + 1).unwrap_or(i32::MAX);
        let step = AdamStep {
            gradient_scale: clip as f32,
            rate: (rate / (1.0 - f64::from(BETA1).powi(taken))) as f32,
            second_scale: (1.0 / (1.0 - f64::from(BETA2).powi(taken)).sqrt()) as f32,
            decay: (rate * self.weight_decay) as f32,
            // At the start the average is over the steps there were.
            average: self.average.max(1.0 / (taken as f32)),
        };
        let mut blocks: Vec<AdamBlock<'_>> = (state.weights.chunks_mut(BLOCK))
            .zip(state.first.chunks_mut(BLOCK))
            .zip(state.second.chunks_mut(BLOCK))
            .zip(state.average.chunks_mut(BLOCK))
            .zip(self.gradient.chunks(BLOCK))
            .map(
                |((((weights, first), second), average), gradient)| AdamBlock {
                    weights,
                    first,
                    second,
                    average,
                    gradient,
                },
            )
            .collect();
        on_blocks(crew, &mut blocks, |_: &mut (), _, block| adam(step, block));
        true
    }

    /// The mean loss over `rows`, summed in their order.
    pub fn mean_loss(
        &mut self,
        crew: &mut Crew,
        examples: &Examples,
        rows: &[usize],
        weights: &[f32],
    ) -> f64 {
        self.workspaces(crew);
        let (plan, seed, noise) = (self.plan, self.seed, self.noise);
        let occasion = Occasion::HeldOut;
        let mut sums: Vec<(Range<usize>, f64)> = plan
            .chunks(rows.len())
            .into_iter()
            .map(|chunk| (chunk, 0.0))
            .collect();
        crew.for_each(
            &mut self.workspaces,
            &mut sums,
            |workspace, _, (chunk, sum)| {
                plan.load(workspace, examples, &rows[chunk.clone()]);
                plan.add_noise(workspace, noise, seed, occasion, &rows[chunk.clone()]);
                plan.load_paths(workspace, seed, occasion, &rows[chunk.clone()]);
                *sum = plan
                    .losses(weights, workspace)
                    .iter()
                    .map(|&l| f64::from(l))
                    .sum();
            },
        );
        sums.iter().map(|(_, sum)| sum).sum::<f64>() / rows.len() as f64
    }
}

/// Runs `work` on every block: by the crew if there are many, here if waking it costs more.
fn on_blocks<T: Send>(
    crew: &mut Crew,
    blocks: &mut [T],
    work: impl Fn(&mut (), usize, &mut T) + Sync,
) {
    if blocks.len() < 3 {
        blocks
            .iter_mut()
            .enumerate()
            .for_each(|(index, block)| work(&mut (), index, block));
    } else {
        let mut owned = vec![(); crew.size()];
        crew.for_each(&mut owned, blocks, work);
    }
}
