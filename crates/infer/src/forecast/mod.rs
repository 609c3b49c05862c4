//! Forecasts of series and what they are worth: [`origins`] are put into a series, a model or a
//! baseline ([`last_value`], [`smoothing`]) forecasts from each by quantiles, [`score`] holds these
//! against what came, and [`tally`] sums up.
//!
//! A past is one number a step, up to the origin; NaN is missing. Horizons count steps after it.
//!
//! ```
//! use gnomon_infer::forecast::{LEVELS, last_value, score::Score};
//! let past = [10.0, 12.0, 9.0, 11.0];
//! let forecast = &last_value::forecast(&past, &[1], None)[0];
//! assert_eq!(forecast[LEVELS.len() / 2], 11.0);
//! let score = Score::of(forecast, 13.0);
//! assert_eq!(score.absolute_error, 2.0);
//! assert!(score.weighted_interval_score < 2.0);
//! ```

pub mod baseline;
pub mod last_value;
pub mod origins;
pub mod score;
pub mod smoothing;
pub mod tally;
pub mod write;

/// The probabilities at which forecasts have quantiles: those of the forecast hubs (Cramer et al.
/// 2022). The middle one is the median, the others bound 11 central intervals.
pub const LEVELS: [f64; 23] = [
    0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75,
    0.8, 0.85, 0.9, 0.95, 0.975, 0.99,
];

/// A forecast of one number: its quantiles at [`LEVELS`].
pub type Forecast = [f64; LEVELS.len()];

/// Where the median is among [`LEVELS`].
pub const MEDIAN: usize = LEVELS.len() / 2;

/// How many central intervals the quantiles bound.
pub const INTERVALS: usize = MEDIAN;

/// The share of outcomes that the central interval number `interval` should hold: .98 first, .1 last.
#[must_use]
pub fn nominal(interval: usize) -> f64 {
    // Levels are decimals of at most three digits: their difference is one as well.
    ((LEVELS[LEVELS.len() - 1 - interval] - LEVELS[interval]) * 1e3).round() / 1e3
}

/// A past without missing entries at its end, and how many there were.
fn without_gap(past: &[f64]) -> (&[f64], usize) {
    let end = past
        .iter()
        .rposition(|x| x.is_finite())
        .map_or(0, |last| last + 1);
    (&past[..end], past.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_central() {
        for (low, high) in LEVELS.iter().zip(LEVELS.iter().rev()) {
            assert!((low + high - 1.0).abs() < 1e-12);
        }
        let all: Vec<f64> = (0..INTERVALS).map(nominal).collect();
        assert_eq!(
            all,
            [0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
        );
    }
}
