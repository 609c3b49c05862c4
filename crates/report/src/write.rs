//! Files: each is written under a temporary name in its folder and then renamed, so that a reader
//! sees the old file or the new one, never half of one.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{
    content::{Convergence, Emulation, Holes, Report},
    figures::{Figure, convergence, emulation, holes},
    gallery::Gallery,
    page,
};

/// What can go wrong while a report is written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The content could not be turned into JSON.
    #[error("cannot write the report as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The files that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub page: PathBuf,
    /// The content as JSON; a preview has none.
    pub json: Option<PathBuf>,
    /// The figures.
    pub figures: Vec<PathBuf>,
}

/// Writes `report.html`, `report.json` and `figures/*.svg` into `folder`, which is made if need be.
///
/// # Errors
/// When a file cannot be written.
pub fn write(report: &Report, folder: &Path) -> Result<Written, Error> {
    let gallery = Gallery::draw(report);
    let figures = write_figures(gallery.figures(), folder)?;
    let json = folder.join("report.json");
    write_file(&json, &(serde_json::to_string_pretty(report)? + "\n"))?;
    let page = folder.join("report.html");
    write_file(&page, &page::report(report, &gallery))?;
    Ok(Written {
        page,
        json: Some(json),
        figures,
    })
}

/// Writes `preview.html` and its figures into `folder`: prior-predictive series with the data over
/// them, before anything is learned.
///
/// # Errors
/// When a file cannot be written.
pub fn write_preview(report: &Report, folder: &Path) -> Result<Written, Error> {
    let gallery = Gallery::prior_predictive(report);
    let figures = write_figures(gallery.figures(), folder)?;
    let page = folder.join("preview.html");
    write_file(&page, &page::preview(report, &gallery))?;
    Ok(Written {
        page,
        json: None,
        figures,
    })
}

/// Writes `convergence.html`, `convergence.json` and the figure into `folder`.
///
/// # Errors
/// When a file cannot be written.
pub fn write_convergence(found: &Convergence, folder: &Path) -> Result<Written, Error> {
    let drawn: Vec<Figure> = convergence::figure(found).into_iter().collect();
    let figures = write_figures(drawn.iter(), folder)?;
    let json = folder.join("convergence.json");
    write_file(&json, &(serde_json::to_string_pretty(found)? + "\n"))?;
    let page = folder.join("convergence.html");
    write_file(&page, &page::convergence(found, &drawn))?;
    Ok(Written {
        page,
        json: Some(json),
        figures,
    })
}

/// Writes `holes.html`, and the figure where a parameter was scanned, into `folder`.
///
/// # Errors
/// When a file cannot be written.
pub fn write_holes(found: &Holes, folder: &Path) -> Result<Written, Error> {
    let drawn: Vec<Figure> = match found.outputs.is_empty() {
        true => Vec::new(),
        false => vec![holes::figure(found)],
    };
    let figures = write_figures(drawn.iter(), folder)?;
    let page = folder.join("holes.html");
    write_file(&page, &page::holes(found, &drawn))?;
    Ok(Written {
        page,
        json: None,
        figures,
    })
}

/// Writes `emulation.html`, `emulation.json` and the figures into `folder`.
///
/// # Errors
/// When a file cannot be written.
pub fn write_emulation(found: &Emulation, folder: &Path) -> Result<Written, Error> {
    let drawn = emulation::figures(found);
    let figures = write_figures(drawn.iter(), folder)?;
    let json = folder.join("emulation.json");
    write_file(&json, &(serde_json::to_string_pretty(found)? + "\n"))?;
    let page = folder.join("emulation.html");
    write_file(&page, &page::emulation(found, &drawn))?;
    Ok(Written {
        page,
        json: Some(json),
        figures,
    })
}

fn write_figures<'a>(
    drawn: impl Iterator<Item = &'a Figure>,
    folder: &Path,
) -> Result<Vec<PathBuf>, Error> {
    let figures = folder.join("figures");
    fs::create_dir_all(&figures).map_err(|source| Error::Write {
        path: figures.clone(),
        source,
    })?;
    drawn
        .map(|figure| {
            let path = figures.join(format!("{}.svg", figure.name));
            write_file(&path, &figure.file()).map(|()| path)
        })
        .collect()
}

fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let renamed = || -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".part-")
            .tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        make_readable(file.path())?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    renamed().map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

/// Temporary files are private to their owner; a report is to be shared.
#[cfg(unix)]
fn make_readable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &Path) -> io::Result<()> {
    Ok(())
}
