//! What the mechanisms' likelihoods made of the network's answer.

use maud::{Markup, html};

use super::figures;
use crate::{
    content::{Refinement, Report, Standing},
    draw::number,
    gallery::Gallery,
};

/// The table and the figure; nothing where no mechanism was to be refined.
pub fn section(report: &Report, gallery: &Gallery) -> Markup {
    let all = &report.refinement;
    if all.is_empty() {
        return html! {};
    }
    let worked: Vec<&Refinement> = all.iter().filter(|r| r.calls > 0).collect();
    html! {
        p {
            "The network's posterior is a proposal. Where a mechanism has a likelihood, the answers above "
            "are that proposal corrected by it: weighted draws of the network's posterior, or particles "
            "led from it to the exact one. An answer is called " strong { "exact" } " where a second "
            "computation that started from the prior alone came to the same."
        }
        @if !worked.is_empty() {
            div class="scroll" tabindex="0" role="region" aria-label="Refinement" {
                table class="numbers" {
                    thead { tr {
                        th scope="col" { "Mechanism" }
                        th scope="col" { "Answer" }
                        th scope="col" { "By" }
                        th scope="col" class="n" { "ESS" }
                        th scope="col" class="n" { "k-hat" }
                        th scope="col" class="n" { "ln evidence" }
                        th scope="col" class="n" { "From the prior" }
                        th scope="col" class="n" { "Solver calls" }
                    } }
                    tbody { @for one in &worked { (row(one)) } }
                }
            }
            p class="fine" {
                "ESS: independent draws that the answer's own are worth: the network's weighted proposals, or, "
                "where weights cannot be used, tempered particles (to within a factor of two or so, by the "
                "differences between islands). k-hat: the tail of the weights, good below 0.5, usable below 0.7 "
                "(Vehtari et al. 2024), not fitted where more than half of the proposals are effective; a tempered "
                "answer rests on no weights and has none. ln evidence: ln p(data | mechanism) with its standard error."
                @if worked.iter().any(|one| one.on_grid) {
                    " Where one state is noisy, a filter carries its density over a grid: the likelihood is that of the "
                    "simulator's own time steps, to within some 1e-6 nats, and no estimate."
                }
                @if worked.iter().any(|one| one.particles > 0) {
                    " Where dynamics are random, a particle filter estimates the likelihood without bias: weights and "
                    "moves by such estimates are still exact, their noise is in the ESS and the errors, and solver "
                    "calls count simulations."
                }
            }
        }
        @if let Some(fewest) = worked.iter().map(|one| one.prior_particles).filter(|&n| n > 0).min() {
            p class="fine" {
                "What the two starts together can see: the one from the prior has " (number::count(fewest))
                " particles, and the one from the network sees what the network does. A mode within less than about "
                "1 in " (number::count(fewest)) " of the prior can be missed by both, and the answer is called exact "
                "all the same."
            }
        }
        @for one in all.iter().filter(|r| !r.because.is_empty()) {
            p class="fine" { strong { (one.mechanism) } ": " (one.because) "." }
        }
        (figures(&[&gallery.settling]))
    }
}

fn row(one: &Refinement) -> Markup {
    let [log, error] = one.from_prior;
    html! {
        tr {
            th scope="row" { (one.mechanism) }
            td { (standing(one.standing)) }
            td { (one.method) (one.of_particles()) }
            td class="n" { (number::significant(one.effective, 3)) }
            td class="n" { (number::fixed(one.k_hat, 2)) }
            td class="n" { strong { (with_error(one.log_evidence, one.log_evidence_error)) } }
            td class="n" { (with_error(log, error)) }
            td class="n" { (number::count(one.calls)) }
        }
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Amortized => "the network's",
        Standing::Refined => "refined",
        Standing::Exact => "exact",
    }
}

/// `-63.21 ± 0.02`
fn with_error(value: f64, error: f64) -> String {
    match value.is_finite() {
        true => format!(
            "{} ± {}",
            number::fixed(value, 2),
            number::significant(error, 1)
        ),
        false => number::MISSING.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_refined_says_why_and_has_no_row() {
        let report = Report {
            refinement: vec![
                Refinement {
                    mechanism: "a".into(),
                    standing: Standing::Exact,
                    calls: 20_000,
                    prior_particles: 4_000,
                    log_evidence: -3.456,
                    log_evidence_error: 0.0123,
                    ..Refinement::default()
                },
                Refinement {
                    mechanism: "b".into(),
                    because: "it is a program".into(),
                    ..Refinement::default()
                },
            ],
            ..Report::default()
        };
        let html = section(&report, &Gallery::default()).into_string();
        assert!(
            html.contains("<td>exact</td>") && html.contains("−3.46 ± 0.01"),
            "{html}"
        );
        assert!(html.contains("less than about 1 in 4"), "{html}");
        assert!(html.contains("<strong>b</strong>: it is a program."));
        assert!(!html.contains("<th scope=\"row\">b</th>"));
        assert!(
            section(&Report::default(), &Gallery::default())
                .0
                .is_empty()
        );
    }
}
