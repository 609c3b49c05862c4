//! The evidence alone, from few likelihoods: importance sampling from the network and the prior, and from fits
//! to what was found where these are no use (adaptive importance sampling; Oh & Berger 1992).

use std::cell::Cell;

use gnomon_mechanism::elementary::exp;
use gnomon_mechanism::random::{Purpose, Stream};

use super::start::Start;
use super::tempering::systematic;
use super::{Densities, Problem, Sample, importance};
use crate::amortized::InferError;

/// Points of each round.
const POINTS: usize = 500;
/// Independent draws that a round must be worth.
const ENOUGH: f64 = 150.0;
/// Rounds after the first one, at most.
const ROUNDS: usize = 6;
/// Independent draws that a fit needs for each dimension: weights are raised to a power that leaves so many.
const FOR_FIT: f64 = 8.0;

/// ln p(data | mechanism).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The estimate.
    pub log: f64,
    /// Its standard error.
    pub error: f64,
    /// Likelihoods worked out.
    pub calls: u64,
    /// Whether the last round's weights can be trusted.
    pub is_settled: bool,
}

impl Problem<'_> {
    /// The evidence, from some hundreds of likelihoods or thousands.
    ///
    /// # Errors
    /// Where the likelihood or a network cannot be run, or the user asks to stop.
    pub fn evidence(&self, seed: u64) -> Result<Evidence, InferError> {
        let seed = Stream::new(seed, Purpose::REFINEMENT, self.mechanism as u64).next_u64();
        let d = self.dimension();
        let calls = Cell::new(0);
        if d == 0 {
            let refined = self.without_parameters(1)?;
            return Ok(Evidence {
                log: refined.log_evidence,
                error: refined.log_evidence_error,
                calls: refined.calls,
                is_settled: true,
            });
        }
        let mut sample = Sample::default();
        self.propose(&mut sample, POINTS, seed, &calls)?;
        let mut points: Vec<f64> = sample.scores.iter().map(|&x| f64::from(x)).collect();
        let mut ratio = sample.ratio;
        for round in 0..=ROUNDS {
            let weighted = importance::weigh(&ratio);
            let enough = weighted.usable() && weighted.effective >= ENOUGH;
            if enough || round == ROUNDS {
                return Ok(Evidence {
                    log: weighted.log_evidence,
                    error: weighted.log_evidence_error,
                    calls: calls.get(),
                    is_settled: enough,
                });
            }
            let seed = seed.wrapping_add(1 + round as u64);
            let start = refit(&points, &ratio, d, seed);
            points = start.draw(POINTS, &mut Stream::new(seed, Purpose::REFINEMENT, 1));
            let Densities { target, .. } = self.with_prior(&points, &calls)?;
            let density = start.log_density(&points);
            ratio = target
                .iter()
                .zip(density)
                .map(|(target, own)| target - own)
                .collect();
        }
        Err(InferError::Unsettled)
    }
}

/// A mixture of normal distributions and a share of the prior, fitted to points by their weights.
fn refit(points: &[f64], ratio: &[f64], d: usize, seed: u64) -> Start {
    let largest = ratio.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return Start::prior(d);
    }
    let weights = |power: f64| -> Vec<f64> {
        let raised = ratio.iter().map(|ratio| exp(power * (ratio - largest)));
        let raised: Vec<f64> = raised.collect();
        let sum: f64 = raised.iter().sum();
        raised.iter().map(|weight| weight / sum).collect()
    };
    let effective = |weights: &[f64]| 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
    let mut power = 1.0;
    while effective(&weights(power)) < FOR_FIT * d as f64 && power > 1e-4 {
        power *= 0.8;
    }
    let uniform = Stream::new(seed, Purpose::REFINEMENT, 0).uniform();
    let chosen = systematic(&weights(power), POINTS, uniform);
    // The fit judges mixtures by the first of its points: in an order that says nothing.
    let (drawn, _) = super::shuffled(
        &chosen
            .iter()
            .flat_map(|&row| &points[row * d..][..d])
            .copied()
            .collect::<Vec<f64>>(),
        &vec![0.0; chosen.len()],
        d,
        seed,
    );
    Start::fitted(&drawn, d, seed)
}
