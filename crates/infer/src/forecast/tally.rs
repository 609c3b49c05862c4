//! Forecasts of several models for the same numbers -> errors, scores and coverage, relative to one of
//! the models.

use serde::Serialize;

use super::score::Score;
use super::{Forecast, INTERVALS};

/// One number that was forecast, and came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Which series.
    pub series: usize,
    /// Which of its variables.
    pub variable: usize,
    /// The entry after which it was forecast.
    pub origin: usize,
    /// Steps after the origin.
    pub horizon: usize,
    /// What came.
    pub observed: f64,
}

/// A model's forecasts, one a target.
#[derive(Clone, Debug)]
pub struct Forecaster {
    /// What users read.
    pub name: String,
    /// Its forecasts.
    pub forecasts: Vec<Forecast>,
    /// What they were worth.
    pub scores: Vec<Score>,
}

impl Forecaster {
    /// Scores forecasts, one a target.
    #[must_use]
    pub fn new(name: impl Into<String>, forecasts: Vec<Forecast>, targets: &[Target]) -> Self {
        let both = forecasts.iter().zip(targets);
        Self {
            name: name.into(),
            scores: both
                .map(|(own, target)| Score::of(own, target.observed))
                .collect(),
            forecasts,
        }
    }
}

/// A model's scores over some targets. Ratios are below 1 where the model is better than the reference;
/// the skill over it is 1 minus a ratio. They are NaN where the reference makes no errors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many numbers were forecast.
    pub forecasts: usize,
    /// Of how many series.
    pub series: usize,
    /// Mean absolute error of the medians, in the units of the data.
    pub mae: f64,
    /// The sum of absolute errors over that of the reference.
    pub relative_mae: f64,
    /// Each series' mean absolute error over that of the reference, averaged over series: series count
    /// alike, whatever their size.
    pub mean_of_ratios: f64,
    /// Series without such a ratio, as the reference makes no errors there.
    pub without_ratio: usize,
    /// Mean weighted interval score, in the units of the data.
    pub wis: f64,
    /// The sum of weighted interval scores over that of the reference.
    pub relative_wis: f64,
    /// The share of numbers in each central interval (see [`super::nominal`]), widest first.
    pub coverage: [f64; INTERVALS],
}

/// Sums up a model beside a reference, over the targets that `keep` keeps.
#[must_use]
pub fn summarise(
    targets: &[Target],
    model: &Forecaster,
    reference: &Forecaster,
    keep: impl Fn(&Target) -> bool,
) -> Summary {
    let count = targets
        .iter()
        .map(|target| target.series + 1)
        .max()
        .unwrap_or(0);
    let mut by_series = vec![[0.0; 2]; count];
    let (mut seen, mut forecasts) = (vec![false; count], 0);
    let (mut wis, mut its_wis, mut covered) = (0.0, 0.0, [0_usize; INTERVALS]);
    let scores = model.scores.iter().zip(&reference.scores);
    for (target, (own, its)) in targets
        .iter()
        .zip(scores)
        .filter(|(target, _)| keep(target))
    {
        seen[target.series] = true;
        forecasts += 1;
        by_series[target.series][0] += own.absolute_error;
        by_series[target.series][1] += its.absolute_error;
        wis += own.weighted_interval_score;
        its_wis += its.weighted_interval_score;
        for (sum, inside) in covered.iter_mut().zip(own.covered) {
            *sum += usize::from(inside);
        }
    }
    let n = forecasts as f64;
    let [errors, its_errors] = [0, 1].map(|k| by_series.iter().map(|sums| sums[k]).sum::<f64>());
    let ratio = |own: f64, its: f64| if its > 0.0 { own / its } else { f64::NAN };
    let ratios: Vec<f64> = by_series
        .iter()
        .filter(|sums| sums[1] > 0.0)
        .map(|sums| sums[0] / sums[1])
        .collect();
    let series = seen.iter().filter(|&&seen| seen).count();
    Summary {
        forecasts,
        series,
        mae: errors / n,
        relative_mae: ratio(errors, its_errors),
        mean_of_ratios: ratios.iter().sum::<f64>() / ratios.len() as f64,
        without_ratio: series - ratios.len(),
        wis: wis / n,
        relative_wis: ratio(wis, its_wis),
        coverage: covered.map(|sum| sum as f64 / n),
    }
}

/// Horizons in at most four groups of neighbours, as even as they come: first and last of each.
#[must_use]
pub fn groups(horizons: &[usize]) -> Vec<(usize, usize)> {
    const MOST: usize = 4;
    let mut horizons = horizons.to_vec();
    horizons.sort_unstable();
    horizons.dedup();
    let size = horizons.len().div_ceil(MOST).max(1);
    let groups = horizons.chunks(size);
    groups.map(|own| (own[0], own[own.len() - 1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::LEVELS;

    #[test]
    fn ratios_pooled_and_averaged() {
        let target = |series, horizon, observed| Target {
            series,
            variable: 0,
            origin: 3,
            horizon,
            observed,
        };
        // A large series and a small one.
        let targets = [
            target(0, 1, 100.0),
            target(0, 2, 200.0),
            target(2, 1, 1.0),
            target(5, 1, 4.0),
        ];
        let point = |values: [f64; 4]| values.map(|x| [x; LEVELS.len()]).to_vec();
        let model = Forecaster::new("a", point([150.0, 150.0, 2.0, 4.0]), &targets);
        let reference = Forecaster::new("b", point([50.0, 50.0, 0.5, 4.0]), &targets);
        let all = summarise(&targets, &model, &reference, |_| true);
        assert_eq!((all.forecasts, all.series, all.without_ratio), (4, 3, 1));
        assert!((all.mae - 101.0 / 4.0).abs() < 1e-12);
        // Errors 50 + 50 against 50 + 150, 1 against .5, 0 against 0.
        assert!((all.relative_mae - 101.0 / 200.5).abs() < 1e-12);
        assert!((all.mean_of_ratios - (0.5 + 2.0) / 2.0).abs() < 1e-12);
        // Of forecasts without width the score is the absolute error.
        assert!((all.wis - all.mae).abs() < 1e-12);
        assert!((all.relative_wis - all.relative_mae).abs() < 1e-12);
        assert_eq!(all.coverage, [0.25; INTERVALS]);
        let second = summarise(&targets, &model, &reference, |target| target.horizon == 2);
        assert_eq!((second.forecasts, second.mae), (1, 50.0));
        let none = summarise(&targets, &model, &reference, |_| false);
        assert!(none.mae.is_nan() && none.relative_mae.is_nan() && none.mean_of_ratios.is_nan());
    }

    #[test]
    fn horizons_fall_into_groups() {
        let all: Vec<usize> = (1..=14).collect();
        assert_eq!(groups(&all), [(1, 4), (5, 8), (9, 12), (13, 14)]);
        assert_eq!(groups(&[2, 1, 2, 4]), [(1, 1), (2, 2), (4, 4)]);
        assert!(groups(&[]).is_empty());
    }
}
