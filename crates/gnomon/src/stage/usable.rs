//! The bank's simulations that can be learned from: those of the study's budget that succeeded, all
//! at once or shard by shard.

use gnomon_bank::{Bank, Table};

use super::simulate::imported_folder;
use crate::context::Context;
use crate::failure::Failure;

/// A bank, and which of its simulations and columns count.
pub struct Usable<'a> {
    bank: &'a Bank,
    /// Columns that networks are given or predict.
    names: Vec<&'a str>,
    /// The number, in the study, of each of the bank's mechanisms.
    numbers: Vec<usize>,
    /// Simulations from this number on do not count.
    simulations: u64,
}

impl<'a> Usable<'a> {
    /// The first `context.simulations` of the bank, or all of an imported one.
    ///
    /// # Errors
    /// Where the bank has a mechanism that the study does not know.
    pub fn new(context: &Context, bank: &'a Bank) -> Result<Self, Failure> {
        let study = &context.study;
        let given = study.given_columns();
        let asked = |name: &str| {
            let parameters = study.mechanisms.iter().flat_map(|m| &m.parameters);
            given.iter().any(|column| column == name)
                || parameters
                    .into_iter()
                    .any(|parameter| parameter.name == name)
        };
        Ok(Self {
            bank,
            names: bank.schema().names().filter(|name| asked(name)).collect(),
            numbers: mechanisms(context, bank)?,
            simulations: if bank.dir() == imported_folder(context) {
                u64::MAX
            } else {
                context.simulations
            },
        })
    }

    /// How many simulations there are, failed ones among them.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.bank.rows().min(self.simulations)
    }

    /// Whether the user brought the simulations.
    #[must_use]
    pub fn is_imported(&self, context: &Context) -> bool {
        self.bank.dir() == imported_folder(context)
    }

    /// How many columns are read.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.names.len()
    }

    /// How many shards the bank has.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.bank.shard_count()
    }

    /// All rows.
    ///
    /// # Errors
    /// Where the bank is damaged, or nothing in it succeeded.
    pub fn read(&self) -> Result<Table, Failure> {
        let mut table = self.bank.read_columns(&self.names)?;
        self.keep(&mut table);
        if table.is_empty() {
            return Err(none());
        }
        Ok(table)
    }

    /// The rows of one shard; there may be none.
    ///
    /// # Errors
    /// Where the shard is damaged.
    pub fn read_shard(&self, shard: usize) -> Result<Table, Failure> {
        let mut table = self.bank.read_shard(shard, &self.names)?;
        self.keep(&mut table);
        Ok(table)
    }

    /// Which mechanism each row of a shard is of.
    ///
    /// # Errors
    /// Where the shard is damaged.
    pub fn read_mechanisms(&self, shard: usize) -> Result<Vec<u32>, Failure> {
        let mut table = self.bank.read_shard(shard, &[])?;
        self.keep(&mut table);
        Ok(table.rows.mechanism)
    }

    /// Leaves out the rows that do not count, and numbers mechanisms as the study does.
    fn keep(&self, table: &mut Table) {
        let rows = &mut table.rows;
        let counts =
            |row: usize| rows.simulation[row] < self.simulations && rows.failure[row].is_none();
        let kept: Vec<usize> = (0..rows.len()).filter(|&row| counts(row)).collect();
        if kept.len() < rows.len() {
            for column in &mut rows.columns {
                *column = kept.iter().map(|&row| column[row]).collect();
            }
            rows.simulation = kept.iter().map(|&row| rows.simulation[row]).collect();
            rows.mechanism = kept.iter().map(|&row| rows.mechanism[row]).collect();
            rows.failure = vec![None; kept.len()];
        }
        for mechanism in &mut rows.mechanism {
            *mechanism = self.numbers[*mechanism as usize] as u32;
        }
    }
}

/// Nothing in a bank succeeded.
pub(super) fn none() -> Failure {
    Failure::Simulation {
        message: "every simulation failed: there is nothing to learn from".into(),
        help: Some("`gnomon bank info STUDY` lists the reasons".into()),
    }
}

/// The number, in the study, of each of the bank's mechanisms.
///
/// # Errors
/// Where the bank has a mechanism that the study does not know.
pub fn mechanisms(context: &Context, bank: &Bank) -> Result<Vec<usize>, Failure> {
    let study = &context.study.mechanisms;
    let theirs = &bank.schema().mechanisms;
    if study.len() == 1 && theirs.len() == 1 {
        return Ok(vec![0]);
    }
    let known = |name: &str| study.iter().position(|mechanism| mechanism.name == name);
    theirs
        .iter()
        .map(|mechanism| {
            known(&mechanism.name).ok_or_else(|| {
                let names: Vec<&str> = study.iter().map(|m| m.name.as_str()).collect();
                Failure::refused(
                    format!("the bank has simulations of `{}`", mechanism.name),
                    format!("the study's mechanisms are {}", names.join(", ")),
                )
            })
        })
        .collect()
}
