//! The columns of a user's file and their mapping become a schema and rows.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::csv_file::number;
use super::{Mapping, SourceColumn, Values};
use crate::{Column, MechanismText, Role, Rows, Schema};

/// Rows in a shard of an imported bank.
const SHARD_ROWS: u64 = 1 << 16;

/// Most names listed when one is not found.
const LISTED: usize = 20;

pub(super) struct Assigned {
    pub schema: Schema,
    pub rows: Rows,
    pub unused: Vec<String>,
}

/// Why a row without any observed number failed.
const NOTHING: &str = "nothing was observed";

/// The columns to be read as text, under their names in the file.
pub(super) fn text_columns(mapping: &Mapping) -> Vec<&str> {
    let in_file = |name| {
        let renamed = mapping.rename.iter().find(|(_, to)| to == name);
        renamed.map_or(name, |(from, _)| from).as_str()
    };
    let columns = [&mapping.mechanism, &mapping.failure];
    columns.into_iter().flatten().map(in_file).collect()
}

pub(super) fn assign(
    mut columns: Vec<SourceColumn>,
    mapping: &Mapping,
    study: String,
) -> Result<Assigned, String> {
    rename(&mut columns, mapping)?;
    let mut source = Source::new(columns)?;

    let mut declared = Vec::new();
    let mut values = Vec::new();
    for (names, role) in [
        (&mapping.parameters, Role::Parameter),
        (&mapping.derived, Role::Derived),
        (&mapping.latent, Role::Latent),
    ] {
        for name in names {
            for position in source.find(name)? {
                declared.push(Column::new(source.name(position), role.clone()));
                values.push(source.take_numbers(position)?);
            }
        }
    }
    for series in &mapping.observed {
        for (entry, position) in source.find(series)?.into_iter().enumerate() {
            let role = Role::Observed {
                series: series.clone(),
                entry,
                time: None,
            };
            declared.push(Column::new(source.name(position), role));
            values.push(source.take_numbers(position)?);
        }
    }
    let Some(first) = values.first() else {
        return Err("no column has a role; say which are parameters and which are observed".into());
    };
    let count = first.len();

    let mechanism = match &mapping.mechanism {
        Some(name) => source.take_texts(name)?,
        None => vec!["imported".to_string(); count],
    };
    let failure = match &mapping.failure {
        Some(name) if source.names.contains(name) => source.take_texts(name)?,
        _ => vec![String::new(); count],
    };
    let named = |name: &Option<String>| name.clone().unwrap_or_default();
    let lengths = declared
        .iter()
        .map(|c| c.name.clone())
        .zip(values.iter().map(Vec::len))
        .chain([
            (named(&mapping.mechanism), mechanism.len()),
            (named(&mapping.failure), failure.len()),
        ]);
    for (name, length) in lengths {
        if length != count {
            return Err(format!(
                "column {name:?} has {length} rows, {:?} has {count}",
                declared[0].name
            ));
        }
    }
    if count == 0 {
        return Err("it has no rows".into());
    }

    let (mechanisms, index) = mechanisms(&mechanism, &named(&mapping.mechanism))?;
    for (column, values) in declared.iter_mut().zip(&values) {
        column.mechanisms = owners(&mechanisms, &index, values);
    }
    let succeeded = |text: &str| matches!(text, "" | "0" | "false" | "False" | "FALSE");
    let failure = failure.into_iter().enumerate().map(|(row, text)| {
        let reason = (!succeeded(&text)).then_some(text);
        reason.or_else(|| nothing_observed(&declared, &values, row).then(|| NOTHING.to_owned()))
    });
    let failure: Vec<Option<String>> = failure.collect();
    Ok(Assigned {
        schema: Schema {
            study,
            engine: "imported".into(),
            seed: 0,
            mechanisms,
            columns: declared,
            shard_rows: SHARD_ROWS,
        },
        rows: Rows {
            simulation: (0..count as u64).collect(),
            mechanism: index,
            failure,
            columns: values,
        },
        unused: source.unused(),
    })
}

/// Whether a row has no number in any observed column: such a simulation failed.
fn nothing_observed(columns: &[Column], values: &[Vec<f64>], row: usize) -> bool {
    let observed = columns.iter().zip(values);
    let mut observed = observed
        .filter(|(column, _)| matches!(column.role, Role::Observed { .. }))
        .peekable();
    observed.peek().is_some() && observed.all(|(_, values)| values[row].is_nan())
}

/// A copy of some of the rows.
pub(super) fn slice(rows: &Rows, range: Range<usize>) -> Rows {
    Rows {
        simulation: rows.simulation[range.clone()].to_vec(),
        mechanism: rows.mechanism[range.clone()].to_vec(),
        failure: rows.failure[range.clone()].to_vec(),
        columns: rows
            .columns
            .iter()
            .map(|c| c[range.clone()].to_vec())
            .collect(),
    }
}

fn rename(columns: &mut [SourceColumn], mapping: &Mapping) -> Result<(), String> {
    let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
    for (from, to) in &mapping.rename {
        if let Some(position) = names.iter().position(|n| n == from) {
            columns[position].name.clone_from(to);
            continue;
        }
        let entries = entries(&names, from);
        if entries.is_empty() {
            return Err(no_column(from, &names));
        }
        for position in entries {
            let entry = &names[position][from.len()..];
            columns[position].name = format!("{to}{entry}");
        }
    }
    Ok(())
}

/// Positions of `stem_1`, `stem_2`, ... (or from `stem_0`) for as long as they go on.
fn entries(names: &[String], stem: &str) -> Vec<usize> {
    let positions: HashMap<&str, usize> = names.iter().map(String::as_str).zip(0..).collect();
    let at = |k: usize| positions.get(format!("{stem}_{k}").as_str()).copied();
    let first = usize::from(at(0).is_none());
    (first..).map_while(at).collect()
}

fn no_column(name: &str, names: &[String]) -> String {
    let mut known = names
        .iter()
        .take(LISTED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > LISTED {
        known += ", ...";
    }
    format!("it has no column {name:?} (nor {name}_1, {name}_2, ...); it has {known}")
}

/// The file's columns after renaming, each given out once.
struct Source {
    names: Vec<String>,
    values: Vec<Option<Values>>,
}

impl Source {
    fn new(columns: Vec<SourceColumn>) -> Result<Self, String> {
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        for column in &columns {
            *count.entry(&column.name).or_default() += 1;
        }
        if let Some((name, count)) = count.iter().find(|(_, count)| **count > 1) {
            return Err(format!(
                "{count} columns are named {name:?}; rename all but one"
            ));
        }
        let (names, values) = columns
            .into_iter()
            .map(|c| (c.name, Some(c.values)))
            .unzip();
        Ok(Self { names, values })
    }

    fn name(&self, position: usize) -> &str {
        &self.names[position]
    }

    /// The column of this name, or its entries.
    fn find(&self, name: &str) -> Result<Vec<usize>, String> {
        if let Some(position) = self.names.iter().position(|n| n == name) {
            return Ok(vec![position]);
        }
        let entries = entries(&self.names, name);
        if entries.is_empty() {
            return Err(no_column(name, &self.names));
        }
        Ok(entries)
    }

    fn take(&mut self, position: usize) -> Result<Values, String> {
        let name = &self.names[position];
        match self.values[position].take() {
            Some(Values::Unusable(problem)) => Err(format!("column {name:?}: {problem}")),
            Some(values) => Ok(values),
            None => Err(format!("column {name:?} is given two roles")),
        }
    }

    fn take_numbers(&mut self, position: usize) -> Result<Vec<f64>, String> {
        let texts = match self.take(position)? {
            Values::Numbers(numbers) => return Ok(numbers),
            Values::Texts(texts) => texts,
            Values::Unusable(problem) => return Err(problem),
        };
        let name = &self.names[position];
        let read = |(row, text): (usize, &String)| {
            number(text).ok_or_else(|| {
                format!("column {name:?}, row {}: {text:?} is not a number", row + 1)
            })
        };
        texts.iter().enumerate().map(read).collect()
    }

    fn take_texts(&mut self, name: &str) -> Result<Vec<String>, String> {
        let position = self.names.iter().position(|n| n == name);
        let position = position.ok_or_else(|| no_column(name, &self.names))?;
        match self.take(position)? {
            Values::Texts(texts) => Ok(texts),
            Values::Numbers(numbers) => {
                let text = |x: f64| {
                    if x.is_nan() {
                        String::new()
                    } else {
                        x.to_string()
                    }
                };
                Ok(numbers.into_iter().map(text).collect())
            }
            Values::Unusable(problem) => Err(problem),
        }
    }

    fn unused(&self) -> Vec<String> {
        let left = self.names.iter().zip(&self.values);
        left.filter(|(_, values)| values.is_some())
            .map(|(name, _)| name.clone())
            .collect()
    }
}

/// The mechanisms in the order they first appear, and each row's index into them.
fn mechanisms(rows: &[String], column: &str) -> Result<(Vec<MechanismText>, Vec<u32>), String> {
    let mut known: HashMap<&str, u32> = HashMap::new();
    let mut found: Vec<MechanismText> = Vec::new();
    let mut index = Vec::with_capacity(rows.len());
    for (row, name) in rows.iter().enumerate() {
        if name.is_empty() {
            return Err(format!(
                "column {column:?}, row {} names no mechanism",
                row + 1
            ));
        }
        let place = *known.entry(name).or_insert_with(|| {
            found.push(MechanismText {
                name: name.clone(),
                text: String::new(),
                weight: 0.0,
            });
            found.len() as u32 - 1
        });
        found[place as usize].weight += 1.0;
        index.push(place);
    }
    for mechanism in &mut found {
        mechanism.weight /= rows.len() as f64;
    }
    Ok((found, index))
}

/// The mechanisms whose rows have a value in a column; empty if all do (or none does).
fn owners(mechanisms: &[MechanismText], index: &[u32], values: &[f64]) -> Vec<String> {
    let mut has_value = vec![false; mechanisms.len()];
    for (&mechanism, value) in index.iter().zip(values) {
        has_value[mechanism as usize] |= !value.is_nan();
    }
    if has_value.iter().all(|&has| has) {
        return Vec::new();
    }
    let owners = mechanisms.iter().zip(has_value).filter(|(_, has)| *has);
    owners.map(|(m, _)| m.name.clone()).collect()
}
