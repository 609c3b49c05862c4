//! Least-squares fits of `scale n^-rate`, and of the same over a floor.

use gnomon_mechanism::elementary::{exp, ln};

/// Rates that a curve with a floor may have: slower ones cannot be told from a floor.
const RATES: [f64; 2] = [0.1, 2.5];
/// Steps between them.
const STEPS: usize = 120;

/// A fitted curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    pub scale: f64,
    pub rate: f64,
    pub floor: f64,
    /// Points beyond those that the curve needs.
    pub freedom: usize,
    /// The scatter of points about it that data sets do not explain: of a line, the sd of a point's
    /// logarithm; of a curve with a floor, the sd of a point of weight 1.
    pub scatter: f64,
}

impl Line {
    /// What is left above the floor after so many simulations.
    pub fn falls(&self, simulations: f64) -> f64 {
        self.scale * exp(-self.rate * ln(simulations))
    }
}

/// `ln risk = ln scale - rate ln n` by weighted least squares. The variance of a point is that of its mean
/// over data sets, and one that all points share, by which they scatter as much as they do (Paule & Mandel
/// 1982). Risks that are not positive have no logarithm and are left out; at least three must be left.
pub(super) fn line(n: &[f64], risk: &[f64], errors: &[f64]) -> Option<Line> {
    let points: Vec<[f64; 3]> = n
        .iter()
        .zip(risk)
        .zip(errors)
        .filter(|((_, risk), _)| **risk > 0.0)
        .map(|((&n, &risk), &error)| [ln(n), ln(risk), (error / risk).powi(2)])
        .collect();
    if points.len() < 3 {
        return None;
    }
    let freedom = points.len() - 2;
    // The least variance keeps weights finite where data sets agree to the last bit.
    let fitted = |shared: f64| {
        let weight = |v: f64| 1.0 / (v + shared).max(1e-12);
        let rows = points.iter().map(|&[x, y, v]| [x, y, weight(v)]);
        straight(rows)
    };
    let (mut below, mut above) = (0.0, 100.0);
    if fitted(0.0)?.2 > freedom as f64 {
        for _ in 0..60 {
            let middle = 0.5 * (below + above);
            match fitted(middle)?.2 > freedom as f64 {
                true => below = middle,
                false => above = middle,
            }
        }
    } else {
        above = 0.0;
    }
    let (intercept, slope, _) = fitted(above)?;
    Some(Line {
        scale: exp(intercept),
        rate: -slope,
        floor: 0.0,
        freedom,
        scatter: above.sqrt(),
    })
}

/// `n^-rate` for each rate that a curve with a floor may have.
pub(super) struct Powers(Vec<(f64, Vec<f64>)>);

impl Powers {
    pub fn new(n: &[f64]) -> Self {
        let step = ln(RATES[1] / RATES[0]) / STEPS as f64;
        let rates = (0..=STEPS).map(|k| RATES[0] * exp(k as f64 * step));
        let powers = |rate: f64| n.iter().map(|&n| exp(-rate * ln(n))).collect();
        Self(rates.map(|rate| (rate, powers(rate))).collect())
    }
}

/// `risk = floor + scale n^-rate` by weighted least squares: for each rate the other two follow. There must
/// be four points.
pub(super) fn to_floor(powers: &Powers, risk: &[f64], weights: &[f64]) -> Option<Line> {
    if risk.len() < 4 {
        return None;
    }
    let fits = powers.0.iter().filter_map(|(rate, powers)| {
        let rows = powers.iter().zip(risk).zip(weights);
        let rows = rows.map(|((&power, &risk), &w)| [power, risk, w]);
        let (floor, scale, squares) = straight(rows)?;
        Some((*rate, floor, scale, squares))
    });
    let (rate, floor, scale, squares) = fits.min_by(|a, b| a.3.total_cmp(&b.3))?;
    let freedom = risk.len() - 3;
    Some(Line {
        scale,
        rate,
        floor,
        freedom,
        scatter: (squares / freedom as f64).sqrt(),
    })
}

/// Intercept, slope and weighted sum of squares of a line through rows of x, y and weight.
fn straight(rows: impl Iterator<Item = [f64; 3]> + Clone) -> Option<(f64, f64, f64)> {
    let total: f64 = rows.clone().map(|[_, _, w]| w).sum();
    let x_mean = rows.clone().map(|[x, _, w]| w * x).sum::<f64>() / total;
    let y_mean = rows.clone().map(|[_, y, w]| w * y).sum::<f64>() / total;
    let across: f64 = rows.clone().map(|[x, _, w]| w * (x - x_mean).powi(2)).sum();
    let along: f64 = rows
        .clone()
        .map(|[x, y, w]| w * (x - x_mean) * (y - y_mean))
        .sum();
    let slope = along / across;
    let intercept = y_mean - slope * x_mean;
    let squares = rows
        .map(|[x, y, w]| w * (y - intercept - slope * x).powi(2))
        .sum();
    slope.is_finite().then_some((intercept, slope, squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_curves_are_found() {
        let n = [100.0, 200.0, 400.0, 800.0, 1600.0];
        let risk = n.map(|n: f64| 7.0 * n.powf(-0.6));
        let law = line(&n, &risk, &[1e-6; 5]).unwrap();
        assert!(
            (law.rate - 0.6).abs() < 1e-9 && (law.scale - 7.0).abs() < 1e-6,
            "{law:?}"
        );
        assert!(law.scatter < 1e-6);
        let curve = to_floor(&Powers::new(&n), &risk.map(|r| r - 2.0), &[1.0; 5]).unwrap();
        assert!(
            (curve.rate - 0.6).abs() < 0.02 && (curve.floor + 2.0).abs() < 0.01,
            "{curve:?}"
        );
        assert!(line(&n[..3], &[0.1, -0.1, 0.05], &[0.01; 3]).is_none());
    }

    /// Points that scatter by .2 about the line, with no error of their own.
    #[test]
    fn the_scatter_is_what_data_sets_do_not_explain() {
        let n = [1.0, 10.0, 100.0, 1000.0].map(|x: f64| x * 1e3);
        let off = [0.2, -0.2, -0.2, 0.2];
        let risk: Vec<f64> = n
            .iter()
            .zip(off)
            .map(|(n, off)| n.powf(-0.5) * f64::exp(off))
            .collect();
        let law = line(&n, &risk, &[0.0; 4]).unwrap();
        // Squares of .04 four times over two degrees of freedom.
        assert!((law.scatter - 0.08f64.sqrt()).abs() < 1e-3, "{law:?}");
        let known: Vec<f64> = risk.iter().map(|r| 0.5 * r).collect();
        assert!(line(&n, &risk, &known).unwrap().scatter < 1e-9);
    }
}
