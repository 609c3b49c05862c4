//! An emulator: how often it answers, the families that were tried, what it costs and when it pays.

use maud::{Markup, html};

use crate::{
    content::Emulation,
    draw::number::{MISSING, count, duration, significant},
};

/// Where answers came from.
pub fn sources(found: &Emulation) -> Markup {
    html! {
        @if !found.notes.is_empty() {
            ul class="notes" { @for note in &found.notes { li { (note) } } }
        }
        p {
            "Of " (count(found.queries)) " fresh queries from the prior, the emulator answered "
            (count(found.answered)) " itself (" (percent(found.answered, found.queries)) "). "
            @if found.threshold.is_finite() {
                "It answers where its error estimate is at most " (significant(found.threshold, 3))
                " of the tolerance; that threshold was chosen on queries of its own, so that at most "
                (significant(100.0 * found.level, 3)) " % of what it answers is off by more than the tolerance."
            } @else {
                "No threshold of its error estimate was found below which few enough answers are wrong: the solver answers everything."
            }
        }
        div class="scroll" tabindex="0" role="region" aria-label="Sources" {
            table class="numbers" {
                thead { tr { th scope="col" { "Fresh queries" } th scope="col" class="n" { "Count" } th scope="col" class="n" { "Share" } } }
                tbody {
                    @for (words, number) in &found.sources {
                        tr { th scope="row" { (words) } td class="n" { (count(*number)) } td class="n" { (percent(*number, found.queries)) } }
                    }
                }
            }
        }
        div class="scroll" tabindex="0" role="region" aria-label="Tolerances" {
            table class="numbers" {
                thead { tr { th scope="col" { "Quantity" } th scope="col" class="n" { "Tolerance" } th scope="col" class="n" { "Spread over the prior" } th scope="col" { "Unit" } } }
                tbody {
                    @for quantity in &found.quantities {
                        tr {
                            th scope="row" { (quantity.name) }
                            td class="n" { (significant(quantity.tolerance, 3)) }
                            td class="n" { (significant(quantity.spread, 3)) }
                            td { (quantity.unit.as_deref().unwrap_or("")) }
                        }
                    }
                }
            }
        }
    }
}

/// The families that were tried.
pub fn families(found: &Emulation) -> Markup {
    html! {
        p { (found.why) }
        p class="fine" {
            "Held-out error: root mean square over quantities, in standard deviations over the bank; 1 is the bank's mean. "
            "Too far: held-out rows with an error above half the tolerance in any quantity. "
            "Operations: sums and products of one answer with its spread, as counted."
        }
        div class="scroll" tabindex="0" role="region" aria-label="Families" {
            table class="numbers" {
                thead { tr {
                    th scope="col" { "Family" } th scope="col" class="n" { "Held-out error" }
                    th scope="col" class="n" { "Too far" } th scope="col" class="n" { "Operations" }
                    th scope="col" class="n" { "Fits" } th scope="col" class="n" { "One query among many" }
                } }
                tbody {
                    @for family in &found.families {
                        tr {
                            th scope="row" { @if family.is_chosen { strong { (family.name) } " (chosen)" } @else { (family.name) } }
                            @if family.refused.is_empty() {
                                td class="n" { (significant(family.error, 3)) }
                                td class="n" { (significant(100.0 * family.beyond, 2)) " %" }
                                td class="n" { (count(family.operations)) }
                                td class="n" { (duration(family.fit_seconds)) }
                                td class="n" { (duration(family.query_seconds)) }
                            } @else {
                                td class="words" colspan="5" { (family.refused) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The ledger, with the break-even in words.
pub fn ledger(found: &Emulation) -> Markup {
    let costs = &found.costs;
    let seconds: f64 = costs.paid.iter().map(|paid| paid.seconds).sum();
    let in_solves: f64 = costs.paid.iter().map(|paid| paid.in_solves).sum();
    let solves: u64 = costs.paid.iter().map(|paid| paid.solves).sum();
    html! {
        p { strong { (costs.break_even) } }
        div class="scroll" tabindex="0" role="region" aria-label="Paid once" {
            table class="numbers" {
                thead { tr { th scope="col" { "Paid once" } th scope="col" class="n" { "Solver runs" } th scope="col" class="n" { "Time" } th scope="col" class="n" { "In solver runs" } } }
                tbody {
                    @for paid in &costs.paid {
                        tr {
                            th scope="row" { (paid.what) }
                            td class="n" { @if paid.solves > 0 { (count(paid.solves)) } @else { (MISSING) } }
                            td class="n" { (duration(paid.seconds)) }
                            td class="n" { (significant(paid.in_solves, 3)) }
                        }
                    }
                    tr class="total" { th scope="row" { "Together" } td class="n" { (count(solves)) } td class="n" { (duration(seconds)) } td class="n" { (significant(in_solves, 3)) } }
                }
            }
        }
        div class="scroll" tabindex="0" role="region" aria-label="Paid for each query" {
            table class="numbers" {
                thead { tr { th scope="col" { "Paid for each query" } th scope="col" class="n" { "Alone" } th scope="col" class="n" { "Among many" } } }
                tbody {
                    @for speed in &costs.speeds {
                        tr { th scope="row" { (speed.who) } td class="n" { (duration(speed.latency)) } td class="n" { (duration(speed.each)) } }
                    }
                }
            }
        }
        p class="fine" { "In solver runs: how many runs of the solver, in batches, take as long. Alone: from asking to the answer. Among many: of a batch, its share, on all threads that were used." }
    }
}

/// Nested levels: parts of the bank, and of the modes.
pub fn curve(found: &Emulation) -> Markup {
    let (curve, modes) = (&found.curve, &found.modes);
    html! {
        @if curve.exponent.is_finite() {
            p {
                "With more simulations the error falls as their number to the power "
                (significant(curve.exponent, 2)) " (a straight line through the logarithms; the family that was chosen, on the first simulations of the bank). "
                (decay(&curve.changes))
            }
        }
        (levels("Simulations", &curve.simulations, &curve.errors, &curve.changes))
        @if modes.modes.len() > 1 {
            p {
                "With more modes the error goes as their number to the power " (significant(modes.exponent, 2)) ". "
                (decay(&modes.changes))
            }
            (levels("Modes", &modes.modes, &modes.errors, &modes.changes))
        }
    }
}

/// Whether answers settle from level to level.
fn decay(changes: &[f64]) -> &'static str {
    let mut steps = changes.windows(2);
    match changes.len() {
        0 | 1 => "",
        _ if steps.all(|pair| pair[1] < pair[0]) => {
            "From level to level the answers change less and less: they converge."
        }
        _ => {
            "From level to level the answers do not change less and less: they have not converged."
        }
    }
}

/// Levels in a table.
fn levels(what: &str, sizes: &[u64], errors: &[f64], changes: &[f64]) -> Markup {
    html! {
        @if sizes.len() > 1 {
            div class="scroll" tabindex="0" role="region" aria-label=(what) {
                table class="numbers" {
                    thead { tr {
                        th scope="col" class="n" { (what) } th scope="col" class="n" { "Error, in tolerances" }
                        th scope="col" class="n" { "Change to the level before" }
                    } }
                    tbody {
                        @for (level, (size, error)) in sizes.iter().zip(errors).enumerate() {
                            tr {
                                td class="n" { (count(*size)) }
                                td class="n" { (significant(*error, 3)) }
                                td class="n" { @if level > 0 { (significant(changes.get(level - 1).copied().unwrap_or(f64::NAN), 3)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How answers converge to the solver's.
pub fn sweeps(found: &Emulation) -> Markup {
    let own = &found.sweeps;
    html! {
        @if !own.refused.is_empty() {
            p { "Answers are not refined: " (own.refused) "." }
        } @else if own.queries > 0 {
            p {
                "A sweep corrects an answer by the mechanism's own equations, a step of Newton's method on the whole "
                "trajectory. Of " (count(own.queries)) " fresh queries, " (count(own.converged))
                " reached a residual within the solver's tolerance"
                @if let Some(last) = own.middle.last() {
                    ", after at most " (own.middle.len() - 1) " sweeps; the median error is then "
                    (significant(*last, 2)) " of the tolerance, the solver's own " (significant(own.solver, 2))
                }
                ". "
                @if own.factor.is_finite() {
                    "95 % of refined answers are within " (significant(own.factor, 2)) " of the solver's own tolerances of its answers. "
                }
                @if own.order.is_finite() { "The observed order is " (significant(own.order, 2)) ". " }
                "One refined answer takes " (duration(own.latency)) " alone and " (duration(own.each))
                " among many; the solver " (duration(own.solver_latency)) " and " (duration(own.solver_each)) "."
            }
        }
    }
}

/// How answers keep what the mechanism conserves.
pub fn conserved(found: &Emulation) -> Markup {
    html! {
        @for own in &found.conserved {
            p {
                "The mechanism conserves " strong { (own.name) } ": its answers may drift by "
                (significant(own.tolerance, 3)) " from what it is at the start, where it varies by "
                (significant(own.spread, 3)) " between queries (standard deviation)."
            }
            div class="scroll" tabindex="0" role="region" aria-label=(own.name) {
                table class="numbers" {
                    thead { tr {
                        th scope="col" { "Drift in tolerances" } th scope="col" class="n" { "Fresh queries" }
                        th scope="col" class="n" { "Median" } th scope="col" class="n" { "99 %" }
                        th scope="col" class="n" { "Above the tolerance" }
                    } }
                    tbody {
                        @for drift in &own.drifts {
                            tr {
                                th scope="row" { (drift.who) }
                                td class="n" { (count(drift.queries)) }
                                td class="n" { (significant(drift.middle, 2)) }
                                td class="n" { (significant(drift.high, 2)) }
                                td class="n" { (significant(100.0 * drift.beyond, 3)) " %" }
                            }
                        }
                    }
                }
            }
        }
        @if !found.conserved.is_empty() {
            p class="fine" {
                "Errors of the map at other queries are as large as its own and know nothing of the law: where they drift no more, "
                "the map keeps the law by its accuracy alone."
            }
        }
    }
}

fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => MISSING.to_owned(),
        _ => format!("{} %", significant(100.0 * part as f64 / whole as f64, 3)),
    }
}
