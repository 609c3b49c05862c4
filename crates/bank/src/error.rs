//! Everything that can go wrong with a bank: what, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// An error of a bank on disk, or of a file imported into one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BankError {
    /// The folder has no `schema.json`.
    #[error("{dir} is not a bank: it has no schema.json; simulate first, or name another folder")]
    NotABank {
        /// The folder.
        dir: PathBuf,
    },
    /// A new bank was asked for in a folder that holds something else.
    #[error(
        "{dir} holds {entry:?}, which is not a bank's; choose an empty folder or one that does not exist"
    )]
    Occupied {
        /// The folder.
        dir: PathBuf,
        /// The first entry that is not a bank's.
        entry: String,
    },
    /// The bank was made by another study, engine or seed.
    #[error(
        "{path} belongs to another study: {}; use another folder, or move this bank away",
        differences.join("; ")
    )]
    Foreign {
        /// The bank's folder, or the shard that came from elsewhere.
        path: PathBuf,
        /// What differs, one sentence each.
        differences: Vec<String>,
    },
    /// A file of the bank is not what was written.
    #[error(
        "{file} is damaged: {problem}; delete the file and simulate again: only what it held is repeated"
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file in `shards/` that is no shard.
    #[error("{file} is not a shard of this bank ({problem}); move it out of the folder")]
    Stray {
        /// The file.
        file: PathBuf,
        /// Why it is no shard.
        problem: String,
    },
    /// Two shards hold the same simulation.
    #[error("{file} and {other} both hold simulation {simulation}; delete one of the two")]
    Overlap {
        /// The later shard.
        file: PathBuf,
        /// The earlier shard.
        other: PathBuf,
        /// The first simulation that both hold.
        simulation: u64,
    },
    /// Another process writes this bank.
    #[error("{dir} is being written by another process; wait for it to end, or stop it")]
    Locked {
        /// The bank's folder.
        dir: PathBuf,
    },
    /// No space is left.
    #[error(
        "the disk is full: {path} could not be written; free some space and run again; what was finished is kept"
    )]
    DiskFull {
        /// The file that was being written.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{path} could not be {action}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried: "read", "written", ...
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A schema that no bank can have.
    #[error("the bank's schema is impossible: {0}")]
    Schema(String),
    /// Rows that do not fit the schema or their plan.
    #[error("simulations {first}..{end} cannot be stored: {problem}")]
    Rows {
        /// First simulation of the plan.
        first: u64,
        /// One past its last.
        end: u64,
        /// What does not fit.
        problem: String,
    },
    /// A column that the bank does not have.
    #[error("the bank has no column {name:?}; it has {}", known.join(", "))]
    NoColumn {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// An export or import to a kind of file that is not known.
    #[error("{path}: unknown kind of file; name it .csv, .parquet or .npz")]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// A file that could not be imported.
    #[error("{file} cannot be imported: {problem}")]
    Import {
        /// The user's file.
        file: PathBuf,
        /// What is wrong, where, and what to do.
        problem: String,
    },
}

impl BankError {
    pub(crate) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io {
                path,
                action,
                source,
            },
        }
    }

    pub(crate) fn damaged(file: &Path, problem: impl Into<String>) -> Self {
        Self::Damaged {
            file: file.to_path_buf(),
            problem: problem.into(),
        }
    }

    pub(crate) fn import(file: &Path, problem: impl Into<String>) -> Self {
        Self::Import {
            file: file.to_path_buf(),
            problem: problem.into(),
        }
    }
}
