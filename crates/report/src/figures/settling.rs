//! How a refined answer settles as solver calls are spent, one panel a mechanism.

use maud::{Markup, html};

use super::{Drawing, Figure, grid::Grid, ink_of};
use crate::{
    content::{Mechanism, Refinement, Scale, Settling},
    draw::{
        axis::Axis,
        ink::Ink,
        mark::{self, Anchor, NAME, Sample},
        panel::Panel,
    },
};

/// The figure; `None` where nothing was refined step by step.
pub fn figure(mechanisms: &[Mechanism], refinement: &[Refinement]) -> Option<Figure> {
    let shown: Vec<&Refinement> = refinement
        .iter()
        .filter(|one| one.progress.len() > 1)
        .collect();
    (!shown.is_empty()).then(|| {
        let caption = "The standard error of ln evidence, and the largest distance of a parameter's \
                       mean from the final one in posterior standard deviations, after so many solver \
                       calls. Both fall as one over the square root of the calls where the network's \
                       proposal is sound.";
        Figure::new(
            "settling",
            "How the refined answer settles",
            caption,
            |width| drawing(mechanisms, &shown, width),
        )
    })
}

fn drawing(mechanisms: &[Mechanism], shown: &[&Refinement], width: f64) -> Drawing {
    let entries = [
        (Sample::Line(Ink::Muted), "error of ln evidence"),
        (Sample::Dashes(Ink::Muted), "shift of a mean"),
    ];
    let (key, key_height) = mark::key(&entries, width);
    let columns = if width < 500.0 {
        1
    } else {
        shown.len().clamp(2, 3)
    };
    let all = || shown.iter().flat_map(|one| &one.progress);
    let x = Axis::fit(Scale::Log, all().map(|p| p.calls as f64), 0.02);
    let y = Axis::fit(Scale::Log, all().flat_map(|p| [p.error, p.shift]), 0.05);
    let panel = Panel {
        x,
        y,
        left: 0.0,
        top: 0.0,
        width: 0.0,
        height: 130.0,
        gap: 20.0,
    };
    let left = panel.y_labels_width();
    let slots = shown.len().max(columns);
    let origin = [left, key_height + 26.0];
    let mut grid = Grid::new(slots, columns, width, origin, [left + 12.0, 48.0]).of_height(130.0);
    grid.count = shown.len();
    let body = html! {
        (key)
        @for (index, one) in shown.iter().enumerate() {
            @let panel = Panel { width: grid.cell[0], ..panel }.placed(grid.corner(index));
            @let ink = ink_of(mechanisms, Some(&one.mechanism));
            (panel.y_axis(true))
            (panel.clipped(curves(&panel, &one.progress, ink)))
            (panel.x_axis(true))
            (panel.over(mark::text([0.0, -8.0], Anchor::Start, NAME.ink(ink), &mark::fit(&one.mechanism, NAME, panel.width))))
            @if index + 1 == grid.count { (panel.x_label("solver calls")) }
        }
    };
    Drawing {
        width,
        height: grid.bottom() + 38.0,
        body,
    }
}

fn curves(panel: &Panel, progress: &[Settling], ink: Ink) -> Markup {
    let line = |of: fn(&Settling) -> f64| {
        let positive = progress.iter().filter(|p| of(p) > 0.0);
        mark::line_path(positive.map(|p| panel.at(p.calls as f64, of(p))))
    };
    html! {
        (mark::dashed(&line(|p| p.shift), ink, 1.25))
        (mark::stroke(&line(|p| p.error), ink, 1.75))
    }
}
