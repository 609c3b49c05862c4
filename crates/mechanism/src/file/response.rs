//! `[response]`: a linear system that is shaken at one frequency, A(w) y = b with
//! A = stiffness + j (w damping + imaginary) - w^2 mass; and what is seen of its complex unknowns:
//! `amplitude(...)`, `phase(...)`, `real(...)`, `imaginary(...)`.
//!
//! A complex number is a pair of nodes. The unknown y[k] is the pair of states 2k - 2 and 2k - 1, and a
//! frequency that is not known as a parameter takes the place of the time.

use super::lower::{Lowering, Scope};
use super::names::check_name;
use super::vectors::INDEX;
use super::written::{Written, expression};
use crate::expression::syntax::{Call, Infix, Kind, Prefix};
use crate::expression::{Binary, Expression, Input, Node, Unary};
use crate::model::{Dynamics, Law, MatrixEntry, Response, State};
use crate::source::section::{Entry, Section};
use crate::source::{ReadError, Span};

/// The largest number of unknowns.
const MOST_UNKNOWNS: u64 = 500;
/// The indices of a matrix's entry.
const INDICES: [&str; 2] = ["row", "column"];
/// What makes a real number of a complex one.
const PARTS: [&str; 4] = ["amplitude", "phase", "real", "imaginary"];

/// Names that a response brings.
#[derive(Clone, Debug)]
pub(crate) struct Unknown {
    pub name: String,
    pub size: usize,
    /// The frequency's name, where it is no name of anything else.
    pub frequency: Option<String>,
}

/// The names of the response, if the file has one.
pub(crate) fn unknown(
    written: &Written<'_>,
    is_known: impl Fn(&str) -> bool,
) -> Result<Option<Unknown>, ReadError> {
    let Some(section) = &written.response else {
        return Ok(None);
    };
    let source = written.source;
    let frequency = section.need("frequency", "frequency = \"w\"")?.text()?;
    let fixed = is_known(&frequency.value);
    if !fixed {
        check_name(source, &frequency.value, frequency.at)?;
    }
    let (name, at) = match section.get("unknown") {
        Some(entry) => entry.text().map(|text| (text.value, text.at))?,
        None => ("y".to_owned(), section.at),
    };
    check_name(source, &name, at)?;
    let taken = INDICES.into_iter().find(|index| is_known(index));
    let taken = taken.or((is_known(&name) || name == frequency.value).then_some(&name));
    if let Some(taken) = taken {
        return Err(source
            .error(
                at,
                format!("the name `{taken}` is in use"),
                "needed by [response]",
            )
            .with_help(
                "[response] names its unknowns (`y`, or as unknown = \"...\" says), and `row` and `column`",
            ));
    }
    Ok(Some(Unknown {
        name,
        size: size(section)?,
        frequency: (!fixed).then_some(frequency.value),
    }))
}

/// How many unknowns there are: `size`, or as many as the lists have.
fn size(section: &Section<'_>) -> Result<usize, ReadError> {
    if let Some(entry) = section.get("size") {
        let size = entry.count(1)?;
        if size > MOST_UNKNOWNS {
            return Err(entry
                .error("more than 500 unknowns", "too many")
                .with_help("write a program instead: [program]"));
        }
        return Ok(size as usize);
    }
    let keys = ["stiffness", "mass", "damping", "imaginary", "force"];
    let lists = keys.iter().filter_map(|key| section.get(key)?.as_list());
    Ok(lists.map(|list| list.len()).next().unwrap_or(1))
}

/// The law of a response, and its complex unknowns as pairs of states.
pub(crate) fn dynamics(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
    section: &Section<'_>,
) -> Result<Dynamics, ReadError> {
    refuse_motion(written)?;
    let Some(unknown) = lowering.unknown.clone() else {
        return Err(section.error("no unknown", "here"));
    };
    let frequency = section.need("frequency", "frequency = \"w\"")?.text()?;
    let frequency_name = frequency.value;
    let frequency = lowering.lower_name(&frequency_name, frequency.at, Scope::Moving)?;
    let n = unknown.size;
    let matrices = ["mass", "damping", "stiffness", "imaginary"];
    if matrices.iter().all(|key| section.get(key).is_none()) {
        return Err(section
            .error("[response] has no matrix", "what answers the force?")
            .with_help("add stiffness = ..., and mass and damping where there are any"));
    }
    let mut read = |key: &str| match section.get(key) {
        Some(entry) => matrix(lowering, &entry, n),
        None => Ok(Vec::new()),
    };
    let [mass, damping, stiffness, imaginary] = [
        read("mass")?,
        read("damping")?,
        read("stiffness")?,
        read("imaginary")?,
    ];
    let force = vector(lowering, &section.need("force", "force = 1")?, n)?;
    let imaginary_force = match section.get("imaginary_force") {
        Some(entry) => vector(lowering, &entry, n)?,
        None => vec![lowering.graph.constant(0.0); n],
    };
    let zero = lowering.graph.constant(0.0);
    let state = |(k, part): (usize, &str)| State {
        name: format!("{part} part of {}[{k}]", unknown.name),
        initial: zero,
        unit: None,
        description: None,
    };
    let parts = (1..=n).flat_map(|k| [(k, "real"), (k, "imaginary")]);
    Ok(Dynamics {
        states: parts.map(state).collect(),
        start: 0.0,
        law: Law::Response(Response {
            frequency,
            frequency_name,
            unknown: unknown.name,
            mass,
            damping,
            stiffness,
            imaginary,
            force: force.into_iter().zip(imaginary_force).collect(),
        }),
        flows: Vec::new(),
        lags: Vec::new(),
        events: Vec::new(),
        moment: None,
    })
}

fn refuse_motion(written: &Written<'_>) -> Result<(), ReadError> {
    let named = |list: &Option<(Span, Vec<_>)>| list.as_ref().map(|(at, _)| *at);
    let others = [
        (
            "[states]",
            written.states.first().map(|state| state.name_at),
        ),
        ("[dynamics]", named(&written.dynamics)),
        ("[noise]", named(&written.noise)),
        ("[map]", named(&written.map)),
        (
            "[[reactions]]",
            written.reactions.as_ref().map(|(at, _)| *at),
        ),
        ("[[events]]", written.events.first().map(|event| event.at)),
        ("[solver]", written.solver.as_ref().map(|solver| solver.at)),
    ];
    match others.into_iter().find_map(|(name, at)| Some((name, at?))) {
        None => Ok(()),
        Some((name, at)) => Err(written
            .source
            .error(
                at,
                format!("{name} beside [response]"),
                "nothing moves in time here",
            )
            .with_help("keep one of the two: [response] is solved at each frequency by itself")),
    }
}

/// A matrix's entries that are not 0: a list of rows; a list or an expression for its diagonal; or an
/// expression of `row` and `column`.
fn matrix(
    lowering: &mut Lowering<'_>,
    entry: &Entry<'_>,
    n: usize,
) -> Result<Vec<MatrixEntry>, ReadError> {
    let mut all = Vec::new();
    if let Some(list) = entry.as_list() {
        check_length(entry, list.len(), n)?;
        for (row, item) in list.iter().enumerate() {
            let Some(columns) = item.as_list() else {
                all.push((row, row, lowering.lower(&expression(item)?, Scope::Moving)?));
                continue;
            };
            check_length(item, columns.len(), n)?;
            for (column, item) in columns.iter().enumerate() {
                let node = lowering.lower(&expression(item)?, Scope::Moving)?;
                all.push((row, column, node));
            }
        }
    } else {
        let written = expression(entry)?;
        let mut full = false;
        written.names(&mut |name, _| full |= INDICES.contains(&name));
        for row in 0..n {
            for column in 0..n {
                if full || row == column {
                    let node = entry_of(lowering, &written, (row, column), full)?;
                    all.push((row, column, node));
                }
            }
        }
    }
    all.retain(|(.., node)| lowering.graph.as_constant(*node) != Some(0.0));
    let made = all
        .into_iter()
        .map(|(row, column, value)| MatrixEntry { row, column, value });
    Ok(made.collect())
}

/// The entry in a row and a column, or where these are not named, the one of that number.
fn entry_of(
    lowering: &mut Lowering<'_>,
    written: &Expression,
    (row, column): (usize, usize),
    full: bool,
) -> Result<Node, ReadError> {
    let [row, column] = [row, column].map(|k| lowering.graph.constant((k + 1) as f64));
    if full {
        let inner = |own: &mut Lowering<'_>| {
            own.with_index(INDICES[1], column, |own| own.lower(written, Scope::Moving))
        };
        lowering.with_index(INDICES[0], row, inner)
    } else {
        lowering.with_index(INDEX, row, |own| own.lower(written, Scope::Moving))
    }
}

/// A list of expressions, or one in which `i` is the entry's number.
fn vector(
    lowering: &mut Lowering<'_>,
    entry: &Entry<'_>,
    n: usize,
) -> Result<Vec<Node>, ReadError> {
    if let Some(list) = entry.as_list() {
        check_length(entry, list.len(), n)?;
        let node = |item: &Entry<'_>| lowering.lower(&expression(item)?, Scope::Moving);
        return list.iter().map(node).collect();
    }
    let written = expression(entry)?;
    (0..n)
        .map(|k| entry_of(lowering, &written, (k, k), false))
        .collect()
}

fn check_length(entry: &Entry<'_>, found: usize, n: usize) -> Result<(), ReadError> {
    if found == n {
        return Ok(());
    }
    Err(entry
        .error(
            format!("{found} entries, where there are {n} unknowns"),
            "another number",
        )
        .with_help("lists have one entry for each unknown; `size` says how many there are"))
}

impl Lowering<'_> {
    /// The node of the frequency, where `name` is its name.
    pub fn frequency(&mut self, name: &str, scope: Scope) -> Option<Node> {
        let unknown = self.unknown.as_ref()?;
        let moves = matches!(scope, Scope::Moving | Scope::Observed);
        let is_frequency = unknown.frequency.as_deref() == Some(name);
        (moves && is_frequency).then(|| self.graph.input(Input::Time))
    }

    /// Refuses a complex unknown where a real number is wanted.
    pub fn refuse_complex(&self, name: &str, at: Span) -> Result<(), ReadError> {
        match &self.unknown {
            Some(unknown) if unknown.name == name => Err(self
                .source
                .error(at, format!("`{name}` is complex"), "not a real number")
                .with_help(format!(
                    "write amplitude({name}[k]), phase({name}[k]), real({name}[k]) or imaginary({name}[k])"
                ))),
            _ => Ok(()),
        }
    }

    /// `amplitude(...)` and its like, in [observed]; `None` for another function.
    pub fn part(&mut self, call: &Call, scope: Scope) -> Result<Option<Node>, ReadError> {
        let name = call.function.as_str();
        if self.unknown.is_none() || !PARTS.contains(&name) {
            return Ok(None);
        }
        let [of] = call.arguments.as_slice() else {
            return Err(self
                .source
                .error(
                    call.function_at,
                    format!("`{name}` takes 1 argument"),
                    "here",
                )
                .with_help(format!("write {name}(y[1]), or {name}(y[1] - y[2])")));
        };
        if scope != Scope::Observed {
            return Err(self
                .source
                .error(
                    call.function_at,
                    format!("`{name}` cannot be used here"),
                    "not allowed here",
                )
                .with_help("the response is seen in [observed]"));
        }
        let [re, im] = self.complex(&of.value, scope)?;
        let graph = &mut self.graph;
        Ok(Some(match name {
            "real" => re,
            "imaginary" => im,
            "amplitude" => {
                let squares = [re, im].map(|part| graph.unary(Unary::Power(2), part));
                let sum = graph.add(squares[0], squares[1]);
                graph.unary(Unary::Sqrt, sum)
            }
            _ => self.angle(re, im),
        }))
    }

    /// The angle of re + j im, in (-pi, pi].
    fn angle(&mut self, re: Node, im: Node) -> Node {
        let graph = &mut self.graph;
        let [zero, half, whole] = [0.0, 0.5, 1.0].map(|k| graph.constant(k * std::f64::consts::PI));
        let slope = graph.divide(im, re);
        let right = graph.unary(Unary::Atan, slope);
        let slope = graph.divide(re, im);
        let turned = graph.unary(Unary::Atan, slope);
        let above = graph.subtract(half, turned);
        let minus = graph.negate(half);
        let below = graph.subtract(minus, turned);
        let is_left = graph.binary(Binary::Less, re, zero);
        let on_axis = graph.select(is_left, whole, zero);
        let is_below = graph.binary(Binary::Less, im, zero);
        let off_axis = graph.select(is_below, below, above);
        let is_on_axis = graph.binary(Binary::Equal, im, zero);
        let left = graph.select(is_on_axis, on_axis, off_axis);
        let is_right = graph.binary(Binary::Less, zero, re);
        graph.select(is_right, right, left)
    }

    /// The real and the imaginary part of an expression of the unknowns.
    fn complex(&mut self, of: &Expression, scope: Scope) -> Result<[Node; 2], ReadError> {
        let zero = self.graph.constant(0.0);
        let Some(unknown) = self.unknown.clone() else {
            return Ok([self.lower(of, scope)?, zero]);
        };
        match &of.kind {
            Kind::Name(name) if *name == unknown.name && unknown.size == 1 => {
                Ok(self.unknown_parts(0))
            }
            Kind::Entry(entry) if entry.name == unknown.name => {
                let index = &entry.indices[0];
                let node = self.lower(index, scope)?;
                let place = self.graph.as_constant(node).filter(|k| {
                    entry.indices.len() == 1
                        && k.fract() == 0.0
                        && (1.0..=unknown.size as f64).contains(k)
                });
                let place = place.ok_or_else(|| {
                    self.source
                        .error(
                            index.at,
                            format!("no entry of `{}`", unknown.name),
                            "this index",
                        )
                        .with_help(format!("indices go from 1 to {}", unknown.size))
                })?;
                Ok(self.unknown_parts(place as usize - 1))
            }
            Kind::Prefix(Prefix::Minus, inner) => {
                let parts = self.complex(inner, scope)?;
                Ok(parts.map(|part| self.graph.negate(part)))
            }
            Kind::Infix(infix @ (Infix::Add | Infix::Subtract), a, b) => {
                let (a, b) = (self.complex(a, scope)?, self.complex(b, scope)?);
                Ok(std::array::from_fn(|part| match infix {
                    Infix::Add => self.graph.add(a[part], b[part]),
                    _ => self.graph.subtract(a[part], b[part]),
                }))
            }
            Kind::Infix(Infix::Multiply, a, b) => {
                let (a, b) = (self.complex(a, scope)?, self.complex(b, scope)?);
                Ok(self.complex_product(a, b))
            }
            Kind::Infix(Infix::Divide, a, b) => {
                let (a, [re, im]) = (self.complex(a, scope)?, self.complex(b, scope)?);
                if im == zero {
                    return Ok(a.map(|part| self.graph.divide(part, re)));
                }
                let squares = [re, im].map(|part| self.graph.unary(Unary::Power(2), part));
                let size = self.graph.add(squares[0], squares[1]);
                let conjugate = [re, self.graph.negate(im)];
                let product = self.complex_product(a, conjugate);
                Ok(product.map(|part| self.graph.divide(part, size)))
            }
            Kind::Call(call) if call.function == "sum" => {
                let terms = self.terms(call, |own, term| own.complex(term, scope))?;
                let parts = [0, 1].map(|part| terms.iter().map(|term| term[part]).collect());
                Ok(parts.map(|part| self.added(part)))
            }
            _ => Ok([self.lower(of, scope)?, zero]),
        }
    }

    fn unknown_parts(&mut self, place: usize) -> [Node; 2] {
        [0, 1].map(|part| self.graph.input(Input::State(2 * place + part)))
    }

    fn complex_product(&mut self, a: [Node; 2], b: [Node; 2]) -> [Node; 2] {
        let graph = &mut self.graph;
        let zero = graph.constant(0.0);
        // A part that is 0 by its form adds nothing.
        let mut product = |x, y| match x == zero || y == zero {
            true => zero,
            false => graph.multiply(x, y),
        };
        let [rr, ii] = [product(a[0], b[0]), product(a[1], b[1])];
        let [ri, ir] = [product(a[0], b[1]), product(a[1], b[0])];
        [graph.subtract(rr, ii), graph.add(ri, ir)]
    }
}
