//! Surrogates: a bank of inputs and what a solver answered there goes in ([`Surrogate::fit`], or
//! [`choose`] among families by held-out error); answers with a spread and exact derivatives come out.
//!
//! ```
//! use gnomon_emulate::Points;
//! use gnomon_emulate::surrogate::{Family, Settings, Surrogate};
//!
//! let inputs = Points::new(1, (0..40).map(|i| f64::from(i) / 39.0).collect())?;
//! let outputs = Points::new(1, inputs.column(0).map(|x| (3.0 * x).sin()).collect())?;
//! let family = Family::Polynomial(Default::default());
//! let surrogate = Surrogate::fit(&inputs, &outputs, &family, &Settings::default())?;
//! let asked = Points::new(1, vec![0.31])?;
//! assert!((surrogate.predict(&asked)?.values.row(0)[0] - 0.93_f64.sin()).abs() < 1e-6);
//! assert!((surrogate.slopes(&[0.31])?.row(0)[0] - 3.0 * 0.93_f64.cos()).abs() < 1e-4);
//! # Ok::<(), gnomon_emulate::EmulateError>(())
//! ```

mod choose;
mod curve;
mod family;
mod fitted;
mod inputs;
mod network;
mod outputs;
mod polynomial;
mod process;
mod rational;
mod reduced;
mod saved;

pub use choose::{Chosen, Tried, Why, candidates, choose};
pub use curve::{LearningCurve, learning_curve};
pub use family::Family;
pub use network::Network;
pub use polynomial::{Polynomial, Sobol};
pub use process::{GaussianProcess, Kernel, Trend};
pub use rational::Fraction;

use crate::error::EmulateError;
use crate::points::Points;
use fitted::Fitted;
use inputs::Inputs;
use outputs::{Outputs, Shape};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};

/// What decides a fit besides bank and family, how many threads it takes, and what stops it.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// Seed of all that is random in a fit.
    pub seed: u64,
    /// Number of threads; 0 for all. No result depends on it.
    pub threads: usize,
    /// Set from elsewhere (Ctrl-C), it ends a fit with [`EmulateError::Interrupted`].
    pub stop: Option<&'a AtomicBool>,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self {
            seed: 1,
            threads: 1,
            stop: None,
        }
    }
}

impl Settings<'_> {
    /// Whether a fit is to stop. What it has by then is no result.
    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Ends a fit that is to stop.
    fn check(&self) -> Result<(), EmulateError> {
        match self.is_stopped() {
            true => Err(EmulateError::Interrupted),
            false => Ok(()),
        }
    }
}

/// A cheap model of what a solver computes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Surrogate {
    family: Family,
    /// Rows that it was fitted on.
    rows: usize,
    inputs: Inputs,
    outputs: Outputs,
    fitted: Fitted,
}

/// Answers of a surrogate: rows x outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicted {
    /// The answers, in the outputs' units.
    pub values: Points,
    /// The model's own sd of each, in the same units: not yet calibrated.
    pub spread: Points,
}

impl Surrogate {
    /// Fits one family to a bank: `inputs` and `outputs` have a row for each run of the solver.
    ///
    /// # Errors
    /// If the bank is empty or ragged, holds numbers that are not finite, or is too small for the family;
    /// if the fit was stopped.
    pub fn fit(
        inputs: &Points,
        outputs: &Points,
        family: &Family,
        settings: &Settings<'_>,
    ) -> Result<Self, EmulateError> {
        check(inputs, outputs)?;
        on(settings.threads, || {
            Self::fit_checked(inputs, outputs, family, settings, None)
        })?
    }

    /// The same on the present threads, with a bank that was looked at. With `known`, what is costly to
    /// search is taken from a fit of the same family to other rows of the bank.
    fn fit_checked(
        inputs: &Points,
        outputs: &Points,
        family: &Family,
        settings: &Settings<'_>,
        known: Option<&Self>,
    ) -> Result<Self, EmulateError> {
        let (shape, of) = match family {
            Family::Logarithm(of) => (Shape::Logarithm, of.as_ref()),
            other => (Shape::Identity, other),
        };
        if shape == Shape::Logarithm {
            outputs::check_positive(outputs)?;
        }
        let read = Inputs::measure(inputs);
        let learned = Outputs::measure(outputs, shape);
        let (x, y) = (read.apply(inputs)?, learned.apply(outputs));
        let nothing = read.kept().is_empty() || learned.learned() == 0;
        let of = if nothing { &Family::Mean } else { of };
        // Searched in other coordinates it would be of no use.
        let known = known.filter(|known| {
            known.inputs.kept() == read.kept() && known.outputs.kept() == learned.kept()
        });
        let fitted = Fitted::fit(&x, &y, of, settings, known.map(|known| &known.fitted));
        // What was stopped halfway is no result, and what it refused no refusal.
        settings.check()?;
        let fitted = fitted?;
        Ok(Self {
            family: family.clone(),
            rows: inputs.rows(),
            inputs: read,
            outputs: learned,
            fitted,
        })
    }

    /// Its family.
    #[must_use]
    pub fn family(&self) -> &Family {
        &self.family
    }

    /// Number of rows that it was fitted on.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Operations (sums and products) of one answer among many, its spread included, as counted from what
    /// was fitted: it depends on no clock.
    #[must_use]
    pub fn operations(&self) -> u64 {
        let shape = match self.family {
            Family::Logarithm(_) => ELEMENTARY * self.outputs.learned() as u64,
            _ => 2 * self.outputs.learned() as u64,
        };
        self.fitted.operations() + shape
    }

    /// Input columns that never varied in the bank: a query with another value is refused.
    #[must_use]
    pub fn dropped(&self) -> Vec<usize> {
        self.inputs.dropped()
    }

    /// Answers some queries, one a row.
    ///
    /// # Errors
    /// If a query has another number of columns, a number that is not finite, a value of a dropped input
    /// that the bank does not hold, or lies so far out that the answer is not finite.
    pub fn predict(&self, queries: &Points) -> Result<Predicted, EmulateError> {
        let x = self.inputs.apply(queries)?;
        let [z, sd] = self.fitted.predict(&x)?;
        let mut values = Points::zeros(queries.rows(), self.outputs.len());
        let mut spread = values.clone();
        for row in 0..queries.rows() {
            let learned = match self.outputs.learned() {
                0 => [&[][..]; 2],
                _ => [z.row(row), sd.row(row)],
            };
            self.outputs
                .restore(learned, values.row_mut(row), spread.row_mut(row));
            let answers = values.row(row).iter().chain(spread.row(row));
            if answers.into_iter().any(|y| !y.is_finite()) {
                return Err(self.too_far(row, queries.row(row), x.row(row)));
            }
        }
        Ok(Predicted { values, spread })
    }

    /// Exact derivatives of the answer to one query: outputs x inputs, in the users' units; 0 for inputs
    /// that never varied.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn slopes(&self, query: &[f64]) -> Result<Points, EmulateError> {
        let one = Points::new(self.inputs.len().max(1), query.to_vec())?;
        let values = self.predict(&one)?.values;
        let x = self.inputs.apply(&one)?;
        let inner = self.fitted.slopes(x.row(0))?;
        let outer = self.outputs.slopes(values.row(0));
        let along = self.inputs.slopes(query);
        let mut all = Points::zeros(self.outputs.len(), self.inputs.len());
        for (own, &output) in self.outputs.kept().iter().enumerate() {
            let row = all.row_mut(output);
            for (k, &input) in self.inputs.kept().iter().enumerate() {
                row[input] = inner.row(own)[k] * outer[output] * along[k];
            }
        }
        if let Some(output) = all
            .iter()
            .position(|row| row.iter().any(|s| !s.is_finite()))
        {
            let far = self.too_far(0, query, x.row(0));
            return Err(EmulateError::Family {
                family: self.family.to_string(),
                reason: format!("the derivative of output {output} is not finite: {far}"),
            });
        }
        Ok(all)
    }

    /// Sobol' indices, output by output, where the family knows them (polynomial expansions): of the
    /// logarithms where these were learned. Outputs that never vary have none, and zeros stand for them.
    #[must_use]
    pub fn sobol(&self) -> Option<Vec<Sobol>> {
        let of_learned = self.fitted.sobol(self.inputs.kept().len())?;
        let none = vec![0.0; self.inputs.len()];
        let empty = Sobol {
            first: none.clone(),
            total: none,
        };
        let mut all = vec![empty; self.outputs.len()];
        for (own, output) in of_learned.iter().zip(self.outputs.kept()) {
            for (k, &input) in self.inputs.kept().iter().enumerate() {
                all[output].first[input] = own.first[k];
                all[output].total[input] = own.total[k];
            }
        }
        Some(all)
    }

    /// Of a reduced basis: one output for each mode, such that the values there tell all modes.
    #[must_use]
    pub fn interpolation_points(&self) -> Option<Vec<usize>> {
        let kept = self.outputs.kept();
        let points = self.fitted.interpolation_points()?;
        Some(points.into_iter().map(|point| kept[point]).collect())
    }

    /// The refusal of a query whose answer is not finite: names the input that is farthest out.
    fn too_far(&self, row: usize, query: &[f64], coordinates: &[f64]) -> EmulateError {
        let kept = self.inputs.kept();
        let each = kept.iter().zip(coordinates);
        let column = each
            .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
            .map_or(0, |(&c, _)| c);
        EmulateError::Query {
            row,
            column,
            value: query[column],
            reason: "the answer is not finite so far from the bank",
        }
    }
}

/// What an exponential or a logarithm counts as, in operations.
const ELEMENTARY: u64 = 20;

/// Refuses a bank that nothing can be learned from.
fn check(inputs: &Points, outputs: &Points) -> Result<(), EmulateError> {
    let shape = |what: &str, expected, found| EmulateError::Shape {
        what: what.into(),
        expected,
        found,
    };
    for (what, points) in [("input", inputs), ("output", outputs)] {
        if points.columns() == 0 || points.rows() == 0 {
            return Err(shape(&format!("{what}s of the bank"), 1, 0));
        }
        for (row, values) in points.iter().enumerate() {
            if let Some(column) = values.iter().position(|x| !x.is_finite()) {
                return Err(EmulateError::Bank {
                    what,
                    row,
                    column,
                    value: values[column],
                    reason: "a surrogate needs finite numbers: leave this row out",
                });
            }
        }
        for column in 0..points.columns() {
            let low = points.column(column).fold(f64::INFINITY, f64::min);
            let high = points.column(column).fold(f64::NEG_INFINITY, f64::max);
            if !(high - low).is_finite() {
                return Err(EmulateError::Bank {
                    what,
                    row: points.column(column).position(|x| x == high).unwrap_or(0),
                    column,
                    value: high,
                    reason: "the column's range is too wide for a number: take its logarithm",
                });
            }
        }
    }
    if inputs.rows() != outputs.rows() {
        return Err(shape("rows of outputs", inputs.rows(), outputs.rows()));
    }
    Ok(())
}

/// Works on so many threads; 0 for all.
fn on<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> Result<T, EmulateError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| EmulateError::Threads(e.to_string()))?;
    Ok(pool.install(work))
}
