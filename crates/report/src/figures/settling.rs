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
        let of_weights = "The standard error of ln evidence, and the largest distance of a parameter's \
                          mean from the final one in posterior standard deviations, after so many solver \
                          calls. Both fall as one over the square root of the calls where the network's \
                          proposal is sound.";
        let of_islands = " Where weights were no use, the first curves are of the proposals that were given \
                          up, and the points are of the answer: its first 1, 2, 4 and 8 islands of tempered \
                          particles, which are independent of each other (one island alone knows no error). \
                          The start from the prior, which confirms, is not among these calls.";
        let caption = match shown.iter().any(|one| one.tempered) {
            true => format!("{of_weights}{of_islands}"),
            false => of_weights.to_owned(),
        };
        Figure::new(
            "settling",
            "How the refined answer settles",
            caption,
            |width| drawing(mechanisms, &shown, width),
        )
    })
}

fn drawing(mechanisms: &[Mechanism], shown: &[&Refinement], width: f64) -> Drawing {
    let mut entries = vec![
        (Sample::Line(Ink::Muted), "error of ln evidence"),
        (Sample::Dashes(Ink::Muted), "shift of a mean"),
    ];
    if shown.iter().any(|one| one.tempered) {
        entries.push((Sample::Dot(Ink::Muted), "islands of particles"));
    }
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
    let points = |tempered: bool, of: fn(&Settling) -> f64| -> Vec<[f64; 2]> {
        let own = progress.iter().filter(|p| p.tempered == tempered);
        let positive = own.filter(|p| of(p) > 0.0);
        positive.map(|p| panel.at(p.calls as f64, of(p))).collect()
    };
    let line = |points: &[[f64; 2]]| mark::line_path(points.iter().copied());
    html! {
        // Proposals that were given up and the islands that took their place are no one curve.
        @for tempered in [false, true] {
            @let (shift, error) = (points(tempered, |p| p.shift), points(tempered, |p| p.error));
            (mark::dashed(&line(&shift), ink, 1.25))
            (mark::stroke(&line(&error), ink, 1.75))
            @for &point in shift.iter().chain(&error).filter(|_| tempered) {
                (mark::dot(point, 2.5, ink))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tempered: bool, calls: u64, error: f64) -> Settling {
        Settling {
            tempered,
            calls,
            log_evidence: -3.0,
            error,
            effective: 100.0,
            shift: error,
        }
    }

    /// A dot for each number of islands (one has no error), apart from the line of proposals.
    #[test]
    fn islands_are_points_apart_from_the_proposals_that_were_given_up() {
        let weighted = Refinement {
            progress: vec![at(false, 200, 0.4), at(false, 400, 0.3)],
            ..Refinement::default()
        };
        let mut tempered = weighted.clone();
        tempered.tempered = true;
        let islands = [(1, f64::NAN), (2, 0.1), (4, 0.08)];
        let islands = islands.map(|(count, error)| at(true, 100_000 * count, error));
        tempered.progress.extend(islands);
        let dots = |one: &Refinement| {
            let drawn = drawing(&[], &[one], 600.0).body.into_string();
            drawn.matches("<circle").count()
        };
        // Error and shift, and one in the key.
        assert_eq!((dots(&weighted), dots(&tempered)), (0, 5));
        let caption = |one: Refinement| figure(&[], &[one]).unwrap().caption;
        assert!(!caption(weighted).contains("islands"));
        assert!(caption(tempered).contains("islands of tempered particles"));
    }
}
