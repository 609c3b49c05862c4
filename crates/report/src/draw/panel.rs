//! A panel: two axes and the place where they are drawn. Marks inside it are in its own pixels, from
//! its upper left corner.

use maud::{Markup, html};

use super::{
    axis::{Axis, Tick, spread},
    ink::Ink,
    mark::{Anchor, SMALL, px, stroke, text, text_width},
};

/// Two axes and a place.
#[derive(Clone, Copy, Debug)]
pub struct Panel {
    /// The horizontal axis, from left to right.
    pub x: Axis,
    /// The vertical axis, from bottom to top.
    pub y: Axis,
    /// Left edge in the figure.
    pub left: f64,
    /// Upper edge in the figure.
    pub top: f64,
    /// Width of the plotting area.
    pub width: f64,
    /// Height of the plotting area.
    pub height: f64,
    /// Space to the next panel, into which labels may reach by half.
    pub gap: f64,
}

impl Panel {
    /// The same panel with its upper left corner there.
    pub fn placed(self, [left, top]: [f64; 2]) -> Self {
        Self { left, top, ..self }
    }

    /// Horizontal position of a value, in the panel.
    pub fn at_x(&self, value: f64) -> f64 {
        self.x.fraction(value) * self.width
    }

    /// Vertical position of a value, in the panel.
    pub fn at_y(&self, value: f64) -> f64 {
        (1.0 - self.y.fraction(value)) * self.height
    }

    /// Position of a pair of values, in the panel; kept within reach of the panel, since viewers
    /// do not draw what is very far away.
    pub fn at(&self, x: f64, y: f64) -> [f64; 2] {
        let near = |position: f64, size: f64| match position.is_nan() {
            true => position,
            false => position.clamp(-size, 2.0 * size),
        };
        [
            near(self.at_x(x), self.width),
            near(self.at_y(y), self.height),
        ]
    }

    /// Positions of a list of values along x.
    pub fn all_x(&self, values: &[f64]) -> Vec<f64> {
        values.iter().map(|v| self.at(*v, f64::NAN)[0]).collect()
    }

    /// Positions of a list of values along y.
    pub fn all_y(&self, values: &[f64]) -> Vec<f64> {
        values.iter().map(|v| self.at(f64::NAN, *v)[1]).collect()
    }

    /// Marks that end where the panel ends.
    pub fn clipped(&self, marks: Markup) -> Markup {
        html! {
            svg x=(px(self.left)) y=(px(self.top)) width=(px(self.width)) height=(px(self.height))
                overflow="hidden" { (marks) }
        }
    }

    /// Marks that may reach out of the panel.
    pub fn over(&self, marks: Markup) -> Markup {
        html! {
            g transform={ "translate(" (px(self.left)) " " (px(self.top)) ")" } { (marks) }
        }
    }

    /// The horizontal axis below the panel: a line, ticks and, if `labelled`, their labels.
    pub fn x_axis(&self, labelled: bool) -> Markup {
        let ticks = self.x_ticks();
        let bottom = self.height;
        self.over(html! {
            (stroke(&format!("M0 {0}H{1}", px(bottom), px(self.width)), Ink::Axis, 1.0))
            @for tick in &ticks {
                @let x = tick.fraction * self.width;
                (stroke(&format!("M{} {}v4", px(x), px(bottom)), Ink::Axis, 1.0))
                @if labelled {
                    (text([self.label_x(tick), bottom + 16.0], Anchor::Middle, SMALL, &tick.label))
                }
            }
        })
    }

    /// Hairlines at the ticks of the vertical axis and, if `labelled`, their labels to the left.
    pub fn y_axis(&self, labelled: bool) -> Markup {
        self.over(html! {
            @for tick in self.y_ticks() {
                @let y = (1.0 - tick.fraction) * self.height;
                (stroke(&format!("M0 {}H{}", px(y), px(self.width)), Ink::Grid, 1.0))
                @if labelled {
                    (text([-6.0, y + 3.8], Anchor::End, SMALL, &tick.label))
                }
            }
        })
    }

    /// What the horizontal axis is, below its labels at the right end.
    pub fn x_label(&self, words: &str) -> Markup {
        self.over(text(
            [self.width, self.height + 31.0],
            Anchor::End,
            SMALL,
            words,
        ))
    }

    /// Ticks of the horizontal axis, so many that their labels do not touch.
    pub fn x_ticks(&self) -> Vec<Tick> {
        let apart = |ticks: &[Tick]| {
            ticks.windows(2).all(|pair| {
                let wide: f64 = pair.iter().map(|t| text_width(&t.label, SMALL)).sum();
                self.label_x(&pair[1]) - self.label_x(&pair[0]) >= wide / 2.0 + 7.0
            })
        };
        let most = ((self.width / 45.0) as usize).clamp(2, 8);
        let ticks = (2..=most)
            .rev()
            .map(|n| self.x.ticks(n))
            .find(|ticks| apart(ticks));
        ticks.unwrap_or_else(|| spread(&self.x.ticks(2), 1))
    }

    /// Middle of a tick's label: at the tick, but never reaching far out of the panel, where the next
    /// panel's labels are.
    fn label_x(&self, tick: &Tick) -> f64 {
        let half = text_width(&tick.label, SMALL) / 2.0 - self.gap / 2.0 + 3.0;
        let half = half.max(0.0);
        let x = tick.fraction * self.width;
        if 2.0 * half < self.width {
            x.clamp(half, self.width - half)
        } else {
            x
        }
    }

    /// Ticks of the vertical axis.
    pub fn y_ticks(&self) -> Vec<Tick> {
        self.y.ticks(((self.height / 28.0) as usize).clamp(2, 6))
    }

    /// Width that the labels of the vertical axis take.
    pub fn y_labels_width(&self) -> f64 {
        let widths = self
            .y_ticks()
            .into_iter()
            .map(|t| text_width(&t.label, SMALL));
        widths.fold(0.0, f64::max) + 8.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Scale;

    #[test]
    fn labels_of_a_narrow_panel_do_not_touch() {
        for (low, high) in [(0.0, 1e5), (-3e-9, 2e-9), (12345.0, 12346.0), (0.0, 1.0)] {
            for width in [20.0, 60.0, 200.0, 900.0] {
                let panel = Panel {
                    x: Axis::fit(Scale::Linear, [low, high], 0.0),
                    y: Axis::between(0.0, 1.0),
                    left: 0.0,
                    top: 0.0,
                    width,
                    height: 50.0,
                    gap: 14.0,
                };
                let ticks = panel.x_ticks();
                assert!(!ticks.is_empty());
                for pair in ticks.windows(2) {
                    let gap = (pair[1].fraction - pair[0].fraction) * width;
                    assert!(
                        gap > text_width(&pair[0].label, SMALL),
                        "{low} {high} {width}"
                    );
                }
            }
        }
    }
}
