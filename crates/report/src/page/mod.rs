//! The page: content and figures to one HTML document that loads nothing.

mod appendix;
mod attribution;
mod claims;
mod convergence;
mod cost;
mod emulation;
mod holes;
mod posterior;
mod refinement;
mod rounds;
mod sensitivity;
mod style;
mod unseen;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{
    content::{Convergence, Emulation, Holes, Report},
    figures::Figure,
    gallery::Gallery,
};

/// The whole report.
pub fn report(report: &Report, gallery: &Gallery) -> String {
    let sections: Vec<(&str, &str, Markup)> = [
        ("claims", "The claims", claims::section(report)),
        (
            "data",
            "The data, and what the mechanisms make of them",
            figures(&[&gallery.prior, &gallery.posterior, &gallery.typicality]),
        ),
        (
            "unseen",
            "What is not given",
            unseen::section(report, gallery),
        ),
        (
            "mechanisms",
            "Which mechanism",
            posterior::mechanisms(report, gallery),
        ),
        (
            "posterior",
            "What is known",
            posterior::section(report, gallery),
        ),
        (
            "attribution",
            "The simulations most like the data",
            attribution::section(report, gallery),
        ),
        ("rounds", "Round by round", rounds::section(report)),
        (
            "refinement",
            "Held against the likelihood",
            refinement::section(report, gallery),
        ),
        (
            "sensitivity",
            "If the priors were different",
            sensitivity::section(report),
        ),
        (
            "calibration",
            "Calibration",
            figures(&[&gallery.calibration]),
        ),
        ("training", "Training", cost::training(report, gallery)),
        ("ledger", "Ledger", cost::ledger(report)),
        ("appendix", "Appendix", appendix::section(report)),
    ]
    .into_iter()
    .filter(|(_, _, body)| !body.0.is_empty())
    .collect();
    let body = html! {
        (header(report, true))
        nav aria-label="Contents" {
            ol { @for (id, title, _) in &sections { li { a href={ "#" (id) } { (title) } } } }
        }
        main {
            @for (id, title, body) in &sections {
                section id=(id) { h2 { (title) } (body) }
            }
        }
        (footer(report))
    };
    document(&report.title, &body)
}

/// The page before anything is learned: the prior predictive figures and the mechanisms.
pub fn preview(report: &Report, gallery: &Gallery) -> String {
    let body = html! {
        (header(report, false))
        main {
            section {
                h2 { "Before anything is learned" }
                p { "If the data lie far outside what every mechanism produces, learning will not help: reconsider the mechanisms or their priors first." }
                (figures(&[&gallery.prior]))
            }
            section { h2 { "Mechanisms" } (appendix::mechanism_texts(report)) }
        }
        (footer(report))
    };
    document(&report.title, &body)
}

/// How the networks converge to the exact predictor.
pub fn convergence(convergence: &Convergence, figures: &[Figure]) -> String {
    // The header and the footer of a report.
    let report = Report {
        title: convergence.title.clone(),
        provenance: convergence.provenance.clone(),
        ..Report::default()
    };
    let body = html! {
        (header(&report, false))
        main {
            section {
                h2 { "Convergence to the exact predictor" }
                p {
                    "Networks that learned from more and more of the same simulations, tested on fresh data "
                    "sets. The excess risk is the mean of ln p(truth | data) - ln q(truth | data), with the exact "
                    "posterior p and the network's q: 0 for a network that is exact."
                }
                (self::figures(&[figures]))
                (convergence::section(convergence))
            }
            section { h2 { "Mechanisms" } (appendix::mechanism_texts(&Report { mechanisms: convergence.mechanisms.clone(), ..Report::default() })) }
        }
        (footer(&report))
    };
    document(&convergence.title, &body)
}

/// Holes along one parameter, or of an emulator.
pub fn holes(found: &Holes, figures: &[Figure]) -> String {
    // The header and the footer of a report.
    let report = Report {
        title: found.title.clone(),
        answer: found.answer.clone(),
        provenance: found.provenance.clone(),
        mechanisms: vec![found.mechanism.clone()],
        ..Report::default()
    };
    let sections: [(&str, Markup); 4] = [
        (
            "What is shown, and what may still hide",
            holes::certificates(found),
        ),
        (
            "Resonances",
            html! { (self::figures(&[figures])) (holes::poles(found)) },
        ),
        ("The worst points that were found", holes::worst(found)),
        ("Appendix", appendix::mechanism_texts(&report)),
    ];
    let body = html! {
        (header(&report, true))
        main {
            @for (title, body) in &sections {
                @if !body.0.is_empty() { section { h2 { (title) } (body) } }
            }
        }
        (footer(&report))
    };
    document(&found.title, &body)
}

/// An emulator.
pub fn emulation(found: &Emulation, figures: &[Figure]) -> String {
    // The header and the footer of a report.
    let report = Report {
        title: found.title.clone(),
        answer: found.answer.clone(),
        provenance: found.provenance.clone(),
        claims: found.claims.clone(),
        mechanisms: vec![found.mechanism.clone()],
        ..Report::default()
    };
    let drawn = |name: &str| html! { @for figure in figures { @if figure.name == name { (figure.inline()) } } };
    let sections: [(&str, &str, Markup); 8] = [
        ("claims", "The claims", claims::section(&report)),
        (
            "answers",
            "Who answers",
            html! { (emulation::sources(found)) (drawn("errors")) (drawn("answers")) },
        ),
        (
            "families",
            "The families that were tried",
            emulation::families(found),
        ),
        (
            "learning",
            "With more simulations",
            html! { (drawn("learning")) (emulation::curve(found)) },
        ),
        (
            "convergence",
            "Convergence at the time of asking",
            html! { (emulation::sweeps(found)) (drawn("sweeps")) },
        ),
        (
            "conserved",
            "What is conserved",
            html! { (emulation::conserved(found)) (drawn("drift")) (drawn("portrait")) },
        ),
        ("ledger", "Ledger", emulation::ledger(found)),
        ("appendix", "Appendix", appendix::mechanism_texts(&report)),
    ];
    let sections: Vec<_> = sections
        .into_iter()
        .filter(|(_, _, body)| !body.0.is_empty())
        .collect();
    let body = html! {
        (header(&report, true))
        nav aria-label="Contents" {
            ol { @for (id, title, _) in &sections { li { a href={ "#" (id) } { (title) } } } }
        }
        main {
            @for (id, title, body) in &sections {
                section id=(id) { h2 { (title) } (body) }
            }
        }
        (footer(&report))
    };
    document(&found.title, &body)
}

fn document(title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(style::sheet())) }
            }
            body { (body) }
        }
    }
    .into_string()
}

fn header(report: &Report, answered: bool) -> Markup {
    let from = &report.provenance;
    html! {
        header {
            @if !from.study.is_empty() { p class="eyebrow" { (from.study) } }
            h1 { (report.title) }
            @if answered && !report.answer.is_empty() { p class="answer" { (report.answer) } }
            @if answered && !report.condition.is_empty() { p class="fine" { (report.condition) } }
            @if answered { (claims::tally(report)) }
        }
    }
}

fn footer(report: &Report) -> Markup {
    let from = &report.provenance;
    let version = (!from.version.is_empty()).then(|| format!("Gnomon {}", from.version));
    let parts = [
        Some(from.date.clone()),
        version,
        Some(format!("seed {}", from.seed)),
    ];
    let line: Vec<String> = parts
        .into_iter()
        .flatten()
        .filter(|p| !p.is_empty())
        .collect();
    html! { footer { p { (line.join(" · ")) } } }
}

fn figures(lists: &[&[Figure]]) -> Markup {
    html! { @for figure in lists.iter().copied().flatten() { (figure.inline()) } }
}
