//! Last stage: one report of everything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gnomon_bank::Bank;
use gnomon_infer::Amortized;
use gnomon_report::content;

use super::answer::{self, Answer};
use super::examine::Verdicts;
use super::{attribute, learn, simulate};
use crate::context::Context;
use crate::failure::Failure;
use crate::stamp::{self, Stamp};

const STAGE: &str = "report";
/// The stages whose costs the ledger lists, in order.
const STAGES: [&str; 6] = [
    "simulate",
    "learn",
    "examine",
    "answer",
    attribute::STAGE,
    attribute::CLAIMS,
];

/// Writes the report where it is not up to date, and says where it is.
///
/// # Errors
/// Where the bank is damaged or the disk refuses.
pub fn run(
    context: &Context,
    banks: &[Bank],
    amortized: &Amortized,
    answer: &Answer,
    verdicts: &Verdicts,
    attribution: &content::Attribution,
) -> Result<PathBuf, Failure> {
    let path = context.results().join("report.html");
    let stamps = stamps(context);
    let made_from = stamp::hash(&[
        env!("CARGO_PKG_VERSION"),
        &context.study.text,
        &format!("{stamps:?}"),
        &serde_json::to_string(answer).unwrap_or_default(),
        &serde_json::to_string(attribution).unwrap_or_default(),
    ]);
    let up_to_date =
        Stamp::read(&context.results(), STAGE).is_some_and(|stamp| stamp.made_from == made_from);
    if up_to_date && path.is_file() {
        return Ok(path);
    }
    let report = content::Report {
        title: context.study.title.clone(),
        answer: answer.sentence.clone(),
        condition: answer.condition.clone(),
        provenance: provenance(context),
        claims: claims(answer, verdicts),
        alarms: answer.alarms.clone(),
        possible: answer.possible.clone(),
        typicality: answer.typicality.clone(),
        mechanisms: answer.mechanisms.clone(),
        observed: answer::observed_series(context),
        prior_predictive: answer.prior_predictive.clone(),
        posterior_predictive: answer.posterior_predictive.clone(),
        unseen: answer.unseen.clone(),
        posteriors: answer.posteriors.clone(),
        shared: answer.shared.clone(),
        refinement: answer.refinement.clone(),
        rounds: answer.rounds.clone(),
        sensitivity: answer.sensitivity.clone(),
        attribution: attribution.clone(),
        calibration: verdicts.calibration.clone(),
        training: learn::training(context, amortized.networks()),
        ledger: ledger(banks, &stamps)?,
    };
    let written = gnomon_report::write(&report, &context.results())
        .map_err(|error| Failure::Outside(error.to_string()))?;
    Stamp {
        made_from,
        cost: Vec::new(),
    }
    .write(&context.results(), STAGE)?;
    Ok(written.page)
}

/// All claims: about the refined answer, then about the networks'.
#[must_use]
pub fn claims(answer: &Answer, verdicts: &Verdicts) -> Vec<content::Claim> {
    let all = answer.claims.iter().chain(&verdicts.claims);
    all.cloned().collect()
}

/// Writes a page of what the mechanisms produce before anything is learned, and says where it is.
///
/// # Errors
/// Where the disk refuses.
pub fn preview(
    context: &Context,
    prior_predictive: Vec<content::Prediction>,
) -> Result<PathBuf, Failure> {
    let report = content::Report {
        title: context.study.title.clone(),
        provenance: provenance(context),
        mechanisms: answer::unanswered(context),
        observed: answer::observed_series(context),
        prior_predictive,
        ..content::Report::default()
    };
    let written = gnomon_report::write_preview(&report, &context.results())
        .map_err(|error| Failure::Outside(error.to_string()))?;
    Ok(written.page)
}

/// A page about convergence, still without any network.
#[must_use]
pub fn convergence(context: &Context) -> content::Convergence {
    let study = context.path.display();
    content::Convergence {
        title: context.study.title.clone(),
        provenance: content::Provenance {
            command: format!("gnomon converge {study}"),
            ..provenance(context)
        },
        mechanisms: answer::unanswered(context),
        ..content::Convergence::default()
    }
}

/// Where a page about an emulator comes from.
#[must_use]
pub fn emulation(context: &Context) -> content::Provenance {
    let study = context.path.display();
    content::Provenance {
        command: format!("gnomon emulate {study}"),
        ..provenance(context)
    }
}

/// Where a page about holes comes from.
#[must_use]
pub fn holes(context: &Context) -> content::Provenance {
    let study = context.path.display();
    content::Provenance {
        command: format!("gnomon holes {study}"),
        ..provenance(context)
    }
}

/// Where a page about a mechanism file alone comes from, but for the command.
#[must_use]
pub fn of_file(path: &Path, seed: u64) -> content::Provenance {
    content::Provenance {
        date: jiff::Zoned::now().date().to_string(),
        study: path.display().to_string(),
        seed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: String::new(),
    }
}

fn provenance(context: &Context) -> content::Provenance {
    let study = context.path.display().to_string();
    let default = &context.study.simulate;
    let mut command = format!("gnomon run {study}");
    if context.seed != default.seed {
        command += &format!(" --seed {}", context.seed);
    }
    if context.simulations != default.simulations {
        command += &format!(" --simulations {}", context.simulations);
    }
    content::Provenance {
        date: jiff::Zoned::now().date().to_string(),
        study,
        seed: context.seed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command,
    }
}

/// What every stage cost; rounds before the last learning have stamps of their own.
fn stamps(context: &Context) -> Vec<Stamp> {
    let mut all = Vec::new();
    let rounds = context.study.simulate.rounds;
    for round in (1..=rounds).filter(|_| rounds > 1) {
        for stage in [simulate::STAGE, learn::STAGE] {
            let stamp = Stamp::read(&context.of_round(round).results(), stage);
            all.extend(stamp.map(|mut stamp| {
                for cost in &mut stamp.cost {
                    cost.what = format!("round {round}: {}", cost.what);
                }
                stamp
            }));
        }
    }
    let own = STAGES.iter();
    all.extend(own.filter_map(|stage| Stamp::read(&context.results(), stage)));
    all
}

fn ledger(banks: &[Bank], stamps: &[Stamp]) -> Result<content::Ledger, Failure> {
    let costs = stamps.iter().flat_map(|stamp| &stamp.cost);
    let mut ledger = content::Ledger {
        rows: costs
            .map(|cost| content::LedgerRow {
                what: cost.what.clone(),
                count: Some(cost.count),
                seconds: cost.seconds,
                per_query: cost.per_query,
            })
            .collect(),
        ..content::Ledger::default()
    };
    let mut simulations = 0;
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for bank in banks {
        let info = bank.info()?;
        simulations += info.rows;
        for reason in info.reasons {
            *reasons.entry(reason.reason).or_default() += reason.count;
        }
    }
    let mut reasons: Vec<(String, u64)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    ledger.failures = reasons
        .into_iter()
        .map(|(reason, count)| content::Failure {
            mechanism: "all".into(),
            reason,
            count,
            of: simulations,
        })
        .collect();
    Ok(ledger)
}
