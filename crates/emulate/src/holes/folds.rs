//! Turning points of the solutions of G(u, p) = 0, found by following a branch by its arclength (Keller
//! 1977): at a fold det dG/du changes its sign, and with it the direction in which p goes.

use faer::Mat;
use faer::prelude::Solve;
use serde::{Deserialize, Serialize};

use crate::error::EmulateError;

/// The least cosine between the tangents at both ends of a step, and between each and the middle's.
const STRAIGHT: f64 = 0.97;
/// Newton steps of a corrector.
const CORRECTIONS: usize = 12;

/// A branch to follow.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Path {
    /// The parameter's range; the branch is followed from its lower end until it leaves the range.
    pub range: [f64; 2],
    /// The typical size of the unknowns.
    pub size: f64,
    /// Residual at which a point counts as solved.
    pub tolerance: f64,
    /// The longest step, where the range and `size` are one unit each.
    pub longest_step: f64,
    /// Give up after so many steps.
    pub most_steps: usize,
}

impl Path {
    /// A path with the usual settings.
    #[must_use]
    pub fn new(range: [f64; 2], size: f64) -> Self {
        Self {
            range,
            size,
            tolerance: 1e-11,
            longest_step: 0.02,
            most_steps: 20_000,
        }
    }
}

/// A point of a branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The parameter.
    pub parameter: f64,
    /// The unknowns.
    pub unknowns: Vec<f64>,
}

/// A branch and its folds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    /// Points along it.
    pub points: Vec<Point>,
    /// Where it turns, in the order along it.
    pub folds: Vec<Point>,
    /// Solves of linear systems.
    pub solves: usize,
}

/// Follows the branch through the solution near `start` at the lower end of the range. `system` gives
/// G, dG/du and dG/dp at (u, p).
///
/// All folds of this branch are found that are farther apart than a step: a step is halved until the
/// tangents at its ends and in its middle nearly agree. Branches that do not touch this one are not
/// seen.
///
/// # Errors
/// [`EmulateError::Unsuitable`] when no solution is found near `start`, or the branch cannot be
/// followed to an end of the range.
pub fn follow(
    system: impl Fn(&[f64], f64) -> (Vec<f64>, Mat<f64>, Vec<f64>),
    start: &[f64],
    path: &Path,
) -> Result<Branch, EmulateError> {
    let mut walk = Walk {
        system,
        path,
        unit: path.range[1] - path.range[0],
        solves: 0,
    };
    let lost = |what: &str, why: String| EmulateError::Unsuitable {
        what: what.into(),
        why,
    };
    let n = start.len();
    // At the start the parameter is held: the direction is along p alone.
    let mut along = vec![0.0; n + 1];
    along[n] = 1.0;
    let mut here: Vec<f64> = start.iter().map(|u| u / path.size).collect();
    here.push(0.0);
    let mut here = walk.correct(&here, &along).ok_or_else(|| {
        lost(
            "the start of the branch",
            format!("there is no solution near it at {}", path.range[0]),
        )
    })?;
    let mut tangent = walk
        .tangent(&here, &along)
        .ok_or_else(|| lost("the start of the branch", "it is a fold".into()))?;
    let mut branch = Branch::default();
    branch.points.push(walk.point(&here));
    let mut step = path.longest_step;
    for _ in 0..path.most_steps {
        let mut tried = None;
        while step > 1e-9 {
            tried = walk.step(&here, &tangent, step);
            if tried.is_some() {
                break;
            }
            step *= 0.5;
        }
        let (next, turned) = tried.ok_or_else(|| {
            lost(
                "the branch",
                format!("it is lost at {}", walk.point(&here).parameter),
            )
        })?;
        if tangent[n] * turned[n] < 0.0 {
            let fold = walk.fold(&here, &tangent, step);
            if (0.0..=1.0).contains(&fold[n]) {
                branch.folds.push(walk.point(&fold));
            }
        }
        (here, tangent) = (next, turned);
        branch.points.push(walk.point(&here));
        if !(0.0..=1.0).contains(&here[n]) {
            branch.solves = walk.solves;
            return Ok(branch);
        }
        step = (1.5 * step).min(path.longest_step);
    }
    Err(lost(
        "the branch",
        format!("after {} steps it has not left the range", path.most_steps),
    ))
}

/// Points are (u / size, (p - low) / (high - low)).
struct Walk<'a, S> {
    system: S,
    path: &'a Path,
    unit: f64,
    solves: usize,
}

impl<S: Fn(&[f64], f64) -> (Vec<f64>, Mat<f64>, Vec<f64>)> Walk<'_, S> {
    fn point(&self, at: &[f64]) -> Point {
        let (parameter, unknowns) = (at[at.len() - 1], &at[..at.len() - 1]);
        Point {
            parameter: self.path.range[0] + parameter * self.unit,
            unknowns: unknowns.iter().map(|u| u * self.path.size).collect(),
        }
    }

    /// G, and the bordered matrix whose last row is `along`.
    fn bordered(&self, at: &[f64], along: &[f64]) -> (Vec<f64>, Mat<f64>) {
        let n = at.len() - 1;
        let point = self.point(at);
        let (residual, by_unknowns, by_parameter) = (self.system)(&point.unknowns, point.parameter);
        let matrix = Mat::from_fn(n + 1, n + 1, |i, j| match (i == n, j == n) {
            (true, _) => along[j],
            (false, true) => by_parameter[i] * self.unit,
            (false, false) => by_unknowns[(i, j)] * self.path.size,
        });
        (residual, matrix)
    }

    /// The solution in the plane through `guess` that is normal to `along`.
    fn correct(&mut self, guess: &[f64], along: &[f64]) -> Option<Vec<f64>> {
        let n = guess.len() - 1;
        let mut at = guess.to_vec();
        for _ in 0..CORRECTIONS {
            let (residual, matrix) = self.bordered(&at, along);
            let off: f64 = (0..=n).map(|j| along[j] * (at[j] - guess[j])).sum();
            let right = Mat::from_fn(n + 1, 1, |i, _| if i == n { -off } else { -residual[i] });
            let change = matrix.partial_piv_lu().solve(&right);
            self.solves += 1;
            let mut size: f64 = 0.0;
            for j in 0..=n {
                at[j] += change[(j, 0)];
                size = size.max(change[(j, 0)].abs());
            }
            if !size.is_finite() {
                return None;
            }
            let largest = residual.iter().fold(0.0, |most: f64, r| most.max(r.abs()));
            if size <= 1e-10 && largest <= self.path.tolerance.max(1e-6 * size) {
                return Some(at);
            }
        }
        None
    }

    /// The unit tangent at a point, pointing the way `along` does.
    fn tangent(&mut self, at: &[f64], along: &[f64]) -> Option<Vec<f64>> {
        let n = at.len() - 1;
        let (_, matrix) = self.bordered(at, along);
        let right = Mat::from_fn(n + 1, 1, |i, _| if i == n { 1.0 } else { 0.0 });
        let found = matrix.partial_piv_lu().solve(&right);
        self.solves += 1;
        let length = found.norm_l2();
        (length.is_finite() && length > 0.0)
            .then(|| (0..=n).map(|j| found[(j, 0)] / length).collect())
    }

    /// A point `step` along the tangent, put back on the branch, and its tangent.
    fn there(&mut self, from: &[f64], tangent: &[f64], step: f64) -> Option<(Vec<f64>, Vec<f64>)> {
        let moved = from.iter().zip(tangent).map(|(x, t)| x + step * t);
        let next = self.correct(&moved.collect::<Vec<_>>(), tangent)?;
        let turned = self.tangent(&next, tangent)?;
        Some((next, turned))
    }

    /// The same, if the branch is nearly straight until there: its middle is looked at, too.
    fn step(&mut self, from: &[f64], tangent: &[f64], step: f64) -> Option<(Vec<f64>, Vec<f64>)> {
        let (_, middle) = self.there(from, tangent, 0.5 * step)?;
        let (next, turned) = self.there(from, tangent, step)?;
        let cosine = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let straight = cosine(tangent, &middle) >= STRAIGHT
            && cosine(&middle, &turned) >= STRAIGHT
            && cosine(tangent, &turned) >= STRAIGHT;
        // Turning to and fro within the step is two folds: they are taken one by one.
        let twice = tangent[from.len() - 1] * turned[from.len() - 1] > 0.0
            && tangent[from.len() - 1] * middle[from.len() - 1] < 0.0;
        (straight && !twice).then_some((next, turned))
    }

    /// The fold between a point and `step` along its tangent, by bisection of the tangent's last entry.
    fn fold(&mut self, from: &[f64], tangent: &[f64], step: f64) -> Vec<f64> {
        let n = from.len() - 1;
        let (mut low, mut high, mut best) = (0.0, step, from.to_vec());
        for _ in 0..50 {
            let middle = 0.5 * (low + high);
            let Some((at, turned)) = self.there(from, tangent, middle) else {
                break;
            };
            if turned[n] * tangent[n] > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
            best = at;
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Duffing's oscillator in harmonic balance, x = a cos(w t) + b sin(w t), w0 = 1.
    fn duffing(
        c: f64,
        beta: f64,
        force: f64,
    ) -> impl Fn(&[f64], f64) -> (Vec<f64>, Mat<f64>, Vec<f64>) {
        move |u, w| {
            let (a, b) = (u[0], u[1]);
            let stiff = 0.75 * beta;
            let s = 1.0 - w * w + stiff * (a * a + b * b);
            let residual = vec![s * a + c * w * b - force, s * b - c * w * a];
            let slopes = [
                [s + 2.0 * stiff * a * a, 2.0 * stiff * a * b + c * w],
                [2.0 * stiff * a * b - c * w, s + 2.0 * stiff * b * b],
            ];
            let by_w = vec![-2.0 * w * a + c * b, -2.0 * w * b - c * a];
            (residual, Mat::from_fn(2, 2, |i, j| slopes[i][j]), by_w)
        }
    }

    /// The discriminant of the cubic in y = A^2: [(1 - w^2 + 3/4 beta y)^2 + (c w)^2] y = F^2. Its sign
    /// changes where two roots meet.
    fn discriminant(c: f64, beta: f64, force: f64, w: f64) -> f64 {
        let (k, s) = (0.75 * beta, 1.0 - w * w);
        let (p, q, r, t) = (k * k, 2.0 * k * s, s * s + c * c * w * w, -force * force);
        18.0 * p * q * r * t - 4.0 * q.powi(3) * t + q * q * r * r
            - 4.0 * p * r.powi(3)
            - 27.0 * p * p * t * t
    }

    #[test]
    fn all_folds_of_duffing_are_where_the_discriminant_vanishes() {
        let range = [0.5, 3.0];
        for (c, beta, force) in [
            (0.1, 0.05, 0.3),
            (0.05, 0.05, 0.2),
            (0.02, 0.01, 0.1),
            (0.1, -0.02, 0.15),
            (0.5, 0.05, 0.1),
        ] {
            let mut exact = Vec::new();
            let steps = 200_000;
            let at = |i: usize| range[0] + (range[1] - range[0]) * i as f64 / steps as f64;
            let f = |w| discriminant(c, beta, force, w);
            for i in 0..steps {
                let (mut low, mut high) = (at(i), at(i + 1));
                if f(low) * f(high) < 0.0 {
                    for _ in 0..60 {
                        let middle = 0.5 * (low + high);
                        if f(low) * f(middle) <= 0.0 {
                            high = middle;
                        } else {
                            low = middle;
                        }
                    }
                    exact.push(low);
                }
            }
            let start = [force / (1.0 - range[0] * range[0]), 0.0];
            let path = Path::new(range, force / c);
            let found = follow(duffing(c, beta, force), &start, &path).unwrap();
            let mut folds: Vec<f64> = found.folds.iter().map(|fold| fold.parameter).collect();
            folds.sort_by(f64::total_cmp);
            assert_eq!(
                folds.len(),
                exact.len(),
                "{c} {beta} {force}: {folds:?} {exact:?}"
            );
            for (f, e) in folds.iter().zip(&exact) {
                assert!((f - e).abs() < 1e-8, "{f} {e}");
            }
        }
    }

    #[test]
    fn a_branch_that_is_not_there_is_said() {
        let none = |u: &[f64], _: f64| {
            (
                vec![u[0] * u[0] + 1.0],
                Mat::from_fn(1, 1, |_, _| 2.0 * u[0]),
                vec![0.0],
            )
        };
        assert!(follow(none, &[0.3], &Path::new([0.0, 1.0], 1.0)).is_err());
    }
}
