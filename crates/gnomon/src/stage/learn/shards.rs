//! A bank larger than memory as blocks of examples: a window of several shards, their rows mixed, and
//! the next window; when all shards were read, again in another order.

use std::error::Error;

use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
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
        let mut together = Together::with_room_for(rows);
        for (shard, _) in here {
            interrupt::check()?;
            together.append(self.shards.read(*shard)?);
        }
        let examples = together.examples();
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

/// Examples of several shards, in memory that is taken once.
#[derive(Default)]
struct Together {
    rows: usize,
    given: (usize, Vec<f32>),
    values: (usize, Vec<f32>),
    classes: Vec<u32>,
}

impl Together {
    fn with_room_for(rows: usize) -> Self {
        Self {
            rows,
            ..Self::default()
        }
    }

    fn append(&mut self, more: Examples) {
        let append = |(columns, all): &mut (usize, Vec<f32>), more: &Matrix| {
            *columns = more.columns();
            all.reserve_exact(if all.is_empty() {
                self.rows * more.columns()
            } else {
                0
            });
            all.extend_from_slice(more.values());
        };
        append(&mut self.given, &more.given);
        match more.targets {
            Targets::Values(values) => append(&mut self.values, &values),
            Targets::Classes(classes) => self.classes.extend(classes),
        }
    }

    fn examples(self) -> Examples {
        let targets = if self.values.0 > 0 {
            Targets::Values(Matrix::new(self.values.0, self.values.1))
        } else {
            Targets::Classes(self.classes)
        };
        Examples {
            given: Matrix::new(self.given.0, self.given.1),
            targets,
        }
    }
}
