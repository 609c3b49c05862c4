//! Poles and residues of a barycentric form.

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
        let a = Mat::from_fn(m + 1, m + 1, |i, j| match (i, j) {
            (0, 0) => zero,
            (0, j) => self.weights[j - 1],
            (_, 0) => one,
            (i, j) if i == j => c64::new((self.support[i - 1] - centre) / half, 0.0),
            _ => zero,
        });
        let b = Mat::from_fn(
            m + 1,
            m + 1,
            |i, j| if i == j && i > 0 { one } else { zero },
        );
        let pencil = a
            .generalized_eigen(&b)
            .map_err(|_| EmulateError::Decomposition {
                what: "the poles of a rational function".into(),
            })?;
        let (alpha, beta) = (pencil.S_a().column_vector(), pencil.S_b().column_vector());
        let finite = (0..m + 1).filter_map(|i| {
            let pole = alpha[i] / beta[i] * half + centre;
            // Two eigenvalues are infinite; the others far out mean nothing.
            let near = pole.norm().is_finite() && (pole - centre).norm() < 1e6 * half;
            (near && beta[i].norm() > 1e-13 * alpha[i].norm()).then(|| self.polish(pole))
        });
        Ok(finite.collect())
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
