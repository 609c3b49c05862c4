//! What near means: features -> coordinates whose Euclidean distance is used.
//!
//! Features are as they happen to be: some vary much and tell nothing, and many tell the same. So
//! what is to be known is regressed on them, and a step counts by how far it moves the regression in
//! units of the covariance that the regression leaves: the metric of a linear discriminant analysis
//! (Fisher 1936), by which classes, or posteriors, are told apart.

use gnomon_learn::matrix::Matrix;

use crate::normal::{cholesky, dot};

/// The least share of a target's variance that counts as left by the regression.
const LEAST_LEFT: f64 = 1e-6;

/// A linear map from features to coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// What is subtracted from each feature.
    pub(super) centre: Vec<f64>,
    /// Coordinates x features, row after row.
    pub(super) map: Vec<f64>,
}

impl Metric {
    /// Each feature in units of its standard deviation. Those that never vary are left out.
    #[must_use]
    pub fn scaled(features: &Matrix) -> Self {
        let p = features.columns();
        let scales = Scales::of(features);
        let varying: Vec<usize> = (0..p).filter(|&k| scales.sd[k] > 0.0).collect();
        let mut map = vec![0.0; varying.len() * p];
        for (row, &k) in varying.iter().enumerate() {
            map[row * p + k] = 1.0 / scales.sd[k];
        }
        Self {
            centre: scales.mean,
            map,
        }
    }

    /// The ridge regression of `targets` on `features`, row by row, in units of the covariance that
    /// it leaves: as many coordinates as targets. The ridge is features / rows of their variance.
    /// Where nothing can be regressed it is [`scaled`](Self::scaled).
    #[must_use]
    pub fn predictive(features: &Matrix, targets: &Matrix) -> Self {
        let (p, q) = (features.columns(), targets.columns());
        let rows = features.rows().min(targets.rows());
        if q == 0 || rows < 2 * (q + 1) {
            return Self::scaled(features);
        }
        let (scales, of_targets) = (Scales::of(features), Scales::of(targets));
        let mut squares = vec![0.0; p * p];
        let mut products = vec![0.0; q * p];
        let (mut x, mut y) = (vec![0.0; p], vec![0.0; q]);
        for row in 0..rows {
            scales.standardise(features.row(row), &mut x);
            of_targets.standardise(targets.row(row), &mut y);
            for (k, value) in x.iter().enumerate() {
                let sums = squares[k * p..=k * p + k].iter_mut().zip(&x);
                sums.for_each(|(sum, other)| *sum += value * other);
            }
            for (k, value) in y.iter().enumerate() {
                let sums = products[k * p..(k + 1) * p].iter_mut().zip(&x);
                sums.for_each(|(sum, other)| *sum += value * other);
            }
        }
        (0..p).for_each(|k| squares[k * p + k] += p as f64);
        let Some(factor) = cholesky(&squares, p) else {
            return Self::scaled(features);
        };
        let slopes = products.chunks_exact(p).map(|own| solve(&factor, own));
        let slope: Vec<f64> = slopes.flatten().collect();
        let mut left = vec![0.0; q * q];
        for row in 0..rows {
            scales.standardise(features.row(row), &mut x);
            of_targets.standardise(targets.row(row), &mut y);
            let fitted = y.iter_mut().zip(slope.chunks_exact(p));
            fitted.for_each(|(left, slope)| *left -= dot(slope, &x));
            for (k, value) in y.iter().enumerate() {
                let sums = left[k * q..=k * q + k].iter_mut().zip(&y);
                sums.for_each(|(sum, other)| *sum += value * other / rows as f64);
            }
        }
        // Also a target that is known altogether gets a scale.
        (0..q).for_each(|k| left[k * q + k] += LEAST_LEFT);
        let Some(left) = cholesky(&left, q) else {
            return Self::scaled(features);
        };
        let mut map = vec![0.0; q * p];
        for k in (0..p).filter(|&k| scales.sd[k] > 0.0) {
            let column: Vec<f64> = (0..q).map(|target| slope[target * p + k]).collect();
            for (target, value) in forward(&left, column).into_iter().enumerate() {
                map[target * p + k] = value / scales.sd[k];
            }
        }
        Self {
            centre: scales.mean,
            map,
        }
    }

    /// Number of coordinates.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.map.len() / self.centre.len().max(1)
    }

    /// The coordinates of each row of `features`.
    #[must_use]
    pub fn apply(&self, features: &Matrix) -> Matrix {
        let mut coordinates = Matrix::zeros(features.rows(), self.dimension());
        let mut centred = vec![0.0; self.centre.len()];
        for row in 0..features.rows() {
            let places = centred.iter_mut().zip(features.row(row)).zip(&self.centre);
            places.for_each(|((to, &x), centre)| *to = f64::from(x) - centre);
            let to = coordinates.row_mut(row).iter_mut();
            to.zip(self.map.chunks_exact(self.centre.len().max(1)))
                .for_each(|(to, map)| *to = dot(map, &centred) as f32);
        }
        coordinates
    }
}

/// Mean and standard deviation of each column; a column that never varies has sd 0.
struct Scales {
    mean: Vec<f64>,
    sd: Vec<f64>,
}

impl Scales {
    fn of(matrix: &Matrix) -> Self {
        let (rows, columns) = (matrix.rows(), matrix.columns());
        let average = |term: &dyn Fn(usize, f64) -> f64| {
            let mut sums = vec![0.0; columns];
            for row in 0..rows {
                let values = sums.iter_mut().zip(matrix.row(row)).enumerate();
                values.for_each(|(k, (sum, &x))| *sum += term(k, f64::from(x)));
            }
            sums.iter_mut().for_each(|sum| *sum /= rows.max(1) as f64);
            sums
        };
        let mean = average(&|_, x| x);
        let variance = average(&|k, x| (x - mean[k]).powi(2));
        let sd = mean.iter().zip(variance).map(|(mean, variance)| {
            let sd = variance.sqrt();
            // What differs by the rounding of f32 alone does not vary.
            if sd > 1e-6 * mean.abs() { sd } else { 0.0 }
        });
        Self {
            sd: sd.collect(),
            mean,
        }
    }

    fn standardise(&self, row: &[f32], to: &mut [f64]) {
        let scales = self.mean.iter().zip(&self.sd);
        for ((to, &x), (mean, &sd)) in to.iter_mut().zip(row).zip(scales) {
            *to = if sd > 0.0 {
                (f64::from(x) - mean) / sd
            } else {
                0.0
            };
        }
    }
}

/// x of factor x = y.
fn forward(factor: &[f64], y: Vec<f64>) -> Vec<f64> {
    let (d, mut x) = (y.len(), y);
    for r in 0..d {
        let known = dot(&factor[r * d..r * d + r], &x[..r]);
        x[r] = (x[r] - known) / factor[r * d + r];
    }
    x
}

/// x of factor factor' x = y.
fn solve(factor: &[f64], y: &[f64]) -> Vec<f64> {
    let (d, mut x) = (y.len(), forward(factor, y.to_vec()));
    for r in (0..d).rev() {
        x[r] /= factor[r * d + r];
        let value = x[r];
        let row = &factor[r * d..r * d + r];
        x[..r]
            .iter_mut()
            .zip(row)
            .for_each(|(x, f)| *x -= f * value);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    /// Feature 0 tells the target up to noise of sd 0.5, feature 1 is feature 0 again, feature 2 is
    /// loud and tells nothing, feature 3 never varies: a step of 1 in both of the first is two noises.
    #[test]
    fn a_step_counts_by_what_it_tells() {
        let mut stream = Stream::new(3, Purpose::CLAIM, 0);
        let (mut features, mut targets) = (Vec::new(), Vec::new());
        for _ in 0..5000 {
            let (x, noise) = (stream.normal(), stream.normal());
            features.extend([x, x, 100.0 * stream.normal(), 7.0].map(|x| x as f32));
            targets.push((x + 0.5 * noise) as f32);
        }
        let features = Matrix::new(4, features);
        let metric = Metric::predictive(&features, &Matrix::new(1, targets));
        assert_eq!(metric.dimension(), 1);
        let points = [0.0, 0.0, 0.0, 7.0, 1.0, 1.0, 0.0, 7.0, 0.0, 0.0, 100.0, 9.0];
        let placed = metric.apply(&Matrix::new(4, points.to_vec()));
        let [from, moved, loud] = [0, 1, 2].map(|row| placed.row(row)[0]);
        // The slope's standard error is below 0.01, that of the noise's sd below 0.006.
        assert!(((moved - from).abs() - 2.0).abs() < 0.1, "{moved} {from}");
        assert!((loud - from).abs() < 0.1, "{loud} {from}");
    }

    #[test]
    fn scaled_features_have_unit_variance() {
        let features = Matrix::new(2, vec![1.0, 5.0, 3.0, 5.0, 5.0, 5.0]);
        let placed = Metric::scaled(&features).apply(&features);
        assert_eq!(placed.columns(), 1);
        let wanted = 1.5_f32.sqrt();
        assert!((placed.row(2)[0] - wanted).abs() < 1e-6 && placed.row(1)[0] == 0.0);
    }
}
