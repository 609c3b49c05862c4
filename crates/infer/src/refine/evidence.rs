//! The evidence alone, from few likelihoods: importance sampling from the network and the prior, and from fits
//! to what was found where these are no use (adaptive importance sampling; Oh & Berger 1992).
//!
//! Where a filter works out the likelihood, all this is done with its approximation, which costs next to
//! nothing. The evidence is then that of the approximation times the mean of likelihood over approximation, at a few
//! draws of the approximate posterior.

use std::cell::Cell;

use gnomon_mechanism::elementary::exp;
use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_simulate::approximate_log_likelihood;

use super::importance::{self, Weighted};
use super::start::Start;
use super::tempering::systematic;
use super::{Problem, joint};
use crate::amortized::InferError;

/// How much is put into adaptive importance sampling.
struct Effort {
    /// Points of each round.
    points: usize,
    /// Independent draws that a round must be worth.
    enough: f64,
    /// Rounds in a row that must be: a fit to few draws lacks tails, and does not show it.
    in_a_row: usize,
    /// Rounds after the first one, at most.
    rounds: usize,
}

const EXACT: Effort = Effort {
    points: 500,
    enough: 150.0,
    in_a_row: 1,
    rounds: 6,
};
const APPROXIMATE: Effort = Effort {
    points: 2000,
    enough: 600.0,
    in_a_row: 2,
    rounds: 10,
};
/// Points that a mixture is fitted to.
const FITTED: usize = 800;
/// Independent draws that a fit needs for each dimension: weights are raised to a power that leaves so many.
const FOR_FIT: f64 = 8.0;
/// The largest power: a fit wider than the target has no weights that are too large.
const WIDER: f64 = 0.7;
/// Draws of the approximate posterior at which the likelihood itself is worked out: at first, and at most.
const COMPARED: [usize; 2] = [48, 768];
/// The standard error of a ln evidence that is small enough.
const PRECISE: f64 = 0.05;

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
        let is_filtered = self.particles.is_none() && self.is_filtered();
        if is_filtered && let Some(found) = self.by_approximation(seed, &calls)? {
            return Ok(found);
        }
        let exact = |points: &[f64]| self.log_joint(points, &calls);
        let found = self.adapt(&EXACT, seed, exact)?;
        Ok(Evidence {
            log: found.weighted.log_evidence,
            error: found.weighted.log_evidence_error,
            calls: calls.get(),
            is_settled: found.is_settled,
        })
    }

    /// Importance sampling from the network and the prior, and then from one fit after the other. `target` is
    /// ln prior x likelihood.
    fn adapt(
        &self,
        effort: &Effort,
        seed: u64,
        target: impl Fn(&[f64]) -> Result<Vec<f64>, InferError>,
    ) -> Result<Found, InferError> {
        let d = self.dimension();
        let scores = self.proposals(effort.points, seed)?;
        let mut points: Vec<f64> = scores.iter().map(|&x| f64::from(x)).collect();
        let mut start = self.log_proposal(&points)?;
        let mut in_a_row = 0;
        for round in 0.. {
            let target = target(&points)?;
            let both = target.iter().zip(&start);
            let ratio: Vec<f64> = both.map(|(target, start)| target - start).collect();
            let weighted = importance::weigh(&ratio);
            let enough = weighted.usable() && weighted.effective >= effort.enough;
            in_a_row = if enough { in_a_row + 1 } else { 0 };
            if in_a_row == effort.in_a_row || round == effort.rounds {
                return Ok(Found {
                    points,
                    target,
                    ratio,
                    weighted,
                    is_settled: enough,
                });
            }
            let seed = seed.wrapping_add(1 + round as u64);
            let fitted = refit(&points, &ratio, d, seed);
            points = fitted.draw(
                effort.points,
                &mut Stream::new(seed, Purpose::REFINEMENT, 1),
            );
            start = fitted.log_density(&points);
        }
        Err(InferError::Unsettled)
    }

    /// The evidence where a filter works out the likelihood; none where its approximation is no help. Where the
    /// approximation's own weights never settle, neither would those of the likelihood.
    fn by_approximation(
        &self,
        seed: u64,
        calls: &Cell<u64>,
    ) -> Result<Option<Evidence>, InferError> {
        let d = self.dimension();
        let coordinates = self.amortized.coordinates(self.mechanism);
        let approximate = |points: &[f64]| -> Result<Vec<f64>, InferError> {
            let parameters = coordinates.to_parameters(points);
            let logs = approximate_log_likelihood(self.compiled, &parameters, self.data)?;
            let both = points.chunks_exact(d).zip(logs);
            Ok(both.map(|(point, log)| joint(point, log)).collect())
        };
        let found = self.adapt(&APPROXIMATE, seed, approximate)?;
        if !found.weighted.log_evidence.is_finite() {
            return Ok(None);
        }
        let ratio = &found.ratio;
        let largest = ratio.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = ratio.iter().map(|ratio| exp(ratio - largest)).collect();
        let mut compared: Vec<f64> = Vec::new();
        let [mut count, most] = COMPARED;
        while count <= most {
            let uniform =
                Stream::new(seed ^ 5, Purpose::REFINEMENT, compared.len() as u64).uniform();
            let chosen = systematic(&weights, count - compared.len(), uniform);
            let rows = chosen.iter();
            let points: Vec<f64> = rows
                .flat_map(|&row| &found.points[row * d..][..d])
                .copied()
                .collect();
            let exact = self.log_joint(&points, calls)?;
            let both = exact.iter().zip(&chosen);
            compared.extend(both.map(|(exact, &row)| exact - found.target[row]));
            let weighted = importance::weigh(&compared);
            let error = f64::hypot(
                found.weighted.log_evidence_error,
                weighted.log_evidence_error,
            );
            if weighted.usable() && (error <= PRECISE || !found.is_settled) {
                return Ok(Some(Evidence {
                    log: found.weighted.log_evidence + weighted.log_evidence,
                    error,
                    calls: calls.get(),
                    is_settled: found.is_settled,
                }));
            }
            count *= 2;
        }
        Ok(None)
    }
}

/// The last round of adaptive importance sampling.
struct Found {
    points: Vec<f64>,
    /// ln prior x likelihood.
    target: Vec<f64>,
    /// ln target / proposal.
    ratio: Vec<f64>,
    weighted: Weighted,
    is_settled: bool,
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
    let mut power = WIDER;
    while effective(&weights(power)) < FOR_FIT * d as f64 && power > 1e-4 {
        power *= 0.8;
    }
    let uniform = Stream::new(seed, Purpose::REFINEMENT, 0).uniform();
    let chosen = systematic(&weights(power), FITTED, uniform);
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
