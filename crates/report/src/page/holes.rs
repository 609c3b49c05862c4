//! Holes: certificates in words, poles, and an emulator's worst points.

use maud::{Markup, html};

use crate::{
    content::Holes,
    draw::number::{MISSING, significant},
};

/// What was shown, what that leaves open, and what was not shown.
pub fn certificates(found: &Holes) -> Markup {
    html! {
        @if !found.open.is_empty() {
            ul class="notes" { @for open in &found.open { li { (open) } } }
        }
        @if !found.certificates.is_empty() {
            dl {
                @for one in &found.certificates {
                    dt { strong { (one.grade) } ": " (one.excludes) "." }
                    dd { "Cannot exclude: " (one.cannot_exclude) "." }
                }
            }
            p class="note" {
                "Complete: the operator is known, and all are counted. Structural: it rests on the response being "
                "rational. Statistical: it rests on fresh random solves alone."
            }
        }
    }
}

/// Poles as a table.
pub fn poles(found: &Holes) -> Markup {
    let number = |x: f64, digits: usize| match x.is_finite() {
        true => significant(x, digits),
        false => MISSING.into(),
    };
    html! {
        @if !found.poles.is_empty() {
            div class="scroll" tabindex="0" role="region" aria-label="Poles" {
                table class="numbers" {
                    thead { tr {
                        th scope="col" class="n" { "Pole at" } th scope="col" class="n" { "Width" }
                        th scope="col" class="n" { "Residue" } th scope="col" class="n" { "|y| there" }
                        th scope="col" { "Seen best in" } th scope="col" { "" }
                    } }
                    tbody {
                        @for pole in &found.poles {
                            tr {
                                td class="n" { (number(pole.position, 8)) } td class="n" { (number(pole.width, 3)) }
                                td class="n" { (number(pole.residue, 3)) } td class="n" { (number(pole.height, 4)) }
                                td { (pole.output) } td { (pole.state) }
                            }
                        }
                    }
                }
            }
        } @else if !found.over.is_empty() {
            p { "No pole was found." }
        }
    }
}

/// An emulator's worst points.
pub fn worst(found: &Holes) -> Markup {
    let number = |x: f64| match x.is_finite() {
        true => significant(x, 4),
        false => MISSING.into(),
    };
    html! {
        @if !found.worst.is_empty() {
            p {
                "Points of the search where the emulator answers and is off by more than the tolerance, the worst of "
                "their surroundings. They guided the search, and certify nothing."
            }
            div class="scroll" tabindex="0" role="region" aria-label="Worst points" {
                table class="numbers" {
                    thead { tr {
                        @for name in &found.given { th scope="col" class="n" { (name) } }
                        th scope="col" class="n" { "Error in tolerances" } th scope="col" { "Of" }
                        th scope="col" class="n" { "Emulator" } th scope="col" class="n" { "Solver" }
                    } }
                    tbody {
                        @for point in &found.worst {
                            tr {
                                @for x in &point.query { td class="n" { (number(*x)) } }
                                td class="n" { (number(point.error)) } td { (point.output) }
                                td class="n" { (number(point.emulator)) }
                                td class="n" { @if point.solver.is_finite() { (number(point.solver)) } @else { "failed" } }
                            }
                        }
                    }
                }
            }
        }
    }
}
