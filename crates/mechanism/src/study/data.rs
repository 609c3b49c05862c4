//! Observed data -> one number for each given column, NaN where an entry is missing.

use std::path::Path;

use super::part::Part;
use crate::model::{Mechanism, Observed};
use crate::source::section::Entry;
use crate::source::table::Table;
use crate::source::{ReadError, Source, Span, spelling};

/// A number of the data and its place.
type Placed = (f64, Span);

/// The data of a study: a CSV file, or the numbers themselves.
pub(super) fn observed(
    entry: &Entry<'_>,
    folder: &Path,
    mechanisms: &[Mechanism],
    given: &[Part],
) -> Result<Vec<f64>, ReadError> {
    if let Some(file) = entry.as_text() {
        let path = folder.join(&file.value);
        if !path.is_file() {
            return Err(entry
                .source
                .error(
                    file.at,
                    format!("the data file {} does not exist", path.display()),
                    "no such file",
                )
                .with_help("files are looked for from the study's folder"));
        }
        return from_file(Source::read(&path)?, mechanisms, given);
    }
    let section = entry.section("`observed`")?;
    if let Some(unknown) = section.entries().into_iter().find(|e| {
        !mechanisms
            .iter()
            .any(|m| m.observed.iter().any(|o| o.name == e.key))
    }) {
        return Err(entry
            .source
            .error(
                unknown.key_at,
                format!("no mechanism observes `{}`", unknown.key),
                "not observed",
            )
            .with_help_if(spelling::advice(
                unknown.key,
                given.iter().map(|part| part.name.as_str()),
            )));
    }
    let mut data = Vec::new();
    for (series, part) in given_series(mechanisms, given) {
        let numbers = section.need(&series.name, &format!("{} = [...]", series.name))?;
        let list = numbers.as_list().unwrap_or_else(|| vec![numbers.clone()]);
        let list = list
            .iter()
            .map(|element| Ok((number(element)?, element.at)))
            .collect::<Result<Vec<Placed>, ReadError>>()?;
        let count = list.len();
        let list = selected(list, part, series).ok_or_else(|| {
            numbers
                .error(
                    format!(
                        "`{}` has {count} entries, but is observed {} times",
                        part.label,
                        part.times.len()
                    ),
                    format!("{count} entries"),
                )
                .with_help("give one entry a time, \"NA\" where one is missing")
        })?;
        check(entry.source, mechanisms, part, &list)?;
        data.extend(list.into_iter().map(|(value, _)| value));
    }
    Ok(data)
}

/// A number of the study file; nan, "" and "NA" are missing.
fn number(element: &Entry<'_>) -> Result<f64, ReadError> {
    match element.as_text() {
        Some(text) if matches!(text.value.as_str(), "" | "NA") => Ok(f64::NAN),
        Some(_) => Err(element
            .error("not a number", "here")
            .with_help("write \"NA\" where an entry is missing")),
        None if element.as_number().is_some_and(f64::is_nan) => Ok(f64::NAN),
        None => element.number(),
    }
}

/// The data of a CSV file, whose columns are named as observed series.
pub(super) fn from_file(
    source: Source,
    mechanisms: &[Mechanism],
    given: &[Part],
) -> Result<Vec<f64>, ReadError> {
    let table = Table::parse(source)?;
    let is_series = |name: &str| {
        let mut all = mechanisms.iter().flat_map(|m| &m.observed);
        all.any(|observed| observed.name == name)
    };
    let times = match table.time_column(is_series) {
        Some(column) => Some(row_times(&table, column, mechanisms)?),
        None => None,
    };
    let mut data = Vec::new();
    for (series, part) in given_series(mechanisms, given) {
        let column = table
            .column(&series.name)
            .ok_or_else(|| table.no_column(&series.name))?;
        let list = match &times {
            Some(times) => {
                let mut list = by_time(&table, column, times, series)?;
                list.drain(part.entries.clone()).collect()
            }
            None => by_row(&table, column, series, part)?,
        };
        check(&table.source, mechanisms, part, &list)?;
        data.extend(list.into_iter().map(|(value, _)| value));
    }
    Ok(data)
}

fn given_series<'a>(
    mechanisms: &'a [Mechanism],
    given: &'a [Part],
) -> Vec<(&'a Observed, &'a Part)> {
    let first = |part: &'a Part| {
        let mut all = mechanisms.iter().flat_map(|m| &m.observed);
        let series = all.find(|observed| observed.name == part.name)?;
        Some((series, part))
    };
    given.iter().filter_map(first).collect()
}

/// The entries of a part, from a list of them alone or of the series from its start.
fn selected(list: Vec<Placed>, part: &Part, series: &Observed) -> Option<Vec<Placed>> {
    match list.len() {
        count if count == part.times.len() => Some(list),
        count if (part.entries.end..=series.times.len()).contains(&count) => {
            Some(list[part.entries.clone()].to_vec())
        }
        _ => None,
    }
}

fn row_times(
    table: &Table,
    column: usize,
    mechanisms: &[Mechanism],
) -> Result<Vec<f64>, ReadError> {
    let calendar = mechanisms
        .first()
        .map(Mechanism::calendar)
        .unwrap_or_default();
    let rows = table.rows.iter().map(|row| &row[column]);
    rows.map(|cell| calendar.time_in_cell(&cell.text, &table.source, cell.at))
        .collect()
}

/// Each row's number belongs to the series' entry at the row's time; other entries are missing.
fn by_time(
    table: &Table,
    column: usize,
    times: &[f64],
    series: &Observed,
) -> Result<Vec<Placed>, ReadError> {
    let nowhere = table.header[column].at;
    let mut list: Vec<Option<Placed>> = vec![None; series.times.len()];
    for (row, &time) in table.rows.iter().zip(times) {
        let cell = &row[column];
        let value = table.number(cell)?;
        let near = |other: &f64| (other - time).abs() <= 1e-9 * time.abs().max(1.0);
        match series.times.iter().position(near) {
            Some(entry) if list[entry].is_none() => list[entry] = Some((value, cell.at)),
            Some(_) => {
                return Err(table
                    .source
                    .error(
                        cell.at,
                        format!("the time {time} is there twice"),
                        "a second value for one time",
                    )
                    .with_help("keep one row a time"));
            }
            None if value.is_nan() => {}
            None => {
                let (first, last) = (series.times[0], series.times[series.times.len() - 1]);
                return Err(table
                    .source
                    .error(
                        cell.at,
                        format!("`{}` is not observed at the time {time}", series.name),
                        "a value for no time of the mechanism",
                    )
                    .with_help(format!(
                        "the mechanism observes it {} times, from {first} to {last}",
                        series.times.len()
                    )));
            }
        }
    }
    let missing = (f64::NAN, nowhere);
    Ok(list
        .into_iter()
        .map(|found| found.unwrap_or(missing))
        .collect())
}

/// Row `k` is the series' entry `k`; a table may go on for longer series with empty cells here.
fn by_row(
    table: &Table,
    column: usize,
    series: &Observed,
    part: &Part,
) -> Result<Vec<Placed>, ReadError> {
    let mut list = Vec::new();
    for row in &table.rows {
        list.push((table.number(&row[column])?, row[column].at));
    }
    let wanted = series.times.len();
    if let Some(&(_, at)) = list.iter().skip(wanted).find(|(value, _)| !value.is_nan()) {
        return Err(table
            .source
            .error(
                at,
                format!("`{}` has more than its {wanted} entries", series.name),
                format!("entry {}", wanted + 1),
            )
            .with_help("give one row a time, or add a column of times"));
    }
    list.truncate(wanted);
    let count = list.len();
    selected(list, part, series).ok_or_else(|| {
        table
            .source
            .error(
                table.header[column].at,
                format!(
                    "`{}` has {count} rows, but is observed {} times",
                    part.label,
                    part.times.len()
                ),
                "too short",
            )
            .with_help("write NA for missing entries, or add a column of times")
    })
}

/// Refuses values that no mechanism can produce, and data that are all missing.
fn check(
    source: &Source,
    mechanisms: &[Mechanism],
    part: &Part,
    list: &[Placed],
) -> Result<(), ReadError> {
    if let Some(&(_, at)) = list.first()
        && list.iter().all(|(value, _)| value.is_nan())
    {
        return Err(source
            .error(
                at,
                format!("every entry of `{}` is missing", part.label),
                "nothing is observed",
            )
            .with_help("leave the series out of `given`"));
    }
    for &(value, at) in list.iter().filter(|(value, _)| !value.is_nan()) {
        if let Some(reason) = impossible(mechanisms, &part.name, value) {
            return Err(source
                .error(at, format!("`{}` cannot be {value}", part.name), reason)
                .with_help("write NA where an entry is missing"));
        }
    }
    Ok(())
}

/// Why no mechanism can observe `value` in a series, if none can.
pub(super) fn impossible(mechanisms: &[Mechanism], series: &str, value: f64) -> Option<String> {
    let own = mechanisms.iter().filter_map(|mechanism| {
        let observed = mechanism.observed.iter().find(|o| o.name == series)?;
        Some(mechanism.cannot_be(observed, value))
    });
    let mut reasons: Vec<String> = own.collect::<Option<_>>()?;
    reasons.pop()
}
