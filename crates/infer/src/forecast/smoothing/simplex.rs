//! The least value of a function on the unit cube: a grid, then a simplex from each of its
//! valleys (Nelder & Mead 1965), whose points are held inside the cube.

/// Values along each side of the grid, its ends among them: smoothing parameters are often best there.
const SIDE: usize = 5;
/// Steps of the simplex at most, for each dimension.
const MOST_STEPS: usize = 80;
/// A simplex has arrived when its values differ by less than this share,
const ARRIVED: f64 = 1e-9;
/// and its points by less than this along each side.
const SMALL: f64 = 1e-3;

/// Simplexes at most.
const MOST_STARTS: usize = 4;

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
    let point = |number: usize| -> Vec<f64> {
        let digit = |k: usize| (number / SIDE.pow(k as u32)) % SIDE;
        (0..d)
            .map(|k| digit(k) as f64 / (SIDE - 1) as f64)
            .collect()
    };
    let grid: Vec<Vertex> = (0..SIDE.pow(d as u32)).map(|n| at(point(n))).collect();
    // A start is a point that is no worse than its neighbours along every side.
    let is_start = |number: usize| {
        (0..d).all(|k| {
            let (stride, digit) = (SIDE.pow(k as u32), (number / SIDE.pow(k as u32)) % SIDE);
            let below = digit == 0 || grid[number].0 <= grid[number - stride].0;
            let above = digit + 1 == SIDE || grid[number].0 <= grid[number + stride].0;
            below && above
        })
    };
    let mut starts: Vec<Vertex> = (0..grid.len())
        .filter(|&number| is_start(number))
        .map(|number| grid[number].clone())
        .collect();
    starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    starts.truncate(MOST_STARTS);
    let ends = starts.into_iter().map(|start| descend(start, &at));
    let best = ends.min_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or_else(Vec::new, |(_, point)| point)
}

/// A simplex around a point, led to where its values agree; its best vertex.
fn descend(from: Vertex, at: &impl Fn(Vec<f64>) -> Vertex) -> Vertex {
    let d = from.1.len();
    let around = (0..d).map(|k| {
        let mut point = from.1.clone();
        let inward = if point[k] > 0.5 { -1.0 } else { 1.0 };
        point[k] += inward * 0.5 / SIDE as f64;
        at(point)
    });
    let mut simplex: Vec<Vertex> = around.collect();
    simplex.push(from);
    for _ in 0..MOST_STEPS * d {
        simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (least, most) = (simplex[0].0, simplex[d].0);
        let near = |(_, point): &Vertex| {
            let mut both = point.iter().zip(&simplex[0].1);
            both.all(|(x, best)| (x - best).abs() <= SMALL)
        };
        if most - least <= ARRIVED * least.abs() && simplex.iter().all(near) {
            break;
        }
        step(&mut simplex, at);
    }
    simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
    simplex.swap_remove(0)
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
        // Two valleys, of which the better one is not where the grid is least.
        let two = |x: &[f64]| (20.0 * (x[0] - 0.3).abs()).min(30.0 * (x[0] - 0.8).abs() - 1.0);
        let found = minimise(1, two);
        assert!((found[0] - 0.8).abs() < 1e-3, "{found:?}");
        assert_eq!(minimise(1, |_| f64::NAN).len(), 1);
    }
}
