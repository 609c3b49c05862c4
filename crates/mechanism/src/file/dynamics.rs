//! States and their law of motion: reactions, equations (with noise), or a map.

use super::lower::{Lowering, Scope};
use super::names::Meaning;
use super::solver::{check_solver, ode_solver, step};
use super::written::{Named, Written};
use crate::expression::{Input, Node};
use crate::model::{Dynamics, Law, Observed, OdeMethod, State};
use crate::source::section::Entry;
use crate::source::{ReadError, Span, spelling};

/// Steps in which a state must come to rest, unless the file says otherwise: some hundred suffice, but
/// where it goes round and round, all are taken.
const STEADY_STEPS: u32 = 10_000;

/// Dynamics without states.
pub(crate) fn without_states(law: Law, start: f64) -> Dynamics {
    Dynamics {
        states: Vec::new(),
        start,
        law,
        flows: Vec::new(),
        lags: Vec::new(),
        events: Vec::new(),
        moment: None,
    }
}

/// States, law and events; flows are found later, where they are observed.
pub(crate) fn dynamics(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
    start: f64,
) -> Result<Dynamics, ReadError> {
    if let Some(section) = &written.response {
        return super::response::dynamics(lowering, written, section);
    }
    refuse_two_laws(written)?;
    let states = states(lowering, written)?;
    let mut law = if let Some((at, reactions)) = &written.reactions {
        super::reactions::law(lowering, written, reactions, *at, states.len())?
    } else if let Some((_, named)) = &written.dynamics {
        of_equations(lowering, written, named, states.len())?
    } else if let Some((_, named)) = &written.map {
        check_solver(written, "a map", &["step", "start"])?;
        let hold = |_: &mut Lowering<'_>, input: Node| input;
        Law::Map {
            next: equations(lowering, written, named, "map", states.len(), hold)?,
            step: step(written)?.unwrap_or(1.0),
        }
    } else if let Some(state) = written.states.first() {
        return Err(written
            .source
            .error(
                state.name_at,
                "states that do not move",
                "how does it change?",
            )
            .with_help(
                "add [[reactions]], [dynamics] or [map]; a fixed quantity belongs in [derived]",
            ));
    } else {
        if let Some(event) = written.events.first() {
            return Err(event
                .error("an event without states", "nothing to change")
                .with_help("events need [states] with [[reactions]], [dynamics] or [map]"));
        }
        check_solver(written, "a mechanism without states", &[])?;
        return Ok(without_states(Law::Static, start));
    };
    if let Some(steady) = &steady(written) {
        rest(lowering, written, steady, &mut law)?;
    }
    lowering.flows_of_expressions = !matches!(law, Law::Jumps { .. } | Law::Leaps { .. });
    let events = super::events::events(lowering, written, &law, start)?;
    Ok(Dynamics {
        states,
        start,
        law,
        flows: Vec::new(),
        lags: Vec::new(),
        events,
        moment: None,
    })
}

/// Where `times` says "steady".
pub(super) fn steady<'a>(written: &Written<'a>) -> Option<Entry<'a>> {
    let times = written.observed.get("times")?;
    let steady = times.as_text().is_some_and(|text| text.value == "steady");
    steady.then_some(times)
}

/// Makes the law one whose states are asked for where they stand still.
fn rest(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
    steady: &Entry<'_>,
    law: &mut Law,
) -> Result<(), ReadError> {
    let Law::Ode {
        derivatives,
        solver,
    } = law
    else {
        return Err(steady
            .error(
                "only differential equations without noise come to rest",
                "a steady state of what?",
            )
            .with_help(
                "steady states are those of [dynamics], or of reactions with method = \"ode\"",
            ));
    };
    if lowering.graph.inputs_of(derivatives).contains(&Input::Time) {
        return Err(steady
            .error(
                "the law of motion depends on the time",
                "never comes to rest",
            )
            .with_help("observe it at times, or leave `t` out of it"));
    }
    if let Some(event) = written.events.first() {
        return Err(event
            .error("an event beside a steady state", "happens at which time?")
            .with_help("observe at times, or leave the event out"));
    }
    if solver.method == OdeMethod::Explicit {
        return Err(steady
            .error(
                "an explicit solver takes too many steps to a steady state",
                "with method = \"explicit\" in [solver]",
            )
            .with_help("leave `method` out"));
    }
    solver.method = OdeMethod::Stiff;
    solver.steady = true;
    lowering.at_rest = true;
    let limit = written.solver.as_ref().and_then(|s| s.get("most_steps"));
    if limit.is_none() {
        solver.most_steps = STEADY_STEPS;
    }
    Ok(())
}

/// Where a noisy system has no step of its own: a hundredth of the shortest interval observed.
pub(crate) fn settle_step(dynamics: &mut Dynamics, observed: &[Observed]) {
    let Law::Sde { step, .. } = &mut dynamics.law else {
        return;
    };
    if step.is_nan() {
        let mut times: Vec<f64> = observed.iter().flat_map(|o| o.times.clone()).collect();
        times.push(dynamics.start);
        times.sort_by(f64::total_cmp);
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        let shortest = gaps.filter(|&gap| gap > 0.0).fold(f64::INFINITY, f64::min);
        *step = if shortest.is_finite() {
            shortest / 100.0
        } else {
            0.01
        };
    }
}

fn refuse_two_laws(written: &Written<'_>) -> Result<(), ReadError> {
    let laws = [
        (
            "[[reactions]]",
            written.reactions.as_ref().map(|(at, _)| *at),
        ),
        ("[dynamics]", written.dynamics.as_ref().map(|(at, _)| *at)),
        ("[map]", written.map.as_ref().map(|(at, _)| *at)),
    ];
    let given: Vec<(&str, Span)> = laws
        .into_iter()
        .filter_map(|(name, at)| at.map(|at| (name, at)))
        .collect();
    if let [(first, _), (second, at), ..] = given.as_slice() {
        return Err(written
            .source
            .error(
                *at,
                format!("both {first} and {second} say how states move"),
                "a second law of motion",
            )
            .with_help("keep one of them"));
    }
    if let Some((at, _)) = &written.noise
        && written.dynamics.is_none()
    {
        return Err(written
            .source
            .error(*at, "[noise] without [dynamics]", "noise of what?")
            .with_help("noise stands beside [dynamics]: d state = dynamics dt + noise dW"));
    }
    if let Some(method) = &written.method
        && written.reactions.is_none()
    {
        return Err(written
            .source
            .error(
                method.at,
                "`method` without [[reactions]]",
                "a method of what?",
            )
            .with_help("`method` says how reactions run; the solver's method stands in [solver]"));
    }
    Ok(())
}

/// The file's states, and after them one for each parameter that an event switches.
fn states(lowering: &mut Lowering<'_>, written: &Written<'_>) -> Result<Vec<State>, ReadError> {
    let all = lowering.all_drawn();
    let mut states = Vec::new();
    for named in &written.states {
        states.push(State {
            name: named.name.clone(),
            initial: lowering.lower_named(named, all)?,
            unit: named.unit.clone(),
            description: named.description.clone(),
        });
    }
    let mut switched: Vec<(usize, usize)> =
        lowering.switched.iter().map(|(&p, &s)| (s, p)).collect();
    switched.sort_unstable();
    for (_, parameter) in switched {
        let Some(named) = written.drawn().nth(parameter) else {
            continue;
        };
        states.push(State {
            name: named.name.clone(),
            initial: lowering.graph.input(Input::Parameter(parameter)),
            unit: named.unit.clone(),
            description: named.description.clone(),
        });
    }
    Ok(states)
}

/// The position of a state that the file names at `at`.
pub(super) fn state(lowering: &Lowering<'_>, name: &str, at: Span) -> Result<usize, ReadError> {
    match lowering.names.get(name) {
        Some(Meaning::State(state)) => Ok(state),
        other => {
            let known = lowering.names.which(|m| matches!(m, Meaning::State(_)));
            let help = match other {
                Some(other) => Some(format!("`{name}` is {}", lowering.names.described(other))),
                None => spelling::nearest(name, known.iter().copied())
                    .map(|near| format!("did you mean `{near}`?"))
                    .or(Some(format!(
                        "add {name} = ..., its value at the start, to [states]"
                    ))),
            };
            Err(lowering
                .source
                .error(at, format!("`{name}` is not a state"), "not in [states]")
                .with_help_if(help))
        }
    }
}

fn of_equations(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
    named: &[Named],
    states: usize,
) -> Result<Law, ReadError> {
    let still = |lowering: &mut Lowering<'_>, _: Node| lowering.graph.constant(0.0);
    let drift = equations(lowering, written, named, "dynamics", states, still)?;
    let Some((_, noise)) = &written.noise else {
        return Ok(Law::Ode {
            derivatives: drift,
            solver: ode_solver(written)?,
        });
    };
    check_solver(written, "a system with noise", &["step", "start"])?;
    let mut diffusion = vec![lowering.graph.constant(0.0); states];
    let mut given = vec![false; states];
    for named in noise {
        let state = state(lowering, &named.name, named.name_at)?;
        if std::mem::replace(&mut given[state], true) {
            return Err(twice(lowering, named));
        }
        diffusion[state] = lowering.lower_named(named, Scope::Moving)?;
    }
    Ok(Law::Sde {
        drift,
        diffusion,
        step: step(written)?.unwrap_or(f64::NAN),
    })
}

fn twice(lowering: &Lowering<'_>, named: &Named) -> ReadError {
    lowering
        .source
        .error(
            named.name_at,
            format!("`{}` has two expressions", named.name),
            "the second one",
        )
        .with_help(
            "for one entry of a vector, write if(i == 1, ..., ...) in the vector's expression",
        )
}

/// One expression a state; a switched parameter gets what `held` makes of its present value.
fn equations(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
    named: &[Named],
    table: &str,
    states: usize,
    held: impl Fn(&mut Lowering<'_>, Node) -> Node,
) -> Result<Vec<Node>, ReadError> {
    let mut found: Vec<Option<Node>> = vec![None; states];
    for named in named {
        let state = state(lowering, &named.name, named.name_at)?;
        if found[state].is_some() {
            return Err(twice(lowering, named));
        }
        found[state] = Some(lowering.lower_named(named, Scope::Moving)?);
    }
    if let Some(named) = written
        .states
        .iter()
        .zip(&found)
        .find_map(|(named, found)| found.is_none().then_some(named))
    {
        let still = if table == "map" { &named.name } else { "0" };
        return Err(written
            .source
            .error(
                named.name_at,
                format!("the state `{}` has no expression in [{table}]", named.name),
                "how does it change?",
            )
            .with_help(format!(
                "add {} = \"...\" to [{table}]; \"{still}\" where it does not change",
                named.name
            )));
    }
    let all = found.into_iter().enumerate();
    Ok(all
        .map(|(state, found)| {
            found.unwrap_or_else(|| {
                let input = lowering.graph.input(Input::State(state));
                held(lowering, input)
            })
        })
        .collect())
}
