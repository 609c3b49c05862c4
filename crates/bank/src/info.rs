//! What is in a bank, in numbers, read one shard at a time.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Bank, BankError, Column, Table};

/// A bank's summary.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Info {
    /// Hash of the study.
    pub study: String,
    /// Version of the engine, or `"imported"`.
    pub engine: String,
    /// Seed of all simulations.
    pub seed: u64,
    /// Number of simulations.
    pub rows: u64,
    /// Number of shards.
    pub shards: usize,
    /// Size of the shards on disk, bytes.
    pub bytes: u64,
    /// Number of failed simulations.
    pub failures: u64,
    /// Why they failed, the most frequent first.
    pub reasons: Vec<Reason>,
    /// One entry a mechanism, in the schema's order.
    pub mechanisms: Vec<MechanismInfo>,
    /// One entry a numeric column, in the schema's order.
    pub columns: Vec<ColumnInfo>,
}

/// A reason for failure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// What the simulator said.
    pub reason: String,
    /// Simulations that failed with it.
    pub count: u64,
    /// Their share of all simulations, in [0, 1].
    pub share: f64,
}

/// A mechanism's rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MechanismInfo {
    /// Name.
    pub name: String,
    /// Prior weight, as in the schema.
    pub weight: f64,
    /// Simulations of it.
    pub rows: u64,
    /// How many of them failed.
    pub failures: u64,
}

/// A numeric column's values. The statistics are `None` if there is no value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnInfo {
    /// What the schema says of it.
    #[serde(flatten)]
    pub column: Column,
    /// Smallest value.
    pub min: Option<f64>,
    /// Arithmetic mean of the values that are there.
    pub mean: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
    /// Rows with a value.
    pub values: u64,
    /// Rows without a value though their mechanism declares the column.
    pub missing: u64,
    /// Rows whose mechanism does not have the column.
    pub not_applicable: u64,
}

impl Bank {
    /// Counts, failures and the range of every column.
    ///
    /// # Errors
    /// The first shard that cannot be trusted is named.
    pub fn info(&self) -> Result<Info, BankError> {
        let schema = self.schema();
        let mut mechanisms: Vec<MechanismInfo> = schema
            .mechanisms
            .iter()
            .map(|m| MechanismInfo {
                name: m.name.clone(),
                weight: m.weight,
                rows: 0,
                failures: 0,
            })
            .collect();
        let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
        let mut columns: Vec<Tally> = schema.columns.iter().map(|_| Tally::default()).collect();
        let declares: Vec<Vec<bool>> = schema
            .columns
            .iter()
            .map(|c| {
                let belongs = |m: &MechanismInfo| c.belongs_to(&m.name);
                mechanisms.iter().map(belongs).collect()
            })
            .collect();

        let names: Vec<&str> = schema.names().collect();
        for table in self.tables(&names)? {
            let Table { rows, .. } = table?;
            for (&mechanism, failure) in rows.mechanism.iter().zip(&rows.failure) {
                let mechanism = &mut mechanisms[mechanism as usize];
                mechanism.rows += 1;
                if let Some(reason) = failure {
                    mechanism.failures += 1;
                    *reasons.entry(reason.clone()).or_default() += 1;
                }
            }
            for ((tally, values), declared) in columns.iter_mut().zip(&rows.columns).zip(&declares)
            {
                for (&value, &mechanism) in values.iter().zip(&rows.mechanism) {
                    tally.add(value, declared[mechanism as usize]);
                }
            }
        }

        let rows = self.rows();
        let mut reasons: Vec<Reason> = reasons
            .into_iter()
            .map(|(reason, count)| Reason {
                reason,
                count,
                share: count as f64 / rows as f64,
            })
            .collect();
        // Stable: reasons as frequent as each other stay in alphabetical order.
        reasons.sort_by_key(|r| std::cmp::Reverse(r.count));
        Ok(Info {
            study: schema.study.clone(),
            engine: schema.engine.clone(),
            seed: schema.seed,
            rows,
            shards: self.shards().len(),
            bytes: self.shards().iter().map(|s| s.bytes).sum(),
            failures: mechanisms.iter().map(|m| m.failures).sum(),
            reasons,
            mechanisms,
            columns: schema
                .columns
                .iter()
                .zip(columns)
                .map(|(column, tally)| tally.describe(column))
                .collect(),
        })
    }
}

#[derive(Default)]
struct Tally {
    range: Option<(f64, f64)>,
    mean: f64,
    values: u64,
    missing: u64,
    not_applicable: u64,
}

impl Tally {
    fn add(&mut self, value: f64, declared: bool) {
        if value.is_nan() {
            *(if declared {
                &mut self.missing
            } else {
                &mut self.not_applicable
            }) += 1;
            return;
        }
        let (min, max) = self.range.unwrap_or((value, value));
        self.range = Some((min.min(value), max.max(value)));
        self.values += 1;
        // A running mean (Welford 1962) does not overflow where a sum would.
        self.mean += (value - self.mean) / self.values as f64;
    }

    fn describe(self, column: &Column) -> ColumnInfo {
        ColumnInfo {
            column: column.clone(),
            min: self.range.map(|r| r.0),
            mean: self.range.map(|_| self.mean),
            max: self.range.map(|r| r.1),
            values: self.values,
            missing: self.missing,
            not_applicable: self.not_applicable,
        }
    }
}
