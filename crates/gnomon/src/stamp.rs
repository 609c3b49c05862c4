//! Stamps: what a stage's results were made from, so that a stage runs only when that changed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::file;

/// Written when a stage is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stamp {
    /// A hash of everything that the results depend on.
    pub made_from: String,
    /// What it cost.
    pub cost: Vec<Cost>,
}

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// The work, such as "simulations".
    pub what: String,
    /// How much of it.
    pub count: u64,
    /// Wall-clock seconds; of work done side by side, its share of them.
    pub seconds: f64,
    /// Whether a new data set pays it again.
    pub per_query: bool,
}

impl Stamp {
    /// The stamp of `stage` in a results folder, if it is there and can be read.
    #[must_use]
    pub fn read(results: &Path, stage: &str) -> Option<Self> {
        let text = std::fs::read_to_string(path(results, stage)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes the stamp: the last thing a stage does.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, results: &Path, stage: &str) -> Result<(), file::WriteError> {
        file::write_json(&path(results, stage), self)
    }

    /// Removes a stage's stamp: the first thing a stage does.
    pub fn remove(results: &Path, stage: &str) {
        // A stamp that is not there needs no removing.
        let _ = std::fs::remove_file(path(results, stage));
    }
}

fn path(results: &Path, stage: &str) -> PathBuf {
    results.join("stamps").join(format!("{stage}.json"))
}

/// A hash of `parts`, in hexadecimal; where one part ends and the next begins counts.
#[must_use]
pub fn hash(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// A seed of 64 bits from `parts`.
#[must_use]
pub fn seed(parts: &[&str]) -> u64 {
    u64::from_str_radix(&hash(parts)[..16], 16).unwrap_or_default()
}
