//! Vectors and matrices: quantities written once for many entries, tables of numbers, `x[i]`, and
//! `sum(k, first, last, ...)`.
//!
//! A vector `x` of three is the three quantities `x_1`, `x_2`, `x_3`; where its expression is
//! lowered, `i` is the entry's number. In [observed], `i` is the number of the observed entry, which is
//! known only as the simulation runs: `x[i]` then chooses among the entries.

use super::lower::{Lowering, Scope};
use super::names::{Meaning, check_name};
use super::written::{Named, Written};
use crate::expression::syntax::{self, Call, Kind};
use crate::expression::{Binary, Expression, Input, Node, Series};
use crate::source::{ReadError, Span};

/// Entries of a vector of quantities, and terms of one sum.
pub(crate) const MOST_ENTRIES: u64 = 5_000;
/// Terms of all sums of a file together.
const MOST_TERMS: u64 = 1_000_000;
/// The entry's number, in the expression of a vector and in [observed].
pub(crate) const INDEX: &str = "i";

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
        stands_still: bool,
        work: impl FnOnce(&mut Self) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        // Where things move and nothing has entries, `i` is no number, but perhaps a slip.
        let has_entries = self
            .names
            .which(|meaning| matches!(meaning, Meaning::Vector(_) | Meaning::Data(_)));
        let none = has_entries.is_empty() && !(stands_still && times.len() > 1);
        if none || self.names.get(INDEX).is_some() {
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
        if scope == Scope::Likelihood
            && let Some(&(first, count)) = self.observed.get(name)
        {
            let [index] = self.indices_of(entry, scope, "y[k]")?;
            let places = self.places(index, entry.indices[0].at, count)?;
            let column = first + places[0] - 1;
            return Ok(self.graph.input(Input::Observed(column)));
        }
        self.refuse_complex(name, at)?;
        match self.names.get(name) {
            Some(Meaning::Vector(size)) => {
                let [index] = self.indices_of(entry, scope, "x[k]")?;
                let outside = self.graph.as_constant(index).filter(|k| {
                    k.fract() == 0.0 && k.abs() < 1e9 && !(1.0..=size as f64).contains(k)
                });
                if let Some(k) = outside
                    && let Some(node) = self.beyond(name, k as i64, at, scope)?
                {
                    return Ok(node);
                }
                let places = self.places(index, entry.indices[0].at, size);
                let places =
                    places.map_err(|error| error.with_help(self.outside_help(name, size)))?;
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
        let terms = self.terms(call, |own, term| own.lower(term, scope))?;
        Ok(self.added(terms))
    }

    /// What `work` makes of the term of `sum(k, first, last, term)` at each k.
    pub fn terms<T>(
        &mut self,
        call: &Call,
        mut work: impl FnMut(&mut Self, &Expression) -> Result<T, ReadError>,
    ) -> Result<Vec<T>, ReadError> {
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
            terms.push(self.with_index(name, number, |own| work(own, &term.value))?);
        }
        Ok(terms)
    }

    /// A sum in pairs: no deeper, and no less accurate, than it need be.
    pub fn added(&mut self, mut terms: Vec<Node>) -> Node {
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
        &written.latents,
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
