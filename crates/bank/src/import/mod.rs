//! Import: a file of simulations a user already has (CSV, Parquet or NPZ) is read into columns,
//! the mapping says what each column is, and a bank is written from them.
//!
//! ```
//! use gnomon_bank::import::{Mapping, import};
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("runs.csv");
//! # let dir = folder.path().join("bank");
//! std::fs::write(&file, "b,y_1,y_2,note\n1.5,3,8,x\n0.5,2,,y\n")?;
//! let mapping = Mapping {
//!     rename: vec![("b".into(), "beta".into())],
//!     parameters: vec!["beta".into()],
//!     observed: vec!["y".into()],
//!     ..Mapping::default()
//! };
//! let imported = import(&file, &dir, &mapping, |_, _| Ok(()))?;
//! assert_eq!(imported.unused, ["note"]);
//! let table = imported.bank.read()?;
//! assert_eq!(table.names, ["beta", "y_1", "y_2"]);
//! assert!(table.column("y_2").unwrap()[1].is_nan());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assign;
mod csv_file;
mod npz_file;
mod parquet_file;
mod repeats;

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Bank, BankError, Rows, Schema};

/// What the columns of a user's file are. A name stands for the column of that name or, if there
/// is none, for the columns `name_1`, `name_2`, ... (or from `name_0`), in that order. Columns
/// without a role are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// Pairs `(name in the file, name in the bank)`, applied before all else.
    pub rename: Vec<(String, String)>,
    /// Columns drawn from a prior.
    pub parameters: Vec<String>,
    /// Columns computed from parameters.
    pub derived: Vec<String>,
    /// Columns simulated, never observed.
    pub latent: Vec<String>,
    /// Observed series.
    pub observed: Vec<String>,
    /// The column that names each row's mechanism; without it all rows have one, `imported`.
    pub mechanism: Option<String>,
    /// The column, if the file has it, that says why a simulation failed: empty, 0 or false where
    /// it succeeded.
    pub failure: Option<String>,
    /// What the simulations are imported for, such as [`Schema::study`] of a bank; may be empty.
    pub purpose: String,
}

/// A bank made from a user's file.
#[derive(Debug)]
pub struct Imported {
    /// The bank, its engine `"imported"`, its study the BLAKE3 hash of the file and
    /// the purpose.
    pub bank: Bank,
    /// Columns of the file that have no role and were left out.
    pub unused: Vec<String>,
    /// Rows that were left out: copies of earlier ones, with a parameter that is no whole number.
    pub copies: usize,
    /// Different vectors of parameters; simulations whose parameters are whole numbers count as one each.
    pub parameter_vectors: usize,
}

/// A column of the user's file.
#[derive(Clone, Debug)]
struct SourceColumn {
    name: String,
    values: Values,
}

/// The values of a column, one a row.
#[derive(Clone, Debug)]
enum Values {
    /// NaN is missing.
    Numbers(Vec<f64>),
    /// Empty is missing.
    Texts(Vec<String>),
    /// Why it can be neither; an error only if the column has a role.
    Unusable(String),
}

/// Reads `file` (`.csv`, `.parquet`, `.npz`) and stores its simulations as a bank in `dir`, rows
/// numbered from 0. Importing the same file again finds the bank there and changes nothing.
/// Nothing is stored if `check` says what is wrong with them.
///
/// # Errors
/// [`BankError::Import`] names the file, the column and the row; those of writing a bank.
pub fn import(
    file: impl AsRef<Path>,
    dir: impl AsRef<Path>,
    mapping: &Mapping,
    check: impl FnOnce(&Schema, &Rows) -> Result<(), String>,
) -> Result<Imported, BankError> {
    let file = file.as_ref();
    let bytes = fs::read(file).map_err(|e| BankError::io(file, "read", e))?;
    let hash = blake3::hash(&bytes).to_hex().to_string();
    let failed = |problem: String| BankError::import(file, problem);
    let columns = read(file, bytes, mapping)?;
    let study = format!("{hash} for {}", mapping.purpose);
    let assigned = assign::assign(columns, mapping, study).map_err(failed)?;
    assigned.schema.check().map_err(|e| failed(e.to_string()))?;
    check(&assigned.schema, &assigned.rows).map_err(failed)?;
    let found = repeats::distinct(assigned.rows, &assigned.schema.columns);
    let rows = found.rows;

    let mut writer = Bank::create(dir, assigned.schema)?;
    for plan in writer.missing(rows.len() as u64) {
        let (first, end) = (plan.first as usize, (plan.first + plan.rows) as usize);
        writer.write(plan, &assign::slice(&rows, first..end))?;
    }
    Ok(Imported {
        bank: writer.finish(),
        unused: assigned.unused,
        copies: found.copies,
        parameter_vectors: found.parameter_vectors,
    })
}

/// The columns `names` of `file` (`.csv`, `.parquet`, `.npz`), NaN where a number is missing; a matrix
/// or a list `x` counts as `x_1`, `x_2`, ... All are equally long.
///
/// # Errors
/// [`BankError::Import`] names the file and the column that is not there, not of numbers, or not as
/// long as the first.
pub fn columns(file: impl AsRef<Path>, names: &[String]) -> Result<Vec<Vec<f64>>, BankError> {
    let file = file.as_ref();
    let bytes = fs::read(file).map_err(|e| BankError::io(file, "read", e))?;
    let mut all = read(file, bytes, &Mapping::default())?;
    let known: Vec<String> = all.iter().map(|column| column.name.clone()).collect();
    let take = |name: &String| {
        let place = all.iter().position(|column| column.name == *name);
        let Some(place) = place else {
            let known = known.join("`, `");
            return Err(format!("there is no column `{name}`, but `{known}`"));
        };
        match all.swap_remove(place).values {
            Values::Numbers(numbers) => Ok(numbers),
            Values::Texts(_) => Err(format!("column `{name}` is text")),
            Values::Unusable(why) => Err(format!("column `{name}`: {why}")),
        }
    };
    let columns: Result<Vec<Vec<f64>>, String> = names.iter().map(take).collect();
    let columns = columns.map_err(|problem| BankError::import(file, problem))?;
    let rows = columns.first().map_or(0, Vec::len);
    let uneven = names.iter().zip(&columns).find(|(_, c)| c.len() != rows);
    if let Some((name, column)) = uneven {
        let problem = format!(
            "column `{name}` has {} rows, the first {rows}",
            column.len()
        );
        return Err(BankError::import(file, problem));
    }
    Ok(columns)
}

/// All columns of `file` (`.csv`, `.parquet`, `.npz`) that are numbers, with their names; NaN where a
/// number is missing.
///
/// # Errors
/// [`BankError::Import`] names the file and what is wrong with it.
pub fn numbers(file: impl AsRef<Path>) -> Result<Vec<(String, Vec<f64>)>, BankError> {
    let file = file.as_ref();
    let bytes = fs::read(file).map_err(|e| BankError::io(file, "read", e))?;
    let all = read(file, bytes, &Mapping::default())?;
    let of_numbers = |column: SourceColumn| match column.values {
        Values::Numbers(numbers) => Some((column.name, numbers)),
        Values::Texts(_) | Values::Unusable(_) => None,
    };
    Ok(all.into_iter().filter_map(of_numbers).collect())
}

fn read(file: &Path, bytes: Vec<u8>, mapping: &Mapping) -> Result<Vec<SourceColumn>, BankError> {
    let extension = file.extension().unwrap_or_default().to_ascii_lowercase();
    let columns = match extension.to_str() {
        Some("csv") => csv_file::read(&bytes, &assign::text_columns(mapping)),
        Some("parquet") => parquet_file::read(bytes),
        Some("npz") => npz_file::read(&bytes),
        _ => {
            return Err(BankError::Extension {
                path: file.to_path_buf(),
            });
        }
    };
    columns.map_err(|problem| BankError::import(file, problem))
}

/// `values` of a matrix with `width` columns, row-major, as columns `name_1`, `name_2`, ...
fn matrix_columns(name: &str, width: usize, values: &[f64]) -> Vec<SourceColumn> {
    let column = |k: usize| SourceColumn {
        name: format!("{name}_{}", k + 1),
        values: Values::Numbers(values.iter().skip(k).step_by(width).copied().collect()),
    };
    (0..width).map(column).collect()
}
