//! Calls of functions -> nodes: the table of functions, `interp(t, column)`, and `flow(...)`.

use super::lower::{Lowering, Scope};
use super::names::Meaning;
use crate::distribution::Family;
use crate::expression::syntax::{Call, Kind};
use crate::expression::{Binary, Expression, Input, Node, Operation, Unary};
use crate::model::{Flow, Lag, Lagged};
use crate::source::{ReadError, Span, spelling};

/// Entries that a series may look back.
const MOST_LAG: f64 = 10_000.0;

/// A function of an expression.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Function {
    Unary(Unary),
    /// ln(x) times this.
    Log(f64),
    /// Of two or more.
    Fold(Binary),
    Modulo,
    If,
    Interp,
    Flow,
    Sum,
    Lag,
}

const FUNCTIONS: [(&str, Function); 29] = [
    ("exp", Function::Unary(Unary::Exp)),
    ("log", Function::Unary(Unary::Ln)),
    ("ln", Function::Unary(Unary::Ln)),
    ("log10", Function::Log(std::f64::consts::LOG10_E)),
    ("log2", Function::Log(std::f64::consts::LOG2_E)),
    ("log1p", Function::Unary(Unary::Ln1p)),
    ("expm1", Function::Unary(Unary::ExpM1)),
    ("sqrt", Function::Unary(Unary::Sqrt)),
    ("sin", Function::Unary(Unary::Sin)),
    ("cos", Function::Unary(Unary::Cos)),
    ("tan", Function::Unary(Unary::Tan)),
    ("asin", Function::Unary(Unary::Asin)),
    ("acos", Function::Unary(Unary::Acos)),
    ("atan", Function::Unary(Unary::Atan)),
    ("sinh", Function::Unary(Unary::Sinh)),
    ("cosh", Function::Unary(Unary::Cosh)),
    ("tanh", Function::Unary(Unary::Tanh)),
    ("abs", Function::Unary(Unary::Abs)),
    ("floor", Function::Unary(Unary::Floor)),
    ("ceil", Function::Unary(Unary::Ceil)),
    ("sign", Function::Unary(Unary::Sign)),
    ("min", Function::Fold(Binary::Min)),
    ("max", Function::Fold(Binary::Max)),
    ("mod", Function::Modulo),
    ("if", Function::If),
    ("interp", Function::Interp),
    ("flow", Function::Flow),
    ("sum", Function::Sum),
    ("lag", Function::Lag),
];

/// The names of all functions.
pub(crate) fn functions() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(name, _)| *name)
}

impl Lowering<'_> {
    pub(super) fn call(&mut self, call: &Call, at: Span, scope: Scope) -> Result<Node, ReadError> {
        // Names with a meaning in some mechanisms alone stay free in the others.
        if call.function == "at" && self.fields.iter().any(|field| field.line.is_some()) {
            return self.at_position(call, scope);
        }
        if let Some(node) = self.part(call, scope)? {
            return Ok(node);
        }
        let function = FUNCTIONS.iter().find(|(name, _)| *name == call.function);
        let Some(&(name, function)) = function else {
            return Err(self.unknown_function(call, at));
        };
        if let Some((argument, at)) = call.arguments.iter().find_map(|a| a.name.as_ref()) {
            return Err(self
                .source
                .error(
                    *at,
                    format!("`{name}` takes no named arguments"),
                    "a named argument",
                )
                .with_help(format!("leave out `{argument} =`; to compare, write ==")));
        }
        let given = call.arguments.len();
        let (wanted, enough) = match function {
            Function::Unary(_) | Function::Log(_) | Function::Flow => ("1 argument", given == 1),
            Function::Fold(_) => ("2 or more arguments", given >= 2),
            Function::Modulo => ("2 arguments", given == 2),
            Function::If => ("3 arguments (condition, then, otherwise)", given == 3),
            Function::Interp => ("2 arguments (time, column)", given == 2),
            Function::Lag => ("2 arguments (state or flow, entries)", given == 2),
            Function::Sum => ("4 arguments (index, first, last, term)", given == 4),
        };
        if !enough {
            return Err(self
                .source
                .error(
                    at,
                    format!("`{name}` takes {wanted}, but was given {given}"),
                    format!("{given} given"),
                )
                .with_help(
                    "the book's chapter on expressions lists every function with its arguments",
                ));
        }
        if function == Function::Flow {
            return self.flow(&call.arguments[0].value, at, scope);
        }
        if function == Function::Interp {
            return self.interpolated(call, scope);
        }
        if function == Function::Lag {
            return self.lag(call, at, scope);
        }
        if function == Function::Sum {
            return self.sum(call, scope);
        }
        if function == Function::If {
            // What a constant condition rules out need not make sense: theta[i - 1] at i = 1.
            let condition = self.lower(&call.arguments[0].value, scope)?;
            if let Some(value) = self.graph.as_constant(condition) {
                let chosen = if value != 0.0 { 1 } else { 2 };
                return self.lower(&call.arguments[chosen].value, scope);
            }
        }
        let arguments = call
            .arguments
            .iter()
            .map(|argument| self.lower(&argument.value, scope))
            .collect::<Result<Vec<Node>, _>>()?;
        let graph = &mut self.graph;
        Ok(match function {
            Function::Unary(unary) => graph.unary(unary, arguments[0]),
            Function::Log(factor) => {
                let log = graph.unary(Unary::Ln, arguments[0]);
                let factor = graph.constant(factor);
                graph.multiply(log, factor)
            }
            Function::Fold(binary) => arguments[1..]
                .iter()
                .fold(arguments[0], |all, &next| graph.binary(binary, all, next)),
            Function::Modulo => graph.binary(Binary::Modulo, arguments[0], arguments[1]),
            Function::If => graph.select(arguments[0], arguments[1], arguments[2]),
            Function::Interp | Function::Flow | Function::Sum | Function::Lag => arguments[0],
        })
    }

    fn unknown_function(&self, call: &Call, at: Span) -> ReadError {
        let name = &call.function;
        if Family::from_name(name).is_some() {
            return self
                .source
                .error(
                    at,
                    format!("`{name}` is a distribution, not a number"),
                    "not a number",
                )
                .with_help("a distribution stands alone: as a prior, or for an observed series");
        }
        let families = Family::ALL.into_iter().map(Family::name).chain(["Fixed"]);
        let known: Vec<&str> = functions().chain(families).collect();
        let near = spelling::nearest(name, known.iter().copied());
        let help = match (self.names.get(name), near) {
            (Some(_), _) => Some(format!("to multiply, write {name} * (...)")),
            (None, Some(near)) => Some(format!("did you mean `{near}`?")),
            (None, None) => Some("the mechanism reference lists all functions".to_owned()),
        };
        self.source
            .error(
                call.function_at,
                format!("unknown function `{name}`"),
                "not a function",
            )
            .with_help_if(help)
    }

    fn interpolated(&mut self, call: &Call, scope: Scope) -> Result<Node, ReadError> {
        let [time, column] = call.arguments.as_slice() else {
            return Err(self
                .source
                .error(call.function_at, "interp(t, column)", "here")
                .with_help("write interp(t, column), column being one of `[forcing]`"));
        };
        let Kind::Name(name) = &column.value.kind else {
            return Err(self
                .source
                .error(
                    column.value.at,
                    "the second argument of `interp` is a column's name",
                    "not a name",
                )
                .with_help("write interp(t, column)"));
        };
        let time = self.lower(&time.value, scope)?;
        let series = self
            .forcing
            .series(name, self.source, column.value.at, &mut self.graph)?;
        Ok(self.graph.interpolate(series, time))
    }

    /// The rate of a flow, which runs between observations: the number of the observed entry means
    /// nothing in it.
    fn lower_rate(&mut self, of: &Expression) -> Result<Node, ReadError> {
        let all = std::mem::take(&mut self.indices);
        let constant = |(_, node): &&(String, Node)| self.graph.as_constant(*node).is_some();
        self.indices = all.iter().filter(constant).cloned().collect();
        let rate = self.lower(of, Scope::Moving);
        self.indices = all;
        rate
    }

    /// A state or flow some entries earlier in the observed series.
    fn lag(&mut self, call: &Call, at: Span, scope: Scope) -> Result<Node, ReadError> {
        let [of, entries] = [0, 1].map(|k| &call.arguments[k].value);
        if scope != Scope::Observed {
            return Err(self
                .source
                .error(at, "`lag` cannot be used here", "not allowed here")
                .with_help("lag(...) looks back in an observed series: it belongs in [observed]"));
        }
        let count = self.constant(entries)?;
        if !(0.0..=MOST_LAG).contains(&count) || count.fract() != 0.0 {
            return Err(self
                .source
                .error(
                    entries.at,
                    format!("{count} is no number of entries to look back"),
                    "not a whole number from 0 to 10 000",
                )
                .with_help("lag(flow(infection), 2) is the value two entries before"));
        }
        let node = self.lower(of, scope)?;
        let lagged = match self.graph.operation(node) {
            _ if count == 0.0 => return Ok(node),
            Operation::Input(Input::State(state)) => Lagged::State(state),
            Operation::Input(Input::Flow(flow)) => Lagged::Flow(flow),
            _ => {
                return Err(self
                    .source
                    .error(
                        of.at,
                        "only a state or a flow can be looked back to",
                        "neither of the two",
                    )
                    .with_help(
                        "work with lag(state, k) or lag(flow(...), k) in a larger expression",
                    ));
            }
        };
        let lag = Lag {
            of: lagged,
            entries: count as usize,
        };
        let place = self.lags.iter().position(|other| *other == lag);
        let place = place.unwrap_or_else(|| {
            self.lags.push(lag);
            self.lags.len() - 1
        });
        Ok(self.graph.input(Input::Lag(place)))
    }

    /// What to do where a flow is not of one reaction.
    fn no_reaction(&self, of: &Expression) -> ReadError {
        let error = self.source.error(
            of.at,
            "where reactions fire one by one, a flow counts one of them",
            "not a reaction's name",
        );
        let named = match &of.kind {
            Kind::Name(name) => Some(name.as_str()),
            Kind::Entry(entry) => Some(entry.name.as_str()),
            _ => None,
        };
        let is_reaction = |name: &str| {
            let first = self.names.get(&format!("{name}_1"));
            matches!(first, Some(Meaning::Reaction(_)))
        };
        match (named, named.and_then(|name| self.names.get(name))) {
            (Some(name), Some(Meaning::Vector(size))) if is_reaction(name) => error.with_help(format!(
                "there are {size} of `{name}`: write flow({name}[k]) with k from 1 to {size}, \
                 sum(k, 1, {size}, flow({name}[k])), or flow({name}[i]) in a series with size = {size}"
            )),
            _ => {
                let known = self.names.which(|m| matches!(m, Meaning::Reaction(_)));
                let near = named.and_then(|name| spelling::nearest(name, known.iter().copied()));
                error.with_help(match near {
                    Some(near) => format!("did you mean flow({near})?"),
                    None => format!("write flow(name) with one of {}", spelling::list(&known)),
                })
            }
        }
    }

    /// The reaction that an expression names, as `infection` or `infection[2]`, if it names one.
    fn reaction(&mut self, of: &Expression, scope: Scope) -> Result<Option<usize>, ReadError> {
        let meaning = match &of.kind {
            Kind::Name(name) => self.names.get(name),
            Kind::Entry(entry) if entry.indices.len() == 1 => {
                let first = self.names.get(&format!("{}_1", entry.name));
                if !matches!(first, Some(Meaning::Reaction(_))) {
                    return Ok(None);
                }
                let index = self.lower(&entry.indices[0], scope)?;
                let Some(number) = self.graph.as_constant(index) else {
                    return Ok(None);
                };
                self.names.get(&format!("{}_{number}", entry.name))
            }
            _ => None,
        };
        Ok(match meaning {
            Some(Meaning::Reaction(reaction)) => Some(reaction),
            _ => None,
        })
    }

    /// The flow of a reaction or of an expression since the series' last observation.
    fn flow(&mut self, of: &Expression, at: Span, scope: Scope) -> Result<Node, ReadError> {
        if self.at_rest {
            return Err(self
                .source
                .error(
                    at,
                    "nothing accumulates in a steady state",
                    "over which interval?",
                )
                .with_help("a rate at rest is an expression of the states, without flow(...)"));
        }
        if scope != Scope::Observed
            || self
                .names
                .which(|m| matches!(m, Meaning::State(_)))
                .is_empty()
        {
            return Err(self
                .source
                .error(at, "`flow` cannot be used here", "not allowed here")
                .with_help("flow(...) belongs in [observed], in a mechanism with states"));
        }
        let reaction = self.reaction(of, scope)?;
        let (rate, firings) = match reaction {
            Some(reaction) => (self.rates[reaction], vec![(reaction, 1.0)]),
            None if !self.flows_of_expressions => {
                return Err(self.no_reaction(of));
            }
            None => (self.lower_rate(of)?, Vec::new()),
        };
        // Two random reactions may have one rate and yet happen at different moments.
        let counted = reaction.filter(|_| !self.flows_of_expressions);
        let flow = *self.series_flows.entry((counted, rate)).or_insert_with(|| {
            self.flows.push(Flow { rate, firings });
            self.flows.len() - 1
        });
        Ok(self.graph.input(Input::Flow(flow)))
    }
}
