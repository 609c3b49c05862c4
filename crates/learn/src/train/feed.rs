//! The next batch of a training: rows of examples in memory, shuffled anew for every epoch, or rows
//! of one block after the other.

use super::TrainError;
use super::blocks::Block;
use super::checkpoint::{Checkpoint, Position};
use super::recipe::Recipe;
use crate::examples::Examples;
use gnomon_mechanism::random::{Purpose, Stream};
use std::sync::mpsc::Receiver;

/// Where batches come from.
pub(super) enum Feed<'a> {
    Memory(Memory<'a>),
    Stream(Box<BlockFeed>),
}

/// A batch: some rows of examples.
pub(super) struct Batch<'a> {
    pub examples: &'a Examples,
    pub rows: &'a [usize],
}

impl Feed<'_> {
    /// The batch of the step that `state` is to take next. Steps are taken in order.
    pub fn next(&mut self, state: &Checkpoint) -> Result<Batch<'_>, TrainError> {
        match self {
            Self::Memory(memory) => Ok(memory.batch(state)),
            Self::Stream(stream) => stream.next(),
        }
    }

    /// The place after the last batch.
    pub fn position(&self) -> Position {
        match self {
            Self::Memory(_) => Position::default(),
            Self::Stream(stream) => stream.position,
        }
    }

    /// The rows of all that was begun, and how many more were left out.
    pub fn counts(&self) -> (u64, u64) {
        match self {
            Self::Memory(memory) => (memory.rows.len() as u64, 0),
            Self::Stream(stream) => stream.counts(),
        }
    }
}

/// Examples that are all in memory.
pub(super) struct Memory<'a> {
    examples: &'a Examples,
    /// In half the memory of `usize`: what is shuffled is best near.
    rows: Vec<u32>,
    batch: usize,
    recipe: &'a Recipe,
    /// The rows in the order of `epoch`.
    order: Vec<u32>,
    epoch: Option<usize>,
    /// The rows of the present batch.
    chosen: Vec<usize>,
}

impl<'a> Memory<'a> {
    /// Of fewer than 2^32 rows.
    pub fn new(examples: &'a Examples, rows: Vec<usize>, batch: usize, recipe: &'a Recipe) -> Self {
        Self {
            examples,
            rows: rows.into_iter().map(|row| row as u32).collect(),
            batch,
            recipe,
            order: Vec::new(),
            epoch: None,
            chosen: Vec::with_capacity(batch),
        }
    }

    fn batch(&mut self, state: &Checkpoint) -> Batch<'_> {
        if self.epoch != Some(state.epoch) {
            self.order.clone_from(&self.rows);
            let number = if self.recipe.shuffle { state.epoch } else { 0 };
            Stream::new(self.recipe.seed, Purpose::SHUFFLE, number as u64).shuffle(&mut self.order);
            self.epoch = Some(state.epoch);
        }
        let first = state.steps_in_epoch as usize * self.batch;
        let order = &self.order[first..first + self.batch];
        self.chosen.clear();
        self.chosen.extend(order.iter().map(|&row| row as usize));
        Batch {
            examples: self.examples,
            rows: &self.chosen,
        }
    }
}

/// Blocks that another thread prepares.
pub(super) struct BlockFeed {
    receiver: Receiver<Result<Block, TrainError>>,
    batch: usize,
    block: Block,
    /// Whether a block has come.
    begun: bool,
    /// A batch that spans blocks, and its rows.
    spanning: Examples,
    spanning_rows: Vec<usize>,
    /// The first row that has not been used.
    position: Position,
    /// Rows of the first block to leap over: they were used before an interruption.
    used: u64,
}

impl BlockFeed {
    /// Batches from `position` on; the blocks received begin with that of the position.
    pub fn new(
        receiver: Receiver<Result<Block, TrainError>>,
        batch: usize,
        position: Position,
        like: &Examples,
    ) -> Self {
        Self {
            receiver,
            batch,
            block: Block {
                examples: like.empty(),
                order: Vec::new(),
                left_out: 0,
            },
            begun: false,
            spanning: like.empty(),
            spanning_rows: (0..batch).collect(),
            position: Position { row: 0, ..position },
            used: position.row,
        }
    }

    fn next(&mut self) -> Result<Batch<'_>, TrainError> {
        self.spanning.clear();
        loop {
            let at = self.position.row as usize;
            let left = &self.block.order[at..];
            let wanted = self.batch - self.spanning.rows();
            if left.len() >= wanted {
                self.position.row += wanted as u64;
                if wanted == self.batch {
                    return Ok(Batch {
                        examples: &self.block.examples,
                        rows: &self.block.order[at..at + wanted],
                    });
                }
                self.spanning.append(&self.block.examples, &left[..wanted]);
                return Ok(Batch {
                    examples: &self.spanning,
                    rows: &self.spanning_rows,
                });
            }
            self.spanning.append(&self.block.examples, left);
            self.receive()?;
        }
    }

    fn receive(&mut self) -> Result<(), TrainError> {
        // The memory of a block that is used up is given back before the next one is waited for.
        self.block.examples = self.spanning.empty();
        let next = self
            .receiver
            .recv()
            .unwrap_or_else(|_| Err(TrainError::Examples("the blocks ended early".to_owned())))?;
        let (rows, left_out) = self.counts();
        if self.begun {
            self.position.block += 1;
            (self.position.rows, self.position.left_out) = (rows, left_out);
        }
        self.begun = true;
        self.position.row = std::mem::take(&mut self.used).min(next.order.len() as u64);
        self.block = next;
        Ok(())
    }

    fn counts(&self) -> (u64, u64) {
        let Position { rows, left_out, .. } = self.position;
        let block = &self.block;
        (rows + block.order.len() as u64, left_out + block.left_out)
    }
}
