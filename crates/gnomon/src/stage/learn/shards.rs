//! A bank larger than memory as blocks of examples: a window of several shards, their rows mixed, and
//! the next window; when all shards were read, again in another order.

use std::error::Error;

use gnomon_learn::examples::Examples;
use gnomon_learn::train::{Block, Blocks};
use gnomon_mechanism::random::{Purpose, Stream};

use super::examples::{Simulations, View};
use super::survey::Lot;
use crate::failure::Failure;
use crate::interrupt;
use crate::stage::usable::Usable;

/// The shards that one network is trained on.
pub(super) struct Shards<'a> {
    pub usable: &'a Usable<'a>,
    pub view: View<'a>,
    /// The shards with rows of the network, and how many.
    pub shards: Vec<(usize, u64)>,
    /// The share of its rows that is held out.
    pub held_out: f64,
    /// Shards of a window.
    pub window: usize,
}

/// They in the order of one member of the ensemble.
pub(super) struct Windows<'a> {
    pub shards: &'a Shards<'a>,
    pub seed: u64,
}

impl Shards<'_> {
    /// Rows to train on.
    pub fn rows(&self) -> u64 {
        self.shards.iter().map(|(_, rows)| rows).sum()
    }

    /// The rows of a shard to train on.
    fn read(&self, shard: usize) -> Result<Examples, Failure> {
        let View {
            context, target, ..
        } = &self.view;
        let table = self.usable.read_shard(shard)?;
        let rows: Vec<usize> = (0..table.len())
            .filter(|&row| target.learns_from(table.rows.mechanism[row]))
            .filter(|&row| {
                let lot = Lot::of(context, table.rows.simulation[row]);
                !lot.is_held_out(self.held_out)
            })
            .collect();
        let simulations = Simulations::of(context, &table, target, &rows)?;
        self.view.examples(simulations)
    }
}

impl Windows<'_> {
    fn window(&self, number: u64) -> Result<Block, Failure> {
        let Shards { shards, window, .. } = self.shards;
        let windows = shards.len().div_ceil(*window).max(1) as u64;
        let (pass, place) = (number / windows, (number % windows) as usize);
        let mut order: Vec<&(usize, u64)> = shards.iter().collect();
        Stream::new(self.seed, Purpose::SHUFFLE, 2 * pass).shuffle(&mut order);
        let here = &order[place * window..((place + 1) * window).min(order.len())];
        let rows: usize = here.iter().map(|(_, rows)| *rows as usize).sum();
        let mut examples = self.shards.view.examples(Simulations::default())?;
        examples.reserve(rows);
        for (shard, _) in here {
            interrupt::check()?;
            examples.extend(&self.shards.read(*shard)?);
        }
        let mut order: Vec<usize> = (0..examples.rows()).collect();
        Stream::new(self.seed, Purpose::SHUFFLE, 2 * number + 1).shuffle(&mut order);
        Ok(Block {
            examples,
            order,
            left_out: 0,
        })
    }
}

impl Blocks for Windows<'_> {
    fn block(&self, number: u64) -> Result<Block, Box<dyn Error + Send + Sync>> {
        Ok(self.window(number)?)
    }
}
