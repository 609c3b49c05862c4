//! Claims as one compact table: a row each, which opens to the claim in full below it.
//!
//! A `<details>` cannot be a row of an HTML table, so the rows share the columns of a grid; each
//! cell says for itself what it holds, to a screen reader and on a phone.

use maud::{Markup, html};

use super::{
    card::{controls, estimate, measured},
    verdict::badge,
};
use crate::{content::Claim, draw::number, figures::interval};

/// The table.
pub fn table(claims: &[&Claim]) -> Markup {
    html! {
        div class="cells columns" aria-hidden="true" {
            span { "Verdict" } span { "Claim" } span class="glyphs" {}
            span { "Estimate" } span class="n" { "Tolerance" } span class="n" { "Inputs" }
        }
        ol class="rows" { @for claim in claims { (row(claim)) } }
    }
}

fn row(claim: &Claim) -> Markup {
    html! {
        li {
            details {
                summary {
                    span class="cells" {
                        (badge(claim.verdict))
                        span class="name" { (claim.name) }
                        span class="glyphs" { @if let Some(glyph) = interval::glyph(claim) { (glyph) } }
                        span class="estimate" { (label("estimate ")) (estimate(claim)) }
                        span class="n tolerance" {
                            @if claim.tolerance.is_finite() { (label("tolerance ")) (number::declared(claim.tolerance)) }
                        }
                        span class="n inputs" {
                            @if claim.inputs > 0 { (number::count(claim.inputs)) (label(" inputs")) }
                        }
                    }
                }
                div class="full" {
                    p class="statement" { (claim.statement) }
                    (measured(claim))
                    (controls(claim))
                }
            }
        }
    }
}

/// What a cell holds, where the columns' heads are not seen.
fn label(words: &str) -> Markup {
    html! { span class="label" { (words) } }
}
