//! Exponential smoothing with additive errors: a past -> the smoothing parameters under which it is
//! forecast best one step ahead -> normal quantiles at each horizon.
//!
//! [`damped_trend`] is Gardner & McKenzie's (1985): a level and a trend that fades. [`ets`] chooses
//! among level, trend, damped trend, each with or without an additive season, by AICc (Hyndman et al.
//! 2002).

mod model;
mod simplex;

use gnomon_mechanism::Family;

use self::model::{Fit, Model, Trend};
use super::{Forecast, LEVELS, last_value, without_gap};

/// The longest season.
pub const LONGEST_SEASON: usize = 24;

/// The forecasts of a past at each horizon by a damped trend, whose parameters have the least squared
/// error one step ahead; `lowest` is the least that can come, where there is one. Where the past has
/// fewer than 8 values, by simple exponential smoothing; with fewer than 5, by
/// [`last_value`](super::last_value).
#[must_use]
pub fn damped_trend(past: &[f64], horizons: &[usize], lowest: Option<f64>) -> Vec<Forecast> {
    let models = [Trend::Damped, Trend::None].map(|trend| Model { trend, season: 1 });
    let fit = models.iter().find_map(|model| model.fit(known(past)));
    forecast(fit.as_ref(), past, horizons, lowest)
}

/// The forecasts of a past at each horizon by the exponential smoothing of the least AICc; `season` is
/// the number of steps after which a pattern comes again, 1 for none (and at most
/// [`LONGEST_SEASON`]); `lowest` as above. Where the past has fewer than 5 values, by
/// [`last_value`](super::last_value).
#[must_use]
pub fn ets(past: &[f64], horizons: &[usize], season: usize, lowest: Option<f64>) -> Vec<Forecast> {
    let fits = models(season)
        .into_iter()
        .filter_map(|model| model.fit(known(past)));
    let best = fits.min_by(|a, b| a.aicc().total_cmp(&b.aicc()));
    forecast(best.as_ref(), past, horizons, lowest)
}

/// The models that ETS chooses among, simpler ones first.
fn models(season: usize) -> Vec<Model> {
    let mut seasons = vec![1];
    seasons.extend((2..=LONGEST_SEASON).contains(&season).then_some(season));
    let of =
        |season| [Trend::None, Trend::Additive, Trend::Damped].map(|trend| Model { trend, season });
    seasons.into_iter().flat_map(of).collect()
}

/// A past from its first value to its last.
fn known(past: &[f64]) -> &[f64] {
    let (past, _) = without_gap(past);
    let first = past.iter().position(|x| x.is_finite()).unwrap_or(0);
    &past[first..]
}

fn forecast(
    fit: Option<&Fit>,
    past: &[f64],
    horizons: &[usize],
    lowest: Option<f64>,
) -> Vec<Forecast> {
    let Some(fit) = fit else {
        return last_value::forecast(past, horizons, lowest);
    };
    let (_, gap) = without_gap(past);
    let at = |&horizon: &usize| {
        let (mean, sd) = fit.ahead(horizon + gap);
        LEVELS.map(|level| {
            let value = mean + sd * normal_quantile(level);
            lowest.map_or(value, |lowest| value.max(lowest))
        })
    };
    horizons.iter().map(at).collect()
}

/// The standard normal number below which the probability is `level`.
fn normal_quantile(level: f64) -> f64 {
    Family::Uniform
        .to_normal(&[0.0, 1.0], level)
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::MEDIAN;

    #[test]
    fn quantiles_are_normal() {
        // As printed by R's `qnorm`.
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-12);
        let past: Vec<f64> = (0..40).map(|t| f64::from((t * 7) % 5)).collect();
        let one = ets(&past, &[1], 1, None)[0];
        let ratio = (one[21] - one[MEDIAN]) / (one[16] - one[MEDIAN]);
        assert!((ratio - 1.959_963_984_540_054 / 0.674_489_750_196_081_7).abs() < 1e-9);
    }

    #[test]
    fn short_constant_and_empty_pasts_have_forecasts() {
        for length in 1..12 {
            let constant = vec![3.0; length];
            for all in [
                damped_trend(&constant, &[1, 9], None),
                ets(&constant, &[1, 9], 3, None),
            ] {
                for x in all.iter().flatten() {
                    assert!((x - 3.0).abs() < 1e-6, "{length}: {x}");
                }
            }
        }
        let zeros = ets(&[0.0; 20], &[4], 1, Some(0.0));
        assert!(zeros[0].iter().all(|x| x.abs() < 1e-100));
        assert!(ets(&[f64::NAN; 20], &[4], 1, None)[0][0].is_nan());
        assert!(damped_trend(&[], &[1], None)[0][0].is_nan());
    }

    #[test]
    fn a_straight_line_goes_on() {
        let line: Vec<f64> = (0..20).map(|t| 5.0 + 2.0 * f64::from(t)).collect();
        let forecast = &ets(&line, &[1, 10], 1, None);
        assert!((forecast[0][MEDIAN] - 45.0).abs() < 1e-4);
        assert!((forecast[1][MEDIAN] - 63.0).abs() < 1e-3);
    }

    #[test]
    fn a_pattern_comes_again() {
        let season = [0.0, 5.0, -5.0, 1.0];
        let past: Vec<f64> = (0..24)
            .map(|t| 10.0 + season[t % 4] + if t % 5 == 0 { 0.1 } else { 0.0 })
            .collect();
        let forecasts = ets(&past, &[1, 2, 3, 4, 5], 4, None);
        for (forecast, expected) in forecasts.iter().zip([10.0, 15.0, 5.0, 11.0, 10.0]) {
            assert!((forecast[MEDIAN] - expected).abs() < 0.1, "{forecast:?}");
        }
        let blind = ets(&past, &[2], 1, None)[0];
        assert!(blind[21] - blind[1] > 5.0, "{blind:?}");
    }

    #[test]
    fn missing_entries_are_gone_round() {
        let mut line: Vec<f64> = (0..30).map(|t| 2.0 * f64::from(t)).collect();
        for gap in [0, 4, 5, 6, 17, 28, 29] {
            line[gap] = f64::NAN;
        }
        let forecasts = [damped_trend, |past: &[f64], horizons: &[usize], lowest| {
            ets(past, horizons, 1, lowest)
        }]
        .map(|of| of(&line, &[1], None)[0][MEDIAN]);
        assert!((forecasts[0] - 60.0).abs() < 2.0, "{forecasts:?}");
        assert!((forecasts[1] - 60.0).abs() < 1e-3, "{forecasts:?}");
    }
}
