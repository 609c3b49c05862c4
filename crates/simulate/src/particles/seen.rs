//! What is seen of the particles at one time, and how probable it is.

use std::ops::Range;

use crate::block::Block;
use crate::checkpoint::Checkpoint;
use crate::compiled::Compiled;
use crate::lanes::{Frame, Lanes, WIDTH, run};

/// The entries of all series at one of the asked times.
pub(super) struct Seen {
    /// Each series with its datum; NaN where missing.
    entries: Vec<(usize, f64)>,
    /// Components that accumulate since the entry before, and begin again at 0.
    pub spent: Vec<usize>,
}

impl Seen {
    /// One for each asked time, in order.
    pub fn all(compiled: &Compiled, data: &[f64]) -> Vec<Self> {
        let plan = &compiled.observation;
        let empty = || Self {
            entries: Vec::new(),
            spent: Vec::new(),
        };
        let mut all: Vec<Self> = compiled.dynamics.asked.iter().map(|_| empty()).collect();
        let mut data = data.iter();
        for (number, series) in plan.series.iter().enumerate() {
            for (&asked, &value) in series.asked.iter().zip(data.by_ref()) {
                all[asked].entries.push((number, value));
                let flows = series.reads.iter().filter(|&&read| read >= plan.states);
                all[asked].spent.extend(flows);
            }
        }
        all
    }

    /// The log-density of what is seen in rows `group` of a block, up to [`WIDTH`] of them; negative
    /// infinity where an argument is not finite or impossible, as for a simulation that fails.
    pub fn log_densities(
        &self,
        compiled: &Compiled,
        block: &Block<'_>,
        at: &Checkpoint,
        group: Range<usize>,
        frame: &mut Frame<WIDTH>,
        to: &mut [f64],
    ) {
        let plan = &compiled.observation;
        let moving = plan.states + plan.flows;
        frame[0] = Lanes::all(at.time);
        for (lane, row) in group.clone().enumerate() {
            let own = &at.components[row * moving..][..moving];
            for (slot, &value) in frame[1..].iter_mut().zip(own) {
                slot.0[lane] = value;
            }
        }
        for (slot, column) in frame[1 + moving..].iter_mut().zip(&block.parameters) {
            slot.0[..group.len()].copy_from_slice(&column[group.clone()]);
        }
        let outputs = plan.plan.outputs();
        let mut arguments = Vec::new();
        to.fill(0.0);
        for &(number, value) in &self.entries {
            let series = &plan.series[number];
            run(compiled.set, &series.tape, frame, outputs);
            let slots = &frame[outputs..outputs + series.arguments];
            for (lane, sum) in to.iter_mut().enumerate() {
                arguments.clear();
                arguments.extend(slots.iter().map(|slot| slot.0[lane]));
                let sound = arguments.iter().all(|argument| argument.is_finite());
                let density = match (sound, value.is_nan()) {
                    (false, _) => f64::NEG_INFINITY,
                    (true, false) => series.family.log_density(&arguments, value),
                    // A simulation fails where an entry cannot be drawn, seen or not.
                    (true, true) if series.family.check(&arguments).is_err() => f64::NEG_INFINITY,
                    (true, true) => 0.0,
                };
                *sum += density;
            }
        }
    }
}
