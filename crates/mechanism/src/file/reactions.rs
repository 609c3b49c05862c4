//! `[[reactions]]` -> differential equations, or an exact jump process.

use super::dynamics::state;
use super::lower::{Lowering, Scope};
use super::solver::{check_solver, ode_solver};
use super::written::{Written, WrittenReaction};
use crate::expression::{Input, Node};
use crate::model::{Law, Reaction};
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
    let jumps = match written.method.as_ref().map(|method| method.value.as_str()) {
        None | Some("ode") => false,
        Some("ssa") => true,
        Some(other) => {
            let at = written.method.as_ref().map_or(at, |method| method.at);
            return Err(written
                .source
                .error(
                    at,
                    format!("reactions cannot run by `{other}`"),
                    "not available",
                )
                .with_help(
                    "available: \"ode\" (differential equations) and \"ssa\" (exact jump process)",
                ));
        }
    };
    let mut list = Vec::new();
    for reaction in reactions {
        let mut change = Vec::new();
        for part in &reaction.change {
            let amount = part.amount;
            if jumps && amount.fract() != 0.0 {
                return Err(written
                    .source
                    .error(
                        part.amount_at,
                        format!("under ssa, changes are whole numbers, but this is {amount}"),
                        "not a whole number",
                    )
                    .with_help("write whole numbers, or method = \"ode\""));
            }
            change.push((state(lowering, &part.state, part.state_at)?, amount));
        }
        let rate = lowering.lower(&reaction.rate, Scope::Moving)?;
        lowering.rates.push(rate);
        let bound = match &reaction.bound {
            Some(bound) => Some(lowering.lower(bound, Scope::Moving)?),
            None => None,
        };
        if jumps {
            check_bound(lowering, reaction, rate, bound)?;
        }
        list.push(Reaction {
            name: reaction.name.value.clone(),
            rate,
            change,
            bound,
        });
    }
    if jumps {
        check_solver(written, "an exact jump process", &["start"])?;
        check_whole_initials(lowering, written)?;
        return Ok(Law::Jumps { reactions: list });
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
                    format!("under ssa, `{}` counts, but starts at {value}", named.name),
                    "not a count",
                )
                .with_help("start at a whole number, 0 or more, for instance with floor(...)"));
        }
    }
    Ok(())
}
