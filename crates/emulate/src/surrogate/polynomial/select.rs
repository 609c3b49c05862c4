//! Which terms an expansion keeps: forward selection by orthogonal least squares (Chen, Billings & Luo
//! 1989), stopped by the corrected leave-one-out error (Blatman & Sudret 2011, section 4.3).

use std::sync::OnceLock;

use faer::linalg::matmul::matmul;
use faer::{Accum, Col, ColRef, Mat, MatRef, Par};
use rayon::prelude::*;

/// A column that lies this close to those selected, as a share of its length, tells nothing more.
const COLLINEAR: f64 = 1e-6;
/// Selection stops when the error was not better for so many steps, or a tenth of all.
const PATIENCE: usize = 12;
/// Terms at most: what needs more is not smooth, and better learned by a network.
const MOST: usize = 300;

/// Targets from which the products of all columns pay.
const MANY: usize = 4;
/// Columns of such a product at once.
const BLOCK: usize = 128;
/// A direction shorter than this share of its column has lost digits, and is made orthogonal once more
/// (Daniel, Gragg, Kaufman & Stewart 1976).
const LOST: f64 = 0.5;

/// A least-squares fit on some columns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Selected {
    /// The columns.
    pub columns: Vec<usize>,
    /// Their coefficients.
    pub coefficients: Vec<f64>,
    /// Leave-one-out mean squared error, corrected for what was estimated.
    pub error: f64,
}

/// Columns to select from, for one target or many: products between columns are worked out once, when they
/// are first asked for.
pub(super) struct Design {
    values: Mat<f64>,
    lengths: Vec<f64>,
    products: Vec<OnceLock<Col<f64>>>,
    gram: Option<Mat<f64>>,
}

impl Design {
    /// Of rows x columns, for so many targets: for more than a few all products are worked out at once,
    /// which takes a fraction of the time for each.
    pub fn new(values: Mat<f64>, targets: usize) -> Self {
        let all = values.ncols();
        let gram = (targets >= MANY).then(|| gram(values.as_ref()));
        Self {
            lengths: (0..all).map(|j| values.col(j).squared_norm_l2()).collect(),
            products: vec![OnceLock::new(); all],
            gram,
            values,
        }
    }

    /// Every column's product with one of them.
    fn products(&self, column: usize) -> ColRef<'_, f64> {
        if let Some(gram) = &self.gram {
            return gram.col(column);
        }
        let work = || correlations(self.values.as_ref(), self.values.col(column));
        self.products[column].get_or_init(work).as_ref()
    }
}

/// Selects columns of `design` (the first one always) for `target`.
pub(super) fn select(design: &Design, target: &[f64]) -> Selected {
    let (lengths, whole) = (&design.lengths, design);
    let design = design.values.as_ref();
    let (n, all) = (design.nrows(), design.ncols());
    let mut residual = Col::from_fn(n, |row| target[row]);
    let mut left = lengths.clone();
    // Products of all columns with each direction (progressive Cholesky; Rubinstein, Zibulevsky & Elad 2008).
    let mut along_directions: Vec<Vec<f64>> = Vec::new();
    let mut along = correlations(design, residual.as_ref());
    let mut leverage = vec![0.0; n];
    let mut path = Path::new();
    let mut best = Selected {
        columns: Vec::new(),
        coefficients: Vec::new(),
        error: f64::INFINITY,
    };
    let mut best_at = 0;
    let most = (n / 2).max(2).min(n.saturating_sub(1)).min(MOST);
    while path.columns.len() < all.min(most) {
        let gain = |j: usize| {
            let near = left[j] <= COLLINEAR * COLLINEAR * lengths[j];
            if near {
                -1.0
            } else {
                along[j] * along[j] / left[j]
            }
        };
        let next = match path.columns.len() {
            0 => 0,
            _ => (0..all).fold(0, |best, j| if gain(j) > gain(best) { j } else { best }),
        };
        if gain(next) < 0.0 {
            break;
        }
        let share = path.add(design, next, &residual);
        let direction = path.directions.col(path.columns.len() - 1);
        for row in 0..n {
            residual[row] -= share * direction[row];
            leverage[row] += direction[row] * direction[row];
        }
        let length = path.triangle.last().and_then(|entries| entries.last());
        let length = length.copied().unwrap_or(1.0);
        let mut common: Vec<f64> = whole.products(next).iter().copied().collect();
        for known in &along_directions {
            let own = known[next];
            for (sum, entry) in common.iter_mut().zip(known) {
                *sum -= own * entry;
            }
        }
        common.iter_mut().for_each(|sum| *sum /= length);
        for j in 0..all {
            left[j] -= common[j] * common[j];
            along[j] -= common[j] * share;
        }
        left[next] = 0.0;
        along_directions.push(common);
        let error = path.left_out_error(&residual, &leverage);
        if error < best.error {
            best.error = error;
            best_at = path.columns.len();
        }
        let patience = PATIENCE.max(best_at / 10);
        if error == 0.0 || path.columns.len() >= best_at + patience {
            break;
        }
    }
    best.columns = path.columns[..best_at].to_vec();
    best.coefficients = path.coefficients(best_at);
    best
}

/// All products between columns: below the diagonal in blocks, whose numbers no thread count changes, and
/// the rest by symmetry.
fn gram(design: MatRef<'_, f64>) -> Mat<f64> {
    let all = design.ncols();
    let starts: Vec<usize> = (0..all).step_by(BLOCK).collect();
    let below = |&start: &usize| {
        let width = BLOCK.min(all - start);
        let mut block = Mat::zeros(all - start, width);
        let from = design.subcols(start, all - start).transpose();
        let to = design.subcols(start, width);
        matmul(block.as_mut(), Accum::Replace, from, to, 1.0, Par::Seq);
        block
    };
    let blocks: Vec<Mat<f64>> = starts.par_iter().map(below).collect();
    Mat::from_fn(all, all, |i, j| {
        let (row, column) = (i.max(j), i.min(j));
        let block = column / BLOCK;
        blocks[block][(row - starts[block], column - starts[block])]
    })
}

/// Every column's product with one vector.
fn correlations(design: MatRef<'_, f64>, with: ColRef<'_, f64>) -> Col<f64> {
    let mut products = Col::zeros(design.ncols());
    let from = design.transpose();
    matmul(products.as_mut(), Accum::Replace, from, with, 1.0, Par::Seq);
    products
}

/// The columns selected so far: design = directions x triangle.
struct Path {
    columns: Vec<usize>,
    /// Rows x directions, of which the first are in use.
    directions: Mat<f64>,
    /// Column by column of the upper triangle.
    triangle: Vec<Vec<f64>>,
    /// The target along each direction.
    shares: Vec<f64>,
    /// Column by column of the inverse of the triangle.
    inverse: Vec<Vec<f64>>,
    /// Sum of squares of that inverse: the trace of the inverse of design^T design.
    trace: f64,
}

impl Path {
    fn new() -> Self {
        Self {
            columns: Vec::new(),
            directions: Mat::new(),
            triangle: Vec::new(),
            shares: Vec::new(),
            inverse: Vec::new(),
            trace: 0.0,
        }
    }

    /// Adds a column; returns the target's share along its new direction.
    fn add(&mut self, design: MatRef<'_, f64>, column: usize, residual: &Col<f64>) -> f64 {
        let last = self.columns.len();
        if last == self.directions.ncols() {
            let longer = (2 * last).max(16);
            self.directions
                .resize_with(design.nrows(), longer, |_, _| 0.0);
        }
        let mut direction = design.col(column).to_owned();
        let mut entries = vec![0.0; last + 1];
        let known = self.directions.subcols(0, last);
        let mut length = direction.norm_l2();
        // Twice is enough (Parlett 1980).
        for _ in 0..2 {
            let before = length;
            let along = correlations(known, direction.as_ref());
            let to = direction.as_mut();
            matmul(to, Accum::Add, known, along.as_ref(), -1.0, Par::Seq);
            for (entry, along) in entries.iter_mut().zip(along.iter()) {
                *entry += along;
            }
            length = direction.norm_l2();
            if length > LOST * before {
                break;
            }
        }
        faer::zip!(&mut direction).for_each(|faer::unzip!(d)| *d /= length);
        entries[last] = length;
        // R^-1 of the longer triangle: its last column is -R^-1 r / length above 1 / length.
        let mut inverse = vec![0.0; last + 1];
        inverse[last] = 1.0 / length;
        for (column, entry) in self.inverse.iter().zip(&entries) {
            for (sum, x) in inverse.iter_mut().zip(column) {
                *sum -= x * entry / length;
            }
        }
        self.trace += inverse.iter().map(|x| x * x).sum::<f64>();
        let share = direction.transpose() * residual;
        self.columns.push(column);
        self.triangle.push(entries);
        self.inverse.push(inverse);
        self.shares.push(share);
        self.directions.col_mut(last).copy_from(&direction);
        share
    }

    /// mean((residual / (1 - leverage))^2) n / (n - k) (1 + trace((design^T design)^-1)).
    fn left_out_error(&self, residual: &Col<f64>, leverage: &[f64]) -> f64 {
        let (n, k) = (leverage.len() as f64, self.columns.len() as f64);
        let squares = residual.iter().zip(leverage).map(|(r, h)| {
            let left_out = r / (1.0 - h).max(1e-12);
            left_out * left_out
        });
        squares.sum::<f64>() / n * (n / (n - k)) * (1.0 + self.trace)
    }

    /// Coefficients of the first `count` columns: triangle^-1 shares.
    fn coefficients(&self, count: usize) -> Vec<f64> {
        let mut solved = self.shares[..count].to_vec();
        for k in (0..count).rev() {
            solved[k] /= self.triangle[k][k];
            let (above, rest) = solved.split_at_mut(k);
            for (x, entry) in above.iter_mut().zip(&self.triangle[k]) {
                *x -= entry * rest[0];
            }
        }
        solved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Mat;
    use gnomon_mechanism::random::{Purpose, Stream};

    /// Three of forty columns make the target: they are found, in 200 noisy rows, and the error told is that
    /// of the noise. The sd of the mean square of 200 normal numbers is a tenth of it; 4 sd: a false alarm in 16,000.
    #[test]
    fn the_columns_that_matter_are_found() {
        let mut stream = Stream::new(1, Purpose::SHUFFLE, 0);
        let mut design = Mat::from_fn(200, 40, |_, _| stream.normal());
        design.col_mut(0).fill(1.0);
        let target: Vec<f64> = (0..200)
            .map(|i| 2.0 + 3.0 * design[(i, 7)] - design[(i, 30)] + 0.01 * stream.normal())
            .collect();
        let found = select(&Design::new(design, 1), &target);
        assert_eq!(found.columns[..3], [0, 7, 30]);
        for (found, truth) in found.coefficients.iter().zip([2.0, 3.0, -1.0]) {
            assert!((found - truth).abs() < 0.005);
        }
        assert!((0.6e-4..1.4e-4).contains(&found.error), "{}", found.error);
    }

    /// The closed form agrees with leaving out each row in turn.
    #[test]
    fn left_out_errors_are_those_of_fits_without_the_row() {
        let mut stream = Stream::new(2, Purpose::SHUFFLE, 0);
        let design = Mat::from_fn(12, 2, |_, j| if j == 0 { 1.0 } else { stream.normal() });
        let target: Vec<f64> = (0..12).map(|_| stream.normal()).collect();
        let mut path = Path::new();
        let mut residual = Col::from_fn(12, |i| target[i]);
        let mut leverage = vec![0.0; 12];
        for j in 0..2 {
            let share = path.add(design.as_ref(), j, &residual);
            for i in 0..12 {
                residual[i] -= share * path.directions[(i, j)];
                leverage[i] += path.directions[(i, j)].powi(2);
            }
        }
        let told = path.left_out_error(&residual, &leverage);
        let without = |row: usize| {
            let others: Vec<usize> = (0..12).filter(|&i| i != row).collect();
            let x: Vec<f64> = others.iter().map(|&i| design[(i, 1)]).collect();
            let mean_x = x.iter().sum::<f64>() / 11.0;
            let mean_y = others.iter().map(|&i| target[i]).sum::<f64>() / 11.0;
            let both = others
                .iter()
                .map(|&i| (design[(i, 1)] - mean_x) * (target[i] - mean_y));
            let slope = both.sum::<f64>() / x.iter().map(|x| (x - mean_x).powi(2)).sum::<f64>();
            (target[row] - mean_y - slope * (design[(row, 1)] - mean_x)).powi(2)
        };
        let plain = (0..12).map(without).sum::<f64>() / 12.0;
        let sums = (0..12).map(|i| design[(i, 1)]).collect::<Vec<_>>();
        let (s, q) = (
            sums.iter().sum::<f64>(),
            sums.iter().map(|x| x * x).sum::<f64>(),
        );
        let trace = (12.0 + q) / (12.0 * q - s * s);
        let expected = plain * 12.0 / 10.0 * (1.0 + trace);
        assert!((told / expected - 1.0).abs() < 1e-10, "{told} {expected}");
    }
}
