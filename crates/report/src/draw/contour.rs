//! Contour lines of a density on a grid: marching squares (Lorensen & Cline 1987, in two
//! dimensions), linked into closed loops. The grid is ringed by zeros, so every loop closes.

use std::collections::HashMap;

use super::density::Surface;

/// A closed loop of points in the surface's coordinates; the last point joins the first.
pub type Loop = Vec<[f64; 2]>;

/// A cell edge where the contour crosses: from the grid point (column, row) to the right, or up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Edge {
    column: i64,
    row: i64,
    up: bool,
}

/// The loops around the region where the cell mass is above `level`, in a fixed order. Filled with
/// the even-odd rule they are that region.
pub fn loops(surface: &Surface, level: f64) -> Vec<Loop> {
    let mut next: HashMap<Edge, Edge> = HashMap::new();
    let mut starts = Vec::new();
    for row in -1..surface.rows as i64 {
        for column in -1..surface.columns as i64 {
            for (from, to) in segments(surface, level, column, row) {
                next.insert(from, to);
                starts.push(from);
            }
        }
    }
    let mut found = Vec::new();
    for start in starts {
        let mut points = Vec::new();
        let mut at = start;
        while let Some(to) = next.remove(&at) {
            points.push(crossing(surface, level, at));
            at = to;
        }
        if points.len() > 2 {
            found.push(points);
        }
    }
    found
}

/// Directed segments in the square whose lower left grid point is (column, row): the region above
/// the level lies on their left, so each crossing starts one segment and ends one.
fn segments(surface: &Surface, level: f64, column: i64, row: i64) -> Vec<(Edge, Edge)> {
    let bottom = Edge {
        column,
        row,
        up: false,
    };
    let top = Edge {
        column,
        row: row + 1,
        up: false,
    };
    let left = Edge {
        column,
        row,
        up: true,
    };
    let right = Edge {
        column: column + 1,
        row,
        up: true,
    };
    let above = |dx, dy| usize::from(mass(surface, column + dx, row + dy) > level);
    match above(0, 0) | above(1, 0) << 1 | above(1, 1) << 2 | above(0, 1) << 3 {
        1 => vec![(bottom, left)],
        2 => vec![(right, bottom)],
        3 => vec![(right, left)],
        4 => vec![(top, right)],
        5 => vec![(bottom, left), (top, right)],
        6 => vec![(top, bottom)],
        7 => vec![(top, left)],
        8 => vec![(left, top)],
        9 => vec![(bottom, top)],
        10 => vec![(right, bottom), (left, top)],
        11 => vec![(right, top)],
        12 => vec![(left, right)],
        13 => vec![(bottom, right)],
        14 => vec![(left, bottom)],
        _ => Vec::new(),
    }
}

fn crossing(surface: &Surface, level: f64, edge: Edge) -> [f64; 2] {
    let Edge { column, row, up } = edge;
    let from = mass(surface, column, row);
    let to = mass(surface, column + i64::from(!up), row + i64::from(up));
    let along = ((level - from) / (to - from)).clamp(0.0, 1.0);
    let centre = |index: f64, cells: usize, [low, high]: [f64; 2]| {
        (low + (index + 0.5) * (high - low) / cells as f64).clamp(low, high)
    };
    let x = column as f64 + if up { 0.0 } else { along };
    let y = row as f64 + if up { along } else { 0.0 };
    [
        centre(x, surface.columns, surface.range[0]),
        centre(y, surface.rows, surface.range[1]),
    ]
}

/// Mass of a cell, 0 outside the grid.
fn mass(surface: &Surface, column: i64, row: i64) -> f64 {
    let inside =
        (0..surface.columns as i64).contains(&column) && (0..surface.rows as i64).contains(&row);
    if inside {
        surface.mass[row as usize * surface.columns + column as usize]
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(points: &Loop) -> f64 {
        let next = points.iter().cycle().skip(1);
        points
            .iter()
            .zip(next)
            .map(|(a, b)| a[0] * b[1] - a[1] * b[0])
            .sum::<f64>()
            / 2.0
    }

    fn hill(height: impl Fn(f64, f64) -> f64) -> Surface {
        let cells = 80;
        let at = |i: usize| (i as f64 + 0.5) / 10.0 - 4.0;
        let mass = (0..cells * cells)
            .map(|i| height(at(i % cells), at(i / cells)))
            .collect();
        Surface {
            columns: cells,
            rows: cells,
            range: [[-4.0, 4.0]; 2],
            mass,
        }
    }

    #[test]
    fn a_round_hill_has_a_round_contour() {
        let found = loops(&hill(|x, y| (-x * x - y * y).exp()), (-4f64).exp());
        assert_eq!(found.len(), 1);
        // exp(-r^2) = exp(-4) at r = 2.
        assert!((area(&found[0]) - 4.0 * std::f64::consts::PI).abs() < 0.05);
        assert!(
            found[0]
                .iter()
                .all(|[x, y]| (x.hypot(*y) - 2.0).abs() < 0.01)
        );
    }

    #[test]
    fn a_ring_has_a_hole_of_opposite_sense() {
        let found = loops(
            &hill(|x, y| (-(x.hypot(y) - 2.0).powi(2)).exp()),
            (-0.25f64).exp(),
        );
        let mut areas: Vec<f64> = found.iter().map(area).collect();
        areas.sort_by(f64::total_cmp);
        assert_eq!(areas.len(), 2);
        assert!(
            (areas[0] + std::f64::consts::PI * 2.25).abs() < 0.05,
            "{areas:?}"
        );
        assert!(
            (areas[1] - std::f64::consts::PI * 6.25).abs() < 0.05,
            "{areas:?}"
        );
    }

    #[test]
    fn a_region_at_the_edge_of_the_grid_still_closes() {
        let found = loops(&hill(|x, _| x + 5.0), 5.0);
        assert_eq!(found.len(), 1);
        assert!((area(&found[0]) - 32.0).abs() < 0.5);
    }
}
