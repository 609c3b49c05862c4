//! Corner plot of one mechanism's posterior: marginal densities on the diagonal, regions of 50 % and
//! 90 % of the mass below it, correlations above it, the prior behind.

use maud::{Markup, html};

use super::{Drawing, Figure, ink_of, with_unit};
use crate::{
    content::{Mechanism, Posterior, Quantity, Scale},
    draw::{
        axis::Axis,
        contour,
        density::{self, quantile},
        ink::Ink,
        mark::{self, Anchor, NAME, SMALL, Sample, Type, px},
        number,
        panel::Panel,
    },
};

/// More quantities than this are not legible in one figure; the table has them all.
const MOST: usize = 10;
/// Cells of a density along each axis.
const CELLS: usize = 64;
/// Shares of the mass inside the contours.
const SHARES: [f64; 2] = [0.9, 0.5];

/// The figure; `None` without draws.
pub fn figure(mechanisms: &[Mechanism], posterior: &Posterior) -> Option<Figure> {
    let columns: Vec<Column> = posterior
        .quantities
        .iter()
        .zip(&posterior.draws)
        .enumerate()
        .filter(|(_, (_, draws))| draws.iter().any(|d| d.is_finite()))
        .map(|(i, (quantity, draws))| Column::new(quantity, draws, posterior.prior_draws.get(i)))
        .take(MOST)
        .collect();
    let ink = ink_of(mechanisms, Some(&posterior.mechanism));
    (!columns.is_empty()).then(|| {
        let mut caption = "Diagonal: densities of the posterior (colour) and the prior (broken line). \
                           Below: the smallest regions that hold 50 % and 90 % of the posterior, and \
                           90 % of the prior. Above: correlations in the posterior."
            .to_owned();
        if posterior.quantities.len() > columns.len() {
            caption += &format!(" {} of {} quantities.", columns.len(), posterior.quantities.len());
        }
        let title = format!("What is known about {}", posterior.mechanism);
        Figure::new(&format!("corner-{}", posterior.mechanism), title, caption, |width| {
            drawing(&columns, ink, width)
        })
    })
}

/// One quantity, its numbers in its axis' coordinate.
struct Column {
    /// Name with unit, and the name alone for where that does not fit.
    labels: [String; 2],
    axis: Axis,
    draws: Vec<f64>,
    prior: Vec<f64>,
}

impl Column {
    fn new(quantity: &Quantity, draws: &[f64], prior: Option<&Vec<f64>>) -> Self {
        let prior = prior.map_or(&[][..], Vec::as_slice);
        let axis = shown(quantity.scale, draws, prior);
        let on_axis = |values: &[f64]| values.iter().map(|v| axis.coordinate(*v)).collect();
        Self {
            labels: [
                with_unit(&quantity.name, &quantity.unit),
                quantity.name.clone(),
            ],
            draws: on_axis(draws),
            prior: on_axis(prior),
            axis,
        }
    }
}

impl Column {
    /// What it is called in `width` pixels.
    fn label(&self, look: Type, width: f64) -> String {
        let [full, name] = &self.labels;
        if mark::text_width(full, look) <= width {
            full.clone()
        } else {
            mark::fit(name, look, width)
        }
    }

    /// Where the prior is, whether shown or not: its region must hold 90 % of all of it.
    fn reach(&self) -> [f64; 2] {
        [0.005, 0.995].map(|level| quantile(&self.prior, level))
    }
}

/// The axis that shows the posterior, and of the prior's central 95 % as much as leaves the
/// posterior a third of the width.
fn shown(scale: Scale, draws: &[f64], prior: &[f64]) -> Axis {
    let posterior = Axis::fit(
        scale,
        [0.001, 0.999].map(|level| quantile(draws, level)),
        0.08,
    );
    let [low, high] = posterior.range();
    let room = high - low;
    let prior: Vec<f64> = prior.iter().map(|v| posterior.coordinate(*v)).collect();
    let ends = [
        quantile(&prior, 0.025).max(low - room),
        quantile(&prior, 0.975).min(high + room),
    ];
    let value = |at: f64| {
        if posterior.scale() == Scale::Log {
            10f64.powf(at)
        } else {
            at
        }
    };
    Axis::fit(
        posterior.scale(),
        [low, high, ends[0], ends[1]].map(value),
        0.0,
    )
}

fn drawing(columns: &[Column], ink: Ink, width: f64) -> Drawing {
    let (key, key_height) = mark::key(
        &[
            (Sample::Patch(ink, 0.55), "posterior"),
            (Sample::Dashes(Ink::Muted), "prior"),
        ],
        width,
    );
    const GAP: f64 = 9.0;
    let count = columns.len();
    let blank = Axis::between(0.0, 1.0);
    let frame = |y: Axis, size: f64| Panel {
        x: blank,
        y,
        left: 0.0,
        top: 0.0,
        width: size,
        height: size,
        gap: GAP,
    };
    let labels = columns
        .iter()
        .skip(1)
        .map(|c| frame(c.axis, 100.0).y_labels_width());
    let left = if count > 1 {
        labels.fold(0.0, f64::max) + 18.0
    } else {
        8.0
    };
    let top = key_height + 22.0;
    let share = (width - left - 8.0 - GAP * (count - 1) as f64) / count as f64;
    let size = share.clamp(62.0, if count == 1 { 300.0 } else { 190.0 });
    let step = size + GAP;
    let body = html! {
        (key)
        @for (row, vertical) in columns.iter().enumerate() {
            @for (column, horizontal) in columns.iter().enumerate() {
                @let panel = Panel {
                    x: horizontal.axis,
                    y: vertical.axis,
                    left: left + step * column as f64,
                    top: top + step * row as f64,
                    width: size,
                    height: size,
                    gap: GAP,
                };
                @if column < row {
                    (panel.y_axis(column == 0))
                    (panel.clipped(joint(&panel, horizontal, vertical, ink)))
                    (panel.x_axis(row + 1 == count))
                } @else if column == row {
                    (panel.clipped(marginal(&panel, horizontal, ink)))
                    (panel.x_axis(row + 1 == count))
                    (panel.over(mark::text([2.0, -6.0], Anchor::Start, NAME, &horizontal.label(NAME, (count - column) as f64 * step))))
                } @else {
                    (panel.over(correlation(&panel, horizontal, vertical)))
                }
            }
            @if row > 0 {
                @let middle = top + step * row as f64 + size / 2.0;
                g transform={ "translate(11 " (px(middle)) ") rotate(-90)" } {
                    (mark::text([0.0, 0.0], Anchor::Middle, SMALL, &vertical.label(SMALL, size)))
                }
            }
        }
        @for (column, horizontal) in columns.iter().enumerate() {
            @let at = [left + step * column as f64 + size / 2.0, top + step * count as f64 - GAP + 31.0];
            (mark::text(at, Anchor::Middle, SMALL, &horizontal.label(SMALL, size)))
        }
    };
    Drawing {
        width: (left + step * count as f64 - GAP + 8.0).max(width),
        height: top + step * count as f64 + 32.0,
        body,
    }
}

fn marginal(panel: &Panel, column: &Column, ink: Ink) -> Markup {
    let range = column.axis.range();
    let posterior = density::curve(&column.draws, range, 2 * CELLS);
    let prior = density::curve(&column.prior, range, 2 * CELLS);
    let peak = [&posterior, &prior]
        .into_iter()
        .flatten()
        .flat_map(|curve| curve.density.iter().copied())
        .fold(0.0, f64::max);
    let place = |at: f64, value: f64| {
        let x = column.axis.fraction_of_coordinate(at) * panel.width;
        [x, panel.height * (1.0 - 0.92 * value / peak)]
    };
    let outline = |curve: &density::Curve| -> Vec<[f64; 2]> {
        curve
            .at
            .iter()
            .zip(&curve.density)
            .map(|(at, value)| place(*at, *value))
            .collect()
    };
    html! {
        @if let Some(curve) = &posterior {
            @let line = outline(curve);
            @let ends = [line[0][0], line[line.len() - 1][0]].map(|x| [x, panel.height]);
            @let area = [ends[0]].into_iter().chain(line.iter().copied()).chain([ends[1]]);
            (mark::fill(&mark::loop_path(area), ink, 0.22))
            (mark::stroke(&mark::line_path(line.iter().copied()), ink, 1.75))
        } @else if let Some(value) = column.draws.iter().find(|d| d.is_finite()) {
            @let x = column.axis.fraction_of_coordinate(*value) * panel.width;
            (mark::stroke(&format!("M{} 8V{}", px(x), px(panel.height)), ink, 2.5))
        }
        @if let Some(curve) = &prior { (mark::dashed(&mark::line_path(outline(curve)), Ink::Muted, 1.25)) }
    }
}

fn joint(panel: &Panel, x: &Column, y: &Column, ink: Ink) -> Markup {
    let range = [x.axis.range(), y.axis.range()];
    let posterior = density::surface(&x.draws, &y.draws, range, CELLS);
    let prior = density::surface(&x.prior, &y.prior, [x.reach(), y.reach()], 2 * CELLS);
    let place = |at: [f64; 2]| {
        let across = x.axis.fraction_of_coordinate(at[0]) * panel.width;
        [
            across,
            (1.0 - y.axis.fraction_of_coordinate(at[1])) * panel.height,
        ]
    };
    let region = |surface: &density::Surface, share: f64| -> String {
        let loops = contour::loops(surface, surface.level(share));
        loops
            .iter()
            .map(|points| mark::loop_path(points.iter().map(|p| place(*p))))
            .collect()
    };
    html! {
        @if let Some(surface) = &prior { (mark::dashed(&region(surface, SHARES[0]), Ink::Muted, 1.0)) }
        @if let Some(surface) = &posterior {
            @for share in SHARES {
                @let path = region(surface, share);
                (mark::fill(&path, ink, 0.25))
                (mark::stroke(&path, ink, 1.25))
            }
        } @else {
            @for (x, y) in x.draws.iter().zip(&y.draws).take(300) { (mark::dot(place([*x, *y]), 1.5, ink)) }
        }
    }
}

fn correlation(panel: &Panel, x: &Column, y: &Column) -> Markup {
    let r = pearson(&x.draws, &y.draws);
    let look = if r.abs() > 0.5 { NAME } else { SMALL };
    let at = [panel.width / 2.0, panel.height / 2.0 + 4.0];
    html! { @if r.is_finite() { (mark::text(at, Anchor::Middle, look, &number::fixed(r, 2))) } }
}

/// Pearson's correlation of the pairs that are finite; NaN when one does not vary.
fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let pairs: Vec<(f64, f64)> = x
        .iter()
        .zip(y)
        .map(|(x, y)| (*x, *y))
        .filter(|(x, y)| (x + y).is_finite())
        .collect();
    let n = pairs.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    let (mean_x, mean_y) = (mean(&|p| p.0), mean(&|p| p.1));
    let covariance = mean(&|p| (p.0 - mean_x) * (p.1 - mean_y));
    let variances = mean(&|p| (p.0 - mean_x).powi(2)) * mean(&|p| (p.1 - mean_y).powi(2));
    if variances > 0.0 {
        covariance / variances.sqrt()
    } else {
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_are_pearsons() {
        assert!((pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]) - 1.0).abs() < 1e-12);
        assert!(pearson(&[1.0, 1.0], &[2.0, 4.0]).is_nan());
        assert!(pearson(&[], &[]).is_nan());
    }

    #[test]
    fn the_axis_leaves_the_posterior_a_third() {
        let draws: Vec<f64> = (0..=1000).map(|i| 1.0 + i as f64 / 1000.0).collect();
        let prior: Vec<f64> = (0..=1000).map(|i| f64::from(i) - 500.0).collect();
        let [low, high] = shown(Scale::Linear, &draws, &prior).range();
        assert!(high - low < 3.6 && high - low > 3.0, "{low} {high}");
    }
}
