//! A surrogate on disk: `surrogate.json` in a folder, written under a temporary name and renamed. All
//! numbers are read back as the same bits. Networks are in folders of their own beside it.

use super::Surrogate;
use crate::error::EmulateError;
use gnomon_learn::SaveError;
use gnomon_learn::model::Model;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version of the format.
const FORMAT: u32 = 1;
const FILE: &str = "surrogate.json";

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    surrogate: &'a Surrogate,
}

#[derive(Deserialize)]
struct Read {
    surrogate: Surrogate,
}

impl Surrogate {
    /// Writes the surrogate into `folder`, which is made if need be.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), EmulateError> {
        let path = folder.join(FILE);
        let wrong = |e: &dyn std::fmt::Display| EmulateError::File {
            path: path.clone(),
            reason: e.to_string(),
        };
        std::fs::create_dir_all(folder).map_err(|e| wrong(&e))?;
        for (k, member) in self
            .fitted
            .networks()
            .iter()
            .flat_map(|n| n.members.iter().enumerate())
        {
            member
                .save(&network_folder(folder, k))
                .map_err(model_error)?;
        }
        let written = Written {
            format: FORMAT,
            surrogate: self,
        };
        let text = serde_json::to_vec(&written).map_err(|e| wrong(&e))?;
        gnomon_learn::train::write_file(&path, &text).map_err(|e| wrong(&e))
    }

    /// Reads a surrogate that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn load(folder: &Path) -> Result<Self, EmulateError> {
        let path = folder.join(FILE);
        let wrong = |reason: String| EmulateError::File {
            path: path.clone(),
            reason,
        };
        let text = std::fs::read(&path).map_err(|e| wrong(e.to_string()))?;
        let foreign =
            |e: serde_json::Error| wrong(format!("this is no surrogate ({e}): fit again"));
        let any: serde_json::Value = serde_json::from_slice(&text).map_err(foreign)?;
        if any.get("format").and_then(serde_json::Value::as_u64) != Some(u64::from(FORMAT)) {
            return Err(wrong(format!("it is not of format {FORMAT}: fit again")));
        }
        let mut read: Read = serde_json::from_slice(&text).map_err(foreign)?;
        if let Some(networks) = read.surrogate.fitted.networks_mut() {
            let models = (0..networks.count()).map(|k| Model::load(&network_folder(folder, k)));
            networks.members = models.collect::<Result<_, _>>().map_err(model_error)?;
        }
        if !read.surrogate.fitted.restore() {
            return Err(wrong("its numbers make no surrogate: fit again".into()));
        }
        Ok(read.surrogate)
    }
}

fn network_folder(folder: &Path, member: usize) -> PathBuf {
    folder.join(format!("network-{member}"))
}

fn model_error(error: SaveError) -> EmulateError {
    EmulateError::File {
        path: error.path,
        reason: error.reason,
    }
}
