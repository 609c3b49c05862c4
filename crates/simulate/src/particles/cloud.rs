//! The particles of some points, side by side as the rows of a block.

use std::mem::swap;

use gnomon_mechanism::elementary::{exp, ln};
use gnomon_mechanism::random::{Purpose, Stream};

use crate::batch::run_on;
use crate::block::Block;
use crate::checkpoint::{Checkpoint, Run};
use crate::compiled::Compiled;
use crate::lanes::{Frame, Lanes, WIDTH};
use crate::latents::Latents;
use crate::seen::Seen;
use crate::sheet::Sheet;

/// Particles are resampled where less than this share of them is effective.
const EFFECTIVE: f64 = 0.5;

/// Rows are particles: all of the first living point, then all of the next.
pub(super) struct Cloud<'a> {
    compiled: &'a Compiled,
    seed: u64,
    particles: usize,
    /// Points that have particles left: which of the estimates is theirs, and their number.
    living: Vec<(usize, u64)>,
    /// ln of the estimates so far, one a point.
    pub estimates: Vec<f64>,
    /// Parameters, then latents: one column each, one number a row.
    parameters: Vec<Vec<f64>>,
    at: Checkpoint,
    sheet: Sheet,
    /// Normalised over the rows of a point.
    weights: Vec<f64>,
    /// Log-densities of what was seen last.
    seen: Vec<f64>,
    frame: Frame<WIDTH>,
    spare: Vec<f64>,
}

impl<'a> Cloud<'a> {
    /// Particles of points `points` (rows of `parameters`) at their start, with latents drawn.
    pub fn new(
        compiled: &'a Compiled,
        parameters: &[Vec<f64>],
        points: &[usize],
        numbers: &[u64],
        particles: usize,
        seed: u64,
    ) -> Self {
        let rows = points.len() * particles;
        let spread = |column: &Vec<f64>| {
            let each = points.iter();
            each.flat_map(|&point| std::iter::repeat_n(column[point], particles))
                .collect()
        };
        let outputs = compiled.observation.series.iter();
        let outputs = outputs.map(|series| series.tape.outputs()).max();
        let mut cloud = Self {
            compiled,
            seed,
            particles,
            living: points
                .iter()
                .map(|&point| numbers[point])
                .enumerate()
                .collect(),
            estimates: vec![0.0; points.len()],
            parameters: parameters.iter().map(spread).collect(),
            at: Checkpoint::default(),
            sheet: Sheet::new(1, compiled.dynamics.components),
            weights: vec![1.0 / particles as f64; rows],
            seen: vec![0.0; rows],
            frame: compiled.observation.plan.frame(outputs.unwrap_or(0)),
            spare: Vec::new(),
        };
        let simulations = cloud.simulations();
        let mut latents = Latents::default();
        latents.draw(compiled, &cloud.block(seed, &simulations));
        cloud
            .parameters
            .extend(latents.columns().map(<[f64]>::to_vec));
        cloud.at = Checkpoint::start(compiled, &cloud.block(seed, &simulations));
        cloud
    }

    /// Whether no point has particles left.
    pub fn is_empty(&self) -> bool {
        self.living.is_empty()
    }

    /// Runs all particles to asked time number `stage`.
    pub fn travel(&mut self, stage: usize) {
        let asked = &self.compiled.dynamics.asked[stage..=stage];
        let simulations = self.simulations();
        self.sheet.clear(simulations.len());
        let columns = self.parameters.iter();
        let block = Block {
            parameters: columns.map(Vec::as_slice).collect(),
            simulations: &simulations,
            seed: seed_of(self.seed, stage),
        };
        let from = &mut self.at;
        run_on(self.compiled, &block, Run { from, asked }, &mut self.sheet);
        swap(&mut self.at.components, &mut self.sheet.values);
        self.at.time = asked[0];
    }

    /// Works out the log-density of what was seen in every row.
    pub fn weigh(&mut self, seen: &Seen) {
        let rows = self.seen.len();
        let moving = self.at.widths[0];
        self.frame[0] = Lanes::all(self.at.time);
        for start in (0..rows).step_by(WIDTH) {
            let group = start..rows.min(start + WIDTH);
            for (lane, row) in group.clone().enumerate() {
                let own = &self.at.components[row * moving..][..moving];
                for (slot, &value) in self.frame[1..].iter_mut().zip(own) {
                    slot.0[lane] = value;
                }
            }
            for (slot, column) in self.frame[1 + moving..].iter_mut().zip(&self.parameters) {
                slot.0[..group.len()].copy_from_slice(&column[group.clone()]);
            }
            seen.log_densities(self.compiled, &mut self.frame, &mut self.seen[group]);
        }
        for (row, failure) in self.sheet.failures.iter().enumerate() {
            if failure.is_some() || self.seen[row].is_nan() {
                self.seen[row] = f64::NEG_INFINITY;
            }
        }
        for &flow in &seen.spent {
            let width = self.at.widths[0];
            let all = self.at.components.iter_mut();
            all.skip(flow).step_by(width).for_each(|value| *value = 0.0);
        }
    }

    /// Carries the densities into estimates and weights, and resamples the points that need it; points
    /// without a particle left end.
    pub fn select(&mut self, stage: usize) {
        let count = self.particles;
        let seed = seed_of(self.seed, stage);
        let mut chosen = Vec::with_capacity(self.seen.len());
        let mut changed = false;
        let mut place = 0;
        let estimates = &mut self.estimates;
        let (weights, seen) = (&mut self.weights, &self.seen);
        self.living.retain(|&(point, number)| {
            let rows = place * count..(place + 1) * count;
            place += 1;
            let first = rows.start;
            let (own, seen) = (&mut weights[rows.clone()], &seen[rows.clone()]);
            let largest = seen.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if !largest.is_finite() {
                // No particle is left, or what was seen has no bounded density.
                estimates[point] = largest;
                changed = true;
                return false;
            }
            let mut sum = 0.0;
            for (weight, &seen) in own.iter_mut().zip(seen) {
                *weight *= exp(seen - largest);
                sum += *weight;
            }
            estimates[point] += largest + ln(sum);
            let (mut squares, mut dead) = (0.0, false);
            for weight in own.iter_mut() {
                *weight /= sum;
                squares += *weight * *weight;
                dead |= *weight == 0.0;
            }
            if dead || squares * EFFECTIVE * count as f64 > 1.0 {
                let uniform = Stream::new(seed, Purpose::PARTICLES, number).uniform();
                systematic(own, uniform, |from| chosen.push(first + from));
                own.fill(1.0 / count as f64);
                changed = true;
            } else {
                chosen.extend(rows);
            }
            true
        });
        if changed {
            self.keep(&chosen);
        }
    }

    /// Row `k` becomes what row `chosen[k]` is, of the same point or, where points ended, a later place.
    fn keep(&mut self, chosen: &[usize]) {
        let ended = chosen.len() < self.seen.len();
        let Checkpoint {
            widths: [components, hoisted],
            components: moving,
            hoisted: once,
            events,
            ..
        } = &mut self.at;
        gather(moving, *components, chosen, &mut self.spare);
        // What follows from the parameters alone is the same in all rows of a point.
        if ended || !self.compiled.latents.is_empty() {
            gather(once, *hoisted, chosen, &mut self.spare);
            for column in &mut self.parameters {
                gather(column, 1, chosen, &mut self.spare);
            }
        }
        if !events.is_empty() {
            *events = chosen.iter().map(|&row| events[row].clone()).collect();
        }
        if ended {
            // Weights are by place: those of ended points leave their places to the next.
            let first = |k: usize| chosen[k] / self.particles * self.particles + k % self.particles;
            let places: Vec<usize> = (0..chosen.len()).map(first).collect();
            gather(&mut self.weights, 1, &places, &mut self.spare);
            self.seen.truncate(chosen.len());
        }
    }

    /// The numbers that name the particles' random streams.
    fn simulations(&self) -> Vec<u64> {
        let count = self.particles as u64;
        let of_point = |&(_, number): &(usize, u64)| {
            let first = number.wrapping_mul(count);
            (0..count).map(move |particle| first.wrapping_add(particle))
        };
        self.living.iter().flat_map(of_point).collect()
    }

    fn block<'b>(&'b self, seed: u64, simulations: &'b [u64]) -> Block<'b> {
        Block {
            parameters: self.parameters.iter().map(Vec::as_slice).collect(),
            simulations,
            seed,
        }
    }
}

/// Every stage has streams of its own, so that a particle's next stretch knows nothing of its last.
fn seed_of(seed: u64, stage: usize) -> u64 {
    Stream::new(seed, Purpose::PARTICLES, stage as u64).next_u64()
}

/// As many places as there are weights (which sum to 1), each as often as expected, to less than one
/// (Kitagawa 1996).
fn systematic(weights: &[f64], uniform: f64, mut choose: impl FnMut(usize)) {
    let count = weights.len();
    let last = weights
        .iter()
        .rposition(|&weight| weight > 0.0)
        .unwrap_or(0);
    let (mut below, mut place) = (weights[0], 0);
    for k in 0..count {
        let at = (k as f64 + uniform) / count as f64;
        // Rounding could carry it past the last particle that has a weight.
        while below < at && place < last {
            place += 1;
            below += weights[place];
        }
        choose(place);
    }
}

/// Rows `chosen` of a row-major table, by way of `spare` memory.
fn gather(table: &mut Vec<f64>, width: usize, chosen: &[usize], spare: &mut Vec<f64>) {
    spare.clear();
    for &row in chosen {
        spare.extend_from_slice(&table[row * width..][..width]);
    }
    swap(table, spare);
}
