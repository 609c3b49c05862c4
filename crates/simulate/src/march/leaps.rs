//! Reactions in leaps: rates -> how often each reaction fires in a step -> new states.
//!
//! Tau-leaping (Gillespie 2001, "Approximate accelerated stochastic simulation of chemically reacting
//! systems") draws Poisson numbers of firings, the chemical Langevin equation (Gillespie 2000) normal
//! ones of the same mean and variance. A step is fixed, or chosen so that no rate changes much within
//! it (Cao, Gillespie & Petzold 2006, "Efficient step size selection for the tau-leaping simulation
//! method", eqs. 32 and 33). Where a leap would hold but a few firings, tau-leaping makes single, exact
//! jumps instead.

use gnomon_mechanism::Family;
use gnomon_mechanism::model::{Counts, Leap};
use gnomon_mechanism::random::{Purpose, Stream};

use super::Group;
use crate::block::Block;
use crate::failure::Failure;
use crate::lanes::{Lanes, run};
use crate::reactions::Reactions;
use crate::sheet::Sheet;

/// Fewer expected firings than this in a leap: one exact jump instead.
const FEWEST_FIRINGS: f64 = 10.0;
/// How steeply rates may depend on a state: 2 for encounters of two.
const ORDER: f64 = 2.0;
/// The change of a state, in individuals, that any leap of normal numbers may make.
const LEAST: f64 = 0.1;
/// More steps than this in one simulation: a failed row.
const MOST_STEPS: u32 = 100_000_000;

/// Reactions that fire in steps.
#[derive(Clone, Debug)]
pub(crate) struct LeapPlan {
    pub reactions: Reactions,
    /// Whether each state is in some rate or condition.
    pub reactants: Vec<bool>,
    pub counts: Counts,
    pub leap: Leap,
}

/// What happens next in one simulation.
enum Next {
    /// A step of this length.
    Leap(f64),
    /// One firing of this reaction, after this time.
    Jump(usize, f64),
    /// Nothing until the next stop.
    Wait,
}

impl<const W: usize> Group<'_, W> {
    pub(super) fn leap(&mut self, plan: &LeapPlan, block: &Block<'_>, sheet: &mut Sheet) {
        let lanes = self.rows.len();
        let stream =
            |&row: &usize| Stream::new(block.seed, Purpose::DYNAMICS, block.simulations[row]);
        let mut streams: Vec<Stream> = self.rows.iter().map(stream).collect();
        let mut now = Lanes::<W>::all(self.start);
        let mut rates = vec![0.0; plan.reactions.names.len()];
        let mut steps: u32 = 0;
        loop {
            for lane in 0..lanes {
                self.settle(lane, now.0[lane], now.0[lane], true, sheet);
            }
            if !self.running.contains(&true) {
                return;
            }
            self.frame[0] = now;
            let propensities = &plan.reactions.propensities;
            run(
                self.compiled.set,
                propensities,
                &mut self.frame,
                self.outputs,
            );
            steps += 1;
            for (lane, stream) in streams.iter_mut().enumerate() {
                if !self.running[lane] {
                    continue;
                }
                sheet.evaluations += 1;
                for (rate, slot) in rates.iter_mut().zip(&self.frame[self.outputs..]) {
                    *rate = slot.0[lane];
                }
                let wrong = match steps < MOST_STEPS {
                    true => unsound(&plan.reactions, &rates, now.0[lane]),
                    false => Some(Failure::StepLimit { steps: MOST_STEPS }),
                };
                if let Some(failure) = wrong {
                    sheet.fail(self.rows[lane], failure);
                    self.running[lane] = false;
                    continue;
                }
                let stop = self.next_asked(lane).min(self.next_event(lane));
                now.0[lane] = self.step(plan, lane, &rates, now.0[lane], stop, stream);
            }
        }
    }

    /// Moves one lane on, to `stop` at most; the time it comes to.
    fn step(
        &mut self,
        plan: &LeapPlan,
        lane: usize,
        rates: &[f64],
        now: f64,
        stop: f64,
        stream: &mut Stream,
    ) -> f64 {
        let left = stop - now;
        match self.next(plan, lane, rates, stream) {
            Next::Leap(longest) => {
                let meets = left <= longest * (1.0 + 1e-9);
                let step = if meets { left } else { longest };
                for (reaction, &rate) in rates.iter().enumerate() {
                    let mean = rate * step;
                    let count = match plan.counts {
                        Counts::Poisson => Family::Poisson.sample(&[mean], stream),
                        Counts::Normal => mean + mean.sqrt() * stream.normal(),
                    };
                    self.fire_reaction(plan, lane, reaction, count);
                }
                if meets { stop } else { now + step }
            }
            Next::Jump(reaction, wait) if wait < left => {
                self.fire_reaction(plan, lane, reaction, 1.0);
                now + wait
            }
            Next::Jump(..) | Next::Wait => stop,
        }
    }

    fn next(&self, plan: &LeapPlan, lane: usize, rates: &[f64], stream: &mut Stream) -> Next {
        let accuracy = match plan.leap {
            Leap::Fixed(step) => return Next::Leap(step),
            Leap::Adaptive(accuracy) => accuracy,
        };
        let total: f64 = rates.iter().sum();
        if total == 0.0 {
            return Next::Wait;
        }
        let leap = self.longest(plan, lane, rates, accuracy);
        if plan.counts == Counts::Normal || leap * total >= FEWEST_FIRINGS {
            return Next::Leap(leap);
        }
        let wait = stream.exponential() / total;
        let mut target = stream.uniform() * total;
        let mut fires = rates.len() - 1;
        for (reaction, rate) in rates.iter().enumerate() {
            target -= rate;
            if target < 0.0 {
                fires = reaction;
                break;
            }
        }
        Next::Jump(fires, wait)
    }

    /// The longest step in which no reactant's expected change, nor its sd, exceeds the share `accuracy`
    /// of it over the order, or one individual (a tenth where no single jumps are made).
    fn longest(&self, plan: &LeapPlan, lane: usize, rates: &[f64], accuracy: f64) -> f64 {
        let mut longest = f64::INFINITY;
        for (state, _) in plan.reactants.iter().enumerate().filter(|(_, is)| **is) {
            let (mut drift, mut variance) = (0.0, 0.0);
            for (changes, rate) in plan.reactions.changes.iter().zip(rates) {
                for &(_, amount) in changes.iter().filter(|(component, _)| *component == state) {
                    drift += amount * rate;
                    variance += amount * amount * rate;
                }
            }
            let least = match plan.counts {
                Counts::Poisson => 1.0,
                Counts::Normal => LEAST,
            };
            let most = (accuracy * self.frame[1 + state].0[lane] / ORDER).max(least);
            if variance > 0.0 {
                longest = longest.min(most / drift.abs()).min(most * most / variance);
            }
        }
        longest
    }

    /// Lets a reaction fire `count` times, or as often as what it consumes allows.
    fn fire_reaction(&mut self, plan: &LeapPlan, lane: usize, reaction: usize, count: f64) {
        let states = self.compiled.dynamics.states;
        let changes = &plan.reactions.changes[reaction];
        let mut possible = count;
        for &(component, amount) in changes.iter().filter(|(component, _)| *component < states) {
            let there = self.frame[1 + component].0[lane].max(0.0);
            if there + amount * possible < 0.0 {
                let limit = there / -amount;
                possible = match plan.counts {
                    Counts::Poisson => limit.floor(),
                    Counts::Normal => limit,
                };
            }
        }
        for &(component, amount) in changes {
            let to = &mut self.frame[1 + component].0[lane];
            *to += amount * possible;
            // A rest of rounding is nothing.
            if possible != count && component < states && *to < 0.0 {
                *to = 0.0;
            }
        }
    }
}

/// What is wrong with the rates, if anything.
fn unsound(reactions: &Reactions, rates: &[f64], time: f64) -> Option<Failure> {
    let (place, rate) = rates
        .iter()
        .enumerate()
        .find(|(_, rate)| !(**rate >= 0.0 && **rate < f64::INFINITY))?;
    let reaction = reactions.names[place].clone();
    Some(match *rate < 0.0 {
        true => Failure::NegativeRate { reaction, time },
        false => Failure::non_finite(format!("the rate of {reaction} at time {time}")),
    })
}
