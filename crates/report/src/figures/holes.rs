//! Responses along a parameter with their poles and samples, and below each what could hide.

use maud::{Markup, html};

use super::{Drawing, Figure, with_unit};
use crate::{
    content::{Holes, HolesOutput, Scale},
    draw::{
        axis::Axis,
        ink::Ink,
        mark::{self, Anchor, NAME, Sample},
        panel::Panel,
    },
};

const RESPONSE: f64 = 170.0;
const HIDEABLE: f64 = 104.0;
const BETWEEN: f64 = 32.0;

/// The figure.
pub fn figure(found: &Holes) -> Figure {
    let caption = "Above, |y| of the rational function through the solves, the solves as dots, and the \
                   confirmed poles. Below, the smallest residue that a further pole on the real line must \
                   have to show in the solves; gaps are the widths of found poles.";
    Figure::new(
        "holes",
        "Resonances, and what may still hide",
        caption,
        |width| drawing(found, width),
    )
}

fn drawing(found: &Holes, width: f64) -> Drawing {
    let entries = [
        (Sample::Line(Ink::Mechanism(0)), "rational function"),
        (Sample::Dot(Ink::Muted), "solve"),
        (Sample::Dot(Ink::Bad), "pole"),
    ];
    let (key, key_height) = mark::key(&entries, width);
    let all = || {
        found
            .outputs
            .iter()
            .flat_map(|one| one.curve.iter().chain(&one.samples))
    };
    let x = Axis::fit(Scale::Linear, all().map(|p| p[0]), 0.01);
    let rows: Vec<[Panel; 2]> = found
        .outputs
        .iter()
        .map(|one| {
            let shown = one.curve.iter().chain(&one.samples).chain(&one.poles);
            let panel = |y: Axis, height: f64| Panel {
                x,
                y,
                left: 0.0,
                top: 0.0,
                width: 0.0,
                height,
                gap: 0.0,
            };
            let hidden = one.hideable.iter().map(|p| p[1]);
            [
                panel(Axis::fit(Scale::Log, shown.map(|p| p[1]), 0.06), RESPONSE),
                panel(Axis::fit(Scale::Log, hidden, 0.1), HIDEABLE),
            ]
        })
        .collect();
    let labels = rows.iter().flatten().map(Panel::y_labels_width);
    let left = labels.fold(0.0, f64::max);
    let step = RESPONSE + HIDEABLE + 2.0 * BETWEEN + 16.0;
    let mut top = key_height + 22.0;
    let body = html! {
        (key)
        @for (number, (one, [response, hideable])) in found.outputs.iter().zip(rows).enumerate() {
            @let corner = top + number as f64 * step;
            @let place = |panel: Panel, top: f64| Panel { width: width - left - 6.0, ..panel }.placed([left, top]);
            @let response = place(response, corner);
            @let hideable = place(hideable, corner + RESPONSE + BETWEEN);
            (response.y_axis(true))
            (response.clipped(marks(&response, one)))
            (response.x_axis(false))
            (response.over(mark::text([0.0, -8.0], Anchor::Start, NAME, &mark::fit(&format!("|{}|", one.name), NAME, response.width))))
            (hideable.y_axis(true))
            (hideable.clipped(hidden(&hideable, one)))
            (hideable.x_axis(true))
            (hideable.over(mark::text([0.0, -8.0], Anchor::Start, NAME, "residue that would show")))
            @if number + 1 == found.outputs.len() { (hideable.x_label(&with_unit(&found.over, &found.unit))) }
        }
    };
    top += found.outputs.len() as f64 * step;
    Drawing {
        width,
        height: top + 18.0,
        body,
    }
}

fn marks(panel: &Panel, one: &HolesOutput) -> Markup {
    let line = mark::line_path(one.curve.iter().map(|p| panel.at(p[0], p[1])));
    let places = |points: &[[f64; 2]]| -> Vec<[f64; 2]> {
        let at = points.iter().map(|p| panel.at(p[0], p[1]));
        at.filter(|p| p.iter().all(|x| x.is_finite())).collect()
    };
    html! {
        (mark::stroke(&line, Ink::Mechanism(0), 1.25))
        @for point in places(&one.samples) { (mark::dot(point, 1.7, Ink::Muted)) }
        @for point in places(&one.poles) { (mark::dot(point, 3.0, Ink::Bad)) }
    }
}

fn hidden(panel: &Panel, one: &HolesOutput) -> Markup {
    html! {
        @for p in &one.hideable {
            @let at = panel.at(p[0], p[1]);
            @if at.iter().all(|x| x.is_finite()) { (mark::dot(at, 1.8, Ink::Open)) }
        }
    }
}
