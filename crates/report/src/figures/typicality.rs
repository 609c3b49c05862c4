//! How far the observed data lie from what the mechanisms produce, among held-out simulations.

use maud::{Markup, html};

use super::{Drawing, Figure, grid::Grid};
use crate::{
    content::{Scale, Typicality},
    draw::{
        axis::Axis,
        density::quantile,
        ink::Ink,
        mark::{self, Anchor, NAME, SMALL, px},
        number,
        panel::Panel,
    },
};

const BINS: usize = 40;

/// The figure; `None` without distances.
pub fn figure(all: &[Typicality]) -> Option<Figure> {
    let drawn: Vec<&Typicality> = all
        .iter()
        .filter(|t| t.distances.iter().any(|d| d.is_finite()))
        .collect();
    (!drawn.is_empty()).then(|| {
        let caption = "Distances of held-out simulations from what the mechanisms produce (grey) \
                       and of the observed data (line). Far to the right: none of the mechanisms \
                       makes such data.";
        Figure::new(
            "typicality",
            "Are the data within what the mechanisms produce?",
            caption,
            |width| drawing(&drawn, width),
        )
    })
}

fn drawing(all: &[&Typicality], width: f64) -> Drawing {
    let columns = if width < 500.0 {
        1
    } else {
        all.len().clamp(1, 2)
    };
    let grid = Grid::new(all.len(), columns, width, [4.0, 44.0], [28.0, 92.0]).of_height(96.0);
    let body = html! {
        @for (index, one) in all.iter().enumerate() {
            @let far = quantile(&one.distances, 0.995).max(quantile(&one.distances, 0.9) * 1.2);
            @let shown = one.distances.iter().copied().filter(|d| *d <= far);
            @let x = Axis::fit(Scale::Linear, shown.chain([0.0, one.observed]), 0.03);
            @let [left, top] = grid.corner(index);
            @let frame = Panel { x, y: Axis::between(0.0, 1.0), left, top, width: grid.cell[0], height: grid.cell[1], gap: 20.0 };
            (frame.clipped(bars(&frame, one)))
            (frame.x_axis(true))
            (frame.x_label(&capitalized(&one.name)))
            (frame.over(observed(&frame, one)))
        }
    };
    Drawing {
        width,
        height: grid.bottom() + 38.0,
        body,
    }
}

fn bars(panel: &Panel, one: &Typicality) -> Markup {
    let mut counts = [0usize; BINS];
    for distance in &one.distances {
        let at = panel.x.fraction(*distance) * BINS as f64;
        if (0.0..BINS as f64).contains(&at) {
            counts[at as usize] += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let wide = panel.width / BINS as f64;
    html! {
        @for (bin, count) in counts.iter().enumerate() {
            @if *count > 0 {
                @let high = (panel.height - 4.0) * *count as f64 / most;
                rect x=(px(bin as f64 * wide + 0.5)) y=(px(panel.height - high))
                    width=(px((wide - 1.0).max(0.5))) height=(px(high)) fill=(Ink::Prior)
                    fill-opacity="0.6" {}
            }
        }
    }
}

fn observed(panel: &Panel, one: &Typicality) -> Markup {
    let [x, _] = panel.at(one.observed, f64::NAN);
    let mut words = "observed".to_owned();
    if one.p_value.is_finite() {
        words += &format!(": {} of simulations are as far", share(one.p_value));
    }
    let room = mark::text_width(&words, SMALL);
    let start = (x - room / 2.0).clamp(0.0, (panel.width - room).max(0.0));
    html! {
        @if x.is_finite() {
            (mark::stroke(&format!("M{} -8V{}", px(x), px(panel.height)), Ink::Text, 2.0))
            (mark::text([start, -14.0], Anchor::Start, SMALL.ink(Ink::Text), &words))
        } @else {
            (mark::text([0.0, -14.0], Anchor::Start, NAME, &one.name))
        }
    }
}

/// `text` with its first letter a capital one.
fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

fn share(p: f64) -> String {
    if p < 0.001 {
        "under 0.1 %".to_owned()
    } else {
        format!("{} %", number::significant(100.0 * p, 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_named_as_the_distance_is() {
        let one = Typicality {
            name: "distance between data sets".into(),
            distances: vec![1.0, 2.0, 3.0],
            observed: 2.5,
            p_value: 0.3,
        };
        let svg = drawing(&[&one], 600.0).body.into_string();
        assert!(svg.contains(">Distance between data sets<"), "{svg}");
        assert_eq!(capitalized("école"), "École");
        assert_eq!(capitalized(""), "");
    }
}
