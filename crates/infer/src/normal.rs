//! A multivariate normal distribution by its mean and the Cholesky factor of its covariance: a
//! component of a start, and the metric of a move.

use gnomon_mechanism::elementary::ln;

const LN_TAU: f64 = 1.837_877_066_409_345_3;

/// x = mean + factor y, with y standard normal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Normal {
    pub mean: Vec<f64>,
    /// Lower triangle, row-major, d x d.
    factor: Vec<f64>,
    /// ln of its determinant.
    log_spread: f64,
}

impl Normal {
    /// Mean 0 and covariance 1.
    pub fn standard(d: usize) -> Self {
        let mut factor = vec![0.0; d * d];
        factor.iter_mut().step_by(d + 1).for_each(|x| *x = 1.0);
        Self {
            mean: vec![0.0; d],
            factor,
            log_spread: 0.0,
        }
    }

    /// Fitted to `points` (rows x d), each counted by its weight. Correlations shrink by a share that
    /// is small where there are many more points than dimensions.
    pub fn fitted(points: &[f64], weights: &[f64], d: usize) -> Self {
        let total: f64 = weights.iter().sum();
        let mut mean = vec![0.0; d];
        for (point, w) in points.chunks_exact(d).zip(weights) {
            mean.iter_mut().zip(point).for_each(|(m, x)| *m += w * x);
        }
        mean.iter_mut().for_each(|m| *m /= total);
        let mut covariance = vec![0.0; d * d];
        let mut centred = vec![0.0; d];
        for (point, w) in points.chunks_exact(d).zip(weights) {
            let places = centred.iter_mut().zip(point).zip(&mean);
            places.for_each(|((c, x), m)| *c = x - m);
            for r in 0..d {
                let by = w * centred[r];
                let row = &mut covariance[r * d..=r * d + r];
                row.iter_mut()
                    .zip(&centred)
                    .for_each(|(to, c)| *to += by * c);
            }
        }
        let crowd = d as f64 / total.max(1.0);
        let kept = 1.0 / (1.0 + crowd * crowd);
        for r in 0..d {
            for c in 0..r {
                covariance[r * d + c] *= kept / total;
            }
            let variance = covariance[r * d + r] / total;
            covariance[r * d + r] = variance * (1.0 + 1e-9) + 1e-24;
        }
        let factor = cholesky(&covariance, d).unwrap_or_else(|| {
            let mut sds = vec![0.0; d * d];
            (0..d).for_each(|r| sds[r * d + r] = covariance[r * d + r].sqrt());
            sds
        });
        Self {
            log_spread: (0..d).map(|r| ln(factor[r * d + r])).sum(),
            mean,
            factor,
        }
    }

    /// mean + factor y.
    pub fn place(&self, y: &[f64], x: &mut [f64]) {
        let d = self.mean.len();
        for (r, (x, mean)) in x.iter_mut().zip(&self.mean).enumerate() {
            *x = mean + dot(&self.factor[r * d..=r * d + r], &y[..=r]);
        }
    }

    /// The y of which x is the place.
    pub fn whiten(&self, x: &[f64], y: &mut [f64]) {
        let d = self.mean.len();
        for (r, (x, mean)) in x.iter().zip(&self.mean).enumerate() {
            let (known, to) = y.split_at_mut(r);
            let sum = dot(&self.factor[r * d..r * d + r], known);
            to[0] = (x - mean - sum) / self.factor[r * d + r];
        }
    }

    /// The squared length of a difference of two places, in y.
    pub fn square(&self, difference: &[f64]) -> f64 {
        let d = self.mean.len();
        let mut y = vec![0.0; d];
        for r in 0..d {
            let sum = dot(&self.factor[r * d..r * d + r], &y[..r]);
            y[r] = (difference[r] - sum) / self.factor[r * d + r];
        }
        dot(&y, &y)
    }

    /// factor' g: a gradient by x as one by y.
    pub fn pull(&self, g: &[f64], to: &mut [f64]) {
        let d = self.mean.len();
        to.fill(0.0);
        for (r, g) in g.iter().enumerate() {
            let row = &self.factor[r * d..=r * d + r];
            to.iter_mut().zip(row).for_each(|(to, f)| *to += f * g);
        }
    }

    /// ln of the density where x is the place of `y`.
    pub fn log_density(&self, y: &[f64]) -> f64 {
        -0.5 * (dot(y, y) + y.len() as f64 * LN_TAU) - self.log_spread
    }

    /// Adds `weight` times the gradient of the log-density, by x, where x is the place of `y`.
    pub fn add_slope(&self, y: &[f64], weight: f64, to: &mut [f64]) {
        // - factor'^-1 y, from the last on.
        let d = self.mean.len();
        let mut rest = y.to_vec();
        for r in (0..d).rev() {
            let value = rest[r] / self.factor[r * d + r];
            to[r] -= weight * value;
            let row = &self.factor[r * d..r * d + r];
            rest.iter_mut()
                .zip(row)
                .for_each(|(rest, f)| *rest -= f * value);
        }
    }
}

/// In eight sums, so that they can run side by side.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (a.chunks_exact(8), b[..a.len()].chunks_exact(8));
    let rest = a.remainder().iter().zip(b.remainder());
    let rest: f64 = rest.map(|(a, b)| a * b).sum();
    let mut sums = [0.0; 8];
    for (a, b) in a.zip(b) {
        for k in 0..8 {
            sums[k] += a[k] * b[k];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// The factor of a positive definite matrix of which the lower triangle is given.
pub(crate) fn cholesky(matrix: &[f64], d: usize) -> Option<Vec<f64>> {
    let mut factor = vec![0.0; d * d];
    for r in 0..d {
        for c in 0..=r {
            let sum = matrix[r * d + c] - dot(&factor[r * d..r * d + c], &factor[c * d..c * d + c]);
            factor[r * d + c] = if c < r {
                sum / factor[c * d + c]
            } else if sum > 1e-14 * matrix[r * d + r] {
                sum.sqrt()
            } else {
                return None;
            };
        }
    }
    Some(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_densities_and_slopes_belong_together() {
        let points = [
            0.0, 1.0, 2.0, 2.5, -1.0, 0.3, 0.7, -2.0, 1.1, 1.9, -0.4, -0.8,
        ];
        let normal = Normal::fitted(&points, &[1.0; 6], 2);
        let (mut y, mut back) = ([0.0; 2], [0.0; 2]);
        let at = |x: &[f64]| {
            let mut y = [0.0; 2];
            normal.whiten(x, &mut y);
            normal.log_density(&y)
        };
        let x = [0.4, -0.9];
        normal.whiten(&x, &mut y);
        normal.place(&y, &mut back);
        let mut slope = [0.0; 2];
        normal.add_slope(&y, 2.0, &mut slope);
        for k in 0..2 {
            assert!((back[k] - x[k]).abs() < 1e-14);
            let (mut more, mut less) = (x, x);
            more[k] += 1e-6;
            less[k] -= 1e-6;
            let difference = (at(&more) - at(&less)) / 1e-6;
            assert!(
                (slope[k] - difference).abs() < 1e-6,
                "{} {difference}",
                slope[k]
            );
        }
        let mean: f64 = points.iter().step_by(2).sum::<f64>() / 6.0;
        assert!((normal.mean[0] - mean).abs() < 1e-15);
        let step = [0.3, 0.2];
        let (mut a, mut b) = ([0.0; 2], [0.0; 2]);
        normal.whiten(&x, &mut a);
        normal.whiten(&[x[0] + step[0], x[1] + step[1]], &mut b);
        let square: f64 = a.iter().zip(b).map(|(a, b)| (b - a).powi(2)).sum();
        assert!((normal.square(&step) - square).abs() < 1e-12);
    }

    #[test]
    fn points_on_a_line_still_have_a_density() {
        let points: Vec<f64> = (0..10)
            .flat_map(|k| [f64::from(k), 2.0 * f64::from(k)])
            .collect();
        let normal = Normal::fitted(&points, &[1.0; 10], 2);
        let mut y = [0.0; 2];
        normal.whiten(&[1.0, 2.0], &mut y);
        assert!(normal.log_density(&y).is_finite());
    }
}
