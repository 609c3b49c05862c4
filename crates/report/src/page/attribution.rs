//! The simulations that the networks take as most like the data, and whether they say the same as
//! the posterior.

use maud::{Markup, html};

use super::{claims, figures};
use crate::{
    content::{Alike, Report, Summary},
    draw::number::{MISSING, count, fixed, probability, significant},
    figures::with_unit,
    gallery::Gallery,
};

/// The section; nothing where no simulations were searched.
pub fn section(report: &Report, gallery: &Gallery) -> Markup {
    let attribution = &report.attribution;
    if attribution.given.is_empty() && attribution.claims.is_empty() {
        return html! {};
    }
    html! {
        @if !attribution.given.is_empty() { p class="lead" {
            "What the networks saw in training, by its distance from the data in their own features. Weighted, "
            "these simulations should say what the posterior says: more simply, and more broadly where few of "
            "them are near."
        } }
        (figures(&[&gallery.alike]))
        @for alike in &attribution.given { (given(alike)) }
        @if !attribution.claims.is_empty() {
            h3 { "Claims about attribution" }
            (claims::claims(&attribution.claims))
        }
    }
}

fn given(alike: &Alike) -> Markup {
    html! {
        div class="part" {
            h3 { "Given " (alike.mechanism) }
            p class="fine" { (in_words(alike)) }
            (quantities(alike))
            @if !alike.nearest.is_empty() {
                details { summary { "The " (alike.nearest.len()) " nearest" } (nearest(alike)) }
            }
        }
    }
}

/// How many simulations there were, and how near.
fn in_words(alike: &Alike) -> String {
    let mut words = format!(
        "{} of {} simulations have a weight, worth {} of equal weight; bandwidth {}.",
        count(alike.near),
        count(alike.searched),
        significant(alike.effective, 2),
        significant(alike.bandwidth, 2),
    );
    if alike.as_isolated.is_finite() {
        words += &format!(
            " For {} % of simulations the neighbours are as far or farther.",
            significant(100.0 * alike.as_isolated, 2)
        );
    }
    if alike.probability.is_finite() {
        words += &format!(
            " By the nearest simulations of all mechanisms its probability is {}.",
            probability(alike.probability)
        );
    }
    words
}

fn quantities(alike: &Alike) -> Markup {
    let rows = || {
        alike
            .quantities
            .iter()
            .zip(&alike.summaries)
            .zip(&alike.posterior)
    };
    html! {
        @if !alike.quantities.is_empty() {
            div class="scroll" tabindex="0" role="region" aria-label="Attribution and posterior" {
                table class="numbers" {
                    thead { tr {
                        th scope="col" { "Quantity" }
                        th scope="col" class="n" { "By the nearest" }
                        th scope="col" class="n" { "90 % interval" }
                        th scope="col" class="n" { (alike.whose()) }
                        th scope="col" class="n" { "90 % interval" }
                        th scope="col" class="n" { "Shift" }
                    } }
                    tbody { @for ((quantity, own), posterior) in rows() {
                        tr {
                            th scope="row" { (with_unit(&quantity.name, &quantity.unit)) }
                            td class="n" { (mean(own)) }
                            td class="n" { (interval(own)) }
                            td class="n" { (mean(posterior)) }
                            td class="n" { (interval(posterior)) }
                            td class="n" { (fixed((own.mean - posterior.mean) / posterior.sd, 2)) }
                        }
                    } }
                }
            }
            p class="fine" { "Mean ± sd. Shift: the difference of the means, in posterior standard deviations." }
        }
    }
}

fn nearest(alike: &Alike) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Nearest simulations" {
            table class="numbers" {
                thead { tr {
                    th scope="col" { "Simulation" }
                    th scope="col" class="n" { "Weight" }
                    th scope="col" class="n" { "Distance" }
                    @for quantity in &alike.quantities {
                        th scope="col" class="n" { (with_unit(&quantity.name, &quantity.unit)) }
                    }
                } }
                tbody { @for one in &alike.nearest {
                    tr {
                        th scope="row" { (one.simulation) }
                        td class="n" { (significant(100.0 * one.weight, 2)) " %" }
                        td class="n" { (significant(one.distance, 2)) }
                        @for value in &one.values { td class="n" { (significant(*value, 3)) } }
                    }
                } }
            }
        }
    }
}

fn mean(summary: &Summary) -> String {
    match summary.mean.is_finite() {
        true => format!(
            "{} ± {}",
            significant(summary.mean, 3),
            significant(summary.sd, 2)
        ),
        false => MISSING.to_owned(),
    }
}

fn interval(summary: &Summary) -> String {
    crate::draw::number::interval(summary.interval_90, 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{Attribution, Nearest, Quantity};

    #[test]
    fn the_nearest_stand_beside_the_posterior() {
        let summary = |mean| Summary {
            mean,
            sd: 0.5,
            ..Summary::default()
        };
        let alike = Alike {
            mechanism: "sir".into(),
            searched: 20_000,
            near: 75,
            effective: 52.4,
            quantities: vec![Quantity {
                name: "beta".into(),
                ..Quantity::default()
            }],
            summaries: vec![summary(1.7)],
            posterior: vec![summary(1.6)],
            nearest: vec![Nearest {
                simulation: 4711,
                weight: 0.031,
                values: vec![1.65],
                ..Nearest::default()
            }],
            ..Alike::default()
        };
        let report = Report {
            attribution: Attribution {
                given: vec![alike],
                ..Attribution::default()
            },
            ..Report::default()
        };
        let html = section(&report, &Gallery::default()).into_string();
        for words in [
            "75 of 20",
            "worth 52",
            "1.70 ± 0.50",
            "Network's posterior",
            "0.20",
            "4711",
            "3.1 %",
        ] {
            assert!(html.contains(words), "{words}: {html}");
        }
        assert!(
            section(&Report::default(), &Gallery::default())
                .0
                .is_empty()
        );
    }
}
