//! Tables of numbers among the constants: lists, lists of rows, and CSV files.

use std::path::Path;

use crate::expression::Series;
use crate::source::section::Entry;
use crate::source::table::Table;
use crate::source::{ReadError, Source, Span};

/// Numbers of one table.
const MOST_NUMBERS: usize = 1_000_000;

/// A table of numbers among the constants; a vector has one column.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub name: String,
    pub name_at: Span,
    pub rows: usize,
    pub columns: usize,
    /// Row after row.
    pub values: Vec<f64>,
}

impl Data {
    /// A list of numbers, a list of such lists, or `{ file = "numbers.csv" }`; `None` for anything else.
    pub fn read(entry: &Entry<'_>, folder: &Path) -> Result<Option<Self>, ReadError> {
        let rows = if let Some(list) = entry.as_list() {
            list.iter()
                .map(|row| match row.as_list() {
                    Some(row) => row.iter().map(Entry::number).collect(),
                    None => Ok(vec![row.number()?]),
                })
                .collect::<Result<Vec<Vec<f64>>, _>>()?
        } else if let Some(section) = entry.as_section(format!("`{}`", entry.key)) {
            section.only(super::keys::NUMBERS)?;
            let file = section.need("file", "file = \"numbers.csv\"")?;
            let name = file.text()?.value;
            let source = Source::read(&folder.join(&name)).map_err(|error| {
                file.error(error.message(), "this file")
                    .with_help("files are looked for from the mechanism's folder")
            })?;
            let table = Table::parse(source)?;
            let number = |cell: &crate::source::table::Cell| {
                let value = table.number(cell)?;
                if value.is_nan() {
                    return Err(table
                        .source
                        .error(cell.at, "a number is missing", "missing")
                        .with_help("a table of constants needs every number"));
                }
                Ok(value)
            };
            table
                .rows
                .iter()
                .map(|row| row.iter().map(number).collect())
                .collect::<Result<Vec<Vec<f64>>, _>>()?
        } else {
            return Ok(None);
        };
        let columns = rows.first().map_or(0, Vec::len);
        let problem = if columns == 0 {
            "there are no numbers here"
        } else if rows.iter().any(|row| row.len() != columns) {
            "its rows are not equally long"
        } else if rows.len() * columns > MOST_NUMBERS {
            "more than 1 000 000 numbers"
        } else {
            return Ok(Some(Self {
                name: entry.key.to_owned(),
                name_at: entry.key_at,
                rows: rows.len(),
                columns,
                values: rows.concat(),
            }));
        };
        Err(entry
            .error(problem, "these numbers")
            .with_help("write [1, 2, 3], or rows [[1, 2], [3, 4]], or { file = \"numbers.csv\" }"))
    }

    /// All of it, which makes it a part of what the mechanism is.
    pub fn whole(&self) -> Series {
        Series {
            name: self.name.clone(),
            times: (1..=self.values.len()).map(|k| k as f64).collect(),
            values: self.values.clone(),
        }
    }

    /// A column over the rows' numbers 1, 2, ...
    pub fn column(&self, column: usize) -> Series {
        Series {
            name: format!("{}[i, {}]", self.name, column + 1),
            times: (1..=self.rows).map(|row| row as f64).collect(),
            values: self
                .values
                .iter()
                .skip(column)
                .step_by(self.columns)
                .copied()
                .collect(),
        }
    }

    /// What it is, in words.
    pub fn described(&self) -> String {
        match self.columns {
            1 => format!("{} numbers", self.rows),
            columns => format!("{} x {columns} numbers", self.rows),
        }
    }
}
