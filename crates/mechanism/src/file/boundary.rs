//! What lies beyond the ends of a vector state, and its value between entries: `u[0]`, `u[size + 1]`
//! and `at(u, position)`.
//!
//! The entries are the middles of equal cells, so an end of the line lies half a spacing beyond the
//! first or the last entry. Beyond it the entries go on as the boundary says: round the ring, mirrored
//! (nothing flows through the end), or mirrored about a value (which holds at the end itself).

use super::keys;
use super::lower::{Lowering, Scope};
use super::written::expression;
use crate::expression::syntax::{Call, Kind};
use crate::expression::{Expression, Node};
use crate::source::section::Entry;
use crate::source::{ReadError, Span};

/// The two ends of a vector state.
#[derive(Clone, Debug)]
pub(crate) enum Boundary {
    /// The last entry stands before the first.
    Periodic,
    /// Each end on its own: left, right.
    Ends([End; 2]),
}

/// One end of a vector state.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// Nothing flows through it.
    ZeroFlux,
    /// It has this value.
    Value(Expression),
}

const HELP: &str =
    "write \"periodic\", \"zero flux\", the value at the ends, or { left = ..., right = ... }";

impl Boundary {
    /// As written beside a vector state.
    pub fn read(entry: &Entry<'_>) -> Result<Self, ReadError> {
        if let Some(ends) = entry.as_section("`boundary`") {
            ends.only(keys::BOUNDARY)?;
            let end = |key: &str| End::read(&ends.need(key, &format!("{key} = \"zero flux\""))?);
            return Ok(Self::Ends([end("left")?, end("right")?]));
        }
        match entry.as_text() {
            Some(text) if text.value == "periodic" => Ok(Self::Periodic),
            _ => {
                let end = End::read(entry)?;
                Ok(Self::Ends([end.clone(), end]))
            }
        }
    }

    /// The expressions of its values.
    pub fn values(&self) -> impl Iterator<Item = &Expression> {
        let ends = match self {
            Self::Periodic => [].as_slice(),
            Self::Ends(ends) => ends.as_slice(),
        };
        ends.iter().filter_map(|end| match end {
            End::Value(value) => Some(value),
            End::ZeroFlux => None,
        })
    }
}

impl End {
    fn read(entry: &Entry<'_>) -> Result<Self, ReadError> {
        let Some(text) = entry.as_text() else {
            return Ok(Self::Value(expression(entry)?));
        };
        let help = match text.value.to_lowercase().replace(['-', '_'], " ").as_str() {
            "zero flux" if text.value == "zero flux" => return Ok(Self::ZeroFlux),
            "zero flux" | "no flux" | "neumann" | "insulated" | "reflecting" | "closed" => {
                "where nothing flows through an end, write \"zero flux\""
            }
            "fixed" | "dirichlet" => "write the value at the end, a number or a formula in quotes",
            "periodic" => "a ring has no ends: write boundary = \"periodic\"",
            _ => return Ok(Self::Value(expression(entry)?)),
        };
        let message = format!("`{}` is no boundary condition here", text.value);
        Err(entry.error(message, "not understood").with_help(help))
    }
}

/// A vector laid over a line.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub name: String,
    pub size: usize,
    pub boundary: Option<Boundary>,
    /// Where the first entry lies, and how far it is to the next one.
    pub line: Option<(f64, f64)>,
}

impl Lowering<'_> {
    fn field(&self, name: &str) -> Option<&Field> {
        let fields = self.fields;
        fields.iter().find(|field| field.name == name)
    }

    /// Entry `index` of `name` where that lies beyond its ends, if its boundary says what is there.
    pub fn beyond(
        &mut self,
        name: &str,
        index: i64,
        at: Span,
        scope: Scope,
    ) -> Result<Option<Node>, ReadError> {
        let fields = self.fields;
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            return Ok(None);
        };
        let size = field.size as i64;
        let far = index < 1 - size || index > 2 * size;
        let Some(boundary) = field.boundary.as_ref().filter(|_| !far) else {
            return Ok(None);
        };
        let entry = |lowering: &mut Self, place: i64| {
            lowering.lower_name(&format!("{name}_{place}"), at, scope)
        };
        let (mirrored, end) = match (boundary, index < 1) {
            (Boundary::Periodic, _) => {
                return entry(self, (index - 1).rem_euclid(size) + 1).map(Some);
            }
            (Boundary::Ends([left, _]), true) => (1 - index, left),
            (Boundary::Ends([_, right]), false) => (2 * size + 1 - index, right),
        };
        let inside = entry(self, mirrored)?;
        Ok(Some(match end {
            End::ZeroFlux => inside,
            End::Value(value) => {
                // The value belongs to the end, not to an entry: `i` means nothing in it.
                let indices = std::mem::take(&mut self.indices);
                let value = self.lower(value, scope);
                self.indices = indices;
                let value = value?;
                let two = self.graph.constant(2.0);
                let twice = self.graph.multiply(two, value);
                self.graph.subtract(twice, inside)
            }
        }))
    }

    /// `at(u, position)`: between two entries the straight line.
    pub fn at_position(&mut self, call: &Call, scope: Scope) -> Result<Node, ReadError> {
        let [name, position] = call.arguments.as_slice() else {
            return Err(self
                .source
                .error(call.function_at, "`at` takes 2 arguments", "here")
                .with_help("write at(u, 0.5)"));
        };
        let line = match &name.value.kind {
            Kind::Name(name) => self.field(name).and_then(|f| Some((name, f.size, f.line?))),
            _ => None,
        };
        let Some((name, size, (first, spacing))) = line else {
            return Err(self
                .source
                .error(
                    name.value.at,
                    "the first argument of `at` is a vector over a line of [space]",
                    "has no positions",
                )
                .with_help("write over = \"x\" where the vector is declared, with x in [space]"));
        };
        let name = name.clone();
        let node = self.lower(&position.value, scope)?;
        let (low, high) = (first - 0.5 * spacing, first + (size as f64 - 0.5) * spacing);
        let known = self.graph.as_constant(node);
        let Some(there) = known.filter(|there| (low..=high).contains(there)) else {
            let what = known.map_or("depends on more than constants".into(), |x| {
                format!("is {x}")
            });
            return Err(self
                .source
                .error(
                    position.value.at,
                    format!("the position {what}"),
                    "not on the line",
                )
                .with_help(format!("positions go from {low} to {high}")));
        };
        let steps = (there - first) / spacing;
        // Rounding must not reach beyond an entry that is met exactly.
        let near = steps.round();
        let steps = if (steps - near).abs() < 1e-9 {
            near
        } else {
            steps
        };
        let (before, share) = (steps.floor() as i64 + 1, steps - steps.floor());
        let left = self.entry_or_beyond(&name, before, name_at(call), scope)?;
        if share == 0.0 {
            return Ok(left);
        }
        let right = self.entry_or_beyond(&name, before + 1, name_at(call), scope)?;
        let (a, b) = (self.graph.constant(1.0 - share), self.graph.constant(share));
        let (a, b) = (self.graph.multiply(a, left), self.graph.multiply(b, right));
        Ok(self.graph.add(a, b))
    }

    fn entry_or_beyond(
        &mut self,
        name: &str,
        index: i64,
        at: Span,
        scope: Scope,
    ) -> Result<Node, ReadError> {
        let size = self.field(name).map_or(0, |field| field.size) as i64;
        if (1..=size).contains(&index) {
            return self.lower_name(&format!("{name}_{index}"), at, scope);
        }
        let outside = self.beyond(name, index, at, scope)?;
        outside.ok_or_else(|| {
            self.source
                .error(
                    at,
                    format!("`{name}` ends before this position"),
                    "beyond its last middle",
                )
                .with_help(format!("say boundary = ... at `{name}`: {HELP}"))
        })
    }

    /// What to do about an index outside.
    pub fn outside_help(&self, name: &str, size: usize) -> String {
        let indices = format!("indices go from 1 to {size}");
        match self.field(name) {
            Some(field) if field.boundary.is_some() => {
                format!(
                    "{indices}, and with its boundary from {} to {}",
                    1 - size as i64,
                    2 * size
                )
            }
            Some(_) => format!(
                "{indices}; for what lies beyond the ends say boundary = ... at `{name}`: {HELP}"
            ),
            None => indices,
        }
    }
}

fn name_at(call: &Call) -> Span {
    call.arguments[0].value.at
}
