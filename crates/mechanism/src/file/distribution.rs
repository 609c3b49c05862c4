//! `Family(arguments)` as written -> a [`Distribution`] with its arguments in the family's order.

use super::lower::{Lowering, Scope};
use super::multivariate::FAMILIES;
use crate::distribution::{ArgumentError, Family};
use crate::expression::syntax::{Argument, Call, Kind};
use crate::expression::{Expression, Node};
use crate::model::Distribution;
use crate::source::{ReadError, Span, spelling};

/// What a distribution is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Prior,
    Observation,
}

/// An argument's node and place; the place of the call for a default.
type Placed = (Node, Span);

impl Lowering<'_> {
    /// A distribution; any other expression is a point mass at its value.
    pub fn distribution(
        &mut self,
        expression: &Expression,
        scope: Scope,
        role: Role,
    ) -> Result<Distribution, ReadError> {
        let family = match &expression.kind {
            Kind::Call(call) => Family::from_name(&call.function).map(|family| (family, call)),
            _ => None,
        };
        let (family, arguments) = match family {
            Some((family, call)) => (family, self.arguments(family, call, expression.at, scope)?),
            None => {
                self.refuse_misspelt_family(expression)?;
                let value = self.lower(expression, scope)?;
                (Family::Exact, vec![(value, expression.at)])
            }
        };
        self.check(family, &arguments, role)?;
        Ok(Distribution {
            family,
            arguments: arguments.into_iter().map(|(node, _)| node).collect(),
        })
    }

    /// `LogNorml(0, 1)` is a slip for a family, not an unknown function.
    fn refuse_misspelt_family(&self, expression: &Expression) -> Result<(), ReadError> {
        let Kind::Call(call) = &expression.kind else {
            return Ok(());
        };
        let name = &call.function;
        let capital = name.starts_with(|c: char| c.is_uppercase());
        if !capital || super::functions::functions().any(|function| function == name) {
            return Ok(());
        }
        if FAMILIES.contains(&name.as_str()) {
            return Err(self
                .source
                .error(
                    call.function_at,
                    format!("`{name}` is the prior of a vector"),
                    "not here",
                )
                .with_help(
                    "in [observed], write each entry's distribution given latents or vectors",
                ));
        }
        let families = Family::ALL.into_iter().map(Family::name);
        let families = families.chain(FAMILIES).chain(["Fixed"]);
        let families: Vec<&str> = families.collect();
        Err(self
            .source
            .error(
                call.function_at,
                format!("unknown distribution `{name}`"),
                "not a distribution",
            )
            .with_help_if(spelling::advice(name, families)))
    }

    /// The arguments in the family's order: by position, then by name, then defaults.
    fn arguments(
        &mut self,
        family: Family,
        call: &Call,
        at: Span,
        scope: Scope,
    ) -> Result<Vec<Placed>, ReadError> {
        let signature = family.signature();
        let names: Vec<&str> = signature.arguments.iter().map(|a| a.name).collect();
        let takes = format!("{}({})", call.function, names.join(", "));
        let mut found: Vec<Option<Placed>> = vec![None; names.len()];
        let mut named_yet = false;
        for (position, argument) in call.arguments.iter().enumerate() {
            let Argument { name, value } = argument;
            let (slot, inverse) = match name {
                None if named_yet => {
                    return Err(self
                        .source
                        .error(
                            value.at,
                            "an argument without a name follows one with a name",
                            "has no name",
                        )
                        .with_help("put the arguments without a name first, or name all of them"));
                }
                None if signature.variadic => {
                    found.resize(found.len().max(position + 1), None);
                    (position, false)
                }
                None if position < names.len() => (position, false),
                None => {
                    return Err(self
                        .source
                        .error(value.at, "too many arguments", "one too many")
                        .with_help(format!("write {takes}")));
                }
                Some((name, name_at)) => {
                    named_yet = true;
                    self.slot(family, name, *name_at, &names)?
                }
            };
            let mut node = self.lower(value, scope)?;
            if inverse {
                node = self.inverse(node, value)?;
            }
            if found[slot].replace((node, value.at)).is_some() {
                let (what, help) = match family {
                    Family::NegativeBinomial if slot == 1 => (
                        "both `size` and `overdispersion` are given".to_owned(),
                        "give one of them: overdispersion is 1 / size",
                    ),
                    _ => (
                        format!("`{}` is given twice", names[slot.min(names.len() - 1)]),
                        "give it once",
                    ),
                };
                return Err(self
                    .source
                    .error(at, what, "given twice here")
                    .with_help(help));
            }
        }
        let defaults = signature.arguments.iter().map(|argument| argument.default);
        let defaults = defaults.chain(std::iter::repeat(None));
        let mut arguments = Vec::with_capacity(found.len());
        for (slot, (found, default)) in found.into_iter().zip(defaults).enumerate() {
            let argument = match (found, default) {
                (Some(placed), _) => placed,
                (None, Some(default)) => (self.graph.constant(default), at),
                (None, None) => {
                    let missing = match family {
                        Family::NegativeBinomial if slot == 1 => {
                            "`size` (or `overdispersion` = 1 / size)".to_owned()
                        }
                        _ => format!("`{}`", signature.name_of(slot)),
                    };
                    return Err(self
                        .source
                        .error(
                            at,
                            format!("`{}` lacks its argument {missing}", call.function),
                            "an argument is missing",
                        )
                        .with_help(format!("write {takes}")));
                }
            };
            arguments.push(argument);
        }
        Ok(arguments)
    }

    /// The position of a named argument, and whether its inverse is meant.
    fn slot(
        &self,
        family: Family,
        name: &str,
        at: Span,
        names: &[&str],
    ) -> Result<(usize, bool), ReadError> {
        if family == Family::NegativeBinomial && name == "overdispersion" {
            return Ok((1, true));
        }
        if !family.signature().variadic
            && let Some(slot) = names.iter().position(|known| *known == name)
        {
            return Ok((slot, false));
        }
        let mut known = names.to_vec();
        if family == Family::NegativeBinomial {
            known.push("overdispersion");
        }
        let error = self
            .source
            .error(
                at,
                format!("`{}` has no argument `{name}`", family.name()),
                "not an argument",
            )
            .with_help(format!(
                "arguments of {}: {}",
                family.name(),
                known.join(", ")
            ));
        Err(if family.signature().variadic {
            error.with_help(format!("write {}(0.2, 0.3, 0.5)", family.name()))
        } else {
            error.with_help_if(spelling::advice(name, known))
        })
    }

    /// 1 / overdispersion.
    fn inverse(&mut self, node: Node, written: &Expression) -> Result<Node, ReadError> {
        if let Some(value) = self.graph.as_constant(node)
            && (value <= 0.0 || !value.is_finite())
        {
            return Err(self
                .source
                .error(
                    written.at,
                    format!("overdispersion is {value}, but must be positive"),
                    "not positive",
                )
                .with_help("without overdispersion, write Poisson(mean)"));
        }
        let one = self.graph.constant(1.0);
        Ok(self.graph.divide(one, node))
    }

    /// Refuses constants that no value of the other arguments could make possible.
    fn check(&self, family: Family, arguments: &[Placed], role: Role) -> Result<(), ReadError> {
        const FILLERS: [f64; 6] = [0.5, 1.0, 0.0, 2.0, 1e9, -1e9];
        let constants: Vec<Option<f64>> = arguments
            .iter()
            .map(|(node, _)| self.graph.as_constant(*node))
            .collect();
        let mut refusal = None;
        for filler in FILLERS {
            let values: Vec<f64> = constants.iter().map(|c| c.unwrap_or(filler)).collect();
            match family.check(&values) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    let position = match &error {
                        ArgumentError::Value { position, .. } => *position,
                        ArgumentError::Count { .. } => 0,
                    };
                    if constants.get(position).is_some_and(Option::is_some) {
                        refusal.get_or_insert((position, error));
                    }
                }
            }
        }
        let Some((position, error)) = refusal else {
            return Ok(());
        };
        let what = match role {
            Role::Prior => "prior",
            Role::Observation => "distribution",
        };
        Err(self
            .source
            .error(
                arguments[position].1,
                format!("impossible {what}: {error}"),
                format!("an argument of {}", family.name()),
            )
            .with_help("the book's chapter on distributions says what each argument may be"))
    }
}
