//! The claims with their verdicts, and the alarms about the observed data.

use maud::{Markup, html};

use super::figures;
use crate::{
    content::{Alarm, Claim, Report, Subject, Verdict},
    draw::number,
    figures::interval,
    gallery::Gallery,
};

/// Symbol, word and style class of a verdict: never colour alone.
fn words(verdict: Verdict) -> (&'static str, &'static str, &'static str) {
    match verdict {
        Verdict::Survived => ("✓", "survived", "good"),
        Verdict::Falsified => ("✗", "falsified", "bad"),
        Verdict::Undecided => ("?", "undecided", "open"),
        Verdict::Untestable => ("⊘", "untestable", "open"),
        Verdict::Vacuous => ("○", "vacuous", "open"),
    }
}

fn badge(verdict: Verdict) -> Markup {
    let (symbol, word, class) = words(verdict);
    html! {
        span class={ "verdict " (class) } { span aria-hidden="true" { (symbol) } " " (word) }
    }
}

/// One line that counts the verdicts and the alarms raised.
pub fn tally(report: &Report) -> Markup {
    let all = [
        Verdict::Survived,
        Verdict::Falsified,
        Verdict::Undecided,
        Verdict::Untestable,
        Verdict::Vacuous,
    ];
    let counts = all.map(|verdict| {
        report
            .claims
            .iter()
            .filter(|c| c.verdict == verdict)
            .count()
    });
    let raised = report.alarms.iter().filter(|a| a.raised).count();
    html! {
        @if !report.claims.is_empty() {
            p class="tally" {
                a href="#claims" {
                    (report.claims.len()) @if report.claims.len() == 1 { " claim" } @else { " claims" }
                }
                @for (verdict, count) in all.into_iter().zip(counts) {
                    @if count > 0 {
                        @let (symbol, word, class) = words(verdict);
                        span class={ "verdict " (class) } { span aria-hidden="true" { (symbol) } " " (count) " " (word) }
                    }
                }
                @if raised > 0 {
                    span class="verdict bad" { span aria-hidden="true" { "▲" } " " (raised) @if raised == 1 { " alarm" } @else { " alarms" } }
                }
            }
        }
    }
}

/// The section.
pub fn section(report: &Report, gallery: &Gallery) -> Markup {
    let nothing =
        report.claims.is_empty() && report.alarms.is_empty() && gallery.typicality.is_empty();
    if nothing {
        return html! {};
    }
    html! {
        @if !report.claims.is_empty() {
            p class="lead" { "Each claim was written down before it was tested, on simulations that nothing was fitted to." }
            ol class="claims" { @for one in &report.claims { (claim(one)) } }
        }
        @if !report.alarms.is_empty() {
            h3 { "Alarms about the observed data" }
            p class="lead" { "One data set can ring an alarm; it cannot prove a mechanism right." }
            ul class="claims" { @for one in &report.alarms { (alarm(one)) } }
        }
        (figures(&[&gallery.typicality]))
    }
}

fn claim(claim: &Claim) -> Markup {
    let subject = match claim.subject {
        Subject::Amortized => "the network's answer",
        Subject::Refined => "the refined answer",
    };
    html! {
        li class="claim" {
            div class="head" { (badge(claim.verdict)) span class="name" { (claim.name) } }
            p class="statement" { (claim.statement) }
            div class="numbers" {
                @if let Some(glyph) = interval::glyph(claim) { (glyph) }
                span { (statistic(claim)) }
            }
            p class="fine" {
                @if claim.inputs > 0 { (number::count(claim.inputs)) " independent inputs · " }
                @if claim.error_rate.is_finite() { "error rate " (number::declared(claim.error_rate)) " · " }
                "about " (subject)
                @if !claim.controls.is_empty() { " · " (controls_held(claim)) }
            }
            @if !claim.controls.is_empty() {
                details {
                    summary { "Controls" }
                    div class="scroll" tabindex="0" role="region" aria-label="Controls" {
                        table {
                            thead { tr { th scope="col" { "Control" } th scope="col" { "Seen" } th scope="col" { "Behaved" } } }
                            tbody {
                                @for control in &claim.controls {
                                    tr {
                                        th scope="row" { (control.name) }
                                        td { (control.result) }
                                        td { @if control.behaved { "yes" } @else { strong { "no" } } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn controls_held(claim: &Claim) -> String {
    let held = claim.controls.iter().filter(|c| c.behaved).count();
    format!("{held} of {} controls behaved", claim.controls.len())
}

/// The statistic in words and numbers: `name: estimate (lower to upper), tolerance t`.
fn statistic(claim: &Claim) -> String {
    let mut numbers = Vec::new();
    if claim.estimate.is_finite() {
        numbers.push(number::significant(claim.estimate, 2));
    }
    match claim.interval {
        [low, high] if low.is_finite() && high.is_finite() => {
            numbers.push(format!("({})", number::interval([low, high], 2)));
        }
        [_, high] if high.is_finite() => {
            numbers.push(format!("(at most {})", number::significant(high, 2)))
        }
        [low, _] if low.is_finite() => {
            numbers.push(format!("(at least {})", number::significant(low, 2)))
        }
        _ => {}
    }
    let mut text = claim.statistic.clone();
    if !numbers.is_empty() {
        text += &format!(
            "{}{}",
            if text.is_empty() { "" } else { ": " },
            numbers.join(" ")
        );
    }
    if claim.tolerance.is_finite() {
        text += &format!("; tolerance {}", number::declared(claim.tolerance));
    }
    text
}

fn alarm(alarm: &Alarm) -> Markup {
    html! {
        li class="claim" {
            div class="head" {
                @if alarm.raised {
                    span class="verdict bad" { span aria-hidden="true" { "▲" } " raised" }
                } @else {
                    span class="verdict quiet" { span aria-hidden="true" { "–" } " not raised" }
                }
                span class="name" { (alarm.name) }
            }
            p class="statement" { (alarm.words) }
            @if alarm.p_value.is_finite() { p class="fine" { "p = " (number::significant(alarm.p_value, 2)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statistic_reads_as_a_sentence_part() {
        let claim = Claim {
            statistic: "largest difference".into(),
            estimate: 0.0213,
            interval: [f64::NAN, 0.0401],
            tolerance: 0.05,
            ..Claim::default()
        };
        assert_eq!(
            statistic(&claim),
            "largest difference: 0.021 (at most 0.040); tolerance 0.05"
        );
        assert_eq!(statistic(&Claim::default()), "");
    }

    #[test]
    fn verdicts_have_a_word_and_a_symbol() {
        let html = badge(Verdict::Falsified).into_string();
        assert!(html.contains("falsified") && html.contains('✗'));
    }
}
