//! Mechanism probabilities, shared quantities, and the parameters given each mechanism.

use maud::{Markup, html};

use super::figures;
use crate::{
    content::{Identified, Posterior, Quantity, Report, SharedQuantity, Subject, Summary},
    draw::number,
    figures::name_of,
    gallery::Gallery,
};

/// Which mechanism: the figure, and a table of what the mechanisms are.
pub fn mechanisms(report: &Report, gallery: &Gallery) -> Markup {
    if gallery.probability.is_empty() {
        return html! {};
    }
    let ranged = report
        .mechanisms
        .iter()
        .any(|m| m.interval.iter().any(|v| v.is_finite()));
    let refined = report.mechanisms.iter().any(|m| m.amortized.is_finite());
    html! {
        (figures(&[&gallery.probability]))
        div class="scroll" tabindex="0" role="region" aria-label="Mechanisms" {
            table {
                thead { tr { th scope="col" { "Mechanism" } th scope="col" { "What it says" } th scope="col" class="n" { "Prior" } th scope="col" class="n" { "Posterior" } @if refined { th scope="col" class="n" { "Network alone" } } @if ranged { th scope="col" class="n" { "Interval" } } } }
                tbody {
                    @for (index, mechanism) in report.mechanisms.iter().enumerate() {
                        tr {
                            th scope="row" style={ "color:var(--m" (index % 8) ")" } { (mechanism.name) }
                            td class="words" { (mechanism.description) }
                            td class="n" { (number::probability(mechanism.prior)) }
                            td class="n" { strong { (number::probability(mechanism.posterior)) } }
                            @if refined { td class="n" { (number::probability(mechanism.amortized)) } }
                            @if ranged { td class="n" { (number::interval(mechanism.interval, 3)) } }
                        }
                    }
                }
            }
        }
    }
}

/// What is known: shared quantities first, then one part a mechanism.
pub fn section(report: &Report, gallery: &Gallery) -> Markup {
    if report.shared.is_empty() && report.posteriors.is_empty() {
        return html! {};
    }
    html! {
        (figures(&[&gallery.shared]))
        @for one in &report.shared { (shared_table(one)) }
        @for (posterior, figure) in report.posteriors.iter().zip(&gallery.corners) {
            div class="part" {
                h3 { "Given " (posterior.mechanism) }
                (parameter_table(posterior))
                (identified_table(posterior))
                @if let Some(figure) = figure { (figure.inline()) }
            }
        }
    }
}

const HEADS: [&str; 5] = [
    "Median",
    "90 % interval",
    "95 % interval",
    "Mean ± sd",
    "Prior mean ± sd",
];

fn shared_table(shared: &SharedQuantity) -> Markup {
    let rows = shared.given.iter().map(|given| {
        (
            html! { (name_of(given.mechanism.as_deref())) },
            &given.summary,
            None,
        )
    });
    summary_table(&title(&shared.quantity), "Given", rows.collect())
}

fn parameter_table(posterior: &Posterior) -> Markup {
    let rows: Vec<Row<'_>> = posterior
        .quantities
        .iter()
        .zip(&posterior.summaries)
        .enumerate()
        .map(|(place, (quantity, summary))| {
            let name = html! {
                (quantity.name)
                @if !quantity.unit.is_empty() { span class="unit" { " " (quantity.unit) } }
                @if !quantity.description.is_empty() { span class="what" { (quantity.description) } }
            };
            (name, summary, posterior.amortized.get(place))
        })
        .collect();
    let subject = match posterior.subject {
        Subject::Amortized => "The network's answer.",
        Subject::Refined => "Refined against the mechanism itself.",
        Subject::Emulated => "The emulator's answer.",
    };
    html! {
        @if !rows.is_empty() { (summary_table("", "Quantity", rows)) }
        p class="fine" { (subject) " " (posterior.remark) }
    }
}

/// What the data tell about each quantity.
fn identified_table(posterior: &Posterior) -> Markup {
    let all = &posterior.identified;
    let averaged = all.iter().any(|found| found.average.is_finite());
    let refined = all.iter().any(|found| found.network.is_finite());
    let row = |name: &str, found: &Identified| {
        html! {
            tr {
                th scope="row" { (name) }
                td class=(if found.informed { "words" } else { "words open" }) { (found.words) }
                td class="n" { (number::fixed(found.moved, 2)) }
                @if refined { td class="n" { (number::fixed(found.network, 2)) } }
                @if averaged { td class="n" { (number::fixed(found.average, 2)) } }
            }
        }
    };
    let Some(first) = all.first() else {
        return html! {};
    };
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="What the data tell" {
            table {
                thead { tr {
                    th scope="col" { "Quantity" }
                    th scope="col" { "What the data tell" }
                    th scope="col" class="n" { "From the prior" }
                    @if refined { th scope="col" class="n" { "From the network's" } }
                    @if averaged { th scope="col" class="n" { "Contraction on average" } }
                } }
                tbody {
                    @for (quantity, found) in posterior.quantities.iter().zip(all) { (row(&quantity.name, found)) }
                }
            }
        }
        p class="fine" {
            "From the prior, from the network's: the largest difference of the distribution functions, as a "
            "probability. Up to " (number::fixed(first.tolerance, 2)) " a posterior cannot be told from its prior."
            @if averaged { " Contraction on average: 1 - the mean posterior variance over the prior's, of simulated data sets." }
        }
    }
}

/// A quantity's name, its posterior, and the network's own where the posterior was refined.
type Row<'a> = (Markup, &'a Summary, Option<&'a Summary>);

fn summary_table(caption: &str, first: &str, rows: Vec<Row<'_>>) -> Markup {
    let learned = rows.iter().any(|(_, s, _)| s.contraction.is_finite());
    let wider = rows.iter().any(|(_, s, _)| is_wider(s));
    let refined = rows.iter().any(|(_, _, amortized)| amortized.is_some());
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(if caption.is_empty() { "Posterior" } else { caption }) {
            table class="numbers" {
                @if !caption.is_empty() { caption { (caption) } }
                thead {
                    tr {
                        th scope="col" { (first) }
                        @for head in HEADS { th scope="col" class="n" { (head) } }
                        @if refined { th scope="col" class="n" { "Network alone" } }
                        @if learned { th scope="col" class="n" { "Contraction" } }
                    }
                }
                tbody { @for row in &rows { (summary_row(row, refined, learned)) } }
            }
        }
        @if wider {
            p class="fine" { "A contraction below 0: the posterior's variance is larger than the prior's." }
        }
    }
}

fn summary_row((name, summary, amortized): &Row<'_>, refined: bool, learned: bool) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            @if let Some(values) = summary.by_value() {
                td class="n" colspan="3" { strong { (values) } }
            } @else {
                td class="n" { strong { (number::significant(summary.median, 3)) } }
                td class="n" { (number::interval(summary.interval_90, 3)) }
                td class="n" { (number::interval(summary.interval_95, 3)) }
            }
            td class="n" { (plus_minus(summary.mean, summary.sd)) }
            td class="n" { (plus_minus(summary.prior_mean, summary.prior_sd)) }
            @if refined { td class="n" { @if let Some(s) = amortized { (plus_minus(s.mean, s.sd)) } } }
            @if learned {
                td class=(if is_wider(summary) { "n open" } else { "n" }) { (number::fixed(summary.contraction, 2)) }
            }
        }
    }
}

/// Whether the posterior is wider than the prior by as much as the table shows.
fn is_wider(summary: &Summary) -> bool {
    summary.contraction <= -0.005
}

fn plus_minus(mean: f64, sd: f64) -> String {
    match mean.is_finite() {
        true => format!(
            "{} ± {}",
            number::significant(mean, 3),
            number::significant(sd, 2)
        ),
        false => number::MISSING.to_owned(),
    }
}

fn title(quantity: &Quantity) -> String {
    let named = crate::figures::with_unit(&quantity.name, &quantity.unit);
    match quantity.description.as_str() {
        "" => named,
        description => format!("{named}: {description}"),
    }
}
