//! The baselines by name.

use super::{Forecast, last_value, smoothing};

/// A forecaster that knows nothing but the series' own past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// [`last_value::forecast`].
    LastValue,
    /// [`smoothing::damped_trend`].
    DampedTrend,
    /// [`smoothing::ets`].
    Ets,
}

impl Baseline {
    /// All of them; the first is what others are compared with.
    pub const ALL: [Self; 3] = [Self::LastValue, Self::DampedTrend, Self::Ets];

    /// What users read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LastValue => "last value",
            Self::DampedTrend => "damped trend",
            Self::Ets => "ETS",
        }
    }

    /// The forecasts of a past at each horizon. `season` is the number of steps after which a pattern
    /// comes again, 1 for none; only ETS uses it. `lowest` is the least that can come, where there is
    /// one.
    #[must_use]
    pub fn forecast(
        self,
        past: &[f64],
        horizons: &[usize],
        season: usize,
        lowest: Option<f64>,
    ) -> Vec<Forecast> {
        match self {
            Self::LastValue => last_value::forecast(past, horizons, lowest),
            Self::DampedTrend => smoothing::damped_trend(past, horizons, lowest),
            Self::Ets => smoothing::ets(past, horizons, season, lowest),
        }
    }
}
