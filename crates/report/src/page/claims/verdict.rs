//! A verdict as symbol, word and colour: never colour alone.

use maud::{Markup, html};

use crate::content::Verdict;

/// Symbol, word and style class.
fn words(verdict: Verdict) -> (&'static str, &'static str, &'static str) {
    match verdict {
        Verdict::Survived => ("✓", "survived", "good"),
        Verdict::Falsified => ("✗", "falsified", "bad"),
        Verdict::Undecided => ("?", "undecided", "open"),
        Verdict::Untestable => ("⊘", "untestable", "open"),
        Verdict::Vacuous => ("○", "vacuous", "open"),
    }
}

/// The verdict of one claim.
pub fn badge(verdict: Verdict) -> Markup {
    let (symbol, word, class) = words(verdict);
    html! {
        span class={ "verdict " (class) } { span aria-hidden="true" { (symbol) } " " (word) }
    }
}

/// How many claims have this verdict.
pub fn counted(verdict: Verdict, count: usize) -> Markup {
    let (symbol, word, class) = words(verdict);
    html! {
        span class={ "verdict " (class) } { span aria-hidden="true" { (symbol) } " " (count) " " (word) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_have_a_word_and_a_symbol() {
        let html = badge(Verdict::Falsified).into_string();
        assert!(html.contains("falsified") && html.contains('✗'));
    }
}
