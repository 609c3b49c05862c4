//! Simulation-based calibration: ECDF of the ranks minus what a calibrated answer would give, one
//! small panel a quantity.

use maud::{Markup, html};

use super::{Drawing, Figure, grid::Grid, ink_of};
use crate::{
    content::{Mechanism, SbcCurve, Scale},
    draw::{
        axis::Axis,
        ink::Ink,
        mark::{self, Anchor, NAME, SMALL, Sample, px},
        panel::Panel,
    },
};

/// The figure; `None` without curves.
pub fn figure(mechanisms: &[Mechanism], curves: &[SbcCurve]) -> Option<Figure> {
    (!curves.is_empty()).then(|| {
        let inputs = curves.iter().map(|c| c.inputs).max().unwrap_or(0);
        let mut caption = "How far the ranks of the true values among posterior draws are from \
                           uniform. A calibrated answer stays in the grey band; rising then falling: \
                           values come out too large; an S shape: too wide or too narrow."
            .to_owned();
        if inputs > 0 {
            caption += &format!(" {} simulated data sets.", crate::draw::number::count(inputs));
        }
        Figure::new("sbc", "Simulation-based calibration", caption, |width| {
            drawing(mechanisms, curves, width)
        })
    })
}

fn drawing(mechanisms: &[Mechanism], curves: &[SbcCurve], width: f64) -> Drawing {
    let tolerant = curves.iter().any(|c| c.tolerance > 0.0);
    let mut entries = vec![(
        Sample::Patch(Ink::Prior, 0.3),
        "band of a calibrated answer",
    )];
    if tolerant {
        entries.push((Sample::Dashes(Ink::Muted), "tolerance"));
    }
    let (key, key_height) = mark::key(&entries, width);
    let reach = curves
        .iter()
        .flat_map(|c| {
            [&c.difference, &c.lower, &c.upper]
                .into_iter()
                .flatten()
                .chain([&c.tolerance])
        })
        .filter(|v| v.is_finite())
        .fold(0.0f64, |most, v| most.max(v.abs()));
    let reach = if reach > 0.0 { reach } else { 0.1 };
    let mut panel = Panel {
        x: Axis::between(0.0, 1.0),
        y: Axis::fit(Scale::Linear, [-reach, reach], 0.06),
        left: 0.0,
        top: 0.0,
        width: 0.0,
        height: 78.0,
        gap: 26.0,
    };
    let columns = if width < 500.0 {
        2
    } else {
        curves.len().clamp(1, 4)
    };
    let origin = [panel.y_labels_width(), key_height + 46.0];
    let grid =
        Grid::new(curves.len(), columns, width, origin, [panel.gap, 42.0]).of_height(panel.height);
    panel.width = grid.cell[0];
    let body = html! {
        (key)
        (mark::text([0.0, key_height + 14.0], Anchor::Start, SMALL, "ECDF − rank"))
        @for (index, curve) in curves.iter().enumerate() {
            @let panel = panel.placed(grid.corner(index));
            (panel.y_axis(grid.starts_row(index)))
            (panel.clipped(marks(&panel, curve, ink_of(mechanisms, curve.mechanism.as_deref()))))
            (panel.x_axis(grid.ends_column(index)))
            (panel.over(heading(mechanisms, curve, panel.width)))
            @if index + 1 == curves.len() { (panel.x_label("normalised rank")) }
        }
    };
    Drawing {
        width,
        height: grid.bottom() + 38.0,
        body,
    }
}

fn heading(mechanisms: &[Mechanism], curve: &SbcCurve, width: f64) -> Markup {
    let ink = ink_of(mechanisms, curve.mechanism.as_deref());
    let name = mark::fit(&curve.quantity, NAME, width);
    let after = mark::text_width(&name, NAME) + 6.0;
    let mechanism = mark::fit(
        curve.mechanism.as_deref().unwrap_or(""),
        SMALL,
        width - after,
    );
    html! {
        (mark::text([0.0, -7.0], Anchor::Start, NAME.ink(ink), &name))
        @if mechanism.chars().count() > 1 {
            (mark::text([width, -7.0], Anchor::End, SMALL, &mechanism))
        }
    }
}

fn marks(panel: &Panel, curve: &SbcCurve, ink: Ink) -> Markup {
    let x = panel.all_x(&curve.ranks);
    let band = mark::area_path(&x, &panel.all_y(&curve.lower), &panel.all_y(&curve.upper));
    let line = curve
        .ranks
        .iter()
        .zip(&curve.difference)
        .map(|(r, d)| panel.at(*r, *d));
    let across = |value: f64| format!("M0 {}H{}", px(panel.at_y(value)), px(panel.width));
    html! {
        (mark::fill(&band, Ink::Prior, 0.3))
        (mark::stroke(&across(0.0), Ink::Axis, 1.0))
        @if curve.tolerance > 0.0 && curve.tolerance.is_finite() {
            (mark::dashed(&across(curve.tolerance), Ink::Muted, 1.0))
            (mark::dashed(&across(-curve.tolerance), Ink::Muted, 1.0))
        }
        (mark::stroke(&mark::line_path(line), ink, 1.75))
    }
}
