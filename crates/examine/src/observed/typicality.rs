//! Whether the observed data lie within what the mechanisms produce at all: their distance from
//! simulations, among the distances of held-out simulations.

use super::{About, Check};
use crate::ExamineError;
use crate::error::{finite, shape};
use gnomon_claim::permutation::p_value;

/// How far a point lies from the reference simulations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// From their mean, in units of their covariance (Mahalanobis 1936).
    Mahalanobis,
    /// To the k-th nearest of them, each column in units of its sd.
    Neighbour(usize),
}

/// Simulations that data sets are compared with, one after another.
pub struct Simulations {
    cloud: Cloud,
    distance: Distance,
    /// The distance of each held-out simulation.
    replicates: Vec<f64>,
}

impl Simulations {
    /// Measures `reference` (N x `width` features: an embedding, or summaries) and the distances of
    /// `held_out` (B x `width`) simulations from it; both are of all mechanisms.
    ///
    /// # Errors
    /// [`ExamineError`] when the arrays contradict one another, a feature is not finite, or there are
    /// fewer than two reference simulations.
    pub fn new(
        reference: &[f64],
        held_out: &[f64],
        width: usize,
        distance: Distance,
    ) -> Result<Self, ExamineError> {
        let rows = |array: &[f64]| array.len() / width.max(1);
        shape(
            "reference features",
            reference.len(),
            rows(reference).max(2) * width,
        )?;
        shape(
            "held-out features",
            held_out.len(),
            rows(held_out).max(1) * width,
        )?;
        finite("a reference feature", reference, width)?;
        finite("a held-out feature", held_out, width)?;
        let cloud = Cloud::new(reference, width);
        let rows = held_out.chunks_exact(width.max(1));
        let replicates = rows.map(|point| cloud.distance(point, distance)).collect();
        Ok(Self {
            cloud,
            distance,
            replicates,
        })
    }

    /// One check of `observed` (`width` features). When the observed data come from one of the mechanisms,
    /// they are exchangeable with the held-out simulations, so the p-value is below p with probability at
    /// most p.
    ///
    /// # Errors
    /// [`ExamineError`] where a feature is not finite, or their number is another.
    pub fn check(&self, name: &str, observed: &[f64]) -> Result<Check, ExamineError> {
        shape("observed features", observed.len(), self.cloud.width)?;
        finite("an observed feature", observed, self.cloud.width)?;
        let observed = self.cloud.distance(observed, self.distance);
        Ok(Check {
            name: name.into(),
            about: About::Mechanisms,
            observed,
            p_value: p_value(observed, &self.replicates),
            replicates: self.replicates.clone(),
            entries: Vec::new(),
        })
    }
}

/// One check of `observed` (D features) against `reference` (N x D) and `held_out` (B x D) simulations.
///
/// # Errors
/// As [`Simulations::new`] and [`Simulations::check`].
pub fn check(
    name: &str,
    observed: &[f64],
    reference: &[f64],
    held_out: &[f64],
    distance: Distance,
) -> Result<Check, ExamineError> {
    Simulations::new(reference, held_out, observed.len(), distance)?.check(name, observed)
}

/// The reference simulations, each column with mean 0 and sd 1.
struct Cloud {
    width: usize,
    /// Mean and sd of each column; columns that never vary have sd 0.
    scales: Vec<[f64; 2]>,
    points: Vec<f64>,
    /// Lower Cholesky factor of the columns' correlations, row-major.
    factor: Vec<f64>,
}

impl Cloud {
    fn new(reference: &[f64], width: usize) -> Self {
        let n = reference.len() as f64 / width as f64;
        let scales: Vec<[f64; 2]> = (0..width)
            .map(|column| {
                let values = || reference.iter().skip(column).step_by(width);
                let mean = values().sum::<f64>() / n;
                let sd = (values().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
                // A column that differs by rounding only does not vary.
                [mean, if sd > 1e-12 * mean.abs() { sd } else { 0.0 }]
            })
            .collect();
        let points: Vec<f64> = reference
            .chunks_exact(width)
            .flat_map(|row| standardised(row, &scales))
            .collect();
        let mut correlation = vec![0.0; width * width];
        for point in points.chunks_exact(width) {
            for i in 0..width {
                for j in 0..=i {
                    correlation[i * width + j] += point[i] * point[j] / n;
                }
            }
        }
        // A ridge keeps columns that are functions of others from dividing by zero.
        (0..width).for_each(|i| correlation[i * width + i] += 1e-6);
        Self {
            width,
            scales,
            points,
            factor: cholesky(correlation, width),
        }
    }

    fn distance(&self, point: &[f64], distance: Distance) -> f64 {
        match distance {
            Distance::Mahalanobis => self.mahalanobis(point),
            Distance::Neighbour(k) => self.neighbour(point, k),
        }
    }

    fn mahalanobis(&self, point: &[f64]) -> f64 {
        let mut z = standardised(point, &self.scales);
        for i in 0..self.width {
            let row = &self.factor[i * self.width..];
            let known: f64 = row[..i].iter().zip(&z).map(|(l, z)| l * z).sum();
            z[i] = (z[i] - known) / row[i];
        }
        z.iter().map(|z| z * z).sum::<f64>().sqrt()
    }

    fn neighbour(&self, point: &[f64], k: usize) -> f64 {
        let z = standardised(point, &self.scales);
        let mut squares: Vec<f64> = self
            .points
            .chunks_exact(self.width)
            .map(|p| p.iter().zip(&z).map(|(a, b)| (a - b).powi(2)).sum())
            .collect();
        let k = k.clamp(1, squares.len()) - 1;
        squares.select_nth_unstable_by(k, f64::total_cmp).1.sqrt()
    }
}

/// A column that never varies tells only whether the point agrees with it.
fn standardised(row: &[f64], scales: &[[f64; 2]]) -> Vec<f64> {
    row.iter()
        .zip(scales)
        .map(|(x, &[mean, sd])| match x - mean {
            difference if sd > 0.0 => difference / sd,
            difference if difference.abs() <= 1e-9 * mean.abs().max(1e-300) => 0.0,
            _ => 1e9,
        })
        .collect()
}

/// The lower factor of a symmetric positive definite matrix, of which the lower half is given.
pub(crate) fn cholesky(mut a: Vec<f64>, n: usize) -> Vec<f64> {
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let left = a[i * n + j] - known;
            a[i * n + j] = if i == j {
                left.max(1e-12).sqrt()
            } else {
                left / a[j * n + j]
            };
        }
    }
    a
}

/// The solution of L L' x = b, of a lower factor L.
pub(crate) fn solve(lower: &[f64], b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut x = b.to_vec();
    for i in 0..n {
        let known: f64 = (0..i).map(|k| lower[i * n + k] * x[k]).sum();
        x[i] = (x[i] - known) / lower[i * n + i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| lower[k * n + i] * x[k]).sum();
        x[i] = (x[i] - known) / lower[i * n + i];
    }
    x
}
