//! A forecast's quantiles and what came -> scores; smaller is better.

use super::{Forecast, INTERVALS, LEVELS, MEDIAN};

/// What one forecast was worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Of the median.
    pub absolute_error: f64,
    /// See [`weighted_interval_score`].
    pub weighted_interval_score: f64,
    /// Whether each central interval (see [`super::nominal`]) holds what came.
    pub covered: [bool; INTERVALS],
}

impl Score {
    /// The scores of a forecast for which `observed` came.
    #[must_use]
    pub fn of(forecast: &Forecast, observed: f64) -> Self {
        let (low, high) = (&forecast[..MEDIAN], forecast[MEDIAN + 1..].iter().rev());
        let mut covered = [false; INTERVALS];
        for (inside, (low, high)) in covered.iter_mut().zip(low.iter().zip(high)) {
            *inside = *low <= observed && observed <= *high;
        }
        Self {
            absolute_error: (observed - forecast[MEDIAN]).abs(),
            weighted_interval_score: weighted_interval_score(forecast, observed),
            covered,
        }
    }
}

/// The pinball loss of the quantile `forecast` at `level`, in the units of the data; its expectation is
/// smallest at the true quantile (Koenker & Bassett 1978).
#[must_use]
pub fn pinball(forecast: f64, observed: f64, level: f64) -> f64 {
    let above = observed - forecast;
    (level * above).max((level - 1.0) * above)
}

/// The weighted interval score (Bracher, Ray, Gneiting & Reich 2021, equation 2 with their weights: 1/2
/// for the median, alpha / 2 for the central interval that leaves out alpha), in the units of the data.
/// It is the mean of twice the pinball loss over the levels.
#[must_use]
pub fn weighted_interval_score(forecast: &Forecast, observed: f64) -> f64 {
    let intervals = (0..MEDIAN).map(|k| {
        let (low, high) = (forecast[k], forecast[LEVELS.len() - 1 - k]);
        let alpha = 2.0 * LEVELS[k];
        let outside = (low - observed).max(observed - high).max(0.0);
        alpha / 2.0 * (high - low) + outside
    });
    let of_intervals: f64 = intervals.sum();
    let of_median = 0.5 * (observed - forecast[MEDIAN]).abs();
    (of_median + of_intervals) / (INTERVALS as f64 + 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weighted_interval_score_is_the_mean_of_twice_the_pinball_loss() {
        let forecast: Forecast = LEVELS.map(|level| 3.0 * level * level + 1.0);
        for observed in [-2.0, 1.0, 1.7, 2.0, 3.99, 12.0] {
            let losses = LEVELS.iter().zip(&forecast);
            let mean = losses
                .map(|(&level, &x)| 2.0 * pinball(x, observed, level))
                .sum::<f64>()
                / LEVELS.len() as f64;
            let wis = weighted_interval_score(&forecast, observed);
            assert!((wis - mean).abs() < 1e-12, "{observed}: {wis} {mean}");
        }
    }

    #[test]
    fn scores_by_hand() {
        // All mass at 5: the score is the absolute error (Bracher et al. 2021).
        let point = [5.0; LEVELS.len()];
        let score = Score::of(&point, 8.0);
        assert!((score.weighted_interval_score - 3.0).abs() < 1e-12);
        assert_eq!(score.absolute_error, 3.0);
        assert_eq!(score.covered, [false; INTERVALS]);
        // Every interval from 0 to 10, median 5, and 12 came: width 10 weighted by the sum of the lower
        // levels 2.285, distance 2 for each of 11 intervals, half of the error 7.
        let mut wide = [0.0; LEVELS.len()];
        wide[MEDIAN] = 5.0;
        wide[MEDIAN + 1..].fill(10.0);
        let score = Score::of(&wide, 12.0);
        let by_hand = (22.85 + 22.0 + 3.5) / 11.5;
        assert!((score.weighted_interval_score - by_hand).abs() < 1e-12);
        assert_eq!(Score::of(&wide, 10.0).covered, [true; INTERVALS]);
        assert_eq!(pinball(2.0, 5.0, 0.9), 2.7);
        assert!((pinball(5.0, 2.0, 0.9) - 0.3).abs() < 1e-12);
    }
}
