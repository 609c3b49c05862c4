//! Rational functions of one input (AAA), outputs sharing their poles: for responses along a frequency, whose
//! resonances polynomials and processes learn slowly.

use super::Settings;
use crate::points::Points;
use crate::rational::{Complex, Fit, Goal, Rational, Samples, fit};
use serde::{Deserialize, Serialize};

/// How a rational function is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fraction {
    /// Highest degree of numerator and denominator.
    pub degree: usize,
}

impl Default for Fraction {
    fn default() -> Self {
        Self { degree: 80 }
    }
}

/// The largest error at a sample that a fit may leave, tried from the loosest on: a tighter one than the
/// solver's own accuracy makes poles of rounding.
const TOLERANCES: [f64; 5] = [1e-3, 1e-5, 1e-7, 1e-9, 1e-12];
/// A fit may take so many operations.
const WORK: f64 = 3e9;
/// A pole this close to the line, in units of half the bank's range, is infinite there.
const ON_THE_LINE: f64 = 1e-9;

/// A fitted function, and another of every second row that tells its error.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Fractions {
    function: Rational,
    half: Rational,
    /// Mean squared error of `half` at the other rows, output by output.
    errors: Vec<f64>,
    tolerance: f64,
}

impl Fractions {
    /// Fits all columns of `outputs` at once, both in standardised coordinates; with `known`, to its tolerance.
    ///
    /// # Errors
    /// If there is more than one input, or every fit has a pole among the bank's inputs.
    pub fn fit(
        inputs: &Points,
        outputs: &Points,
        settings: &Fraction,
        control: &Settings<'_>,
        known: Option<&Self>,
    ) -> Result<Self, String> {
        if inputs.columns() != 1 {
            return Err(format!(
                "it is a function of one input, and {} vary",
                inputs.columns()
            ));
        }
        let all = samples(inputs, outputs)?;
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_unstable_by(|&a, &b| all.points()[a].total_cmp(&all.points()[b]));
        let every_second =
            |first: usize| -> Vec<usize> { order.iter().copied().skip(first).step_by(2).collect() };
        let (one, other) = (all.select(&every_second(0)), all.select(&every_second(1)));
        // Each support point costs a decomposition of rows x outputs by support points.
        let rows = (all.len() * outputs.columns()) as f64;
        let most_degree = settings.degree.min((WORK / rows).cbrt() as usize).max(1);
        let fitted = |samples: &Samples, tolerance: f64, start: &[f64]| -> Result<Fit, String> {
            let goal = Goal {
                tolerance,
                most_degree,
            };
            // Standardised outputs have sd 1.
            let scales = vec![1.0; outputs.columns()];
            fit(samples, &samples.units(&scales), goal, start).map_err(|e| e.to_string())
        };
        let mut best: Option<(Rational, Vec<f64>, f64)> = None;
        let mut start: Vec<f64> = Vec::new();
        for tolerance in TOLERANCES {
            if control.is_stopped() || known.is_some_and(|known| known.tolerance != tolerance) {
                continue;
            }
            let found = fitted(&one, tolerance, &start)?;
            start = found.rational.support().to_vec();
            if !is_finite_between(&found.rational) {
                continue;
            }
            let errors = errors(&found.rational, &other);
            let sum = |errors: &[f64]| errors.iter().sum::<f64>();
            if best
                .as_ref()
                .is_none_or(|(_, before, _)| sum(&errors) < sum(before))
            {
                best = Some((found.rational, errors, tolerance));
            }
            if found.misfit > tolerance {
                break;
            }
        }
        let Some((half, errors, tolerance)) = best else {
            return Err("every fit has a pole among the bank's inputs".into());
        };
        let function = fitted(&all, tolerance, half.support())?.rational;
        if !is_finite_between(&function) {
            return Err("its fit has a pole among the bank's inputs".into());
        }
        Ok(Self {
            function,
            half,
            errors,
            tolerance,
        })
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.errors.len()
    }

    /// Operations of one answer and its spread.
    pub fn operations(&self) -> u64 {
        let of = |function: &Rational| {
            let terms = function.support().len() as u64;
            terms * (12 + 8 * self.outputs() as u64)
        };
        of(&self.function) + of(&self.half)
    }

    /// Answers and their sd: how far both functions are apart, and the error that one of them had.
    pub fn predict(&self, x: &Points) -> [Points; 2] {
        let mut values = Points::zeros(x.rows(), self.outputs());
        let mut spread = values.clone();
        for row in 0..x.rows() {
            let at = x.row(row)[0];
            let (all, half) = (self.function.at_real(at), self.half.at_real(at));
            let to = values.row_mut(row).iter_mut().zip(spread.row_mut(row));
            for (((value, sd), (y, other)), error) in
                to.zip(all.iter().zip(&half)).zip(&self.errors)
            {
                *value = y.re;
                *sd = (error + (y.re - other.re).powi(2)).sqrt();
            }
        }
        [values, spread]
    }

    /// Exact derivatives at one point: outputs x 1.
    pub fn slopes(&self, point: &[f64]) -> Points {
        let slopes = self.function.derivative(Complex::new(point[0], 0.0));
        let mut all = Points::zeros(self.outputs(), 1);
        for (output, slope) in slopes.iter().enumerate() {
            all.row_mut(output)[0] = slope.re;
        }
        all
    }
}

/// Rows of a bank; of rows at the same input the first.
fn samples(inputs: &Points, outputs: &Points) -> Result<Samples, String> {
    let points: Vec<f64> = inputs.column(0).collect();
    let complex = |row: &[f64]| row.iter().map(|&y| Complex::new(y, 0.0)).collect();
    let values = outputs.iter().map(complex).collect();
    Samples::new(points, values).map_err(|e| e.to_string())
}

/// Whether no pole lies on [-1, 1], where the bank's inputs are.
fn is_finite_between(function: &Rational) -> bool {
    let Ok(poles) = function.poles() else {
        return false;
    };
    let is_off = |pole: &Complex| pole.im.abs() > ON_THE_LINE || pole.re.abs() > 1.0;
    poles.iter().all(is_off)
}

/// Mean squared errors at some samples, output by output.
fn errors(function: &Rational, samples: &Samples) -> Vec<f64> {
    let mut sums = vec![0.0; samples.outputs()];
    for (&x, truth) in samples.points().iter().zip(samples.values()) {
        for ((sum, y), truth) in sums.iter_mut().zip(function.at_real(x)).zip(truth) {
            *sum += (y.re - truth.re).powi(2) / samples.len() as f64;
        }
    }
    sums
}
