//! Where the rows of a block stand at a moment: what an engine starts from, and may be stopped at.

use crate::block::Block;
use crate::compiled::Compiled;
use crate::events::EventState;
use crate::lanes::{Frame, WIDTH, run};

/// The rows of a block at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checkpoint {
    pub time: f64,
    /// States and flows of a row, and numbers that are worked out once.
    pub widths: [usize; 2],
    /// Row-major: states, then accumulated flows.
    pub components: Vec<f64>,
    /// Row-major: what is worked out once a simulation.
    pub hoisted: Vec<f64>,
    /// One a row where the mechanism has events, else none.
    pub events: Vec<EventState>,
}

/// A stretch of a block's simulations: from a checkpoint to the last of the asked times behind it. An
/// engine leaves the events where they stand then; the components are in its sheet.
pub(crate) struct Run<'a> {
    pub from: &'a mut Checkpoint,
    pub asked: &'a [f64],
}

impl Checkpoint {
    /// Every row at the start of its simulation.
    pub fn start(compiled: &Compiled, block: &Block<'_>) -> Self {
        let (dynamics, parameters) = (&compiled.dynamics, &compiled.from_parameters);
        let (states, components) = (dynamics.states, dynamics.components);
        let (rows, hoisted) = (block.rows(), parameters.hoisted);
        let mut start = Self {
            time: dynamics.start,
            widths: [components, hoisted],
            components: vec![0.0; rows * components],
            hoisted: Vec::with_capacity(rows * hoisted),
            events: Vec::new(),
        };
        let mut setup: Frame<WIDTH> = parameters.plan.frame(parameters.setup.outputs());
        let first = parameters.plan.outputs();
        let mut single = dynamics.plan.frame(dynamics.events.outputs());
        single[0].0[0] = dynamics.start;
        let single_outputs = dynamics.plan.outputs();
        let numbers: Vec<usize> = (0..rows).collect();
        for group in numbers.chunks(WIDTH) {
            block.load_parameters(group, &mut setup);
            run(compiled.set, &parameters.setup, &mut setup, first);
            let values = &setup[first..];
            for (lane, &row) in group.iter().enumerate() {
                let to = &mut start.components[row * components..][..states];
                for (to, value) in to.iter_mut().zip(values) {
                    *to = value.0[lane];
                }
                let once = &values[states..states + hoisted];
                start.hoisted.extend(once.iter().map(|value| value.0[lane]));
                if dynamics.events.is_empty() {
                    continue;
                }
                let times = values[states + hoisted..].iter().map(|time| time.0[lane]);
                let mut events = dynamics.events.state(times, dynamics.start);
                start.load(row, 0, &mut single);
                let set = compiled.set;
                dynamics
                    .events
                    .begin(set, &mut events, &mut single, single_outputs);
                start.events.push(events);
            }
        }
        start
    }

    /// Copies one row into a lane of the dynamics' frame: time, components, hoisted numbers.
    #[inline]
    pub fn load<const W: usize>(&self, row: usize, lane: usize, frame: &mut Frame<W>) {
        frame[0].0[lane] = self.time;
        let [components, hoisted] = self.widths;
        let moving = &self.components[row * components..][..components];
        let once = &self.hoisted[row * hoisted..][..hoisted];
        for (slot, value) in frame[1..].iter_mut().zip(moving.iter().chain(once)) {
            slot.0[lane] = *value;
        }
    }
}
