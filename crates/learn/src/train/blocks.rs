//! Training examples that come block by block, without end: a thread prepares the next block while
//! the present one trains, so that two are in memory and no more.

use super::{TrainError, check_block};
use crate::examples::Examples;
use crate::network::Network;
use std::error::Error;
use std::sync::mpsc::SyncSender;

/// So many blocks without a row, one after the other, are taken for the end.
const MOST_EMPTY: u64 = 1000;

/// Where blocks of training examples come from: files, or a simulator.
pub trait Blocks: Sync {
    /// Block `number`, from 0 on: always the same for a number, whatever was asked before. Blocks go
    /// on without end; what has an end begins again, in another order.
    ///
    /// # Errors
    /// Why there is no such block; training ends with it as [`TrainError::Source`].
    fn block(&self, number: u64) -> Result<Block, Box<dyn Error + Send + Sync>>;
}

/// One block of training examples.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The examples.
    pub examples: Examples,
    /// Their rows in the order of training.
    pub order: Vec<usize>,
    /// Rows that were made for the block and cannot be learned from: simulations that failed.
    pub left_out: u64,
}

/// Examples to train on that are not all in memory.
#[derive(Clone, Copy)]
pub struct Streamed<'a> {
    /// What is trained on, batch by batch; a batch may span blocks.
    pub blocks: &'a dyn Blocks,
    /// What judges, after every epoch.
    pub held_out: &'a Examples,
    /// Steps between two judgements: an epoch.
    pub steps_per_epoch: u64,
    /// A hash of what the blocks are made from, by which a checkpoint knows its training.
    pub made_from: &'a str,
}

/// Sends the blocks from number `first` on, until `rows` rows were sent or nobody listens. It waits
/// with a block in its hand until the one before has been used up.
pub(super) fn prepare(
    blocks: &dyn Blocks,
    network: &Network,
    first: u64,
    rows: u64,
    sender: &SyncSender<Result<Block, TrainError>>,
) {
    let (mut sent, mut empty) = (0, 0);
    for number in first.. {
        if sent >= rows {
            return;
        }
        let block = blocks.block(number).map_err(TrainError::Source);
        let block = block.and_then(|block| check_block(&block, network).map(|()| block));
        if let Ok(block) = &block {
            sent += block.order.len() as u64;
            empty = if block.order.is_empty() { empty + 1 } else { 0 };
        }
        let block = if empty > MOST_EMPTY {
            let text = format!("{MOST_EMPTY} blocks in a row have none");
            Err(TrainError::Examples(text))
        } else {
            block
        };
        let failed = block.is_err();
        if sender.send(block).is_err() || failed {
            return;
        }
    }
}
