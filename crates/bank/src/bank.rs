//! Reading: a folder is scanned into a list of shards, each shard is checked against its checksum
//! and decoded.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::shard_name::{ShardName, checksum};
use crate::{BankError, Schema, Table, Writer, atomic, shard};

pub(crate) const SCHEMA_FILE: &str = "schema.json";
pub(crate) const SHARDS: &str = "shards";

/// A bank open for reading. Its shards never change; those written later are seen by opening again.
#[derive(Debug)]
pub struct Bank {
    dir: PathBuf,
    schema: Schema,
    shards: Vec<Shard>,
}

/// A shard that is there: its range is known, its values not yet read.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    pub path: PathBuf,
    pub name: ShardName,
    /// Size of the file.
    pub bytes: u64,
}

/// A file in `shards/`: the shard it is, or why it is none.
pub(crate) struct Found {
    pub path: PathBuf,
    pub shard: Result<Shard, BankError>,
}

impl Bank {
    /// Starts the bank in `dir`, or resumes the one that is there, and locks it for writing.
    ///
    /// # Errors
    /// [`BankError::Foreign`] if a bank with another schema is there, [`BankError::Locked`] if
    /// another process writes it, [`BankError::Damaged`] and its kin if a shard cannot be trusted.
    pub fn create(dir: impl AsRef<Path>, schema: Schema) -> Result<Writer, BankError> {
        Writer::start(dir.as_ref(), schema)
    }

    /// Opens a bank to read it. Every shard's name, schema and row count are checked here, its
    /// checksum when it is read.
    ///
    /// # Errors
    /// The first shard that is damaged, foreign or overlapping is named; no shard is skipped.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, BankError> {
        let dir = dir.as_ref();
        let schema = read_schema(dir)?;
        let found = scan(dir, &schema)?;
        let mut shards = Vec::with_capacity(found.len());
        for file in found {
            shards.push(file.shard?);
        }
        Ok(Self {
            dir: dir.to_path_buf(),
            schema,
            shards,
        })
    }

    /// The bank's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the columns are and where the rows came from.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Number of simulations stored.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.shards.iter().map(|s| s.name.end - s.name.first).sum()
    }

    /// Refuses a bank that was not made with this schema.
    ///
    /// # Errors
    /// [`BankError::Foreign`] says what differs.
    pub fn require(&self, schema: &Schema) -> Result<(), BankError> {
        if self.schema == *schema {
            return Ok(());
        }
        Err(BankError::Foreign {
            path: self.dir.clone(),
            differences: self.schema.differences(schema),
        })
    }

    /// All rows and columns, in order of simulation.
    ///
    /// # Errors
    /// The first shard that cannot be trusted is named.
    pub fn read(&self) -> Result<Table, BankError> {
        let names: Vec<&str> = self.schema.names().collect();
        self.read_columns(&names)
    }

    /// All rows of some columns, in the order asked.
    ///
    /// # Errors
    /// [`BankError::NoColumn`], or the first shard that cannot be trusted.
    pub fn read_columns(&self, names: &[&str]) -> Result<Table, BankError> {
        let mut table = Table::empty(names.iter().map(ToString::to_string).collect());
        for shard in self.tables(names)? {
            table.append(shard?);
        }
        Ok(table)
    }

    /// The same rows, one table a shard: a bank larger than memory can be read this way.
    ///
    /// # Errors
    /// [`BankError::NoColumn`] at once; each item may be a shard that cannot be trusted.
    pub fn tables(
        &self,
        names: &[&str],
    ) -> Result<impl Iterator<Item = Result<Table, BankError>>, BankError> {
        let positions = positions(&self.schema, names)?;
        Ok(self
            .shards
            .iter()
            .map(move |shard| shard.read(&self.schema, &positions)))
    }

    /// Number of shards.
    #[must_use]
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// The rows of shard number `shard`, from 0 in order of simulation; no rows where there is none.
    ///
    /// # Errors
    /// [`BankError::NoColumn`], or a shard that cannot be trusted.
    pub fn read_shard(&self, shard: usize, names: &[&str]) -> Result<Table, BankError> {
        let positions = positions(&self.schema, names)?;
        match self.shards.get(shard) {
            Some(shard) => shard.read(&self.schema, &positions),
            None => Ok(Table::empty(
                names.iter().map(ToString::to_string).collect(),
            )),
        }
    }

    pub(crate) fn shards(&self) -> &[Shard] {
        &self.shards
    }

    pub(crate) fn insert(&mut self, shard: Shard) {
        let place = self
            .shards
            .partition_point(|s| s.name.first < shard.name.first);
        self.shards.insert(place, shard);
    }
}

impl Shard {
    /// The file's bytes, if they are those that were written.
    pub fn bytes(&self) -> Result<Bytes, BankError> {
        let bytes = fs::read(&self.path).map_err(|e| BankError::io(&self.path, "read", e))?;
        if checksum(&bytes) != self.name.checksum {
            let problem = "its bytes do not have the checksum in its name";
            return Err(BankError::damaged(&self.path, problem));
        }
        Ok(Bytes::from(bytes))
    }

    /// Checks and decodes the columns at these positions of the schema.
    pub fn read(&self, schema: &Schema, positions: &[usize]) -> Result<Table, BankError> {
        shard::decode(&self.path, &self.name, schema, self.bytes()?, positions)
    }
}

fn positions(schema: &Schema, names: &[&str]) -> Result<Vec<usize>, BankError> {
    let find = |name: &&str| {
        schema.position(name).ok_or_else(|| BankError::NoColumn {
            name: (*name).to_string(),
            known: schema.names().map(str::to_string).collect(),
        })
    };
    names.iter().map(find).collect()
}

/// The schema of the bank in `dir`.
pub(crate) fn read_schema(dir: &Path) -> Result<Schema, BankError> {
    let path = dir.join(SCHEMA_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(BankError::NotABank {
                dir: dir.to_path_buf(),
            });
        }
        Err(e) => return Err(BankError::io(&path, "read", e)),
    };
    let damaged = |problem: String| BankError::Damaged {
        file: path.clone(),
        problem,
    };
    let schema: Schema = serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
    schema.check().map_err(|e| damaged(e.to_string()))?;
    Ok(schema)
}

/// Every file in `shards/`, in order of simulation.
pub(crate) fn scan(dir: &Path, schema: &Schema) -> Result<Vec<Found>, BankError> {
    let mut found = Vec::new();
    let mut last: Option<Shard> = None;
    for path in atomic::entries(&dir.join(SHARDS))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Desktop systems leave dot files in any folder.
        if name.starts_with('.') {
            continue;
        }
        let shard = look_at(&path, &name, schema).and_then(|shard| match &last {
            Some(before) if before.name.end > shard.name.first => Err(BankError::Overlap {
                file: path.clone(),
                other: before.path.clone(),
                simulation: shard.name.first,
            }),
            _ => Ok(shard),
        });
        if let Ok(shard) = &shard {
            last = Some(shard.clone());
        }
        found.push(Found { path, shard });
    }
    Ok(found)
}

fn look_at(path: &Path, name: &str, schema: &Schema) -> Result<Shard, BankError> {
    let name = ShardName::parse(name).map_err(|problem| BankError::Stray {
        file: path.to_path_buf(),
        problem,
    })?;
    let failed = |e| BankError::io(path, "read", e);
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    shard::check_footer(path, &name, schema, file)?;
    Ok(Shard {
        path: path.to_path_buf(),
        name,
        bytes,
    })
}
