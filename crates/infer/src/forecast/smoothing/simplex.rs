//! The least value of a function on the unit cube: a grid, then a simplex from its best point
//! (Nelder & Mead 1965), whose points are held inside the cube.

/// Values along each side of the grid.
const SIDE: usize = 5;
/// Steps of the simplex at most, for each dimension.
const MOST_STEPS: usize = 80;
/// The simplex has arrived when its values differ by less than this share.
const ARRIVED: f64 = 1e-9;

/// A point and the function's value there.
type Vertex = (f64, Vec<f64>);

/// The point of the unit cube of `d` dimensions where `function` is least, as far as it is found; a
/// value that is not a number counts as infinite.
pub fn minimise(d: usize, function: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let at = |mut point: Vec<f64>| -> Vertex {
        point.iter_mut().for_each(|x| *x = x.clamp(0.0, 1.0));
        let value = function(&point);
        (if value.is_nan() { f64::INFINITY } else { value }, point)
    };
    let grid = (0..SIDE.pow(d as u32)).map(|number| {
        let digit = |k: usize| (number / SIDE.pow(k as u32)) % SIDE;
        at((0..d)
            .map(|k| (digit(k) as f64 + 0.5) / SIDE as f64)
            .collect())
    });
    let Some(best) = grid.min_by(|a, b| a.0.total_cmp(&b.0)) else {
        return Vec::new();
    };
    let around = (0..d).map(|k| {
        let mut point = best.1.clone();
        let inward = if point[k] > 0.5 { -1.0 } else { 1.0 };
        point[k] += inward * 0.5 / SIDE as f64;
        at(point)
    });
    let mut simplex: Vec<Vertex> = around.collect();
    simplex.push(best);
    for _ in 0..MOST_STEPS * d {
        simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (least, most) = (simplex[0].0, simplex[d].0);
        if d == 0 || most - least <= ARRIVED * least.abs() {
            break;
        }
        step(&mut simplex, &at);
    }
    simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
    simplex.swap_remove(0).1
}

/// Moves the worst vertex of a sorted simplex, or draws all to the best.
fn step(simplex: &mut [Vertex], at: &impl Fn(Vec<f64>) -> Vertex) {
    let d = simplex.len() - 1;
    let (others, worst) = simplex.split_at(d);
    let centre: Vec<f64> = (0..d)
        .map(|k| others.iter().map(|(_, point)| point[k]).sum::<f64>() / d as f64)
        .collect();
    let along = |share: f64| {
        let both = centre.iter().zip(&worst[0].1);
        at(both.map(|(c, w)| c + share * (c - w)).collect())
    };
    let reflected = along(1.0);
    let moved = if reflected.0 < others[0].0 {
        let further = along(2.0);
        Some(if further.0 < reflected.0 {
            further
        } else {
            reflected
        })
    } else if reflected.0 < others[d - 1].0 {
        Some(reflected)
    } else {
        let share = if reflected.0 < worst[0].0 { 0.5 } else { -0.5 };
        let nearer = along(share);
        (nearer.0 < worst[0].0.min(reflected.0)).then_some(nearer)
    };
    match moved {
        Some(vertex) => simplex[d] = vertex,
        None => {
            let best = simplex[0].1.clone();
            for vertex in &mut simplex[1..] {
                let both = best.iter().zip(&vertex.1);
                *vertex = at(both.map(|(b, x)| (b + x) / 2.0).collect());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crooked_valley_and_an_edge() {
        // Rosenbrock's, with its least value at (.6, .36).
        let valley = |x: &[f64]| (0.6 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2) + 1.0;
        let found = minimise(2, valley);
        assert!(
            (found[0] - 0.6).abs() < 1e-3 && (found[1] - 0.36).abs() < 1e-3,
            "{found:?}"
        );
        let found = minimise(3, |x| (x[0] - 2.0).powi(2) + x[1] + (x[2] - 0.3).powi(2));
        assert!(
            (found[0] - 1.0).abs() < 1e-3 && found[1].abs() < 1e-3,
            "{found:?}"
        );
        assert!((found[2] - 0.3).abs() < 1e-2, "{found:?}");
        assert_eq!(minimise(1, |_| f64::NAN).len(), 1);
    }
}
