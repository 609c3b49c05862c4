//! Trajectories of an emulator beside the solver's: in the plane of two states, and what is conserved along
//! them.

use maud::html;

use super::{HEIGHT, panel};
use crate::{
    content::{Emulation, Path, Scale, Trajectory},
    draw::{
        axis::Axis,
        ink::Ink,
        mark::{self, Anchor, NAME, SMALL, Sample},
        panel::Panel,
    },
    figures::{Drawing, Figure, grid::Grid},
};

/// The smallest drift that is drawn, in tolerances.
const SMALLEST: f64 = 1e-13;
/// Height of the plane.
const PLANE: f64 = 280.0;

/// The figures of trajectories, where there are any.
pub fn figures(found: &Emulation) -> Vec<Figure> {
    let shown = &found.trajectories;
    let mut all = Vec::new();
    let Some(quantity) = found.conserved.first() else {
        return all;
    };
    if shown.each.is_empty() {
        return all;
    }
    let name = &quantity.name;
    all.push(Figure::new(
        "drift",
        format!("Drift of {name} along time"),
        format!(
            "How far {name} is from what it is at the start, in tolerances, on a logarithmic scale, along the \
             answers to fresh queries."
        ),
        |width| drift(found, width),
    ));
    if shown.states.len() == 2 {
        all.push(Figure::new(
            "portrait",
            "Phase portrait",
            "The same trajectories in the plane of two states: the solver's, and above them the learned map's as \
             it stands and refined.",
            |width| portrait(found, width),
        ));
    }
    all
}

/// Who answers, how they are drawn, and what they say of a trajectory.
type Who = (&'static str, Ink, fn(&Trajectory) -> &Path);

fn who(found: &Emulation) -> Vec<Who> {
    let mut all: Vec<Who> = vec![
        ("the learned map as it stands", Ink::Bad, |t| &t.emulator),
        ("the solver", Ink::Axis, |t| &t.solver),
    ];
    let is_refined = |t: &Trajectory| !t.refined.x.is_empty();
    if found.trajectories.each.iter().any(is_refined) {
        all.push(("refined", Ink::Mechanism(0), |t| &t.refined));
    }
    all
}

fn drift(found: &Emulation, width: f64) -> Drawing {
    let all = who(found);
    let mut entries: Vec<(Sample, &str)> = all
        .iter()
        .map(|(name, ink, _)| (Sample::Line(*ink), *name))
        .collect();
    entries.push((Sample::Dashes(Ink::Text), "the tolerance"));
    let (key, key_height) = mark::key(&entries, width);
    let each = &found.trajectories.each;
    // At the start there is no drift, and no logarithm of it.
    let line = |t: &Trajectory, of: fn(&Trajectory) -> &Path| -> Vec<[f64; 2]> {
        let both = t.times.iter().zip(&of(t).drift);
        both.filter(|(_, drift)| drift.abs() > 0.0)
            .map(|(time, drift)| [*time, drift.abs().max(SMALLEST)])
            .collect()
    };
    let lines: Vec<(Ink, Vec<[f64; 2]>)> = all
        .iter()
        .flat_map(|(_, ink, of)| each.iter().map(|t| (*ink, line(t, *of))))
        .collect();
    let times = each.iter().flat_map(|t| t.times.iter().copied());
    let drifts = lines.iter().flat_map(|(_, line)| line.iter().map(|p| p[1]));
    let own = panel(
        Axis::fit(Scale::Linear, times, 0.0),
        Axis::fit(Scale::Log, drifts.chain([1.0]), 0.05),
    );
    let left = own.y_labels_width();
    let own = Panel {
        width: width - left - 8.0,
        ..own
    }
    .placed([left, key_height + 20.0]);
    let [x_low, x_high] = own.x.range();
    let body = html! {
        (key)
        (own.y_axis(true))
        (own.clipped(html! {
            @for (ink, line) in &lines {
                (mark::stroke(&mark::line_path(line.iter().map(|p| own.at(p[0], p[1]))), *ink, 1.25))
            }
            (mark::dashed(&mark::line_path([own.at(x_low, 1.0), own.at(x_high, 1.0)]), Ink::Text, 1.25))
        }))
        (own.x_axis(true))
        (own.over(mark::text([0.0, -8.0], Anchor::Start, SMALL, "drift, in tolerances")))
        (own.x_label("time"))
    };
    Drawing {
        width,
        height: key_height + 20.0 + HEIGHT + 38.0,
        body,
    }
}

fn portrait(found: &Emulation, width: f64) -> Drawing {
    let all = who(found);
    let panels: Vec<&Who> = all
        .iter()
        .filter(|(name, ..)| *name != "the solver")
        .collect();
    let entries = [
        (Sample::Line(Ink::Axis), "the solver"),
        (Sample::Line(Ink::Bad), "the learned map as it stands"),
        (Sample::Line(Ink::Mechanism(0)), "refined"),
    ];
    let (key, key_height) = mark::key(&entries[..=panels.len()], width);
    let each = &found.trajectories.each;
    let paths = || each.iter().flat_map(|t| all.iter().map(|(.., of)| of(t)));
    let finite = |x: &f64| x.is_finite();
    let own = panel(
        Axis::fit(
            Scale::Linear,
            paths().flat_map(|p| p.x.iter().copied().filter(finite)),
            0.05,
        ),
        Axis::fit(
            Scale::Linear,
            paths().flat_map(|p| p.y.iter().copied().filter(finite)),
            0.05,
        ),
    );
    let left = own.y_labels_width();
    let columns = if width < 500.0 { 1 } else { 2 };
    let corner = [left, key_height + 24.0];
    let grid =
        Grid::new(panels.len(), columns, width, corner, [left + 12.0, 62.0]).of_height(PLANE);
    // As wide as high: circles are circles where both states have one unit.
    let side = grid.cell[0].min(PLANE);
    let line = |panel: &Panel, path: &Path| {
        let both = path
            .x
            .iter()
            .zip(&path.y)
            .filter(|(x, y)| x.is_finite() && y.is_finite());
        mark::line_path(both.map(|(x, y)| panel.at(*x, *y)))
    };
    let states = &found.trajectories.states;
    let body = html! {
        (key)
        @for (index, (name, ink, of)) in panels.iter().enumerate() {
            @let own = Panel { width: side, height: PLANE, ..own }.placed(grid.corner(index));
            (own.y_axis(true))
            (own.clipped(html! {
                @for t in each {
                    (mark::stroke(&line(&own, &t.solver), Ink::Axis, 3.0))
                    (mark::stroke(&line(&own, of(t)), *ink, 1.25))
                }
            }))
            (own.x_axis(true))
            (own.over(mark::text([0.0, -8.0], Anchor::Start, NAME, &mark::fit(&format!("{}, {name}", states[1]), NAME, own.width))))
            (own.x_label(&states[0]))
        }
    };
    Drawing {
        width,
        height: grid.bottom() + 38.0,
        body,
    }
}
