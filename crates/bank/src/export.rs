//! Export: a whole bank as one file of a kind that other programs read.

use std::io::{Cursor, Write};
use std::path::Path;

use crate::schema::{FAILURE, FIXED, MECHANISM, SIMULATION};
use crate::{Bank, BankError, Schema, Table, atomic, npy, shard};

/// Writes all rows to `path`, replacing it at once when done: `.csv` (a missing number is an empty
/// field), `.parquet` (null) or `.npz` (one array a column, NaN).
///
/// # Errors
/// [`BankError::Extension`] for another extension; a full disk; a shard that cannot be trusted.
pub fn export(bank: &Bank, path: impl AsRef<Path>) -> Result<(), BankError> {
    let path = path.as_ref();
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    let fill = match extension.to_str() {
        Some("csv") => write_csv,
        Some("parquet") => write_parquet,
        Some("npz") => write_npz,
        _ => {
            return Err(BankError::Extension {
                path: path.to_path_buf(),
            });
        }
    };
    let within = path.parent().unwrap_or(Path::new(""));
    atomic::write(path, within, |file| fill(bank, path, file))
}

type Sink = std::io::BufWriter<std::fs::File>;

/// An error of writing `path`, whatever the layer that reports it.
fn failed(path: &Path) -> impl Fn(std::io::Error) -> BankError {
    move |e| BankError::io(path, "written", e)
}

fn write_csv(bank: &Bank, path: &Path, file: &mut Sink) -> Result<(), BankError> {
    let names: Vec<&str> = bank.schema().names().collect();
    let failed = |e: csv::Error| {
        failed(path)(match e.into_kind() {
            csv::ErrorKind::Io(e) => e,
            other => std::io::Error::other(format!("{other:?}")),
        })
    };
    let mut csv = csv::Writer::from_writer(file);
    csv.write_record(FIXED.iter().chain(&names))
        .map_err(failed)?;
    for table in bank.tables(&names)? {
        let rows = table?.rows;
        for row in 0..rows.len() {
            let mechanism = &bank.schema().mechanisms[rows.mechanism[row] as usize].name;
            let failure = rows.failure[row].as_deref().unwrap_or("");
            let fixed = [
                rows.simulation[row].to_string(),
                mechanism.clone(),
                failure.into(),
            ];
            let numbers = rows.columns.iter().map(|column| number(column[row]));
            csv.write_record(fixed.into_iter().chain(numbers))
                .map_err(failed)?;
        }
    }
    csv.flush().map_err(|e| BankError::io(path, "written", e))
}

/// The shortest text that reads back as the same number.
fn number(value: f64) -> String {
    if value.is_nan() {
        String::new()
    } else {
        format!("{value:?}")
    }
}

fn write_parquet(bank: &Bank, path: &Path, file: &mut Sink) -> Result<(), BankError> {
    let names: Vec<&str> = bank.schema().names().collect();
    let failed = |e: parquet::errors::ParquetError| match e {
        parquet::errors::ParquetError::External(e) => {
            let e = e.downcast::<std::io::Error>();
            failed(path)(e.map_or_else(std::io::Error::other, |e| *e))
        }
        other => failed(path)(std::io::Error::other(other)),
    };
    let mut writer = shard::start(bank.schema(), file)?;
    for table in bank.tables(&names)? {
        let batch = shard::batch(bank.schema(), &table?.rows);
        writer
            .write(&batch.map_err(|e| failed(e.into()))?)
            .map_err(failed)?;
    }
    writer.close().map_err(failed)?;
    Ok(())
}

fn write_npz(bank: &Bank, path: &Path, file: &mut Sink) -> Result<(), BankError> {
    let table = bank.read()?;
    // Zipped in memory: the archive writer prints when a full disk stops it.
    let bytes = zip_arrays(bank.schema(), &table).map_err(failed(path))?;
    file.write_all(&bytes).map_err(failed(path))
}

fn zip_arrays(schema: &Schema, table: &Table) -> std::io::Result<Vec<u8>> {
    let rows = &table.rows;
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .large_file(true);
    let mut entry = |name: &str, bytes: Vec<u8>| -> std::io::Result<()> {
        zip.start_file(format!("{name}.npy"), options)?;
        zip.write_all(&bytes)
    };
    let mechanism = rows
        .mechanism
        .iter()
        .map(|&m| schema.mechanisms[m as usize].name.as_str());
    let failure = rows.failure.iter().map(|f| f.as_deref().unwrap_or(""));
    entry(SIMULATION, npy::integers(&rows.simulation))?;
    entry(MECHANISM, npy::texts(&mechanism.collect::<Vec<_>>()))?;
    entry(FAILURE, npy::texts(&failure.collect::<Vec<_>>()))?;
    for (name, column) in table.names.iter().zip(&rows.columns) {
        entry(name, npy::numbers(column))?;
    }
    Ok(zip.finish()?.into_inner())
}
