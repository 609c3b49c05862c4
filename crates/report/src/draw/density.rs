//! Densities of draws on a grid, for drawing: a histogram smoothed by a Gaussian (Silverman 1986),
//! mirrored at the ends of the grid so that a density that ends abruptly is drawn so.

/// Contours of a density show its noise more than curves do: they get more smoothing than is best
/// for the mean squared error.
const WIDER: f64 = 1.35;

/// A density on equally spaced cell centres.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Cell centres.
    pub at: Vec<f64>,
    /// Density there; it integrates to the share of the draws that lie in the grid.
    pub density: Vec<f64>,
}

/// A density on a rectangular grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    /// Cells along x.
    pub columns: usize,
    /// Cells along y.
    pub rows: usize,
    /// Range of x, then of y.
    pub range: [[f64; 2]; 2],
    /// Mass of each cell, row by row from the lowest y.
    pub mass: Vec<f64>,
}

/// The density of `draws` between `low` and `high`; `None` when fewer than two distinct finite
/// draws lie there.
pub fn curve(draws: &[f64], [low, high]: [f64; 2], cells: usize) -> Option<Curve> {
    let finite = draws.iter().copied().filter(|d| d.is_finite());
    let total = finite.clone().count() as f64;
    let inside: Vec<f64> = finite.filter(|d| (low..=high).contains(d)).collect();
    let [low, high] = hull(&inside)?;
    let width = (high - low) / cells as f64;
    let mut mass = vec![0.0; cells];
    for draw in &inside {
        mass[cell(*draw, low, width, cells)] += 1.0 / total;
    }
    let bandwidth = 0.9 * spread(&inside) * (inside.len() as f64).powf(-0.2);
    let smooth = blur(&mass, bandwidth / width);
    Some(Curve {
        at: (0..cells).map(|i| low + (i as f64 + 0.5) * width).collect(),
        density: smooth.into_iter().map(|m| m / width).collect(),
    })
}

/// The density of the pairs `(x, y)` within `range`; `None` when they do not spread in both
/// directions.
pub fn surface(x: &[f64], y: &[f64], range: [[f64; 2]; 2], cells: usize) -> Option<Surface> {
    let within = |v: f64, [low, high]: [f64; 2]| v >= low && v <= high;
    let (x, y): (Vec<f64>, Vec<f64>) = x
        .iter()
        .zip(y)
        .filter(|(x, y)| within(**x, range[0]) && within(**y, range[1]))
        .map(|(x, y)| (*x, *y))
        .unzip();
    let [x_range, y_range] = [hull(&x)?, hull(&y)?];
    let pairs = x.len() as f64;
    let width = (x_range[1] - x_range[0]) / cells as f64;
    let height = (y_range[1] - y_range[0]) / cells as f64;
    let mut mass = vec![0.0; cells * cells];
    for (x, y) in x.iter().zip(&y) {
        let row = cell(*y, y_range[0], height, cells);
        mass[row * cells + cell(*x, x_range[0], width, cells)] += 1.0 / pairs;
    }
    let factor = WIDER * pairs.powf(-1.0 / 6.0);
    for row in mass.chunks_mut(cells) {
        row.copy_from_slice(&blur(row, spread(&x) * factor / width));
    }
    for column in 0..cells {
        let values: Vec<f64> = (0..cells).map(|row| mass[row * cells + column]).collect();
        let smooth = blur(&values, spread(&y) * factor / height);
        for (row, value) in smooth.into_iter().enumerate() {
            mass[row * cells + column] = value;
        }
    }
    Some(Surface {
        columns: cells,
        rows: cells,
        range: [x_range, y_range],
        mass,
    })
}

impl Surface {
    /// The density above which the densest cells together hold `share` of the mass.
    pub fn level(&self, share: f64) -> f64 {
        let mut sorted = self.mass.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let goal = share * sorted.iter().sum::<f64>();
        let mut held = 0.0;
        for mass in sorted {
            held += mass;
            if held >= goal {
                return mass;
            }
        }
        0.0
    }
}

/// The `level` quantile of the finite numbers among `values` (linear interpolation); NaN without any.
pub fn quantile(values: &[f64], level: f64) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let at = level.clamp(0.0, 1.0) * last as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (at - below as f64) * (sorted[above] - sorted[below])
}

/// Smallest and largest, when they differ.
fn hull(values: &[f64]) -> Option<[f64; 2]> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (high - low > 1e-12 * low.abs().max(high.abs())).then_some([low, high])
}

/// The smaller of the standard deviation and the scaled interquartile range (Silverman's rule).
fn spread(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    let quartiles = (quantile(values, 0.75) - quantile(values, 0.25)) / 1.34;
    if quartiles > 0.0 {
        sd.min(quartiles)
    } else {
        sd
    }
}

fn cell(value: f64, low: f64, width: f64, cells: usize) -> usize {
    (((value - low) / width) as usize).min(cells - 1)
}

/// Convolution with a Gaussian of standard deviation `sd` cells, mirrored at both ends.
fn blur(values: &[f64], sd: f64) -> Vec<f64> {
    let sd = sd.clamp(0.3, values.len() as f64);
    let reach = (3.5 * sd).ceil() as i64;
    let weights: Vec<f64> = (-reach..=reach)
        .map(|k| (-0.5 * (k as f64 / sd).powi(2)).exp())
        .collect();
    let total: f64 = weights.iter().sum();
    let n = values.len() as i64;
    let mirrored = |i: i64| {
        let i = i.rem_euclid(2 * n);
        values[i.min(2 * n - 1 - i) as usize]
    };
    (0..n)
        .map(|i| {
            let sum: f64 = (-reach..=reach)
                .zip(&weights)
                .map(|(k, weight)| weight * mirrored(i + k))
                .sum();
            sum / total
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: usize) -> Vec<f64> {
        (0..n).map(|i| (i as f64 + 0.5) / n as f64).collect()
    }

    #[test]
    fn a_uniform_density_is_flat_up_to_its_ends() {
        let curve = curve(&ramp(4000), [0.0, 1.0], 50).unwrap();
        assert!(
            curve.density.iter().all(|d| (d - 1.0).abs() < 0.03),
            "{:?}",
            curve.density
        );
    }

    #[test]
    fn mass_is_kept_and_levels_hold_their_share() {
        // A product of two uniforms: every share of the mass has the same density.
        let x: Vec<f64> = (0..2500).map(|i| (i % 50) as f64).collect();
        let y: Vec<f64> = (0..2500).map(|i| (i / 50) as f64).collect();
        let surface = surface(&x, &y, [[-1.0, 60.0]; 2], 25).unwrap();
        assert!((surface.mass.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((surface.level(0.9) - 1.0 / 625.0).abs() < 2e-5);
    }

    #[test]
    fn degenerate_draws_have_no_density() {
        assert_eq!(curve(&[], [0.0, 1.0], 10), None);
        assert_eq!(curve(&[0.5; 9], [0.0, 1.0], 10), None);
        assert_eq!(curve(&[f64::NAN, 0.5], [0.0, 1.0], 10), None);
        assert_eq!(surface(&[1.0, 2.0], &[1.0, 1.0], [[0.0, 3.0]; 2], 10), None);
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[4.0, f64::NAN, 1.0, 2.0, 3.0], 0.5), 2.5);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
