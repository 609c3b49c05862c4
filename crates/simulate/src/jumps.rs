//! Jump processes, simulated exactly: rates -> time of the next jump -> which one -> new states.
//!
//! The direct method (Gillespie 1977), where only the rates that a jump changed are worked out
//! again. A rate that depends on time is thinned (Lewis & Shedler 1979) under its declared bound.

use gnomon_mechanism::elementary::ln;
use gnomon_mechanism::expression::{Binary, Graph, Input, Node, Operation, Unary};
use gnomon_mechanism::model::{Dynamics, Reaction};
use gnomon_mechanism::random::{Purpose, Stream};

use crate::block::Block;
use crate::compiled::Compiled;
use crate::failure::{Failure, SimulateError};
use crate::lanes::{Frame, LaneTape, Plan, dispatched, run};
use crate::sheet::Sheet;

/// More jumps than this in one simulation: a failed row.
const MOST_JUMPS: u64 = 100_000_000;

/// The reactions of a jump process, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Reactions {
    names: Vec<String>,
    /// What each reaction's propensity is in the direct method: its rate, or its bound.
    propensities: Vec<Propensity>,
    /// The rates of thinned reactions.
    thinned: Vec<Option<LaneTape>>,
    /// What is added to which component (states, then flows).
    changes: Vec<Vec<(usize, f64)>>,
    /// The propensities to work out again after each reaction.
    affected: Vec<Vec<usize>>,
}

#[derive(Clone, Debug)]
enum Propensity {
    /// A constant times hoisted numbers (by slot; true divides) times states (by slot).
    Product {
        constant: f64,
        factors: Vec<(usize, bool)>,
        states: Vec<usize>,
    },
    /// Anything else.
    Tape(LaneTape),
}

impl Reactions {
    pub fn new(
        graph: &Graph,
        dynamics: &Dynamics,
        reactions: &[Reaction],
        rates: &[Node],
        bounds: &[Node],
        plan: &mut Plan,
    ) -> Result<Self, SimulateError> {
        let states = dynamics.states.len();
        let components = states + dynamics.flows.len();
        let mut bounds = bounds.iter();
        let (mut propensities, mut thinned, mut reads) = (Vec::new(), Vec::new(), Vec::new());
        for (reaction, &rate) in reactions.iter().zip(rates) {
            let bound = reaction.bound.and_then(|_| bounds.next().copied());
            let by_time = graph.inputs_of(&[rate]).contains(&Input::Time);
            if by_time && bound.is_none() {
                return Err(SimulateError::Unsupported(format!(
                    "the rate of {} depends on time: declare a bound for it",
                    reaction.name
                )));
            }
            let node = bound.unwrap_or(rate);
            reads.push(graph.inputs_of(&[node]));
            propensities.push(match product(graph, node, components) {
                Some(product) => product,
                None => Propensity::Tape(LaneTape::compile(graph, &[node], plan)),
            });
            thinned.push(bound.map(|_| LaneTape::compile(graph, &[rate], plan)));
        }
        let changes: Vec<Vec<(usize, f64)>> = reactions
            .iter()
            .enumerate()
            .map(|(number, reaction)| {
                let mut change = reaction.change.clone();
                for (flow, counted) in dynamics.flows.iter().enumerate() {
                    let weights = counted.firings.iter().filter(|&&(r, _)| r == number);
                    change.extend(weights.map(|&(_, weight)| (states + flow, weight)));
                }
                change.retain(|&(_, amount)| amount != 0.0);
                change
            })
            .collect();
        let affected = changes
            .iter()
            .map(|change| {
                let touched = |input: &Input| match input {
                    Input::State(state) => change.iter().any(|&(to, _)| to == *state),
                    Input::Time => true,
                    _ => false,
                };
                (0..reactions.len())
                    .filter(|&r| reads[r].iter().any(touched))
                    .collect()
            })
            .collect();
        Ok(Self {
            names: reactions.iter().map(|r| r.name.clone()).collect(),
            propensities,
            thinned,
            changes,
            affected,
        })
    }
}

/// `node` as a product of states and numbers known before the simulation, if it is one.
fn product(graph: &Graph, node: Node, components: usize) -> Option<Propensity> {
    let (mut constant, mut factors, mut states) = (1.0, Vec::new(), Vec::new());
    let mut open = vec![(node, false)];
    while let Some((node, divides)) = open.pop() {
        match graph.operation(node) {
            Operation::Constant(bits) if divides => constant /= f64::from_bits(bits),
            Operation::Constant(bits) => constant *= f64::from_bits(bits),
            Operation::Input(Input::Hoisted(h)) => factors.push((1 + components + h, divides)),
            Operation::Input(Input::State(state)) if !divides => states.push(1 + state),
            Operation::Binary(Binary::Multiply, a, b) => open.extend([(b, divides), (a, divides)]),
            Operation::Binary(Binary::Divide, a, b) => open.extend([(b, !divides), (a, divides)]),
            Operation::Unary(Unary::Power(2), a) => open.extend([(a, divides), (a, divides)]),
            _ => return None,
        }
    }
    Some(Propensity::Product {
        constant,
        factors,
        states,
    })
}

/// Runs every row of `block`.
pub(crate) fn jump(
    compiled: &Compiled,
    reactions: &Reactions,
    block: &Block<'_>,
    sheet: &mut Sheet,
) {
    let parameters = &compiled.from_parameters;
    let mut setup: Frame<1> = parameters.plan.frame(parameters.setup.outputs());
    let mut frame: Frame<1> = compiled
        .dynamics
        .plan
        .frame(compiled.dynamics.events.outputs().max(1));
    for row in 0..block.rows() {
        block.load_parameters(&[row], &mut setup);
        let first = parameters.plan.outputs();
        run(compiled.set, &parameters.setup, &mut setup, first);
        let mut process = Process::new(compiled, reactions, block, row);
        process.begin(&setup[first..], &mut frame);
        if let Err(failure) = travel(compiled.set, &mut process, &mut frame, sheet) {
            sheet.fail(row, failure);
        }
    }
}

struct Process<'a> {
    compiled: &'a Compiled,
    reactions: &'a Reactions,
    row: usize,
    stream: Stream,
    outputs: usize,
    /// What each product's numbers known before come to.
    coefficients: Vec<f64>,
    rates: Vec<f64>,
    events: crate::events::EventState,
    cursor: usize,
}

dispatched! {
    fn travel[]<>(process: &mut Process<'_>, frame: &mut Frame<1>, sheet: &mut Sheet) -> Result<(), Failure>
        = travel_body
}

#[inline(always)]
fn travel_body(
    process: &mut Process<'_>,
    frame: &mut Frame<1>,
    sheet: &mut Sheet,
) -> Result<(), Failure> {
    process.run(frame, sheet)
}

impl<'a> Process<'a> {
    fn new(
        compiled: &'a Compiled,
        reactions: &'a Reactions,
        block: &Block<'_>,
        row: usize,
    ) -> Self {
        Self {
            compiled,
            reactions,
            row,
            stream: Stream::new(block.seed, Purpose::DYNAMICS, block.simulations[row]),
            outputs: compiled.dynamics.plan.outputs(),
            coefficients: Vec::new(),
            rates: vec![0.0; reactions.propensities.len()],
            events: crate::events::EventState::default(),
            cursor: 0,
        }
    }

    /// Initial states, and what depends on the parameters alone.
    fn begin(&mut self, setup: &[crate::lanes::Lanes<1>], frame: &mut Frame<1>) {
        let dynamics = &self.compiled.dynamics;
        let (states, components) = (dynamics.states, dynamics.components);
        let hoisted = self.compiled.from_parameters.hoisted;
        frame[0].0[0] = dynamics.start;
        frame[1..=states].copy_from_slice(&setup[..states]);
        frame[1 + states..=components].fill(crate::lanes::Lanes::all(0.0));
        frame[1 + components..1 + components + hoisted]
            .copy_from_slice(&setup[states..states + hoisted]);
        self.coefficients = self
            .reactions
            .propensities
            .iter()
            .map(|propensity| match propensity {
                Propensity::Product {
                    constant, factors, ..
                } => factors.iter().fold(*constant, |product, &(slot, divides)| {
                    if divides {
                        product / frame[slot].0[0]
                    } else {
                        product * frame[slot].0[0]
                    }
                }),
                Propensity::Tape(_) => 0.0,
            })
            .collect();
        if !dynamics.events.is_empty() {
            let times = setup[states + hoisted..].iter().map(|t| t.0[0]);
            self.events = dynamics.events.state(times, dynamics.start);
            let set = self.compiled.set;
            dynamics
                .events
                .begin(set, &mut self.events, frame, self.outputs);
        }
    }

    #[inline(always)]
    fn rate(&self, reaction: usize, frame: &mut Frame<1>) -> f64 {
        match &self.reactions.propensities[reaction] {
            Propensity::Product { states, .. } => {
                let mut rate = self.coefficients[reaction];
                for &slot in states {
                    rate *= frame[slot].0[0];
                }
                rate
            }
            Propensity::Tape(tape) => {
                run(self.compiled.set, tape, frame, self.outputs);
                frame[self.outputs].0[0]
            }
        }
    }

    fn all_rates(&mut self, frame: &mut Frame<1>) {
        for reaction in 0..self.rates.len() {
            self.rates[reaction] = self.rate(reaction, frame);
        }
    }

    /// What a sum of rates that is not a number, or a negative rate, means.
    fn diagnose(&self, time: f64) -> Failure {
        let names = &self.reactions.names;
        match self.rates.iter().position(|&rate| !(rate >= 0.0 && rate.is_finite())) {
            Some(r) if self.rates[r] < 0.0 => Failure::NegativeRate {
                reaction: names[r].clone(),
                time,
            },
            Some(r) => Failure::non_finite(format!("the rate of {} at time {time}", names[r])),
            None => Failure::non_finite(format!("the sum of the rates at time {time}")),
        }
    }

    /// Records every asked time before `time`.
    #[inline(always)]
    fn record_before(&mut self, time: f64, frame: &Frame<1>, sheet: &mut Sheet) -> bool {
        let asked = &self.compiled.dynamics.asked;
        while self.cursor < asked.len() && asked[self.cursor] < time {
            let to = sheet.at_mut(self.row, self.cursor);
            for (j, to) in to.iter_mut().enumerate() {
                *to = frame[1 + j].0[0];
            }
            self.cursor += 1;
        }
        self.cursor == asked.len()
    }

    #[inline(always)]
    fn run(&mut self, frame: &mut Frame<1>, sheet: &mut Sheet) -> Result<(), Failure> {
        let dynamics = &self.compiled.dynamics;
        let has_conditions = dynamics.events.has_conditions();
        let has_events = !dynamics.events.is_empty();
        let mut time = dynamics.start;
        let mut next_event = self.events.next_time();
        let mut next_asked = dynamics.asked.first().copied().unwrap_or(f64::INFINITY);
        if dynamics.asked.is_empty() {
            return Ok(());
        }
        self.all_rates(frame);
        let mut jumps = 0u64;
        loop {
            let (mut total, mut least) = (0.0, 0.0f64);
            for &rate in &self.rates {
                total += rate;
                least = if rate < least { rate } else { least };
            }
            if least < 0.0 || !(total < f64::INFINITY) {
                return Err(self.diagnose(time));
            }
            let wait = -ln(self.stream.uniform()) / total; // infinite where nothing can happen
            let at = time + wait;
            if next_event <= at {
                // Set events interrupt the wait, which has no memory.
                if self.record_before(next_event, frame, sheet) {
                    return Ok(());
                }
                time = next_event;
                frame[0].0[0] = time;
                let set = self.compiled.set;
                dynamics
                    .events
                    .fire(set, &mut self.events, frame, self.outputs)?;
                next_event = self.events.next_time();
                next_asked = dynamics.asked[self.cursor];
                self.all_rates(frame);
                continue;
            }
            if next_asked < at {
                if self.record_before(at, frame, sheet) {
                    return Ok(());
                }
                next_asked = dynamics.asked[self.cursor];
            }
            time = at;
            jumps += 1;
            if jumps > MOST_JUMPS {
                return Err(Failure::JumpLimit { jumps: MOST_JUMPS });
            }
            frame[0].0[0] = time;
            let mut left = self.stream.uniform() * total;
            let mut reaction = usize::MAX;
            for (number, &rate) in self.rates.iter().enumerate() {
                // The last possible reaction takes what rounding leaves over.
                reaction = if rate > 0.0 { number } else { reaction };
                left -= rate;
                if left < 0.0 && rate > 0.0 {
                    break;
                }
            }
            if let Some(tape) = &self.reactions.thinned[reaction]
                && !self.keeps(reaction, tape, frame)?
            {
                continue;
            }
            for &(component, amount) in &self.reactions.changes[reaction] {
                frame[1 + component].0[0] += amount;
            }
            if has_conditions && has_events {
                let set = self.compiled.set;
                dynamics
                    .events
                    .fire(set, &mut self.events, frame, self.outputs)?;
                self.all_rates(frame);
            } else {
                for number in 0..self.reactions.affected[reaction].len() {
                    let affected = self.reactions.affected[reaction][number];
                    self.rates[affected] = self.rate(affected, frame);
                }
            }
        }
    }

    /// Whether a thinned reaction really happens at the frame's time.
    fn keeps(
        &mut self,
        reaction: usize,
        tape: &LaneTape,
        frame: &mut Frame<1>,
    ) -> Result<bool, Failure> {
        run(self.compiled.set, tape, frame, self.outputs);
        let (rate, bound) = (frame[self.outputs].0[0], self.rates[reaction]);
        let (name, time) = (|| self.reactions.names[reaction].clone(), frame[0].0[0]);
        if rate.is_nan() {
            let what = format!("the rate of {} at time {time}", name());
            return Err(Failure::non_finite(what));
        }
        if rate < 0.0 {
            return Err(Failure::NegativeRate {
                reaction: name(),
                time,
            });
        }
        // A rate equal to its bound may exceed it by rounding.
        if rate > bound * (1.0 + 1e-12) {
            return Err(Failure::RateAboveBound {
                reaction: name(),
                time,
            });
        }
        Ok(self.stream.uniform() * bound < rate)
    }
}
