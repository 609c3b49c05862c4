//! An emulator held against its solver: answer against answer, the distribution of errors, and how the
//! error falls with more simulations.

use maud::html;

mod trajectories;

use super::{Drawing, Figure, grid::Grid};
use crate::{
    content::{Emulated, Emulation, Scale},
    draw::{
        axis::Axis,
        ink::Ink,
        mark::{self, Anchor, NAME, SMALL, Sample},
        panel::Panel,
    },
};

/// Height of a panel, pixels.
const HEIGHT: f64 = 200.0;
/// Quantities that are drawn.
const MOST: usize = 6;
/// The least share that is drawn, of errors.
const RAREST: f64 = 1e-4;
/// The smallest error that is drawn, in tolerances.
const SMALLEST: f64 = 1e-6;
/// The same of what converges.
const TINIEST: f64 = 1e-12;

/// All figures of an emulator.
pub fn figures(found: &Emulation) -> Vec<Figure> {
    let answers = found.quantities.iter().any(|q| !q.solver.is_empty());
    let mut all = Vec::new();
    if answers {
        all.push(Figure::new(
            "answers",
            "Emulator against solver",
            "Fresh queries from the prior. On the line the emulator says what the solver says. Queries that \
             are not accepted are the solver's.",
            |width| against(found, width),
        ));
    }
    if !found.all_errors.is_empty() {
        all.push(Figure::new(
            "errors",
            "How often answers are wrong by how much",
            "The share of fresh queries with an error above so many tolerances; both axes are logarithmic. The \
             claim is that the line of what is accepted passes below the cross of tolerance and level.",
            |width| errors(found, width),
        ));
    }
    if found.curve.errors.len() > 1 {
        all.push(Figure::new(
            "learning",
            "Error against simulations",
            "Root mean squared error on fresh queries inside the domain, in tolerances, of the chosen family \
             fitted to the first simulations of the bank. Both axes are logarithmic.",
            |width| learning(found, width),
        ));
    }
    if found.sweeps.middle.len() > 1 {
        all.push(Figure::new(
            "sweeps",
            "Error against sweeps",
            "Against a much more accurate solver, in tolerances, on a logarithmic scale: the learned map's own \
             answer (0), then after each sweep.",
            |width| sweeps(found, width),
        ));
    }
    all.extend(trajectories::figures(found));
    all
}

fn sweeps(found: &Emulation, width: f64) -> Drawing {
    let own = &found.sweeps;
    let entries = [
        (Sample::Line(Ink::Mechanism(0)), "median"),
        (Sample::Line(Ink::Open), "worst"),
        (Sample::Dashes(Ink::Axis), "the solver's own error, median"),
    ];
    let (key, key_height) = mark::key(&entries, width);
    let visible = |errors: &[f64]| -> Vec<[f64; 2]> {
        let each = errors.iter().enumerate();
        each.filter(|(_, e)| e.is_finite())
            .map(|(k, e)| [k as f64, e.max(TINIEST)])
            .collect()
    };
    let (middle, worst) = (visible(&own.middle), visible(&own.worst));
    let all = middle.iter().chain(&worst).map(|point| point[1]);
    let x = Axis::fit(Scale::Linear, [0.0, (own.middle.len() - 1) as f64], 0.03);
    let y = Axis::fit(Scale::Log, all.chain([own.solver.max(TINIEST)]), 0.05);
    let panel = panel(x, y);
    let left = panel.y_labels_width();
    let panel = Panel {
        width: (width - left - 8.0).min(420.0),
        ..panel
    }
    .placed([left, key_height + 20.0]);
    let [x_low, x_high] = x.range();
    let body = html! {
        (key)
        (panel.y_axis(true))
        (panel.clipped(html! {
            @if own.solver.is_finite() {
                (mark::dashed(&mark::line_path([panel.at(x_low, own.solver), panel.at(x_high, own.solver)]), Ink::Axis, 1.25))
            }
            @for (points, ink) in [(&worst, Ink::Open), (&middle, Ink::Mechanism(0))] {
                (mark::stroke(&mark::line_path(points.iter().map(|p| panel.at(p[0], p[1]))), ink, 1.5))
                @for point in points { (mark::dot(panel.at(point[0], point[1]), 3.5, ink)) }
            }
        }))
        (panel.x_axis(true))
        (panel.over(mark::text([0.0, -8.0], Anchor::Start, SMALL, "error, in tolerances")))
        (panel.x_label("sweeps"))
    };
    Drawing {
        width,
        height: key_height + 20.0 + HEIGHT + 38.0,
        body,
    }
}

fn against(found: &Emulation, width: f64) -> Drawing {
    let entries = [
        (Sample::Dot(Ink::Mechanism(0)), "answered by the emulator"),
        (Sample::Dot(Ink::Open), "not accepted: the solver answers"),
        (Sample::Line(Ink::Axis), "equal"),
    ];
    let (key, key_height) = mark::key(&entries, width);
    let shown: Vec<&Emulated> = found.quantities.iter().take(MOST).collect();
    let panels: Vec<Panel> = shown.iter().map(|q| square(q)).collect();
    let columns = if width < 500.0 { 1 } else { shown.len().min(3) };
    let left = panels.iter().map(Panel::y_labels_width).fold(0.0, f64::max);
    let grid = Grid::new(
        shown.len(),
        columns,
        width,
        [left, key_height + 24.0],
        [left + 12.0, 62.0],
    )
    .of_height(HEIGHT);
    let body = html! {
        (key)
        @for (index, (quantity, panel)) in shown.iter().zip(panels).enumerate() {
            @let panel = Panel { width: grid.cell[0], ..panel }.placed(grid.corner(index));
            @let [low, high] = panel.x.range();
            (panel.y_axis(true))
            (panel.clipped(html! {
                (mark::stroke(&mark::line_path([panel.at(low, low), panel.at(high, high)]), Ink::Axis, 1.0))
                @for ((&solver, &emulator), &accepted) in quantity.solver.iter().zip(&quantity.emulator).zip(&quantity.accepted) {
                    (mark::dot(panel.at(solver, emulator), 2.0, if accepted { Ink::Mechanism(0) } else { Ink::Open }))
                }
            }))
            (panel.x_axis(true))
            (panel.over(mark::text([0.0, -8.0], Anchor::Start, NAME, &mark::fit(&title(quantity), NAME, panel.width))))
            (panel.x_label("solver"))
        }
    };
    Drawing {
        width,
        height: grid.bottom() + 38.0,
        body,
    }
}

fn title(quantity: &Emulated) -> String {
    match &quantity.unit {
        Some(unit) => format!("{}, {unit}", quantity.name),
        None => quantity.name.clone(),
    }
}

/// One range on both axes.
fn square(quantity: &Emulated) -> Panel {
    let both = quantity.solver.iter().chain(&quantity.emulator).copied();
    let axis = Axis::fit(Scale::Linear, both, 0.05);
    panel(axis, axis)
}

/// A panel that is yet to be placed.
fn panel(x: Axis, y: Axis) -> Panel {
    Panel {
        x,
        y,
        left: 0.0,
        top: 0.0,
        width: 0.0,
        height: HEIGHT,
        gap: 20.0,
    }
}

fn errors(found: &Emulation, width: f64) -> Drawing {
    let entries = [
        (
            Sample::Line(Ink::Mechanism(0)),
            "answers that were accepted",
        ),
        (
            Sample::Line(Ink::Open),
            "all that the learned map says in its domain",
        ),
        (Sample::Dashes(Ink::Bad), "tolerance and level"),
    ];
    let (key, key_height) = mark::key(&entries, width);
    let all = found
        .all_errors
        .iter()
        .chain(&found.accepted_errors)
        .copied();
    let x = Axis::fit(Scale::Log, all.filter(|e| *e > SMALLEST).chain([2.0]), 0.02);
    let y = Axis::fit(Scale::Log, [RAREST, 1.0], 0.03);
    let own = panel(x, y);
    let left = own.y_labels_width();
    let own = Panel {
        width: width - left - 8.0,
        ..own
    }
    .placed([left, key_height + 12.0]);
    let [x_low, x_high] = x.range().map(|end| 10f64.powf(end));
    let [y_low, y_high] = y.range().map(|end| 10f64.powf(end));
    let body = html! {
        (key)
        (own.y_axis(true))
        (own.clipped(html! {
            (mark::dashed(&mark::line_path([own.at(1.0, y_low), own.at(1.0, y_high)]), Ink::Bad, 1.25))
            (mark::dashed(&mark::line_path([own.at(x_low, found.level), own.at(x_high, found.level)]), Ink::Bad, 1.25))
            (mark::stroke(&survival(&own, &found.all_errors), Ink::Open, 1.5))
            (mark::stroke(&survival(&own, &found.accepted_errors), Ink::Mechanism(0), 2.0))
        }))
        (own.x_axis(true))
        (own.x_label("error, in tolerances"))
    };
    Drawing {
        width,
        height: key_height + 12.0 + HEIGHT + 38.0,
        body,
    }
}

/// The share of sorted `errors` above each of them, as a path of at most some hundred points.
fn survival(panel: &Panel, errors: &[f64]) -> String {
    let count = errors.len();
    let ranks = (0..=400).map(|k| {
        // Evenly spaced in the logarithm of the share: the tail is what counts.
        let above = count as f64 * RAREST.powf(f64::from(k) / 400.0);
        count.saturating_sub(above.ceil().max(1.0) as usize)
    });
    let mut ranks: Vec<usize> = ranks.filter(|rank| *rank < count).collect();
    ranks.dedup();
    let points = ranks.into_iter().map(|rank| {
        let share = (count - rank) as f64 / count as f64;
        panel.at(errors[rank].max(SMALLEST), share)
    });
    mark::line_path(points.filter(|point| point[0].is_finite()))
}

fn learning(found: &Emulation, width: f64) -> Drawing {
    let curve = &found.curve;
    let simulations = || curve.simulations.iter().map(|&n| n as f64);
    let x = Axis::fit(Scale::Log, simulations(), 0.08);
    let y = Axis::fit(Scale::Log, curve.errors.iter().copied().chain([1.0]), 0.08);
    let own = panel(x, y);
    let left = own.y_labels_width();
    let own = Panel {
        width: (width - left - 8.0).min(420.0),
        ..own
    }
    .placed([left, 20.0]);
    let points = simulations().zip(curve.errors.iter().copied());
    let [x_low, x_high] = x.range().map(|end| 10f64.powf(end));
    let body = html! {
        (own.y_axis(true))
        (own.clipped(html! {
            (mark::dashed(&mark::line_path([own.at(x_low, 1.0), own.at(x_high, 1.0)]), Ink::Bad, 1.25))
            (mark::stroke(&mark::line_path(points.clone().map(|(n, e)| own.at(n, e))), Ink::Mechanism(0), 1.5))
            @for (n, error) in points { (mark::dot(own.at(n, error), 3.5, Ink::Mechanism(0))) }
        }))
        (own.x_axis(true))
        (own.over(mark::text([0.0, -8.0], Anchor::Start, SMALL, "error, in tolerances")))
        (own.x_label("simulations"))
    };
    Drawing {
        width,
        height: 20.0 + HEIGHT + 38.0,
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::LearningCurve;

    #[test]
    fn exact_answers_and_infinite_errors_are_drawn() {
        let quantity = Emulated {
            name: "x".into(),
            solver: vec![0.0, 1.0, 2.0],
            emulator: vec![0.0, 1.1, f64::NAN],
            accepted: vec![true, true, false],
            ..Emulated::default()
        };
        let found = Emulation {
            quantities: vec![quantity],
            accepted_errors: vec![0.0, 0.0, 0.2],
            all_errors: vec![0.0, 0.0, 0.2, 3.0, f64::INFINITY],
            level: 0.01,
            curve: LearningCurve {
                simulations: vec![100, 200],
                errors: vec![0.5, 0.0],
                ..LearningCurve::default()
            },
            ..Emulation::default()
        };
        let drawn = figures(&found);
        assert_eq!(drawn.len(), 3);
        for figure in &drawn {
            let file = figure.file();
            assert!(!file.contains("NaN") && !file.contains("inf"), "{file}");
        }
        assert!(figures(&Emulation::default()).is_empty());
    }
}
