//! Third stage: test the networks' calibration on fresh simulations that nothing was fitted to.

mod errors;
mod informed;
mod pool;
mod shown;

use std::time::Instant;

use gnomon_claim::seal;
use gnomon_examine::calibration::{Accuracy, AnswerKind, Asked, Settings, claims, examine};
use gnomon_infer::Amortized;
use gnomon_mechanism::elementary::exp;
use gnomon_mechanism::study::{self, Target};
use gnomon_mechanism::{Family, Study};
use gnomon_report::content;
use serde::{Deserialize, Serialize};

use super::{learn, paths};
use crate::context::Context;
use crate::failure::Failure;
use crate::population::Population;
use crate::probability::percent;
use crate::stamp::{self, Cost, Stamp};
use pool::Tests;
use shown::curves;
pub(in crate::stage) use shown::in_words;

const STAGE: &str = "examine";
const FILE: &str = "claims.json";
const ATTEMPTS: &str = "attempts.json";
/// The share of losses to the prior that is claimed where simulations are made in rounds.
const LOCAL_LOSSES: f64 = 0.05;

/// The claims with their verdicts, and the curves behind them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Verdicts {
    /// Every claim.
    pub claims: Vec<content::Claim>,
    /// What the report draws.
    pub calibration: content::Calibration,
}

/// Tests every claim about the networks, on simulations of `population`. The pool of test data sets is sealed: its seed is a hash of
/// the networks' weights and the claims.
///
/// # Errors
/// Where a simulator or a network cannot be run, or the user interrupts.
pub fn run(
    context: &Context,
    population: &Population<'_>,
    amortized: &Amortized,
    learned_from: &str,
) -> Result<Verdicts, Failure> {
    let made_from = made_from(context, learned_from);
    if Stamp::read(&context.results(), STAGE).is_some_and(|stamp| stamp.made_from == made_from)
        && let Some(verdicts) = context.read_result(FILE)
    {
        return Ok(verdicts);
    }
    Stamp::remove(&context.results(), STAGE);
    let asked = asked(&context.study);
    let settings = settings(context, population);
    let wrong = |error: &dyn std::fmt::Display| Failure::damaged(error, "learn anew");
    let claims = claims(&asked, &settings);
    let seed = seal::test_seed(&digest(amortized), &claims).map_err(|error| wrong(&error))?;
    let attempt = count_attempt(context, seed)?;
    let began = Instant::now();
    let tests = Tests::new(context, population, amortized, seed)?;
    let mut answers = tests.answers(context, &asked);
    answers.accuracy = errors::of(&tests, context, &asked.accuracy);
    let examined = examine(&answers, &settings, seed, attempt).map_err(|e| wrong(&e))?;
    let verdicts = Verdicts {
        claims: examined
            .iter()
            .map(|examined| in_words(&examined.tested, population.region().is_some()))
            .collect(),
        calibration: content::Calibration {
            // Inside the last of several rounds' regions, the prior is no longer the study's.
            contractions: match population.region() {
                None => informed::contractions(&tests, context),
                Some(_) => Vec::new(),
            },
            unseen: match population.region() {
                None => informed::unseen_priors(&tests, context),
                Some(_) => Vec::new(),
            },
            ..curves(&examined)
        },
    };
    context.write(FILE, &verdicts)?;
    let cost = Cost {
        what: format!("test data sets answered (attempt {attempt} at these)"),
        count: tests.data_sets() as u64,
        seconds: began.elapsed().as_secs_f64(),
        per_query: false,
    };
    Stamp {
        made_from,
        cost: vec![cost],
    }
    .write(&context.results(), STAGE)?;
    Ok(verdicts)
}

/// The verdicts about the networks that are there, where they have been tested already.
#[must_use]
pub fn known(context: &Context) -> Option<Verdicts> {
    let learned = Stamp::read(&context.results(), learn::STAGE)?;
    let tested = Stamp::read(&context.results(), STAGE)?;
    let own = tested.made_from == made_from(context, &learned.made_from);
    own.then(|| context.read_result(FILE)).flatten()
}

/// A hash of what the verdicts are made from.
#[must_use]
pub fn made_from(context: &Context, learned_from: &str) -> String {
    let study = &context.study;
    stamp::hash(&[
        learned_from,
        &format!("{:?} {:?}", study.claims, study.shared),
    ])
}

fn settings(context: &Context, population: &Population<'_>) -> Settings {
    let (wishes, default) = (&context.study.claims, Settings::default());
    let prior = match population.region() {
        None => "the prior".to_owned(),
        Some(region) => format!(
            "the prior inside the last round's region ({} of it), to which the answers are restricted, too",
            percent(exp(region.log_mass()))
        ),
    };
    let missing = learn::missing_entries(context).len();
    let words = match missing {
        0 => format!("fresh simulations from {prior}"),
        n => format!("fresh simulations from {prior}, without the {n} entries the data lack"),
    };
    Settings {
        population: words,
        error_rate: wishes.error_rate,
        most_inputs: wishes.data_sets,
        rank_tolerance: wishes.tolerance,
        coverage_tolerance: wishes.tolerance,
        reliability_tolerance: wishes.tolerance,
        // Fewer data sets cannot tell a smaller share.
        loss_share: match population.region() {
            None => default.loss_share,
            Some(_) => LOCAL_LOSSES,
        },
        ..default
    }
}

/// The quantities of a mechanism that are claimed: parameters that are not fixed, and derived ones
/// that are not averaged over mechanisms. Each with its place among all quantities.
fn claimed(study: &Study, mechanism: usize) -> Vec<(usize, String)> {
    let own = &study.mechanisms[mechanism];
    let parameters = own.parameters.iter().enumerate();
    let free = parameters.filter(|(_, p)| p.prior.family != Family::Exact);
    let derived = own.derived.iter().enumerate();
    let averaged = averaged(study);
    let alone = derived.filter(|(_, d)| !averaged.contains(&d.name));
    let count = own.parameters.len();
    free.map(|(place, p)| (place, p.name.clone()))
        .chain(alone.map(|(place, d)| (count + place, d.name.clone())))
        .collect()
}

/// Mechanisms of which anything was learned.
fn learned(study: &Study) -> Vec<usize> {
    let free = |m: &usize| {
        study.mechanisms[*m]
            .parameters
            .iter()
            .any(|p| p.prior.family != Family::Exact)
    };
    (0..study.mechanisms.len()).filter(free).collect()
}

fn asked(study: &Study) -> Asked {
    let names = |m: usize| {
        claimed(study, m)
            .into_iter()
            .map(|(_, name)| name)
            .collect()
    };
    let given = learned(study);
    Asked {
        given: given
            .into_iter()
            .map(|m| (study.mechanisms[m].name.clone(), names(m)))
            .collect(),
        shared: averaged(study),
        mechanisms: (study.mechanisms.len() > 1)
            .then(|| study.mechanisms.iter().map(|m| m.name.clone()).collect()),
        unseen: study.unseen.iter().map(|part| part.label.clone()).collect(),
        paths: paths::asked(study),
        likelihoods: learned(study)
            .into_iter()
            .filter(|&mechanism| writes_likelihood(study, mechanism))
            .map(|mechanism| study.mechanisms[mechanism].name.clone())
            .collect(),
        accuracy: study.claims.accuracy.iter().map(accuracy).collect(),
    }
}

/// A claim of the study's own, as it is tested.
fn accuracy(own: &study::Accuracy) -> Accuracy {
    Accuracy {
        of: own.of.clone(),
        kind: match own.target {
            Target::Mechanism => AnswerKind::Mechanism,
            Target::Shared(_) | Target::Given { .. } => AnswerKind::Quantity,
            Target::Unseen(_) => AnswerKind::Series,
        },
        error: own.error,
        share: own.share,
    }
}

/// Whether a mechanism's file writes a likelihood of what is given.
fn writes_likelihood(study: &Study, mechanism: usize) -> bool {
    let own = &study.mechanisms[mechanism];
    own.likelihood.is_some() && own.no_likelihood(&study.given_names()).is_none()
}

/// Shared quantities that every mechanism declares, so that every test data set has a truth; with
/// one mechanism there is nothing to average over.
fn averaged(study: &Study) -> Vec<String> {
    if study.mechanisms.len() == 1 {
        return Vec::new();
    }
    let everywhere =
        |name: &&String| (0..study.mechanisms.len()).all(|m| place(study, m, name).is_some());
    study.shared.iter().filter(everywhere).cloned().collect()
}

/// A quantity's place among a mechanism's parameters and derived quantities.
fn place(study: &Study, mechanism: usize, name: &str) -> Option<usize> {
    let own = &study.mechanisms[mechanism];
    let parameters = own.parameters.iter().map(|p| p.name.as_str());
    parameters
        .chain(own.derived.iter().map(|d| d.name.as_str()))
        .position(|other| other == name)
}

pub(super) fn digest(amortized: &Amortized) -> [u8; 32] {
    let networks = amortized.networks();
    let all = networks
        .classes
        .iter()
        .chain(networks.densities.iter().flatten())
        .chain(&networks.unseen);
    let hashes: Vec<String> = all
        .flat_map(|ensemble| ensemble.members())
        .map(|model| model.hash())
        .collect();
    seal::weights_digest(hashes.join("").as_bytes())
}

/// How often this sealed pool was touched, this time included.
pub(in crate::stage) fn count_attempt(context: &Context, seed: u64) -> Result<u32, Failure> {
    let mut attempts: std::collections::BTreeMap<String, u32> =
        context.read_result(ATTEMPTS).unwrap_or_default();
    let count = attempts.entry(seed.to_string()).or_default();
    *count += 1;
    let count = *count;
    context.write(ATTEMPTS, &attempts)?;
    Ok(count)
}
