//! `[forcing]`: measured series in CSV files -> series of the graph, for `interp(t, column)`.

use std::collections::HashMap;
use std::path::Path;

use super::calendar::Calendar;
use super::names::did_you_mean;
use crate::expression::{Graph, Series};
use crate::source::section::Section;
use crate::source::table::Table;
use crate::source::{ReadError, Source, Span};

/// The measured columns; one is added to the graph when an expression first uses it.
pub(crate) struct Forcing {
    files: Vec<File>,
    used: HashMap<String, u32>,
}

struct File {
    table: Table,
    time: usize,
    times: Vec<f64>,
}

impl Forcing {
    /// Reads the files and their times.
    pub fn read(
        sections: &[Section<'_>],
        calendar: &Calendar,
        folder: &Path,
    ) -> Result<Self, ReadError> {
        let mut files: Vec<File> = Vec::new();
        for section in sections {
            let entry = section.need("file", "file = \"measured.csv\"")?;
            let name = entry.text()?.value;
            let source = Source::read(&folder.join(&name)).map_err(|error| {
                entry
                    .error(error.message(), "this file")
                    .with_help("files are looked for from the mechanism's folder")
            })?;
            let table = Table::parse(source)?;
            let time = match section.get("time") {
                Some(entry) => {
                    let column = entry.text()?;
                    table
                        .column(&column.value)
                        .ok_or_else(|| table.no_column(&column.value))?
                }
                None => table.time_column(|_| false).ok_or_else(|| {
                    entry
                        .error(format!("{name} has no column of times"), "this file")
                        .with_help("name a column time, or say time = \"column\"")
                })?,
            };
            let file = File {
                times: times(&table, time, calendar)?,
                table,
                time,
            };
            for cell in &file.table.header {
                let column = &cell.text;
                let twice = files.iter().any(|f| f.value_column(column).is_some());
                if twice && file.value_column(column).is_some() {
                    return Err(file
                        .table
                        .source
                        .error(
                            cell.at,
                            format!("the column `{column}` is in another forcing file too"),
                            "named again here",
                        )
                        .with_help("rename one of them: a name stands for one series"));
                }
            }
            files.push(file);
        }
        Ok(Self {
            files,
            used: HashMap::new(),
        })
    }

    /// Whether a column has this name.
    pub fn has(&self, name: &str) -> bool {
        self.files.iter().any(|f| f.value_column(name).is_some())
    }

    /// The graph's number of a column, whose name stands at `at`.
    pub fn series(
        &mut self,
        name: &str,
        source: &Source,
        at: Span,
        graph: &mut Graph,
    ) -> Result<u32, ReadError> {
        if let Some(&series) = self.used.get(name) {
            return Ok(series);
        }
        let found = self
            .files
            .iter()
            .find_map(|file| file.value_column(name).map(|column| (file, column)));
        let Some((file, column)) = found else {
            let columns = self.files.iter().flat_map(|file| &file.table.header);
            let known: Vec<&str> = columns
                .map(|cell| cell.text.as_str())
                .filter(|name| self.has(name))
                .collect();
            let error = source
                .error(at, format!("no measured column `{name}`"), "not a column")
                .with_help("`[forcing]` names the file, and its header the columns");
            return Err(match known.as_slice() {
                [] => error.with_help("add [forcing] with file = \"measured.csv\""),
                known => error.with_help_if(did_you_mean(name, known)),
            });
        };
        let mut values = Vec::with_capacity(file.times.len());
        for row in &file.table.rows {
            let value = file.table.number(&row[column])?;
            if value.is_nan() {
                return Err(file
                    .table
                    .source
                    .error(
                        row[column].at,
                        format!("a value of `{name}` is missing"),
                        "missing",
                    )
                    .with_help("a forcing series needs a value at each of its times"));
            }
            values.push(value);
        }
        let series = graph.add_series(Series {
            name: name.to_owned(),
            times: file.times.clone(),
            values,
        });
        self.used.insert(name.to_owned(), series);
        Ok(series)
    }
}

impl File {
    fn value_column(&self, name: &str) -> Option<usize> {
        self.table.column(name).filter(|&c| c != self.time)
    }
}

/// The times of a table's rows, strictly increasing.
fn times(table: &Table, column: usize, calendar: &Calendar) -> Result<Vec<f64>, ReadError> {
    let mut times: Vec<f64> = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let cell = &row[column];
        let time = calendar.time_in_cell(&cell.text, &table.source, cell.at)?;
        if let Some(&last) = times.last()
            && time <= last
        {
            return Err(table
                .source
                .error(
                    cell.at,
                    format!("times must increase, but {time} follows {last}"),
                    "not after the one before",
                )
                .with_help("sort the rows by time"));
        }
        times.push(time);
    }
    if times.is_empty() {
        return Err(ReadError::new(format!("{} has no rows", table.source.name))
            .with_help("a header line, then one row a measurement"));
    }
    Ok(times)
}
