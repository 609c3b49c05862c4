//! Can two samples be told apart? A network is trained to tell their rows from each other, and judged by
//! rows that it has not seen: the classifier two-sample test, C2ST (Lopez-Paz & Oquab 2017).
//!
//! The classifier is that of Lueckmann et al. 2021, "Benchmarking simulation-based inference": two hidden
//! layers of 10 units a column, ReLU, Adam at 1e-3 in batches of 200 until ten epochs bring the training
//! loss down by less than 1e-4, five folds; both samples standardised by the reference. Theirs is
//! scikit-learn's `MLPClassifier`, from which this one differs by its starting weights, an output for each
//! sample instead of one for both, single precision, and a weight decay of 1e-4 / 200 that it leaves out.
//!
//! ```
//! use gnomon_examine::two_sample::c2st;
//! let column = |shift: f64| (0..400).map(|i| f64::from(i * 29 % 100) + shift).collect::<Vec<_>>();
//! let apart = c2st(&[column(0.0)], &[column(1000.0)], 1)?;
//! assert!(apart.accuracy > 0.95);
//! # Ok::<(), gnomon_examine::two_sample::TwoSampleError>(())
//! ```

use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::{Model, ModelError};
use gnomon_learn::network::{Activation, Embedding, Head, Network, NetworkError};
use gnomon_learn::train::{Control, Recipe, TrainError, train};
use gnomon_mechanism::random::{Purpose, Stream};
use rayon::prelude::*;

/// Parts of the rows, each judged by a network that was trained on the others.
pub const FOLDS: usize = 5;
/// Hidden units of each layer, for each column.
const WIDTH: usize = 10;
/// Rows of each sample, at least.
const FEWEST: usize = 10;

/// How well two samples are told apart.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoSample {
    /// The share of unseen rows whose sample is told: 0.5 where nothing tells them apart, 1 where they
    /// have nothing in common. The mean over folds.
    pub accuracy: f64,
    /// That of each fold.
    pub folds: Vec<f64>,
    /// Rows of each sample that were used: as many of the longer one as the shorter one has.
    pub rows: usize,
}

/// Why two samples could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum TwoSampleError {
    /// Different numbers of columns, or none.
    #[error("one sample has {0} columns, the other {1}: both need the same ones, at least one")]
    Columns(usize, usize),
    /// A column is shorter than the first.
    #[error("column {0} has another length than the first")]
    Uneven(usize),
    /// Too few rows to train and to judge on.
    #[error("{0} rows are too few to tell samples apart: each needs at least {FEWEST}")]
    Rows(usize),
    /// A number is NaN or infinite.
    #[error("column {column} is {value} in row {row}: samples are compared by finite numbers")]
    NotFinite {
        /// Column, from 1.
        column: usize,
        /// Row, from 1.
        row: usize,
        /// The number.
        value: f64,
    },
    /// The classifier could not be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The classifier could not be built.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The classifier could not be asked.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// How well rows of `reference` are told from rows of `sample` (columns of equal length; the same number
/// of columns). A function of the samples and the seed alone.
///
/// # Errors
/// See [`TwoSampleError`].
pub fn c2st(
    reference: &[Vec<f64>],
    sample: &[Vec<f64>],
    seed: u64,
) -> Result<TwoSample, TwoSampleError> {
    if reference.len() != sample.len() || reference.is_empty() {
        return Err(TwoSampleError::Columns(reference.len(), sample.len()));
    }
    let rows = length(reference)?.min(length(sample)?);
    if rows < FEWEST {
        return Err(TwoSampleError::Rows(rows));
    }
    let examples = labelled(reference, sample, rows);
    let mut order: Vec<usize> = (0..2 * rows).collect();
    Stream::new(seed, Purpose::SHUFFLE, 0).shuffle(&mut order);
    let folds = (0..FOLDS)
        .into_par_iter()
        .map(|fold| {
            let bounds = [fold, fold + 1].map(|f| f * order.len() / FOLDS);
            let (judging, before) = (&order[bounds[0]..bounds[1]], &order[..bounds[0]]);
            let training = [before, &order[bounds[1]..]].concat();
            accuracy(
                &chosen(&examples, &training),
                &chosen(&examples, judging),
                seed.wrapping_add(fold as u64),
            )
        })
        .collect::<Result<Vec<f64>, TwoSampleError>>()?;
    Ok(TwoSample {
        accuracy: folds.iter().sum::<f64>() / FOLDS as f64,
        folds,
        rows,
    })
}

/// The rows of finite numbers that every column has.
fn length(columns: &[Vec<f64>]) -> Result<usize, TwoSampleError> {
    let rows = columns[0].len();
    for (place, column) in columns.iter().enumerate() {
        if column.len() != rows {
            return Err(TwoSampleError::Uneven(place + 1));
        }
        if let Some(row) = column.iter().position(|x| !x.is_finite()) {
            return Err(TwoSampleError::NotFinite {
                column: place + 1,
                row: row + 1,
                value: column[row],
            });
        }
    }
    Ok(rows)
}

/// The first `rows` rows of both, standardised by the reference: class 0 the reference, 1 the sample.
fn labelled(reference: &[Vec<f64>], sample: &[Vec<f64>], rows: usize) -> Examples {
    let scales: Vec<(f64, f64)> = reference
        .iter()
        .map(|c| centre_and_scale(&c[..rows]))
        .collect();
    let mut given = Vec::with_capacity(2 * rows * reference.len());
    for columns in [reference, sample] {
        for row in 0..rows {
            for (column, (centre, scale)) in columns.iter().zip(&scales) {
                given.push(((column[row] - centre) / scale) as f32);
            }
        }
    }
    Examples {
        given: Matrix::new(reference.len(), given),
        targets: Targets::Classes((0..2 * rows).map(|row| u32::from(row >= rows)).collect()),
    }
}

/// Mean and standard deviation; a column that never varies keeps its units.
fn centre_and_scale(column: &[f64]) -> (f64, f64) {
    let n = column.len() as f64;
    let mean = column.iter().sum::<f64>() / n;
    let squares: f64 = column.iter().map(|x| (x - mean).powi(2)).sum();
    let sd = (squares / (n - 1.0)).sqrt();
    (mean, if sd > 0.0 { sd } else { 1.0 })
}

fn chosen(examples: &Examples, rows: &[usize]) -> Examples {
    let columns = examples.given.columns();
    let given = rows.iter().flat_map(|&row| examples.given.row(row));
    let Targets::Classes(classes) = &examples.targets else {
        return examples.clone();
    };
    Examples {
        given: Matrix::new(columns, given.copied().collect()),
        targets: Targets::Classes(rows.iter().map(|&row| classes[row]).collect()),
    }
}

/// The share of `judging` that a network trained on `training` puts into the right class.
fn accuracy(training: &Examples, judging: &Examples, seed: u64) -> Result<f64, TwoSampleError> {
    let columns = training.given.columns();
    let network = Network {
        given: columns,
        predict: 2,
        embedding: Embedding::Mlp {
            widths: vec![WIDTH * columns; 2],
            activation: Activation::Relu,
        },
        head: Head::Classes,
    };
    let recipe = Recipe {
        seed,
        epochs: 10_000,
        patience: 11,
        improvement: 1e-4,
        learning_rate: 1e-3,
        warm_up: 0,
        final_share: 1.0,
        clip_norm: None,
        validation: 0.0,
        ..Recipe::default()
    };
    let trained = train(training, &network, &recipe, Control::default())?;
    let model = Model::new(trained, recipe, None)?;
    let probabilities = model.class_probabilities(&judging.given, 1)?;
    let Targets::Classes(classes) = &judging.targets else {
        return Ok(f64::NAN);
    };
    let right = classes.iter().enumerate().filter(|(row, class)| {
        let told = probabilities.row(*row);
        (told[1] > told[0]) == (**class == 1)
    });
    Ok(right.count() as f64 / classes.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `rows` of independent normal columns, the first shifted.
    fn normal(rows: usize, columns: usize, shift: f64, seed: u64) -> Vec<Vec<f64>> {
        (0..columns)
            .map(|column| {
                let mut stream = Stream::new(seed, Purpose::PARAMETERS, column as u64);
                let by = if column == 0 { shift } else { 0.0 };
                (0..rows).map(|_| stream.normal() + by).collect()
            })
            .collect()
    }

    /// Two samples of one law: the accuracy of 4,000 unseen rows has an sd of .008 about .5. Seeds are
    /// fixed; over seeds four of them are exceeded in 1 of 16,000.
    #[test]
    fn samples_of_one_law_are_not_told_apart() {
        let found = c2st(&normal(2000, 2, 0.0, 1), &normal(2000, 2, 0.0, 2), 3).unwrap();
        assert!((found.accuracy - 0.5).abs() < 0.032, "{found:?}");
        assert_eq!((found.rows, found.folds.len()), (2000, 5));
    }

    /// Normal laws one sd apart: nobody tells more than Phi(1/2) = .6915 of them.
    #[test]
    fn a_shift_is_told_as_well_as_can_be() {
        let found = c2st(&normal(3000, 2, 0.0, 4), &normal(2500, 2, 1.0, 5), 6).unwrap();
        assert!((found.accuracy - 0.6915).abs() < 0.03, "{found:?}");
        assert_eq!(found.rows, 2500);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let fine = normal(20, 2, 0.0, 1);
        let says = |a: &[Vec<f64>], b: &[Vec<f64>]| c2st(a, b, 1).unwrap_err().to_string();
        assert!(says(&fine, &fine[..1]).contains("2 columns, the other 1"));
        assert!(says(&fine, &normal(9, 2, 0.0, 1)).contains("9 rows are too few"));
        let mut missing = fine.clone();
        missing[1][4] = f64::NAN;
        assert!(says(&fine, &missing).contains("column 2 is NaN in row 5"));
        let constant = vec![vec![3.0; 20]];
        assert!(c2st(&constant, &constant, 1).is_ok());
    }
}
