//! Split-conformal bounds: from scores of held-out calibration inputs to a bound for the next one.

use crate::exact::at_most;

/// The bound that the next exchangeable score exceeds with probability at most `error_rate`: the
/// `ceil((n + 1)(1 - error_rate))`-th smallest score (Vovk et al. 2005; Papadopoulos et al. 2002).
/// Infinite when there are too few scores; NaN scores count as infinite.
///
/// ```
/// use gnomon_claim::conformal::bound;
/// let scores: Vec<f64> = (1..=9).map(f64::from).collect();
/// assert_eq!(bound(&scores, 0.2), 8.0);
/// assert_eq!(bound(&scores, 0.05), f64::INFINITY);
/// ```
#[must_use]
pub fn bound(scores: &[f64], error_rate: f64) -> f64 {
    // Rounding must not lift a rank that is an integer on paper.
    let rank = ((scores.len() as f64 + 1.0) * (1.0 - error_rate) - 1e-9).ceil();
    order_statistic(scores, rank as usize)
}

/// The bound that a share of at most `share` of future scores exceeds, with probability at least
/// `1 - error_rate` over the calibration inputs (Wilks 1941; for conformal sets, Vovk 2012).
#[must_use]
pub fn tolerance_bound(scores: &[f64], share: f64, error_rate: f64) -> f64 {
    let n = scores.len();
    // The rank-th smallest fails when at most n - rank scores lie beyond the true quantile.
    let rank = (1..=n).find(|&rank| at_most(n - rank, n, share) <= error_rate);
    rank.map_or(f64::INFINITY, |rank| order_statistic(scores, rank))
}

fn order_statistic(scores: &[f64], rank: usize) -> f64 {
    let mut sorted: Vec<f64> = scores
        .iter()
        .map(|&s| if s.is_nan() { f64::INFINITY } else { s })
        .collect();
    sorted.sort_unstable_by(f64::total_cmp);
    if rank == 0 {
        return f64::NEG_INFINITY;
    }
    sorted.get(rank - 1).copied().unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::violation_free_inputs;
    use gnomon_mechanism::random::{Purpose, Stream};

    /// Exceedances of 4,000 fresh pools of 50: expected 196/51 % at 10 %: 5 of 51 = 0.098; sd 0.0047.
    #[test]
    fn the_next_score_exceeds_the_bound_at_the_stated_rate() {
        let exceeded = (0..4000)
            .filter(|&i| {
                let mut stream = Stream::new(51, Purpose::CLAIM, i);
                let scores: Vec<f64> = (0..50).map(|_| stream.normal()).collect();
                stream.normal() > bound(&scores, 0.1)
            })
            .count();
        let share = exceeded as f64 / 4000.0;
        // 4.5 sd: false-alarm rate below 1e-5.
        assert!((share - 5.0 / 51.0).abs() < 4.5 * 0.0047, "{share}");
    }

    #[test]
    fn the_largest_of_299_bounds_one_percent() {
        let n = violation_free_inputs(0.01, 0.05);
        let scores: Vec<f64> = (1..=n).map(|i| i as f64).collect();
        assert_eq!(tolerance_bound(&scores, 0.01, 0.05), n as f64);
        assert_eq!(tolerance_bound(&scores[1..], 0.01, 0.05), f64::INFINITY);
    }
}
