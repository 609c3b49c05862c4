//! Neighbours -> weights: Epanechnikov's kernel as wide as the first neighbour that gets none is far.

use super::index::Neighbour;

/// Simulations that stand for an answer, and how much each counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weighted {
    /// Rows of the index, the nearest first.
    pub rows: Vec<usize>,
    /// Their weights; they sum to 1.
    pub weights: Vec<f64>,
    /// Their distances.
    pub distances: Vec<f64>,
    /// The kernel's width: the distance at which a weight is 0.
    pub bandwidth: f64,
    /// Equally weighted simulations that these are worth: 1 / sum of squared weights (Kish 1965).
    pub effective: f64,
}

impl Weighted {
    /// The `near` nearest of `neighbours` (sorted, one more of them than that) by
    /// w ~ 1 - (distance / bandwidth)^2 (Epanechnikov 1969); equally where all are equally far.
    #[must_use]
    pub fn of(neighbours: &[Neighbour], near: usize) -> Self {
        let near = near.min(neighbours.len());
        let (own, beyond) = neighbours.split_at(near);
        let bandwidth = beyond.first().or(own.last()).map_or(0.0, |n| n.distance);
        let kernel = |neighbour: &Neighbour| 1.0 - (neighbour.distance / bandwidth).powi(2);
        let mut weights: Vec<f64> = own.iter().map(kernel).collect();
        let mut total: f64 = weights.iter().sum();
        if !(total.is_finite() && total > 1e-9) {
            weights.fill(1.0);
            total = near as f64;
        }
        weights.iter_mut().for_each(|w| *w /= total);
        Self::known(own, weights, bandwidth)
    }

    fn known(own: &[Neighbour], weights: Vec<f64>, bandwidth: f64) -> Self {
        let squares: f64 = weights.iter().map(|w| w * w).sum();
        Self {
            rows: own.iter().map(|n| n.row).collect(),
            distances: own.iter().map(|n| n.distance).collect(),
            effective: if squares > 0.0 { 1.0 / squares } else { 0.0 },
            weights,
            bandwidth,
        }
    }

    /// Mean of values, one a row of the index.
    #[must_use]
    pub fn mean(&self, value: impl Fn(usize) -> f64) -> f64 {
        let all = self.rows.iter().zip(&self.weights);
        all.map(|(&row, w)| w * value(row)).sum()
    }

    /// The `levels` (increasing, in (0, 1)) quantiles of `values`, one a simulation in the order of
    /// `rows`: where the weighted distribution function, taken in the middle of its steps and linear
    /// between them, reaches them. NaN without simulations.
    #[must_use]
    pub fn quantiles(&self, values: &[f64], levels: &[f64]) -> Vec<f64> {
        let mut sorted: Vec<(f64, f64)> = values
            .iter()
            .copied()
            .zip(self.weights.iter().copied())
            .filter(|(value, _)| value.is_finite())
            .collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = sorted.iter().map(|(_, w)| w).sum();
        let mut below = 0.0;
        let middles: Vec<f64> = sorted
            .iter()
            .map(|(_, w)| {
                below += w;
                (below - 0.5 * w) / total
            })
            .collect();
        let at = |level: &f64| {
            let above = middles.partition_point(|middle| middle < level);
            match (above.checked_sub(1), sorted.get(above)) {
                (None, Some(first)) => first.0,
                (Some(last), None) => sorted[last].0,
                (Some(low), Some(high)) => {
                    let share = (level - middles[low]) / (middles[above] - middles[low]);
                    sorted[low].0 + share.clamp(0.0, 1.0) * (high.0 - sorted[low].0)
                }
                (None, None) => f64::NAN,
            }
        };
        levels.iter().map(at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbours(distances: &[f64]) -> Vec<Neighbour> {
        let all = distances.iter().enumerate();
        all.map(|(row, &distance)| Neighbour { row, distance })
            .collect()
    }

    #[test]
    fn weights_fall_to_zero_at_the_bandwidth() {
        let weighted = Weighted::of(&neighbours(&[0.0, 1.0, 2.0, 9.0]), 2);
        assert_eq!((weighted.rows.len(), weighted.bandwidth), (2, 2.0));
        assert!((weighted.weights[0] - 4.0 / 7.0).abs() < 1e-12);
        assert!((weighted.effective - 49.0 / 25.0).abs() < 1e-12);
        assert!((weighted.mean(|row| row as f64) - 3.0 / 7.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_equally_far_counts_equally() {
        for distances in [[0.0; 3], [2.0; 3]] {
            let weighted = Weighted::of(&neighbours(&distances), 2);
            assert_eq!((weighted.weights, weighted.effective), (vec![0.5; 2], 2.0));
        }
        assert_eq!(Weighted::of(&[], 2).rows.len(), 0);
    }

    /// Equal weights: Hazen's plotting positions (i - 1/2) / n.
    #[test]
    fn quantiles_of_equal_weights_are_hazens() {
        let weighted = Weighted::of(&neighbours(&[1.0; 5]), 4);
        let values = [4.0, 1.0, 3.0, 2.0];
        let found = weighted.quantiles(&values, &[0.01, 0.25, 0.5, 0.99]);
        assert_eq!(found, [1.0, 1.5, 2.5, 4.0]);
        assert!(Weighted::default().quantiles(&[], &[0.5])[0].is_nan());
    }
}
