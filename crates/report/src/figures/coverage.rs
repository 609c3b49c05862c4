//! Probabilities against frequencies, on the diagonal when calibrated: expected coverage, TARP, and
//! the reliability of the mechanism probabilities.

use maud::{Markup, html};

use super::{Drawing, Figure, grid::Grid, ink_of};
use crate::{
    content::{CoverageCurve, Mechanism, Reliability},
    draw::{
        axis::Axis,
        ink::Ink,
        mark::{self, Anchor, NAME, SMALL, Sample},
        panel::Panel,
    },
};

/// Expected coverage and TARP; `None` without curves.
pub fn coverage(mechanisms: &[Mechanism], curves: &[CoverageCurve]) -> Option<Figure> {
    let head = |curve: &CoverageCurve| Head {
        name: curve
            .mechanism
            .clone()
            .unwrap_or_else(|| curve.diagnostic.clone()),
        note: curve
            .mechanism
            .as_ref()
            .map_or(String::new(), |_| curve.diagnostic.clone()),
        ink: ink_of(mechanisms, curve.mechanism.as_deref()),
    };
    let heads: Vec<Head> = curves.iter().map(head).collect();
    (!curves.is_empty()).then(|| {
        let caption = "How often regions of a nominal probability hold the true parameters. On the \
                       diagonal: calibrated; above: too cautious; below: overconfident.";
        Figure::new("coverage", "Coverage", caption, |width| {
            let labels = ["nominal probability", "frequency"];
            let key = [(
                Sample::Patch(Ink::Prior, 0.3),
                "band of a calibrated answer",
            )];
            diagonals(&heads, labels, &key, width, |index, panel| {
                curve_marks(panel, &curves[index], heads[index].ink)
            })
        })
    })
}

/// Reliability of the mechanism probabilities; `None` without bins.
pub fn reliability(mechanisms: &[Mechanism], all: &[Reliability]) -> Option<Figure> {
    let head = |one: &Reliability| Head {
        name: one.mechanism.clone(),
        note: String::new(),
        ink: ink_of(mechanisms, Some(&one.mechanism)),
    };
    let heads: Vec<Head> = all.iter().map(head).collect();
    (!all.is_empty()).then(|| {
        let caption = "Among simulations that were given this probability, the share that the \
                       mechanism did produce. On the diagonal a probability means what it says. \
                       Larger dots: more simulations.";
        Figure::new(
            "reliability",
            "Do the mechanism probabilities mean what they say?",
            caption,
            |width| {
                let labels = ["predicted probability", "frequency"];
                diagonals(&heads, labels, &[], width, |index, panel| {
                    bin_marks(panel, &all[index], heads[index].ink)
                })
            },
        )
    })
}

struct Head {
    name: String,
    note: String,
    ink: Ink,
}

/// Square panels with a diagonal. `marks` gives the marks under the axes and those over them.
fn diagonals(
    heads: &[Head],
    [x_label, y_label]: [&str; 2],
    entries: &[(Sample, &str)],
    width: f64,
    marks: impl Fn(usize, &Panel) -> [Markup; 2],
) -> Drawing {
    let (key, key_height) = mark::key(entries, width);
    let square = Axis::between(0.0, 1.0);
    let mut panel = Panel {
        x: square,
        y: square,
        left: 0.0,
        top: 0.0,
        width: 0.0,
        height: 0.0,
        gap: 26.0,
    };
    let columns = match heads.len() {
        _ if width < 500.0 => 2,
        n if n % 3 == 0 => 3,
        n => n.clamp(3, 4),
    };
    panel.height = 100.0;
    let origin = [panel.y_labels_width(), key_height + 46.0];
    let mut grid = Grid::new(
        heads.len().max(columns),
        columns,
        width,
        origin,
        [panel.gap, 48.0],
    );
    grid = grid.of_height(grid.cell[0]);
    grid.count = heads.len();
    [panel.width, panel.height] = grid.cell;
    let body = html! {
        (key)
        (mark::text([0.0, key_height + 12.0], Anchor::Start, SMALL, y_label))
        @for (index, head) in heads.iter().enumerate() {
            @let panel = panel.placed(grid.corner(index));
            @let [under, over] = marks(index, &panel);
            (panel.y_axis(grid.starts_row(index)))
            (panel.clipped(html! {
                (mark::stroke(&mark::line_path([panel.at(0.0, 0.0), panel.at(1.0, 1.0)]), Ink::Axis, 1.0))
                (under)
            }))
            (panel.x_axis(grid.ends_column(index)))
            (panel.over(over))
            (panel.over(heading(head, panel.width)))
            @if index + 1 == heads.len() { (panel.x_label(x_label)) }
        }
    };
    Drawing {
        width,
        height: grid.bottom() + 38.0,
        body,
    }
}

fn heading(head: &Head, width: f64) -> Markup {
    let name = mark::fit(&head.name, NAME, width);
    let note = mark::fit(
        &head.note,
        SMALL,
        width - mark::text_width(&name, NAME) - 8.0,
    );
    html! {
        (mark::text([0.0, -7.0], Anchor::Start, NAME.ink(head.ink), &name))
        @if note.chars().count() > 2 { (mark::text([width, -7.0], Anchor::End, SMALL, &note)) }
    }
}

fn curve_marks(panel: &Panel, curve: &CoverageCurve, ink: Ink) -> [Markup; 2] {
    let x = panel.all_x(&curve.nominal);
    let band = mark::area_path(&x, &panel.all_y(&curve.lower), &panel.all_y(&curve.upper));
    let line = curve
        .nominal
        .iter()
        .zip(&curve.actual)
        .map(|(n, a)| panel.at(*n, *a));
    let under = html! {
        (mark::fill(&band, Ink::Prior, 0.3))
        (mark::stroke(&mark::line_path(line), ink, 1.75))
    };
    [under, html! {}]
}

fn bin_marks(panel: &Panel, one: &Reliability, ink: Ink) -> [Markup; 2] {
    let largest = one.count.iter().copied().max().unwrap_or(0).max(1) as f64;
    let whiskers = one
        .predicted
        .iter()
        .zip(one.lower.iter().zip(&one.upper))
        .map(|(p, (low, high))| mark::line_path([panel.at(*p, *low), panel.at(*p, *high)]));
    let radius = |index: usize| {
        let share = one.count.get(index).map_or(0.25, |n| *n as f64 / largest);
        2.0 + 3.0 * share.sqrt()
    };
    let under = html! {
        @for path in whiskers { g stroke-opacity="0.6" { (mark::stroke(&path, ink, 1.25)) } }
    };
    let over = html! {
        @for (index, (p, f)) in one.predicted.iter().zip(&one.frequency).enumerate() {
            (mark::dot(panel.at(*p, *f), radius(index), ink))
        }
    };
    [under, over]
}
