//! Counting the eigenvalues of K x = lambda M x, for symmetric K and M, M positive definite, without
//! finding them: K - lambda M has as many negative eigenvalues as there are below lambda (Sylvester's law
//! of inertia; Parlett 1998, "The symmetric eigenvalue problem", section 3.3).
//!
//! ```
//! use faer::Mat;
//! use gnomon_emulate::holes::inertia::{count, eigenvalues};
//! let k = Mat::from_fn(2, 2, |i, j| if i == j { 2.0 } else { -1.0 });
//! let m = Mat::from_fn(2, 2, |i, j| if i == j { 1.0 } else { 0.0 });
//! // The eigenvalues are 1 and 3.
//! assert_eq!(count(k.as_ref(), m.as_ref(), [0.0, 2.0])?, 1);
//! assert_eq!(eigenvalues(k.as_ref(), m.as_ref(), [0.0, 2.0])?.len(), 1);
//! # Ok::<(), gnomon_emulate::EmulateError>(())
//! ```

use faer::{Mat, MatRef, Side};

use super::{Certificate, Grade};
use crate::error::EmulateError;

/// An end of a range must be farther from every eigenvalue than this share of the largest.
const CLEAR: f64 = 1e-11;

/// How many eigenvalues lie in `[low, high)`.
///
/// # Errors
/// [`EmulateError::Shape`] when K and M are not square and of one size; [`EmulateError::Unsuitable`]
/// when they are not symmetric, M is not positive definite, or an eigenvalue is too near to an end of
/// the range to say on which side it lies.
pub fn count(k: MatRef<f64>, m: MatRef<f64>, range: [f64; 2]) -> Result<usize, EmulateError> {
    check(k, m)?;
    let size = |a: MatRef<f64>| a.norm_l2();
    let largest = size(k) / size(m);
    let [low, high] = range.map(|end| -> Result<usize, EmulateError> {
        let clear = CLEAR * largest.max(end.abs());
        let [under, over] = [end - clear, end + clear].map(|at| below(k, m, at));
        if under != over {
            return Err(EmulateError::Unsuitable {
                what: "the range".into(),
                why: format!("an eigenvalue lies at its end {end}; move that end a little"),
            });
        }
        Ok(under)
    });
    Ok(high?.saturating_sub(low?))
}

/// The eigenvalues in `[low, high)`, increasing, by reduction to a standard symmetric problem: another
/// way than [`count`] goes.
///
/// # Errors
/// As [`count`], and [`EmulateError::Decomposition`] when they were not found.
pub fn eigenvalues(
    k: MatRef<f64>,
    m: MatRef<f64>,
    range: [f64; 2],
) -> Result<Vec<f64>, EmulateError> {
    check(k, m)?;
    let failed = |_| EmulateError::Decomposition {
        what: "the eigenvalues".into(),
    };
    let factor = m.llt(Side::Lower).map_err(|_| not_positive())?;
    // L^-1 K L^-T.
    let mut left = k.to_owned();
    factor.L().solve_lower_triangular_in_place(left.as_mut());
    let mut both = left.transpose().to_owned();
    factor.L().solve_lower_triangular_in_place(both.as_mut());
    let mut found = both.self_adjoint_eigenvalues(Side::Lower).map_err(failed)?;
    found.retain(|value| (range[0]..range[1]).contains(value));
    found.sort_by(f64::total_cmp);
    Ok(found)
}

/// The certificate for eigenvalues that were found by whatever way, or none where one was missed or found
/// twice: there must be as many as are counted, in all and below the middle between any two neighbours.
///
/// # Errors
/// As [`count`].
pub fn certify(
    k: MatRef<f64>,
    m: MatRef<f64>,
    range: [f64; 2],
    found: &[f64],
) -> Result<Option<Certificate>, EmulateError> {
    let counted = count(k, m, range)?;
    let inside = |value: &&f64| (range[0]..range[1]).contains(*value);
    let mut inside: Vec<f64> = found.iter().filter(inside).copied().collect();
    inside.sort_by(f64::total_cmp);
    let under = below(k, m, range[0]);
    let clear = CLEAR * k.norm_l2() / m.norm_l2();
    // Values that are equal up to rounding stand together; there must be as many eigenvalues just there.
    let together = |a: &f64, b: &f64| b - a <= 4.0 * clear;
    let mut first = 0;
    let placed = inside.chunk_by(together).all(|group| {
        let (before, behind) = (under + first, under + first + group.len());
        first += group.len();
        let next_is_above = match inside.get(first) {
            None => true,
            Some(next) => below(k, m, 0.5 * (group[group.len() - 1] + next)) == behind,
        };
        let [low, high] = [group[0] - 4.0 * clear, group[group.len() - 1] + 4.0 * clear];
        let is_several =
            group.len() == 1 || (below(k, m, low) == before && below(k, m, high) == behind);
        next_is_above && is_several
    });
    Ok((placed && inside.len() == counted).then(|| Certificate {
        grade: Grade::Complete,
        excludes: format!(
            "{} of {counted} eigenvalues between {} and {}",
            inside.len(),
            range[0],
            range[1]
        ),
        cannot_exclude: "others at other parameters: K and M were given".into(),
    }))
}

/// The number of negative eigenvalues of K - lambda M, from the blocks of its Bunch-Kaufman factors.
fn below(k: MatRef<f64>, m: MatRef<f64>, lambda: f64) -> usize {
    let n = k.nrows();
    let shifted = Mat::from_fn(n, n, |i, j| k[(i, j)] - lambda * m[(i, j)]);
    let factors = shifted.lblt(Side::Lower);
    let (diagonal, off) = (
        factors.B_diag().column_vector(),
        factors.B_subdiag().column_vector(),
    );
    let (mut negative, mut i) = (0, 0);
    while i < n {
        if i + 1 < n && off[i] != 0.0 {
            let (a, b, c) = (diagonal[i], off[i], diagonal[i + 1]);
            negative += match a * c - b * b {
                determinant if determinant < 0.0 => 1,
                _ if a < 0.0 => 2,
                _ => 0,
            };
            i += 2;
        } else {
            negative += usize::from(diagonal[i] < 0.0);
            i += 1;
        }
    }
    negative
}

fn check(k: MatRef<f64>, m: MatRef<f64>) -> Result<(), EmulateError> {
    let n = k.nrows();
    for (what, found) in [
        ("columns of K", k.ncols()),
        ("rows of M", m.nrows()),
        ("columns of M", m.ncols()),
    ] {
        if found != n {
            return Err(EmulateError::Shape {
                what: what.into(),
                expected: n,
                found,
            });
        }
    }
    for (name, a) in [("K", k), ("M", m)] {
        let mut skew: f64 = 0.0;
        for i in 0..n {
            for j in 0..i {
                skew = skew.max((a[(i, j)] - a[(j, i)]).abs());
            }
        }
        if !a.norm_l2().is_finite() {
            return Err(EmulateError::NotFinite { what: name.into() });
        }
        if skew > 1e-12 * a.norm_max() {
            return Err(EmulateError::Unsuitable {
                what: name.into(),
                why:
                    "it is not symmetric, and inertia counts eigenvalues of symmetric matrices only"
                        .into(),
            });
        }
    }
    m.llt(Side::Lower).map(|_| ()).map_err(|_| not_positive())
}

fn not_positive() -> EmulateError {
    EmulateError::Unsuitable {
        what: "M".into(),
        why: "it is not positive definite".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Equal masses on springs between two walls: omega^2 = 4 sin^2(j pi / (2 (n + 1))).
    fn chain(n: usize) -> (Mat<f64>, Mat<f64>, Vec<f64>) {
        let k = Mat::from_fn(n, n, |i, j| match i.abs_diff(j) {
            0 => 2.0,
            1 => -1.0,
            _ => 0.0,
        });
        let m = Mat::from_fn(n, n, |i, j| if i == j { 1.0 } else { 0.0 });
        let exact = (1..=n).map(|j| {
            let angle = j as f64 * std::f64::consts::PI / (2 * (n + 1)) as f64;
            4.0 * angle.sin().powi(2)
        });
        (k, m, exact.collect())
    }

    #[test]
    fn a_chain_has_its_exact_eigenfrequencies() {
        let (k, m, exact) = chain(40);
        for range in [[0.0, 5.0], [0.1, 0.5], [1.3, 1.31], [3.9, 4.0], [4.0, 9.0]] {
            let truth: Vec<f64> = exact
                .iter()
                .copied()
                .filter(|e| (range[0]..range[1]).contains(e))
                .collect();
            assert_eq!(count(k.as_ref(), m.as_ref(), range).unwrap(), truth.len());
            let found = eigenvalues(k.as_ref(), m.as_ref(), range).unwrap();
            assert_eq!(found.len(), truth.len());
            for (f, t) in found.iter().zip(&truth) {
                assert!((f - t).abs() < 1e-12, "{f} {t}");
            }
            let certified = certify(k.as_ref(), m.as_ref(), range, &found).unwrap();
            assert!(certified.is_some());
            if let Some((_, missed)) = found.split_first() {
                let certified = certify(k.as_ref(), m.as_ref(), range, missed).unwrap();
                assert_eq!(certified, None);
                // One that is found twice does not stand for one that was missed.
                let twice = [missed, &missed[..missed.len().min(1)]].concat();
                if !missed.is_empty() {
                    assert_eq!(
                        certify(k.as_ref(), m.as_ref(), range, &twice).unwrap(),
                        None
                    );
                }
            }
        }
    }

    #[test]
    fn nearly_equal_and_weighted_eigenvalues_are_counted() {
        // Two masses, nearly uncoupled: 1 / 2 and (1 + 1e-7) / 2.
        let k = Mat::from_fn(
            2,
            2,
            |i, j| if i == j { 1.0 + 1e-7 * i as f64 } else { 0.0 },
        );
        let m = Mat::from_fn(2, 2, |i, j| if i == j { 2.0 } else { 0.0 });
        assert_eq!(count(k.as_ref(), m.as_ref(), [0.4, 0.6]).unwrap(), 2);
        assert_eq!(count(k.as_ref(), m.as_ref(), [0.4, 0.5 + 2e-8]).unwrap(), 1);
        // An end on an eigenvalue has no answer.
        assert!(count(k.as_ref(), m.as_ref(), [0.4, 0.5]).is_err());
    }

    #[test]
    fn unsuitable_matrices_are_refused() {
        let (k, m, _) = chain(3);
        let zero = Mat::<f64>::zeros(3, 3);
        let skew = Mat::from_fn(3, 3, |i, j| k[(i, j)] + if i < j { 0.1 } else { 0.0 });
        let ([k, m], range) = ([k.as_ref(), m.as_ref()], [0.0, 1.0]);
        assert!(count(skew.as_ref(), m, range).is_err());
        assert!(count(k, zero.as_ref(), range).is_err());
        assert!(count(k, Mat::<f64>::zeros(2, 2).as_ref(), range).is_err());
    }
}
