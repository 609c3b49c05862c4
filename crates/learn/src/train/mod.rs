//! Training: examples and a network go in; each step runs chunks of a batch on all threads, sums
//! their gradients in a fixed order and takes an Adam step; after each epoch the held-out loss
//! decides whether the weights are the best so far and whether to stop. Examples are in memory
//! ([`train`]), or come block by block from files or a simulator ([`train_streamed`]).
//!
//! Results are bit-identical for a seed at any number of threads, and a resumed training ends
//! with the bits of an uninterrupted one.

mod blocks;
mod checkpoint;
mod engine;
mod feed;
mod recipe;

pub use blocks::{Block, Blocks, Streamed};
pub use checkpoint::write_file;
pub use recipe::Recipe;

use crate::crew::Crew;
use crate::examples::{Examples, Targets};
use crate::layer::Plan;
use crate::network::{Head, Network, NetworkError};
use checkpoint::Checkpoint;
use engine::Engine;
use feed::{BlockFeed, Feed, Memory};
use gnomon_mechanism::random::{Purpose, Stream};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const BETWEEN_REPORTS: Duration = Duration::from_millis(50);
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(5);

/// How a training is run, apart from what decides its result.
#[derive(Default)]
pub struct Control<'a> {
    /// Number of threads; 0 means 1. The result does not depend on it.
    pub threads: usize,
    /// Any of them, set from elsewhere (Ctrl-C), stops the training.
    pub cancel: &'a [&'a AtomicBool],
    /// Where to keep the state, every few seconds and when interrupted; a training that finds its
    /// own checkpoint there goes on from it, and removes it at the end.
    pub checkpoint: Option<&'a Path>,
    /// Called after every epoch and about every 50 ms within one.
    pub progress: Option<&'a mut dyn FnMut(&Progress)>,
}

/// How far a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Epochs finished.
    pub epoch: usize,
    /// Most epochs there may be.
    pub epochs: usize,
    /// Steps taken.
    pub step: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Mean training loss of this epoch so far.
    pub train_loss: f64,
    /// Held-out loss after the last finished epoch; NaN before the first.
    pub validation_loss: f64,
}

/// One epoch of the training curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// Steps taken until its end.
    pub step: u64,
    /// Mean loss of its batches while the weights moved.
    pub train_loss: f64,
    /// Held-out loss of the (averaged) weights at its end; NaN where no rows are held out.
    pub validation_loss: f64,
    /// Learning rate at its end.
    pub learning_rate: f64,
}

/// What a training gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// What was trained.
    pub network: Network,
    /// The weights with the lowest held-out loss.
    pub weights: Vec<f32>,
    /// Loss by epoch.
    pub curve: Vec<Epoch>,
    /// The epoch (from 1) whose weights were kept.
    pub best_epoch: usize,
    /// The lowest held-out loss: nats for densities (but for flow matching) and classes.
    pub best_loss: f64,
    /// Rows that only measured the held-out loss.
    pub validation_rows: usize,
    /// Steps taken.
    pub steps: u64,
    /// Examples that were there to train on: all in memory, or those of the blocks used.
    pub rows: u64,
    /// Rows that were left out of those blocks.
    pub left_out: u64,
}

/// Why a training stopped without a result.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The network makes no sense.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The examples do not fit the network.
    #[error("the examples do not fit the network: {0}")]
    Examples(String),
    /// A number is NaN or infinite before training starts.
    #[error("{place} column {column} is {value} in row {row}: training needs finite numbers")]
    NonFinite {
        /// `given` or `target`.
        place: &'static str,
        /// Column, from 0.
        column: usize,
        /// First row where it happens, from 0.
        row: usize,
        /// The number.
        value: f32,
    },
    /// The loss stopped being a number.
    #[error(
        "training diverged at step {step} (loss {loss}, learning rate {learning_rate:e}): lower \
         the learning rate, or lengthen the warm-up"
    )]
    Diverged {
        /// Steps taken.
        step: u64,
        /// The loss of the step's batch.
        loss: f64,
        /// The learning rate then.
        learning_rate: f64,
    },
    /// The cancel flag was set; with a checkpoint path, the state has been written.
    #[error("training was interrupted at step {step}")]
    Interrupted {
        /// Steps taken.
        step: u64,
    },
    /// A block of examples could not be had.
    #[error("{0}")]
    Source(Box<dyn std::error::Error + Send + Sync>),
    /// The recipe makes no sense.
    #[error("the training recipe makes no sense: {0}")]
    Recipe(String),
    /// A checkpoint could not be read or written.
    #[error("checkpoint {path}: {reason}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

/// Rows to train on and rows held out: a random `fraction` of `rows` (at least 1 row, unless it is 0)
/// is held out, the same for a seed.
#[must_use]
pub fn split(rows: usize, fraction: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..rows).collect();
    if fraction == 0.0 {
        return (order, Vec::new());
    }
    Stream::new(seed, Purpose::SHUFFLE, u64::MAX).shuffle(&mut order);
    let held_out = ((rows as f64 * fraction).round() as usize).clamp(1, rows.max(2) - 1);
    let train = order.split_off(held_out.min(rows));
    (train, order)
}

/// Trains `network` on `examples`, of which a share is held out to judge (unless that share is 0).
///
/// # Errors
/// See [`TrainError`].
pub fn train(
    examples: &Examples,
    network: &Network,
    recipe: &Recipe,
    control: Control<'_>,
) -> Result<Trained, TrainError> {
    recipe.check(network.given).map_err(TrainError::Recipe)?;
    let plan = Plan::new(network)?;
    check_examples(examples, network)?;
    if examples.rows() < 2 {
        let text = format!("{} rows; at least 2 are needed", examples.rows());
        return Err(TrainError::Examples(text));
    }
    if u32::try_from(examples.rows()).is_err() {
        let text = format!("{} rows are too many at once", examples.rows());
        return Err(TrainError::Examples(text));
    }
    let (rows, held_out) = split(examples.rows(), recipe.validation, recipe.seed);
    let batch = recipe.batch.min(rows.len());
    let mut training = Training {
        engine: Engine::new(&plan, batch, recipe),
        state: Checkpoint::start(starting_weights(&plan, recipe)),
        fingerprint: fingerprint(examples, network, recipe, ""),
        recipe,
        plan: &plan,
        steps_per_epoch: (rows.len() / batch) as u64,
        held_out: examples,
        held_out_rows: held_out,
        crew: Crew::new(control.threads.max(1)),
    };
    training.resume(control.checkpoint)?;
    let feed = Feed::Memory(Memory::new(examples, rows, batch, recipe));
    Ok(training.run(feed, control)?.of(network))
}

/// Trains `network` on examples that come block by block; the next block is prepared on a thread of
/// its own while the present one trains. `recipe.validation` plays no part.
///
/// # Errors
/// See [`TrainError`].
pub fn train_streamed(
    examples: Streamed<'_>,
    network: &Network,
    recipe: &Recipe,
    control: Control<'_>,
) -> Result<Trained, TrainError> {
    recipe.check(network.given).map_err(TrainError::Recipe)?;
    let plan = Plan::new(network)?;
    check_examples(examples.held_out, network)?;
    if examples.held_out.rows() == 0 || examples.steps_per_epoch == 0 {
        let text = "an epoch needs a step, and an example to judge it".to_owned();
        return Err(TrainError::Examples(text));
    }
    let made_from = format!("{} {}", examples.made_from, examples.steps_per_epoch);
    let mut training = Training {
        engine: Engine::new(&plan, recipe.batch, recipe),
        state: Checkpoint::start(starting_weights(&plan, recipe)),
        fingerprint: fingerprint(examples.held_out, network, recipe, &made_from),
        recipe,
        plan: &plan,
        steps_per_epoch: examples.steps_per_epoch,
        held_out: examples.held_out,
        held_out_rows: (0..examples.held_out.rows()).collect(),
        crew: Crew::new(control.threads.max(1)),
    };
    training.resume(control.checkpoint)?;
    let position = training.state.position;
    let steps = examples.steps_per_epoch * recipe.epochs as u64;
    let batches = steps.saturating_sub(training.state.step);
    let rows = position.row + batches * recipe.batch as u64;
    std::thread::scope(|scope| {
        let (sender, receiver) = std::sync::mpsc::sync_channel(0);
        scope.spawn(move || {
            blocks::prepare(examples.blocks, network, position.block, rows, &sender);
        });
        let feed = BlockFeed::new(receiver, recipe.batch, position, examples.held_out);
        let feed = Feed::Stream(Box::new(feed));
        Ok(training.run(feed, control)?.of(network))
    })
}

fn starting_weights(plan: &Plan, recipe: &Recipe) -> Vec<f32> {
    let mut weights = plan.initial_weights(recipe.seed);
    let scale = recipe.initial_scale as f32;
    weights.iter_mut().for_each(|weight| *weight *= scale);
    weights
}

struct Training<'a> {
    plan: &'a Plan,
    recipe: &'a Recipe,
    fingerprint: String,
    steps_per_epoch: u64,
    held_out: &'a Examples,
    held_out_rows: Vec<usize>,
    engine: Engine<'a>,
    crew: Crew,
    state: Checkpoint,
}

/// A training that has come to its end.
struct Finished {
    state: Checkpoint,
    validation_rows: usize,
    rows: u64,
    left_out: u64,
}

impl Finished {
    fn of(self, network: &Network) -> Trained {
        Trained {
            network: network.clone(),
            weights: self.state.best,
            best_epoch: self.state.best_epoch,
            best_loss: self.state.best_loss,
            validation_rows: self.validation_rows,
            steps: self.state.step,
            curve: self.state.curve,
            rows: self.rows,
            left_out: self.left_out,
        }
    }
}

impl Training<'_> {
    /// Goes on from its checkpoint, if there is one.
    fn resume(&mut self, path: Option<&Path>) -> Result<(), TrainError> {
        if let Some(path) = path
            && let Some(state) = Checkpoint::read(path, &self.fingerprint, self.plan.parameters())?
        {
            self.state = state;
        }
        Ok(())
    }

    fn run(mut self, mut feed: Feed<'_>, mut control: Control<'_>) -> Result<Finished, TrainError> {
        let schedule = self.recipe.schedule(self.steps_per_epoch);
        let (mut reported, mut kept) = (Instant::now(), Instant::now());
        while self.state.epoch < self.recipe.epochs && !self.out_of_patience() {
            while self.state.steps_in_epoch < self.steps_per_epoch {
                if self.state.step.is_multiple_of(4) && is_set(control.cancel) {
                    return Err(self.interrupted(control.checkpoint)?);
                }
                let rate = schedule.rate(self.state.step);
                let batch = match feed.next(&self.state) {
                    // What a cancelled source says of it is no news.
                    Err(_) if is_set(control.cancel) => {
                        return Err(self.interrupted(control.checkpoint)?);
                    }
                    batch => batch?,
                };
                let loss = self
                    .engine
                    .step(&mut self.crew, &batch, rate, &mut self.state);
                self.state.position = feed.position();
                self.state.step += 1;
                self.state.steps_in_epoch += 1;
                self.state.epoch_loss += loss;
                if !loss.is_finite() {
                    let step = self.state.step;
                    return Err(TrainError::Diverged {
                        step,
                        loss,
                        learning_rate: rate,
                    });
                }
                if !self.state.step.is_multiple_of(16) {
                    continue;
                }
                if let Some(progress) = &mut control.progress
                    && reported.elapsed() >= BETWEEN_REPORTS
                {
                    progress(&self.progress());
                    reported = Instant::now();
                }
                if kept.elapsed() >= BETWEEN_CHECKPOINTS {
                    self.keep(control.checkpoint)?;
                    kept = Instant::now();
                }
            }
            self.end_epoch(schedule.rate(self.state.step))?;
            if let Some(progress) = &mut control.progress {
                progress(&self.progress());
            }
        }
        if let Some(path) = control.checkpoint {
            Checkpoint::remove(path)?;
        }
        let (rows, left_out) = feed.counts();
        Ok(Finished {
            state: self.state,
            validation_rows: self.held_out_rows.len(),
            rows,
            left_out,
        })
    }

    /// Keeps the state of a training that is to stop.
    fn interrupted(&self, path: Option<&Path>) -> Result<TrainError, TrainError> {
        self.keep(path)?;
        Ok(TrainError::Interrupted {
            step: self.state.step,
        })
    }

    fn out_of_patience(&self) -> bool {
        let (mut best, mut without) = (f64::INFINITY, 0);
        for epoch in &self.state.curve {
            let loss = self.judged(epoch);
            without = if loss < best - self.recipe.improvement {
                0
            } else {
                without + 1
            };
            best = best.min(loss);
        }
        without >= self.recipe.patience
    }

    /// The loss that says how good an epoch's weights are.
    fn judged(&self, epoch: &Epoch) -> f64 {
        if self.held_out_rows.is_empty() {
            epoch.train_loss
        } else {
            epoch.validation_loss
        }
    }

    fn keep(&self, path: Option<&Path>) -> Result<(), TrainError> {
        path.map_or(Ok(()), |path| self.state.write(path, &self.fingerprint))
    }

    fn progress(&self) -> Progress {
        let state = &self.state;
        let last = state.curve.last();
        let train_loss = match state.steps_in_epoch {
            0 => last.map_or(f64::NAN, |e| e.train_loss),
            steps => state.epoch_loss / steps as f64,
        };
        Progress {
            epoch: state.epoch,
            epochs: self.recipe.epochs,
            step: state.step,
            steps_per_epoch: self.steps_per_epoch,
            train_loss,
            validation_loss: last.map_or(f64::NAN, |e| e.validation_loss),
        }
    }

    /// Measures the held-out loss and keeps the weights if they are the best so far.
    fn end_epoch(&mut self, learning_rate: f64) -> Result<(), TrainError> {
        let weights = self.state.evaluated(self.recipe);
        let validation_loss =
            self.engine
                .mean_loss(&mut self.crew, self.held_out, &self.held_out_rows, weights);
        let epoch = Epoch {
            epoch: self.state.epoch + 1,
            step: self.state.step,
            train_loss: self.state.epoch_loss / self.state.steps_in_epoch as f64,
            validation_loss,
            learning_rate,
        };
        let loss = self.judged(&epoch);
        let state = &mut self.state;
        if !loss.is_finite() {
            let step = state.step;
            return Err(TrainError::Diverged {
                step,
                loss,
                learning_rate,
            });
        }
        state.epoch += 1;
        state.curve.push(epoch);
        (state.epoch_loss, state.steps_in_epoch) = (0.0, 0);
        if loss < state.best_loss {
            state.best_loss = loss;
            state.best_epoch = state.epoch;
            state.best = state.evaluated(self.recipe).to_vec();
        }
        Ok(())
    }
}

fn is_set(flags: &[&AtomicBool]) -> bool {
    flags.iter().any(|flag| flag.load(Ordering::Relaxed))
}

fn check_examples(examples: &Examples, network: &Network) -> Result<(), TrainError> {
    let wrong = |text: String| Err(TrainError::Examples(text));
    let (rows, given) = (examples.rows(), &examples.given);
    if given.columns() != network.given || given.rows() != rows {
        let (have, columns) = (given.rows(), given.columns());
        let want = network.given;
        return wrong(format!(
            "given is {have} x {columns}, the network needs {rows} x {want}"
        ));
    }
    finite("given", given)?;
    match (&examples.targets, &network.head) {
        (Targets::Classes(classes), Head::Classes) => {
            match classes.iter().position(|&c| c as usize >= network.predict) {
                Some(row) => wrong(format!(
                    "row {row} is of class {}, the network has {} classes",
                    classes[row], network.predict
                )),
                None => Ok(()),
            }
        }
        (Targets::Values(values), head) if *head != Head::Classes => {
            if values.columns() != network.predict {
                let (have, want) = (values.columns(), network.predict);
                return wrong(format!(
                    "{have} target columns, the network predicts {want}"
                ));
            }
            let missing_is_known = matches!(head, Head::Quantiles { .. });
            finite_or("target", values, |x| missing_is_known && x.is_nan())
        }
        (Targets::Classes(_), head) => wrong(format!("targets are classes, the head is {head}")),
        (Targets::Values(_), head) => wrong(format!("targets are numbers, the head is {head}")),
    }
}

fn check_block(block: &Block, network: &Network) -> Result<(), TrainError> {
    // A matrix without rows has no rows to be counted wrong.
    if block.examples.rows() > 0 {
        check_examples(&block.examples, network)?;
    }
    let rows = block.examples.rows();
    match block.order.iter().find(|&&row| row >= rows) {
        Some(row) => Err(TrainError::Examples(format!(
            "a block of {rows} rows has no row {row}"
        ))),
        None => Ok(()),
    }
}

fn finite(place: &'static str, matrix: &crate::matrix::Matrix) -> Result<(), TrainError> {
    finite_or(place, matrix, |_| false)
}

/// Numbers are finite, or of a kind that training can do with.
fn finite_or(
    place: &'static str,
    matrix: &crate::matrix::Matrix,
    allowed: impl Fn(f32) -> bool,
) -> Result<(), TrainError> {
    let wrong = |x: &f32| !x.is_finite() && !allowed(*x);
    match matrix.values().iter().position(wrong) {
        None => Ok(()),
        Some(at) => Err(TrainError::NonFinite {
            place,
            column: at % matrix.columns(),
            row: at / matrix.columns(),
            value: matrix.values()[at],
        }),
    }
}

/// A hash of all that decides a training's result: the examples in memory, and what others are
/// made from.
fn fingerprint(examples: &Examples, network: &Network, recipe: &Recipe, made_from: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{network:?} {recipe:?} {}", crate::instruction_set()).as_bytes());
    hasher.update(made_from.as_bytes());
    let mut floats = |values: &[f32]| {
        for part in values.chunks(1024) {
            let bytes: Vec<u8> = part.iter().flat_map(|v| v.to_le_bytes()).collect();
            hasher.update(&bytes);
        }
    };
    floats(examples.given.values());
    match &examples.targets {
        Targets::Values(values) => floats(values.values()),
        Targets::Classes(classes) => classes.iter().for_each(|c| {
            hasher.update(&c.to_le_bytes());
        }),
    }
    hasher.finalize().to_hex().to_string()
}
