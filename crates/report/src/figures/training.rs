//! Training and validation loss by epoch, one panel a network.

use maud::{Markup, html};

use super::{Drawing, Figure, grid::Grid, ink_of};
use crate::{
    content::{Mechanism, Scale, Training},
    draw::{
        axis::Axis,
        density::quantile,
        ink::Ink,
        mark::{self, Anchor, NAME, SMALL, Sample, px},
        panel::Panel,
    },
};

/// The figure; `None` without losses.
pub fn figure(mechanisms: &[Mechanism], training: &[Training]) -> Option<Figure> {
    let with_loss: Vec<&Training> = training
        .iter()
        .filter(|t| !(t.train.is_empty() && t.validation.is_empty()))
        .collect();
    (!with_loss.is_empty()).then(|| {
        let caption = "Loss by epoch on the simulations trained on and on those held out; the dot is \
                       the epoch whose weights were kept. Each panel has its own scale; the first \
                       steps down may be cut.";
        Figure::new("training", "Training", caption, |width| drawing(mechanisms, &with_loss, width))
    })
}

fn drawing(mechanisms: &[Mechanism], training: &[&Training], width: f64) -> Drawing {
    let entries = [
        (Sample::Line(Ink::Muted), "held out"),
        (Sample::Dashes(Ink::Muted), "trained on"),
    ];
    let (key, key_height) = mark::key(&entries, width);
    let columns = if width < 500.0 {
        1
    } else {
        training.len().clamp(2, 3)
    };
    let panels: Vec<Panel> = training
        .iter()
        .map(|t| {
            let epochs = t.train.len().max(t.validation.len()).max(1) as f64;
            let x = Axis::fit(Scale::Linear, [1.0, epochs], 0.0);
            Panel {
                x,
                y: loss_axis(t),
                left: 0.0,
                top: 0.0,
                width: 0.0,
                height: 120.0,
                gap: 20.0,
            }
        })
        .collect();
    let left = panels.iter().map(Panel::y_labels_width).fold(0.0, f64::max);
    let origin = [left, key_height + 26.0];
    let slots = training.len().max(columns);
    let mut grid = Grid::new(slots, columns, width, origin, [left + 12.0, 48.0]).of_height(120.0);
    grid.count = training.len();
    let body = html! {
        (key)
        @for (index, (training, panel)) in training.iter().zip(&panels).enumerate() {
            @let panel = Panel { width: grid.cell[0], ..*panel }.placed(grid.corner(index));
            @let ink = ink_of(mechanisms, training.mechanism.as_deref());
            (panel.y_axis(true))
            (panel.clipped(curves(&panel, training, ink)))
            (panel.x_axis(true))
            (panel.over(html! {
                (mark::text([0.0, -8.0], Anchor::Start, NAME.ink(ink), &mark::fit(&training.network, NAME, panel.width)))
                (best(&panel, training, ink))
            }))
            @if index + 1 == grid.count { (panel.x_label("epoch")) }
        }
    };
    Drawing {
        width,
        height: grid.bottom() + 38.0,
        body,
    }
}

/// The losses, without the highest tenth of the first epochs where those dwarf the rest.
fn loss_axis(training: &Training) -> Axis {
    let all: Vec<f64> = training
        .train
        .iter()
        .chain(&training.validation)
        .copied()
        .collect();
    let [low, middle, high] = [0.0, 0.5, 1.0].map(|level| quantile(&all, level));
    let most = high.min(middle + 4.0 * (quantile(&all, 0.9) - low).max(middle - low));
    Axis::fit(Scale::Linear, [low, most], 0.06)
}

fn curves(panel: &Panel, training: &Training, ink: Ink) -> Markup {
    let line = |losses: &[f64]| {
        let points = losses
            .iter()
            .enumerate()
            .map(|(i, loss)| panel.at(i as f64 + 1.0, *loss));
        mark::line_path(points)
    };
    html! {
        (mark::dashed(&line(&training.train), ink, 1.0))
        (mark::stroke(&line(&training.validation), ink, 1.75))
    }
}

fn best(panel: &Panel, training: &Training, ink: Ink) -> Markup {
    let epoch = training.best_epoch.filter(|epoch| *epoch >= 1);
    let loss = epoch.and_then(|epoch| training.validation.get(epoch - 1));
    html! {
        @if let (Some(epoch), Some(loss)) = (epoch, loss) {
            @let [x, y] = panel.at(epoch as f64, *loss);
            @if x.is_finite() && y.is_finite() {
                (mark::stroke(&format!("M{} {}V{}", px(x), px(y), px(panel.height)), Ink::Axis, 1.0))
                (mark::dot([x, y], 4.0, ink))
                @let anchor = if x > panel.width / 2.0 { Anchor::End } else { Anchor::Start };
                g stroke=(Ink::Paper) stroke-width="4" stroke-linejoin="round" paint-order="stroke" {
                    (mark::text([x, y - 13.0], anchor, SMALL, &format!("epoch {epoch}")))
                }
            }
        }
    }
}
