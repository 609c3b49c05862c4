//! Particles in groups that know nothing of each other, and how much they remember of where they were.

use super::super::start::Start;
use crate::normal::Normal;

/// Particles, and what is known of them.
pub(super) struct Swarm<'a> {
    pub(super) start: &'a Start,
    pub(super) d: usize,
    /// Particles of an island.
    pub(super) size: usize,
    pub(super) points: Vec<f64>,
    /// ln of the start's and of the target's density at each.
    pub(super) at_start: Vec<f64>,
    pub(super) at_target: Vec<f64>,
    /// The gradient of the target's, where it was worked out.
    pub(super) slopes: Vec<f64>,
    pub(super) sloped: Vec<bool>,
    /// Of each island: densities and gradients.
    pub(super) evaluations: Vec<[u64; 2]>,
}

impl Swarm<'_> {
    pub(super) fn point(&self, row: usize) -> &[f64] {
        &self.points[row * self.d..(row + 1) * self.d]
    }

    /// ln of the target's density over the start's: what weights come from.
    pub(super) fn gain(&self, rows: std::ops::Range<usize>) -> Vec<f64> {
        let densities = self.at_target[rows.clone()].iter();
        let starts = &self.at_start[rows];
        densities
            .zip(starts)
            .map(|(target, start)| target - start)
            .collect()
    }

    /// The rows of one half of an island.
    pub(super) fn half(&self, island: usize, half: usize) -> std::ops::Range<usize> {
        let first = island * self.size + half * (self.size / 2);
        first..first + self.size / 2
    }

    /// The other half's mean and covariance: what a half moves by.
    pub(super) fn metric(&self, island: usize, half: usize) -> Normal {
        let other = self.half(island, 1 - half);
        let points = &self.points[other.start * self.d..other.end * self.d];
        Normal::fitted(points, &vec![1.0; other.len()], self.d)
    }

    /// ln of start^(1 - t) target^t at new densities over that at `row`.
    pub(super) fn change(&self, row: usize, t: f64, start: f64, target: f64) -> f64 {
        (1.0 - t) * (start - self.at_start[row]) + t * (target - self.at_target[row])
    }

    pub(super) fn put(&mut self, row: usize, point: &[f64], start: f64, target: f64) {
        self.points[row * self.d..(row + 1) * self.d].copy_from_slice(point);
        (self.at_start[row], self.at_target[row]) = (start, target);
        self.sloped[row] = false;
    }

    /// Replaces the particles of an island by those chosen (by their places in it).
    pub(super) fn choose(&mut self, island: usize, chosen: &[usize]) {
        let (first, d) = (island * self.size, self.d);
        let rows = first..first + self.size;
        let points = self.points[rows.start * d..rows.end * d].to_vec();
        let slopes = self.slopes[rows.start * d..rows.end * d].to_vec();
        let (start, target) = (
            self.at_start[rows.clone()].to_vec(),
            self.at_target[rows.clone()].to_vec(),
        );
        let sloped = self.sloped[rows.clone()].to_vec();
        for (row, &from) in rows.zip(chosen) {
            let source = from * d..(from + 1) * d;
            self.put(row, &points[source.clone()], start[from], target[from]);
            self.slopes[row * d..(row + 1) * d].copy_from_slice(&slopes[source]);
            self.sloped[row] = sloped[from];
        }
    }
}

/// Particles before they moved.
pub(super) struct Memory {
    pub(super) points: Vec<f64>,
    pub(super) gain: Vec<f64>,
}

/// The largest correlation between where particles were and where they are: over coordinates, and of
/// what their weights come from.
pub(super) fn remembered(before: &Memory, swarm: &Swarm<'_>, islands: &[usize]) -> f64 {
    let (d, size) = (swarm.d, swarm.size);
    let rows = || islands.iter().flat_map(|&n| n * size..(n + 1) * size);
    let now = swarm.gain(0..swarm.at_start.len());
    let places = (0..d).map(|k| {
        let column = |points: &[f64]| rows().map(|row| points[row * d + k]).collect();
        correlation(column(&before.points), column(&swarm.points))
    });
    let of = |gain: &[f64]| rows().map(|row| gain[row]).collect();
    let gains = correlation(of(&before.gain), of(&now));
    // Particles that are all in one place have forgotten nothing.
    let known = |correlation: f64| {
        if correlation.is_nan() {
            1.0
        } else {
            correlation
        }
    };
    places.map(known).fold(known(gains), f64::max)
}

fn correlation(x: Vec<f64>, y: Vec<f64>) -> f64 {
    let (mx, sx) = mean_and_sd(x.iter().copied());
    let (my, sy) = mean_and_sd(y.iter().copied());
    let products = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my));
    products.sum::<f64>() / ((x.len() - 1) as f64 * sx * sy)
}

pub(super) fn mean_and_sd(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let variance = values.map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, variance.sqrt())
}
