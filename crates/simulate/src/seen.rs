//! What is seen at one time where the dynamics are random, and how probable it is.

use gnomon_mechanism::Family;
use gnomon_mechanism::elementary::ln;

use crate::compiled::{Compiled, SeriesPlan};
use crate::gradient::Sensitive;
use crate::lanes::{Frame, Lanes, WIDTH, dispatched, run};

const LN_SQRT_TAU: f64 = 0.918_938_533_204_672_8;
/// Arguments of a normal distribution that are within this, and within its inverse of 0, are possible.
const USUAL: f64 = 1e100;

/// The entries of all series at one of the asked times.
pub(crate) struct Seen {
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

    /// The log-density of what is seen in the first lanes of a frame of the observation's plan, whose
    /// inputs are in place: one number a lane, up to [`WIDTH`] of them; negative infinity where an argument is not finite
    /// or impossible, as for a simulation that fails.
    pub fn log_densities(&self, compiled: &Compiled, frame: &mut Frame<WIDTH>, to: &mut [f64]) {
        let plan = &compiled.observation;
        let outputs = plan.plan.outputs();
        to.fill(0.0);
        for &(number, value) in &self.entries {
            let series = &plan.series[number];
            run(compiled.set, &series.tape, frame, outputs);
            let arguments = &frame[outputs..outputs + series.arguments];
            match arguments {
                [mean, sd] if series.family == Family::Normal && usual(mean, sd, to.len()) => {
                    add_normal(compiled.set, mean, sd, value, to);
                }
                _ => add(series, arguments, value, to),
            }
        }
    }

    /// Adds the derivatives of that log-density by the free parameters, in their scale, each lane's by its share:
    /// `frame` is of the mechanism with sensitivities.
    pub fn add_slopes(
        &self,
        (compiled, sensitive): (&Compiled, &Sensitive),
        frame: &mut Frame<WIDTH>,
        shares: &[f64],
        to: &mut [f64],
    ) {
        let plan = &compiled.observation;
        let outputs = plan.plan.outputs();
        let (mut arguments, mut slopes) = (Vec::new(), Vec::new());
        for &(number, value) in self.entries.iter().filter(|(_, value)| !value.is_nan()) {
            let (series, own) = (&plan.series[number], &sensitive.series[number]);
            run(compiled.set, &series.tape, frame, outputs);
            slopes.resize(own.arguments, 0.0);
            let of_lane = shares.iter().enumerate();
            for (lane, &share) in of_lane.filter(|(_, share)| **share != 0.0) {
                let all = &frame[outputs..outputs + own.arguments];
                arguments.clear();
                arguments.extend(all.iter().map(|slot| slot.0[lane]));
                series
                    .family
                    .log_density_slopes(&arguments, value, &mut slopes);
                let moved = &frame[outputs + own.arguments..];
                for (&(argument, p), moved) in own.pairs.iter().zip(moved) {
                    to[p] += share * slopes[argument] * moved.0[lane];
                }
            }
        }
    }
}

/// Adds the log-density at `value` lane by lane.
fn add(series: &SeriesPlan, slots: &[Lanes<WIDTH>], value: f64, to: &mut [f64]) {
    let mut arguments = Vec::new();
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

/// Whether a normal distribution is possible in the first `lanes` lanes, and nowhere near what is not.
fn usual(mean: &Lanes<WIDTH>, sd: &Lanes<WIDTH>, lanes: usize) -> bool {
    let mut both = mean.0.iter().zip(&sd.0).take(lanes);
    both.all(|(mean, sd)| mean.abs() < USUAL && *sd > 1.0 / USUAL && *sd < USUAL)
}

dispatched! {
    fn add_normal[]<>(
        mean: &Lanes<WIDTH>,
        sd: &Lanes<WIDTH>,
        value: f64,
        to: &mut [f64],
    ) = add_normal_body
}

/// The same numbers as `Family::log_density`, lanes at a time.
#[inline(always)]
fn add_normal_body(mean: &Lanes<WIDTH>, sd: &Lanes<WIDTH>, value: f64, to: &mut [f64]) {
    if value.is_nan() || value.is_infinite() {
        let missing = if value.is_nan() {
            0.0
        } else {
            f64::NEG_INFINITY
        };
        return to.iter_mut().for_each(|sum| *sum += missing);
    }
    for (sum, (mean, sd)) in to.iter_mut().zip(mean.0.iter().zip(&sd.0)) {
        let z = (value - mean) / sd;
        *sum += (-0.5 * z * z - LN_SQRT_TAU) - ln(*sd);
    }
}
