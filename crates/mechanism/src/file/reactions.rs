//! `[[reactions]]` -> differential equations, or a jump process, exact or in steps.

use super::dynamics::state;
use super::lower::{Lowering, Scope};
use super::names::Meaning;
use super::solver::{check_solver, leap, ode_solver};
use super::vectors::INDEX;
use super::written::{Written, WrittenChange, WrittenReaction};
use crate::expression::{Input, Node};
use crate::model::{Counts, Law, Reaction};
use crate::source::{ReadError, Span};

/// The law of motion that reactions make for so many states.
pub(super) fn law(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
    reactions: &[WrittenReaction],
    at: Span,
    states: usize,
) -> Result<Law, ReadError> {
    if written.states.is_empty() {
        return Err(written
            .source
            .error(at, "reactions without states", "what do they change?")
            .with_help("add [states], each with its value at the start"));
    }
    let method = method(written)?;
    let whole = matches!(method, Method::Jumps | Method::Leaps(Counts::Poisson));
    let mut list = Vec::new();
    for reaction in reactions {
        let mut change = Vec::new();
        for part in &reaction.change {
            let amount = part.amount;
            if whole && amount.fract() != 0.0 {
                return Err(written
                    .source
                    .error(
                        part.amount_at,
                        format!("individuals are counted, but this change is {amount}"),
                        "not a whole number",
                    )
                    .with_help("write whole numbers, or method = \"ode\" or \"langevin\""));
            }
            let name = entry_of(lowering, reaction, part)?;
            let changed = state(lowering, &name, part.state_at)?;
            // Two entries may be one and the same at an end, as in "I[max(i - 1, 1)]".
            match change.iter_mut().find(|(other, _)| *other == changed) {
                Some((_, sum)) => *sum += amount,
                None => change.push((changed, amount)),
            }
        }
        change.retain(|(_, amount)| *amount != 0.0);
        let (rate, bound) = numbered(lowering, reaction, |lowering| {
            let bound = reaction.bound.as_ref();
            let bound = bound.map(|bound| lowering.lower(bound, Scope::Moving));
            Ok((
                lowering.lower(&reaction.rate, Scope::Moving)?,
                bound.transpose()?,
            ))
        })?;
        lowering.rates.push(rate);
        if method == Method::Jumps {
            check_bound(lowering, reaction, rate, bound)?;
        }
        list.push(Reaction {
            name: reaction.name.value.clone(),
            rate,
            change,
            bound,
        });
    }
    if whole {
        check_whole_initials(lowering, written)?;
    }
    match method {
        Method::Jumps => {
            check_solver(written, "an exact jump process", &["start"])?;
            return Ok(Law::Jumps { reactions: list });
        }
        Method::Leaps(counts) => {
            return Ok(Law::Leaps {
                reactions: list,
                counts,
                leap: leap(written)?,
            });
        }
        Method::Ode => {}
    }
    let zero = lowering.graph.constant(0.0);
    let mut derivatives = vec![zero; states];
    for reaction in &list {
        for &(state, amount) in &reaction.change {
            let amount = lowering.graph.constant(amount);
            let term = lowering.graph.multiply(amount, reaction.rate);
            derivatives[state] = lowering.graph.add(derivatives[state], term);
        }
    }
    Ok(Law::Ode {
        derivatives,
        solver: ode_solver(written)?,
    })
}

/// Runs `work` where `i` is the number of the reaction, if it has one.
fn numbered<T>(
    lowering: &mut Lowering<'_>,
    reaction: &WrittenReaction,
    work: impl FnOnce(&mut Lowering<'_>) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    match reaction.entry {
        None => work(lowering),
        Some(number) => {
            let node = lowering.graph.constant(number as f64);
            lowering.with_index(INDEX, node, work)
        }
    }
}

/// The name of the state that is changed; of a vector, that of its entry.
fn entry_of(
    lowering: &mut Lowering<'_>,
    reaction: &WrittenReaction,
    part: &WrittenChange,
) -> Result<String, ReadError> {
    let Some(index) = &part.index else {
        return Ok(part.state.clone());
    };
    let size = match lowering.names.get(&part.state) {
        Some(Meaning::Vector(size)) => size,
        None => return state(lowering, &part.state, part.state_at).map(|_| part.state.clone()),
        _ => {
            return Err(lowering
                .source
                .error(
                    part.state_at,
                    format!("`{}` has no entries", part.state),
                    "not a vector of states",
                )
                .with_help("say size = ... where it is declared in [states]"));
        }
    };
    let place = numbered(lowering, reaction, |lowering| lowering.constant(index))?;
    if place.fract() != 0.0 || !(1.0..=size as f64).contains(&place) {
        return Err(lowering
            .source
            .error(
                part.state_at,
                format!("`{}` has no entry {place}", part.state),
                "outside",
            )
            .with_help(format!("entries go from 1 to {size}")));
    }
    Ok(format!("{}_{place}", part.state))
}

/// How reactions run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Ode,
    Jumps,
    Leaps(Counts),
}

const METHODS: [(&str, Method, &str); 4] = [
    ("ode", Method::Ode, "differential equations"),
    ("ssa", Method::Jumps, "exact jump process"),
    (
        "tau-leaping",
        Method::Leaps(Counts::Poisson),
        "jumps in steps",
    ),
    (
        "langevin",
        Method::Leaps(Counts::Normal),
        "chemical Langevin equation",
    ),
];

fn method(written: &Written<'_>) -> Result<Method, ReadError> {
    let Some(name) = &written.method else {
        return Ok(Method::Ode);
    };
    let known = METHODS.iter().find(|(known, ..)| *known == name.value);
    known.map(|(_, method, _)| *method).ok_or_else(|| {
        let all = METHODS.map(|(name, _, what)| format!("\"{name}\" ({what})"));
        written
            .source
            .error(
                name.at,
                format!("reactions cannot run by `{}`", name.value),
                "not available",
            )
            .with_help(format!("available: {}", all.join(", ")))
    })
}

/// Under ssa, a rate that depends on time needs a bound that does not.
fn check_bound(
    lowering: &Lowering<'_>,
    reaction: &WrittenReaction,
    rate: Node,
    bound: Option<Node>,
) -> Result<(), ReadError> {
    let timed = |node: Node| lowering.graph.inputs_of(&[node]).contains(&Input::Time);
    match (timed(rate), bound, &reaction.bound) {
        (true, None, _) => Err(lowering
            .source
            .error(
                reaction.rate.at,
                format!("the rate of `{}` depends on time", reaction.name.value),
                "depends on time",
            )
            .with_help(
                "under ssa add bound = \"...\", a value without t that the rate never exceeds",
            )),
        (_, Some(bound), Some(written)) if timed(bound) => Err(lowering
            .source
            .error(
                written.at,
                "a bound cannot depend on time",
                "depends on time",
            )
            .with_help("use the largest value over all times")),
        _ => Ok(()),
    }
}

fn check_whole_initials(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
) -> Result<(), ReadError> {
    let all = lowering.all_drawn();
    for named in &written.states {
        let node = lowering.lower_named(named, all)?;
        if let Some(value) = lowering.graph.as_constant(node)
            && (value < 0.0 || value.fract() != 0.0)
        {
            return Err(written
                .source
                .error(
                    named.value.at,
                    format!("`{}` counts individuals, but starts at {value}", named.name),
                    "not a count",
                )
                .with_help("start at a whole number, 0 or more, for instance with floor(...)"));
        }
    }
    Ok(())
}
