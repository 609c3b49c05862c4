//! A linear baseline under a density network: targets are regressed on what is given, and the
//! network learns what the regression leaves, rotated and scaled to unit covariance.
//!
//! Where the answer is nearly linear and normal the network has next to nothing left to learn; where
//! it is narrow, the network sees it at its own scale; where the regression says nothing, targets
//! stay as they are. The ridge is chosen by the log-density of rows that are held out.

use crate::matrix::Matrix;
use gnomon_mechanism::elementary::ln;
use serde::{Deserialize, Serialize};

/// Given columns beyond which nothing is regressed: the sums would cost more than they give.
const MOST_COLUMNS: usize = 500;
/// Rows that a regression looks at, at most.
const MOST_ROWS: usize = 50_000;
/// One row in so many is held out, to choose the ridge.
const HELD_OUT: usize = 10;
/// Ridges, as shares of the given columns' variance; beyond the last, no regression at all.
const RIDGES: [f64; 6] = [1e-5, 1e-3, 1e-2, 1e-1, 1.0, 10.0];

/// p0(targets | given) = Normal(intercept + slope given, factor factor^T).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    given: usize,
    predict: usize,
    /// One row a target, one number a given column.
    slope: Vec<f64>,
    intercept: Vec<f64>,
    /// Lower triangular, row by row: the Cholesky factor of what the regression leaves.
    factor: Vec<f64>,
}

impl Baseline {
    /// The regression of `targets` on `given`, row by row; `None` where nothing can be regressed.
    #[must_use]
    pub fn fit(given: &Matrix, targets: &Matrix) -> Option<Self> {
        let (p, d) = (given.columns(), targets.columns());
        let rows = given.rows().min(targets.rows());
        if !(1..=MOST_COLUMNS).contains(&p) || d == 0 || rows < 10 * (d + 1) {
            return None;
        }
        let every = rows.div_ceil(MOST_ROWS);
        let used: Vec<usize> = (0..rows).step_by(every).collect();
        let is_held_out = |number: usize| number % HELD_OUT == HELD_OUT - 1;
        let pick = |held_out: bool| -> Vec<usize> {
            let numbered = used.iter().enumerate();
            let wanted = numbered.filter(|(number, _)| is_held_out(*number) == held_out);
            wanted.map(|(_, &row)| row).collect()
        };
        let (train, held_out) = (pick(false), pick(true));
        let moments = Moments::of(given, targets, &train);
        let ridged = RIDGES.iter().filter_map(|&ridge| moments.regression(ridge));
        let all = ridged.chain([vec![0.0; p * d]]);
        let fitted = all.filter_map(|slope| moments.baseline(slope, given, targets, &train));
        fitted
            .map(|baseline| {
                let score: f64 = held_out
                    .iter()
                    .map(|&row| baseline.log_density(given.row(row), targets.row(row)))
                    .sum();
                (score, baseline)
            })
            .filter(|(score, _)| score.is_finite())
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, baseline)| baseline)
    }

    /// ln |det factor|: what a log-density loses on the way from residuals to targets.
    #[must_use]
    pub fn log_scale(&self) -> f64 {
        let d = self.predict;
        (0..d).map(|k| ln(self.factor[k * d + k])).sum()
    }

    /// The regression at one row of given columns.
    #[must_use]
    pub fn centre(&self, given: &[f32]) -> Vec<f64> {
        let rows = self.slope.chunks_exact(self.given).zip(&self.intercept);
        rows.map(|(slope, intercept)| {
            let terms = slope.iter().zip(given).map(|(a, &x)| a * f64::from(x));
            intercept + terms.sum::<f64>()
        })
        .collect()
    }

    /// Writes factor^-1 (target - centre).
    pub fn residual(&self, centre: &[f64], target: &[f32], to: &mut [f32]) {
        let d = self.predict;
        let mut solved = [0.0; 64];
        let mut long = Vec::new();
        let solved: &mut [f64] = if d <= solved.len() {
            &mut solved[..d]
        } else {
            long.resize(d, 0.0);
            &mut long
        };
        for k in 0..d {
            let row = &self.factor[k * d..=k * d + k];
            let known: f64 = row[..k].iter().zip(solved.iter()).map(|(l, u)| l * u).sum();
            solved[k] = (f64::from(target[k]) - centre[k] - known) / row[k];
            to[k] = solved[k] as f32;
        }
    }

    /// Replaces a residual by its target, centre + factor residual.
    pub fn restore(&self, centre: &[f64], residual: &mut [f32]) {
        let d = self.predict;
        for k in (0..d).rev() {
            let row = &self.factor[k * d..=k * d + k];
            let terms = row
                .iter()
                .zip(&residual[..=k])
                .map(|(l, &u)| l * f64::from(u));
            residual[k] = (centre[k] + terms.sum::<f64>()) as f32;
        }
    }

    /// The residuals of all rows: what a network is trained on.
    #[must_use]
    pub fn residuals(&self, given: &Matrix, targets: &Matrix) -> Matrix {
        let mut all = Matrix::zeros(targets.rows(), targets.columns());
        for row in 0..targets.rows() {
            let centre = self.centre(given.row(row));
            self.residual(&centre, targets.row(row), all.row_mut(row));
        }
        all
    }

    fn log_density(&self, given: &[f32], target: &[f32]) -> f64 {
        let mut residual = vec![0.0; self.predict];
        self.residual(&self.centre(given), target, &mut residual);
        let squares: f64 = residual.iter().map(|&u| f64::from(u).powi(2)).sum();
        -0.5 * squares - self.log_scale()
    }
}

/// Means and products of centred columns.
struct Moments {
    given: Vec<f64>,
    targets: Vec<f64>,
    /// Given x given, and given x targets; divided by the number of rows.
    squares: Vec<f64>,
    products: Vec<f64>,
}

impl Moments {
    fn of(given: &Matrix, targets: &Matrix, rows: &[usize]) -> Self {
        let (p, d) = (given.columns(), targets.columns());
        let count = rows.len() as f64;
        let mean = |matrix: &Matrix| {
            let mut sums = vec![0.0; matrix.columns()];
            for &row in rows {
                for (sum, &x) in sums.iter_mut().zip(matrix.row(row)) {
                    *sum += f64::from(x);
                }
            }
            sums.into_iter()
                .map(|sum| sum / count)
                .collect::<Vec<f64>>()
        };
        let (mean_given, mean_targets) = (mean(given), mean(targets));
        let (mut squares, mut products) = (vec![0.0; p * p], vec![0.0; p * d]);
        let (mut x, mut y) = (vec![0.0; p], vec![0.0; d]);
        for &row in rows {
            centred(given.row(row), &mean_given, &mut x);
            centred(targets.row(row), &mean_targets, &mut y);
            for (a, &value) in x.iter().enumerate() {
                let terms = squares[a * p..=a * p + a].iter_mut().zip(&x);
                terms.for_each(|(sum, &other)| *sum += value * other);
                let terms = products[a * d..(a + 1) * d].iter_mut().zip(&y);
                terms.for_each(|(sum, &other)| *sum += value * other);
            }
        }
        squares
            .iter_mut()
            .chain(&mut products)
            .for_each(|x| *x /= count);
        Self {
            given: mean_given,
            targets: mean_targets,
            squares,
            products,
        }
    }

    /// The slope (targets x given) under a ridge.
    fn regression(&self, ridge: f64) -> Option<Vec<f64>> {
        let p = self.given.len();
        let d = self.targets.len();
        let mut ridged = self.squares.clone();
        let trace: f64 = (0..p).map(|k| self.squares[k * p + k]).sum();
        for k in 0..p {
            ridged[k * p + k] += ridge * (trace / p as f64).max(f64::MIN_POSITIVE);
        }
        let lower = cholesky(&ridged, p)?;
        let mut slope = vec![0.0; d * p];
        for target in 0..d {
            let mut solved: Vec<f64> = (0..p).map(|k| self.products[k * d + target]).collect();
            for k in 0..p {
                let row = &lower[k * p..k * p + k];
                let known: f64 = row.iter().zip(&solved).map(|(l, u)| l * u).sum();
                solved[k] = (solved[k] - known) / lower[k * p + k];
            }
            for k in (0..p).rev() {
                let known: f64 = (k + 1..p).map(|j| lower[j * p + k] * solved[j]).sum();
                solved[k] = (solved[k] - known) / lower[k * p + k];
            }
            slope[target * p..(target + 1) * p].copy_from_slice(&solved);
        }
        Some(slope)
    }

    /// The baseline with this slope, its factor from what it leaves of `rows`.
    fn baseline(
        &self,
        slope: Vec<f64>,
        given: &Matrix,
        targets: &Matrix,
        rows: &[usize],
    ) -> Option<Baseline> {
        let (p, d) = (self.given.len(), self.targets.len());
        let intercept = (0..d)
            .map(|k| {
                let terms = slope[k * p..(k + 1) * p].iter().zip(&self.given);
                self.targets[k] - terms.map(|(a, x)| a * x).sum::<f64>()
            })
            .collect();
        let mut baseline = Baseline {
            given: p,
            predict: d,
            slope,
            intercept,
            factor: Vec::new(),
        };
        let mut covariance = vec![0.0; d * d];
        for &row in rows {
            let centre = baseline.centre(given.row(row));
            let target = targets.row(row).iter().map(|&y| f64::from(y));
            let left: Vec<f64> = target.zip(&centre).map(|(y, c)| y - c).collect();
            for (a, &value) in left.iter().enumerate() {
                let terms = covariance[a * d..=a * d + a].iter_mut().zip(&left);
                terms.for_each(|(sum, &other)| *sum += value * other / rows.len() as f64);
            }
        }
        baseline.factor = cholesky(&covariance, d)?;
        Some(baseline)
    }
}

fn centred(row: &[f32], mean: &[f64], to: &mut [f64]) {
    for ((to, &x), mean) in to.iter_mut().zip(row).zip(mean) {
        *to = f64::from(x) - mean;
    }
}

/// L with L L^T the symmetric matrix whose lower half is given; `None` where it is not positive
/// definite.
fn cholesky(lower: &[f64], size: usize) -> Option<Vec<f64>> {
    let mut factor = vec![0.0; size * size];
    for row in 0..size {
        for column in 0..=row {
            let (mine, other) = (&factor[row * size..], &factor[column * size..]);
            let known: f64 = (0..column).map(|k| mine[k] * other[k]).sum();
            let rest = lower[row * size + column] - known;
            factor[row * size + column] = if row == column {
                (rest > 1e-24 && rest.is_finite()).then(|| rest.sqrt())?
            } else {
                rest / factor[column * size + column]
            };
        }
    }
    Some(factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    /// Targets 2 x1 - x2 + 0.1 z1 and x2 + 0.1 z1 + 0.05 z2, beside a column that tells nothing.
    fn examples(rows: usize) -> (Matrix, Matrix) {
        let mut stream = Stream::new(4, Purpose::CLAIM, 0);
        let (mut given, mut targets) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            let [x1, x2, x3, z1, z2] = std::array::from_fn(|_| stream.normal());
            given.extend([x1, x2, x3].map(|x| x as f32));
            let first = 2.0 * x1 - x2 + 0.1 * z1;
            targets.extend([first as f32, (x2 + 0.1 * z1 + 0.05 * z2) as f32]);
        }
        (Matrix::new(3, given), Matrix::new(2, targets))
    }

    /// Errors of 5,000 rows: slopes within 5 * 0.1 / sqrt(4500) = .0075, sds within 5.3 %.
    #[test]
    fn a_linear_law_is_found() {
        let (given, targets) = examples(5000);
        let baseline = Baseline::fit(&given, &targets).unwrap();
        for (found, wanted) in baseline.slope.iter().zip([2.0, -1.0, 0.0, 0.0, 1.0, 0.0]) {
            assert!((found - wanted).abs() < 0.0075, "{found} for {wanted}");
        }
        let exact = (0.1f64).ln() + (0.05f64).ln();
        assert!((baseline.log_scale() - exact).abs() < 0.106);
        let residuals = baseline.residuals(&given, &targets);
        let mut back = residuals.clone();
        for row in 0..5000 {
            baseline.restore(&baseline.centre(given.row(row)), back.row_mut(row));
        }
        for (a, b) in back.values().iter().zip(targets.values()) {
            assert!((a - b).abs() < 1e-5);
        }
        let mean_square = |k: usize| {
            let squares = (0..5000).map(|row| f64::from(residuals.row(row)[k]).powi(2));
            squares.sum::<f64>() / 5000.0
        };
        assert!((mean_square(0) - 1.0).abs() < 0.1 && (mean_square(1) - 1.0).abs() < 0.1);
    }

    #[test]
    fn what_cannot_be_regressed_is_left() {
        let (given, targets) = examples(20);
        assert!(Baseline::fit(&given, &targets).is_none(), "too few rows");
        let constant = Matrix::zeros(500, 1);
        let (_, targets) = examples(500);
        let baseline = Baseline::fit(&constant, &targets).unwrap();
        assert_eq!(baseline.slope, [0.0; 2]);
        let same = Matrix::zeros(500, 2);
        assert!(
            Baseline::fit(&targets, &same).is_none(),
            "targets that never vary"
        );
    }
}
