//! The learning curve of a family: held-out error against the number of rows, and the power of its fall.

use super::choose::{error_over_sd, folds, scales};
use super::{Family, Settings, Surrogate, check, on};
use crate::error::EmulateError;
use crate::points::Points;
use gnomon_mechanism::elementary::{exp, ln};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Parts of the bank, each held out once.
const PARTS: usize = 5;
/// 97.5 % quantile of Student's t with PARTS - 1 degrees of freedom.
const STUDENT: f64 = 2.776;
/// Fewest rows to fit on.
const FEWEST: usize = 8;
/// Sizes of the curve, each half of the next, at most.
const SIZES: usize = 5;

/// Held-out error against the number of rows that a family is fitted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearningCurve {
    /// Rows, rising.
    pub rows: Vec<usize>,
    /// Error / sd at each, root mean square over the parts held out.
    pub errors: Vec<f64>,
    /// b of error = a rows^-b, by least squares in logarithms.
    pub exponent: f64,
    /// 95 % interval of b: over the parts held out, whose fits share rows (Nadeau & Bengio 2003).
    pub interval: [f64; 2],
}

/// Fits `family` to four fifths of the bank, to half of that, and so on, five times each.
///
/// # Errors
/// As [`Surrogate::fit`]; and if there are too few rows for two sizes, or an error is 0.
pub fn learning_curve(
    inputs: &Points,
    outputs: &Points,
    family: &Family,
    settings: &Settings<'_>,
) -> Result<LearningCurve, EmulateError> {
    check(inputs, outputs)?;
    let refused = |reason: String| EmulateError::Family {
        family: family.to_string(),
        reason: format!("no learning curve: {reason}"),
    };
    let most = inputs.rows() * (PARTS - 1) / PARTS;
    let halves = (0..SIZES)
        .map(|k| most >> k)
        .take_while(|&rows| rows >= FEWEST);
    let mut rows: Vec<usize> = halves.collect();
    rows.reverse();
    if rows.len() < 2 {
        return Err(refused(format!(
            "{} rows are too few for two sizes",
            inputs.rows()
        )));
    }
    let scales = scales(outputs);
    let parts = folds(inputs.rows(), settings.seed);
    let one = |(held_out, size): (&Vec<usize>, usize)| -> Result<f64, EmulateError> {
        let others = parts.iter().filter(|part| *part != held_out).flatten();
        let used: Vec<usize> = others.copied().collect();
        // Every part's rows have their share in each size.
        let step = used.len() as f64 / size as f64;
        let used: Vec<usize> = (0..size)
            .map(|k| used[(k as f64 * step) as usize])
            .collect();
        let (x, y) = (inputs.select(&used), outputs.select(&used));
        let surrogate = Surrogate::fit_checked(&x, &y, family, settings, None)?;
        let answers = surrogate.predict(&inputs.select(held_out))?.values;
        Ok(error_over_sd(&answers, &outputs.select(held_out), &scales))
    };
    let jobs: Vec<(&Vec<usize>, usize)> = parts
        .iter()
        .flat_map(|part| rows.iter().map(move |&size| (part, size)))
        .collect();
    let errors = on(settings.threads, || {
        jobs.into_par_iter()
            .map(one)
            .collect::<Result<Vec<f64>, EmulateError>>()
    })??;
    if errors
        .iter()
        .any(|error| *error <= 0.0 || !error.is_finite())
    {
        return Err(refused("an error is 0, and has no logarithm".into()));
    }
    let exponents: Vec<f64> = errors
        .chunks_exact(rows.len())
        .map(|errors| -slope(&rows, errors))
        .collect();
    let n = exponents.len() as f64;
    let exponent = exponents.iter().sum::<f64>() / n;
    let variance = exponents
        .iter()
        .map(|b| (b - exponent).powi(2))
        .sum::<f64>()
        / (n - 1.0);
    let shared = 1.0 / n + 1.0 / (PARTS - 1) as f64;
    let half = STUDENT * (variance * shared).sqrt();
    let mean_square = |k: usize| {
        let each = errors.iter().skip(k).step_by(rows.len());
        (each.map(|error| error * error).sum::<f64>() / n).sqrt()
    };
    Ok(LearningCurve {
        errors: (0..rows.len()).map(mean_square).collect(),
        rows,
        exponent,
        interval: [exponent - half, exponent + half],
    })
}

impl LearningCurve {
    /// The error that the fitted power expects of so many rows.
    #[must_use]
    pub fn expected(&self, rows: usize) -> f64 {
        let (Some(&last), Some(error)) = (self.rows.last(), self.errors.last()) else {
            return f64::NAN;
        };
        error * exp(-self.exponent * (ln(rows as f64) - ln(last as f64)))
    }
}

/// Least-squares slope of ln error on ln rows.
fn slope(rows: &[usize], errors: &[f64]) -> f64 {
    let n = rows.len() as f64;
    let x: Vec<f64> = rows.iter().map(|&rows| ln(rows as f64)).collect();
    let y: Vec<f64> = errors.iter().map(|&error| ln(error)).collect();
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let both: f64 = x
        .iter()
        .zip(&y)
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    both / x.iter().map(|x| (x - mean_x).powi(2)).sum::<f64>()
}
