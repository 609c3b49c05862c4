//! Reduced bases: the main modes of many outputs over the bank (proper orthogonal decomposition), and the
//! outputs at which a few values tell all modes (discrete empirical interpolation).

use crate::points::Points;
use faer::{Mat, MatRef};
use gnomon_mechanism::random::{Purpose, Stream};
use serde::{Deserialize, Serialize};

/// Modes are kept until what they leave is this share of the outputs' variance.
const LEFT: f64 = 1e-10;
/// Matrices with both sides longer than this are decomposed by a random sketch of so many columns.
const SKETCH: usize = 300;

/// A basis in standardised coordinates of outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Basis {
    /// Modes x outputs, each of length 1.
    modes: Points,
    /// Sd of each mode's coefficient over the bank.
    scales: Vec<f64>,
    /// Variance of each output that the modes leave.
    left: Vec<f64>,
}

impl Basis {
    /// The main modes of `outputs` (rows x outputs, mean 0), at most `most`, and their coefficients over the
    /// bank in units of their sd.
    pub fn of(outputs: &Points, most: usize, seed: u64) -> Option<(Self, Points)> {
        let (n, m) = (outputs.rows(), outputs.columns());
        let y = Mat::from_fn(n, m, |i, j| outputs.row(i)[j]);
        let (singular, right) = decompose(y.as_ref(), seed)?;
        let total: f64 = outputs.values().iter().map(|z| z * z).sum();
        let mut kept = 0;
        let mut covered = 0.0;
        while kept < most.min(singular.len()) && total - covered > LEFT * total {
            if singular[kept] <= 1e-12 * singular[0] {
                break;
            }
            covered += singular[kept] * singular[kept];
            kept += 1;
        }
        let kept = kept.max(1);
        let mut modes = Points::zeros(kept, m);
        for k in 0..kept {
            let to = modes.row_mut(k).iter_mut().enumerate();
            to.for_each(|(j, v)| *v = right[(j, k)]);
        }
        let raw = &y * right.subcols(0, kept);
        let length = |k: usize| raw.col(k).norm_l2() / (n as f64).sqrt();
        let scales: Vec<f64> = (0..kept)
            .map(|k| length(k).max(f64::MIN_POSITIVE))
            .collect();
        let mut coefficients = Points::zeros(n, kept);
        for row in 0..n {
            let to = coefficients.row_mut(row).iter_mut().enumerate();
            to.for_each(|(k, c)| *c = raw[(row, k)] / scales[k]);
        }
        let rest = &y - &raw * right.subcols(0, kept).transpose();
        let left = (0..m)
            .map(|j| rest.col(j).squared_norm_l2() / n as f64)
            .collect();
        Some((
            Self {
                modes,
                scales,
                left,
            },
            coefficients,
        ))
    }

    /// Number of modes.
    pub fn modes(&self) -> usize {
        self.modes.rows()
    }

    /// The fewest first modes whose mean squared error at held-out rows (rows x modes, told and true) is
    /// within `share` of the least that any number of first modes has. Modes are orthogonal, so that each
    /// has its own part: its coefficient's error where it is kept, the coefficient where it is not.
    pub fn worth(&self, told: &Points, truth: &Points, share: f64) -> usize {
        let count = self.modes();
        let part = |k: usize| -> [f64; 2] {
            let square = self.scales[k] * self.scales[k];
            let both = told.column(k).zip(truth.column(k));
            let kept = both.map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
            [kept * square, truth.column(k).map(|c| c * c * square).sum()]
        };
        let parts: Vec<[f64; 2]> = (0..count).map(part).collect();
        let n = told.rows() as f64;
        let left: f64 = self.left.iter().sum::<f64>() * n;
        let error = |modes: usize| {
            let kept = parts[..modes].iter().map(|part| part[0]).sum::<f64>();
            left + kept + parts[modes..].iter().map(|part| part[1]).sum::<f64>()
        };
        let least = (1..=count).map(error).fold(f64::INFINITY, f64::min);
        let enough = (1..=count).find(|&modes| error(modes) <= (1.0 + share) * least);
        enough.unwrap_or(count)
    }

    /// The first modes alone, and their coefficients.
    pub fn cut(&self, modes: usize, coefficients: &Points) -> (Self, Points) {
        let n = coefficients.rows();
        let mut kept = Points::zeros(modes, self.outputs());
        let mut left = self.left.clone();
        for (k, mode) in self.modes.iter().enumerate() {
            if k < modes {
                kept.row_mut(k).copy_from_slice(mode);
                continue;
            }
            let square = self.scales[k] * self.scales[k];
            let each = left.iter_mut().zip(mode);
            each.for_each(|(variance, v)| *variance += square * v * v);
        }
        let mut fewer = Points::zeros(n, modes);
        for row in 0..n {
            let to = fewer.row_mut(row);
            to.copy_from_slice(&coefficients.row(row)[..modes]);
        }
        let basis = Self {
            modes: kept,
            scales: self.scales[..modes].to_vec(),
            left,
        };
        (basis, fewer)
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.modes.columns()
    }

    /// Outputs and their sd, from coefficients and theirs.
    pub fn expand(&self, learned: [&[f64]; 2], values: &mut [f64], spread: &mut [f64]) {
        values.fill(0.0);
        spread.copy_from_slice(&self.left);
        for (k, mode) in self.modes.iter().enumerate() {
            let (c, sd) = (
                learned[0][k] * self.scales[k],
                learned[1][k] * self.scales[k],
            );
            for ((value, variance), v) in values.iter_mut().zip(&mut *spread).zip(mode) {
                *value += c * v;
                *variance += sd * sd * v * v;
            }
        }
        spread
            .iter_mut()
            .for_each(|variance| *variance = variance.sqrt());
    }

    /// Derivatives of outputs from those of the coefficients.
    pub fn expand_slopes(&self, slopes: &Points) -> Points {
        let mut all = Points::zeros(self.outputs(), slopes.columns());
        for (k, mode) in self.modes.iter().enumerate() {
            for (j, v) in mode.iter().enumerate() {
                let to = all.row_mut(j).iter_mut().zip(slopes.row(k));
                to.for_each(|(sum, slope)| *sum += v * self.scales[k] * slope);
            }
        }
        all
    }

    /// One output for each mode, chosen greedily: where the mode differs most from what the earlier modes
    /// make of it at the earlier outputs (Chaturantabut & Sorensen 2010, algorithm 1).
    pub fn interpolation_points(&self) -> Vec<usize> {
        use faer::linalg::solvers::Solve;
        let mut points: Vec<usize> = Vec::new();
        for (k, mode) in self.modes.iter().enumerate() {
            let known = Mat::from_fn(k, k, |i, j| self.modes.row(j)[points[i]]);
            let here = Mat::from_fn(k, 1, |i, _| mode[points[i]]);
            let shares = known.partial_piv_lu().solve(&here);
            let gap = |output: usize| {
                let made: f64 = (0..k)
                    .map(|j| shares[(j, 0)] * self.modes.row(j)[output])
                    .sum();
                (mode[output] - made).abs()
            };
            let farthest = (0..mode.len()).max_by(|&a, &b| gap(a).total_cmp(&gap(b)));
            points.extend(farthest);
        }
        points
    }
}

/// Singular values, largest first, and right singular vectors; the main ones alone of a large matrix
/// (Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.1).
fn decompose(y: MatRef<'_, f64>, seed: u64) -> Option<(Vec<f64>, Mat<f64>)> {
    let (n, m) = (y.nrows(), y.ncols());
    if n.min(m) <= 2 * SKETCH {
        let parts = y.thin_svd().ok()?;
        let singular = parts.S().column_vector().iter().copied().collect();
        return Some((singular, parts.V().to_owned()));
    }
    let mut stream = Stream::new(seed, Purpose::SHUFFLE, 2);
    let sketch = Mat::from_fn(m, SKETCH, |_, _| stream.normal());
    let mut range = (y * sketch).qr().compute_thin_Q();
    for _ in 0..2 {
        let back = (y.transpose() * &range).qr().compute_thin_Q();
        range = (y * back).qr().compute_thin_Q();
    }
    let small = range.transpose() * y;
    let parts = small.thin_svd().ok()?;
    let singular = parts.S().column_vector().iter().copied().collect();
    Some((singular, parts.V().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outputs of rank three are expanded exactly, and three values tell them all.
    #[test]
    fn three_modes_make_outputs_of_rank_three() {
        let mut stream = Stream::new(5, Purpose::SHUFFLE, 0);
        let mut outputs = Points::zeros(40, 25);
        for row in 0..40 {
            let c: Vec<f64> = (0..3).map(|_| stream.normal()).collect();
            for (j, y) in outputs.row_mut(row).iter_mut().enumerate() {
                let t = j as f64 / 24.0;
                *y = c[0] + c[1] * t + c[2] * (6.0 * t).sin();
            }
        }
        let (basis, coefficients) = Basis::of(&outputs, 10, 1).unwrap();
        assert_eq!(coefficients.columns(), 3);
        let (mut values, mut spread) = (vec![0.0; 25], vec![0.0; 25]);
        basis.expand([coefficients.row(4), &[0.0; 3]], &mut values, &mut spread);
        for (value, truth) in values.iter().zip(outputs.row(4)) {
            assert!((value - truth).abs() < 1e-12);
        }
        let mut points = basis.interpolation_points();
        points.sort_unstable();
        points.dedup();
        assert_eq!(points.len(), 3);
    }
}
