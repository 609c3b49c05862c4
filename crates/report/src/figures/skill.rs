//! Forecasts by several models: their scores relative to one of them against the horizon, and how much
//! their intervals hold.

use maud::{Markup, html};

use super::{Drawing, Figure};
use crate::{
    content::{Forecaster, Forecasts, Scale},
    draw::{
        axis::Axis,
        ink::Ink,
        mark::{self, Anchor, NAME, Sample},
        panel::Panel,
    },
};

/// Height of a panel, pixels.
const HEIGHT: f64 = 200.0;

/// The figure; `None` where nothing was forecast.
pub fn figure(forecasts: &Forecasts) -> Option<Figure> {
    let any = forecasts.models.iter().flat_map(|model| &model.covered);
    any.clone().next()?;
    let caption = format!(
        "Left: the weighted interval score of each model over that of the {}, by how many steps ahead; \
         below 1 is better. Right: the share of what came that central intervals hold, against the share \
         that they should hold; above the diagonal they are wider than they need be, below it too narrow.",
        forecasts.reference
    );
    Some(Figure::new(
        &format!("skill-{}", forecasts.variable),
        format!("What forecasts of {} are worth", forecasts.variable),
        caption,
        |width| drawing(forecasts, width),
    ))
}

/// A model's ink: the reference is muted, the last one is the first of the colours.
fn ink(forecasts: &Forecasts, place: usize) -> Ink {
    match forecasts.models[place].name == forecasts.reference {
        true => Ink::Muted,
        false => Ink::Mechanism(forecasts.models.len() - 1 - place),
    }
}

fn drawing(forecasts: &Forecasts, width: f64) -> Drawing {
    let models = || {
        (0..forecasts.models.len()).map(|place| (&forecasts.models[place], ink(forecasts, place)))
    };
    let entries: Vec<(Sample, &str)> = models()
        .map(|(model, ink)| (Sample::Line(ink), model.name.as_str()))
        .collect();
    let (key, key_height) = mark::key(&entries, width);
    let horizons: Vec<f64> = forecasts.horizons.iter().map(|&h| h as f64).collect();
    let scores = models().flat_map(|(model, _)| model.relative_score.clone());
    let blank = Panel {
        x: Axis::fit(Scale::Linear, horizons.iter().copied(), 0.04),
        y: Axis::fit(Scale::Linear, scores.chain([1.0]), 0.08),
        left: 0.0,
        top: key_height + 30.0,
        width: 0.0,
        height: HEIGHT,
        gap: 26.0,
    };
    let square = Axis::between(0.0, 1.0);
    let below = width < 500.0;
    let score = blank.placed([blank.y_labels_width(), blank.top]);
    let held = Panel {
        x: square,
        y: square,
        ..blank
    };
    let labels = score.left + held.y_labels_width();
    let free = (width - labels - score.gap - 8.0).max(80.0);
    let (score, held) = if below {
        let each = width - score.left.max(held.y_labels_width()) - 8.0;
        let score = Panel {
            width: each,
            ..score
        };
        let top = score.top + HEIGHT + 76.0;
        (
            score,
            Panel {
                width: each,
                ..held
            }
            .placed([held.y_labels_width(), top]),
        )
    } else {
        let score = Panel {
            width: 0.6 * free,
            ..score
        };
        let left = score.left + score.width + score.gap + held.y_labels_width();
        (
            score,
            Panel {
                width: 0.4 * free,
                ..held
            }
            .placed([left, score.top]),
        )
    };
    let body = html! {
        (key)
        (axes(&score, "score over the reference's", "steps ahead"))
        (score.clipped(html! {
            (mark::stroke(&mark::line_path([score.x.range()[0], score.x.range()[1]].map(|x| score.at(x, 1.0))), Ink::Axis, 1.0))
            @for (model, ink) in models() { (line(&score, &horizons, &model.relative_score, ink)) }
        }))
        (score.over(html! {
            @for (model, ink) in models() { (dots(&score, &horizons, model, ink)) }
        }))
        (axes(&held, "share held", "share that intervals should hold"))
        (held.clipped(html! {
            (mark::stroke(&mark::line_path([held.at(0.0, 0.0), held.at(1.0, 1.0)]), Ink::Axis, 1.0))
            @for (model, ink) in models() { (line(&held, &forecasts.nominal, &model.covered, ink)) }
        }))
    };
    Drawing {
        width,
        height: held.top + HEIGHT + 38.0,
        body,
    }
}

fn axes(panel: &Panel, title: &str, x: &str) -> Markup {
    html! {
        (panel.y_axis(true))
        (panel.x_axis(true))
        (panel.x_label(x))
        (panel.over(mark::text([0.0, -8.0], Anchor::Start, NAME, &mark::fit(title, NAME, panel.width))))
    }
}

fn line(panel: &Panel, x: &[f64], y: &[f64], ink: Ink) -> Markup {
    let points = x.iter().zip(y).map(|(x, y)| panel.at(*x, *y));
    mark::stroke(&mark::line_path(points), ink, 1.75)
}

/// Dots where there are few horizons.
fn dots(panel: &Panel, horizons: &[f64], model: &Forecaster, ink: Ink) -> Markup {
    let points = horizons.iter().zip(&model.relative_score);
    let points = points.filter(|(_, score)| score.is_finite() && horizons.len() <= 8);
    html! {
        @for (horizon, score) in points { (mark::dot(panel.at(*horizon, *score), 3.0, ink)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_a_line_in_both_panels() {
        let model = |name: &str, score: f64| Forecaster {
            name: name.into(),
            relative_score: vec![score, score + 0.1],
            covered: vec![0.4, 0.9],
        };
        let forecasts = Forecasts {
            variable: "cases & deaths".into(),
            reference: "last value".into(),
            horizons: vec![1, 2],
            nominal: vec![0.5, 0.95],
            models: vec![model("last value", 1.0), model("gnomon", 0.7)],
        };
        let figure = figure(&forecasts).unwrap();
        assert_eq!(figure.name, "skill-cases---deaths");
        let svg = figure.file();
        assert!(
            svg.contains("cases &amp; deaths") && svg.contains(">gnomon<"),
            "{svg}"
        );
        assert!(!svg.contains("NaN"));
        assert!(super::figure(&Forecasts::default()).is_none());
    }
}
