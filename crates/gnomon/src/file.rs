//! Files are written whole or not at all: under a temporary name, then renamed.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {reason}")]
pub struct WriteError {
    path: PathBuf,
    reason: String,
}

/// A file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}: {reason}")]
pub struct ReadError {
    path: PathBuf,
    reason: String,
}

/// Writes `contents` to `path`, making its folder.
///
/// # Errors
/// Where the disk or its permissions refuse; the file is then as it was.
pub fn write(path: &Path, contents: &[u8]) -> Result<(), WriteError> {
    let attempt = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        // As readable as the user's other files; the temporary files of the system are private.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.suffix(".tmp").tempfile_in(folder)?;
        file.write_all(contents)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    attempt().map_err(|error| WriteError {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// Writes `value` to `path` as JSON.
///
/// # Errors
/// Where the disk or its permissions refuse.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), WriteError> {
    let text = serde_json::to_vec(value).map_err(|error| WriteError {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    write(path, &text)
}

/// Reads JSON from `path`.
///
/// # Errors
/// Where the file is missing, or is not what it should be.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ReadError> {
    let wrong = |reason: String| ReadError {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))
}
