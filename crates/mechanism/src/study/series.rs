//! A CSV table of many series, each of its own length -> numbers on a grid of equal steps.
//!
//! In the long layout a column names each row's series, and every variable of the study has a column of
//! its own. In the wide one every column but the times is a series of the only variable. A table
//! without a column of series whose columns are the study's variables is one series.

use std::collections::HashMap;
use std::path::Path;

use super::Study;
use super::data::impossible;
use crate::expression::lexer::parse_date;
use crate::file::calendar::Calendar;
use crate::source::table::{Cell, Table};
use crate::source::{ReadError, Source};

/// Names of the column that names each row's series, in any case.
const SERIES: [&str; 8] = [
    "series",
    "series_id",
    "unique_id",
    "item_id",
    "id",
    "location",
    "region",
    "name",
];
/// Names of the column of values, in any case, where it is not named as the only variable.
const VALUE: [&str; 3] = ["value", "y", "target"];
/// The longest series, in steps: a time with a slip of the pen must not fill the memory.
const LONGEST: f64 = 1e6;
/// How far from the grid a time may lie, in steps: years and months are not all of one length.
const NEAR: f64 = 0.1;

/// How a table holds its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A row is one time of one series, which a column names.
    Long,
    /// A column is a series.
    Wide,
}

/// What the user says of a table; what is left open is found by usual names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// How it holds its series.
    pub layout: Option<Layout>,
    /// The column that names each row's series.
    pub series: Option<String>,
    /// The column of times.
    pub time: Option<String>,
    /// The column of values, where there is one variable.
    pub value: Option<String>,
}

/// The series of a table.
#[derive(Clone, Debug)]
pub struct SeriesTable {
    /// What each of them observes.
    pub variables: Vec<String>,
    /// In the order of the table; each has a value.
    pub series: Vec<Series>,
    /// Names of series without any value.
    pub empty: Vec<String>,
    clock: Clock,
}

/// A series from its first value to its last, one entry a step.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// One column a variable; NaN where an entry is missing.
    pub values: Vec<Vec<f64>>,
    /// When the first entry was, in the mechanism's unit.
    first: f64,
    /// The times as they are written; "" where there is no row.
    written: Vec<String>,
}

/// What times mean.
#[derive(Clone, Copy, Debug)]
struct Clock {
    calendar: Calendar,
    /// Times are written as dates.
    dates: bool,
    /// The time between two entries, in the mechanism's unit.
    step: f64,
}

/// A row of one series.
struct Row<'a> {
    time: f64,
    at: &'a Cell,
    values: Vec<(f64, &'a Cell)>,
}

impl Series {
    /// How many entries it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.written.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }
}

impl SeriesTable {
    /// The time of an entry of a series, which may lie beyond its end: as it is written, or as it would
    /// be.
    #[must_use]
    pub fn time(&self, series: &Series, entry: usize) -> String {
        match series.written.get(entry) {
            Some(written) if !written.is_empty() => written.clone(),
            _ => self
                .clock
                .say(series.first + entry as f64 * self.clock.step),
        }
    }

    /// The entry of a series at or next after a time (a number or a date, as in the table); `None`
    /// where it cannot be read. Before the series' start it is the first one.
    #[must_use]
    pub fn entry_from(&self, series: &Series, time: &str) -> Option<usize> {
        let steps = (self.clock.read(time)? - series.first) / self.clock.step;
        Some((steps - NEAR).ceil().max(0.0) as usize)
    }

    /// The entry of a series at or next before a time; `None` where it cannot be read, or lies before
    /// the series' start.
    #[must_use]
    pub fn entry_to(&self, series: &Series, time: &str) -> Option<usize> {
        let steps = (self.clock.read(time)? - series.first) / self.clock.step;
        let entry = (steps + NEAR).floor();
        (entry >= 0.0).then_some(entry as usize)
    }

    /// Whether a text is a time as those of the table are.
    #[must_use]
    pub fn is_time(&self, text: &str) -> bool {
        self.clock.read(text).is_some()
    }
}

impl Clock {
    fn read(&self, text: &str) -> Option<f64> {
        match text.trim().parse::<f64>() {
            Ok(time) if time.is_finite() && !self.dates => Some(time),
            _ => self.calendar.time(parse_date(text.trim())?),
        }
    }

    fn say(&self, time: f64) -> String {
        let date = self.calendar.date(time).filter(|_| self.dates);
        match date {
            // Whole days where the steps are, but for the hours of a Julian year.
            Some(date) if self.calendar.days(self.step) >= 1.0 => {
                let rounded = self.calendar.date(time + self.calendar.of_days(0.5));
                rounded.unwrap_or(date).date().to_string()
            }
            Some(date) => date.to_string(),
            None => ((time * 1e9).round() / 1e9).to_string(),
        }
    }
}

impl Study {
    /// Reads a table of many series. All `needed` variables must be there, `optional` ones may be; two
    /// entries lie `step` apart, in the mechanisms' unit of time. A date needs no calendar: only
    /// differences count.
    ///
    /// # Errors
    /// Where the file is no such table: which cell, and what to do.
    pub fn read_series(
        &self,
        path: impl AsRef<Path>,
        needed: &[String],
        optional: &[String],
        columns: &Columns,
        step: f64,
    ) -> Result<SeriesTable, ReadError> {
        let table = Table::parse(Source::read(path.as_ref())?)?;
        self.series_of(&table, needed, optional, columns, step)
    }

    fn series_of(
        &self,
        table: &Table,
        needed: &[String],
        optional: &[String],
        columns: &Columns,
        step: f64,
    ) -> Result<SeriesTable, ReadError> {
        let known = |name: &str| needed.iter().chain(optional).any(|other| other == name);
        let found = Found::of(table, needed, optional, columns, known)?;
        let (clock, times) = self.times(table, found.time, step)?;
        let mut names: Vec<String> = Vec::new();
        let mut rows: Vec<Vec<Row<'_>>> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (number, row) in table.rows.iter().enumerate() {
            let at = found.time.map_or(&row[0], |column| &row[column]);
            for (series, columns) in &found.series {
                let name = match series {
                    Named::By(column) => named(table, &row[*column])?,
                    Named::As(name) => name,
                };
                let place = *places.entry(name).or_insert_with(|| {
                    names.push(name.to_owned());
                    rows.push(Vec::new());
                    names.len() - 1
                });
                let values = columns
                    .iter()
                    .map(|&column| Ok((table.number(&row[column])?, &row[column])))
                    .collect::<Result<Vec<_>, ReadError>>()?;
                // Without times a series' rows are its entries.
                let entry = rows[place].len() as f64 + 1.0;
                let time = times.get(number).copied().unwrap_or(entry);
                rows[place].push(Row { time, at, values });
            }
        }
        let mut read = SeriesTable {
            variables: found.variables,
            series: Vec::new(),
            empty: Vec::new(),
            clock,
        };
        for (name, rows) in names.into_iter().zip(rows) {
            for row in &rows {
                for (variable, (value, cell)) in read.variables.iter().zip(&row.values) {
                    let reason = impossible(&self.mechanisms, variable, *value);
                    if let Some(reason) = reason.filter(|_| value.is_finite()) {
                        return Err(table
                            .source
                            .error(cell.at, format!("`{variable}` cannot be {value}"), reason)
                            .with_help("leave the cell empty where the value is missing"));
                    }
                }
            }
            match on_grid(table, name, rows, &clock)? {
                Ok(series) => read.series.push(series),
                Err(name) => read.empty.push(name),
            }
        }
        if read.series.is_empty() {
            return Err(ReadError::new(format!(
                "{} has no series with a value",
                table.source.name
            ))
            .with_help("the first line names the columns, the others have numbers"));
        }
        Ok(read)
    }

    /// What times mean, and each row's one; none where there is no column of times.
    fn times(
        &self,
        table: &Table,
        column: Option<usize>,
        step: f64,
    ) -> Result<(Clock, Vec<f64>), ReadError> {
        let mut clock = Clock {
            calendar: self.mechanisms[0].calendar(),
            dates: false,
            step,
        };
        let Some(column) = column else {
            clock.step = 1.0;
            return Ok((clock, Vec::new()));
        };
        let cells = || table.rows.iter().map(|row| &row[column]);
        let date = |cell: &Cell| match cell.text.parse::<f64>() {
            Ok(_) => None,
            Err(_) => parse_date(&cell.text),
        };
        if let Some(first) = cells().next().and_then(date) {
            clock.dates = true;
            clock.calendar.origin = clock.calendar.origin.or(Some(first));
        }
        let time = |cell: &Cell| {
            if date(cell).is_some() != clock.dates {
                let (what, others) = match clock.dates {
                    true => ("no date", "dates"),
                    false => ("no number", "numbers"),
                };
                return Err(table
                    .source
                    .error(cell.at, format!("`{}` is {what}", cell.text), "not a time")
                    .with_help(format!(
                        "the first row's time is one of {others}: write all times alike"
                    )));
            }
            clock
                .calendar
                .time_in_cell(&cell.text, &table.source, cell.at)
        };
        let times = cells().map(time).collect::<Result<_, _>>()?;
        Ok((clock, times))
    }
}

/// How rows name a series.
enum Named {
    /// By a column.
    By(usize),
    /// All of them as this.
    As(String),
}

/// What the columns of a table are.
struct Found {
    time: Option<usize>,
    variables: Vec<String>,
    /// A row has an entry of each of these: how it is named, and the column of each variable.
    series: Vec<(Named, Vec<usize>)>,
}

impl Found {
    fn of(
        table: &Table,
        needed: &[String],
        optional: &[String],
        columns: &Columns,
        known: impl Fn(&str) -> bool,
    ) -> Result<Self, ReadError> {
        let asked = |name: &Option<String>| match name {
            Some(name) => table
                .column(name)
                .ok_or_else(|| table.no_column(name))
                .map(Some),
            None => Ok(None),
        };
        let usual = |names: &[&str]| {
            let mut header = table.header.iter();
            header.position(|cell| {
                names.contains(&cell.text.to_lowercase().as_str()) && !known(&cell.text)
            })
        };
        let time = asked(&columns.time)?.or_else(|| table.time_column(&known));
        let value = asked(&columns.value)?;
        let mut by = asked(&columns.series)?;
        if columns.layout != Some(Layout::Wide) {
            by = by.or_else(|| usual(&SERIES));
        }
        let mut variables: Vec<String> = needed.to_vec();
        let single = needed.len() == 1;
        let own = |name: &String| match single && value.is_some() {
            true => value,
            false => table.column(name),
        };
        let whole = needed.iter().all(|name| own(name).is_some());
        let long = by.is_some() || whole || columns.layout == Some(Layout::Long);
        if columns.layout == Some(Layout::Wide) || !long {
            return Self::wide(table, needed, time);
        }
        if columns.layout == Some(Layout::Long) && by.is_none() {
            return Err(table
                .no_column("series")
                .with_help("name the column that names each row's series: --series-column NAME"));
        }
        let mut places = Vec::new();
        for name in needed {
            let fallback = || usual(&VALUE).filter(|_| single);
            let place = own(name).or_else(fallback);
            places.push(place.ok_or_else(|| {
                let error = table.no_column(name);
                match single {
                    true => error.with_help("name the column of values: --value-column NAME"),
                    false => error,
                }
            })?);
        }
        for name in optional {
            if let Some(place) = table.column(name) {
                variables.push(name.clone());
                places.push(place);
            }
        }
        let named = match by {
            Some(column) => Named::By(column),
            None => Named::As(variables.join(", ")),
        };
        Ok(Self {
            time,
            variables,
            series: vec![(named, places)],
        })
    }

    fn wide(table: &Table, needed: &[String], time: Option<usize>) -> Result<Self, ReadError> {
        let [only] = needed else {
            let missing = needed.iter().find(|name| table.column(name).is_none());
            let error = table.no_column(missing.map_or("series", |name| name));
            return Err(error.with_help(format!(
                "the study is given {}: give each a column, and one that names each row's series",
                needed.join(", ")
            )));
        };
        let columns = (0..table.header.len()).filter(|&column| Some(column) != time);
        let series = columns.map(|column| {
            let name = table.header[column].text.clone();
            (Named::As(name), vec![column])
        });
        Ok(Self {
            time,
            variables: vec![only.clone()],
            series: series.collect(),
        })
    }
}

fn named<'a>(table: &Table, cell: &'a Cell) -> Result<&'a str, ReadError> {
    match cell.text.as_str() {
        "" => Err(table
            .source
            .error(cell.at, "this row does not say its series", "empty")
            .with_help("every row of the long layout names its series")),
        name => Ok(name),
    }
}

/// A series' rows as entries, one a step; its name where it has no value.
fn on_grid(
    table: &Table,
    name: String,
    mut rows: Vec<Row<'_>>,
    clock: &Clock,
) -> Result<Result<Series, String>, ReadError> {
    rows.sort_by(|a, b| a.time.total_cmp(&b.time));
    let has_value = |row: &Row<'_>| row.values.iter().any(|(value, _)| value.is_finite());
    let (Some(from), Some(to)) = (
        rows.iter().position(has_value),
        rows.iter().rposition(has_value),
    ) else {
        return Ok(Err(name));
    };
    let rows = &rows[from..=to];
    let first = rows[0].time;
    let entry = |row: &Row<'_>| (row.time - first) / clock.step;
    let unit = match clock.calendar.unit {
        "" if clock.dates => "day",
        unit => unit,
    };
    let apart = format!("the study's entries lie {} {unit}", clock.step);
    let apart = format!("{} apart", apart.trim_end());
    let wrong = |row: &Row<'_>, message: String, label: &str, help: String| {
        Err(table
            .source
            .error(row.at.at, message, label)
            .with_help(help))
    };
    let mut places = Vec::with_capacity(rows.len());
    for row in rows {
        let (place, nearest) = (entry(row), entry(row).round());
        if (place - nearest).abs() > NEAR {
            let message = format!("`{name}` has an entry between two steps");
            let help =
                format!("{apart}; a mechanism's [time] says which unit, such as unit = \"week\"");
            return wrong(row, message, "off the study's steps", help);
        }
        if nearest > LONGEST {
            let message = format!("`{name}` would span {nearest} steps");
            return wrong(
                row,
                message,
                "too far from the first",
                format!("{apart}; is this time right?"),
            );
        }
        if places.last() == Some(&(nearest as usize)) {
            let message = format!("`{name}` has two entries for one time");
            return wrong(
                row,
                message,
                "a second value",
                "keep one row a time".to_owned(),
            );
        }
        places.push(nearest as usize);
    }
    let gaps = places.windows(2).map(|pair| pair[1] - pair[0]);
    if let Some(gap) = gaps.min().filter(|&gap| gap > 1 && rows.len() > 3) {
        let message = format!("`{name}` has a row every {gap} steps at most");
        let help =
            format!("{apart}; a mechanism's [time] says which unit, such as unit = \"week\"");
        return wrong(&rows[1], message, "far from the one before", help);
    }
    let length = 1 + places.last().copied().unwrap_or(0);
    let variables = rows[0].values.len();
    let mut series = Series {
        name,
        values: vec![vec![f64::NAN; length]; variables],
        first,
        written: vec![String::new(); length],
    };
    for (row, &place) in rows.iter().zip(&places) {
        series.written[place].clone_from(&row.at.text);
        for (values, (value, _)) in series.values.iter_mut().zip(&row.values) {
            values[place] = *value;
        }
    }
    Ok(Ok(series))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study(observed: &str) -> Study {
        let folder = tempfile::tempdir().unwrap();
        let mechanism =
            format!("[parameters]\na = \"Normal(0, 1)\"\n[observed]\ntimes = \"0:9\"\n{observed}");
        std::fs::write(folder.path().join("m.toml"), mechanism).unwrap();
        let text = "title = \"?\"\nmechanisms = [\"m.toml\"]";
        Study::parse("study.toml", text, folder.path()).unwrap()
    }

    fn read(text: &str, needed: &[&str], optional: &[&str]) -> Result<SeriesTable, ReadError> {
        read_as(text, needed, optional, &Columns::default())
    }

    fn read_as(
        text: &str,
        needed: &[&str],
        optional: &[&str],
        columns: &Columns,
    ) -> Result<SeriesTable, ReadError> {
        let study = study("cases = \"Poisson(exp(a))\"\nlynx = \"Normal(a, 1)\"");
        let table = Table::parse(Source::new("x.csv", text))?;
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        study.series_of(&table, &owned(needed), &owned(optional), columns, 1.0)
    }

    /// Names and values, missing ones as -1.
    fn shown(table: &SeriesTable) -> Vec<(&str, Vec<Vec<f64>>)> {
        let number = |x: &f64| if x.is_nan() { -1.0 } else { *x };
        let own = |series: &Series| -> Vec<Vec<f64>> {
            let columns = series.values.iter();
            columns
                .map(|column| column.iter().map(number).collect())
                .collect()
        };
        let all = table.series.iter();
        all.map(|series| (series.name.as_str(), own(series)))
            .collect()
    }

    #[test]
    fn both_layouts_hold_the_same_series() {
        let long = "id,day,value\nb,3,7\na,1,1\nb,5,9\na,2,2\na,3,\n";
        let wide = "day,b,a\n1,,1\n2,,2\n3,7,\n4,,\n5,9,NA\n";
        for text in [long, wide] {
            let table = read(text, &["cases"], &["lynx"]).unwrap();
            let expected = [
                ("b", vec![vec![7.0, -1.0, 9.0]]),
                ("a", vec![vec![1.0, 2.0]]),
            ];
            assert_eq!(shown(&table), expected, "{text}");
            let b = &table.series[0];
            let times: Vec<String> = (0..5).map(|entry| table.time(b, entry)).collect();
            assert_eq!(times, ["3", "4", "5", "6", "7"]);
            assert_eq!(
                (table.entry_from(b, "3.5"), table.entry_to(b, "3.5")),
                (Some(1), Some(0))
            );
            assert_eq!(
                (table.entry_from(b, "-2"), table.entry_to(b, "-2")),
                (Some(0), None)
            );
            assert_eq!(table.entry_from(b, "soon"), None);
        }
    }

    #[test]
    fn one_series_of_several_variables() {
        let text = "year,lynx,cases\n1900,4,30\n1901,6.1,47\n";
        let table = read(text, &["cases"], &["lynx", "bears"]).unwrap();
        assert_eq!(table.variables, ["cases", "lynx"]);
        assert_eq!(
            shown(&table),
            [("cases, lynx", vec![vec![30.0, 47.0], vec![4.0, 6.1]])]
        );
        let text = "location,day,lynx,cases\nx,1,4,30\ny,1,5,40\n";
        let table = read(text, &["cases", "lynx"], &[]).unwrap();
        assert_eq!(table.series.len(), 2);
    }

    #[test]
    fn dates_need_no_calendar() {
        let text =
            "series,date,cases\na,2020-02-28,1\na,2020-03-01,3\nb,2021-01-01,4\na,2020-02-29,2\n";
        let table = read(text, &["cases"], &[]).unwrap();
        assert_eq!(
            shown(&table),
            [("a", vec![vec![1.0, 2.0, 3.0]]), ("b", vec![vec![4.0]])]
        );
        assert_eq!(table.time(&table.series[0], 4), "2020-03-03");
        assert_eq!(table.entry_from(&table.series[0], "2020-03-01"), Some(2));
        assert!(!table.is_time("12"));
    }

    #[test]
    fn rows_without_times_are_entries() {
        let table = read("a,b\n1,5\n2,\n3,\n", &["cases"], &[]).unwrap();
        assert_eq!(
            shown(&table),
            [("a", vec![vec![1.0, 2.0, 3.0]]), ("b", vec![vec![5.0]])]
        );
        let table = read("id,cases\na,1\nb,5\na,2\n", &["cases"], &[]).unwrap();
        assert_eq!(shown(&table)[0], ("a", vec![vec![1.0, 2.0]]));
    }

    #[test]
    fn columns_may_be_named() {
        let columns = Columns {
            series: Some("county".into()),
            time: Some("when".into()),
            value: Some("n".into()),
            layout: None,
        };
        let text = "when,county,n,note\n1,x,3,poor\n2,x,4,good\n";
        let table = read_as(text, &["cases"], &[], &columns).unwrap();
        assert_eq!(shown(&table), [("x", vec![vec![3.0, 4.0]])]);
        let wide = Columns {
            layout: Some(Layout::Wide),
            ..Columns::default()
        };
        let table = read_as("day,region,id\n1,3,4\n2,5,6\n", &["cases"], &[], &wide).unwrap();
        assert_eq!(table.series.len(), 2);
    }

    #[track_caller]
    fn refused(text: &str, needed: &[&str], words: &str) {
        let error = read(text, needed, &[]).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }

    #[test]
    fn what_is_wrong_is_said() {
        refused("day,a\n1,2\n2,-3\n", &["cases"], "`cases` cannot be -3");
        refused("day,a\n1,2\n2,x\n", &["cases"], "`x` is not a number");
        refused("day,a\n1,2\n1,3\n", &["cases"], "two entries for one time");
        refused("day,a\n1,2\n1.5,3\n", &["cases"], "between two steps");
        refused(
            "day,a\n7,2\n14,3\n21,3\n28,1\n",
            &["cases"],
            "every 7 steps",
        );
        refused("day,a\n7,2\n8,2\n1e9,3\n", &["cases"], "would span");
        refused("date,a\n2020-01-01,2\n5,3\n", &["cases"], "`5` is no date");
        refused("day,a\n1,\n2,NA\n", &["cases"], "no series with a value");
        refused(
            "id,day,cases\n,1,3\n",
            &["cases"],
            "does not say its series",
        );
        refused(
            "id,day,n\nx,1,3\n",
            &["cases"],
            "no column is named `cases`",
        );
        refused(
            "day,cases\n1,3\n",
            &["cases", "lynx"],
            "no column is named `lynx`",
        );
    }
}
