//! Quantities that all mechanisms share, over all mechanisms and given each; and gains in log score.

use maud::html;

use super::{
    Drawing, Figure, ink_of,
    interval::{self, Row},
    name_of, with_unit,
};
use crate::{
    content::{Mechanism, Scale, ScoreGain, SharedQuantity},
    draw::{
        ink::Ink,
        mark::{self, Anchor, NAME, SMALL, Sample},
        number,
    },
};

/// The forest plot of all shared quantities; `None` without any.
pub fn shared(mechanisms: &[Mechanism], shared: &[SharedQuantity]) -> Option<Figure> {
    (!shared.is_empty()).then(|| {
        let caption = "Dot: posterior median; thick line: 50 % interval; thin line: 95 % interval; \
                       pale band: the prior's central 90 %. Right: median and 95 % interval.";
        Figure::new(
            "shared-quantities",
            "Over all mechanisms, and given each",
            caption,
            |width| drawing(mechanisms, shared, width),
        )
    })
}

fn drawing(mechanisms: &[Mechanism], shared: &[SharedQuantity], width: f64) -> Drawing {
    let (key, mut bottom) = mark::key(
        &[
            (Sample::Dot(Ink::Muted), "median"),
            (Sample::Line(Ink::Muted), "50 % and 95 % interval"),
            (Sample::Patch(Ink::Prior, 0.28), "prior, 90 %"),
        ],
        width,
    );
    let mut parts = Vec::new();
    for one in shared {
        let quantity = &one.quantity;
        let title = with_unit(&quantity.name, &quantity.unit);
        let after = mark::text_width(&title, NAME) + 10.0;
        let described = mark::fit(&quantity.description, SMALL, width - after);
        let rows: Vec<Row> = one
            .given
            .iter()
            .map(|given| {
                let summary = &given.summary;
                let words = format!(
                    "{} ({})",
                    number::significant(summary.median, 3),
                    number::interval(summary.interval_95, 3)
                );
                Row {
                    name: name_of(given.mechanism.as_deref()).to_owned(),
                    ink: ink_of(mechanisms, given.mechanism.as_deref()),
                    middle: summary.median,
                    inner: summary.interval_50,
                    outer: summary.interval_95,
                    prior: given.prior_interval_90,
                    words,
                }
            })
            .collect();
        let top = bottom + 34.0;
        let (marks, end) = interval::rows(&rows, quantity.scale, false, width, top);
        parts.push(html! {
            (mark::text([0.0, top - 10.0], Anchor::Start, NAME, &title))
            @if described.chars().count() > 3 {
                (mark::text([after, top - 10.0], Anchor::Start, SMALL, &described))
            }
            (marks)
        });
        bottom = end + 22.0;
    }
    let body = html! { (key) @for part in parts { (part) } };
    Drawing {
        width,
        height: bottom + 2.0,
        body,
    }
}

/// Gains in log score over the prior; `None` without any.
pub fn gains(mechanisms: &[Mechanism], gains: &[ScoreGain]) -> Option<Figure> {
    (!gains.is_empty()).then(|| {
        let caption = "Mean log score of the answer minus the prior's on held-out simulations, in \
                       nats, with its interval. At 0 nothing was learned.";
        Figure::new("score-gain", "Gain over the prior", caption, |width| {
            let rows: Vec<Row> = gains
                .iter()
                .map(|gain| Row {
                    name: match &gain.mechanism {
                        Some(mechanism) => format!("{} · {mechanism}", gain.target),
                        None => gain.target.clone(),
                    },
                    ink: ink_of(mechanisms, gain.mechanism.as_deref()),
                    middle: gain.mean,
                    inner: [f64::NAN; 2],
                    outer: gain.interval,
                    prior: [f64::NAN; 2],
                    words: format!("{} nats", number::significant(gain.mean, 3)),
                })
                .collect();
            let (body, end) = interval::rows(&rows, Scale::Linear, true, width, 6.0);
            Drawing {
                width,
                height: end + 24.0,
                body,
            }
        })
    })
}
