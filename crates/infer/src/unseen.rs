//! What is observed in the mechanisms and not given, given data: quantiles entry by entry and, where the
//! network learned the joint density, whole paths.

use gnomon_learn::ensemble::Ensemble;
use gnomon_learn::matrix::Matrix;
use gnomon_learn::network::Head;

use crate::amortized::InferError;
use crate::forecast::LEVELS;

/// Quantiles of several targets, for one or more data sets.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantiles {
    /// Levels, increasing.
    pub levels: Vec<f64>,
    /// Targets of a data set.
    pub targets: usize,
    /// Data set after data set, target by target, each with all levels, increasing.
    pub values: Vec<f64>,
}

impl Quantiles {
    /// The quantiles of one target of one data set, one a level.
    #[must_use]
    pub fn of(&self, data_set: usize, target: usize) -> &[f64] {
        let levels = self.levels.len();
        &self.values[(data_set * self.targets + target) * levels..][..levels]
    }
}

/// Joint draws of several targets, for one or more data sets.
#[derive(Clone, Debug, PartialEq)]
pub struct Paths {
    /// Draws for each data set.
    pub draws: usize,
    /// Targets of a data set.
    pub targets: usize,
    /// Data set after data set, draw by draw, each with all targets.
    pub values: Vec<f64>,
}

impl Paths {
    /// One draw for one data set: one number a target.
    #[must_use]
    pub fn of(&self, data_set: usize, draw: usize) -> &[f64] {
        let row = data_set * self.draws + draw;
        &self.values[row * self.targets..][..self.targets]
    }

    /// The draws' quantiles at the [`LEVELS`] of forecasts.
    #[must_use]
    pub fn quantiles(&self) -> Quantiles {
        let data_sets = self.values.len() / (self.draws * self.targets).max(1);
        let mut values = Vec::with_capacity(data_sets * self.targets * LEVELS.len());
        let mut column = Vec::with_capacity(self.draws);
        for data_set in 0..data_sets {
            for target in 0..self.targets {
                column.clear();
                column.extend((0..self.draws).map(|draw| self.of(data_set, draw)[target]));
                column.sort_unstable_by(f64::total_cmp);
                values.extend(LEVELS.map(|level| at(&column, level)));
            }
        }
        Quantiles {
            levels: LEVELS.to_vec(),
            targets: self.targets,
            values,
        }
    }
}

/// The `p` quantile of `sorted` draws: below it one more draw lies with probability `p` (Hyndman & Fan 1996,
/// type 6), so that intervals hold what they say however few the draws are; NaN of none.
fn at(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let position = (p * (last + 2) as f64 - 1.0).clamp(0.0, last as f64);
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

/// An answer about what is not given.
#[derive(Clone, Debug, PartialEq)]
pub struct Unseen {
    /// Entry by entry.
    pub quantiles: Quantiles,
    /// Whole paths, where the network learned the joint density.
    pub paths: Option<Paths>,
}

/// The random numbers of joint draws.
#[derive(Clone, Copy, Debug)]
pub struct Drawn {
    /// Draws for each data set.
    pub draws: usize,
    /// The seed.
    pub seed: u64,
    /// The number of the first data set: those of one number have the same draws.
    pub first: u64,
}

/// What a network makes of each row of `given`.
///
/// # Errors
/// Where the network is of another kind, or cannot be run.
pub(crate) fn unseen(
    ensemble: &Ensemble,
    given: &Matrix,
    drawn: Drawn,
    threads: usize,
) -> Result<Unseen, InferError> {
    let network = &ensemble.members()[0].network;
    match &network.head {
        Head::Quantiles { levels } => {
            // Levels are decimal numbers; their nearest single ones differ from these.
            let decimal = |level: &f32| (f64::from(*level) * 1e6).round() / 1e6;
            let quantiles = Quantiles {
                levels: levels.iter().map(decimal).collect(),
                targets: network.predict,
                values: ensemble.quantiles(given, threads)?,
            };
            Ok(Unseen {
                quantiles,
                paths: None,
            })
        }
        head if head.is_density() => {
            let Drawn { draws, seed, first } = drawn;
            let paths = Paths {
                draws,
                targets: network.predict,
                values: ensemble.draw_columns(given, draws, seed, first, threads)?,
            };
            Ok(Unseen {
                quantiles: paths.quantiles(),
                paths: Some(paths),
            })
        }
        _ => Err(InferError::Foreign(
            "a network gives neither quantiles nor a density".into(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With 19 draws, the 5 % quantile is the least: of 20 numbers in random order it is the least one in
    /// twenty times.
    #[test]
    fn quantiles_of_few_draws_hold_what_they_say() {
        let values: Vec<f64> = (0..19).map(f64::from).rev().collect();
        let paths = Paths {
            draws: 19,
            targets: 1,
            values,
        };
        let quantiles = paths.quantiles();
        let own = quantiles.of(0, 0);
        let level = |p: f64| LEVELS.iter().position(|&l| l == p).map(|k| own[k]);
        assert!((level(0.05).unwrap()).abs() < 1e-9);
        assert!((level(0.5).unwrap() - 9.0).abs() < 1e-9);
        assert!((level(0.95).unwrap() - 18.0).abs() < 1e-9);
        assert_eq!(level(0.01), Some(0.0));
    }

    #[test]
    fn draws_are_found_by_data_set_and_target() {
        let paths = Paths {
            draws: 2,
            targets: 3,
            values: (0..12).map(f64::from).collect(),
        };
        assert_eq!(paths.of(1, 0), [6.0, 7.0, 8.0]);
        // Of the draws 1 and 4.
        let quantiles = paths.quantiles();
        assert_eq!(quantiles.of(0, 1)[crate::forecast::MEDIAN], 2.5);
    }
}
