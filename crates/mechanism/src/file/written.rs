//! A mechanism file as written: its expressions parsed, its names not yet resolved.

use std::path::Path;

use super::boundary::{Boundary, Field};
use super::keys;
use super::numbers::Data;
use super::space::Line;
use super::vectors::{self, INDEX, MOST_ENTRIES};
use crate::expression::Expression;
use crate::expression::parser::parse_text;
use crate::expression::syntax::{Kind, Prefix};
use crate::source::key::Key;
use crate::source::section::{Entry, Section};
use crate::source::{ReadError, Source, Span, Text, spelling};

/// A name with an expression: a parameter and its prior, a state and its initial value, ...
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub name: String,
    pub name_at: Span,
    pub value: Expression,
    pub unit: Option<String>,
    pub description: Option<String>,
    /// Which entry of a vector it is.
    pub entry: Option<usize>,
}

/// A reaction as written.
#[derive(Clone, Debug)]
pub(crate) struct WrittenReaction {
    pub name: Text,
    pub rate: Expression,
    /// What is added to which state.
    pub change: Vec<WrittenChange>,
    pub bound: Option<Expression>,
    /// Its number, where it is one of several that were written once.
    pub entry: Option<usize>,
}

/// What a reaction adds to a state.
#[derive(Clone, Debug)]
pub(crate) struct WrittenChange {
    pub state: String,
    pub state_at: Span,
    /// Which entry of a vector, where it says so.
    pub index: Option<Expression>,
    pub amount: f64,
    pub amount_at: Span,
}

/// A mechanism file as written.
pub(crate) struct Written<'a> {
    pub source: &'a Source,
    pub top: Section<'a>,
    pub description: String,
    pub method: Option<Text>,
    pub constants: Vec<Named>,
    /// Tables of numbers among the constants.
    pub data: Vec<Data>,
    /// Vectors of parameters, states, definitions and derived quantities: name, place, size.
    pub vectors: Vec<(String, Span, u64)>,
    /// Lines of space.
    pub lines: Vec<Line>,
    /// Vector states, and vectors over a line.
    pub fields: Vec<Field>,
    pub parameters: Vec<Named>,
    pub latents: Vec<Named>,
    pub states: Vec<Named>,
    pub definitions: Vec<Named>,
    pub derived: Vec<Named>,
    pub reactions: Option<(Span, Vec<WrittenReaction>)>,
    pub dynamics: Option<(Span, Vec<Named>)>,
    pub noise: Option<(Span, Vec<Named>)>,
    pub map: Option<(Span, Vec<Named>)>,
    pub events: Vec<Section<'a>>,
    pub observed: Section<'a>,
    pub response: Option<Section<'a>>,
    pub solver: Option<Section<'a>>,
    pub time: Option<Section<'a>>,
    pub forcing: Vec<Section<'a>>,
    pub program: Option<Section<'a>>,
    pub likelihood: Option<Section<'a>>,
    pub accept: Option<Section<'a>>,
    pub conserved: Option<Section<'a>>,
}

impl<'a> Written<'a> {
    /// Parameters, then latents: what a simulation draws before anything moves.
    pub fn drawn(&self) -> impl Iterator<Item = &Named> {
        self.parameters.iter().chain(&self.latents)
    }

    /// Parses every expression whose place in the file says what it is.
    pub fn read(top: &Section<'a>, folder: &Path) -> Result<Self, ReadError> {
        top.only(keys::MECHANISM)?;
        let lines = match top.get("space") {
            Some(entry) => Line::read_all(&entry)?,
            None => Vec::new(),
        };
        let mut vectors = Vectors::new(&lines);
        let mut named = |key: &str, value_key: &str, known: &[Key]| match top.get(key) {
            Some(entry) => table_of_named(&entry, value_key, known, &mut vectors),
            None => Ok(Vec::new()),
        };
        let (parameters, latents, states, definitions, derived) = (
            named("parameters", "prior", keys::PARAMETER)?,
            named("latents", "distribution", keys::LATENT)?,
            named("states", "initial", keys::STATE)?,
            named("definitions", "value", keys::DEFINITION)?,
            named("derived", "value", keys::DERIVED)?,
        );
        let reactions = match top.get("reactions") {
            Some(entry) => {
                let mut list = Vec::new();
                for section in entry.sections("[[reactions]]")? {
                    section.only(keys::REACTION)?;
                    list.extend(reaction(&section, &mut vectors)?);
                }
                Some((entry.key_at, list))
            }
            None => None,
        };
        let Vectors {
            list: vectors,
            fields,
            ..
        } = vectors;
        let (mut constants, mut data) = match top.get("constants") {
            Some(entry) => constants(&entry, folder)?,
            None => (Vec::new(), Vec::new()),
        };
        constants.extend(lines.iter().map(Line::constant));
        data.extend(lines.iter().map(Line::middles));
        let equations = |key: &str| -> Result<Option<(Span, Vec<Named>)>, ReadError> {
            let Some(entry) = top.get(key) else {
                return Ok(None);
            };
            let list = table_of_named(&entry, "", &[], &mut Vectors::new(&[]))?;
            Ok(Some((entry.key_at, vectors::spread(list, &vectors))))
        };
        let section = |key: &str, known: &[Key]| -> Result<Option<Section<'a>>, ReadError> {
            let Some(entry) = top.get(key) else {
                return Ok(None);
            };
            let section = entry.section(format!("[{key}]"))?;
            section.only(known)?;
            Ok(Some(section))
        };
        let sections = |key: &str, known: &[Key]| -> Result<Vec<Section<'a>>, ReadError> {
            let Some(entry) = top.get(key) else {
                return Ok(Vec::new());
            };
            let sections = match entry.as_section(format!("[{key}]")) {
                Some(one) if key == "forcing" => vec![one],
                _ => entry.sections(&format!("[[{key}]]"))?,
            };
            sections.iter().try_for_each(|s| s.only(known))?;
            Ok(sections)
        };
        let observed = match top.get("observed") {
            Some(entry) => entry.section("[observed]")?,
            None => {
                return Err(top
                    .error("nothing is observed", "the file has no [observed]")
                    .with_help(
                        "add [observed] with a series, such as y = \"Normal(mean = x, sd = 1)\"",
                    ));
            }
        };
        let optional_text = |key: &str| top.get(key).map(|entry| entry.text()).transpose();
        Ok(Self {
            source: top.source,
            top: top.clone(),
            description: optional_text("description")?.map_or(String::new(), |text| text.value),
            method: optional_text("method")?,
            constants,
            data,
            parameters,
            latents,
            states,
            definitions,
            derived,
            reactions,
            dynamics: equations("dynamics")?,
            noise: equations("noise")?,
            map: equations("map")?,
            vectors,
            lines,
            fields,
            events: sections("events", keys::EVENT)?,
            observed,
            response: section("response", keys::RESPONSE)?,
            solver: section("solver", keys::SOLVER)?,
            time: section("time", keys::TIME)?,
            forcing: sections("forcing", keys::FORCING)?,
            program: section("program", keys::PROGRAM)?,
            accept: top
                .get("accept")
                .map(|entry| entry.section("[accept]"))
                .transpose()?,
            conserved: top
                .get("conserved")
                .map(|entry| entry.section("[conserved]"))
                .transpose()?,
            likelihood: top
                .get("likelihood")
                .map(|entry| entry.section("[likelihood]"))
                .transpose()?,
        })
    }
}

/// An expression: text, or a number, or a date.
pub(crate) fn expression(entry: &Entry<'_>) -> Result<Expression, ReadError> {
    let at = entry.at;
    if entry.as_number().is_some() {
        let number = entry.number()?;
        let plain = Expression::new(Kind::Number(number.abs()), at);
        return Ok(if number < 0.0 {
            Expression::new(Kind::Prefix(Prefix::Minus, Box::new(plain)), at)
        } else {
            plain
        });
    }
    if let Some(date) = entry.as_date() {
        let parsed = crate::expression::lexer::parse_date(&date).ok_or_else(|| {
            entry
                .error(format!("`{date}` is not a plain date"), "not understood")
                .with_help("write 1978-01-25 or 1978-01-25T06:00")
        })?;
        return Ok(Expression::new(Kind::Date(parsed), at));
    }
    match entry.as_text() {
        Some(text) => parse_text(entry.source, &text),
        None => Err(entry
            .error(
                format!("`{}` must be an expression or a number", entry.key),
                "not an expression",
            )
            .with_help("write a number, or a formula in quotes")),
    }
}

/// Constants: numbers with a name, and tables of numbers.
fn constants(entry: &Entry<'_>, folder: &Path) -> Result<(Vec<Named>, Vec<Data>), ReadError> {
    let (mut list, mut tables) = (Vec::new(), Vec::new());
    for entry in entry.section("[constants]")?.entries() {
        match Data::read(&entry, folder)? {
            Some(data) => tables.push(data),
            None => list.push(Named {
                name: entry.key.to_owned(),
                name_at: entry.key_at,
                value: expression(&entry)?,
                unit: None,
                description: None,
                entry: None,
            }),
        }
    }
    Ok((list, tables))
}

/// The vectors found so far, and the lines that they may lie over.
pub(crate) struct Vectors<'a> {
    lines: &'a [Line],
    list: Vec<(String, Span, u64)>,
    fields: Vec<Field>,
}

impl<'a> Vectors<'a> {
    pub fn new(lines: &'a [Line]) -> Self {
        Self {
            lines,
            list: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// The line that `over` names, if it is there.
    fn line(&self, table: &Section<'_>) -> Result<Option<&'a Line>, ReadError> {
        let Some(entry) = table.get("over") else {
            return Ok(None);
        };
        let name = entry.text()?;
        let found = self.lines.iter().find(|line| line.name == name.value);
        let known = self.lines.iter().map(|line| line.name.as_str());
        found.map(Some).ok_or_else(|| {
            entry
                .error(format!("`{}` is no line of [space]", name.value), "unknown")
                .with_help(spelling::advice(&name.value, known).unwrap_or_else(|| {
                    format!(
                        "add [space] with {} = {{ from = 0, to = 1, cells = 100 }}",
                        name.value
                    )
                }))
        })
    }

    /// How many entries `size` or `over` says, if one of them is there.
    pub fn size(&self, table: &Section<'_>) -> Result<Option<u64>, ReadError> {
        let line = self.line(table)?;
        let Some(entry) = table.get("size") else {
            return Ok(line.map(|line| line.cells));
        };
        let many = entry.count(1)?;
        let problem = if line.is_some() {
            (
                "`size` beside `over`",
                "`over` says how many there are: leave out `size`",
            )
        } else if many > MOST_ENTRIES {
            (
                "more than 5 000 entries",
                "a vector has at most 5 000 entries",
            )
        } else {
            return Ok(Some(many));
        };
        Err(entry.error(problem.0, "this size").with_help(problem.1))
    }
}

/// The names and expressions of a table; a value may be a table that holds it under `value_key`, and
/// its `size`, which makes it a vector.
fn table_of_named(
    entry: &Entry<'_>,
    value_key: &str,
    known: &[Key],
    vectors: &mut Vectors<'_>,
) -> Result<Vec<Named>, ReadError> {
    let section = entry.section(format!("[{}]", entry.key))?;
    let mut list = Vec::new();
    for entry in section.entries() {
        let inside = entry.as_section(format!("`{}`", entry.key));
        let mut size = None;
        let (value, unit, description) = match inside {
            Some(inside) if !value_key.is_empty() => {
                inside.only(known)?;
                let value = inside.need(value_key, &format!("{value_key} = \"...\""))?;
                size = vectors.size(&inside)?;
                let boundary = inside.get("boundary");
                if let (Some(entry), None) = (&boundary, size) {
                    return Err(entry
                        .error("only a vector has ends", "beyond what?")
                        .with_help("say size = ..., or over = \"x\" with x in [space]"));
                }
                let boundary = boundary.map(|entry| Boundary::read(&entry)).transpose()?;
                if let Some(size) = size
                    && (value_key == "initial" || inside.get("over").is_some())
                {
                    let line = vectors.line(&inside)?.map(Line::places);
                    vectors.fields.push(Field {
                        name: entry.key.to_owned(),
                        size: size as usize,
                        boundary,
                        line,
                    });
                }
                (
                    expression(&value)?,
                    optional_text(&inside, "unit")?,
                    optional_text(&inside, "description")?,
                )
            }
            _ => (expression(&entry)?, None, None),
        };
        if let Some(size) = size {
            vectors
                .list
                .push((entry.key.to_owned(), entry.key_at, size));
        }
        let named = Named {
            name: entry.key.to_owned(),
            name_at: entry.key_at,
            value,
            unit,
            description,
            entry: None,
        };
        list.extend(vectors::entries(named, size));
    }
    Ok(list)
}

/// A text that may be left out.
pub(crate) fn optional_text(section: &Section<'_>, key: &str) -> Result<Option<String>, ReadError> {
    section
        .get(key)
        .map(|entry| entry.text().map(|text| text.value))
        .transpose()
}

/// A reaction, or the several that a `size` makes of it: `name_1`, `name_2`, ...
fn reaction(
    section: &Section<'_>,
    vectors: &mut Vectors<'_>,
) -> Result<Vec<WrittenReaction>, ReadError> {
    let name = section.need("name", "name = \"...\"")?.text()?;
    let rate = section.need("rate", "rate = \"...\", an expression")?;
    let change = section.need("change", "change = { state = +1 }")?;
    let changes = change.section("`change`")?.entries();
    if changes.is_empty() {
        return Err(change
            .error(
                format!("reaction `{}` changes nothing", name.value),
                "name a state and what is added to it",
            )
            .with_help("write change = { S = -1, I = 1 }"));
    }
    let size = vectors.size(section)?;
    let change = changes.iter().map(|entry| changed(entry, size, vectors));
    let one = WrittenReaction {
        rate: expression(&rate)?,
        change: change.collect::<Result<_, ReadError>>()?,
        bound: section
            .get("bound")
            .map(|entry| expression(&entry))
            .transpose()?,
        entry: None,
        name,
    };
    let Some(size) = size else {
        return Ok(vec![one]);
    };
    let name = &one.name;
    vectors.list.push((name.value.clone(), name.at, size));
    let entry = |number: usize| WrittenReaction {
        name: Text {
            value: format!("{}_{number}", name.value),
            ..name.clone()
        },
        entry: Some(number),
        ..one.clone()
    };
    Ok((1..=size as usize).map(entry).collect())
}

/// What a reaction changes: a state, the entry of a vector (`"S[1]"`), or of a reaction of the same `size` the
/// entry of its own number.
fn changed(
    entry: &Entry<'_>,
    size: Option<u64>,
    vectors: &Vectors<'_>,
) -> Result<WrittenChange, ReadError> {
    let mut change = WrittenChange {
        state: entry.key.to_owned(),
        state_at: entry.key_at,
        index: None,
        amount: entry.number()?,
        amount_at: entry.at,
    };
    let written = Text {
        value: entry.key.to_owned(),
        at: entry.key_at,
        direct: false,
    };
    if entry.key.contains('[')
        && let Kind::Entry(mut inside) = parse_text(entry.source, &written)?.kind
        && inside.indices.len() == 1
    {
        change.state = inside.name;
        change.index = inside.indices.pop();
        return Ok(change);
    }
    let vector = vectors.list.iter().find(|(name, ..)| name == entry.key);
    let Some((_, _, entries)) = vector else {
        return Ok(change);
    };
    if size != Some(*entries) {
        let name = entry.key;
        let message = match size {
            Some(size) => format!("`{name}` has {entries} entries, and the reaction is {size}"),
            None => format!("`{name}` has {entries} entries, and the reaction is one"),
        };
        return Err(entry
            .source
            .error(entry.key_at, message, "which of them?")
            .with_help(format!(
                "write \"{name}[1]\", or size = {entries} in the reaction, for one each"
            )));
    }
    change.index = Some(Expression::new(Kind::Name(INDEX.into()), entry.key_at));
    Ok(change)
}
