//! Counting the roots of det A(z) in a rectangle by the argument principle: the argument of det A turns
//! by 2 pi for each root inside while z goes once around.
//!
//! From z to z + h the determinant changes by the factor det(I + E), E = A(z)^-1 (A(z + h) - A(z)). While
//! |E| < 1 all along the step, every eigenvalue of I + E stays within a disk that excludes 0, so that
//! their principal arguments add up to the turn and none is missed. Where A is a polynomial, |E| is bounded
//! by its Taylor coefficients, and the count is proved up to rounding; elsewhere it is bounded at the end
//! and in the middle of each step, and the turn is checked by halving.

use faer::prelude::Solve;
use faer::{Mat, c64};
use serde::{Deserialize, Serialize};

use crate::error::EmulateError;
use crate::rational::pencil_eigenvalues;

/// The largest |E| of a step.
const FACTOR: f64 = 0.5;
/// Steps along one side of the rectangle before a root is said to lie on it.
const MOST_STEPS: usize = 20_000;

/// A rectangle in the complex plane.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rectangle {
    /// From and to, along the real axis.
    pub real: [f64; 2],
    /// From and to, along the imaginary axis.
    pub imaginary: [f64; 2],
}

/// How many roots a rectangle holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Winding {
    /// Roots inside, with multiplicity.
    pub roots: usize,
    /// Steps along the contour.
    pub steps: usize,
    /// Whether each step's turn is bounded by the polynomial's coefficients, and not only by halving.
    pub proved: bool,
}

/// A square matrix from its entries, row by row, real and imaginary part.
#[must_use]
pub fn matrix(rows: usize, entries: &[[f64; 2]]) -> Mat<c64> {
    Mat::from_fn(rows, rows, |i, j| {
        let [re, im] = entries[i * rows + j];
        c64::new(re, im)
    })
}

/// Roots of det(A_0 + A_1 z + A_2 z^2 + ...) in a rectangle: proved.
///
/// # Errors
/// [`EmulateError::Shape`] when matrices are not square and of one size; [`EmulateError::Unsuitable`] when
/// a root lies on the contour, or too near to it.
pub fn count_polynomial(
    coefficients: &[Mat<c64>],
    rectangle: Rectangle,
) -> Result<Winding, EmulateError> {
    let n = coefficients.first().map_or(0, Mat::nrows);
    for a in coefficients {
        for found in [a.nrows(), a.ncols()] {
            if found != n {
                return Err(EmulateError::Shape {
                    what: "rows or columns of a coefficient".into(),
                    expected: n,
                    found,
                });
            }
        }
    }
    let turn = |z: c64, step: c64| {
        let taylor = taylor(coefficients, z);
        let solved = solved(&taylor)?;
        let bounds: Vec<f64> = solved.iter().map(|a| a.norm_l2()).collect();
        if !bounds.iter().all(|b| b.is_finite()) {
            return None;
        }
        let bound = |size: f64| {
            let terms = bounds.iter().rev();
            terms.fold(0.0, |sum, b| (sum + b) * size)
        };
        let mut size = 1.0;
        while bound(size * step.norm()) > FACTOR {
            size *= 0.7;
            if size < 1e-12 {
                return None;
            }
        }
        let h = step * size;
        let mut change = Mat::<c64>::zeros(n, n);
        for a in solved.iter().rev() {
            change = Mat::from_fn(n, n, |i, j| (change[(i, j)] + a[(i, j)]) * h);
        }
        Some((h, argument(&change)?))
    };
    around(rectangle, turn, true)
}

/// Roots of det A(z) in a rectangle, for any A that is analytic there: checked by halving.
///
/// # Errors
/// [`EmulateError::Unsuitable`] when a root lies on the contour, or too near to it.
pub fn count(
    matrix: impl Fn(c64) -> Mat<c64>,
    rectangle: Rectangle,
) -> Result<Winding, EmulateError> {
    let turn = |z: c64, step: c64| {
        let here = matrix(z);
        let change = |from: &Mat<c64>, to: &Mat<c64>| {
            let change = from.partial_piv_lu().solve(to - from);
            // Each step turns by little, or is halved.
            (change.norm_l2() <= FACTOR).then(|| argument(&change))?
        };
        let mut h = step;
        while h.norm() > 1e-12 * step.norm() {
            let (middle, end) = (matrix(z + h * 0.5), matrix(z + h));
            let turns = (
                change(&here, &end),
                change(&here, &middle),
                change(&middle, &end),
            );
            if let (Some(whole), Some(first), Some(second)) = turns
                && (whole - first - second).abs() < 1e-6
            {
                return Some((h, whole));
            }
            h *= 0.6;
        }
        None
    };
    around(rectangle, turn, false)
}

/// All finite roots of det(A_0 + A_1 z + ...), by the eigenvalues of a companion pencil: what a count is
/// held against.
///
/// # Errors
/// [`EmulateError::Decomposition`] when they were not found.
pub fn roots_polynomial(coefficients: &[Mat<c64>]) -> Result<Vec<c64>, EmulateError> {
    let (zero, one) = (c64::new(0.0, 0.0), c64::new(1.0, 0.0));
    let (n, degree) = (
        coefficients.first().map_or(0, Mat::nrows),
        coefficients.len(),
    );
    let Some(degree) = degree.checked_sub(1).filter(|d| *d > 0 && n > 0) else {
        return Ok(Vec::new());
    };
    // Rows of blocks: z v_k = v_(k+1), and z A_d v_(d-1) = - sum A_k v_k.
    let block = |i: usize| (i / n, i % n);
    let a = Mat::from_fn(n * degree, n * degree, |i, j| {
        let ((bi, i), (bj, j)) = (block(i), block(j));
        match bi + 1 == degree {
            true => -coefficients[bj][(i, j)],
            false if bj == bi + 1 && i == j => one,
            false => zero,
        }
    });
    let b = Mat::from_fn(n * degree, n * degree, |i, j| {
        let ((bi, i), (bj, j)) = (block(i), block(j));
        match (bi == bj, bi + 1 == degree) {
            (true, true) => coefficients[degree][(i, j)],
            (true, false) if i == j => one,
            _ => zero,
        }
    });
    pencil_eigenvalues(&a, &b).ok_or_else(|| EmulateError::Decomposition {
        what: "the roots of a determinant".into(),
    })
}

/// Goes around a rectangle by steps whose argument `turn(z, longest step)` tells.
fn around(
    rectangle: Rectangle,
    turn: impl Fn(c64, c64) -> Option<(c64, f64)>,
    proved: bool,
) -> Result<Winding, EmulateError> {
    let ([left, right], [low, high]) = (rectangle.real, rectangle.imaginary);
    if !(left < right && low < high) {
        return Err(EmulateError::Unsuitable {
            what: "the rectangle".into(),
            why: "it is empty".into(),
        });
    }
    let on_it = |z: c64| EmulateError::Unsuitable {
        what: "the contour".into(),
        why: format!(
            "a root lies on it or very near to {} {:+} i; move the rectangle a little",
            z.re, z.im
        ),
    };
    let corners = [
        (left, low),
        (right, low),
        (right, high),
        (left, high),
        (left, low),
    ]
    .map(|(re, im)| c64::new(re, im));
    let (mut total, mut steps) = (0.0, 0);
    for side in corners.windows(2) {
        let (mut z, end) = (side[0], side[1]);
        let mut here = 0;
        while z != end {
            let (step, argument) = turn(z, end - z).ok_or_else(|| on_it(z))?;
            z = if (end - z - step).norm() <= 1e-14 * end.norm() {
                end
            } else {
                z + step
            };
            total += argument;
            here += 1;
            if here > MOST_STEPS {
                return Err(on_it(z));
            }
        }
        steps += here;
    }
    let turns = total / std::f64::consts::TAU;
    if (turns - turns.round()).abs() > 0.01 || turns < -0.5 {
        return Err(EmulateError::Unsuitable {
            what: "the determinant".into(),
            why: format!("it turned {turns} times around 0: it is not analytic in the rectangle"),
        });
    }
    Ok(Winding {
        roots: turns.round() as usize,
        steps,
        proved,
    })
}

/// The coefficients of A about z: A(z + h) = sum of the k-th one times h^k.
fn taylor(coefficients: &[Mat<c64>], z: c64) -> Vec<Mat<c64>> {
    let mut shifted = coefficients.to_vec();
    // Synthetic division, again and again.
    for first in 0..shifted.len() {
        for k in (first..shifted.len().saturating_sub(1)).rev() {
            let carried = &shifted[k + 1] * faer::Scale(z);
            shifted[k] += carried;
        }
    }
    shifted
}

/// A(z)^-1 times every later coefficient; none where A(z) is singular.
fn solved(taylor: &[Mat<c64>]) -> Option<Vec<Mat<c64>>> {
    let (first, later) = taylor.split_first()?;
    let factors = first.partial_piv_lu();
    Some(later.iter().map(|a| factors.solve(a)).collect())
}

/// The argument of det(I + E) for a small E.
fn argument(change: &Mat<c64>) -> Option<f64> {
    let eigenvalues = change.eigenvalues().ok()?;
    let each = eigenvalues.iter().map(|e| (c64::new(1.0, 0.0) + e).arg());
    Some(each.sum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The polynomial with these roots, as one-by-one matrices.
    fn scalar(roots: &[c64]) -> Vec<Mat<c64>> {
        let mut coefficients = vec![c64::new(1.0, 0.0)];
        for root in roots {
            let mut next = vec![c64::new(0.0, 0.0); coefficients.len() + 1];
            for (k, a) in coefficients.iter().enumerate() {
                next[k] -= a * root;
                next[k + 1] += a;
            }
            coefficients = next;
        }
        let one = |a: &c64| Mat::from_fn(1, 1, |_, _| *a);
        coefficients.iter().map(one).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn known_roots_are_counted(places in prop::collection::vec((-2.0..2.0, -2.0..2.0), 1..7)) {
            let rectangle = Rectangle { real: [-1.0, 1.0], imaginary: [-0.5, 1.5] };
            // Not on the contour, where there is no answer.
            let away = |x: f64, ends: [f64; 2]| ends.iter().all(|end| (x - end).abs() > 1e-5);
            prop_assume!(places.iter().all(|&(x, y)| away(x, rectangle.real) && away(y, rectangle.imaginary)));
            let roots: Vec<c64> = places.iter().map(|&(x, y)| c64::new(x, y)).collect();
            let inside = roots.iter().filter(|z| z.re.abs() < 1.0 && z.im > -0.5 && z.im < 1.5).count();
            let polynomial = scalar(&roots);
            let found = count_polynomial(&polynomial, rectangle).unwrap();
            prop_assert_eq!(found.roots, inside);
            let product = |z: c64| roots.iter().fold(c64::new(1.0, 0.0), |p, root| p * (z - root));
            let found = count(|z| Mat::from_fn(1, 1, |_, _| product(z)), rectangle).unwrap();
            prop_assert_eq!(found.roots, inside);
            prop_assert_eq!(roots_polynomial(&polynomial).unwrap().len(), roots.len());
        }
    }

    #[test]
    fn a_damped_chain_has_its_resonances() {
        // K + i c w I - w^2 I: w = i c / 2 +- sqrt(k - c^2 / 4) for each eigenvalue k of K.
        let (n, c) = (12, 1e-3);
        let k = Mat::from_fn(n, n, |i, j| match i.abs_diff(j) {
            0 => c64::new(2.0, 0.0),
            1 => c64::new(-1.0, 0.0),
            _ => c64::new(0.0, 0.0),
        });
        let diagonal =
            |a: c64| Mat::from_fn(n, n, |i, j| if i == j { a } else { c64::new(0.0, 0.0) });
        let system = [k, diagonal(c64::new(0.0, c)), diagonal(c64::new(-1.0, 0.0))];
        let rectangle = Rectangle {
            real: [0.5, 1.5],
            imaginary: [-0.05, 0.05],
        };
        let exact = (1..=n).filter(|&j| {
            let angle = j as f64 * std::f64::consts::PI / (2 * (n + 1)) as f64;
            (0.5..1.5).contains(&(2.0 * angle.sin()))
        });
        let found = count_polynomial(&system, rectangle).unwrap();
        assert_eq!(found.roots, exact.count());
        assert!(found.proved);
        let roots = roots_polynomial(&system).unwrap();
        assert_eq!(roots.len(), 2 * n);
        let inside = roots
            .iter()
            .filter(|z| (0.5..1.5).contains(&z.re) && z.im.abs() < 0.05);
        assert_eq!(inside.count(), found.roots);
    }

    #[test]
    fn a_root_on_the_contour_is_refused() {
        let polynomial = scalar(&[c64::new(1.0, 0.0)]);
        let rectangle = Rectangle {
            real: [0.0, 1.0],
            imaginary: [-1.0, 1.0],
        };
        assert!(count_polynomial(&polynomial, rectangle).is_err());
    }
}
