//! Interventions: at set times, and when a condition rises above 0; and breaks of the law of
//! motion, at which nothing happens but that a step ends. One simulation at a time.

use crate::failure::Failure;
use crate::lanes::{Frame, InstructionSet, LaneTape, Lanes, run};

/// More events than this in one simulation is a storm: a failed row.
const MOST_EVENTS: u32 = 100_000;

/// The events of a mechanism, compiled.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventPlan {
    /// What is due at each of the setup tape's last outputs, in their order.
    pub schedule: Vec<Due>,
    /// Breaks at the same time in every simulation.
    pub breaks: Vec<f64>,
    /// A step ends so long before a break, and the next one begins as long behind it: enough that
    /// rounding cannot put either on the other side.
    pub margin: f64,
    /// One output for each entry of `rising`, then the `crossings`.
    pub conditions: Option<LaneTape>,
    /// How many quantities there are that a condition can only rise with when they cross 0.
    pub crossings: usize,
    /// Events set off by a rising condition, and whether only once.
    pub rising: Vec<(usize, bool)>,
    /// One for each event.
    pub effects: Vec<Effect>,
}

/// What happens at a set time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The law of motion is not smooth: the next step begins behind it.
    Break,
    /// The event of this number.
    Event(usize),
}

/// What an event does: output k of the tape becomes state `targets[k]`.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub tape: LaneTape,
    pub targets: Vec<usize>,
}

/// Where one simulation stands with its events.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventState {
    /// Set times and what is due then, in order.
    times: Vec<(f64, Due)>,
    next: usize,
    /// Each condition's value at the last look.
    before: Vec<f64>,
    spent: Vec<bool>,
    fired: u32,
}

impl EventPlan {
    pub fn is_empty(&self) -> bool {
        self.effects.is_empty() && self.breaks.is_empty() && self.schedule.is_empty()
    }

    pub fn has_conditions(&self) -> bool {
        self.conditions.is_some()
    }

    /// A simulation's events before its start; `times` in the order of `schedule`.
    pub fn state(&self, times: impl Iterator<Item = f64>, start: f64) -> EventState {
        let breaks = self.breaks.iter().map(|&time| (time, Due::Break));
        let before = |(time, due): (f64, Due)| match due {
            Due::Break if time >= start => ((time - self.margin).max(start), due),
            _ => (time, due),
        };
        let mut times: Vec<(f64, Due)> = times
            .zip(self.schedule.iter().copied())
            .chain(breaks)
            .map(before)
            .filter(|&(time, _)| time >= start)
            .collect();
        times.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        EventState {
            times,
            next: 0,
            before: vec![f64::NAN; self.rising.len()],
            spent: vec![false; self.rising.len()],
            fired: 0,
        }
    }

    /// How many slots behind the plan's the single-lane frame needs.
    pub fn outputs(&self) -> usize {
        let effects = self.effects.iter().map(|effect| effect.tape.outputs());
        effects
            .max()
            .unwrap_or(0)
            .max(self.rising.len() + self.crossings)
    }

    fn look(&self, set: InstructionSet, single: &mut Frame<1>, outputs: usize) -> Vec<f64> {
        let Some(tape) = &self.conditions else {
            return Vec::new();
        };
        run(set, tape, single, outputs);
        (0..self.rising.len())
            .map(|k| single[outputs + k].0[0])
            .collect()
    }

    /// The quantities with which conditions can rise when they cross 0.
    pub fn crossings(
        &self,
        set: InstructionSet,
        single: &mut Frame<1>,
        outputs: usize,
    ) -> Vec<f64> {
        self.look(set, single, outputs);
        let first = outputs + self.rising.len();
        (first..first + self.crossings)
            .map(|slot| single[slot].0[0])
            .collect()
    }

    /// Notes the conditions at the simulation's start.
    pub fn begin(
        &self,
        set: InstructionSet,
        state: &mut EventState,
        single: &mut Frame<1>,
        outputs: usize,
    ) {
        state.before = self.look(set, single, outputs);
    }

    /// Whether a condition that may still fire has risen since the last look.
    pub fn risen(
        &self,
        set: InstructionSet,
        state: &EventState,
        single: &mut Frame<1>,
        outputs: usize,
    ) -> bool {
        let now = self.look(set, single, outputs);
        (0..now.len()).any(|k| state.before[k] <= 0.0 && now[k] > 0.0 && !self.is_spent(state, k))
    }

    fn is_spent(&self, state: &EventState, k: usize) -> bool {
        state.spent[k] && self.rising[k].1
    }

    /// Moves past a stretch without events: notes the conditions.
    pub fn pass(
        &self,
        set: InstructionSet,
        state: &mut EventState,
        single: &mut Frame<1>,
        outputs: usize,
    ) {
        state.before = self.look(set, single, outputs);
    }

    /// Applies what is due at the time in `single`: events set for it (or earlier), events whose
    /// condition has risen, and those that these set off; a break moves the time behind it. Says
    /// whether anything happened.
    pub fn fire(
        &self,
        set: InstructionSet,
        state: &mut EventState,
        single: &mut Frame<1>,
        outputs: usize,
    ) -> Result<bool, Failure> {
        let mut due = Vec::new();
        let mut happened = false;
        while let Some(&(at, what)) = state.times.get(state.next)
            && at <= single[0].0[0]
        {
            match what {
                Due::Event(event) => due.push(event),
                Due::Break => {
                    single[0].0[0] = single[0].0[0].max(at + 2.0 * self.margin);
                    happened = true;
                }
            }
            state.next += 1;
        }
        let time = single[0].0[0];
        loop {
            let now = self.look(set, single, outputs);
            for (k, &value) in now.iter().enumerate() {
                if state.before[k] <= 0.0 && value > 0.0 && !self.is_spent(state, k) {
                    due.push(self.rising[k].0);
                    state.spent[k] = true;
                }
            }
            state.before = now;
            if due.is_empty() {
                return Ok(happened);
            }
            happened = true;
            due.sort_unstable();
            for event in due.drain(..) {
                let effect = &self.effects[event];
                run(set, &effect.tape, single, outputs);
                for (k, &target) in effect.targets.iter().enumerate() {
                    single[1 + target] = single[outputs + k];
                }
                state.fired += 1;
                if state.fired > MOST_EVENTS {
                    return Err(Failure::EventStorm { time });
                }
            }
        }
    }
}

impl EventState {
    /// All set times.
    pub fn times(&self) -> impl Iterator<Item = f64> + '_ {
        self.times.iter().map(|&(time, _)| time)
    }

    /// The next set time; infinite where there is none.
    pub fn next_time(&self) -> f64 {
        self.times.get(self.next).map_or(f64::INFINITY, |&(t, _)| t)
    }
}

/// Copies one lane's inputs into a single-lane frame.
pub(crate) fn load_lane<const W: usize>(
    single: &mut Frame<1>,
    frame: &[Lanes<W>],
    lane: usize,
    inputs: usize,
) {
    for (to, from) in single.iter_mut().zip(&frame[..inputs]) {
        to.0[0] = from.0[lane];
    }
}
