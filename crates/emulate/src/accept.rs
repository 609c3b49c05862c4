//! Which answers are accepted: an error estimate that is calibrated, and a threshold below which the
//! share in error is shown to be small.
//!
//! A pool of fresh queries, on all of which the solver was asked, is cut in two. The first half scales the
//! model's own spread into a bound (split conformal prediction, normalised: Papadopoulos et al. 2011), and
//! says which thresholds are tried, in which order. The second half tries them: a fixed sequence of
//! hypotheses "the share in error among what is accepted is above the level", each at the full error rate,
//! up to the first that is not rejected (Angelopoulos et al. 2021, "Learn then test"). Selecting by the
//! estimate breaks exchangeability, so that the estimates alone would not do.

use gnomon_claim::conformal::tolerance_bound;
use gnomon_claim::exact::{share_upper, violation_free_inputs};
use serde::{Deserialize, Serialize};

/// The share of queries inside the domain whose error may exceed its estimate.
pub const BEYOND_ESTIMATE: f64 = 0.05;
/// Added to a spread, in tolerances: where a model believes itself exact, its estimate is not 0.
const FLOOR: f64 = 0.01;
/// No scale is smaller: errors of a model that is exact are rounding, and no estimate can tell them.
const LEAST: f64 = 1e-6;
/// Shares of the queries that the thresholds accept, from the surest on.
const SHARES: [f64; 22] = [
    0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85,
    0.9, 0.95, 0.975, 0.99, 1.0,
];
/// The first threshold accepts so many times as many queries as the level needs without an error.
const ENOUGH: f64 = 1.5;

/// A fresh query inside the domain, in tolerances: the largest over the outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// The model's own spread.
    pub spread: f64,
    /// How far its answer is from the solver's; infinite where the solver has none.
    pub error: f64,
}

/// How errors are estimated, and which answers are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acceptance {
    /// What a spread is multiplied by; `None` where no number is known to be enough.
    scale: Option<f64>,
    /// The largest estimate that is accepted, in tolerances, at most 1; `None` where nothing is.
    threshold: Option<f64>,
}

/// A threshold that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The largest estimate that it accepts, in tolerances.
    pub threshold: f64,
    /// Queries accepted.
    pub accepted: usize,
    /// Those among them in error by more than the tolerance.
    pub in_error: usize,
    /// The upper confidence bound of their share (Clopper & Pearson 1934).
    pub share_at_most: f64,
}

impl Acceptance {
    /// Chooses a threshold by two halves of a pool, such that the share in error among what it accepts is
    /// at most `level`, with this confidence; and says what was tried.
    #[must_use]
    pub fn calibrate(halves: [&[Seen]; 2], level: f64, confidence: f64) -> (Self, Vec<Attempt>) {
        let error_rate = 1.0 - confidence;
        let ratios: Vec<f64> = halves[0]
            .iter()
            .map(|s| s.error / (s.spread + FLOOR))
            .collect();
        let scale = tolerance_bound(&ratios, BEYOND_ESTIMATE, error_rate);
        let mut own = Self {
            scale: scale.is_finite().then_some(scale.max(LEAST)),
            threshold: None,
        };
        let mut tried = Vec::new();
        if own.scale.is_none() {
            return (own, tried);
        }
        for threshold in own.thresholds(halves, level, error_rate) {
            let accepted = || {
                halves[1]
                    .iter()
                    .filter(|s| own.estimate(s.spread) <= threshold)
            };
            let (count, in_error) = (
                accepted().count(),
                accepted().filter(|s| s.error > 1.0).count(),
            );
            let share_at_most = match count {
                0 => 1.0,
                count => share_upper(in_error, count, error_rate),
            };
            tried.push(Attempt {
                threshold,
                accepted: count,
                in_error,
                share_at_most,
            });
            if share_at_most > level {
                break;
            }
            own.threshold = Some(threshold);
        }
        (own, tried)
    }

    /// The thresholds in the order in which they are tried, by the first half alone.
    fn thresholds(&self, halves: [&[Seen]; 2], level: f64, error_rate: f64) -> Vec<f64> {
        let mut estimates: Vec<f64> = halves[0].iter().map(|s| self.estimate(s.spread)).collect();
        estimates.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (share * estimates.len() as f64).ceil() as usize;
            estimates
                .get(rank.max(1) - 1)
                .map(|estimate| estimate.min(1.0))
        };
        let mut thresholds: Vec<f64> = SHARES.iter().filter_map(|&share| at(share)).collect();
        thresholds.dedup();
        let accepts = |threshold: f64| {
            let count = estimates
                .iter()
                .filter(|estimate| **estimate <= threshold)
                .count();
            count as f64 / estimates.len() as f64 * halves[1].len() as f64
        };
        let enough = ENOUGH * violation_free_inputs(level, error_rate) as f64;
        let last = thresholds.len().saturating_sub(1);
        let first = thresholds
            .iter()
            .position(|&t| accepts(t) >= enough)
            .unwrap_or(last);
        thresholds.split_off(first.min(thresholds.len()))
    }

    /// The error that a spread stands for, in the same unit, where the tolerance is 1: exceeded by at most
    /// a share of [`BEYOND_ESTIMATE`] of queries inside the domain.
    #[must_use]
    pub fn estimate(&self, spread: f64) -> f64 {
        self.scale
            .map_or(f64::INFINITY, |scale| scale * (spread + FLOOR))
    }

    /// Whether an answer with this estimate, in tolerances, is accepted.
    #[must_use]
    pub fn accepts(&self, estimate: f64) -> bool {
        self.threshold
            .is_some_and(|threshold| estimate <= threshold)
    }

    /// The largest estimate that is accepted, in tolerances; `None` where nothing is.
    #[must_use]
    pub fn threshold(&self) -> Option<f64> {
        self.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    /// Errors that are normal with the model's spread times `blunt`, and spreads over two decades.
    fn seen(count: usize, seed: u64, blunt: f64) -> Vec<Seen> {
        let mut stream = Stream::new(seed, Purpose::CLAIM, 0);
        let one = |_| {
            let spread = 0.02 * (4.6 * stream.uniform()).exp();
            let error = blunt * spread * stream.normal().abs();
            Seen { spread, error }
        };
        (0..count).map(one).collect()
    }

    /// Over 300 pools the share in error among 20,000 fresh accepted queries is above the level in at most
    /// 5 % of them: more than 26 has probability below 1e-3. And most of what could be accepted is.
    #[test]
    fn the_level_holds_among_what_is_accepted() {
        let fresh = seen(20_000, 1, 3.0);
        let (mut broken, mut accepted) = (0, 0.0);
        for pool in 0..300 {
            let all = seen(4000, 100 + pool, 3.0);
            let halves = [&all[..2000], &all[2000..]];
            let (acceptance, _) = Acceptance::calibrate(halves, 0.01, 0.95);
            let kept: Vec<&Seen> = fresh
                .iter()
                .filter(|s| acceptance.accepts(acceptance.estimate(s.spread)))
                .collect();
            let wrong = kept.iter().filter(|s| s.error > 1.0).count();
            broken += usize::from(wrong as f64 > 0.01 * kept.len() as f64);
            accepted += kept.len() as f64 / fresh.len() as f64 / 300.0;
        }
        assert!(broken <= 26, "{broken}");
        assert!(accepted > 0.3, "{accepted}");
    }

    #[test]
    fn what_is_wrong_everywhere_is_not_accepted_and_what_is_right_is() {
        let bad: Vec<Seen> = seen(2000, 3, 1000.0);
        let (none, tried) = Acceptance::calibrate([&bad[..1000], &bad[1000..]], 0.01, 0.95);
        assert_eq!(none.threshold(), None);
        assert!(!none.accepts(0.0) && tried.len() <= 1);
        let good: Vec<Seen> = seen(2000, 4, 0.001);
        let (all, _) = Acceptance::calibrate([&good[..1000], &good[1000..]], 0.01, 0.95);
        let kept = good
            .iter()
            .filter(|s| all.accepts(all.estimate(s.spread)))
            .count();
        assert!(kept > 1950, "{kept}");
    }

    #[test]
    fn too_small_a_pool_accepts_nothing() {
        let few = seen(20, 5, 0.001);
        let (none, _) = Acceptance::calibrate([&few[..10], &few[10..]], 0.01, 0.95);
        assert_eq!(none.threshold(), None);
        let (none, _) = Acceptance::calibrate([&[], &[]], 0.01, 0.95);
        assert_eq!(none.threshold(), None);
    }
}
