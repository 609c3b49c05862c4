//! `[[events]]`: what happens to states and parameters at a moment.

use super::lower::{Lowering, Scope};
use super::names::Meaning;
use super::observed::{Moment, moments};
use super::written::{Written, expression};
use crate::expression::parser::parse_text;
use crate::expression::syntax::{Infix, Kind, Prefix};
use crate::expression::{Binary, Expression, Node};
use crate::model::{Counts, Event, Law, Trigger};
use crate::source::section::{Entry, Section};
use crate::source::{ReadError, spelling};

/// Finds the parameters that events set: each becomes a state after the file's own.
pub(crate) fn find_switched(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
) -> Result<(), ReadError> {
    for event in &written.events {
        for effect in effects(event)? {
            match lowering.names.get(effect.key) {
                Some(Meaning::State(_)) => {}
                Some(Meaning::Parameter(parameter)) => {
                    let next = written.states.len() + lowering.switched.len();
                    lowering.switched.entry(parameter).or_insert(next);
                }
                _ => {
                    let known = lowering
                        .names
                        .which(|m| matches!(m, Meaning::State(_) | Meaning::Parameter(_)));
                    return Err(effect
                        .source
                        .error(
                            effect.key_at,
                            format!("an event cannot set `{}`", effect.key),
                            "neither a state nor a parameter",
                        )
                        .with_help_if(spelling::advice(effect.key, known)));
                }
            }
        }
    }
    Ok(())
}

fn effects<'a>(event: &Section<'a>) -> Result<Vec<Entry<'a>>, ReadError> {
    let set = event.need("set", "set = { state = \"...\" }")?;
    let effects = set.section("`set`")?.entries();
    if effects.is_empty() {
        return Err(set
            .error("an event that sets nothing", "name a state or a parameter")
            .with_help("write set = { I = \"I + 10\" }"));
    }
    Ok(effects)
}

/// The file's events, in its order.
pub(crate) fn events(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
    law: &Law,
    start: f64,
) -> Result<Vec<Event>, ReadError> {
    let mut list: Vec<Event> = Vec::new();
    for (position, section) in written.events.iter().enumerate() {
        let name = match section.get("name") {
            Some(entry) => entry.text()?.value,
            None => format!("event {}", position + 1),
        };
        let trigger = match (section.get("at"), section.get("when")) {
            (Some(at), None) => {
                if let Some(once) = section.get("once") {
                    return Err(once
                        .error("`once` belongs to `when`", "has no effect here")
                        .with_help("an event `at` a time happens at each of its times"));
                }
                Trigger::At(times(lowering, written, &at, start)?)
            }
            (None, Some(when)) => Trigger::Rises {
                expression: condition(lowering, &when, law)?,
                once: match section.get("once") {
                    Some(once) => once.truth()?,
                    None => false,
                },
            },
            (at, _) => {
                let what = if at.is_some() {
                    "both `at` and `when`"
                } else {
                    "neither `at` nor `when`"
                };
                return Err(section
                    .error(
                        format!("the event `{name}` has {what}"),
                        "when does it happen?",
                    )
                    .with_help("write at = \"30\" (a time) or when = \"I > 100\" (a condition)"));
            }
        };
        let mut changes = Vec::new();
        for effect in effects(section)? {
            let state = match lowering.names.get(effect.key) {
                Some(Meaning::State(state)) => Some(state),
                Some(Meaning::Parameter(parameter)) => lowering.switched.get(&parameter).copied(),
                _ => None,
            };
            let value = lowering.lower(&expression(&effect)?, Scope::Moving)?;
            changes.extend(state.map(|state| (state, value)));
        }
        list.push(Event {
            name,
            trigger,
            effects: changes,
        });
    }
    Ok(list)
}

/// The times of an event: expressions of the parameters.
fn times(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
    entry: &Entry<'_>,
    start: f64,
) -> Result<Vec<Node>, ReadError> {
    let all = lowering.all_drawn();
    let mut nodes = Vec::new();
    for moment in moments(lowering, entry)? {
        let (node, at) = match moment {
            Moment::Number(time, at) => (lowering.graph.constant(time), at),
            Moment::Expression(expression) => (lowering.lower(&expression, all)?, expression.at),
        };
        if let Some(time) = lowering.graph.as_constant(node)
            && (time < start || !time.is_finite())
        {
            return Err(written
                .source
                .error(
                    at,
                    format!("the event's time {time} is before the start, {start}"),
                    "never happens",
                )
                .with_help(
                    "give a time at or after the start; the value at the start is in `[states]`",
                ));
        }
        nodes.push(node);
    }
    Ok(nodes)
}

/// A condition as an expression that is above 0 where it is true.
fn condition(lowering: &mut Lowering<'_>, entry: &Entry<'_>, law: &Law) -> Result<Node, ReadError> {
    let text = entry.text()?;
    let written = parse_text(entry.source, &text)?;
    let meets_exactly = match law {
        Law::Jumps { .. } | Law::Map { .. } => true,
        Law::Leaps { counts, .. } => *counts == Counts::Poisson,
        _ => false,
    };
    rising(lowering, &written, true, meets_exactly)
}

/// Comparisons become differences, `and` the smaller, `or` the larger one: continuous where the
/// quantities are, so that a solver finds the moment of crossing.
fn rising(
    lowering: &mut Lowering<'_>,
    condition: &Expression,
    wanted: bool,
    meets_exactly: bool,
) -> Result<Node, ReadError> {
    let both = |lowering: &mut Lowering<'_>, a: &Expression, b: &Expression, joined: Binary| {
        let a = rising(lowering, a, wanted, meets_exactly)?;
        let b = rising(lowering, b, wanted, meets_exactly)?;
        Ok::<Node, ReadError>(lowering.graph.binary(joined, a, b))
    };
    match &condition.kind {
        Kind::Prefix(Prefix::Not, a) => rising(lowering, a, !wanted, meets_exactly),
        // By De Morgan's laws, what is not wanted turns `and` and `or` round.
        Kind::Infix(Infix::And, a, b) => both(
            lowering,
            a,
            b,
            if wanted { Binary::Min } else { Binary::Max },
        ),
        Kind::Infix(Infix::Or, a, b) => both(
            lowering,
            a,
            b,
            if wanted { Binary::Max } else { Binary::Min },
        ),
        Kind::Infix(Infix::Equal | Infix::NotEqual, ..) if !meets_exactly => Err(lowering
            .source
            .error(
                condition.at,
                "a moving quantity is never exactly equal",
                "an equality",
            )
            .with_help("write a comparison with < or >: the event happens when it becomes true")),
        Kind::Infix(
            infix @ (Infix::Less | Infix::LessEqual | Infix::Greater | Infix::GreaterEqual),
            a,
            b,
        ) if !meets_exactly => {
            let greater = matches!(infix, Infix::Greater | Infix::GreaterEqual);
            let a = lowering.lower(a, Scope::Moving)?;
            let b = lowering.lower(b, Scope::Moving)?;
            Ok(if greater == wanted {
                lowering.graph.subtract(a, b)
            } else {
                lowering.graph.subtract(b, a)
            })
        }
        _ => {
            let node = lowering.lower(condition, Scope::Moving)?;
            Ok(if wanted {
                node
            } else {
                lowering.graph.unary(crate::expression::Unary::Not, node)
            })
        }
    }
}
