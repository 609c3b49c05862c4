//! A claim in full: its statement, its numbers, what was measured, and its controls.

use maud::{Markup, html};

use super::verdict::badge;
use crate::{
    content::{Claim, Subject},
    draw::number,
    figures::interval,
};

/// A claim as a card: what needs the reader's attention.
pub fn card(claim: &Claim) -> Markup {
    html! {
        li class="claim" {
            div class="head" { (badge(claim.verdict)) span class="name" { (claim.name) } }
            p class="statement" { (claim.statement) }
            @if !claim.because.is_empty() { p class="because" { "Why: " (claim.because) "." } }
            div class="numbers" {
                @if let Some(glyph) = interval::glyph(claim) { (glyph) }
                span { (numbers(claim)) }
            }
            (measured(claim))
            @if !claim.controls.is_empty() {
                details { summary { "Controls" } (controls(claim)) }
            }
        }
    }
}

/// What was measured, on how many inputs, at which error rate, and whose answer it is about.
pub fn measured(claim: &Claim) -> Markup {
    let subject = match claim.subject {
        Subject::Amortized => "the network's answer",
        Subject::Refined => "the refined answer",
        Subject::Emulated => "the emulator's answer",
    };
    html! {
        p class="fine" {
            @if !claim.statistic.is_empty() { "Measured: " (claim.statistic) br; }
            @if claim.inputs > 0 { (number::count(claim.inputs)) " independent inputs · " }
            @if claim.error_rate.is_finite() { "error rate " (number::declared(claim.error_rate)) " · " }
            "about " (subject)
            @if !claim.controls.is_empty() { " · " (controls_held(claim)) }
        }
    }
}

/// The controls, one a row.
pub fn controls(claim: &Claim) -> Markup {
    html! {
        @if !claim.controls.is_empty() {
            div class="scroll" tabindex="0" role="region" aria-label="Controls" {
                table class="controls" {
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

fn controls_held(claim: &Claim) -> String {
    let held = claim.controls.iter().filter(|c| c.behaved).count();
    format!("{held} of {} controls behaved", claim.controls.len())
}

/// The numbers in one line: `estimate 0.021 (0 to 0.044), tolerance 0.05`.
fn numbers(claim: &Claim) -> String {
    let estimate = estimate(claim);
    let tolerance = claim
        .tolerance
        .is_finite()
        .then(|| format!("tolerance {}", number::declared(claim.tolerance)));
    let estimate = (!estimate.is_empty()).then(|| match claim.estimate.is_finite() {
        true => format!("estimate {estimate}"),
        false => estimate,
    });
    let parts: Vec<String> = estimate.into_iter().chain(tolerance).collect();
    parts.join(", ")
}

/// The estimate with its interval, such as `0.021 (0 to 0.044)`; empty without either.
pub fn estimate(claim: &Claim) -> String {
    let [low, high] = claim.interval;
    // A lower limit that is nothing beside the tolerance says no more than 0 does.
    let low = match low.abs() < 1e-3 * claim.tolerance.abs() {
        true => 0.0,
        false => low,
    };
    let interval = match [low, high] {
        [low, high] if low.is_finite() && high.is_finite() => number::interval([low, high], 2),
        [_, high] if high.is_finite() => format!("at most {}", number::significant(high, 2)),
        [low, _] if low.is_finite() => format!("at least {}", number::significant(low, 2)),
        _ => String::new(),
    };
    let estimate = match claim.estimate.is_finite() {
        true => number::significant(claim.estimate, 2),
        false => String::new(),
    };
    match (estimate.is_empty(), interval.is_empty()) {
        (false, false) => format!("{estimate} ({interval})"),
        _ => estimate + &interval,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: f64 = f64::NAN;

    fn claim(estimate: f64, interval: [f64; 2], tolerance: f64) -> Claim {
        Claim {
            estimate,
            interval,
            tolerance,
            ..Claim::default()
        }
    }

    #[test]
    fn numbers_stand_on_their_own() {
        for (estimate, interval, tolerance, words) in [
            (
                0.0213,
                [GAP, 0.0401],
                0.05,
                "estimate 0.021 (at most 0.040), tolerance 0.05",
            ),
            (
                0.0213,
                [0.0, 0.0401],
                0.05,
                "estimate 0.021 (0 to 0.040), tolerance 0.05",
            ),
            (GAP, [0.2, GAP], 0.1, "at least 0.20, tolerance 0.1"),
            (4.49, [4.43, 4.59], GAP, "estimate 4.5 (4.4 to 4.6)"),
            (GAP, [GAP, GAP], GAP, ""),
        ] {
            assert_eq!(numbers(&claim(estimate, interval, tolerance)), words);
        }
    }

    #[test]
    fn a_lower_limit_far_below_the_tolerance_is_zero() {
        let words = |low| estimate(&claim(0.00025, [low, 0.002164], 0.02));
        assert_eq!(words(4.2e-7), "0.00025 (0 to 0.0022)");
        assert_eq!(words(4.2e-5), "0.00025 (4.2×10⁻⁵ to 0.0022)");
    }

    #[test]
    fn what_was_measured_is_told_apart_from_the_estimate() {
        let claim = Claim {
            statistic: "rank of the truth".into(),
            ..claim(0.02, [0.0, 0.04], 0.05)
        };
        let html = card(&claim).into_string();
        assert!(html.contains("Measured: rank of the truth<br>"), "{html}");
        assert!(html.contains("estimate 0.020 (0 to 0.040), tolerance 0.05"));
    }
}
