//! Polynomials orthonormal under each input's own distribution in the bank, one input at a time, by their
//! three-term recurrence (Stieltjes' procedure: Gautschi 2004, "Orthogonal polynomials", section 2.2;
//! for expansions: Oladyshkin & Nowak 2012).

use crate::points::Points;
use serde::{Deserialize, Serialize};

/// The recurrence of one input: p_(k+1) = ((x - middle_k) p_k - width_k p_(k-1)) / width_(k+1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Recurrence {
    middles: Vec<f64>,
    widths: Vec<f64>,
}

/// The polynomials of all inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::surrogate) struct Basis {
    inputs: Vec<Recurrence>,
}

impl Basis {
    /// Polynomials to `degree`, or as far as the number of an input's distinct values lets them go.
    pub fn of(bank: &Points, degree: usize) -> Self {
        let inputs = (0..bank.columns())
            .map(|column| Recurrence::of(&bank.column(column).collect::<Vec<_>>(), degree))
            .collect();
        Self { inputs }
    }

    /// Highest degree of each input.
    pub fn degrees(&self) -> Vec<usize> {
        self.inputs.iter().map(|input| input.widths.len()).collect()
    }

    /// Operations of all polynomials at one point.
    pub fn operations(&self) -> u64 {
        self.degrees().iter().map(|&degree| 5 * degree as u64).sum()
    }

    /// All polynomials of all inputs at one point: one list an input, from degree 0.
    pub fn values(&self, point: &[f64]) -> Vec<Vec<f64>> {
        let each = self.inputs.iter().zip(point);
        each.map(|(input, &x)| input.values(x)).collect()
    }

    /// Their derivatives at one point.
    pub fn slopes(&self, point: &[f64]) -> Vec<Vec<f64>> {
        let each = self.inputs.iter().zip(point);
        each.map(|(input, &x)| input.slopes(x)).collect()
    }
}

impl Recurrence {
    fn of(values: &[f64], degree: usize) -> Self {
        let n = values.len() as f64;
        let mut distinct = values.to_vec();
        distinct.sort_unstable_by(f64::total_cmp);
        distinct.dedup_by(|a, b| (*a - *b).abs() <= 1e-9);
        let degree = degree.min(distinct.len().saturating_sub(1));
        let (mut middles, mut widths) = (Vec::new(), Vec::new());
        let mut before = vec![0.0; values.len()];
        let mut now = vec![1.0; values.len()];
        let mut width = 0.0;
        for _ in 0..degree {
            let middle = values.iter().zip(&now).map(|(x, p)| x * p * p).sum::<f64>() / n;
            let mut next: Vec<f64> = (values.iter().zip(&now).zip(&before))
                .map(|((x, p), q)| (x - middle) * p - width * q)
                .collect();
            let norm = (next.iter().map(|p| p * p).sum::<f64>() / n).sqrt();
            if norm < 1e-8 {
                break;
            }
            next.iter_mut().for_each(|p| *p /= norm);
            middles.push(middle);
            widths.push(norm);
            (before, now, width) = (now, next, norm);
        }
        Self { middles, widths }
    }

    fn values(&self, x: f64) -> Vec<f64> {
        let mut all = vec![1.0];
        let (mut before, mut now, mut width) = (0.0, 1.0, 0.0);
        for (middle, next_width) in self.middles.iter().zip(&self.widths) {
            let next = ((x - middle) * now - width * before) / next_width;
            (before, now, width) = (now, next, *next_width);
            all.push(now);
        }
        all
    }

    fn slopes(&self, x: f64) -> Vec<f64> {
        let values = self.values(x);
        let mut all = vec![0.0];
        let (mut before, mut now, mut width) = (0.0, 0.0, 0.0);
        let each = self.middles.iter().zip(&self.widths).zip(&values);
        for ((middle, next_width), value) in each {
            let next = (value + (x - middle) * now - width * before) / next_width;
            (before, now, width) = (now, next, *next_width);
            all.push(now);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At evenly spread points the polynomials are near Legendre's, and orthonormal to rounding.
    #[test]
    fn polynomials_are_orthonormal_and_have_their_derivatives() {
        let n = 2000;
        let at = |i: usize| (2 * i + 1) as f64 / n as f64 - 1.0;
        let bank = Points::new(1, (0..n).map(at).collect()).unwrap();
        let basis = Basis::of(&bank, 6);
        let mut gram = [[0.0; 7]; 7];
        for point in bank.iter() {
            let values = &basis.values(point)[0];
            for (j, row) in gram.iter_mut().enumerate() {
                for (k, sum) in row.iter_mut().enumerate() {
                    *sum += values[j] * values[k] / n as f64;
                }
            }
        }
        for (j, row) in gram.iter().enumerate() {
            for (k, sum) in row.iter().enumerate() {
                assert!((sum - f64::from(u8::from(j == k))).abs() < 1e-12);
            }
        }
        let x: f64 = 0.3;
        let legendre = 5.0_f64.sqrt() * 0.5 * (3.0 * x * x - 1.0);
        assert!((basis.values(&[x])[0][2] - legendre).abs() < 1e-4);
        let (h, slopes) = (1e-5, basis.slopes(&[x]));
        let (up, down) = (basis.values(&[x + h]), basis.values(&[x - h]));
        for (k, slope) in slopes[0].iter().enumerate() {
            let quotient = (up[0][k] - down[0][k]) / (2.0 * h);
            assert!((slope - quotient).abs() < 1e-7 * (1.0 + slope.abs()));
        }
        let two = Points::new(1, vec![-1.0, 1.0, 1.0, -1.0]).unwrap();
        assert_eq!(Basis::of(&two, 9).degrees(), [1]);
    }
}
