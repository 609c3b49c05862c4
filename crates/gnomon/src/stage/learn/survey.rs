//! What must be known of a bank before networks are trained on parts of it: how many rows each shard
//! has for each network, the rows that are held out, and a random sample of what is given.

use gnomon_mechanism::random::{Purpose, Stream};

use super::examples::{self, Simulations, Target};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::stage::usable::{Usable, none};

/// The lot of a simulation: whether it is held out, and whether it is in the sample. It is the same
/// whatever the shards are.
pub(super) struct Lot {
    held_out: f64,
    sample: f64,
}

impl Lot {
    pub fn of(context: &Context, simulation: u64) -> Self {
        let mut stream = Stream::new(context.seed, Purpose::SHUFFLE, simulation);
        Self {
            held_out: stream.uniform(),
            sample: stream.uniform(),
        }
    }

    /// Whether it falls to those held out, where they are this share.
    pub fn is_held_out(&self, share: f64) -> bool {
        self.held_out < share
    }
}

/// How many rows of each mechanism there are.
///
/// # Errors
/// Where the bank is damaged, or nothing in it succeeded.
pub(super) fn count(context: &Context, usable: &Usable<'_>) -> Result<Vec<u64>, Failure> {
    let mut rows = vec![0; context.study.mechanisms.len()];
    let shards = usable.shards() as u64;
    let bar = context.progress.bar("counting", "shards", shards);
    for shard in 0..usable.shards() {
        interrupt::check()?;
        for mechanism in usable.read_mechanisms(shard)? {
            rows[mechanism as usize] += 1;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if rows.iter().all(|&rows| rows == 0) {
        return Err(none());
    }
    Ok(rows)
}

/// What one network takes of the bank.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// The share of its rows that is held out.
    pub share: f64,
    /// The shards that have rows to train on, and how many.
    pub shards: Vec<(usize, u64)>,
    /// The rows that judge.
    pub held_out: Simulations,
}

impl Part {
    /// Rows to train on.
    pub fn rows(&self) -> u64 {
        self.shards.iter().map(|(_, rows)| rows).sum()
    }
}

/// A look through the whole bank.
pub(super) struct Survey {
    /// One for each network.
    pub parts: Vec<Part>,
    /// What is given in a random sample of all rows, row after row, and their numbers.
    pub sample: Vec<f64>,
    /// What is observed and not given in the same rows.
    pub unseen: Vec<f64>,
    pub numbers: Vec<u64>,
    /// Which given columns lack a number in any row.
    pub missing: Vec<bool>,
}

/// Looks through the bank for networks that predict these, each with the share of its rows that is
/// held out.
///
/// # Errors
/// Where the bank is damaged, or lacks a column, or a given number is infinite.
pub(super) fn survey(
    context: &Context,
    usable: &Usable<'_>,
    targets: &[(Target, f64)],
    sample: f64,
) -> Result<Survey, Failure> {
    let names = context.study.given_columns();
    let mut all = Survey {
        parts: targets
            .iter()
            .map(|(_, share)| Part {
                share: *share,
                ..Part::default()
            })
            .collect(),
        sample: Vec::new(),
        unseen: Vec::new(),
        numbers: Vec::new(),
        missing: vec![false; names.len()],
    };
    let shards = usable.shards() as u64;
    let bar = context.progress.bar("looking through", "shards", shards);
    for shard in 0..usable.shards() {
        interrupt::check()?;
        let table = usable.read_shard(shard)?;
        let numbers = &table.rows.simulation;
        let lots: Vec<Lot> = numbers.iter().map(|&i| Lot::of(context, i)).collect();
        for ((target, _), part) in targets.iter().zip(&mut all.parts) {
            let (held_out, train): (Vec<usize>, Vec<usize>) = (0..table.len())
                .filter(|&row| target.learns_from(table.rows.mechanism[row]))
                .partition(|&row| lots[row].is_held_out(part.share));
            let held_out = Simulations::of(context, &table, target, &held_out)?;
            part.held_out.append(held_out);
            if !train.is_empty() {
                part.shards.push((shard, train.len() as u64));
            }
        }
        let given = examples::given_rows(context, &table, 0..table.len())?;
        let unseen = examples::unseen_rows(context, &table, 0..table.len())?;
        let width = context.study.unseen_columns().len();
        for (row, entries) in given.chunks_exact(names.len()).enumerate() {
            for (entry, value) in entries.iter().enumerate() {
                all.missing[entry] |= value.is_nan();
                if value.is_infinite() {
                    return Err(examples::infinite(&names[entry], numbers[row]));
                }
            }
            if lots[row].sample < sample {
                all.sample.extend_from_slice(entries);
                all.unseen
                    .extend_from_slice(&unseen[row * width..(row + 1) * width]);
                all.numbers.push(numbers[row]);
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(all)
}
