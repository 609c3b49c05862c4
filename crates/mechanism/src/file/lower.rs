//! Expressions as written -> nodes of one graph, every name resolved.

use std::collections::HashMap;
use std::path::Path;

use super::boundary::Field;
use super::calendar::Calendar;
use super::forcing::Forcing;
use super::functions::functions;
use super::multivariate::Factor;
use super::names::{FormulaKind, Meaning, Names, did_you_mean};
use super::numbers::Data;
use super::response::{Unknown, unknown};
use super::written::Written;
use crate::expression::syntax::{Infix, Kind, Prefix};
use crate::expression::{Binary, Expression, Graph, Input, Node, Unary};
use crate::model::{Flow, Lag};
use crate::source::{ReadError, Source, Span};

/// Which names an expression may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Constants.
    Constant,
    /// Constants and the first so many parameters.
    Parameters(usize),
    /// Time, states and parameters, switched ones as they are now.
    Moving,
    /// The same, and flows.
    Observed,
    /// Constants, parameters, and what is observed: the likelihood, and conditions on whole simulations.
    Likelihood,
}

/// A formula's value: where it stands still, and where it moves.
#[derive(Clone, Copy, Default)]
struct Formula {
    /// In terms of the parameters' own values; `None` where it needs time, states or events.
    still: Option<Node>,
    /// In terms of time, states, and switched parameters.
    moving: Option<Node>,
}

/// The graph being filled, and what its names mean.
pub(crate) struct Lowering<'a> {
    pub source: &'a Source,
    pub graph: Graph,
    pub names: Names<'a>,
    pub calendar: Calendar,
    pub flows: Vec<Flow>,
    /// What observed series look back to, each with the flows of its series.
    pub lags: Vec<Lag>,
    /// For each parameter that an event switches: the state that holds its present value.
    pub switched: HashMap<usize, usize>,
    /// For each reaction its rate, once the dynamics are read; empty where there are none.
    pub rates: Vec<Node>,
    /// Whether flows of any expression make sense: not for jumps.
    pub flows_of_expressions: bool,
    /// Whether what is observed stands still.
    pub at_rest: bool,
    pub forcing: Forcing,
    /// Tables of numbers among the constants.
    pub data: &'a [Data],
    /// Vectors that have ends or positions.
    pub fields: &'a [Field],
    /// What a response brings.
    pub unknown: Option<Unknown>,
    /// Series of the graph that hold a table's column: (table, column).
    pub looked_up: HashMap<(usize, usize), u32>,
    /// Names that stand for a number while an expression is lowered, the innermost last.
    pub indices: Vec<(String, Node)>,
    /// Once what is observed is known: each observed series' first column and its entries.
    pub observed: HashMap<String, (usize, usize)>,
    /// Entries of the observed series being read.
    pub observed_entries: usize,
    /// Covariances factored so far: (table, whether it is a covariance or its Cholesky factor).
    pub factors: HashMap<(usize, bool), Factor>,
    /// Terms of sums so far.
    pub terms: u64,
    formulas: Vec<Formula>,
    /// Flows that the series being read has used already: what is counted or accumulated.
    pub series_flows: HashMap<(Option<usize>, Node), usize>,
}

impl<'a> Lowering<'a> {
    /// Resolves all names; constants, definitions and derived quantities get their values.
    pub fn new(written: &'a Written<'_>, folder: &Path) -> Result<Self, ReadError> {
        let names = Names::collect(written)?;
        let calendar = match &written.time {
            Some(section) => Calendar::read(section)?,
            None => Calendar::default(),
        };
        let order = names.order(written.source)?;
        let mut lowering = Self {
            source: written.source,
            graph: Graph::new(),
            forcing: Forcing::read(&written.forcing, &calendar, folder)?,
            formulas: vec![Formula::default(); names.formulas.len()],
            names,
            calendar,
            flows: Vec::new(),
            lags: Vec::new(),
            switched: HashMap::new(),
            rates: Vec::new(),
            flows_of_expressions: true,
            at_rest: false,
            series_flows: HashMap::new(),
            data: &written.data,
            fields: &written.fields,
            unknown: None,
            looked_up: HashMap::new(),
            indices: Vec::new(),
            observed: HashMap::new(),
            observed_entries: 0,
            factors: HashMap::new(),
            terms: 0,
        };
        lowering.unknown = unknown(written, |name| lowering.names.get(name).is_some())?;
        for data in &written.data {
            lowering.graph.add_series(data.whole());
        }
        super::events::find_switched(&mut lowering, written)?;
        for formula in order {
            lowering.formula(formula)?;
        }
        Ok(lowering)
    }

    /// Lowers one formula, whose own formulas are lowered already.
    fn formula(&mut self, formula: usize) -> Result<(), ReadError> {
        let (kind, named) = self.names.formulas[formula];
        let value = match kind {
            FormulaKind::Constant => {
                let node = self.lower_named(named, Scope::Constant)?;
                let value = self.graph.as_constant(node);
                if !value.is_some_and(f64::is_finite) {
                    return Err(self
                        .source
                        .error(
                            named.value.at,
                            format!("the constant `{}` is not a finite number", named.name),
                            format!("gives {}", value.unwrap_or(f64::NAN)),
                        )
                        .with_help("look for a division by 0, or a function outside its domain"));
                }
                Formula {
                    still: Some(node),
                    moving: Some(node),
                }
            }
            FormulaKind::Derived => {
                let node = self.lower_named(named, Scope::Parameters(self.names.parameters))?;
                Formula {
                    still: Some(node),
                    moving: Some(node),
                }
            }
            FormulaKind::Definition => Formula {
                moving: Some(self.lower_named(named, Scope::Moving)?),
                // An error here only says that it moves: it is reported where it is used.
                still: self.lower_named(named, self.all_drawn()).ok(),
            },
        };
        self.formulas[formula] = value;
        Ok(())
    }

    /// The node of an expression.
    pub fn lower(&mut self, expression: &Expression, scope: Scope) -> Result<Node, ReadError> {
        let at = expression.at;
        match &expression.kind {
            Kind::Number(number) => Ok(self.graph.constant(*number)),
            Kind::Date(date) => {
                let time = self.calendar.time_at(*date, self.source, at)?;
                Ok(self.graph.constant(time))
            }
            Kind::Name(name) => self.lower_name(name, at, scope),
            Kind::Entry(entry) => self.entry(entry, scope),
            Kind::Prefix(prefix, a) => {
                let a = self.lower(a, scope)?;
                Ok(match prefix {
                    Prefix::Minus => self.graph.negate(a),
                    Prefix::Not => self.graph.unary(Unary::Not, a),
                })
            }
            Kind::Infix(infix, a, b) => {
                let (a, b) = (self.lower(a, scope)?, self.lower(b, scope)?);
                Ok(self.infix(*infix, a, b))
            }
            Kind::Call(call) => self.call(call, at, scope),
        }
    }

    /// The value of an expression of constants.
    pub fn constant(&mut self, expression: &Expression) -> Result<f64, ReadError> {
        let node = self.lower(expression, Scope::Constant)?;
        match self.graph.as_constant(node) {
            Some(value) if value.is_finite() => Ok(value),
            value => Err(self
                .source
                .error(
                    expression.at,
                    "not a finite number",
                    format!("gives {}", value.unwrap_or(f64::NAN)),
                )
                .with_help("look for a division by 0, or a function outside its domain")),
        }
    }

    fn infix(&mut self, infix: Infix, a: Node, b: Node) -> Node {
        let graph = &mut self.graph;
        match infix {
            Infix::Or => graph.binary(Binary::Or, a, b),
            Infix::And => graph.binary(Binary::And, a, b),
            Infix::Less => graph.binary(Binary::Less, a, b),
            Infix::LessEqual => graph.binary(Binary::LessEqual, a, b),
            Infix::Greater => graph.binary(Binary::Less, b, a),
            Infix::GreaterEqual => graph.binary(Binary::LessEqual, b, a),
            Infix::Equal => graph.binary(Binary::Equal, a, b),
            Infix::NotEqual => {
                let equal = graph.binary(Binary::Equal, a, b);
                graph.unary(Unary::Not, equal)
            }
            Infix::Add => graph.add(a, b),
            Infix::Subtract => graph.subtract(a, b),
            Infix::Multiply => graph.multiply(a, b),
            Infix::Divide => graph.divide(a, b),
            Infix::Modulo => graph.binary(Binary::Modulo, a, b),
            Infix::Power => graph.binary(Binary::Power, a, b),
        }
    }

    /// The node of a name.
    pub fn lower_name(&mut self, name: &str, at: Span, scope: Scope) -> Result<Node, ReadError> {
        let index = self.indices.iter().rev().find(|(index, _)| index == name);
        if let Some((_, node)) = index {
            return Ok(*node);
        }
        let moves = matches!(scope, Scope::Moving | Scope::Observed);
        match name {
            "pi" => return Ok(self.graph.constant(std::f64::consts::PI)),
            "inf" => return Ok(self.graph.constant(f64::INFINITY)),
            "t" if self.unknown.is_some() => {
                return Err(self
                    .source
                    .error(at, "there is no time in a [response]", "not allowed here")
                    .with_help("use the frequency by its name"));
            }
            "t" if moves => return Ok(self.graph.input(Input::Time)),
            "t" => return Err(self.out_of_scope("the time `t`", at, scope)),
            _ => {}
        }
        if scope == Scope::Likelihood
            && let Some(node) = self.observed_name(name, at)?
        {
            return Ok(node);
        }
        if let Some(node) = self.frequency(name, scope) {
            return Ok(node);
        }
        self.refuse_complex(name, at)?;
        let Some(meaning) = self.names.get(name) else {
            let mut known = self.names.which(|meaning| self.in_scope(meaning, scope));
            known.extend(moves.then_some("t"));
            let mut error = self
                .source
                .error(at, format!("unknown name `{name}`"), "not defined")
                .with_help_if(did_you_mean(name, &known));
            if name == "e" {
                error = error.with_help("the base of natural logarithms is exp(1)");
            } else if functions().any(|function| function == name) {
                error = error.with_help(format!("`{name}` is a function: write {name}(...)"));
            } else if self.forcing.has(name) {
                error = error.with_help(format!("a measured column: write interp(t, {name})"));
            }
            return Err(error);
        };
        let described = format!("{} (`{name}`)", self.names.described(meaning));
        match meaning {
            Meaning::Reaction(_) => Err(self
                .source
                .error(at, format!("`{name}` is a reaction"), "not a number")
                .with_help(format!(
                    "in [observed], flow({name}) counts how often it happened"
                ))),
            Meaning::Vector(size) => Err(self
                .source
                .error(at, format!("`{name}` is a vector"), "not a number")
                .with_help(format!("write {name}[k], with k from 1 to {size}"))),
            Meaning::Data(data) => Err(self
                .source
                .error(
                    at,
                    format!("`{name}` is a table of {}", self.data[data].described()),
                    "not a number",
                )
                .with_help(format!("write {name}[k], or {name}[row, column]"))),
            Meaning::State(state) if moves => Ok(self.graph.input(Input::State(state))),
            Meaning::State(_) => Err(self.out_of_scope(&described, at, scope)),
            Meaning::Parameter(parameter) => match (scope, self.switched.get(&parameter)) {
                (Scope::Constant, _) => Err(self.out_of_scope(&described, at, scope)),
                (Scope::Parameters(known), _) if parameter >= known => {
                    Err(self.too_early(name, at))
                }
                (Scope::Likelihood, _) if parameter >= self.names.parameters => {
                    Err(self.out_of_scope(&described, at, scope))
                }
                (Scope::Moving | Scope::Observed, Some(&state)) => {
                    Ok(self.graph.input(Input::State(state)))
                }
                _ => Ok(self.graph.input(Input::Parameter(parameter))),
            },
            Meaning::Formula(formula) => {
                let value = self.formulas[formula];
                let node = if moves { value.moving } else { value.still };
                let node = node.ok_or_else(|| {
                    self.out_of_scope(&format!("{described}, which moves,"), at, scope)
                })?;
                if moves {
                    return Ok(node);
                }
                let needs = self.graph.inputs_of(&[node]);
                match scope {
                    Scope::Constant if !needs.is_empty() => {
                        Err(self.out_of_scope(&described, at, scope))
                    }
                    Scope::Parameters(known) if needs_from(&needs, known) => {
                        Err(self.too_early(name, at))
                    }
                    Scope::Likelihood if needs_from(&needs, self.names.parameters) => {
                        Err(self.out_of_scope(&described, at, scope))
                    }
                    _ => Ok(node),
                }
            }
        }
    }

    fn in_scope(&self, meaning: Meaning, scope: Scope) -> bool {
        match (meaning, scope) {
            (Meaning::Reaction(_) | Meaning::Vector(_) | Meaning::Data(_), _) => false,
            (_, Scope::Moving | Scope::Observed) => true,
            (Meaning::State(_), _) | (Meaning::Parameter(_), Scope::Constant) => false,
            (Meaning::Parameter(parameter), Scope::Parameters(known)) => parameter < known,
            (Meaning::Parameter(parameter), _) => parameter < self.names.parameters,
            (Meaning::Formula(formula), Scope::Constant) => {
                self.names.formulas[formula].0 == FormulaKind::Constant
            }
            (Meaning::Formula(_), _) => true,
        }
    }

    fn too_early(&self, name: &str, at: Span) -> ReadError {
        let latent = matches!(self.names.get(name), Some(Meaning::Parameter(p)) if p >= self.names.parameters);
        if latent {
            return self
                .source
                .error(
                    at,
                    format!("the latent `{name}` is not known here"),
                    "drawn after the parameters, in the file's order",
                )
                .with_help(
                    "priors and derived quantities cannot use latents; a latent may use those above it",
                );
        }
        self.source
            .error(
                at,
                format!("`{name}` is not known here yet"),
                "declared at this place or below",
            )
            .with_help("a prior may use the parameters above it: change their order")
    }

    fn out_of_scope(&self, what: &str, at: Span, scope: Scope) -> ReadError {
        let allowed = match scope {
            Scope::Constant => "constants",
            Scope::Parameters(_) => "constants and parameters",
            Scope::Moving | Scope::Observed => "constants, parameters, states and t",
            Scope::Likelihood => "constants, parameters, derived quantities and what is observed",
        };
        self.source
            .error(
                at,
                format!("{what} cannot be used here"),
                "not allowed here",
            )
            .with_help(format!("here an expression may use {allowed}"))
    }

    /// The scope in which parameters and latents are known.
    pub fn all_drawn(&self) -> Scope {
        Scope::Parameters(self.names.drawn)
    }

    /// Starts a new series: its flows run over its own intervals.
    pub fn begin_series(&mut self) {
        self.series_flows.clear();
    }
}

/// Whether an expression needs a parameter with a number from `known` on.
fn needs_from(needs: &[Input], known: usize) -> bool {
    needs
        .iter()
        .any(|input| matches!(input, Input::Parameter(p) if *p >= known))
}
