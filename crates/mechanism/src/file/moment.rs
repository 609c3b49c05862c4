//! `times = "T"`: observed once, at a time that is an expression of the parameters. The clock of such a
//! mechanism runs from 0 to 1: from its start to that time.

use super::lower::Lowering;
use super::written::Written;
use crate::expression::parser::parse_ranges;
use crate::expression::{Expression, Graph, Input, Node};
use crate::model::{Dynamics, Law, Moment, Observed, Trigger};
use crate::source::ReadError;

/// The time that [observed] gives as an expression of the parameters, if it does.
pub(crate) fn moment(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
) -> Result<Option<Node>, ReadError> {
    let Some(entry) = written.observed.get("times") else {
        return Ok(None);
    };
    let Some(text) = entry.as_text().filter(|text| text.value != "steady") else {
        return Ok(None);
    };
    let mut parts = parse_ranges(entry.source, &text)?;
    let expression: Expression = match (parts.pop(), parts.is_empty()) {
        (Some(mut range), true) if range.len() == 1 => range.remove(0),
        _ => return Ok(None),
    };
    let scope = lowering.all_drawn();
    // What is wrong with it is said where times are read.
    let Ok(node) = lowering.lower(&expression, scope) else {
        return Ok(None);
    };
    if lowering.graph.inputs_of(&[node]).is_empty() {
        return Ok(None);
    }
    let refused = [
        (written.program.is_some(), "a program"),
        (written.response.is_some(), "a [response]"),
    ];
    match refused.into_iter().find(|(is, _)| *is) {
        None => Ok(Some(node)),
        Some((_, what)) => Err(entry
            .error(
                format!("{what} is not observed at a time that is a parameter"),
                "needs [dynamics], or reactions with method = \"ode\"",
            )
            .with_help("write times that are numbers")),
    }
}

/// Lets the clock of a mechanism run from 0 to 1, which is from its start to `moment`.
pub(crate) fn rewrite(
    graph: &mut Graph,
    written: &Written<'_>,
    dynamics: &mut Dynamics,
    observed: &mut [Observed],
    moment: Node,
) -> Result<(), ReadError> {
    if !matches!(dynamics.law, Law::Ode { .. } | Law::Static) {
        let entry = written.observed.get("times");
        let at = entry.map_or(written.observed.at, |entry| entry.at);
        return Err(written
            .source
            .error(
                at,
                "only differential equations without noise, and formulas, are observed at a time that is a \
                 parameter",
                "this law of motion needs times that are numbers",
            )
            .with_help("write numbers, or reactions with method = \"ode\""));
    }
    let start = graph.constant(dynamics.start);
    let span = graph.subtract(moment, start);
    let share = graph.input(Input::Time);
    let gone = graph.multiply(share, span);
    let now = graph.add(start, gone);
    let on_clock = |graph: &mut Graph, node: Node| {
        graph.substitute(node, |input| (input == Input::Time).then_some(now))
    };
    let slower = |graph: &mut Graph, rate: &mut Node| {
        let own = on_clock(graph, *rate);
        *rate = graph.multiply(span, own);
    };
    if let Law::Ode { derivatives, .. } = &mut dynamics.law {
        derivatives.iter_mut().for_each(|rate| slower(graph, rate));
    }
    let flows = dynamics.flows.iter_mut();
    flows.for_each(|flow| slower(graph, &mut flow.rate));
    for event in &mut dynamics.events {
        match &mut event.trigger {
            Trigger::At(times) => {
                for time in times {
                    let after = graph.subtract(*time, start);
                    *time = graph.divide(after, span);
                }
            }
            Trigger::Rises { expression, .. } => *expression = on_clock(graph, *expression),
        }
        for (_, value) in &mut event.effects {
            *value = on_clock(graph, *value);
        }
    }
    for series in observed {
        let seen = series.distribution.arguments.iter_mut();
        for node in seen.chain(&mut series.missing).chain(&mut series.rounded) {
            *node = graph.substitute(*node, |input| (input == Input::Time).then_some(moment));
        }
        series.times = vec![1.0];
    }
    dynamics.moment = Some(Moment {
        start: dynamics.start,
        at: moment,
    });
    dynamics.start = 0.0;
    Ok(())
}
