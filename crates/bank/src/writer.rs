//! Writing: a lock, the plan of the shards that are missing, and one atomic file a shard.

use std::fs::{self, File, TryLockError};
use std::ops::Range;
use std::path::Path;

use crate::bank::{SCHEMA_FILE, SHARDS, Shard, read_schema, scan};
use crate::shard_name::{ShardName, checksum};
use crate::{Bank, BankError, Rows, Schema, atomic, shard};

const LOCK_FILE: &str = "lock";

/// A bank that this process alone may append to, until the writer is dropped.
#[derive(Debug)]
pub struct Writer {
    bank: Bank,
    // Held, never read: the system releases it even after a kill.
    _lock: File,
}

/// The simulations of one shard to write: `first..first + rows`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardPlan {
    /// First simulation.
    pub first: u64,
    /// How many, at least 1.
    pub rows: u64,
}

impl ShardPlan {
    /// The simulations' numbers.
    #[must_use]
    pub fn simulations(&self) -> Range<u64> {
        self.first..self.first + self.rows
    }
}

impl Writer {
    pub(crate) fn start(dir: &Path, schema: Schema) -> Result<Self, BankError> {
        schema.check()?;
        fs::create_dir_all(dir).map_err(|e| BankError::io(dir, "created", e))?;
        let is_new = !dir.join(SCHEMA_FILE).exists();
        if is_new {
            refuse_occupied(dir)?;
        }
        let lock = lock(dir)?;
        atomic::remove_leftovers(dir)?;
        let shards = dir.join(SHARDS);
        fs::create_dir_all(&shards).map_err(|e| BankError::io(&shards, "created", e))?;
        // Another process may have created it since the first look.
        let path = dir.join(SCHEMA_FILE);
        if path.exists() {
            let there = read_schema(dir)?;
            if there != schema {
                return Err(BankError::Foreign {
                    path: dir.to_path_buf(),
                    differences: there.differences(&schema),
                });
            }
        } else {
            // Shards without schema.json: it may have been damaged and deleted.
            for found in scan(dir, &schema)? {
                found.shard?;
            }
            atomic::write_bytes(&path, dir, schema.to_json()?.as_bytes())?;
        }
        Ok(Self {
            bank: Bank::open(dir)?,
            _lock: lock,
        })
    }

    /// The bank with all shards written so far.
    #[must_use]
    pub fn bank(&self) -> &Bank {
        &self.bank
    }

    /// Ends writing: gives up the lock and keeps the bank open for reading.
    #[must_use]
    pub fn finish(self) -> Bank {
        self.bank
    }

    /// The shards to write so that the bank holds simulations `0..total`: the gaps, cut at
    /// multiples of `shard_rows`. A partial last shard stays; a further one completes its range.
    #[must_use]
    pub fn missing(&self, total: u64) -> Vec<ShardPlan> {
        let size = self.bank.schema().shard_rows;
        let mut plans = Vec::new();
        let mut fill = |mut first: u64, end: u64| {
            while first < end {
                let boundary = (first / size + 1).saturating_mul(size);
                let rows = boundary.min(end) - first;
                plans.push(ShardPlan { first, rows });
                first += rows;
            }
        };
        let mut next = 0;
        for there in self.bank.shards() {
            fill(next, there.name.first.min(total));
            next = there.name.end;
        }
        fill(next, total);
        plans
    }

    /// Stores a shard: it is there whole once this returns, and not at all before.
    ///
    /// # Errors
    /// [`BankError::Rows`] if the rows are not those of the plan or do not fit the schema,
    /// [`BankError::DiskFull`], [`BankError::Io`]. The bank is then as it was.
    pub fn write(&mut self, plan: ShardPlan, rows: &Rows) -> Result<(), BankError> {
        let end = plan.first.saturating_add(plan.rows);
        self.check(plan, end, rows)
            .map_err(|problem| BankError::Rows {
                first: plan.first,
                end,
                problem,
            })?;
        let bytes = shard::encode(self.bank.schema(), rows)?;
        let name = ShardName {
            first: plan.first,
            end,
            checksum: checksum(&bytes),
        };
        let path = self.bank.dir().join(SHARDS).join(name.to_string());
        atomic::write_bytes(&path, self.bank.dir(), &bytes)?;
        self.bank.insert(Shard {
            path,
            name,
            bytes: bytes.len() as u64,
        });
        Ok(())
    }

    fn check(&self, plan: ShardPlan, end: u64, rows: &Rows) -> Result<(), String> {
        let schema = self.bank.schema();
        let size = schema.shard_rows;
        if plan.rows == 0 || plan.first / size != (end - 1) / size {
            return Err(format!("a shard has 1 to {size} rows of one block"));
        }
        let overlaps = |s: &&Shard| s.name.first < end && plan.first < s.name.end;
        if let Some(there) = self.bank.shards().iter().find(overlaps) {
            return Err(format!("{} already holds some", there.path.display()));
        }
        if !rows.simulation.iter().copied().eq(plan.simulations()) {
            return Err("the rows are not those simulations, in order".into());
        }
        fits(schema, rows)
    }
}

/// Whether the rows have the schema's columns, all of one length, and its mechanisms.
pub(crate) fn fits(schema: &Schema, rows: &Rows) -> Result<(), String> {
    let count = rows.len();
    if rows.columns.len() != schema.columns.len() {
        return Err(format!(
            "{} columns, the schema has {}",
            rows.columns.len(),
            schema.columns.len()
        ));
    }
    let lengths = [
        ("mechanism", rows.mechanism.len()),
        ("failure", rows.failure.len()),
    ];
    let columns = schema.names().zip(rows.columns.iter().map(Vec::len));
    if let Some((name, length)) = lengths.into_iter().chain(columns).find(|l| l.1 != count) {
        return Err(format!(
            "column {name:?} has {length} values for {count} simulations"
        ));
    }
    match rows
        .mechanism
        .iter()
        .find(|&&m| m as usize >= schema.mechanisms.len())
    {
        Some(index) => Err(format!("there is no mechanism number {index}")),
        None => Ok(()),
    }
}

fn lock(dir: &Path) -> Result<File, BankError> {
    let path = dir.join(LOCK_FILE);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| BankError::io(&path, "opened", e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BankError::Locked {
            dir: dir.to_path_buf(),
        }),
        Err(TryLockError::Error(e)) => Err(BankError::io(&path, "locked", e)),
    }
}

/// A new bank goes into a folder that is empty, or where one was being created when it was killed.
fn refuse_occupied(dir: &Path) -> Result<(), BankError> {
    for path in atomic::entries(dir)? {
        let name = path.file_name().unwrap_or_default();
        let ours = name == LOCK_FILE || atomic::is_temporary(name) || name == SHARDS;
        if !ours {
            return Err(BankError::Occupied {
                dir: dir.to_path_buf(),
                entry: name.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}
