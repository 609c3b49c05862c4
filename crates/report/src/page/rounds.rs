//! How the answer settled round by round, and what each round cost.

use maud::{Markup, html};

use crate::{
    content::{Report, Round},
    draw::number::{MISSING, count, duration, fixed, significant},
};

/// Both tables; nothing where there was one round.
pub fn section(report: &Report) -> Markup {
    let rounds = &report.rounds;
    if rounds.is_empty() {
        return html! {};
    }
    html! {
        p {
            "The simulations were made in rounds. Each round after the first draws parameters from the prior "
            "truncated to where the posterior of the data above is, by the networks so far (Deistler et al. "
            "2022). So the networks know data like these; they answer no others."
        }
        div class="scroll" tabindex="0" role="region" aria-label="Rounds" {
            table class="numbers" {
                thead { tr {
                    th scope="col" { "Round" }
                    th scope="col" class="n" { "Simulations" }
                    th scope="col" class="n" { "Failed" }
                    th scope="col" class="n" { "Prior inside" }
                    th scope="col" { "Candidates from" }
                    th scope="col" class="n" { "Accepted" }
                    th scope="col" class="n" { "Simulating" }
                    th scope="col" class="n" { "Learning" }
                    th scope="col" class="n" { "Farthest shift" }
                    th scope="col" class="n" { "Change of sd" }
                } }
                tbody { @for (number, round) in (1..).zip(rounds) { (row(number, round)) } }
            }
        }
        p class="fine" {
            "Prior inside: the region's share of the prior. Accepted: the share of candidates inside. Farthest "
            "shift: of all posterior means, the one that moved most since the round before, in its posterior "
            "standard deviations; change of sd: the largest ratio of a posterior standard deviation to that "
            "of the round before. Both are the network's own answer, and both settle when further rounds "
            "change nothing."
        }
    }
}

fn row(number: u64, round: &Round) -> Markup {
    html! {
        tr {
            th scope="row" { (number) }
            td class="n" { (count(round.simulations)) }
            td class="n" { (count(round.failed)) }
            td class="n" { (percent(round.mass)) }
            td { (round.candidates) }
            td class="n" { (percent(round.acceptance)) }
            td class="n" { (duration(round.simulating)) }
            td class="n" { (duration(round.learning)) }
            td class="n" { (change(&round.moved, &fixed(round.shift, 2))) }
            td class="n" { (change(&round.spread_of, &fixed(round.spread, 2))) }
        }
    }
}

fn percent(share: f64) -> String {
    match share.is_finite() {
        true => format!("{} %", significant(100.0 * share, 2)),
        false => MISSING.to_owned(),
    }
}

fn change(name: &str, number: &str) -> String {
    match name {
        "" => MISSING.to_owned(),
        name => format!("{number} ({name})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_round_has_nothing_to_differ_from() {
        let first = Round {
            simulations: 2000,
            acceptance: 1.0,
            mass: 1.0,
            candidates: "the prior".into(),
            ..Round::default()
        };
        let second = Round {
            mass: 0.012,
            moved: "beta".into(),
            shift: -0.5,
            ..first.clone()
        };
        let report = Report {
            rounds: vec![first, second],
            ..Report::default()
        };
        let html = section(&report).into_string();
        assert!(
            html.contains("1.2 %") && html.contains("−0.50 (beta)"),
            "{html}"
        );
        assert!(section(&Report::default()).0.is_empty());
    }
}
