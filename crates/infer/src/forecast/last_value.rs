//! The last value goes on, in the manner of the COVID-19 forecast hub's baseline (Cramer et al. 2022).
//!
//! The median is the last value. The quantiles around it are those of the changes that the series has
//! made over so many steps, each taken with both signs.

use super::{Forecast, LEVELS, without_gap};
use crate::summary::quantile;

/// The forecasts of a past at each horizon; `lowest` is the least that can come, where there is one.
/// Without any value in the past they are NaN; with one alone they have no width.
///
/// Changes over more than half of the past are too few: those over fewer steps k stand for them, times
/// the square root of horizon over k, as in a random walk.
#[must_use]
pub fn forecast(past: &[f64], horizons: &[usize], lowest: Option<f64>) -> Vec<Forecast> {
    let (past, gap) = without_gap(past);
    let Some(&last) = past.last() else {
        return vec![[f64::NAN; LEVELS.len()]; horizons.len()];
    };
    let most = (past.len() / 2).max(1);
    let at = |&horizon: &usize| {
        let steps = horizon + gap;
        let mut known = (1..=steps.min(most)).rev().map(|k| (k, changes(past, k)));
        let (k, mut changes) = known
            .find(|(_, changes)| !changes.is_empty())
            .unwrap_or((steps, vec![0.0]));
        changes.sort_unstable_by(f64::total_cmp);
        let scale = (steps as f64 / k as f64).sqrt();
        LEVELS.map(|level| {
            let value = last + scale * quantile(&changes, level);
            lowest.map_or(value, |lowest| value.max(lowest))
        })
    };
    horizons.iter().map(at).collect()
}

/// The changes over `k` steps, with both signs.
fn changes(past: &[f64], k: usize) -> Vec<f64> {
    let pairs = past.iter().zip(past.iter().skip(k));
    let known = pairs.filter(|(before, after)| before.is_finite() && after.is_finite());
    known
        .flat_map(|(before, after)| [after - before, before - after])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::MEDIAN;

    const QUARTER: usize = 6;

    #[test]
    fn quantiles_are_those_of_past_changes() {
        assert_eq!(LEVELS[QUARTER], 0.25);
        // One step: +1, +3, -2, +4. Both signs, sorted: -4 -3 -2 -1 1 2 3 4; the quarter is -2.25.
        let past = [2.0, 3.0, 6.0, 4.0, 8.0];
        let forecasts = forecast(&past, &[1, 2, 8], None);
        assert_eq!(forecasts[0][MEDIAN], 8.0);
        assert!((forecasts[0][QUARTER] - 5.75).abs() < 1e-12);
        // Two steps: 4, 1, 2. Sorted: -4 -2 -1 1 2 4; the quarter is -1.75.
        assert!((forecasts[1][QUARTER] - 6.25).abs() < 1e-12);
        // Two is half of the past: eight steps are twice as wide.
        assert!((forecasts[2][QUARTER] - 4.5).abs() < 1e-12);
        assert!(
            forecast(&past, &[8], Some(0.0))[0]
                .iter()
                .all(|&x| x >= 0.0)
        );
    }

    #[test]
    fn missing_entries_are_gone_round() {
        let past = [2.0, f64::NAN, 6.0, 4.0, f64::NAN];
        // The last value is one step old: a forecast of one step spans two.
        let both = [
            forecast(&past, &[1], None)[0],
            forecast(&past[..4], &[2], None)[0],
        ];
        assert_eq!(both[0], both[1]);
        assert_eq!(both[0][MEDIAN], 4.0);
        assert!(both[0][0] < both[0][MEDIAN]);
        assert!(forecast(&[f64::NAN; 3], &[1], None)[0][0].is_nan());
        assert_eq!(forecast(&[7.0], &[3], None)[0], [7.0; LEVELS.len()]);
    }
}
