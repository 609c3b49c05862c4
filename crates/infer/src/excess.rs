//! How far networks are from the exact predictor: importance-weighted points of one data set's exact
//! posterior -> the excess risk of each of several networks, E(ln p - ln q) over the posterior.
//!
//! Points come from a mixture of all networks and the prior, so that no network has density where there
//! are none. With weights u = p / g and v = q / g, g being the mixture's density, the excess is the mean of
//! u ln(p / q) + v - u: every term is at least 0, and v - u, whose mean is 0, cancels most of the noise
//! and the first order of the evidence's error.

use std::sync::atomic::{AtomicBool, Ordering};

use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::elementary::{exp, ln};
use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_simulate::{Compiled, log_likelihood};

use crate::amortized::{Amortized, InferError};
use crate::refine::{NEVER_LATE, Problem, importance};

/// Points of each data set where fewer say too little, and where the evidence alone is asked for.
pub const POINTS: usize = 1000;
/// Points of each data set at first. Their noise is far below what data sets differ by.
pub const FIRST_POINTS: usize = 300;
/// One point in so many is from the prior.
const PRIOR_EVERY: usize = 10;
/// Independent draws that the points must be worth, of either kind.
const FEWEST_EFFECTIVE: f64 = 100.0;
/// Likelihoods that tempering may take where they are not.
const BUDGET: u64 = 4_000_000;
const LN_TAU: f64 = 1.837_877_066_409_345_3;

/// Networks that are held against the exact posterior of one mechanism, which has a likelihood in closed
/// form.
#[derive(Clone, Copy)]
pub struct Against<'a> {
    /// The networks, at least one; the last is thought to be the best.
    pub networks: &'a [Amortized],
    /// The mechanism's number.
    pub mechanism: usize,
    /// The mechanism, ready to run.
    pub compiled: &'a Compiled,
    /// Points to begin with; at most [`POINTS`], which are taken where these say too little.
    pub points: usize,
    /// Set once the user asks to stop.
    pub stop: &'a AtomicBool,
}

/// What is known of one data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Excess {
    /// ln p(data | mechanism).
    pub log_evidence: f64,
    /// Its standard error.
    pub log_evidence_error: f64,
    /// E(ln p - ln q) over the exact posterior, in nats, one a network; 0 where all parameters are fixed.
    pub risk: Vec<f64>,
    /// The squared distance of a network's posterior mean from the exact one, in the prior's coordinates,
    /// in which every parameter has variance 1; the mean over parameters, one a network.
    pub squared: Vec<f64>,
    /// Whether tempering had to say where the posterior is.
    pub tempered: bool,
}

/// The exact posterior's moments in the prior's coordinates, one number a parameter.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Moments {
    pub mean: Vec<f64>,
    pub sd: Vec<f64>,
}

impl Against<'_> {
    /// Mean and standard deviation of each parameter under the exact posterior of a data set, whose forms are
    /// as in [`Against::measure`]; `None` where points of the networks and the prior say too little of it.
    ///
    /// # Errors
    /// Where a network or the likelihood cannot be run.
    pub fn moments(
        &self,
        given: &[f64],
        data: &[f64],
        seed: u64,
    ) -> Result<Option<Moments>, InferError> {
        let d = self.networks[0].coordinates(self.mechanism).dimension();
        let standardised = self.networks.iter().map(|one| one.standardise(given));
        let standardised = standardised.collect::<Result<Vec<_>, _>>()?;
        let more = (self.points < POINTS).then_some(POINTS);
        for count in [self.points].into_iter().chain(more) {
            let points = Points::new(self, &standardised, data, (d, count), seed)?;
            let weighted = importance::weigh(&points.ratio);
            if weighted.usable() && weighted.effective >= FEWEST_EFFECTIVE {
                return Ok(Some(points.moments(weighted.log_evidence)));
            }
        }
        Ok(None)
    }

    /// Holds the networks against the exact posterior of a data set: `given` as the study's given columns,
    /// `data` as the mechanism observes them, NaN where missing. Where the evidence seems to be below
    /// `least`, nobody asks for the posterior, and it is left at that.
    ///
    /// # Errors
    /// Where a network or the likelihood cannot be run, the exact posterior is not found
    /// ([`InferError::Impossible`], [`InferError::Unsettled`]), or the user asks to stop.
    pub fn measure(
        &self,
        given: &[f64],
        data: &[f64],
        least: f64,
        seed: u64,
    ) -> Result<Excess, InferError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(InferError::Interrupted);
        }
        let coordinates = self.networks[0].coordinates(self.mechanism);
        let (d, count) = (coordinates.dimension(), self.networks.len());
        if d == 0 {
            let parameters = coordinates.fixed(1);
            return Ok(Excess {
                log_evidence: log_likelihood(self.compiled, &parameters, data)?[0],
                log_evidence_error: 0.0,
                risk: vec![0.0; count],
                squared: vec![0.0; count],
                tempered: false,
            });
        }
        let standardised = self.networks.iter().map(|one| one.standardise(given));
        let standardised = standardised.collect::<Result<Vec<_>, _>>()?;
        let more = (self.points < POINTS).then_some(POINTS);
        for count in [self.points].into_iter().chain(more) {
            let points = Points::new(self, &standardised, data, (d, count), seed)?;
            let weighted = importance::weigh(&points.ratio);
            if points.ratio.contains(&f64::INFINITY) {
                return Err(InferError::Unbounded);
            }
            let enough = weighted.usable() && weighted.effective >= FEWEST_EFFECTIVE;
            if enough || weighted.log_evidence < least {
                return Ok(points.excess(weighted.log_evidence));
            }
        }
        self.tempered(&standardised, data, d, seed)
    }

    /// The same from draws of the exact posterior, where points of the networks and the prior say too
    /// little.
    fn tempered(
        &self,
        given: &[Matrix],
        data: &[f64],
        d: usize,
        seed: u64,
    ) -> Result<Excess, InferError> {
        let last = self.networks.len() - 1;
        let problem = Problem {
            amortized: &self.networks[last],
            mechanism: self.mechanism,
            compiled: self.compiled,
            given: &given[last],
            data,
            particles: None,
            budget: BUDGET,
            confirm: false,
            stop: self.stop,
            late: NEVER_LATE,
        };
        let refined = problem.refine(POINTS, seed)?;
        let parameters: Vec<&[f64]> = refined.draws.parameters.iter().map(Vec::as_slice).collect();
        let slopes = self.networks[last]
            .coordinates(self.mechanism)
            .log_slope(&parameters);
        let exact = mean(&refined.draws.scores, d);
        let (mut risk, mut squared) = (Vec::new(), Vec::new());
        for (network, given) in self.networks.iter().zip(given) {
            let scores = &refined.draws.scores;
            let log_q = network.log_density_of_scores(self.mechanism, given, scores)?;
            let terms = refined.log_density.iter().zip(&slopes).zip(&log_q);
            let sum: f64 = terms.map(|((p, slope), q)| p - slope - q).sum();
            risk.push(sum / log_q.len() as f64);
            let own = network.draw(self.mechanism, given, POINTS, seed)?;
            squared.push(distance(&mean(&own.scores, d), &exact));
        }
        Ok(Excess {
            log_evidence: refined.log_evidence,
            log_evidence_error: refined.log_evidence_error,
            risk,
            squared,
            tempered: true,
        })
    }
}

/// Points of a mixture of networks and prior, in the prior's coordinates.
struct Points {
    dimension: usize,
    scores: Vec<f32>,
    /// ln q, one list a network.
    network: Vec<Vec<f64>>,
    /// ln of the mixture's density.
    mixture: Vec<f64>,
    /// ln prior x likelihood, less that.
    ratio: Vec<f64>,
    /// Where each part of the mixture ends.
    ends: Vec<usize>,
}

impl Points {
    fn new(
        against: &Against<'_>,
        given: &[Matrix],
        data: &[f64],
        (d, wanted): (usize, usize),
        seed: u64,
    ) -> Result<Self, InferError> {
        let (networks, mechanism) = (against.networks, against.mechanism);
        let of_prior = wanted / PRIOR_EVERY;
        let each = (wanted - of_prior).div_ceil(networks.len());
        let (mut scores, mut ends) = (Vec::new(), Vec::new());
        for (number, (network, given)) in networks.iter().zip(given).enumerate() {
            let seed = Stream::new(seed, Purpose::REFINEMENT, number as u64).next_u64();
            let drawn = network.draw(mechanism, given, each, seed)?;
            scores.extend_from_slice(drawn.scores.values());
            ends.push(scores.len() / d);
        }
        let mut stream = Stream::new(seed, Purpose::REFINEMENT, u64::MAX);
        scores.extend((0..of_prior * d).map(|_| stream.normal() as f32));
        let count = scores.len() / d;
        ends.push(count);
        let matrix = Matrix::new(d, scores.clone());
        let density = networks.iter().zip(given);
        let network = density
            .map(|(network, given)| network.log_density_of_scores(mechanism, given, &matrix))
            .collect::<Result<Vec<_>, _>>()?;
        let parameters = networks[0].coordinates(mechanism).to_parameters(&scores);
        let likelihood = log_likelihood(against.compiled, &parameters, data)?;
        let (mut mixture, mut ratio) = (Vec::new(), Vec::new());
        for (row, point) in scores.chunks_exact(d).enumerate() {
            let terms = point.iter().map(|&x| f64::from(x).powi(2) + LN_TAU);
            let prior = -0.5 * terms.sum::<f64>();
            let of_networks = network.iter().map(|log_q| (log_q[row], each));
            let parts = of_networks.chain([(prior, of_prior)]);
            let log = log_mixture(parts, count);
            let target = prior + likelihood[row];
            mixture.push(log);
            ratio.push(match target.is_nan() {
                true => f64::NEG_INFINITY,
                false => target - log,
            });
        }
        Ok(Self {
            dimension: d,
            scores,
            network,
            mixture,
            ratio,
            ends,
        })
    }

    fn excess(&self, log_evidence: f64) -> Excess {
        let count = self.ratio.len() as f64;
        let u: Vec<f64> = self.ratio.iter().map(|r| exp(r - log_evidence)).collect();
        let variance = self.variance_of_mean(&u);
        let exact = self.mean(&u);
        let (mut risk, mut squared) = (Vec::new(), Vec::new());
        for log_q in &self.network {
            let v = log_q.iter().zip(&self.mixture).map(|(q, g)| exp(q - g));
            let v: Vec<f64> = v.collect();
            let rows = u
                .iter()
                .zip(&v)
                .zip(&self.ratio)
                .zip(log_q.iter().zip(&self.mixture));
            let terms = rows.map(|(((&u, v), ratio), (q, g))| match u > 0.0 {
                true => u * (ratio + g - log_evidence - q) + v - u,
                false => v - u,
            });
            // ln of a mean is too low by half its variance, and the evidence enters by its ln.
            risk.push(terms.sum::<f64>() / count - 0.5 * variance);
            squared.push(distance(&self.mean(&v), &exact));
        }
        Excess {
            log_evidence,
            log_evidence_error: variance.sqrt(),
            risk,
            squared,
            tempered: false,
        }
    }

    fn moments(&self, log_evidence: f64) -> Moments {
        let u: Vec<f64> = self.ratio.iter().map(|r| exp(r - log_evidence)).collect();
        let mean = self.mean(&u);
        let total: f64 = u.iter().sum();
        let sd = |(k, mean): (usize, &f64)| {
            let own = self.scores[k..].iter().step_by(self.dimension).zip(&u);
            let squares: f64 = own.map(|(&x, w)| w * (f64::from(x) - mean).powi(2)).sum();
            (squares / total).sqrt()
        };
        Moments {
            sd: mean.iter().enumerate().map(sd).collect(),
            mean,
        }
    }

    /// Of the points under some weights.
    fn mean(&self, weights: &[f64]) -> Vec<f64> {
        let total: f64 = weights.iter().sum();
        let coordinate = |k: usize| {
            let own = self.scores[k..].iter().step_by(self.dimension).zip(weights);
            own.map(|(&x, w)| f64::from(x) * w).sum::<f64>() / total
        };
        (0..self.dimension).map(coordinate).collect()
    }

    /// The variance of the mean of some numbers, one a point: each part of the mixture has a fixed number
    /// of points.
    fn variance_of_mean(&self, x: &[f64]) -> f64 {
        let mut first = 0;
        let mut sum = 0.0;
        for &end in &self.ends {
            let part = &x[first..end];
            let n = part.len() as f64;
            let mean = part.iter().sum::<f64>() / n;
            let squares: f64 = part.iter().map(|x| (x - mean).powi(2)).sum();
            sum += n * squares / (n - 1.0).max(1.0);
            first = end;
        }
        sum / (x.len() as f64).powi(2)
    }
}

/// ln of a mixture's density from ln of its parts' densities, each with its number of all `count` points.
fn log_mixture(parts: impl Iterator<Item = (f64, usize)> + Clone, count: usize) -> f64 {
    let largest = parts
        .clone()
        .map(|(log, _)| log)
        .fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = parts
        .map(|(log, n)| n as f64 / count as f64 * exp(log - largest))
        .sum();
    largest + ln(sum)
}

fn mean(scores: &Matrix, d: usize) -> Vec<f64> {
    let mut mean = vec![0.0; d];
    for row in 0..scores.rows() {
        let own = mean.iter_mut().zip(scores.row(row));
        own.for_each(|(m, &x)| *m += f64::from(x) / scores.rows() as f64);
    }
    mean
}

/// The mean square of the differences.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / a.len() as f64
}
