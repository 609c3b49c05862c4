//! What was found of an emulator as a report holds it, and in words.

use std::collections::BTreeMap;

use gnomon_emulate::Points;
use gnomon_emulate::continuity::Break;
use gnomon_emulate::ledger::Ledger;
use gnomon_mechanism::study::Emulation;
use gnomon_report::content;
use gnomon_report::draw::number::{duration, significant};

use super::certify::{self, Judged};
use super::known::Known;
use super::measure::{Accuracy, Breaks, Tolerances};
use super::solver::Solver;
use super::{Findings, Training};
use crate::context::Context;
use crate::stage::report;

/// Numbers of a quantity that are drawn.
const DRAWN: usize = 800;

/// Of a program.
pub(super) const UNKNOWN_ACCURACY: &str = "The solver is a program, whose own error Gnomon cannot measure: \
     errors are those against its answers.";

/// Everything.
pub(super) fn emulation(context: &Context, found: &Findings<'_>) -> content::Emulation {
    let own = found.emulation;
    let mechanism = &context.study.mechanisms[0];
    let sorted = |errors: Vec<f64>| {
        let mut errors = errors;
        errors.sort_unstable_by(f64::total_cmp);
        errors
    };
    let accepted = found.judged.iter().filter(|j| j.is_accepted);
    let said = found.judged.iter().filter(|j| j.opinion.is_ok());
    let answered = accepted.clone().count() as u64;
    let given = own.given.iter();
    let mut emulation = content::Emulation {
        title: context.study.title.clone(),
        provenance: report::emulation(context),
        mechanism: content::Mechanism {
            name: mechanism.name.clone(),
            description: mechanism.description.clone(),
            text: mechanism.text.to_string(),
            ..content::Mechanism::default()
        },
        notes: found.notes.clone(),
        claims: found.claims.clone(),
        queries: found.judged.len() as u64,
        answered,
        sources: certify::sources(&found.judged),
        threshold: found.cascade.acceptance.threshold().unwrap_or(f64::NAN),
        level: own.level,
        given: given
            .map(|&p| mechanism.parameters[p].name.clone())
            .collect(),
        quantities: quantities(found),
        families: families(found),
        why: found.learned.why.to_string(),
        accepted_errors: sorted(accepted.map(|j| j.error).collect()),
        all_errors: sorted(said.map(|j| j.error).collect()),
        curve: found.curve.clone(),
        modes: found.modes.clone(),
        sweeps: found.sweeps.clone(),
        conserved: found.conserved.clone(),
        trajectories: found.trajectories.clone(),
        costs: costs(&found.ledger, &found.baseline),
        ..content::Emulation::default()
    };
    emulation.answer = sentence(&emulation);
    emulation
}

/// The page's first sentences.
fn sentence(found: &content::Emulation) -> String {
    let share = 100.0 * found.answered as f64 / found.queries.max(1) as f64;
    let verdict = found
        .claims
        .iter()
        .find(|c| c.name == certify::WITHIN)
        .map(|c| c.verdict);
    let held = match verdict {
        _ if found.answered == 0 => "nothing that it says is accepted",
        Some(content::Verdict::Survived) => "its answers keep the tolerance",
        Some(content::Verdict::Falsified) => {
            "its answers do not keep the tolerance: do not rely on them"
        }
        Some(content::Verdict::Vacuous) => {
            "its answers keep the tolerance, but so does the bank's mean: ask for a smaller one"
        }
        _ => "whether its answers keep the tolerance is not decided",
    };
    format!(
        "The emulator answers {} % of queries itself, and {held}. {}",
        significant(share, 3),
        found.costs.break_even
    )
}

fn quantities(found: &Findings<'_>) -> Vec<content::Emulated> {
    let own = found.emulation;
    let columns = own.quantity_of_column();
    let parts = own.predict.iter().enumerate();
    parts
        .map(|(quantity, part)| {
            let places: Vec<usize> = (0..columns.len())
                .filter(|&c| columns[c] == quantity)
                .collect();
            let mut shown = content::Emulated {
                name: part.label.clone(),
                unit: part.unit.clone(),
                tolerance: found.tolerances.quantities[quantity],
                spread: found.tolerances.spreads[quantity],
                ..content::Emulated::default()
            };
            let rows = found.judged.iter().enumerate();
            let both = rows.filter(|(row, _)| found.pool.failures[*row].is_none());
            // One entry of a series a query, each in turn.
            for (row, judged) in both.take(DRAWN) {
                let Ok(opinion) = &judged.opinion else {
                    continue;
                };
                let place = places[row % places.len()];
                shown.solver.push(found.pool.answers.row(row)[place]);
                shown.emulator.push(opinion.values[place]);
                shown.accepted.push(judged.is_accepted);
            }
            shown
        })
        .collect()
}

fn families(found: &Findings<'_>) -> Vec<content::FamilyTried> {
    let tried = found.learned.tried.iter();
    tried
        .map(|tried| content::FamilyTried {
            name: tried.family.to_string(),
            is_chosen: tried.family == *found.learned.surrogate.family(),
            error: tried.overall,
            beyond: tried.beyond.unwrap_or(f64::NAN),
            operations: tried.operations,
            fit_seconds: tried.fit_seconds,
            query_seconds: tried.query_seconds,
            refused: tried.refused.clone().unwrap_or_default(),
        })
        .collect()
}

fn costs(ledger: &Ledger, baseline: &str) -> content::EmulationCosts {
    let paid = ledger.paid.iter().map(|paid| content::PaidOnce {
        what: paid.what.clone(),
        solves: paid.solves,
        seconds: paid.seconds,
        in_solves: ledger.in_solves(paid.seconds),
    });
    let speed = |who: String, latency: f64, each: f64| content::AnswerSpeed { who, latency, each };
    let (cascade_latency, cascade_each) = (ledger.cascade_latency(), ledger.cascade_each());
    content::EmulationCosts {
        paid: paid.collect(),
        speeds: vec![
            speed(
                "the solver as it is".into(),
                ledger.solver.latency,
                ledger.solver.each,
            ),
            speed(
                format!("the solver at equal error ({baseline})"),
                ledger.baseline.latency,
                ledger.baseline.each,
            ),
            speed(
                "the learned map with its error estimate".into(),
                ledger.emulator.latency,
                ledger.emulator.each,
            ),
            speed(
                "the cascade: the map, and the solver's share".into(),
                cascade_latency,
                cascade_each,
            ),
        ],
        break_even: break_even(ledger),
    }
}

/// After how many queries it pays.
fn break_even(ledger: &Ledger) -> String {
    let times = |queries: f64| {
        // A pair of digits is all that timing can tell.
        let unit = 10f64.powf(queries.max(1.0).log10().floor() - 1.0).max(1.0);
        gnomon_report::draw::number::count(((queries / unit).round() * unit) as u64)
    };
    let each = format!(
        "{} instead of {} for the solver at equal error",
        duration(ledger.cascade_each()),
        duration(ledger.baseline.each)
    );
    match (ledger.break_even(), ledger.break_even_one_by_one()) {
        (Some(batched), _) => format!(
            "It pays after some {} queries asked in batches (each {each}; {} were spent before).",
            times(batched),
            duration(ledger.seconds())
        ),
        (None, Some(single)) => format!(
            "In batches it never pays: a query takes {each}. Asked one by one ({} instead of {}) it pays after \
             some {} queries.",
            duration(ledger.cascade_latency()),
            duration(ledger.baseline.latency),
            times(single)
        ),
        (None, None) => format!("It never pays: a query takes {each}. Ask the solver instead."),
    }
}

/// How accurate the solver is.
pub(super) fn accuracy(accuracy: Accuracy) -> String {
    format!(
        "The solver's own error is at most {} of the tolerance for 99 % of queries (held against \
         relative_tolerance = {:.0e}).{}",
        significant(accuracy.error, 2),
        accuracy.held_against,
        match accuracy.error > 0.1 {
            true => " That is not small: errors here are those against the solver's answers.",
            false => "",
        }
    )
}

/// That the solver's answers jump, or have a kink.
pub(super) fn breaks(context: &Context, emulation: &Emulation, found: &Breaks) -> Option<String> {
    let parameters = &context.study.mechanisms[0].parameters;
    let at = |found: &Break| {
        let at = emulation.given.iter().zip(&found.from);
        let at: Vec<String> = at
            .map(|(&place, value)| {
                format!("{} = {}", parameters[place].name, significant(*value, 6))
            })
            .collect();
        at.join(", ")
    };
    if let Some(jump) = &found.jump {
        return Some(format!(
            "The solver's answers jump: {} changes from {} to {} at {}. No smooth emulator is right there; where \
             its error estimate says so, the solver answers.",
            emulation.columns()[jump.output],
            significant(jump.values[0], 4),
            significant(jump.values[1], 4),
            at(jump)
        ));
    }
    found.kink.as_ref().map(|kink| {
        format!(
            "The solver's answers have a kink: the slope of {} changes at once at {}. Smooth emulators learn \
             slowly there; where the error estimate says so, the solver answers.",
            emulation.columns()[kink.output],
            at(kink)
        )
    })
}

/// Quantities whose tolerance the bank's mean keeps, too.
pub(super) fn trivial(
    emulation: &Emulation,
    answers: &Points,
    tolerances: &Tolerances,
) -> Option<String> {
    let quantity = emulation.quantity_of_column();
    let names = emulation.predict.iter().enumerate();
    let trivial = |wanted: usize| {
        let mut own = (0..answers.columns()).filter(|&column| quantity[column] == wanted);
        own.all(|column| {
            let rows = answers.rows() as f64;
            let mean = answers.column(column).map(|y| y / rows).sum::<f64>();
            let off = answers.column(column);
            let off = off.filter(|y| (y - mean).abs() > tolerances.columns[column]);
            off.count() as f64 <= emulation.level * rows
        })
    };
    let trivial: Vec<&str> = names
        .filter(|(place, _)| trivial(*place))
        .map(|(_, part)| part.label.as_str())
        .collect();
    (!trivial.is_empty()).then(|| {
        format!(
            "The tolerance of {} is no demand: the bank's mean, whatever is asked, keeps it.",
            trivial.join(", ")
        )
    })
}

/// That the solver failed on fresh queries, and what the emulator would have said to these.
pub(super) fn failures_of_pools(
    calibration: &Known,
    certification: &Known,
    judged: &[Judged],
) -> Option<String> {
    let count = |known: &Known| known.failures.iter().flatten().count();
    let (first, second) = (count(calibration), count(certification));
    if first + second == 0 {
        return None;
    }
    let failures = certification.failures.iter().zip(judged);
    let answered = failures.filter(|(failure, own)| failure.is_some() && own.is_accepted);
    Some(format!(
        "The solver failed in {first} of {} queries of calibration; queries nearest to one of these are the \
         solver's. It failed in {second} of {} sealed ones, of which the emulator would have answered {}: \
         these count as errors.",
        calibration.len(),
        certification.len(),
        answered.count()
    ))
}

/// What never varied.
pub(super) fn never_varied(
    context: &Context,
    emulation: &Emulation,
    dropped: &[usize],
) -> Option<String> {
    let parameters = &context.study.mechanisms[0].parameters;
    let names: Vec<&str> = dropped
        .iter()
        .map(|&column| parameters[emulation.given[column]].name.as_str())
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} never varied in the bank: the emulator knows one value of it, and queries with another are the \
             solver's.",
            names.join(", ")
        )
    })
}

/// Failures of the bank.
pub(super) fn failures(training: &Training, count: usize) -> String {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in training.bank.failures.iter().flatten() {
        *reasons.entry(reason).or_default() += 1;
    }
    let commonest = reasons.iter().max_by_key(|(_, count)| **count);
    format!(
        "The solver failed in {count} of the bank's {} simulations, most often: {}. Queries nearest to one of these \
         are the solver's, too.",
        training.bank.len(),
        commonest.map_or("", |(reason, _)| reason)
    )
}

/// How the solver was loosened.
pub(super) fn loosened(relative: f64, times: f64) -> String {
    format!("relative_tolerance = {relative:.1e}, {times:.0} times its own")
}

/// Why it was not.
pub(super) fn not_loosened(solver: &Solver) -> String {
    match solver.tolerances() {
        Some(_) => "its own tolerances: looser ones are not accurate enough".into(),
        None => "it has no tolerance to loosen".into(),
    }
}
