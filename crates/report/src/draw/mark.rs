//! Numbers to SVG shapes. Positions are in pixels; what is not finite leaves a gap.

use std::fmt::Write;

use maud::{Markup, html};

use super::ink::Ink;

/// A position or length for an attribute: at most two decimals.
pub fn px(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// Path data of a line through `points`; it is broken where a point is not finite.
pub fn line_path(points: impl IntoIterator<Item = [f64; 2]>) -> String {
    let mut path = String::new();
    let mut last: Option<([f64; 2], bool)> = None;
    // A point between two gaps becomes a dot: a line of no length with round caps.
    let end = |path: &mut String, last: Option<([f64; 2], bool)>| {
        if let Some((_, true)) = last {
            path.push_str("h0.01");
        }
    };
    for [x, y] in points {
        if !(x.is_finite() && y.is_finite()) {
            end(&mut path, last.take());
            continue;
        }
        let command = if last.is_none() { 'M' } else { 'L' };
        let _ = write!(path, "{command}{} {}", px(x), px(y));
        last = Some(([x, y], last.is_none()));
    }
    end(&mut path, last);
    path
}

/// Path data of a closed loop.
pub fn loop_path(points: impl IntoIterator<Item = [f64; 2]>) -> String {
    let path = line_path(points);
    if path.is_empty() { path } else { path + "Z" }
}

/// Path data of the area between `lower` and `upper` over `x`; broken where any is not finite. A
/// single point is given some width, so that it is seen.
pub fn area_path(x: &[f64], lower: &[f64], upper: &[f64]) -> String {
    let finite = |i: &usize| x[*i].is_finite() && lower[*i].is_finite() && upper[*i].is_finite();
    let length = x.len().min(lower.len()).min(upper.len());
    let mut path = String::new();
    let mut start = 0;
    while start < length {
        let end = (start..length).find(|i| !finite(i)).unwrap_or(length);
        if end - start == 1 {
            let [left, right] = [x[start] - 3.0, x[start] + 3.0];
            let [low, high] = [lower[start], upper[start]];
            path += &loop_path([[left, low], [right, low], [right, high], [left, high]]);
        } else {
            let there = (start..end).map(|i| [x[i], upper[i]]);
            let back = (start..end).rev().map(|i| [x[i], lower[i]]);
            path += &loop_path(there.chain(back));
        }
        start = end + 1;
    }
    path
}

/// A line.
pub fn stroke(path: &str, ink: Ink, width: f64) -> Markup {
    html! {
        @if !path.is_empty() {
            path d=(path) fill="none" stroke=(ink) stroke-width=(width)
                stroke-linejoin="round" stroke-linecap="round" {}
        }
    }
}

/// A broken line.
pub fn dashed(path: &str, ink: Ink, width: f64) -> Markup {
    html! {
        @if !path.is_empty() {
            path d=(path) fill="none" stroke=(ink) stroke-width=(width) stroke-dasharray="4 3" {}
        }
    }
}

/// A filled area.
pub fn fill(path: &str, ink: Ink, opacity: f64) -> Markup {
    html! {
        @if !path.is_empty() {
            path d=(path) fill=(ink) fill-opacity=(opacity) fill-rule="evenodd" {}
        }
    }
}

/// A dot, ringed by the paper so that it stands out from what lies under it.
pub fn dot([x, y]: [f64; 2], radius: f64, ink: Ink) -> Markup {
    html! {
        @if x.is_finite() && y.is_finite() {
            circle cx=(px(x)) cy=(px(y)) r=(radius) fill=(ink) stroke=(Ink::Paper)
                stroke-width="1" {}
        }
    }
}

/// Which end of a text its position is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The left end.
    Start,
    /// The middle.
    Middle,
    /// The right end.
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub struct Type {
    /// Height in pixels.
    pub size: f64,
    /// Colour.
    pub ink: Ink,
    /// Whether it is bold.
    pub bold: bool,
}

/// Tick labels and small notes.
pub const SMALL: Type = Type {
    size: 11.0,
    ink: Ink::Muted,
    bold: false,
};
/// Names of panels.
pub const NAME: Type = Type {
    size: 12.5,
    ink: Ink::Text,
    bold: true,
};

impl Type {
    /// The same in another colour.
    pub fn ink(self, ink: Ink) -> Self {
        Self { ink, ..self }
    }
}

/// A line of text with its baseline at `y`.
pub fn text([x, y]: [f64; 2], anchor: Anchor, look: Type, words: &str) -> Markup {
    let anchor = match anchor {
        Anchor::Start => None,
        Anchor::Middle => Some("middle"),
        Anchor::End => Some("end"),
    };
    html! {
        @if !words.is_empty() {
            text x=(px(x)) y=(px(y)) text-anchor=[anchor] font-size=(look.size) fill=(look.ink)
                font-weight=[look.bold.then_some("600")] { (words) }
        }
    }
}

/// Width of a text in pixels: an estimate for a common sans-serif, on the wide side.
pub fn text_width(words: &str, look: Type) -> f64 {
    let em = |c: char| match c {
        'i'
        | 'j'
        | 'l'
        | 't'
        | 'f'
        | 'r'
        | ' '
        | '.'
        | ','
        | ':'
        | '|'
        | '('
        | ')'
        | '\u{202f}'
        | '⁰'..='⁹'
        | '⁻'
        | '¹'
        | '²'
        | '³' => 0.36,
        'm' | 'w' | 'M' | 'W' | '%' => 0.98,
        'A'..='Z' => 0.72,
        _ => 0.63,
    };
    words.chars().map(em).sum::<f64>() * look.size * if look.bold { 1.12 } else { 1.0 }
}

/// `words` cut so that they fit into `width` pixels.
pub fn fit(words: &str, look: Type, width: f64) -> String {
    if text_width(words, look) <= width {
        return words.to_owned();
    }
    let mut out = words.to_owned();
    while !out.is_empty() && text_width(&out, look) + 0.9 * look.size > width {
        out.pop();
    }
    out.trim_end().to_owned() + "…"
}

/// One entry of a key.
#[derive(Clone, Copy, Debug)]
pub enum Sample {
    /// A filled patch of this opacity.
    Patch(Ink, f64),
    /// A line.
    Line(Ink),
    /// A broken line.
    Dashes(Ink),
    /// A dot.
    Dot(Ink),
    /// An upright tick.
    Tick(Ink),
}

/// A key: what the marks mean, in rows no wider than `width`. Returns the rows' height as well.
pub fn key(entries: &[(Sample, &str)], width: f64) -> (Markup, f64) {
    const ROW: f64 = 18.0;
    let mut at = [0.0, 0.0];
    let mut placed = Vec::new();
    for (sample, words) in entries {
        let wide = 24.0 + text_width(words, SMALL);
        if at[0] > 0.0 && at[0] + wide > width {
            at = [0.0, at[1] + ROW];
        }
        placed.push((*sample, *words, at));
        at[0] += wide + 14.0;
    }
    let markup = html! {
        @for (sample, words, [x, y]) in &placed {
            g transform={ "translate(" (px(*x)) " " (px(*y)) ")" } {
                @match sample {
                    Sample::Patch(ink, opacity) => (fill("M0 2H18V14H0Z", *ink, *opacity)),
                    Sample::Line(ink) => (stroke("M1 8H17", *ink, 2.0)),
                    Sample::Dashes(ink) => (dashed("M0 8H18", *ink, 1.25)),
                    Sample::Tick(ink) => (stroke("M9 1V15", *ink, 2.0)),
                    Sample::Dot(ink) => (dot([9.0, 8.0], 3.5, *ink)),
                }
                (text([24.0, 12.0], Anchor::Start, SMALL, words))
            }
        }
    };
    (markup, if entries.is_empty() { 0.0 } else { at[1] + ROW })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: f64 = f64::NAN;

    #[test]
    fn lines_break_at_gaps_and_lone_points_are_dots() {
        assert_eq!(line_path([[0.0, 1.0], [2.0, 3.25]]), "M0 1L2 3.25");
        assert_eq!(
            line_path([[0.0, 1.0], [1.0, GAP], [2.0, 5.0], [3.0, 6.0]]),
            "M0 1h0.01M2 5L3 6"
        );
        assert_eq!(line_path([[GAP, GAP]]), "");
    }

    #[test]
    fn areas_break_at_gaps() {
        let path = area_path(
            &[0.0, 1.0, 2.0, 9.0],
            &[1.0, 1.0, GAP, 1.0],
            &[2.0, 3.0, 3.0, 4.0],
        );
        assert_eq!(path, "M0 2L1 3L1 1L0 1ZM6 1L12 1L12 4L6 4Z");
        assert_eq!(area_path(&[], &[], &[]), "");
        assert_eq!(area_path(&[0.0, 1.0], &[], &[]), "");
    }

    #[test]
    fn texts_are_escaped_and_cut() {
        let markup = text([0.0, 0.0], Anchor::Start, SMALL, "a<b>&c").into_string();
        assert!(markup.contains("a&lt;b&gt;&amp;c"));
        assert!(fit("a very long name indeed", SMALL, 60.0).ends_with('…'));
        assert_eq!(fit("short", SMALL, 60.0), "short");
    }
}
