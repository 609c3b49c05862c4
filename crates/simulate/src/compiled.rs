//! A mechanism -> tapes: priors, what is worked out once a simulation, the law of motion, events
//! and observations.

use std::sync::Arc;

use gnomon_mechanism::Family;
use gnomon_mechanism::expression::{Binary, Graph, Input, Node, Operation, Tape};
use gnomon_mechanism::model::{
    Lagged, Law, Mechanism, Observed, OdeMethod, OdeSolver, Parameter, Trigger,
};

use crate::breaks::Breaks;
use crate::events::{Due, Effect, EventPlan};
use crate::failure::SimulateError;
use crate::lanes::{InstructionSet, LaneTape, Plan};
use crate::linear::Pattern;
use crate::march::LeapPlan;
use crate::reactions::Reactions;
use crate::response::{Parts, ResponsePlan};

/// A mechanism made ready to run; made once, used by every call, shared by threads.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(crate) mechanism: Arc<Mechanism>,
    pub(crate) set: InstructionSet,
    pub(crate) priors: Vec<(Family, Tape)>,
    pub(crate) latents: Vec<(Family, Tape)>,
    pub(crate) likelihood: Option<SeenPlan>,
    pub(crate) acceptance: Option<SeenPlan>,
    pub(crate) from_parameters: FromParameters,
    pub(crate) dynamics: DynamicsPlan,
    pub(crate) observation: ObservationPlan,
}

/// Expressions of parameters and observed numbers: the file's own log-likelihood or its derivatives, or
/// conditions of acceptance. Slots of its frames: parameters, observed numbers.
#[derive(Clone, Debug)]
pub(crate) struct SeenPlan {
    pub plan: Plan,
    pub tape: LaneTape,
}

impl SeenPlan {
    /// Of expressions of the parameters and the observed numbers.
    pub fn new(mechanism: &Mechanism, roots: &[Node]) -> Self {
        let mut slots: Vec<Option<Input>> = (0..mechanism.parameters.len())
            .map(|p| Some(Input::Parameter(p)))
            .collect();
        slots.extend((0..mechanism.observed_count()).map(|column| Some(Input::Observed(column))));
        let mut plan = Plan::new(&mechanism.graph, &slots, roots);
        let tape = LaneTape::compile(&mechanism.graph, roots, &mut plan);
        Self { plan, tape }
    }
}

/// What depends on the parameters and latents alone. Slots of its frames: parameters, then latents.
#[derive(Clone, Debug)]
pub(crate) struct FromParameters {
    pub plan: Plan,
    /// The derived quantities.
    pub derived: LaneTape,
    /// Initial states, then hoisted numbers, then times of events and of breaks.
    pub setup: LaneTape,
    pub hoisted: usize,
}

/// How the states move. Slots of its frames: time, states, accumulated flows, hoisted numbers.
#[derive(Clone, Debug)]
pub(crate) struct DynamicsPlan {
    pub plan: Plan,
    pub law: LawPlan,
    pub events: EventPlan,
    pub states: usize,
    /// States and flows.
    pub components: usize,
    pub start: f64,
    /// All times at which something is observed, increasing.
    pub asked: Vec<f64>,
    pub names: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum LawPlan {
    Static,
    Ode(OdePlan),
    /// Drift, diffusion, then flow rates, in one tape.
    Sde {
        tape: LaneTape,
        step: f64,
    },
    /// Next states, then flow rates, in one tape.
    Map {
        tape: LaneTape,
        step: f64,
    },
    Jumps(Reactions),
    Leaps(LeapPlan),
    Response(ResponsePlan),
    Program,
}

#[derive(Clone, Debug)]
pub(crate) struct OdePlan {
    pub solver: OdeSolver,
    /// One derivative a component.
    pub slopes: LaneTape,
    /// Whether they depend on the time.
    pub timed: bool,
    pub stiff: Option<StiffPlan>,
}

/// The Jacobian's entries that are not 0, and the derivatives by time that are not 0.
#[derive(Clone, Debug)]
pub(crate) struct StiffPlan {
    pub tape: LaneTape,
    /// (row, column) of the tape's first outputs.
    pub entries: Vec<(usize, usize)>,
    /// Component of each of the tape's last outputs.
    pub by_time: Vec<usize>,
    /// How systems with this Jacobian are solved.
    pub pattern: Pattern,
}

/// What is seen. Slots of its frames: time, states, flows, parameters and latents.
#[derive(Clone, Debug)]
pub(crate) struct ObservationPlan {
    pub plan: Plan,
    pub series: Vec<SeriesPlan>,
    pub states: usize,
    pub flows: usize,
    /// The bank's column names.
    pub columns: Vec<String>,
}

/// A slot that holds what a component was some entries earlier.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LagPlan {
    pub slot: usize,
    /// State, or flow behind the states.
    pub component: usize,
    pub entries: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct SeriesPlan {
    pub family: Family,
    /// The distribution's arguments, then whether the entry is missing if that may be, then what it is
    /// rounded to if it may be.
    pub tape: LaneTape,
    /// How many arguments there are.
    pub arguments: usize,
    pub missing: bool,
    pub rounded: bool,
    pub times: Vec<f64>,
    /// For each entry, where its time stands among the asked times.
    pub asked: Vec<usize>,
    /// States and flows that it depends on.
    pub reads: Vec<usize>,
    /// What it looks back to.
    pub lags: Vec<LagPlan>,
    /// The state that it is, where it is one, seen exactly and always.
    pub state: Option<usize>,
}

impl Compiled {
    /// Compiles every expression of `mechanism`.
    ///
    /// # Errors
    /// Where the mechanism asks for something that cannot be run exactly.
    pub fn new(mechanism: &Mechanism) -> Result<Self, SimulateError> {
        Self::with_set(mechanism, InstructionSet::best())
    }

    /// As [`Compiled::new`], for a given instruction set (results do not depend on it).
    ///
    /// # Errors
    /// As [`Compiled::new`].
    pub fn with_set(mechanism: &Mechanism, set: InstructionSet) -> Result<Self, SimulateError> {
        let tape = |parameter: &Parameter| {
            let prior = &parameter.prior;
            let arguments = Tape::compile(&mechanism.graph, &prior.arguments);
            (prior.family, arguments)
        };
        let (dynamics, prepared, graph) = dynamics(mechanism)?;
        Ok(Self {
            set,
            priors: mechanism.parameters.iter().map(tape).collect(),
            latents: mechanism.latents.iter().map(tape).collect(),
            likelihood: mechanism
                .likelihood
                .map(|l| SeenPlan::new(mechanism, &[l.log])),
            acceptance: (!mechanism.acceptance.is_empty()).then(|| {
                let all = mechanism.acceptance.iter().map(|rule| rule.condition);
                SeenPlan::new(mechanism, &all.collect::<Vec<_>>())
            }),
            from_parameters: from_parameters(mechanism, &prepared, &graph),
            dynamics,
            observation: observation(mechanism),
            mechanism: Arc::new(mechanism.clone()),
        })
    }

    /// The mechanism this was made from.
    #[must_use]
    pub fn mechanism(&self) -> &Mechanism {
        &self.mechanism
    }

    /// The names of the observed columns, in the order of every observed result.
    #[must_use]
    pub fn observed_columns(&self) -> &[String] {
        &self.observation.columns
    }
}

fn parameter_slots(mechanism: &Mechanism) -> Vec<Option<Input>> {
    (0..mechanism.parameters.len() + mechanism.latents.len())
        .map(|p| Some(Input::Parameter(p)))
        .collect()
}

fn event_times(mechanism: &Mechanism) -> Vec<Node> {
    let events = mechanism.dynamics.events.iter();
    events
        .filter_map(|event| match &event.trigger {
            Trigger::At(times) => Some(times.clone()),
            Trigger::Rises { .. } => None,
        })
        .flatten()
        .collect()
}

/// What the dynamics want worked out once a simulation.
struct Prepared {
    hoisted: Vec<Node>,
    /// Times of events, then of breaks.
    times: Vec<Node>,
}

fn from_parameters(mechanism: &Mechanism, prepared: &Prepared, graph: &Graph) -> FromParameters {
    let derived: Vec<Node> = mechanism.derived.iter().map(|d| d.value).collect();
    let mut setup: Vec<Node> = mechanism
        .dynamics
        .states
        .iter()
        .map(|s| s.initial)
        .collect();
    setup.extend(&prepared.hoisted);
    setup.extend(&prepared.times);
    let roots: Vec<Node> = derived.iter().chain(&setup).copied().collect();
    let mut plan = Plan::new(graph, &parameter_slots(mechanism), &roots);
    FromParameters {
        derived: LaneTape::compile(graph, &derived, &mut plan),
        setup: LaneTape::compile(graph, &setup, &mut plan),
        plan,
        hoisted: prepared.hoisted.len(),
    }
}

/// The dynamics, what they want worked out once a simulation, and the graph that all live in.
fn dynamics(mechanism: &Mechanism) -> Result<(DynamicsPlan, Prepared, Graph), SimulateError> {
    let dynamics = &mechanism.dynamics;
    let mut graph = mechanism.graph.clone();
    let states = dynamics.states.len();
    let flows: Vec<Node> = dynamics.flows.iter().map(|flow| flow.rate).collect();

    // Every expression that runs inside a simulation, hoisted together so that slots are shared.
    let mut groups: Vec<Vec<Node>> = Vec::new();
    let mut stiff = None;
    let mut response = None;
    match &dynamics.law {
        Law::Static | Law::Program(_) => {}
        Law::Ode {
            derivatives,
            solver,
        } => {
            let slopes: Vec<Node> = derivatives.iter().chain(&flows).copied().collect();
            if solver.method != OdeMethod::Explicit {
                let jacobian = jacobian(&mut graph, &slopes, states);
                groups.push(slopes);
                groups.push(jacobian.0);
                stiff = Some((jacobian.1, jacobian.2));
            } else {
                groups.push(slopes);
            }
        }
        Law::Sde {
            drift, diffusion, ..
        } => {
            let all = drift.iter().chain(diffusion).chain(&flows);
            groups.push(all.copied().collect());
        }
        Law::Leaps { reactions, .. } => {
            groups.push(reactions.iter().map(|reaction| reaction.rate).collect());
        }
        Law::Response(written) => {
            let parts = Parts::new(&mut graph, written);
            groups.push(parts.nodes.clone());
            response = Some(parts);
        }
        Law::Map { next, .. } => groups.push(next.iter().chain(&flows).copied().collect()),
        Law::Jumps { reactions } => {
            groups.push(reactions.iter().map(|reaction| reaction.rate).collect());
            let bounds = reactions.iter().filter_map(|reaction| reaction.bound);
            groups.push(bounds.collect());
        }
    }
    let mut asked: Vec<f64> = mechanism
        .observed
        .iter()
        .flat_map(|observed| observed.times.iter().copied())
        .collect();
    asked.sort_by(f64::total_cmp);
    asked.dedup();
    let mut breaks = Breaks::default();
    if matches!(dynamics.law, Law::Ode { .. })
        && let Some(&end) = asked.last()
    {
        breaks = Breaks::find(&mut graph, &groups[0], dynamics.start, end);
    }
    let law_groups = groups.len();
    let mut conditions = Vec::new();
    for event in &dynamics.events {
        if let Trigger::Rises { expression, .. } = &event.trigger {
            conditions.push(*expression);
        }
        groups.push(event.effects.iter().map(|&(_, value)| value).collect());
    }
    // Only a solver's steps are searched for the moment of crossing.
    let crossings = match dynamics.law {
        Law::Ode { .. } => crossings(&graph, &conditions),
        _ => Vec::new(),
    };
    conditions.extend(&crossings);
    groups.push(conditions);
    let mut all: Vec<Node> = groups.iter().flatten().copied().collect();
    // A map is iterated as it is written: its orbit may be chaotic.
    if matches!(dynamics.law, Law::Ode { .. } | Law::Sde { .. }) {
        all = graph.regroup_products(&all);
    }
    let (moved, hoisted) = graph.hoist(&all);
    let mut rest = moved.as_slice();
    for group in &mut groups {
        let (own, others) = rest.split_at(group.len());
        group.copy_from_slice(own);
        rest = others;
    }

    let components = states + flows.len();
    let mut slots = vec![Some(Input::Time)];
    slots.extend((0..states).map(|s| Some(Input::State(s))));
    slots.extend((0..flows.len()).map(|_| None));
    slots.extend((0..hoisted.len()).map(|h| Some(Input::Hoisted(h))));
    let mut plan = Plan::new(&graph, &slots, &moved);
    let mut law = match &dynamics.law {
        Law::Static => LawPlan::Static,
        Law::Program(_) => LawPlan::Program,
        Law::Response(_) => match response {
            Some(parts) => LawPlan::Response(parts.plan(&graph, &groups[0], &mut plan)),
            None => LawPlan::Static,
        },
        Law::Ode { solver, .. } => LawPlan::Ode(OdePlan {
            solver: *solver,
            timed: graph.inputs_of(&groups[0]).contains(&Input::Time),
            slopes: LaneTape::compile(&graph, &groups[0], &mut plan),
            stiff: stiff.map(|(entries, by_time)| StiffPlan {
                tape: LaneTape::compile(&graph, &groups[1], &mut plan),
                pattern: Pattern::new(components, &entries),
                entries,
                by_time,
            }),
        }),
        Law::Sde { step, .. } => LawPlan::Sde {
            tape: LaneTape::compile(&graph, &groups[0], &mut plan),
            step: *step,
        },
        Law::Map { step, .. } => LawPlan::Map {
            tape: LaneTape::compile(&graph, &groups[0], &mut plan),
            step: *step,
        },
        Law::Jumps { reactions } => LawPlan::Jumps(Reactions::thinned(
            &graph, dynamics, reactions, &groups[0], &groups[1], &mut plan,
        )?),
        Law::Leaps {
            reactions,
            counts,
            leap,
        } => {
            let reactions = Reactions::new(&graph, dynamics, reactions, &groups[0], &mut plan);
            LawPlan::Leaps(LeapPlan {
                reactants: vec![false; states],
                reactions,
                counts: *counts,
                leap: *leap,
            })
        }
    };
    let mut events = events(mechanism, &graph, &groups[law_groups..], &mut plan)?;
    if let LawPlan::Leaps(plan) = &mut law {
        let tapes = [
            Some(&plan.reactions.propensities),
            events.conditions.as_ref(),
        ];
        for (state, reactant) in plan.reactants.iter_mut().enumerate() {
            *reactant = tapes.iter().flatten().any(|tape| tape.reads(1 + state));
        }
    }
    events.crossings = crossings.len();
    events.breaks = breaks.fixed;
    let longest = asked.last().map_or(0.0, |end| end.abs());
    events.margin = 16.0 * f64::EPSILON * longest.max(dynamics.start.abs());
    let moving = breaks.moving.iter().map(|_| Due::Break);
    events.schedule.extend(moving);
    let mut times = event_times(mechanism);
    times.extend(breaks.moving);
    let plan = DynamicsPlan {
        plan,
        law,
        events,
        states,
        components,
        start: dynamics.start,
        asked,
        names: dynamics.states.iter().map(|s| s.name.clone()).collect(),
    };
    Ok((plan, Prepared { hoisted, times }, graph))
}

/// The quantities of which conditions are the smaller or the larger ones.
fn crossings(graph: &Graph, conditions: &[Node]) -> Vec<Node> {
    let mut open = conditions.to_vec();
    let mut found = Vec::new();
    while let Some(node) = open.pop() {
        match graph.operation(node) {
            Operation::Binary(Binary::Min | Binary::Max, a, b) => open.extend([a, b]),
            _ if found.contains(&node) => {}
            _ => found.push(node),
        }
    }
    found
}

/// The derivatives of `slopes` that are not 0: nodes, their (row, column), then the components
/// whose derivative by time is not 0, whose nodes come last.
fn jacobian(
    graph: &mut Graph,
    slopes: &[Node],
    states: usize,
) -> (Vec<Node>, Vec<(usize, usize)>, Vec<usize>) {
    let (mut nodes, mut entries, mut by_time) = (Vec::new(), Vec::new(), Vec::new());
    for (row, &slope) in slopes.iter().enumerate() {
        for input in graph.inputs_of(&[slope]) {
            if let Input::State(column) = input
                && column < states
            {
                let node = graph.derivative(slope, input);
                if graph.as_constant(node) != Some(0.0) {
                    nodes.push(node);
                    entries.push((row, column));
                }
            }
        }
    }
    for (row, &slope) in slopes.iter().enumerate() {
        let node = graph.derivative(slope, Input::Time);
        if graph.as_constant(node) != Some(0.0) {
            nodes.push(node);
            by_time.push(row);
        }
    }
    (nodes, entries, by_time)
}

fn events(
    mechanism: &Mechanism,
    graph: &Graph,
    groups: &[Vec<Node>],
    plan: &mut Plan,
) -> Result<EventPlan, SimulateError> {
    let dynamics = &mechanism.dynamics;
    let mut made = EventPlan::default();
    let conditions = &groups[dynamics.events.len()];
    for (number, event) in dynamics.events.iter().enumerate() {
        match &event.trigger {
            Trigger::At(times) => made
                .schedule
                .extend(std::iter::repeat_n(Due::Event(number), times.len())),
            Trigger::Rises { once, .. } => {
                made.rising.push((number, *once));
            }
        }
        made.effects.push(Effect {
            tape: LaneTape::compile(graph, &groups[number], plan),
            targets: event.effects.iter().map(|&(state, _)| state).collect(),
        });
    }
    if !conditions.is_empty() {
        let by_time = graph.inputs_of(conditions).contains(&Input::Time);
        if by_time && matches!(dynamics.law, Law::Jumps { .. }) {
            return Err(SimulateError::Unsupported(
                "a condition that depends on time cannot be met exactly by a jump process; \
                 use an event at a set time"
                    .into(),
            ));
        }
        made.conditions = Some(LaneTape::compile(graph, conditions, plan));
    }
    Ok(made)
}

fn observation(mechanism: &Mechanism) -> ObservationPlan {
    let dynamics = &mechanism.dynamics;
    let (states, flows) = (dynamics.states.len(), dynamics.flows.len());
    let mut slots = vec![Some(Input::Time)];
    slots.extend((0..states).map(|s| Some(Input::State(s))));
    slots.extend((0..flows).map(|f| Some(Input::Flow(f))));
    slots.extend(parameter_slots(mechanism));
    let first_lag = slots.len();
    slots.extend((0..dynamics.lags.len()).map(|lag| Some(Input::Lag(lag))));
    let mut asked: Vec<f64> = Vec::new();
    for observed in &mechanism.observed {
        asked.extend(&observed.times);
    }
    asked.sort_by(f64::total_cmp);
    asked.dedup();
    let roots: Vec<Node> = mechanism
        .observed
        .iter()
        .flat_map(Observed::nodes)
        .collect();
    let mut plan = Plan::new(&mechanism.graph, &slots, &roots);
    let series = mechanism
        .observed
        .iter()
        .map(|observed| {
            let arguments = &observed.distribution.arguments;
            let tape = LaneTape::compile(&mechanism.graph, &observed.nodes(), &mut plan);
            let lags = dynamics
                .lags
                .iter()
                .enumerate()
                .map(|(number, lag)| LagPlan {
                    slot: first_lag + number,
                    component: match lag.of {
                        Lagged::State(state) => state,
                        Lagged::Flow(flow) => states + flow,
                    },
                    entries: lag.entries,
                });
            let place = |time: &f64| asked.partition_point(|other| other < time);
            SeriesPlan {
                family: observed.distribution.family,
                arguments: arguments.len(),
                missing: observed.missing.is_some(),
                rounded: observed.rounded.is_some(),
                lags: lags.filter(|lag| tape.reads(lag.slot)).collect(),
                reads: (0..states + flows).filter(|&c| tape.reads(1 + c)).collect(),
                state: arguments.iter().find_map(|&argument| {
                    match mechanism.graph.operation(argument) {
                        Operation::Input(Input::State(state)) if observed.is_plain() => Some(state),
                        _ => None,
                    }
                }),
                tape,
                times: observed.times.clone(),
                asked: observed.times.iter().map(place).collect(),
            }
        })
        .collect();
    ObservationPlan {
        plan,
        series,
        states,
        flows,
        columns: mechanism
            .observed
            .iter()
            .flat_map(gnomon_mechanism::model::Observed::columns)
            .collect(),
    }
}
