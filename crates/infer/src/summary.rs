//! A distribution in numbers: draws -> mean, sd, quantiles and central intervals.

use serde::{Deserialize, Serialize};

/// Draws in numbers. Everything is NaN where there are no finite draws.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Median.
    pub median: f64,
    /// Central 50 % credible interval.
    pub interval_50: [f64; 2],
    /// Central 90 % credible interval.
    pub interval_90: [f64; 2],
    /// Central 95 % credible interval.
    pub interval_95: [f64; 2],
}

impl Summary {
    /// The summary of `draws`; those that are not finite are left out.
    #[must_use]
    pub fn of(draws: &[f64]) -> Self {
        let mut sorted: Vec<f64> = draws.iter().copied().filter(|x| x.is_finite()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / n;
        let variance = sorted.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let interval =
            |mass: f64| [0.5 - mass / 2.0, 0.5 + mass / 2.0].map(|p| quantile(&sorted, p));
        Self {
            mean,
            sd: variance.sqrt(),
            median: quantile(&sorted, 0.5),
            interval_50: interval(0.5),
            interval_90: interval(0.9),
            interval_95: interval(0.95),
        }
    }
}

/// The `p` quantile of `sorted` numbers, linear between neighbours (Hyndman & Fan 1996, type 7, as R
/// and NumPy); NaN of none.
#[must_use]
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let position = p.clamp(0.0, 1.0) * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    let weight = position - below as f64;
    sorted[below] + weight * (sorted[above] - sorted[below])
}

/// The quantiles at `levels` of each column of `rows` (all of one length): one row a level.
/// Missing numbers are left out.
#[must_use]
pub fn column_quantiles(rows: &[Vec<f64>], levels: &[f64]) -> Vec<Vec<f64>> {
    let width = rows.first().map_or(0, Vec::len);
    let mut quantiles = vec![Vec::with_capacity(width); levels.len()];
    for column in 0..width {
        let mut values: Vec<f64> = rows
            .iter()
            .map(|row| row[column])
            .filter(|x| x.is_finite())
            .collect();
        values.sort_unstable_by(f64::total_cmp);
        for (row, &level) in quantiles.iter_mut().zip(levels) {
            row.push(quantile(&values, level));
        }
    }
    quantiles
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type-7 quantiles of 1..=10, as printed by R's `quantile`.
    #[test]
    fn quantiles_are_those_of_r() {
        let numbers: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(quantile(&numbers, 0.25), 3.25);
        assert_eq!(quantile(&numbers, 0.5), 5.5);
        assert!((quantile(&numbers, 0.95) - 9.55).abs() < 1e-12);
        assert_eq!(quantile(&numbers, 1.0), 10.0);
        assert_eq!(quantile(&[4.0], 0.3), 4.0);
        assert!(quantile(&[], 0.3).is_nan());
    }

    #[test]
    fn draws_that_are_not_finite_are_left_out() {
        let summary = Summary::of(&[1.0, f64::NAN, 3.0, f64::INFINITY]);
        assert_eq!((summary.mean, summary.median), (2.0, 2.0));
        assert!((summary.sd - 2f64.sqrt()).abs() < 1e-15);
        assert!(Summary::of(&[]).mean.is_nan());
        assert!(Summary::of(&[2.0]).sd.is_nan());
    }

    #[test]
    fn column_quantiles_go_column_by_column() {
        let rows = vec![vec![1.0, 10.0], vec![3.0, f64::NAN], vec![2.0, 30.0]];
        assert_eq!(
            column_quantiles(&rows, &[0.5, 1.0]),
            [vec![2.0, 20.0], vec![3.0, 30.0]]
        );
    }
}
