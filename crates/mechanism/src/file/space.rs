//! `[space]`: lines cut into equal cells, over which vectors may lie.

use super::keys;
use super::numbers::Data;
use super::vectors::MOST_ENTRIES;
use super::written::Named;
use crate::expression::Expression;
use crate::expression::syntax::Kind;
use crate::source::section::Entry;
use crate::source::{ReadError, Span};

/// A line: its cells' middles are a table of constants, the spacing is a constant `d` + its name.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub name: String,
    name_at: Span,
    at: Span,
    from: f64,
    to: f64,
    pub cells: u64,
}

impl Line {
    /// The lines of [space].
    pub fn read_all(entry: &Entry<'_>) -> Result<Vec<Self>, ReadError> {
        entry
            .section("[space]")?
            .entries()
            .iter()
            .map(Self::read)
            .collect()
    }

    fn read(entry: &Entry<'_>) -> Result<Self, ReadError> {
        let table = entry.section(format!("`{}`", entry.key))?;
        table.only(keys::LINE)?;
        let from = table.need("from", "from = 0")?.number()?;
        let to = table.need("to", "to = 1")?;
        let cells = table.need("cells", "cells = 100")?;
        let many = cells.count(1)?;
        if many > MOST_ENTRIES {
            return Err(cells
                .error("more than 5 000 cells", "too many")
                .with_help("a vector has at most 5 000 entries"));
        }
        let line = Self {
            name: entry.key.to_owned(),
            name_at: entry.key_at,
            at: entry.at,
            from,
            to: to.number()?,
            cells: many,
        };
        if line.spacing() > 0.0 && line.spacing().is_finite() {
            return Ok(line);
        }
        Err(to
            .error(
                "a line ends where it begins, or before",
                "not beyond `from`",
            )
            .with_help("write { from = 0, to = 1, cells = 100 }"))
    }

    fn spacing(&self) -> f64 {
        (self.to - self.from) / self.cells as f64
    }

    /// Where the first middle lies, and how far it is to the next one.
    pub fn places(&self) -> (f64, f64) {
        (self.from + 0.5 * self.spacing(), self.spacing())
    }

    /// The middles of the cells.
    pub fn middles(&self) -> Data {
        let place = |cell: u64| (cell as f64 + 0.5).mul_add(self.spacing(), self.from);
        Data {
            name: self.name.clone(),
            name_at: self.name_at,
            rows: self.cells as usize,
            columns: 1,
            values: (0..self.cells).map(place).collect(),
        }
    }

    /// The spacing, as a constant.
    pub fn constant(&self) -> Named {
        Named {
            name: format!("d{}", self.name),
            name_at: self.name_at,
            value: Expression::new(Kind::Number(self.spacing()), self.at),
            unit: None,
            description: None,
            entry: None,
        }
    }
}
