//! A mechanism -> the same mechanism with forward sensitivities: beside each state x_j and each
//! parameter p that it depends on, a state s = scale_p dx_j/dp, which moves by
//! s' = sum_i (df_j/dx_i) s_i + scale_p df_j/dp (Hairer, Norsett & Wanner 1993, I.14).
//!
//! The scale is the width of the parameter's prior, so that the solver's tolerances mean the same for
//! sensitivities as for states.

use std::collections::HashMap;

use gnomon_mechanism::Family;
use gnomon_mechanism::expression::{Binary, Graph, Input, Inputs, Node, Operation, Tape, Unary};
use gnomon_mechanism::model::{Event, Flow, Law, Mechanism, State, Trigger};

use crate::failure::SimulateError;

/// Sensitivities beyond which there is no use in solving for them.
const MOST_SENSITIVITIES: usize = 2000;

/// What the extended mechanism's observed arguments are.
#[derive(Clone, Debug)]
pub(crate) struct Sensitive {
    /// Of the states behind the mechanism's own: whose sensitivity it is, and the place among the free parameters of
    /// that by which.
    pub states: Vec<(usize, usize)>,
    /// One a series.
    pub series: Vec<SeriesSlopes>,
    /// Of each free parameter: derivatives are with respect to the parameter in these units.
    pub scale: Vec<f64>,
}

/// A series' own arguments come first, then the derivatives that are not 0.
#[derive(Clone, Debug)]
pub(crate) struct SeriesSlopes {
    pub arguments: usize,
    /// The argument and the place among the free parameters of each derivative.
    pub pairs: Vec<(usize, usize)>,
}

/// Where the sensitivities of states and flows lie.
struct Places<'a> {
    free: &'a [usize],
    scale: &'a [f64],
    /// (state, place among the free parameters) -> state.
    states: HashMap<(usize, usize), usize>,
    /// The same of flows.
    flows: HashMap<(usize, usize), usize>,
}

/// The mechanism with sensitivities to the parameters `free`.
pub(super) fn extended(
    mechanism: &Mechanism,
    free: &[usize],
) -> Result<(Mechanism, Sensitive), SimulateError> {
    if let Some(reason) = not_smooth(mechanism, free) {
        return Err(SimulateError::Unsupported(reason));
    }
    if !mechanism.dynamics.lags.is_empty() {
        return Err(SimulateError::Unsupported(
            "an observed series looks back".into(),
        ));
    }
    let scale = widths(mechanism, free);
    let mut new = mechanism.clone();
    let places = places(mechanism, free, &scale);
    let count = places.states.len() + places.flows.len();
    if count > MOST_SENSITIVITIES {
        return Err(SimulateError::Unsupported(format!(
            "it would take {count} sensitivities of states to parameters"
        )));
    }
    let graph = &mut new.graph;
    let dynamics = &mechanism.dynamics;
    let made = &mut new.dynamics;
    let mut added: Vec<(usize, (usize, usize))> =
        places.states.iter().map(|(&of, &to)| (to, of)).collect();
    added.sort_unstable();
    for (_, (state, p)) in &added {
        let initial = places.by(graph, dynamics.states[*state].initial, *p);
        made.states.push(State {
            initial,
            ..dynamics.states[*state].clone()
        });
    }
    match &mut made.law {
        Law::Ode {
            derivatives: motion,
            ..
        }
        | Law::Map { next: motion, .. } => {
            let totals: Vec<Vec<Node>> = motion.iter().map(|&f| places.all(graph, f)).collect();
            motion.extend(added.iter().map(|(_, (state, p))| totals[*state][*p]));
        }
        Law::Sde {
            drift, diffusion, ..
        } => {
            for motion in [drift, diffusion] {
                let totals: Vec<Vec<Node>> = motion.iter().map(|&f| places.all(graph, f)).collect();
                motion.extend(added.iter().map(|(_, (state, p))| totals[*state][*p]));
            }
        }
        _ => {}
    }
    let mut added_flows: Vec<(usize, (usize, usize))> =
        places.flows.iter().map(|(&of, &to)| (to, of)).collect();
    added_flows.sort_unstable();
    for (_, (flow, p)) in added_flows {
        let rate = places.by(graph, dynamics.flows[flow].rate, p);
        made.flows.push(Flow {
            rate,
            firings: Vec::new(),
        });
    }
    for (event, made) in dynamics.events.iter().zip(&mut made.events) {
        for &(state, value) in &event.effects {
            let totals = places.all(graph, value);
            for (p, total) in totals.into_iter().enumerate() {
                if let Some(&to) = places.states.get(&(state, p)) {
                    made.effects.push((to, total));
                }
            }
        }
    }
    let mut series = Vec::new();
    for observed in &mut new.observed {
        let distribution = &mut observed.distribution;
        let own = distribution.arguments.clone();
        let mut pairs = Vec::new();
        // What is seen exactly has no density.
        if distribution.family != Family::Exact {
            for (argument, &node) in own.iter().enumerate() {
                for (p, total) in places.all(graph, node).into_iter().enumerate() {
                    if graph.as_constant(total) != Some(0.0) {
                        distribution.arguments.push(total);
                        pairs.push((argument, p));
                    }
                }
            }
        }
        series.push(SeriesSlopes {
            arguments: own.len(),
            pairs,
        });
    }
    let states = added.into_iter().map(|(_, of)| of).collect();
    Ok((
        new,
        Sensitive {
            states,
            series,
            scale,
        },
    ))
}

impl Places<'_> {
    /// scale_p d`node`/dp for each free parameter p, through states and flows.
    fn all(&self, graph: &mut Graph, node: Node) -> Vec<Node> {
        let mut inputs = graph.inputs_of(&[node]);
        inputs.retain(|input| match input {
            Input::Parameter(p) => self.free.contains(p),
            Input::State(_) | Input::Flow(_) => true,
            _ => false,
        });
        let slopes = graph.gradient(node, &inputs);
        let zero = graph.constant(0.0);
        let mut totals = vec![zero; self.free.len()];
        for (&input, slope) in inputs.iter().zip(slopes) {
            if graph.as_constant(slope) == Some(0.0) {
                continue;
            }
            for (p, total) in totals.iter_mut().enumerate() {
                let moved = match input {
                    Input::Parameter(number) if self.free[p] == number => {
                        graph.constant(self.scale[p])
                    }
                    Input::State(state) => match self.states.get(&(state, p)) {
                        Some(&place) => graph.input(Input::State(place)),
                        None => continue,
                    },
                    Input::Flow(flow) => match self.flows.get(&(flow, p)) {
                        Some(&place) => graph.input(Input::Flow(place)),
                        None => continue,
                    },
                    _ => continue,
                };
                let term = graph.multiply(slope, moved);
                *total = graph.add(*total, term);
            }
        }
        totals
    }

    fn by(&self, graph: &mut Graph, node: Node, p: usize) -> Node {
        self.all(graph, node)[p]
    }
}

/// Which states and flows depend on which free parameters, and where those sensitivities will lie.
fn places<'a>(mechanism: &Mechanism, free: &'a [usize], scale: &'a [f64]) -> Places<'a> {
    let dynamics = &mechanism.dynamics;
    let graph = &mechanism.graph;
    // What each state is made of: initial value, law of motion, what events make it.
    let motions: Vec<&[Node]> = match &dynamics.law {
        Law::Ode {
            derivatives: motion,
            ..
        }
        | Law::Map { next: motion, .. } => vec![motion],
        Law::Sde {
            drift, diffusion, ..
        } => vec![drift, diffusion],
        _ => Vec::new(),
    };
    let mut inputs: Vec<Vec<Input>> = (0..dynamics.states.len())
        .map(|state| {
            let mut roots = vec![dynamics.states[state].initial];
            roots.extend(motions.iter().filter_map(|motion| motion.get(state)));
            let effects = dynamics.events.iter().flat_map(|event| &event.effects);
            roots.extend(effects.filter(|(to, _)| *to == state).map(|(_, node)| node));
            graph.inputs_of(&roots)
        })
        .collect();
    let states = inputs.len();
    let rates = dynamics
        .flows
        .iter()
        .map(|flow| graph.inputs_of(&[flow.rate]));
    inputs.extend(rates);
    let mut depends = vec![vec![false; free.len()]; inputs.len()];
    loop {
        let mut changed = false;
        for (component, inputs) in inputs.iter().enumerate() {
            for input in inputs {
                for p in 0..free.len() {
                    let moves = match input {
                        Input::Parameter(number) => free[p] == *number,
                        Input::State(state) => depends[*state][p],
                        _ => false,
                    };
                    changed |= moves && !depends[component][p];
                    depends[component][p] |= moves;
                }
            }
        }
        if !changed {
            break;
        }
    }
    let number = |components: std::ops::Range<usize>| {
        let first = components.start;
        let all = components.clone().flat_map(|c| {
            let depends = &depends;
            (0..free.len())
                .filter(move |&p| depends[c][p])
                .map(move |p| (c - first, p))
        });
        let count = components.len();
        all.enumerate().map(|(k, of)| (of, count + k)).collect()
    };
    Places {
        free,
        scale,
        states: number(0..states),
        flows: number(states..inputs.len()),
    }
}

/// Why the states' derivatives by the parameters do not follow from the law of motion, if they do not.
fn not_smooth(mechanism: &Mechanism, free: &[usize]) -> Option<String> {
    let graph = &mechanism.graph;
    let dynamics = &mechanism.dynamics;
    let moves = |nodes: &[Node], states: bool| {
        graph.inputs_of(nodes).iter().any(|input| match input {
            Input::Parameter(p) => free.contains(p),
            Input::State(_) => states,
            _ => false,
        })
    };
    let is_ode = matches!(dynamics.law, Law::Ode { .. });
    for Event { name, trigger, .. } in &dynamics.events {
        let moving = match trigger {
            Trigger::At(times) => moves(times, false),
            Trigger::Rises { expression, .. } => is_ode && moves(&[*expression], true),
        };
        if moving {
            return Some(format!("when `{name}` happens depends on the parameters"));
        }
    }
    // A noisy state is anywhere: a jump at some place of it matters only if the place moves.
    let (roots, by_state): (Vec<Node>, bool) = match &dynamics.law {
        Law::Ode { derivatives, .. } => {
            let rates = dynamics.flows.iter().map(|flow| flow.rate);
            (derivatives.iter().copied().chain(rates).collect(), true)
        }
        Law::Sde { drift, .. } => {
            let seen = mechanism.observed.iter();
            let seen = seen.flat_map(|observed| &observed.distribution.arguments);
            (drift.iter().chain(seen).copied().collect(), false)
        }
        _ => return None,
    };
    let jumps = graph.reachable(&roots).into_iter().any(|node| {
        let operation = graph.operation(node);
        let steps = match operation {
            Operation::Select { condition, .. } => return moves(&[condition], by_state),
            Operation::Unary(function, _) => {
                matches!(function, Unary::Floor | Unary::Ceil | Unary::Sign)
            }
            Operation::Binary(function, ..) => matches!(
                function,
                Binary::Less | Binary::LessEqual | Binary::Equal | Binary::Modulo
            ),
            _ => false,
        };
        steps && moves(&operation.operands().collect::<Vec<_>>(), by_state)
    });
    jumps.then(|| {
        "the law of motion may jump where a comparison depends on states or parameters".into()
    })
}

/// Half the width of the middle 68 % of each free parameter's prior, the parameters before it at their
/// medians; 1 where that is no use.
fn widths(mechanism: &Mechanism, free: &[usize]) -> Vec<f64> {
    let mut medians = vec![0.0; mechanism.parameters.len()];
    let mut widths = Vec::new();
    for (number, parameter) in mechanism.parameters.iter().enumerate() {
        let prior = &parameter.prior;
        let inputs = Inputs {
            parameters: &medians,
            ..Inputs::default()
        };
        let arguments = Tape::compile(&mechanism.graph, &prior.arguments).evaluate(&inputs);
        let quantile = |p: f64| prior.family.quantile(&arguments, p);
        if free.contains(&number) {
            let width = 0.5 * (quantile(0.84) - quantile(0.16));
            let sound = width.is_finite() && width > 0.0;
            widths.push(if sound { width } else { 1.0 });
        }
        medians[number] = quantile(0.5);
    }
    widths
}
