//! Atomic files: bytes go to a temporary name, are forced to disk, and take their name in one
//! rename; after a kill there is the whole file or a temporary that the next writer removes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::BankError;

const PREFIX: &str = ".gnomon-";
const SUFFIX: &str = ".tmp";

/// Writes `path` through a temporary in the folder `within` (same file system). If `fill` or the
/// disk fails, the temporary is removed and `path` is as it was.
pub(crate) fn write(
    path: &Path,
    within: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), BankError>,
) -> Result<(), BankError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = within.join(format!("{PREFIX}{name}.{}{SUFFIX}", std::process::id()));
    let written = fill_and_rename(&temporary, path, fill);
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn fill_and_rename(
    temporary: &Path,
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), BankError>,
) -> Result<(), BankError> {
    let failed = |source| BankError::io(path, "written", source);
    let mut file = BufWriter::new(File::create(temporary).map_err(failed)?);
    fill(&mut file)?;
    let file = file.into_inner().map_err(|e| failed(e.into_error()))?;
    file.sync_all().map_err(failed)?;
    fs::rename(temporary, path).map_err(failed)?;
    sync_folder(path).map_err(failed)
}

/// Writes `bytes` to `path` through a temporary in the folder `within`.
pub(crate) fn write_bytes(path: &Path, within: &Path, bytes: &[u8]) -> Result<(), BankError> {
    write(path, within, |file| {
        file.write_all(bytes)
            .map_err(|e| BankError::io(path, "written", e))
    })
}

/// A rename survives a power cut only once its folder is on disk.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder != Path::new("") => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether this is the name of one of our temporaries.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Removes the temporaries that a killed writer left in `dir`. Only the holder of the bank's lock
/// may call it.
pub(crate) fn remove_leftovers(dir: &Path) -> Result<(), BankError> {
    for path in entries(dir)? {
        if path.file_name().is_some_and(is_temporary) {
            fs::remove_file(&path).map_err(|e| BankError::io(&path, "removed", e))?;
        }
    }
    Ok(())
}

/// The paths in a folder, sorted by name.
pub(crate) fn entries(dir: &Path) -> Result<Vec<PathBuf>, BankError> {
    let read = || -> io::Result<Vec<PathBuf>> {
        let mut paths = fs::read_dir(dir)?
            .map(|entry| entry.map(|e| e.path()))
            .collect::<io::Result<Vec<_>>>()?;
        paths.sort_unstable();
        Ok(paths)
    };
    read().map_err(|e| BankError::io(dir, "listed", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_said_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard");
        fs::write(&path, "before").unwrap();
        let error = write(&path, folder.path(), |file| {
            file.write_all(b"half").unwrap();
            Err(BankError::io(
                &path,
                "written",
                io::ErrorKind::StorageFull.into(),
            ))
        })
        .unwrap_err();
        assert!(error.to_string().contains("disk is full"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"before");
        assert_eq!(entries(folder.path()).unwrap(), [path]);
    }

    #[test]
    fn only_our_temporaries_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".gnomon-x.7.tmp", "notes.tmp", ".gnomon-notes"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_leftovers(folder.path()).unwrap();
        let left = entries(folder.path()).unwrap();
        assert_eq!(
            left,
            [".gnomon-notes", "notes.tmp"].map(|n| folder.path().join(n))
        );
    }
}
