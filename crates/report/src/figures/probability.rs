//! Probabilities of the mechanisms: a bar each, with a tick where the prior was.

use maud::html;

use super::{Drawing, Figure};
use crate::{
    content::Mechanism,
    draw::{
        axis::Axis,
        ink::Ink,
        mark::{self, Anchor, NAME, SMALL, Sample, px},
        number,
        panel::Panel,
    },
};

/// The figure; `None` unless some mechanism has a posterior probability.
pub fn figure(mechanisms: &[Mechanism]) -> Option<Figure> {
    mechanisms.iter().any(|m| m.posterior.is_finite()).then(|| {
        let meaning = mechanisms.iter().find(|m| m.interval[0].is_finite());
        let mut caption = "Bar: posterior probability; tick: prior probability.".to_owned();
        if let Some(mechanism) = meaning {
            let what = &mechanism.interval_meaning;
            caption += &format!(
                " Whisker: {}.",
                if what.is_empty() {
                    "its interval"
                } else {
                    what
                }
            );
        }
        let draw = |width| drawing(mechanisms, width);
        Figure::new(
            "mechanism-probability",
            "Probability of each mechanism",
            caption,
            draw,
        )
    })
}

fn drawing(mechanisms: &[Mechanism], width: f64) -> Drawing {
    const ROW: f64 = 34.0;
    let widest = mechanisms
        .iter()
        .map(|m| mark::text_width(&m.name, NAME))
        .fold(0.0, f64::max);
    let left = (widest + 12.0).min(0.35 * width);
    let (key, key_height) = mark::key(
        &[
            (Sample::Patch(Ink::Muted, 0.6), "posterior"),
            (Sample::Tick(Ink::Text), "prior"),
        ],
        width,
    );
    let panel = Panel {
        x: Axis::between(0.0, 1.0),
        y: Axis::between(0.0, 1.0),
        left,
        top: key_height + 6.0,
        width: width - left - 64.0,
        height: ROW * mechanisms.len() as f64,
        gap: 20.0,
    };
    let body = html! {
        g transform={ "translate(" (px(left)) " 0)" } { (key) }
        (panel.x_axis(true))
        (panel.over(html! {
            @for (index, mechanism) in mechanisms.iter().enumerate() {
                @let ink = Ink::Mechanism(index);
                @let middle = ROW * (index as f64 + 0.5);
                @let name = mark::fit(&mechanism.name, NAME, left - 10.0);
                (mark::text([-10.0, middle + 4.5], Anchor::End, NAME.ink(ink), &name))
                (bar(panel.at_x(mechanism.posterior), middle, ink))
                (whisker(mechanism.interval.map(|v| panel.at_x(v)), middle))
                (tick(panel.at_x(mechanism.prior), middle))
                (mark::text(
                    [panel.width + 10.0, middle + 4.0],
                    Anchor::Start,
                    NAME,
                    &number::probability(mechanism.posterior),
                ))
            }
        }))
        (mark::text([panel.left + panel.width, panel.top + panel.height + 31.0], Anchor::End, SMALL, "probability"))
    };
    Drawing {
        width,
        height: panel.top + panel.height + 38.0,
        body,
    }
}

fn bar(to: f64, middle: f64, ink: Ink) -> maud::Markup {
    html! {
        @if to.is_finite() {
            rect x="0" y=(px(middle - 8.0)) width=(px(to.max(0.75))) height="16" fill=(ink)
                fill-opacity="0.85" {}
        }
    }
}

fn whisker([low, high]: [f64; 2], middle: f64) -> maud::Markup {
    html! {
        @if low.is_finite() && high.is_finite() {
            @let path = format!("M{} {}H{}", px(low), px(middle), px(high));
            (mark::stroke(&path, Ink::Paper, 4.0))
            (mark::stroke(&path, Ink::Text, 1.5))
        }
    }
}

fn tick(at: f64, middle: f64) -> maud::Markup {
    html! {
        @if at.is_finite() {
            (mark::stroke(&format!("M{} {}v24", px(at), px(middle - 12.0)), Ink::Text, 2.0))
        }
    }
}
