//! The restricted likelihood of a Gaussian process with a trend whose coefficients and variance are
//! integrated out or profiled (Patterson & Thompson 1971; Santner, Williams & Notz 2003, section 3.3), and
//! its exact gradient in the logarithms of lengthscales and nugget.

use super::kernel::{Kernel, scaled_square};
use crate::points::Points;
use faer::linalg::solvers::{DenseSolveCore, Llt, Solve};
use faer::{Col, Mat, MatRef, Side};
use gnomon_mechanism::elementary::{exp, ln};

/// A bank in standardised coordinates, and the trend's functions there.
pub(super) struct Bank<'a> {
    pub inputs: &'a Points,
    pub target: &'a [f64],
    /// Rows x trend functions.
    pub trend: MatRef<'a, f64>,
}

/// A bank that is conditioned on, at given lengthscales and nugget.
#[derive(Clone, Debug)]
pub(super) struct Conditioned {
    /// Cholesky factor of the correlations of the bank, with the nugget on the diagonal.
    pub factor: Llt<f64>,
    /// correlations^-1 trend.
    pub weighted_trend: Mat<f64>,
    /// Cholesky factor of trend^T correlations^-1 trend.
    pub information: Llt<f64>,
}

/// What is learned at given lengthscales and nugget.
pub(super) struct Learned {
    /// Coefficients of the trend's functions.
    pub coefficients: Vec<f64>,
    /// correlations^-1 (target - trend).
    pub weights: Vec<f64>,
    /// The process variance.
    pub variance: f64,
}

/// 1 / lengthscale of each input, from the point's logarithms of lengthscales and of the nugget.
pub(super) fn inverse_lengths(point: &[f64]) -> Vec<f64> {
    let (_, lengths) = point.split_last().unwrap_or((&0.0, &[]));
    lengths.iter().map(|&length| exp(-length)).collect()
}

impl Conditioned {
    /// `None` where the correlations are singular to rounding.
    pub fn new(
        inputs: &Points,
        trend: MatRef<'_, f64>,
        kernel: Kernel,
        point: &[f64],
    ) -> Option<Self> {
        Self::with_slopes(inputs, trend, kernel, point).map(|(conditioned, _)| conditioned)
    }

    /// The same, with g of each pair (lower triangle).
    fn with_slopes(
        inputs: &Points,
        trend: MatRef<'_, f64>,
        kernel: Kernel,
        point: &[f64],
    ) -> Option<(Self, Mat<f64>)> {
        let n = inputs.rows();
        let inverse = inverse_lengths(point);
        let nugget = exp(*point.last()?);
        let mut correlations = Mat::zeros(n, n);
        let mut slopes = Mat::zeros(n, n);
        for j in 0..n {
            correlations[(j, j)] = 1.0 + nugget;
            for i in j + 1..n {
                let square = scaled_square(inputs.row(i), inputs.row(j), &inverse);
                (correlations[(i, j)], slopes[(i, j)]) = kernel.at(square);
            }
        }
        let factor = correlations.llt(Side::Lower).ok()?;
        let weighted_trend = factor.solve(trend);
        let information = (trend.transpose() * &weighted_trend)
            .llt(Side::Lower)
            .ok()?;
        let conditioned = Self {
            factor,
            weighted_trend,
            information,
        };
        Some((conditioned, slopes))
    }

    /// Trend, weights and variance for a target.
    pub fn learn(&self, bank: &Bank<'_>) -> Learned {
        let target = Col::from_fn(bank.target.len(), |row| bank.target[row]);
        let along = self.weighted_trend.transpose() * &target;
        let coefficients = self.information.solve(&along);
        let left = &target - bank.trend * &coefficients;
        let weights = self.factor.solve(&left);
        let free = (bank.target.len() - bank.trend.ncols()).max(1);
        let variance = (left.transpose() * &weights).max(0.0) / free as f64;
        Learned {
            coefficients: coefficients.iter().copied().collect(),
            weights: weights.iter().copied().collect(),
            variance,
        }
    }
}

/// The log of the restricted likelihood and its gradient at the logarithms of lengthscales and nugget;
/// `None` where the correlations are singular.
pub(super) fn likelihood(
    bank: &Bank<'_>,
    kernel: Kernel,
    point: &[f64],
) -> Option<(f64, Vec<f64>)> {
    let (n, free) = (bank.target.len(), bank.target.len() - bank.trend.ncols());
    let (conditioned, slopes) = Conditioned::with_slopes(bank.inputs, bank.trend, kernel, point)?;
    let learned = conditioned.learn(bank);
    if learned.variance <= 0.0 || learned.variance.is_nan() {
        return None;
    }
    let log_determinant = |factor: &Llt<f64>| {
        let triangle = factor.L();
        2.0 * (0..triangle.nrows())
            .map(|k| ln(triangle[(k, k)]))
            .sum::<f64>()
    };
    let value = -0.5
        * (free as f64 * ln(learned.variance)
            + log_determinant(&conditioned.factor)
            + log_determinant(&conditioned.information));
    // d value = tr(W d correlations) / 2 with W = weights weights^T / variance - P.
    let mut w = conditioned.factor.inverse();
    let trend = &conditioned.weighted_trend;
    w -= trend * conditioned.information.solve(trend.transpose());
    let inverse = inverse_lengths(point);
    let mut gradient = vec![0.0; point.len()];
    let mut trace = 0.0;
    for j in 0..n {
        let share = learned.weights[j] / learned.variance;
        trace += learned.weights[j] * share - w[(j, j)];
        let b = bank.inputs.row(j);
        for i in j + 1..n {
            let pair = (learned.weights[i] * share - w[(i, j)]) * slopes[(i, j)];
            let each = gradient.iter_mut().zip(bank.inputs.row(i)).zip(b);
            for ((sum, a), b) in each {
                *sum += pair * (a - b) * (a - b);
            }
        }
    }
    for (sum, inverse) in gradient.iter_mut().zip(&inverse) {
        *sum *= inverse * inverse;
    }
    if let (Some(last), Some(nugget)) = (gradient.last_mut(), point.last()) {
        *last = 0.5 * trace * exp(*nugget);
    }
    value.is_finite().then_some((value, gradient))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    /// Against difference quotients.
    #[test]
    fn the_gradient_is_that_of_the_likelihood() {
        let mut stream = Stream::new(4, Purpose::SHUFFLE, 0);
        let inputs =
            Points::new(2, (0..60).map(|_| 2.0 * stream.uniform() - 1.0).collect()).unwrap();
        let target: Vec<f64> = inputs
            .iter()
            .map(|x| (2.0 * x[0]).sin() + x[1] + 0.01 * stream.normal())
            .collect();
        let trend = Mat::from_fn(30, 2, |i, j| if j == 0 { 1.0 } else { inputs.row(i)[0] });
        let bank = Bank {
            inputs: &inputs,
            target: &target,
            trend: trend.as_ref(),
        };
        let point = [0.3, -0.2, -5.0];
        for kernel in [Kernel::Matern52, Kernel::SquaredExponential] {
            let (_, gradient) = likelihood(&bank, kernel, &point).unwrap();
            for k in 0..3 {
                let at = |step: f64| {
                    let mut moved = point;
                    moved[k] += step;
                    likelihood(&bank, kernel, &moved).unwrap().0
                };
                let quotient = (at(1e-4) - at(-1e-4)) / 2e-4;
                let near = 1e-4 * (1.0 + quotient.abs());
                assert!(
                    (gradient[k] - quotient).abs() < near,
                    "{k} {} {quotient}",
                    gradient[k]
                );
            }
        }
    }
}
