//! Observed series over what the mechanisms predict: one panel a mechanism, all on the same axes.

use maud::{Markup, html};

use super::{Drawing, Figure, grid::Grid, ink_of, name_of, with_unit};
use crate::{
    content::{Mechanism, Prediction, Scale, Series},
    draw::{
        axis::Axis,
        ink::Ink,
        mark::{self, Anchor, NAME, SMALL, Sample},
        number,
        panel::Panel,
    },
};

/// Whether a prediction knew the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predictive {
    /// Before anything was learned.
    Prior,
    /// Given the data.
    Posterior,
    /// Of what is not given, given the data.
    Unseen,
    /// Stored simulations that are like the data.
    Alike,
}

/// The figure of one series; `None` when there is nothing to draw.
pub fn figure(
    when: Predictive,
    mechanisms: &[Mechanism],
    series: &Series,
    predictions: &[Prediction],
) -> Option<Figure> {
    let mine: Vec<&Prediction> = predictions
        .iter()
        .filter(|p| p.series == series.name)
        .collect();
    let is_observed = series.values.iter().any(|v| v.is_finite());
    if mine.is_empty() && !is_observed {
        return None;
    }
    let label = if series.label.is_empty() {
        &series.name
    } else {
        &series.label
    };
    let (stem, title, meaning) = match when {
        _ if mine.is_empty() => (
            "data",
            format!("The data: {label}"),
            "Dots: what was observed.",
        ),
        Predictive::Prior => (
            "prior-predictive",
            format!("Before anything is learned: {label}"),
            "Bands: what each mechanism produces with parameters from the prior; thin lines: single \
             simulations; dots: the data.",
        ),
        Predictive::Posterior => (
            "posterior-predictive",
            format!("After learning: {label}"),
            "Bands: new data that each mechanism would produce with parameters from the posterior; \
             line: their median; dots: the data.",
        ),
        Predictive::Unseen => (
            "not-seen",
            format!("Not given, but told by the data: {label}"),
            match (is_observed, mine.iter().any(|p| !p.samples.is_empty())) {
                (true, true) => {
                    "Bands: what comes where nothing is given, over all mechanisms; line: the median; \
                     thin lines: single paths; dots: what is given."
                }
                (false, true) => {
                    "Bands: what this series was, which is not given, over all mechanisms; line: the \
                     median; thin lines: single paths."
                }
                (true, false) => {
                    "Bands: what comes where nothing is given, over all mechanisms; line: the median; dots: \
                     what is given."
                }
                (false, false) => {
                    "Bands: what this series was, which is not given, over all mechanisms; line: the median."
                }
            },
        ),
        Predictive::Alike => (
            "alike",
            format!("Most like the data: {label}"),
            "Lines: what the simulations made that the network of each mechanism takes as most like the \
             data; dots: the data.",
        ),
    };
    let (y, cut) = value_axis(series, &mine);
    let mut caption = meaning.to_owned();
    if let Some(reach) = cut {
        caption += &format!(
            " The vertical axis is cut around the data: the widest band spans {}.",
            number::interval(reach, 2)
        );
    }
    let draw = |width: f64| drawing(when, mechanisms, series, &mine, y, width);
    Some(Figure::new(
        &format!("{stem}-{}", series.name),
        title,
        caption,
        draw,
    ))
}

fn drawing(
    when: Predictive,
    mechanisms: &[Mechanism],
    series: &Series,
    predictions: &[&Prediction],
    y: Axis,
    width: f64,
) -> Drawing {
    let times = times_of(&series.times, series.values.len());
    let all_times = predictions
        .iter()
        .flat_map(|p| {
            times_of(
                &p.times,
                p.quantiles
                    .first()
                    .or(p.samples.first())
                    .map_or(0, Vec::len),
            )
        })
        .chain(times.iter().copied());
    let x = Axis::fit(Scale::Linear, all_times, 0.025);
    let label = if series.label.is_empty() {
        &series.name
    } else {
        &series.label
    };

    let (key, key_height) = mark::key(&key_of(predictions, !times.is_empty()), width - 8.0);
    let count = predictions.len().max(1);
    let columns = match count {
        _ if width < 500.0 => 1,
        4 => 2,
        n => n.min(3),
    };
    let mut panel = Panel {
        x,
        y,
        left: 0.0,
        top: 0.0,
        width: 0.0,
        height: 160.0,
        gap: 20.0,
    };
    panel.height = if width < 500.0 {
        130.0
    } else {
        [0.0, 280.0, 210.0, 175.0][columns]
    };
    let named = predictions.iter().any(|p| p.mechanism.is_some()) || count > 1;
    let head = if named { 26.0 } else { 10.0 };
    let origin = [panel.y_labels_width(), 20.0 + key_height + head];
    let grid =
        Grid::new(count, columns, width, origin, [panel.gap, 22.0 + head]).of_height(panel.height);
    panel.width = grid.cell[0];

    let body = html! {
        (mark::text([0.0, 13.0], Anchor::Start, NAME, &with_unit(label, &series.unit)))
        g transform="translate(0 20)" { (key) }
        @for index in 0..count {
            @let prediction = predictions.get(index);
            @let mechanism = prediction.and_then(|p| p.mechanism.as_deref());
            @let ink = ink_of(mechanisms, mechanism);
            @let panel = panel.placed(grid.corner(index));
            (panel.y_axis(grid.starts_row(index)))
            @if let Some(prediction) = prediction { (panel.clipped(bands(&panel, prediction, ink))) }
            (panel.x_axis(grid.ends_column(index)))
            (panel.over(data(&panel, &times, &series.values)))
            @if named { (panel.over(heading(when, mechanisms, mechanism, ink, panel.width))) }
            @if index + 1 == count { (panel.x_label(&series.time_label)) }
        }
    };
    let foot = if series.time_label.is_empty() {
        22.0
    } else {
        38.0
    };
    Drawing {
        width,
        height: grid.bottom() + foot,
        body,
    }
}

fn heading(
    when: Predictive,
    mechanisms: &[Mechanism],
    mechanism: Option<&str>,
    ink: Ink,
    width: f64,
) -> Markup {
    let name = mark::fit(name_of(mechanism), NAME, width);
    let probability = mechanisms
        .iter()
        .find(|m| Some(m.name.as_str()) == mechanism)
        .map(|m| {
            if when == Predictive::Prior {
                m.prior
            } else {
                m.posterior
            }
        })
        .filter(|p| p.is_finite())
        .map(|p| format!("probability {}", number::probability(p)));
    html! {
        (mark::text([0.0, -7.0], Anchor::Start, NAME.ink(ink), &name))
        @if let Some(words) = probability {
            @if mark::text_width(&name, NAME) + mark::text_width(&words, SMALL) + 12.0 < width {
                (mark::text([width, -7.0], Anchor::End, SMALL, &words))
            }
        }
    }
}

fn bands(panel: &Panel, prediction: &Prediction, ink: Ink) -> Markup {
    let rows = &prediction.quantiles;
    let length = rows
        .first()
        .or(prediction.samples.first())
        .map_or(0, Vec::len);
    let times = times_of(&prediction.times, length);
    let x = panel.all_x(&times);
    let line =
        |values: &[f64]| mark::line_path(times.iter().zip(values).map(|(t, v)| panel.at(*t, *v)));
    html! {
        @for band in 0..rows.len() / 2 {
            @let [lower, upper] = [&rows[band], &rows[rows.len() - 1 - band]].map(|r| panel.all_y(r));
            (mark::fill(&mark::area_path(&x, &lower, &upper), ink, BAND))
        }
        @for sample in &prediction.samples {
            g stroke-opacity="0.45" { (mark::stroke(&line(sample), ink, 0.8)) }
        }
        @if rows.len() % 2 == 1 { (mark::stroke(&line(&rows[rows.len() / 2]), ink, 1.75)) }
    }
}

/// Opacity of one band; nested bands add up.
const BAND: f64 = 0.17;

fn data(panel: &Panel, times: &[f64], values: &[f64]) -> Markup {
    let at = |(t, v): (&f64, &f64)| panel.at(*t, *v);
    let points = times.iter().zip(values);
    html! {
        @if values.len() > 300 {
            (mark::stroke(&mark::line_path(points.map(at)), Ink::Text, 1.0))
        } @else {
            @for point in points.map(at) {
                (mark::dot(point, if values.len() > 60 { 2.0 } else { 3.0 }, Ink::Text))
            }
        }
    }
}

fn key_of(predictions: &[&Prediction], observed: bool) -> Vec<(Sample, &'static str)> {
    let mut entries = Vec::new();
    entries.extend(observed.then_some((Sample::Dot(Ink::Text), "data")));
    let Some(first) = predictions.first() else {
        return entries;
    };
    let levels = &first.levels;
    let share = |band: usize| 100.0 * (levels[levels.len() - 1 - band] - levels[band]);
    for band in (0..levels.len() / 2).rev() {
        // The common shares have fixed names; a key needs no more.
        let name = match share(band).round() as i64 {
            50 => "50 % band",
            80 => "80 % band",
            90 => "90 % band",
            95 => "95 % band",
            99 => "99 % band",
            _ => "band",
        };
        entries.push((
            Sample::Patch(Ink::Muted, BAND * (band + 1) as f64 + 0.05),
            name,
        ));
    }
    if levels.len() % 2 == 1 {
        entries.push((Sample::Line(Ink::Muted), "median"));
    }
    entries
}

/// The value axis: it holds all data, and as much of the bands as leaves the data legible. Also the
/// range of the bands, where they were cut.
fn value_axis(series: &Series, predictions: &[&Prediction]) -> (Axis, Option<[f64; 2]>) {
    let scale = series.scale;
    let banded = || {
        predictions
            .iter()
            .flat_map(|p| p.quantiles.iter().flatten().copied())
    };
    let data = Axis::fit(scale, series.values.iter().copied(), 0.0);
    let bands = Axis::fit(scale, banded(), 0.0);
    let has = |mut values: Box<dyn Iterator<Item = f64> + '_>| values.any(f64::is_finite);
    if !has(Box::new(banded())) {
        let sampled = predictions
            .iter()
            .flat_map(|p| p.samples.iter().flatten().copied());
        let all = series.values.iter().copied().chain(sampled);
        return (Axis::fit(scale, all, 0.06), None);
    }
    if !has(Box::new(series.values.iter().copied())) {
        return (Axis::fit(scale, banded(), 0.06), None);
    }
    let ([low, high], [band_low, band_high]) = (data.range(), bands.range());
    let room = 1.5 * (high - low);
    let [shown_low, shown_high] = [
        low.min(band_low.max(low - room)),
        high.max(band_high.min(high + room)),
    ];
    let value = |at: f64| {
        if bands.scale() == Scale::Log {
            10f64.powf(at)
        } else {
            at
        }
    };
    let cut = band_low < shown_low || band_high > shown_high;
    let axis = Axis::fit(scale, [value(shown_low), value(shown_high)], 0.04);
    (axis, cut.then(|| [value(band_low), value(band_high)]))
}

/// `times`, or 1, 2, 3, ... when there are none.
fn times_of(times: &[f64], length: usize) -> Vec<f64> {
    if times.is_empty() {
        (1..=length).map(|i| i as f64).collect()
    } else {
        times.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis_of(band: [f64; 2]) -> ([f64; 2], Option<[f64; 2]>) {
        let series = Series {
            values: vec![0.0, 100.0, f64::NAN],
            ..Series::default()
        };
        let quantiles = vec![vec![band[0]], vec![band[1]]];
        let prediction = Prediction {
            quantiles,
            ..Prediction::default()
        };
        let (axis, cut) = value_axis(&series, &[&prediction]);
        (axis.range(), cut)
    }

    #[test]
    fn bands_far_beyond_the_data_are_cut_and_said_to_be() {
        let ([low, high], cut) = axis_of([0.0, 1e6]);
        assert!(low <= 0.0 && (250.0..300.0).contains(&high), "{low} {high}");
        assert_eq!(cut, Some([0.0, 1e6]));
        let ([_, high], cut) = axis_of([10.0, 180.0]);
        assert!(high > 180.0 && cut.is_none());
    }
}
