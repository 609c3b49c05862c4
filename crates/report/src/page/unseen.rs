//! What is observed in the mechanisms and not given: figures, and the last entry of each in numbers.

use maud::{Markup, html};

use super::figures;
use crate::{
    content::{OfPaths, Report, Unseen},
    draw::number::{MISSING, significant},
    gallery::Gallery,
};

/// The figures and the table; nothing where nothing was asked.
pub fn section(report: &Report, gallery: &Gallery) -> Markup {
    if report.unseen.is_empty() {
        return html! {};
    }
    let told = report
        .unseen
        .iter()
        .any(|unseen| unseen.identified.is_some());
    html! {
        (figures(&[&gallery.unseen]))
        div class="scroll" tabindex="0" role="region" aria-label="What is not given" {
            table class="numbers" {
                thead { tr {
                    th scope="col" { "Series" }
                    th scope="col" class="n" { "At" }
                    th scope="col" class="n" { "Median" }
                    th scope="col" class="n" { "50 % interval" }
                    th scope="col" class="n" { "90 % interval" }
                    th scope="col" { "Unit" }
                    @if told { th scope="col" { "What the data tell" } }
                } }
                tbody { @for unseen in &report.unseen {
                    (row(unseen, told))
                    @for own in &unseen.of_paths { (of_paths(unseen, own, told)) }
                } }
            }
        }
        p class="fine" {
            "The last entry of each, as the network has it: no likelihood refines it. Totals and largest entries are of whole paths, where their density was learned. All levels of all entries are in "
            code { "report.json" } "."
        }
    }
}

/// One number of whole paths.
fn of_paths(unseen: &Unseen, own: &OfPaths, told: bool) -> Markup {
    let number = |x: f64| significant(x, 3);
    let between = |[low, high]: [f64; 2]| format!("{} to {}", number(low), number(high));
    html! {
        tr {
            th scope="row" { (unseen.label) ", " (own.name) }
            td {}
            td class="n" { (number(own.median)) }
            td class="n" { (between(own.interval_50)) }
            td class="n" { (between(own.interval_90)) }
            td { (unseen.given.unit) }
            @if told { td {} }
        }
    }
}

fn row(unseen: &Unseen, told: bool) -> Markup {
    let prediction = &unseen.prediction;
    let at = |level: f64| {
        let near = |other: &f64| (other - level).abs() < 1e-9;
        let place = prediction.levels.iter().position(near)?;
        Some(significant(*prediction.quantiles[place].last()?, 3))
    };
    let [low, quarter, median, three, high] =
        [0.05, 0.25, 0.5, 0.75, 0.95].map(|level| at(level).unwrap_or_else(|| MISSING.to_owned()));
    html! {
        tr {
            th scope="row" { (unseen.label) }
            td class="n" { @if let Some(last) = prediction.times.last() { (last) } }
            td class="n" { (median) }
            td class="n" { (quarter) " to " (three) }
            td class="n" { (low) " to " (high) }
            td { (unseen.given.unit) }
            @if told { td class="words" { @if let Some(found) = &unseen.identified { (found.words) } } }
        }
    }
}
