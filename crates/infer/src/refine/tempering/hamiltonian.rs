//! Hamiltonian moves of all particles at once (Duane et al. 1987; Neal 2011), in the metric of the
//! other half's covariance.
//!
//! The step's length follows the share of moves that are taken, towards the best one (Beskos et al.
//! 2013). The path's length follows the gradient of the change of the estimator of the trajectory
//! length criterion, ChEES (Hoffman, Radul & Sountsov 2021): by how much a longer path would change
//! the squared distances from the mean. The gradient steers; whether a move is taken is decided by
//! densities alone.

use std::f64::consts::FRAC_PI_2;

use gnomon_mechanism::elementary::{exp, ln};
use gnomon_mechanism::random::Stream;
use rayon::prelude::*;

use super::{Gradient, Island, Normal, OfPoints, Swarm, Tally};

/// The share of moves to be taken.
const TAKEN: f64 = 0.65;
/// How fast the step's length follows.
const STEP_RATE: f64 = 0.5;
/// How fast the path's length follows.
const PATH_RATE: f64 = 0.1;
/// Steps of a path, at most.
const MOST_STEPS: f64 = 100.0;

/// Lengths, in the metric: a standard normal's period is 2 pi.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tuning {
    step: f64,
    /// The longest path: each is a random share of it.
    path: f64,
    /// A running mean of squared slopes of the criterion.
    square: f64,
}

impl Tuning {
    /// What suits a standard normal.
    pub fn new(d: usize) -> Self {
        Self {
            step: exp(-0.25 * ln(d as f64)),
            path: 2.0 * FRAC_PI_2,
            square: 0.0,
        }
    }

    fn adapt(&mut self, taken: f64, slope: f64) {
        self.step *= exp(STEP_RATE * (taken - TAKEN));
        let kept = if self.square > 0.0 { 0.9 } else { 0.0 };
        self.square = kept * self.square + (1.0 - kept) * slope * slope;
        if self.square > 0.0 {
            let change = slope / self.square.sqrt();
            self.path *= exp(PATH_RATE * change.clamp(-1.0, 1.0));
        }
        self.path = self.path.clamp(self.step, MOST_STEPS * self.step);
    }
}

/// A particle on its way.
struct Traveller {
    row: usize,
    /// Place in the list of moving islands.
    island: usize,
    /// In the metric: where it began, where it is, and its momentum.
    origin: Vec<f64>,
    place: Vec<f64>,
    momentum: Vec<f64>,
    /// The slope of the tempered density there.
    force: Vec<f64>,
    /// Where it is in coordinates, and the target's slope there.
    x: Vec<f64>,
    slope: Vec<f64>,
    /// Cleared where a slope is not finite: the move is not taken.
    alive: bool,
}

/// What moves an island's half.
struct Way {
    metric: Normal,
    temperature: f64,
    /// The share of the longest path.
    share: f64,
    steps: usize,
}

impl Traveller {
    fn feel(&mut self, way: &Way, swarm: &Swarm<'_>) {
        self.alive &= self.slope.iter().all(|slope| slope.is_finite());
        let t = way.temperature;
        let mut whole: Vec<f64> = self.slope.iter().map(|slope| t * slope).collect();
        if t < 1.0 {
            swarm.start.add_slope(&self.x, 1.0 - t, &mut whole);
        }
        way.metric.pull(&whole, &mut self.force);
    }

    fn kick(&mut self, length: f64) {
        let pairs = self.momentum.iter_mut().zip(&self.force);
        pairs.for_each(|(momentum, force)| *momentum += length * force);
    }

    fn drift(&mut self, length: f64, way: &Way) {
        let pairs = self.place.iter_mut().zip(&self.momentum);
        pairs.for_each(|(place, momentum)| *place += length * momentum);
        way.metric.place(&self.place, &mut self.x);
    }

    fn energy(&self) -> f64 {
        0.5 * self.momentum.iter().map(|p| p * p).sum::<f64>()
    }
}

/// One move of every particle of one half of the moving islands.
pub(super) fn sweep<E>(
    swarm: &mut Swarm<'_>,
    islands: &mut [Island],
    (moving, half): (&[usize], usize),
    log_density: &mut OfPoints<'_, E>,
    gradient: &mut Gradient<'_, E>,
    tuning: &mut Tuning,
) -> Result<Tally, E> {
    let (mut ways, mut travellers) = (Vec::new(), Vec::new());
    for (place, &number) in moving.iter().enumerate() {
        let island = &mut islands[number];
        let share = island.stream.uniform();
        let way = Way {
            metric: swarm.metric(number, half),
            temperature: island.temperature,
            share,
            steps: (share * tuning.path / tuning.step).ceil().max(1.0) as usize,
        };
        for row in swarm.half(number, half) {
            travellers.push(leaving(swarm, row, place, &way, &mut island.stream));
        }
        ways.push(way);
    }
    // Of each moving island.
    let mut gradients = vec![0; moving.len()];
    slopes_at_rows(swarm, &mut travellers, gradient, &mut gradients)?;
    travellers
        .par_iter_mut()
        .for_each(|traveller| traveller.feel(&ways[traveller.island], swarm));
    let energies: Vec<f64> = travellers.iter().map(Traveller::energy).collect();
    let most = ways.iter().map(|way| way.steps).max().unwrap_or(0);
    for step in 1..=most {
        let on = |t: &&mut Traveller| t.alive && step <= ways[t.island].steps;
        let mut active: Vec<&mut Traveller> = travellers.iter_mut().filter(on).collect();
        active.par_iter_mut().for_each(|traveller| {
            traveller.kick(0.5 * tuning.step);
            traveller.drift(tuning.step, &ways[traveller.island]);
        });
        slopes(&mut active, gradient, &mut gradients)?;
        active.into_par_iter().for_each(|traveller| {
            traveller.feel(&ways[traveller.island], swarm);
            traveller.kick(0.5 * tuning.step);
        });
    }
    let ends: Vec<f64> = travellers
        .iter()
        .filter(|traveller| traveller.alive)
        .flat_map(|traveller| traveller.x.iter().copied())
        .collect();
    let start = swarm.start.log_density(&ends);
    let target = log_density(&ends)?;
    for traveller in travellers.iter().filter(|traveller| traveller.alive) {
        swarm.evaluations[moving[traveller.island]][0] += 1;
    }
    for (&island, gradients) in moving.iter().zip(&gradients) {
        swarm.evaluations[island][1] += gradients;
    }
    let mut tally = Tally {
        distance: 0.0,
        cost: target.len() as f64 + gradient.cost * gradients.iter().sum::<u64>() as f64,
    };
    let mut new = start.into_iter().zip(target);
    let count = travellers.len() as f64;
    let (mut taken, mut criterion) = (0.0, 0.0);
    for (traveller, energy) in travellers.into_iter().zip(energies) {
        let way = &ways[traveller.island];
        let island = &mut islands[moving[traveller.island]];
        // The number is drawn in any case: streams do not depend on densities.
        let uniform = island.stream.uniform();
        let Some((start, target)) = traveller.alive.then(|| new.next()).flatten() else {
            continue;
        };
        let row = traveller.row;
        let change =
            swarm.change(row, way.temperature, start, target) + energy - traveller.energy();
        let probability = if change.is_nan() {
            0.0
        } else {
            exp(change.min(0.0))
        };
        taken += probability;
        let Traveller {
            origin,
            place,
            momentum,
            ..
        } = &traveller;
        let (mut moved, mut longer, mut outward) = (0.0, 0.0, 0.0);
        for ((from, to), p) in origin.iter().zip(place).zip(momentum) {
            moved += (to - from).powi(2);
            longer += to * to - from * from;
            outward += to * p;
        }
        if probability > 0.0 {
            tally.distance += probability * moved;
            criterion += probability * longer * outward * way.share;
        }
        if ln(uniform) < change {
            swarm.put(row, &traveller.x, start, target);
            let d = swarm.d;
            swarm.slopes[row * d..(row + 1) * d].copy_from_slice(&traveller.slope);
            swarm.sloped[row] = true;
        }
    }
    tuning.adapt(taken / count, criterion / count);
    Ok(tally)
}

fn leaving(
    swarm: &Swarm<'_>,
    row: usize,
    island: usize,
    way: &Way,
    stream: &mut Stream,
) -> Traveller {
    let d = swarm.d;
    let mut origin = vec![0.0; d];
    way.metric.whiten(swarm.point(row), &mut origin);
    Traveller {
        row,
        island,
        place: origin.clone(),
        origin,
        momentum: (0..d).map(|_| stream.normal()).collect(),
        force: vec![0.0; d],
        x: swarm.point(row).to_vec(),
        slope: swarm.slopes[row * d..(row + 1) * d].to_vec(),
        alive: true,
    }
}

/// The target's slopes where particles stand, of those that are not known; `counts` has how many of each
/// moving island.
fn slopes_at_rows<E>(
    swarm: &mut Swarm<'_>,
    travellers: &mut [Traveller],
    gradient: &mut Gradient<'_, E>,
    counts: &mut [u64],
) -> Result<(), E> {
    let unknown = |t: &&mut Traveller| !swarm.sloped[t.row];
    let mut unknown: Vec<&mut Traveller> = travellers.iter_mut().filter(unknown).collect();
    slopes(&mut unknown, gradient, counts)?;
    let d = swarm.d;
    for traveller in unknown {
        let row = traveller.row;
        swarm.slopes[row * d..(row + 1) * d].copy_from_slice(&traveller.slope);
        swarm.sloped[row] = true;
    }
    Ok(())
}

/// The target's slopes where travellers are; `counts` has how many of each moving island.
fn slopes<E>(
    travellers: &mut [&mut Traveller],
    gradient: &mut Gradient<'_, E>,
    counts: &mut [u64],
) -> Result<(), E> {
    let Some(d) = travellers.first().map(|traveller| traveller.x.len()) else {
        return Ok(());
    };
    let places = travellers.iter().flat_map(|traveller| &traveller.x);
    let points: Vec<f64> = places.copied().collect();
    let found = (gradient.at)(&points)?;
    for (traveller, slope) in travellers.iter_mut().zip(found.chunks_exact(d)) {
        traveller.slope.copy_from_slice(slope);
        counts[traveller.island] += 1;
    }
    Ok(())
}
