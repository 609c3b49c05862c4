//! The reactions of a jump process, compiled: rates and what a firing changes.

use gnomon_mechanism::expression::{Graph, Input, Node};
use gnomon_mechanism::model::{Dynamics, Reaction};

use crate::failure::SimulateError;
use crate::lanes::{LaneTape, Plan};

/// Reactions, ready to fire.
#[derive(Clone, Debug)]
pub(crate) struct Reactions {
    pub names: Vec<String>,
    /// The rate of each; of a thinned reaction its bound.
    pub propensities: LaneTape,
    /// The rates of thinned reactions, and which these are.
    pub thinned: Option<(LaneTape, Vec<usize>)>,
    /// What a firing of each adds to which component (states, then flows).
    pub changes: Vec<Vec<(usize, f64)>>,
}

impl Reactions {
    /// For steps over which rates are held: nothing is thinned.
    pub fn new(
        graph: &Graph,
        dynamics: &Dynamics,
        reactions: &[Reaction],
        rates: &[Node],
        plan: &mut Plan,
    ) -> Self {
        Self {
            names: reactions.iter().map(|r| r.name.clone()).collect(),
            propensities: LaneTape::compile(graph, rates, plan),
            thinned: None,
            changes: changes(dynamics, reactions),
        }
    }

    /// For exact jumps: a rate with a bound is thinned, and one that depends on time needs a bound.
    ///
    /// # Errors
    /// Where it has none.
    pub fn thinned(
        graph: &Graph,
        dynamics: &Dynamics,
        reactions: &[Reaction],
        rates: &[Node],
        bounds: &[Node],
        plan: &mut Plan,
    ) -> Result<Self, SimulateError> {
        let mut bounds = bounds.iter();
        let (mut propensities, mut thinned_rates, mut thinned) = (vec![], vec![], vec![]);
        for (number, (reaction, &rate)) in reactions.iter().zip(rates).enumerate() {
            let bound = reaction.bound.and_then(|_| bounds.next().copied());
            let by_time = graph.inputs_of(&[rate]).contains(&Input::Time);
            if by_time && bound.is_none() {
                return Err(SimulateError::Unsupported(format!(
                    "the rate of {} depends on time: declare a bound for it",
                    reaction.name
                )));
            }
            propensities.push(bound.unwrap_or(rate));
            if bound.is_some() {
                thinned_rates.push(rate);
                thinned.push(number);
            }
        }
        let propensities = LaneTape::compile(graph, &propensities, plan);
        let rates = (!thinned.is_empty()).then(|| LaneTape::compile(graph, &thinned_rates, plan));
        Ok(Self {
            names: reactions.iter().map(|r| r.name.clone()).collect(),
            propensities,
            thinned: rates.map(|tape| (tape, thinned)),
            changes: changes(dynamics, reactions),
        })
    }
}

fn changes(dynamics: &Dynamics, reactions: &[Reaction]) -> Vec<Vec<(usize, f64)>> {
    let states = dynamics.states.len();
    let of = |(number, reaction): (usize, &Reaction)| {
        let mut change = reaction.change.clone();
        for (flow, counted) in dynamics.flows.iter().enumerate() {
            let weights = counted.firings.iter().filter(|&&(r, _)| r == number);
            change.extend(weights.map(|&(_, weight)| (states + flow, weight)));
        }
        change.retain(|&(_, amount)| amount != 0.0);
        change
    };
    reactions.iter().enumerate().map(of).collect()
}
