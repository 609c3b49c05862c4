//! Risk against the number of simulations with the fitted curve, one panel a network.

use maud::{Markup, html};

use super::{Drawing, Figure, grid::Grid, ink_of};
use crate::{
    content::{Convergence, Converging, Scale},
    draw::{
        axis::Axis,
        ink::Ink,
        mark::{self, Anchor, NAME, SMALL, Sample},
        panel::Panel,
    },
};

/// Height of a panel, pixels.
const HEIGHT: f64 = 190.0;
/// How far beyond the most simulations the fitted curve is drawn.
const BEYOND: f64 = 10.0;
/// Points of a fitted curve.
const POINTS: usize = 60;

/// The figure; `None` without any network.
pub fn figure(convergence: &Convergence) -> Option<Figure> {
    (!convergence.networks.is_empty()).then(|| {
        let caption = "Dot: the mean risk on fresh data sets; bar: its 95 % interval; line: the fitted \
                       curve, broken where it foretells. Both axes of an excess over the exact predictor \
                       are logarithmic, so that a power law is a straight line.";
        Figure::new(
            "convergence",
            "Risk against simulations",
            caption,
            |width| drawing(convergence, width),
        )
    })
}

/// What a network is called.
pub fn name(network: &Converging) -> String {
    match &network.mechanism {
        Some(mechanism) => format!("parameters of {mechanism}"),
        None => "which mechanism".to_owned(),
    }
}

fn drawing(convergence: &Convergence, width: f64) -> Drawing {
    let entries = [
        (Sample::Dot(Ink::Muted), "mean and 95 % interval"),
        (Sample::Line(Ink::Muted), "fitted curve"),
        (Sample::Dashes(Ink::Muted), "with more simulations"),
    ];
    let (key, key_height) = mark::key(&entries, width);
    let networks = &convergence.networks;
    let columns = if width < 500.0 {
        1
    } else {
        networks.len().min(2)
    };
    let panels: Vec<Panel> = networks
        .iter()
        .map(|network| panel(&convergence.simulations, network))
        .collect();
    let left = panels.iter().map(Panel::y_labels_width).fold(0.0, f64::max);
    let origin = [left, key_height + 40.0];
    let gap = [left + 12.0, 70.0];
    let grid = Grid::new(networks.len(), columns, width, origin, gap).of_height(HEIGHT);
    let body = html! {
        (key)
        @for (index, (network, panel)) in networks.iter().zip(panels).enumerate() {
            @let panel = Panel { width: grid.cell[0], ..panel }.placed(grid.corner(index));
            @let ink = ink_of(&convergence.mechanisms, network.mechanism.as_deref());
            (panel.y_axis(true))
            (panel.clipped(marks(&panel, &convergence.simulations, network, ink)))
            (panel.x_axis(true))
            (panel.over(html! {
                (mark::text([0.0, -22.0], Anchor::Start, NAME.ink(ink), &mark::fit(&name(network), NAME, panel.width)))
                (mark::text([0.0, -8.0], Anchor::Start, SMALL, measure(network)))
            }))
            (panel.x_label("simulations"))
        }
    };
    Drawing {
        width,
        height: grid.bottom() + 38.0,
        body,
    }
}

/// What the risk is.
fn measure(network: &Converging) -> &'static str {
    match network.is_excess {
        true => "excess over the exact predictor, nats",
        false => "loss, nats (no exact predictor known)",
    }
}

fn panel(simulations: &[u64], network: &Converging) -> Panel {
    let scale = if network.is_excess {
        Scale::Log
    } else {
        Scale::Linear
    };
    let most = simulations.last().map_or(1.0, |&n| n as f64);
    let all = network.risk.iter().copied();
    let all = all.chain(network.interval.iter().flatten().copied());
    let end = [network.fitted(BEYOND * most)];
    Panel {
        x: Axis::fit(
            Scale::Log,
            simulations.iter().map(|&n| n as f64).chain([BEYOND * most]),
            0.04,
        ),
        y: Axis::fit(scale, all.chain(end), 0.06),
        left: 0.0,
        top: 0.0,
        width: 0.0,
        height: HEIGHT,
        gap: 20.0,
    }
}

fn marks(panel: &Panel, simulations: &[u64], network: &Converging, ink: Ink) -> Markup {
    let ends = [simulations.first(), simulations.last()];
    let [first, last] = ends.map(|n| n.map_or(1.0, |&n| n as f64));
    let curve = |from: f64, to: f64| {
        let at = |k: usize| from * (to / from).powf(k as f64 / POINTS as f64);
        let points = (0..=POINTS).map(at);
        mark::line_path(points.map(|n| panel.at(n, network.fitted(n))))
    };
    let bars = simulations.iter().zip(&network.interval);
    let bars: Vec<String> = bars
        .map(|(&n, &[low, high])| {
            // On a logarithmic axis a bar to 0 or below ends with the panel.
            let [x, top] = panel.at(n as f64, high);
            let bottom = panel.at(n as f64, low)[1];
            let bottom = if bottom.is_finite() {
                bottom
            } else {
                panel.height
            };
            mark::line_path([[x, bottom], [x, top]])
        })
        .collect();
    html! {
        (mark::stroke(&curve(first, last), ink, 1.5))
        (mark::dashed(&curve(last, BEYOND * last), ink, 1.25))
        @for bar in &bars { (mark::stroke(bar, ink, 1.5)) }
        @for (&n, &risk) in simulations.iter().zip(&network.risk) {
            (mark::dot(panel.at(n as f64, risk), 3.5, ink))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excess_below_nothing_and_a_network_without_a_fit_are_drawn() {
        let excess = Converging {
            is_excess: true,
            risk: vec![0.1, 0.01, 0.0002],
            interval: vec![[0.09, 0.11], [0.008, 0.012], [-0.0001, 0.0005]],
            scale: 100.0,
            rate: 1.0,
            floor: 0.0,
            ..Converging::default()
        };
        let loss = Converging {
            mechanism: Some("sir".into()),
            risk: vec![1.2, 1.1, 1.05],
            interval: vec![[1.1, 1.3], [1.0, 1.2], [0.95, 1.15]],
            ..Converging::default()
        };
        let found = Convergence {
            simulations: vec![1000, 10_000, 100_000],
            networks: vec![excess, loss],
            ..Convergence::default()
        };
        let file = figure(&found).unwrap().file();
        assert_eq!(
            file.matches("<circle").count(),
            7,
            "the key's dot and six means"
        );
        for words in [
            "which mechanism",
            "parameters of sir",
            "no exact predictor known",
        ] {
            assert!(file.contains(words), "{words}");
        }
        assert!(!file.contains("NaN") && !file.contains("inf"), "{file}");
        assert!(figure(&Convergence::default()).is_none());
    }
}
