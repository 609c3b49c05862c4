//! Poles and residues of a barycentric form.

use faer::prelude::Solve;
use faer::{Mat, c64};

use super::Rational;
use crate::error::EmulateError;

/// Newton steps that polish a pole.
const POLISH: usize = 4;

impl Rational {
    /// The finite poles: eigenvalues of an arrowhead pencil (Nakatsukasa, Sète & Trefethen 2018, eq.
    /// 3.11), polished by Newton's method on the denominator.
    ///
    /// # Errors
    /// [`EmulateError::Decomposition`] when the eigenvalues were not found.
    pub fn poles(&self) -> Result<Vec<c64>, EmulateError> {
        let (zero, one) = (c64::new(0.0, 0.0), c64::new(1.0, 0.0));
        let m = self.support.len();
        if m < 2 {
            return Ok(Vec::new());
        }
        // The pencil is scaled to the support's own range: eigenvalues are found to eps times it.
        let (low, high) = self.hull();
        let (centre, half) = (0.5 * (low + high), 0.5 * (high - low));
        // Its border is balanced, since weights span many orders of magnitude.
        let root: Vec<f64> = self.weights.iter().map(|w| w.norm().sqrt()).collect();
        let a = Mat::from_fn(m + 1, m + 1, |i, j| match (i, j) {
            (0, 0) => zero,
            (0, j) => self.weights[j - 1] / root[j - 1],
            (i, 0) => c64::new(root[i - 1], 0.0),
            (i, j) if i == j => c64::new((self.support[i - 1] - centre) / half, 0.0),
            _ => zero,
        });
        let b = Mat::from_fn(m + 1, m + 1, |i, j| match i == j && i > 0 {
            true => one,
            false => zero,
        });
        let finite = pencil_eigenvalues(&a, &b).ok_or_else(|| EmulateError::Decomposition {
            what: "the poles of a rational function".into(),
        })?;
        // Those far out mean nothing.
        let near = finite.into_iter().filter(|z| z.norm() < 1e6);
        Ok(near.map(|z| self.polish(z * half + centre)).collect())
    }

    /// The residue of each output at a pole.
    #[must_use]
    pub fn residues(&self, pole: c64) -> Vec<c64> {
        let slope = self.denominator(pole)[1];
        let outputs = self.values[0].len();
        let mut above = vec![c64::new(0.0, 0.0); outputs];
        for ((&s, w), row) in self.support.iter().zip(&self.weights).zip(&self.values) {
            let term = w / (pole - s);
            for (sum, f) in above.iter_mut().zip(row) {
                *sum += term * f;
            }
        }
        above.into_iter().map(|sum| sum / slope).collect()
    }

    fn polish(&self, start: c64) -> c64 {
        let nearest = self.support.iter().map(|&s| (start - s).norm());
        let reach = nearest.fold(f64::INFINITY, f64::min);
        let mut pole = start;
        for _ in 0..POLISH {
            let [value, slope] = self.denominator(pole);
            let next = pole - value / slope;
            // A step that leaves the neighbourhood leads to another pole.
            if !next.norm().is_finite() || (next - start).norm() > 0.1 * reach {
                return start;
            }
            pole = next;
        }
        pole
    }

    fn hull(&self) -> (f64, f64) {
        let bounds = (f64::INFINITY, f64::NEG_INFINITY);
        let wider = |(low, high): (f64, f64), &s: &f64| (low.min(s), high.max(s));
        self.support.iter().fold(bounds, wider)
    }
}

/// The finite eigenvalues of A x = z B x, where they are of the order of 1: by shift and inversion, since an
/// eigenvalue at infinity is then an ordinary 0 (QZ of faer 0.24 gives 0 / 0 for some such pencils, and
/// no error). None where they were not found.
pub(crate) fn pencil_eigenvalues(a: &Mat<c64>, b: &Mat<c64>) -> Option<Vec<c64>> {
    // No eigenvalue lies there unless by intent.
    let shift = c64::new(0.123_456_7, 0.456_789_1);
    let shifted = Mat::from_fn(a.nrows(), a.ncols(), |i, j| a[(i, j)] - shift * b[(i, j)]);
    let inverse = shifted.partial_piv_lu().solve(b);
    if !inverse.norm_l2().is_finite() {
        return None;
    }
    let eigenvalues = inverse.eigenvalues().ok()?;
    if eigenvalues.iter().any(|e| !e.norm().is_finite()) {
        return None;
    }
    let finite = eigenvalues.iter().filter(|e| e.norm() > 1e-10);
    Some(finite.map(|e| shift + 1.0 / e).collect())
}
