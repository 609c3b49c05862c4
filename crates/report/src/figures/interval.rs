//! Rows of intervals on one axis: a median, its 50 % and 95 % intervals, the prior behind them; and
//! the one-row glyph that shows a claim's interval against its tolerance.

use maud::{Markup, html};

use crate::{
    content::{Claim, Scale, Verdict},
    draw::{
        axis::Axis,
        ink::Ink,
        mark::{self, Anchor, NAME, SMALL, px},
        panel::Panel,
    },
};

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name, to the left.
    pub name: String,
    /// Its colour.
    pub ink: Ink,
    /// The dot.
    pub middle: f64,
    /// The thick line.
    pub inner: [f64; 2],
    /// The thin line.
    pub outer: [f64; 2],
    /// The pale band behind.
    pub prior: [f64; 2],
    /// What is written to the right.
    pub words: String,
}

/// Height of a row, pixels.
const ROW: f64 = 26.0;

/// Draws `rows` on one axis from `top` downwards: the marks, and the lower edge.
pub fn rows(rows: &[Row], scale: Scale, zero: bool, width: f64, top: f64) -> (Markup, f64) {
    let widest = |of: &dyn Fn(&Row) -> f64| rows.iter().map(of).fold(0.0, f64::max);
    let left = (widest(&|r| mark::text_width(&r.name, NAME)) + 14.0).min(0.46 * width);
    let right = widest(&|r| mark::text_width(&r.words, SMALL)) + 14.0;
    let panel = Panel {
        x: axis(rows, scale, zero),
        y: Axis::between(0.0, 1.0),
        left,
        top,
        width: (width - left - right).max(60.0),
        height: ROW * rows.len() as f64,
        gap: 20.0,
    };
    let line = |[low, high]: [f64; 2], y: f64| {
        let ends = [low, high].map(|v| panel.at(v, f64::NAN)[0]);
        mark::line_path(ends.map(|x| [x, y]))
    };
    let markup = html! {
        (panel.x_axis(true))
        (panel.clipped(html! {
            @for (index, row) in rows.iter().enumerate() {
                @let y = ROW * (index as f64 + 0.5);
                @let [from, to] = row.prior.map(|v| panel.at(v, f64::NAN)[0]);
                @if from.is_finite() && to.is_finite() {
                    rect x=(px(from)) y=(px(y - 7.0)) width=(px((to - from).max(0.0))) height="14"
                        fill=(Ink::Prior) fill-opacity="0.28" {}
                }
            }
            @if zero {
                (mark::dashed(&format!("M{} 0V{}", px(panel.at_x(0.0)), px(panel.height)), Ink::Axis, 1.0))
            }
            @for (index, row) in rows.iter().enumerate() {
                @let y = ROW * (index as f64 + 0.5);
                (mark::stroke(&line(row.outer, y), row.ink, 1.5))
                (mark::stroke(&line(row.inner, y), row.ink, 4.5))
            }
        }))
        (panel.over(html! {
            @for (index, row) in rows.iter().enumerate() {
                @let y = ROW * (index as f64 + 0.5);
                (mark::dot([panel.at(row.middle, f64::NAN)[0], y], 4.0, row.ink))
                @let name = mark::fit(&row.name, NAME, left - 12.0);
                (mark::text([-12.0, y + 4.0], Anchor::End, NAME.ink(row.ink), &name))
                (mark::text([panel.width + 12.0, y + 4.0], Anchor::Start, SMALL.ink(Ink::Text), &row.words))
            }
        }))
    };
    (markup, top + panel.height)
}

/// All posterior intervals, and of the prior as much as leaves them legible.
fn axis(rows: &[Row], scale: Scale, zero: bool) -> Axis {
    let learned: Vec<f64> = rows
        .iter()
        .flat_map(|r| [r.middle, r.outer[0], r.outer[1], r.inner[0], r.inner[1]])
        .chain(zero.then_some(0.0))
        .collect();
    let [low, high] = Axis::fit(scale, learned.iter().copied(), 0.0).range();
    let tight = Axis::fit(scale, learned.iter().copied(), 0.0);
    let room = 1.5 * (high - low);
    let priors = rows.iter().flat_map(|r| r.prior).filter(|v| v.is_finite());
    let capped = priors.map(|v| {
        let at = tight.coordinate(v).clamp(low - room, high + room);
        if tight.scale() == Scale::Log {
            10f64.powf(at)
        } else {
            at
        }
    });
    let capped: Vec<f64> = capped.collect();
    Axis::fit(scale, learned.into_iter().chain(capped), 0.04)
}

/// A claim's interval as a line with a dot, its tolerance as a tick; nothing unless there is a
/// tolerance, and an estimate or a limit.
pub fn glyph(claim: &Claim) -> Option<Markup> {
    const WIDTH: f64 = 150.0;
    let [low, high] = claim.interval;
    let known: Vec<f64> = [claim.estimate, low, high]
        .into_iter()
        .filter(|v| v.is_finite())
        .collect();
    if known.is_empty() || !claim.tolerance.is_finite() {
        return None;
    }
    let all = known.iter().copied().chain([claim.tolerance, 0.0]);
    let axis = Axis::fit(Scale::Linear, all, 0.08);
    let x = |value: f64| axis.fraction(value) * WIDTH;
    if !known.iter().all(|value| x(*value).is_finite()) || !x(claim.tolerance).is_finite() {
        return None;
    }
    let ink = ink_of(claim.verdict);
    let ends = known
        .iter()
        .fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| {
            [a.min(*v), b.max(*v)]
        });
    Some(html! {
        svg class="glyph" viewBox="0 0 150 22" width="150" height="22" aria-hidden="true" {
            (mark::stroke("M0 11H150", Ink::Grid, 1.0))
            (mark::stroke(&format!("M{} 6v10", px(x(0.0))), Ink::Axis, 1.0))
            (mark::stroke(&format!("M{} 11H{}", px(x(ends[0])), px(x(ends[1]))), ink, 3.0))
            (mark::dot([x(claim.estimate), 11.0], 4.0, ink))
            (mark::stroke(&format!("M{} 1v20", px(x(claim.tolerance))), Ink::Text, 2.0))
        }
    })
}

/// The colour of a verdict (always beside its symbol and its word).
pub fn ink_of(verdict: Verdict) -> Ink {
    match verdict {
        Verdict::Survived => Ink::Good,
        Verdict::Falsified => Ink::Bad,
        Verdict::Undecided | Verdict::Untestable | Verdict::Vacuous => Ink::Open,
    }
}
