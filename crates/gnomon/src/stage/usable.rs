//! The bank's simulations that can be learned from: those of the study's budget that succeeded, all
//! at once or shard by shard.

use gnomon_bank::{Bank, Table};

use super::rounds;
use super::simulate::imported_folder;
use crate::context::Context;
use crate::failure::Failure;

/// Banks, one a round, and which of their simulations and columns count.
pub struct Usable<'a> {
    banks: Vec<Part<'a>>,
    imported: bool,
    /// Columns that networks are given or predict.
    names: Vec<&'a str>,
    /// The number, in the study, of each of the banks' mechanisms; `None` for one that is left out.
    numbers: Vec<Option<usize>>,
}

/// A round's bank.
struct Part<'a> {
    bank: &'a Bank,
    /// Simulations from this number on do not count.
    simulations: u64,
    /// Simulations of earlier rounds: all are numbered on.
    before: u64,
}

impl<'a> Usable<'a> {
    /// The first simulations of each round's bank, as many as the round has, or all of an imported
    /// one. There is at least one bank.
    ///
    /// # Errors
    /// Where a bank has a mechanism that the study does not know.
    pub fn new(context: &Context, banks: &'a [Bank]) -> Result<Self, Failure> {
        let (study, bank) = (&context.study, &banks[0]);
        let imported = bank.dir() == imported_folder(context);
        let mut observed = study.given_columns();
        observed.extend(study.unseen_columns());
        let asked = |name: &str| {
            let parameters = study.mechanisms.iter().flat_map(|m| &m.parameters);
            observed.iter().any(|column| column == name)
                || parameters
                    .into_iter()
                    .any(|parameter| parameter.name == name)
        };
        let mut before = 0;
        let parts = banks.iter().zip(rounds::sizes(context));
        let parts = parts.map(|(bank, size)| {
            let simulations = if imported { u64::MAX } else { size };
            let part = Part {
                bank,
                simulations,
                before,
            };
            before += bank.rows().min(simulations);
            part
        });
        Ok(Self {
            banks: parts.collect(),
            imported,
            names: bank.schema().names().filter(|name| asked(name)).collect(),
            numbers: mechanisms(context, bank)?,
        })
    }

    /// How many simulations there are, failed ones among them.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let parts = self.banks.iter();
        parts
            .map(|part| part.bank.rows().min(part.simulations))
            .sum()
    }

    /// Whether the user brought the simulations.
    #[must_use]
    pub fn is_imported(&self) -> bool {
        self.imported
    }

    /// How many columns are read.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.names.len()
    }

    /// How many shards the banks have.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.banks.iter().map(|part| part.bank.shard_count()).sum()
    }

    /// Some columns of one shard.
    fn shard(&self, mut shard: usize, names: &[&str]) -> Result<Table, Failure> {
        for part in &self.banks {
            match shard.checked_sub(part.bank.shard_count()) {
                Some(left) => shard = left,
                None => {
                    let mut table = part.bank.read_shard(shard, names)?;
                    self.keep(&mut table, part);
                    return Ok(table);
                }
            }
        }
        Ok(Table::default())
    }

    /// All rows.
    ///
    /// # Errors
    /// Where the bank is damaged, or nothing in it succeeded.
    pub fn read(&self) -> Result<Table, Failure> {
        let mut all: Option<Table> = None;
        for part in &self.banks {
            let mut table = part.bank.read_columns(&self.names)?;
            self.keep(&mut table, part);
            match &mut all {
                None => all = Some(table),
                Some(all) => all.append(table),
            }
        }
        let table = all.unwrap_or_default();
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
        self.shard(shard, &self.names)
    }

    /// Which mechanism each row of a shard is of.
    ///
    /// # Errors
    /// Where the shard is damaged.
    pub fn read_mechanisms(&self, shard: usize) -> Result<Vec<u32>, Failure> {
        Ok(self.shard(shard, &[])?.rows.mechanism)
    }

    /// Leaves out the rows that do not count, and numbers mechanisms as the study does.
    fn keep(&self, table: &mut Table, part: &Part<'_>) {
        let rows = &mut table.rows;
        let counts = |row: usize| {
            rows.simulation[row] < part.simulations
                && rows.failure[row].is_none()
                && self.numbers[rows.mechanism[row] as usize].is_some()
        };
        let kept: Vec<usize> = (0..rows.len()).filter(|&row| counts(row)).collect();
        if kept.len() < rows.len() {
            for column in &mut rows.columns {
                *column = kept.iter().map(|&row| column[row]).collect();
            }
            rows.simulation = kept.iter().map(|&row| rows.simulation[row]).collect();
            rows.mechanism = kept.iter().map(|&row| rows.mechanism[row]).collect();
            rows.failure = vec![None; kept.len()];
        }
        rows.simulation.iter_mut().for_each(|i| *i += part.before);
        for mechanism in &mut rows.mechanism {
            // Those without a number are not among the rows that are kept.
            if let Some(number) = self.numbers[*mechanism as usize] {
                *mechanism = number as u32;
            }
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

/// The number, in the study, of each of the bank's mechanisms; `None` for those that the context leaves out.
///
/// # Errors
/// Where the bank has a mechanism that the study does not know.
pub fn mechanisms(context: &Context, bank: &Bank) -> Result<Vec<Option<usize>>, Failure> {
    let study = &context.study.mechanisms;
    let theirs = &bank.schema().mechanisms;
    if study.len() == 1 && theirs.len() == 1 {
        return Ok(vec![Some(0)]);
    }
    let known = |name: &str| study.iter().position(|mechanism| mechanism.name == name);
    theirs
        .iter()
        .map(|mechanism| {
            if context.left_out() == Some(mechanism.name.as_str()) {
                return Ok(None);
            }
            known(&mechanism.name).map(Some).ok_or_else(|| {
                let names: Vec<&str> = study.iter().map(|m| m.name.as_str()).collect();
                Failure::refused(
                    format!("the bank has simulations of `{}`", mechanism.name),
                    format!("the study's mechanisms are {}", names.join(", ")),
                )
            })
        })
        .collect()
}
