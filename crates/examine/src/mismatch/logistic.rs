//! Logistic regression with a ridge penalty, by Newton's method (Hastie, Tibshirani & Friedman 2009, 4.4.1).

use crate::observed::typicality::{cholesky, solve};
use gnomon_mechanism::elementary;

/// Newton steps at most; fewer where the last one was small.
const STEPS: usize = 20;
const SMALL: f64 = 1e-6;

/// A classifier: an intercept, and a weight for each feature.
#[derive(Clone, Debug)]
pub(super) struct Logistic {
    weights: Vec<f64>,
}

impl Logistic {
    /// Learns to tell `positives` from `negatives`, both of one weight together; `penalty` times half of the
    /// squared weights is added to the loss of as many rows as there are positives, twice. Begins `from`
    /// another one.
    pub fn fit(
        positives: &[&[f64]],
        negatives: &[&[f64]],
        penalty: f64,
        from: Option<Self>,
    ) -> Self {
        let width = positives.first().map_or(0, |row| row.len()) + 1;
        let mut own = from.unwrap_or(Self {
            weights: vec![0.0; width],
        });
        let share = positives.len() as f64 / negatives.len().max(1) as f64;
        for _ in 0..STEPS {
            let mut gradient: Vec<f64> = own.weights.iter().map(|w| penalty * w).collect();
            let mut curvature = vec![0.0; width * width];
            (0..width).for_each(|i| curvature[i * width + i] = penalty);
            // The intercept has no penalty, but what keeps the curvature positive.
            (gradient[0], curvature[0]) = (0.0, 1e-6);
            for (rows, label, weight) in [(positives, 1.0, 1.0), (negatives, 0.0, share)] {
                for row in rows {
                    let p = own.probability(row);
                    let (slope, bend) = (weight * (p - label), weight * p * (1.0 - p));
                    let at = |i: usize| if i == 0 { 1.0 } else { row[i - 1] };
                    for i in 0..width {
                        gradient[i] += slope * at(i);
                        let part = bend * at(i);
                        let line = &mut curvature[i * width..=i * width + i];
                        line[0] += part;
                        for (sum, x) in line[1..].iter_mut().zip(*row) {
                            *sum += part * x;
                        }
                    }
                }
            }
            let step = solve(&cholesky(curvature, width), &gradient);
            // A step that is too long would only have to be taken back.
            let largest = step.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            let shorter = (2.0 / largest).min(1.0);
            let moved = own.weights.iter_mut().zip(&step);
            moved.for_each(|(weight, x)| *weight -= shorter * x);
            if largest < SMALL {
                break;
            }
        }
        own
    }

    /// The probability that a row is one of the positives.
    pub fn probability(&self, row: &[f64]) -> f64 {
        let both = self.weights[1..].iter().zip(row);
        let score = self.weights[0] + both.map(|(w, x)| w * x).sum::<f64>();
        1.0 / (1.0 + elementary::exp(-score))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three of four ones and one of four zeros are positive: the slope is ln 9 without a penalty.
    #[test]
    fn a_table_of_two_by_two_has_its_odds() {
        let (one, zero) = ([1.0].as_slice(), [0.0].as_slice());
        let fit = Logistic::fit(&[one, one, one, zero], &[one, zero, zero, zero], 1e-9, None);
        assert!((fit.weights[1] - 9f64.ln()).abs() < 1e-5, "{fit:?}");
        assert!((fit.probability(one) - 0.75).abs() < 1e-5);
    }
}
