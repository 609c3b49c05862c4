//! How weak a pole must be to have escaped the samples.
//!
//! A pole at z with residue r adds r / (x - z) to the response. What the found rational function can take
//! up of it, by moving its own poles and residues a little, is not seen; the rest is at least `r |(1 - P)
//! t|` over the samples, t = 1 / (x - z) in units of the errors and P the projection on the function's
//! tangent space. Samples that agree within a tolerance bound it by `tolerance sqrt(samples)`, and so bound
//! r. To first order: a pole inside the width of a found one is a change of that one.

use faer::{Mat, MatRef, c64};
use serde::{Deserialize, Serialize};

use crate::rational::Samples;

/// What could hide at a place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hideable {
    /// Real part of the place.
    pub at: f64,
    /// Its distance from the real line.
    pub depth: f64,
    /// The smallest |residue| that would have shown.
    pub residue: f64,
    /// The smallest product r d of two opposite residues r at a distance d that would have shown.
    pub dipole: f64,
}

/// What could hide at each of these places of one output, whose errors at the samples are measured in
/// `units`. `poles` are all poles of the function that
/// fits the samples, those that only mimic a background included.
#[must_use]
pub fn hideable(
    samples: &Samples,
    units: &[f64],
    poles: &[c64],
    tolerance: f64,
    places: &[c64],
) -> Vec<Hideable> {
    let points = samples.points();
    let tangent = Mat::from_fn(points.len(), 2 * poles.len() + 1, |row, column| {
        let near = |k: usize| 1.0 / (points[row] - poles[k]);
        let value = match column.checked_sub(1) {
            None => c64::new(1.0, 0.0),
            Some(c) if c % 2 == 0 => near(c / 2),
            Some(c) => near(c / 2) * near(c / 2),
        };
        value / units[row]
    });
    // As many directions as samples: nothing would be left.
    if tangent.ncols() >= tangent.nrows() {
        return places
            .iter()
            .map(|z| Hideable {
                at: z.re,
                depth: z.im.abs(),
                residue: f64::INFINITY,
                dipole: f64::INFINITY,
            })
            .collect();
    }
    let basis = normalised(tangent).qr().compute_thin_Q();
    let single = |row: usize, z: c64| 1.0 / (points[row] - z) / units[row];
    let double = |row: usize, z: c64| 1.0 / ((points[row] - z) * (points[row] - z)) / units[row];
    let poles = unexplained(basis.as_ref(), places, single);
    let dipoles = unexplained(basis.as_ref(), places, double);
    let most = tolerance * (points.len() as f64).sqrt();
    places
        .iter()
        .zip(poles.iter().zip(&dipoles))
        .map(|(z, (pole, dipole))| Hideable {
            at: z.re,
            depth: z.im.abs(),
            residue: most / pole,
            dipole: most / dipole,
        })
        .collect()
}

/// The norm of what is left of each place's column after projection, taken twice for accuracy.
fn unexplained(basis: MatRef<c64>, places: &[c64], entry: impl Fn(usize, c64) -> c64) -> Vec<f64> {
    let mut columns = Mat::from_fn(basis.nrows(), places.len(), |i, j| entry(i, places[j]));
    for _ in 0..2 {
        let inside = basis.adjoint() * &columns;
        columns -= basis * inside;
    }
    (0..places.len())
        .map(|j| columns.col(j).norm_l2())
        .collect()
}

fn normalised(matrix: Mat<c64>) -> Mat<c64> {
    let norms: Vec<f64> = matrix.col_iter().map(|c| c.norm_l2().max(1e-300)).collect();
    Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
        matrix[(i, j)] / norms[j]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rational::{Goal, fit};

    #[test]
    fn a_pole_above_the_bound_cannot_be_refitted_away() {
        let known = c64::new(0.3, -0.01);
        let points: Vec<f64> = (0..50).map(|i| f64::from(i) / 49.0).collect();
        let sampled = |extra: &dyn Fn(f64) -> c64| {
            let values = points.iter().map(|&x| vec![0.01 / (x - known) + extra(x)]);
            Samples::new(points.clone(), values.collect()).unwrap()
        };
        let tolerance = 1e-8;
        let plain = sampled(&|_| c64::new(0.0, 0.0));
        let scales = plain.scales();
        let units = |samples: &Samples| samples.units(&scales);
        let own: Vec<f64> = units(&plain).concat();
        let goal = Goal {
            tolerance,
            most_degree: 1,
        };
        for at in [0.5 + 0.5 / 49.0, 0.9, 0.37] {
            let place = c64::new(at, -1e-4);
            let found = hideable(&plain, &own, &[known], tolerance, &[place])[0];
            // With one pole to move, twice the bound is always seen.
            let shown = sampled(&|x| 2.0 * found.residue / (x - place));
            assert!(
                fit(&shown, &units(&shown), goal, &[]).unwrap().misfit > tolerance,
                "{at}"
            );
            let shown = sampled(&|x| {
                let r = 2.0 * found.dipole / 1e-3;
                r / (x - place) - r / (x - place - 1e-3)
            });
            assert!(
                fit(&shown, &units(&shown), goal, &[]).unwrap().misfit > tolerance,
                "{at}"
            );
            // Far below it nothing is.
            let hidden = sampled(&|x| 1e-3 * found.residue / (x - place));
            assert!(
                fit(&hidden, &units(&hidden), goal, &[]).unwrap().misfit < tolerance,
                "{at}"
            );
        }
    }

    #[test]
    fn without_spare_samples_anything_hides() {
        let samples = Samples::new(vec![0.0, 0.5, 1.0], vec![vec![c64::new(1.0, 0.0)]; 3]).unwrap();
        let poles = [c64::new(0.5, -1.0)];
        let found = hideable(&samples, &[1.0; 3], &poles, 1e-8, &[c64::new(0.2, 0.0)]);
        assert_eq!(found[0].residue, f64::INFINITY);
    }
}
