//! A maximum of a smooth function within a box: BFGS with backtracking, variables at a bound that the
//! gradient presses against kept there (Nocedal & Wright 2006, chapters 6 and 16.7).

use crate::surrogate::process::Bounds;

/// A function to be climbed: its value and gradient; none where it has none.
type Climbed<'a> = dyn Fn(&[f64]) -> Option<(f64, Vec<f64>)> + 'a;

/// A point with the function's value and gradient there.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub point: Vec<f64>,
    pub value: f64,
    gradient: Vec<f64>,
}

/// No step moves a variable farther than this: e^2 in a lengthscale.
const FARTHEST: f64 = 2.0;

/// Evaluates the function at a start; `None` where it has no value.
pub(super) fn start(function: &Climbed<'_>, point: Vec<f64>) -> Option<Found> {
    let (value, gradient) = function(&point)?;
    Some(Found {
        point,
        value,
        gradient,
    })
}

/// Climbs for at most `steps` steps, or until a step gains less than `enough`.
pub(super) fn climb(
    function: &Climbed<'_>,
    from: Found,
    bounds: &[Bounds],
    steps: usize,
    enough: f64,
) -> Found {
    let d = from.point.len();
    let mut now = from;
    let mut curvature = identity(d);
    for _ in 0..steps {
        let free = |k: usize, found: &Found| {
            let up = found.gradient[k] > 0.0;
            !(up && found.point[k] >= bounds[k].high || !up && found.point[k] <= bounds[k].low)
        };
        let mut direction: Vec<f64> = (0..d)
            .map(|k| {
                let each = (0..d).filter(|&l| free(l, &now));
                let sum: f64 = each.map(|l| curvature[k * d + l] * now.gradient[l]).sum();
                if free(k, &now) { sum } else { 0.0 }
            })
            .collect();
        let farthest = direction.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        if farthest > FARTHEST {
            direction.iter_mut().for_each(|x| *x *= FARTHEST / farthest);
        }
        let Some(next) = backtrack(function, &now, &direction, bounds) else {
            break;
        };
        let gain = next.value - now.value;
        update(&mut curvature, &now, &next);
        now = next;
        if gain < enough {
            break;
        }
    }
    now
}

fn backtrack(
    function: &Climbed<'_>,
    now: &Found,
    direction: &[f64],
    bounds: &[Bounds],
) -> Option<Found> {
    let mut length = 1.0;
    for _ in 0..5 {
        let moved = now.point.iter().zip(direction).zip(bounds);
        let point: Vec<f64> = moved
            .map(|((x, along), b)| (x + length * along).clamp(b.low, b.high))
            .collect();
        let rise: f64 = (point.iter().zip(&now.point).zip(&now.gradient))
            .map(|((to, from), slope)| (to - from) * slope)
            .sum();
        if let Some(found) = start(function, point)
            && found.value > now.value + 1e-4 * rise.max(0.0)
        {
            return Some(found);
        }
        length *= 0.25;
    }
    None
}

/// The BFGS update of the inverse of the negative Hessian.
fn update(curvature: &mut Vec<f64>, from: &Found, to: &Found) {
    let d = from.point.len();
    let s: Vec<f64> = to
        .point
        .iter()
        .zip(&from.point)
        .map(|(a, b)| a - b)
        .collect();
    let y: Vec<f64> = from
        .gradient
        .iter()
        .zip(&to.gradient)
        .map(|(a, b)| a - b)
        .collect();
    let sy: f64 = s.iter().zip(&y).map(|(a, b)| a * b).sum();
    let yy: f64 = y.iter().map(|y| y * y).sum();
    if sy <= 1e-10 * yy.sqrt() {
        return;
    }
    if *curvature == identity(d) {
        curvature.iter_mut().for_each(|h| *h *= sy / yy);
    }
    let hy: Vec<f64> = (0..d)
        .map(|k| (0..d).map(|l| curvature[k * d + l] * y[l]).sum())
        .collect();
    let yhy: f64 = y.iter().zip(&hy).map(|(a, b)| a * b).sum();
    for k in 0..d {
        for l in 0..d {
            let outer = (1.0 + yhy / sy) * s[k] * s[l] / sy;
            curvature[k * d + l] += outer - (hy[k] * s[l] + s[k] * hy[l]) / sy;
        }
    }
}

fn identity(d: usize) -> Vec<f64> {
    (0..d * d)
        .map(|at| f64::from(u8::from(at / d == at % d)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The maximum of a quadratic, and the one on the edge of a box that does not hold it.
    #[test]
    fn maxima_are_found_inside_and_on_the_edge() {
        let function = |x: &[f64]| {
            let (a, b) = (x[0] - 1.0, x[1] + 2.0);
            let value = -(a * a + 10.0 * b * b + 3.0 * a * b);
            Some((value, vec![-2.0 * a - 3.0 * b, -20.0 * b - 3.0 * a]))
        };
        for (low, truth) in [(-9.0, [1.0, -2.0]), (0.0, [-2.0, 0.0])] {
            let bounds = [
                Bounds {
                    low: -9.0,
                    high: 9.0,
                },
                Bounds { low, high: 9.0 },
            ];
            let from = start(&function, vec![5.0, 5.0]).unwrap();
            let found = climb(&function, from, &bounds, 100, 1e-14);
            for (x, truth) in found.point.iter().zip(truth) {
                assert!((x - truth).abs() < 1e-5, "{:?}", found.point);
            }
        }
    }
}
