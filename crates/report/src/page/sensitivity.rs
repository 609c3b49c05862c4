//! What would follow from other priors.

use maud::{Markup, html};

use crate::{
    content::{Report, Sensitivity},
    draw::number,
};

const CHANGES: [&str; 4] = ["narrower", "wider", "lower", "higher"];

/// The section; nothing without any change.
pub fn section(report: &Report) -> Markup {
    let all = &report.sensitivity;
    if all.is_empty() {
        return html! {};
    }
    html! {
        p {
            "One prior at a time is changed in its own coordinates, where it is a standard normal: its "
            "standard deviation becomes two thirds or one and a half, or it moves by half of it. Posterior "
            "draws are weighed accordingly; nothing is simulated again."
        }
        @for line in conclusions(report) { p class="lead" { (line) } }
        div class="scroll" tabindex="0" role="region" aria-label="Sensitivity" {
            table class="numbers" {
                thead {
                    tr {
                        th scope="col" { "Prior of" }
                        @for change in CHANGES { th scope="col" class="n" { (change) } }
                        th scope="col" { "Moves farthest" }
                    }
                }
                @for mechanism in names(all) {
                    tbody {
                        tr class="group" { th colspan="6" scope="rowgroup" { "Given " (mechanism) } }
                        @for rows in parameters(all, mechanism) { (row(&rows)) }
                    }
                }
            }
        }
        p class="fine" {
            "Numbers: change of ln p(data | mechanism), nats. Farthest: the quantity given the mechanism "
            "whose mean moves most under any of the four, in posterior standard deviations. – where "
            "the posterior's draws do not reach far enough to tell."
        }
    }
}

/// What the changes do to probabilities and shared quantities, in sentences.
fn conclusions(report: &Report) -> Vec<String> {
    let told = || report.sensitivity.iter().filter(|one| one.reliable);
    let (judged, all) = (told().count(), report.sensitivity.len());
    if judged == 0 {
        return vec!["None of the changes can be judged from these draws.".into()];
    }
    let of = match judged < all {
        true => format!(" under the {judged} of {all} changes that can be judged"),
        false => String::new(),
    };
    let mut lines = Vec::new();
    let most = report
        .mechanisms
        .iter()
        .filter(|m| m.posterior.is_finite())
        .max_by(|a, b| a.posterior.total_cmp(&b.posterior));
    if let Some(most) = most.filter(|_| report.mechanisms.len() > 1) {
        let rest = 1.0 - most.posterior;
        // Another mechanism's change takes from this one in proportion.
        let then = told().map(|one| match one.mechanism == most.name {
            true => one.probability,
            false => {
                let own = report.mechanisms.iter().find(|m| m.name == one.mechanism);
                let others = rest - own.map_or(0.0, |m| m.posterior);
                (1.0 - one.probability) * most.posterior / (most.posterior + others)
            }
        });
        let [low, high] = then.fold([most.posterior; 2], |[low, high], p| {
            [low.min(p), high.max(p)]
        });
        lines.push(format!(
            "The probability of {}, {}, stays between {} and {}{of}.",
            most.name,
            number::probability(most.posterior),
            number::probability(low),
            number::probability(high)
        ));
    }
    for shared in &report.shared {
        let name = &shared.quantity.name;
        let shifts = told().flat_map(|one| &one.shared);
        let farthest = shifts
            .filter(|(other, _)| other == name)
            .map(|(_, shift)| shift.abs())
            .filter(|shift| shift.is_finite())
            .fold(f64::NAN, f64::max);
        if farthest.is_nan() {
            continue;
        }
        lines.push(format!(
            "The mean of {name} over all mechanisms moves by at most {} of its standard deviation{of}.",
            number::significant(farthest, 2)
        ));
    }
    lines
}

fn names(all: &[Sensitivity]) -> Vec<&str> {
    let mut names: Vec<&str> = all.iter().map(|one| one.mechanism.as_str()).collect();
    names.dedup();
    names
}

/// The changes of each parameter of a mechanism.
fn parameters<'a>(all: &'a [Sensitivity], mechanism: &str) -> Vec<Vec<&'a Sensitivity>> {
    let mut rows: Vec<Vec<&Sensitivity>> = Vec::new();
    for one in all.iter().filter(|one| one.mechanism == mechanism) {
        match rows
            .last_mut()
            .filter(|row| row[0].parameter == one.parameter)
        {
            Some(row) => row.push(one),
            None => rows.push(vec![one]),
        }
    }
    rows
}

fn row(changes: &[&Sensitivity]) -> Markup {
    let told = changes
        .iter()
        .filter(|one| one.reliable && one.shift.is_finite());
    let farthest = told.max_by(|a, b| a.shift.abs().total_cmp(&b.shift.abs()));
    html! {
        tr {
            th scope="row" { (changes[0].parameter) }
            @for change in CHANGES {
                @let one = changes.iter().find(|one| one.change == change && one.reliable);
                td class="n" { (one.map_or(number::MISSING.to_owned(), |one| number::fixed(one.log_evidence, 2))) }
            }
            td class="words" {
                @if let Some(one) = farthest.filter(|one| one.shift.is_finite()) {
                    (one.quantity) " by " (number::fixed(one.shift, 2)) " (" (one.change) ")"
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Mechanism;

    #[test]
    fn changes_stand_in_one_row_a_parameter() {
        let one = |parameter: &str, change: &str, probability: f64, reliable| Sensitivity {
            mechanism: "a".into(),
            parameter: parameter.into(),
            change: change.into(),
            log_evidence: 0.25,
            probability,
            quantity: "rate".into(),
            shift: 0.5,
            shared: vec![],
            reliable,
        };
        let mechanism = |name: &str, posterior| Mechanism {
            name: name.into(),
            posterior,
            ..Mechanism::default()
        };
        let report = Report {
            mechanisms: vec![mechanism("a", 0.7), mechanism("b", 0.3)],
            sensitivity: vec![
                one("k", "narrower", 0.74, true),
                one("k", "wider", 0.1, false),
                one("l", "lower", 0.6, true),
            ],
            ..Report::default()
        };
        let html = section(&report).into_string();
        assert_eq!(html.matches("<th scope=\"row\">").count(), 2);
        assert!(html.contains("rate by 0.50 (narrower)"), "{html}");
        assert!(html.contains("The probability of a, 0.70, stays between 0.60 and 0.74 under the 2 of 3 changes that can be judged."));
        assert!(section(&Report::default()).0.is_empty());
    }
}
