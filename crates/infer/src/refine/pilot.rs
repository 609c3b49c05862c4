//! How many particles an estimated likelihood needs: tried at draws of the network's posterior.
//!
//! Samplers that use estimates are best served where the log-likelihood's estimate has an sd of about 1
//! in the posterior's bulk (Pitt et al. 2012; Doucet, Pitt, Deligiannidis & Kohn 2015).

use std::sync::atomic::Ordering;
use std::time::Instant;

use gnomon_mechanism::elementary::exp;
use gnomon_simulate::estimate_log_likelihood;

use super::{Problem, log_standard_normal};
use crate::amortized::InferError;

/// Draws of the network at which it is tried, and estimates at each of them.
const POINTS: usize = 24;
const REPEATS: usize = 8;
/// Particles of the first trial; fewer are not used.
const FEWEST: usize = 16;
/// More particles than this are not used.
const MOST: usize = 16_384;
/// Timings of a trial before it counts as dear.
const TIMINGS: usize = 3;
/// The sd of the log-likelihood's estimate that is good enough.
const SPREAD: f64 = 1.0;

/// A likelihood that is estimated by a particle filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Particles {
    /// Simulations behind each estimate.
    pub count: usize,
    /// The sd of the estimate's logarithm in the posterior's bulk.
    pub spread: f64,
    /// Names the particles' random streams.
    pub seed: u64,
}

/// What a pilot came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pilot {
    /// So many particles do, at so many seconds an estimate.
    Enough(Particles, f64),
    /// Not even the largest number of particles that is used does, at so many seconds an estimate.
    Noisy(Particles, f64),
    /// The caller did not want to go on: at least so many seconds an estimate.
    Dear(f64),
}

impl Problem<'_> {
    /// Finds how many particles the likelihood's estimate needs. `go_on` is told how many seconds an
    /// estimate costs at the least, and says whether that may be.
    ///
    /// # Errors
    /// Where a network or the mechanism cannot be run, or the user asks to stop.
    pub fn pilot(
        &self,
        seed: u64,
        mut go_on: impl FnMut(f64) -> bool,
    ) -> Result<Pilot, InferError> {
        let scores = self.trial_points(seed)?;
        let mut count = FEWEST;
        let rows = (scores.len() / self.dimension().max(1)).max(1) * REPEATS;
        let timed = |count: usize| {
            if self.stop.load(Ordering::Relaxed) {
                return Err(InferError::Interrupted);
            }
            let began = Instant::now();
            let spread = self.spread(&scores, count, seed)?;
            Ok((spread, began.elapsed().as_secs_f64() / rows as f64))
        };
        loop {
            let (spread, mut seconds) = timed(count)?;
            let particles = Particles {
                count,
                spread,
                seed,
            };
            // An estimate of the sd from few repeats is not worth another trial.
            if spread <= 1.1 * SPREAD {
                return Ok(Pilot::Enough(particles, seconds));
            }
            if count >= MOST {
                return Ok(Pilot::Noisy(particles, seconds));
            }
            let times = (spread / SPREAD).powi(2).clamp(1.5, 8.0);
            let next = ((count as f64 * times / 8.0).ceil() as usize * 8).min(MOST);
            let times = next as f64 / count as f64;
            // The least of several timings: whatever else the machine does only adds to one.
            for timing in 1.. {
                if go_on(seconds * times) {
                    break;
                }
                if timing == TIMINGS {
                    return Ok(Pilot::Dear(seconds * times));
                }
                seconds = seconds.min(timed(count)?.1);
            }
            count = next;
        }
    }

    fn trial_points(&self, seed: u64) -> Result<Vec<f64>, InferError> {
        if self.dimension() == 0 {
            return Ok(Vec::new());
        }
        let drawn = self
            .amortized
            .draw(self.mechanism, self.given, POINTS, seed)?;
        let scores = drawn.scores.values().iter();
        Ok(scores.map(|&x| f64::from(x)).collect())
    }

    /// The sd of estimates from `count` particles, averaged over points by what these are worth as draws
    /// of the posterior; infinite where an estimate may be 0.
    fn spread(&self, scores: &[f64], count: usize, seed: u64) -> Result<f64, InferError> {
        let d = self.dimension();
        let coordinates = self.amortized.coordinates(self.mechanism);
        let columns = match d {
            0 => coordinates.fixed(1),
            _ => coordinates.to_parameters(scores),
        };
        let points = (scores.len() / d.max(1)).max(1);
        let again = |column: &Vec<f64>| -> Vec<f64> {
            let each = column.iter();
            each.flat_map(|&x| std::iter::repeat_n(x, REPEATS))
                .collect()
        };
        let columns: Vec<Vec<f64>> = columns.iter().map(again).collect();
        let numbers: Vec<u64> = (0..(points * REPEATS) as u64).collect();
        // Other streams than those of the sampling itself.
        let seed = seed ^ 4;
        let logs =
            estimate_log_likelihood(self.compiled, &columns, self.data, count, seed, &numbers)?;
        let own = if d == 0 {
            vec![0.0]
        } else {
            let rows = scores.iter().map(|&x| x as f32).collect();
            let scores = gnomon_learn::matrix::Matrix::new(d, rows);
            self.amortized
                .log_density_of_scores(self.mechanism, self.given, &scores)?
        };
        let values: Vec<(f64, f64)> = logs
            .chunks(REPEATS)
            .zip(own)
            .enumerate()
            .map(|(point, (logs, own))| {
                let prior = log_standard_normal(&scores[point * d..(point + 1) * d]);
                let (mean, variance) = moments(logs);
                (mean + prior - own, variance)
            })
            .collect();
        let largest = values
            .iter()
            .map(|(log, _)| *log)
            .fold(f64::NEG_INFINITY, f64::max);
        if !largest.is_finite() {
            return Ok(f64::INFINITY);
        }
        let (mut sum, mut total) = (0.0, 0.0);
        for (log, variance) in values {
            let weight = exp(log - largest);
            if weight > 0.0 {
                sum += weight * variance;
                total += weight;
            }
        }
        Ok((sum / total).sqrt())
    }
}

/// Mean of the finite logs and variance; an infinite one where some are not finite.
fn moments(logs: &[f64]) -> (f64, f64) {
    let finite: Vec<f64> = logs.iter().copied().filter(|log| log.is_finite()).collect();
    if finite.is_empty() {
        return (f64::NEG_INFINITY, 0.0);
    }
    let mean = finite.iter().sum::<f64>() / finite.len() as f64;
    if finite.len() < logs.len() {
        return (mean, f64::INFINITY);
    }
    let squares = logs.iter().map(|log| (log - mean).powi(2));
    (mean, squares.sum::<f64>() / (logs.len() - 1) as f64)
}
