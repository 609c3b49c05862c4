//! The claims with their verdicts, and the alarms about the observed data: what did not survive in
//! full, what survived as a table, then the alarms.

mod alarm;
mod card;
mod row;
mod verdict;

use maud::{Markup, html};

use crate::content::{Claim, Report, Subject, Verdict};

/// The verdicts as they are told: what survived, then the others, the worst first.
const VERDICTS: [Verdict; 5] = [
    Verdict::Survived,
    Verdict::Falsified,
    Verdict::Untestable,
    Verdict::Vacuous,
    Verdict::Undecided,
];

/// One line that counts the verdicts and the alarms raised.
pub fn tally(report: &Report) -> Markup {
    let raised = report.alarms.iter().filter(|a| a.raised).count();
    html! {
        @if !report.claims.is_empty() {
            p class="tally" {
                a href="#claims" {
                    (report.claims.len()) @if report.claims.len() == 1 { " claim" } @else { " claims" }
                }
                @for verdict in VERDICTS {
                    @let count = of_verdict(&report.claims, verdict).count();
                    @if count > 0 { (verdict::counted(verdict, count)) }
                }
                @if raised > 0 {
                    span class="verdict bad" { span aria-hidden="true" { "▲" } " " (raised) @if raised == 1 { " alarm" } @else { " alarms" } }
                }
            }
        }
    }
}

/// The section.
pub fn section(report: &Report) -> Markup {
    let nothing = report.claims.is_empty() && report.alarms.is_empty();
    if nothing {
        return html! {};
    }
    html! {
        @if !report.claims.is_empty() {
            p class="lead" {
                "Each claim was written down before it was tested, on simulations that nothing was fitted to."
                @if report.claims.iter().any(|claim| claim.subject == Subject::Refined) {
                    " A refined posterior is held against a computation that does not use the network."
                }
            }
            (claims(&report.claims))
        }
        @if !report.alarms.is_empty() {
            h3 { "Alarms about the observed data" }
            @if !report.possible.is_empty() { p { (report.possible) } }
            p class="lead" { "One data set can ring an alarm; it cannot prove a mechanism right." }
            (alarm::table(&report.alarms))
        }
    }
}

/// Claims: what did not survive in full, what survived as a table.
pub fn claims(claims: &[Claim]) -> Markup {
    let [survived, others @ ..] = VERDICTS.map(|v| of_verdict(claims, v).collect::<Vec<_>>());
    let others: Vec<&Claim> = others.into_iter().flatten().collect();
    html! {
        @if !others.is_empty() {
            ol class="claims" { @for claim in &others { (card::card(claim)) } }
        }
        @if !survived.is_empty() {
            @if !others.is_empty() { h3 { "Claims that survived" } }
            (row::table(&survived))
        }
    }
}

fn of_verdict(claims: &[Claim], verdict: Verdict) -> impl Iterator<Item = &Claim> {
    claims.iter().filter(move |c| c.verdict == verdict)
}
