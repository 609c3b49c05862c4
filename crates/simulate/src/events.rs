//! Interventions: at set times, and when a condition rises above 0. One simulation at a time.

use crate::failure::Failure;
use crate::lanes::{Frame, InstructionSet, LaneTape, Lanes, run};

/// More events than this in one simulation is a storm: a failed row.
const MOST_EVENTS: u32 = 100_000;

/// The events of a mechanism, compiled.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventPlan {
    /// For each event time (in the order of the setup tape's last outputs), its event.
    pub schedule: Vec<usize>,
    /// One output for each entry of `rising`.
    pub conditions: Option<LaneTape>,
    /// Events set off by a rising condition, and whether only once.
    pub rising: Vec<(usize, bool)>,
    /// One for each event.
    pub effects: Vec<Effect>,
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
    /// Set times and their events, in order.
    times: Vec<(f64, usize)>,
    next: usize,
    /// Each condition's value at the last look.
    before: Vec<f64>,
    spent: Vec<bool>,
    fired: u32,
}

impl EventPlan {
    pub fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    pub fn has_conditions(&self) -> bool {
        self.conditions.is_some()
    }

    /// A simulation's events before its start; `times` in the order of `schedule`.
    pub fn state(&self, times: impl Iterator<Item = f64>, start: f64) -> EventState {
        let mut times: Vec<(f64, usize)> = times
            .zip(self.schedule.iter().copied())
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
        effects.max().unwrap_or(0).max(self.rising.len())
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
    /// condition has risen, and those that these set off. Says whether anything happened.
    pub fn fire(
        &self,
        set: InstructionSet,
        state: &mut EventState,
        single: &mut Frame<1>,
        outputs: usize,
    ) -> Result<bool, Failure> {
        let time = single[0].0[0];
        let mut due = Vec::new();
        while let Some(&(at, event)) = state.times.get(state.next)
            && at <= time
        {
            due.push(event);
            state.next += 1;
        }
        let mut happened = false;
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
