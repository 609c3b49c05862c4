//! Proposals and their weights: the answer they give, and how it settled.

use super::importance::{self, Weighted};
use super::moments::Moments;

/// How good the answer is after so many solver calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Likelihoods worked out, or simulations that estimates of them took.
    pub calls: u64,
    /// ln p(data | mechanism).
    pub log_evidence: f64,
    /// Its standard error.
    pub error: f64,
    /// Independent draws of the same worth.
    pub effective: f64,
    /// The largest distance of a coordinate's mean from the final one, in posterior sds.
    pub shift: f64,
}

/// Proposals so far.
#[derive(Default)]
pub(super) struct Sample {
    pub scores: Vec<f32>,
    /// ln prior x likelihood.
    pub target: Vec<f64>,
    /// ln target / proposal.
    pub ratio: Vec<f64>,
}

impl Sample {
    /// The moments of the first proposals, as many as are weighted.
    pub fn moments(&self, weighted: &Weighted, d: usize) -> Moments {
        let column = |k: usize| self.scores[k..].iter().step_by(d).map(|&x| f64::from(x));
        let weights = &weighted.weights;
        let mean: Vec<f64> = (0..d)
            .map(|k| column(k).zip(weights).map(|(x, w)| x * w).sum())
            .collect();
        let sd: Vec<f64> = (0..d)
            .map(|k| {
                let squares = column(k)
                    .zip(weights)
                    .map(|(x, w)| w * (x - mean[k]).powi(2));
                squares.sum::<f64>().sqrt()
            })
            .collect();
        Moments {
            mean_error: sd.iter().map(|sd| sd / weighted.effective.sqrt()).collect(),
            mean,
            sd,
            log_evidence: weighted.log_evidence,
            error: weighted.log_evidence_error,
        }
    }

    /// The answer as it was after fewer and fewer proposals, the fewest first; each took `each` calls.
    pub fn progress(&self, last: &Moments, d: usize, each: u64) -> Vec<Progress> {
        let mut progress = Vec::new();
        let mut rows = self.ratio.len();
        while rows >= 200 {
            let weighted = importance::weigh(&self.ratio[..rows]);
            let now = self.moments(&weighted, d);
            progress.push(Progress {
                calls: rows as u64 * each,
                log_evidence: weighted.log_evidence,
                error: weighted.log_evidence_error,
                effective: weighted.effective,
                shift: now.shift(last),
            });
            rows /= 2;
        }
        progress.reverse();
        progress
    }
}
