//! The mechanisms word for word, and how to make the report again.

use maud::{Markup, html};

use crate::content::Report;

/// The section.
pub fn section(report: &Report) -> Markup {
    let from = &report.provenance;
    html! {
        @if !from.command.is_empty() {
            h3 { "How to make this report again" }
            pre { (from.command) }
        }
        @if report.mechanisms.iter().any(|m| !m.text.is_empty()) {
            h3 { "The mechanisms" }
            (mechanism_texts(report))
        }
    }
}

/// Each mechanism's file, folded.
pub fn mechanism_texts(report: &Report) -> Markup {
    html! {
        @for mechanism in report.mechanisms.iter().filter(|m| !m.text.is_empty()) {
            details {
                summary { strong { (mechanism.name) } " " (mechanism.description) }
                pre { (mechanism.text) }
            }
        }
    }
}
