//! Proposals and their weights: the answer they give, and how it settled.

use super::Method;
use super::importance::{self, Weighted};
use super::moments::Moments;
use super::tempering::{Islands, Tempered};

/// How good the answer is after so many solver calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// How it was got: a tempered answer begins with proposals that were given up.
    pub method: Method,
    /// Likelihoods worked out and gradients of them, or simulations that estimates of them took.
    pub calls: u64,
    /// ln p(data | mechanism).
    pub log_evidence: f64,
    /// Its standard error; NaN of one island, which cannot tell.
    pub error: f64,
    /// Independent draws of the same worth; NaN of one island.
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
                method: Method::Importance,
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

/// A tempered answer as it was of the first island, of the first two, four and so on, after `before` calls;
/// each density took `each`.
pub(super) fn of_islands(
    tempered: &Tempered,
    islands: Islands,
    last: &Moments,
    d: usize,
    [before, each]: [u64; 2],
) -> Vec<Progress> {
    let counts = std::iter::successors(Some(1), |count| Some(2 * count));
    counts
        .take_while(|&count| count <= islands.count)
        .map(|count| {
            let first = tempered.first(count, islands);
            let now = Moments::of(&first, Islands { count, ..islands }, d);
            Progress {
                method: Method::Tempering,
                calls: before + first.calls() * each,
                log_evidence: now.log_evidence,
                error: now.error,
                effective: now.effective(first.worth(islands)),
                shift: now.shift(last),
            }
        })
        .collect()
}
