//! Vectors and matrices: quantities written once for many entries, tables of numbers, `x[i]`, and
//! `sum(k, first, last, ...)`.
//!
//! A vector `x` of three is the three quantities `x_1`, `x_2`, `x_3`; where its expression is
//! lowered, `i` is the entry's number. In [observed], `i` is the number of the observed entry, which is
//! known only as the simulation runs: `x[i]` then chooses among the entries.

use std::path::Path;

use super::lower::{Lowering, Scope};
use super::names::{Meaning, check_name};
use super::written::{Named, Written};
use crate::expression::syntax::{self, Call, Kind};
use crate::expression::{Binary, Node, Series};
use crate::source::section::Entry;
use crate::source::table::Table;
use crate::source::{ReadError, Source, Span};

/// Entries of a vector of quantities, and terms of one sum.
pub(crate) const MOST_ENTRIES: u64 = 5_000;
/// Numbers of one table.
const MOST_NUMBERS: usize = 1_000_000;
/// Terms of all sums of a file together.
const MOST_TERMS: u64 = 1_000_000;
/// The entry's number, in the expression of a vector and in [observed].
pub(crate) const INDEX: &str = "i";

/// A table of numbers among the constants; a vector has one column.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub name: String,
    pub name_at: Span,
    rows: usize,
    columns: usize,
    /// Row after row.
    values: Vec<f64>,
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
    fn column(&self, column: usize) -> Series {
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

/// The entries of one written quantity: itself, or `name_1` to `name_n`.
pub(crate) fn entries(named: Named, size: Option<u64>) -> Vec<Named> {
    match size {
        None => vec![named],
        Some(size) => (1..=size as usize)
            .map(|entry| Named {
                name: format!("{}_{entry}", named.name),
                entry: Some(entry),
                ..named.clone()
            })
            .collect(),
    }
}

/// Equations of vector states, written once, for each of their entries.
pub(crate) fn spread(equations: Vec<Named>, vectors: &[(String, Span, u64)]) -> Vec<Named> {
    let size = |name: &str| {
        let found = vectors.iter().find(|(vector, ..)| vector == name);
        found.map(|(_, _, size)| *size)
    };
    equations
        .into_iter()
        .flat_map(|named| {
            let size = size(&named.name);
            entries(named, size)
        })
        .collect()
}

impl Lowering<'_> {
    /// Runs `work` with `index` standing for `node`.
    pub fn with_index<T>(
        &mut self,
        index: &str,
        node: Node,
        work: impl FnOnce(&mut Self) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        self.indices.push((index.to_owned(), node));
        let result = work(self);
        self.indices.pop();
        result
    }

    /// The node of a written quantity's expression; in a vector's, `i` is the entry's number.
    pub fn lower_named(&mut self, named: &Named, scope: Scope) -> Result<Node, ReadError> {
        self.of_entry(named, |lowering| lowering.lower(&named.value, scope))
    }

    /// Runs `work` where `i` is the number of the entry that `named` is, if it is one.
    pub fn of_entry<T>(
        &mut self,
        named: &Named,
        work: impl FnOnce(&mut Self) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        match named.entry {
            None => work(self),
            Some(entry) => {
                let number = self.graph.constant(entry as f64);
                self.with_index(INDEX, number, work)
            }
        }
    }

    /// Runs `work` where `i` is the number of the entry that is observed at `times`, unless `i` is the
    /// name of something else.
    pub fn of_observed<T>(
        &mut self,
        times: &[f64],
        work: impl FnOnce(&mut Self) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        // Where nothing has entries, `i` is no number, but perhaps a slip.
        let has_entries = self
            .names
            .which(|meaning| matches!(meaning, Meaning::Vector(_) | Meaning::Data(_)));
        if has_entries.is_empty() || self.names.get(INDEX).is_some() {
            return work(self);
        }
        let time = self.graph.input(crate::expression::Input::Time);
        let numbered = times.iter().enumerate().all(|(k, &t)| t == (k + 1) as f64);
        let number = if times.len() == 1 {
            self.graph.constant(1.0)
        } else if numbered {
            time
        } else {
            let series = self.graph.add_series(Series {
                name: "the number of the observed entry".into(),
                times: times.to_vec(),
                values: (1..=times.len()).map(|k| k as f64).collect(),
            });
            self.graph.interpolate(series, time)
        };
        self.observed_entries = times.len();
        self.with_index(INDEX, number, work)
    }

    /// `name[indices]`.
    pub fn entry(&mut self, entry: &syntax::Entry, scope: Scope) -> Result<Node, ReadError> {
        let (name, at) = (entry.name.as_str(), entry.name_at);
        match self.names.get(name) {
            Some(Meaning::Vector(size)) => {
                let [index] = self.indices_of(entry, scope, "x[k]")?;
                let places = self.places(index, entry.indices[0].at, size)?;
                let mut nodes = Vec::with_capacity(places.len());
                for &place in &places {
                    nodes.push(self.lower_name(&format!("{name}_{place}"), at, scope)?);
                }
                Ok(self.choose(index, &places, &nodes))
            }
            Some(Meaning::Data(data)) => {
                let (tables, table) = (self.data, data);
                let data = &tables[table];
                if data.columns == 1 && entry.indices.len() == 1 {
                    let [row] = self.indices_of(entry, scope, "x[k]")?;
                    return self.number(table, (row, entry.indices[0].at), 0);
                }
                let [row, column] = self.indices_of(entry, scope, "X[row, column]")?;
                let columns = self.places(column, entry.indices[1].at, data.columns)?;
                let mut nodes = Vec::with_capacity(columns.len());
                for &place in &columns {
                    nodes.push(self.number(table, (row, entry.indices[0].at), place - 1)?);
                }
                Ok(self.choose(column, &columns, &nodes))
            }
            Some(other) => Err(self
                .source
                .error(
                    at,
                    format!("`{name}` has no entries"),
                    format!("{}, not a vector", self.names.described(other)),
                )
                .with_help("say size = ... where it is declared, to make it a vector")),
            None => {
                // An unknown name says so itself.
                self.lower_name(name, at, scope)?;
                Err(self
                    .source
                    .error(
                        at,
                        format!("`{name}` has no entries"),
                        "a number, not a vector",
                    )
                    .with_help("leave out the brackets"))
            }
        }
    }

    fn indices_of<const N: usize>(
        &mut self,
        entry: &syntax::Entry,
        scope: Scope,
        form: &str,
    ) -> Result<[Node; N], ReadError> {
        if entry.indices.len() != N {
            let (first, last) = (&entry.indices[0], &entry.indices[entry.indices.len() - 1]);
            let count = entry.indices.len();
            return Err(self
                .source
                .error(
                    first.at.to(last.at),
                    format!("`{}` has {N} index, not {count}", entry.name).replace(
                        &format!("{N} index,"),
                        &format!("{N} {},", if N == 1 { "index" } else { "indices" }),
                    ),
                    format!("{count} given"),
                )
                .with_help(format!("write {form}")));
        }
        let mut nodes = Vec::with_capacity(N);
        for index in &entry.indices {
            nodes.push(self.lower(index, scope)?);
        }
        Ok(std::array::from_fn(|k| nodes[k]))
    }

    /// The entries that an index may mean: one, or where it is known only later, all that are observed.
    fn places(&self, index: Node, at: Span, size: usize) -> Result<Vec<usize>, ReadError> {
        let refused = |message: String, label: &str| {
            self.source
                .error(at, message, label.to_owned())
                .with_help(format!("indices go from 1 to {size}"))
        };
        match self.graph.as_constant(index) {
            Some(value) if value.fract() != 0.0 => Err(refused(
                format!("an index is {value}"),
                "not a whole number",
            )),
            Some(value) if value < 1.0 || value > size as f64 => Err(refused(
                format!("an index is {value}, but there are {size} entries"),
                "outside",
            )),
            Some(value) => Ok(vec![value as usize]),
            None if !self.is_observed_entry(index) => Err(refused(
                "an index must be known before the simulation runs".into(),
                "depends on more than constants",
            )),
            None if self.observed_entries > size => Err(refused(
                format!(
                    "{} entries are observed, but there are {size} here",
                    self.observed_entries
                ),
                "runs beyond the end",
            )),
            None => Ok((1..=self.observed_entries).collect()),
        }
    }

    /// Whether a node is the number of the observed entry itself.
    fn is_observed_entry(&self, node: Node) -> bool {
        let found = self.indices.iter().rev().find(|(name, _)| name == INDEX);
        found.is_some_and(|(_, index)| *index == node)
    }

    /// The node of `places` at which `index` is.
    fn choose(&mut self, index: Node, places: &[usize], nodes: &[Node]) -> Node {
        let Some((&last, others)) = nodes.split_last() else {
            return self.graph.constant(f64::NAN);
        };
        let mut chosen = last;
        for (&place, &node) in places.iter().zip(others).rev() {
            let number = self.graph.constant(place as f64);
            let here = self.graph.binary(Binary::Equal, index, number);
            chosen = self.graph.select(here, node, chosen);
        }
        chosen
    }

    /// A number of a table.
    fn number(
        &mut self,
        table: usize,
        (row, at): (Node, Span),
        column: usize,
    ) -> Result<Node, ReadError> {
        let tables = self.data;
        let data = &tables[table];
        let places = self.places(row, at, data.rows)?;
        Ok(match places.as_slice() {
            [row] => self
                .graph
                .constant(data.values[(row - 1) * data.columns + column]),
            _ => {
                let series = match self.looked_up.get(&(table, column)) {
                    Some(&series) => series,
                    None => self.graph.add_series(data.column(column)),
                };
                self.looked_up.insert((table, column), series);
                self.graph.interpolate(series, row)
            }
        })
    }

    /// `sum(k, first, last, term)`.
    pub fn sum(&mut self, call: &Call, scope: Scope) -> Result<Node, ReadError> {
        let [index, first, last, term] = call.arguments.as_slice() else {
            return Err(self
                .source
                .error(call.function_at, "`sum` takes 4 arguments", "here")
                .with_help("write sum(k, 1, 10, x[k])"));
        };
        let Kind::Name(name) = &index.value.kind else {
            return Err(self
                .source
                .error(
                    index.value.at,
                    "the first argument of `sum` is a new name",
                    "not a name",
                )
                .with_help("write sum(k, 1, 10, x[k])"));
        };
        if self.names.get(name).is_some() {
            return Err(self
                .source
                .error(
                    index.value.at,
                    format!("the name `{name}` is in use"),
                    "means something already",
                )
                .with_help("choose another name for the index of the sum"));
        }
        check_name(self.source, name, index.value.at)?;
        let mut ends = [0; 2];
        for (end, written) in ends.iter_mut().zip([first, last]) {
            let value = self.constant(&written.value)?;
            if value.fract() != 0.0 || value.abs() > MOST_ENTRIES as f64 {
                return Err(self
                    .source
                    .error(
                        written.value.at,
                        format!("a sum cannot begin or end at {value}"),
                        "here",
                    )
                    .with_help("a sum goes over whole numbers, up to 5 000"));
            }
            *end = value as i64;
        }
        let mut terms = Vec::new();
        for k in ends[0]..=ends[1] {
            self.terms += 1;
            if self.terms > MOST_TERMS {
                return Err(self
                    .source
                    .error(call.function_at, "more than 1 000 000 terms", "this sum")
                    .with_help("write a program instead: [program]"));
            }
            let number = self.graph.constant(k as f64);
            terms.push(self.with_index(name, number, |own| own.lower(&term.value, scope))?);
        }
        Ok(self.added(terms))
    }

    /// A sum in pairs: no deeper, and no less accurate, than it need be.
    fn added(&mut self, mut terms: Vec<Node>) -> Node {
        while terms.len() > 1 {
            let pairs = terms.chunks(2).map(|pair| match *pair {
                [a, b] => self.graph.add(a, b),
                _ => pair[0],
            });
            terms = pairs.collect();
        }
        match terms.first() {
            Some(&sum) => sum,
            None => self.graph.constant(0.0),
        }
    }
}

/// Refuses `i` as a name where it is the entry's number.
pub(crate) fn check_index(written: &Written<'_>) -> Result<(), ReadError> {
    if written.vectors.is_empty() {
        return Ok(());
    }
    let all = [
        &written.constants,
        &written.parameters,
        &written.states,
        &written.definitions,
        &written.derived,
    ];
    let quantities = all.into_iter().flatten();
    let taken = quantities
        .map(|named| (named.name.as_str(), named.name_at))
        .chain(
            written
                .data
                .iter()
                .map(|data| (data.name.as_str(), data.name_at)),
        )
        .chain(
            written
                .vectors
                .iter()
                .map(|(name, at, _)| (name.as_str(), *at)),
        )
        .find(|(name, _)| *name == INDEX);
    match taken {
        None => Ok(()),
        Some((_, at)) => Err(written
            .source
            .error(
                at,
                "`i` is the number of the entry where there are vectors",
                "choose another name",
            )
            .with_help("for instance `i_`")),
    }
}
