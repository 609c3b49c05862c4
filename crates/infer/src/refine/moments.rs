//! An answer in few numbers: means and sds of the coordinates, and the evidence.

use super::tempering::{Islands, Tempered};

/// Means, sds and evidence of an answer, in the prior's coordinates.
pub(super) struct Moments {
    pub mean: Vec<f64>,
    pub sd: Vec<f64>,
    pub mean_error: Vec<f64>,
    pub log_evidence: f64,
    pub error: f64,
}

impl Moments {
    /// Of tempered particles, each island by its share of the evidence.
    pub fn of(tempered: &Tempered, islands: Islands, d: usize) -> Self {
        let column = |k: usize, island: usize| {
            let first = island * islands.particles;
            let own = tempered.points[k..].iter().step_by(d);
            own.skip(first).take(islands.particles).copied()
        };
        let average = |of: &dyn Fn(usize) -> f64| -> f64 {
            let all = tempered.shares.iter().enumerate();
            all.map(|(island, share)| share * of(island)).sum()
        };
        let n = islands.particles as f64;
        let (mut mean, mut sd, mut mean_error) = (Vec::new(), Vec::new(), Vec::new());
        for k in 0..d {
            let own: Vec<f64> = (0..islands.count)
                .map(|island| column(k, island).sum::<f64>() / n)
                .collect();
            let middle = average(&|island| own[island]);
            let square =
                average(&|island| column(k, island).map(|x| (x - middle).powi(2)).sum::<f64>() / n);
            // The variance of a ratio of sums over islands.
            let apart = tempered.shares.iter().zip(&own);
            let variance: f64 = apart.map(|(v, m)| (v * (m - middle)).powi(2)).sum();
            let islands = islands.count as f64;
            mean.push(middle);
            sd.push(square.sqrt());
            mean_error.push((variance * islands / (islands - 1.0)).sqrt());
        }
        Self {
            mean,
            sd,
            mean_error,
            log_evidence: tempered.log_evidence,
            error: tempered.log_evidence_error,
        }
    }

    /// Independent draws that would know the means as well (in the mean over coordinates), at most `most`.
    /// From the differences of eight islands it is known to within a factor of two or so; NaN from one.
    pub fn effective(&self, most: f64) -> f64 {
        let ratios = self.mean_error.iter().zip(&self.sd);
        let ratios = ratios.map(|(error, sd)| (error / sd).powi(2));
        let effective = self.mean.len() as f64 / ratios.sum::<f64>();
        match effective.is_nan() {
            true => f64::NAN,
            false => effective.min(most),
        }
    }

    /// The largest distance between two answers' means of a coordinate, in the `other`'s sds.
    pub fn shift(&self, other: &Self) -> f64 {
        let means = self.mean.iter().zip(&other.mean).zip(&other.sd);
        means
            .map(|((a, b), sd)| (a - b).abs() / sd)
            .fold(0.0, |most: f64, shift| match shift.is_nan() {
                true => f64::NAN,
                false => most.max(shift),
            })
    }
}
