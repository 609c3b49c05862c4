//! Verification: every shard is read again and checked, and a random sample of its rows is
//! simulated again and compared bit for bit.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use gnomon_mechanism::random::{Purpose, Stream};
use serde::Serialize;

use crate::bank::{Found, read_schema, scan};
use crate::writer::fits;
use crate::{BankError, Rows, Schema, Table};

/// How many rows are simulated again, and which.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Rows of each shard (all of it, if it has fewer).
    pub rows_per_shard: u64,
    /// Seed of the choice.
    pub seed: u64,
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verification {
    /// One report a file in `shards/`, in order of simulation.
    pub shards: Vec<ShardReport>,
}

/// What a verification found in one shard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShardReport {
    /// The file.
    pub file: PathBuf,
    /// Simulations it holds; 0 if it cannot be read.
    pub rows: u64,
    /// How many were simulated again.
    pub resimulated: u64,
    /// What is wrong, one sentence each; empty if the shard is sound.
    pub problems: Vec<String>,
}

impl Verification {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.shards.iter().all(|s| s.problems.is_empty())
    }

    /// Simulations in sound shards.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.shards
            .iter()
            .filter(|s| s.problems.is_empty())
            .map(|s| s.rows)
            .sum()
    }

    /// Simulations that were run again.
    #[must_use]
    pub fn resimulated(&self) -> u64 {
        self.shards.iter().map(|s| s.resimulated).sum()
    }
}

/// Checks every shard of the bank in `dir`: checksum, schema, range; then hands the numbers of a
/// sample of its simulations, ascending, to `resimulate` and compares what comes back bit for bit
/// (all NaNs are one). With `rows_per_shard: 0` nothing is simulated, as for an import.
///
/// Unlike [`crate::Bank::open`], it goes on past a bad shard and reports them all.
///
/// # Errors
/// Only if the folder is no bank or cannot be listed; what is wrong with shards is in the report.
pub fn verify<E: Display>(
    dir: impl AsRef<Path>,
    sample: Sample,
    mut resimulate: impl FnMut(&[u64]) -> Result<Rows, E>,
) -> Result<Verification, BankError> {
    let dir = dir.as_ref();
    let schema = read_schema(dir)?;
    let all: Vec<usize> = (0..schema.columns.len()).collect();
    let mut shards = Vec::new();
    for Found { path: file, shard } in scan(dir, &schema)? {
        let read = shard.and_then(|shard| shard.read(&schema, &all));
        shards.push(match read {
            Err(error) => ShardReport {
                file,
                rows: 0,
                resimulated: 0,
                problems: vec![error.to_string()],
            },
            Ok(table) => {
                let chosen = choose(&table, sample);
                let problems = compare(&schema, &table, &chosen, &mut resimulate);
                ShardReport {
                    file,
                    rows: table.len() as u64,
                    resimulated: chosen.len() as u64,
                    problems,
                }
            }
        });
    }
    Ok(Verification { shards })
}

/// Distinct row positions of the shard, ascending.
fn choose(table: &Table, sample: Sample) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..table.len()).collect();
    let count = positions
        .len()
        .min(usize::try_from(sample.rows_per_shard).unwrap_or(usize::MAX));
    let first = table.rows.simulation.first().copied().unwrap_or(0);
    let mut stream = Stream::new(sample.seed, Purpose::CLAIM, first);
    // The first steps of Fisher & Yates' shuffle: a sample without replacement.
    for position in 0..count {
        let other = stream.below((positions.len() - position) as u64) as usize;
        positions.swap(position, position + other);
    }
    positions.truncate(count);
    positions.sort_unstable();
    positions
}

fn compare<E: Display>(
    schema: &Schema,
    table: &Table,
    chosen: &[usize],
    resimulate: &mut impl FnMut(&[u64]) -> Result<Rows, E>,
) -> Vec<String> {
    if chosen.is_empty() {
        return Vec::new();
    }
    let stored = &table.rows;
    let simulations: Vec<u64> = chosen.iter().map(|&row| stored.simulation[row]).collect();
    let again = match resimulate(&simulations) {
        Ok(rows) => rows,
        Err(error) => return vec![format!("its simulations could not be run again: {error}")],
    };
    if let Err(problem) = fits(schema, &again) {
        return vec![format!("simulated again, the rows do not fit: {problem}")];
    }
    if again.simulation != simulations {
        return vec!["other simulations came back than were asked for".into()];
    }
    let differs = |(&row, new): (&usize, usize)| difference(schema, stored, row, &again, new);
    chosen.iter().zip(0..).filter_map(differs).collect()
}

/// The first thing in which a stored row and the same simulation run again differ.
fn difference(
    schema: &Schema,
    stored: &Rows,
    row: usize,
    again: &Rows,
    new: usize,
) -> Option<String> {
    let simulation = stored.simulation[row];
    let found = |what: &str, was: &str, is: &str| {
        Some(format!(
            "simulation {simulation}: {what} is {was}, simulated again it is {is}"
        ))
    };
    let name = |index: u32| schema.mechanisms[index as usize].name.as_str();
    if stored.mechanism[row] != again.mechanism[new] {
        return found(
            "mechanism",
            name(stored.mechanism[row]),
            name(again.mechanism[new]),
        );
    }
    if stored.failure[row] != again.failure[new] {
        let say = |reason: &Option<String>| reason.clone().unwrap_or_else(|| "none".into());
        return found(
            "failure",
            &say(&stored.failure[row]),
            &say(&again.failure[new]),
        );
    }
    for ((column, was), is) in schema.names().zip(&stored.columns).zip(&again.columns) {
        let (was, is) = (was[row], is[new]);
        if was.to_bits() != is.to_bits() && !(was.is_nan() && is.is_nan()) {
            return found(
                &format!("{column:?}"),
                &format!("{was:?}"),
                &format!("{is:?}"),
            );
        }
    }
    None
}
