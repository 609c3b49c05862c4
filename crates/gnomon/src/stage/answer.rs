//! Fourth stage: what the networks say of the data, and whether the data speak against them.

mod alarms;
mod each;
mod evidences;
mod identified;
mod prior;
mod quantities;
mod refinement;
mod replicates;
mod sensitivity;
mod unseen;
mod words;

use std::path::Path;
use std::time::Instant;

use gnomon_examine::calibration::likelihood_claim;
use gnomon_infer::truncation::{Inside, Region};
use gnomon_infer::{Amortized, DrawTable, Draws};
use gnomon_learn::matrix::Matrix;
use gnomon_report::content;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::population::{Population, runs_a_program};
use crate::stage::examine::Verdicts;
use crate::stage::learn;
use crate::stage::rounds::{self, Simulated};
use crate::stamp::{self, Cost, Stamp};
pub use alarms::ALARM_RATE;
pub(crate) use alarms::Typical;
use alarms::weigh;
pub(crate) use each::over_all;
pub use each::{alarms as alarms_of_each, each};
pub use evidences::add_evidences;
use identified::identified;
pub use identified::on_average;
pub(crate) use prior::{PriorRows, prior_rows};
use prior::{known_rows, prior_predictive};
pub(crate) use quantities::names;
pub(super) use quantities::unanswered;
use quantities::{Range, mechanisms, posterior, prior_draws, shared, shown};
pub use refinement::Refine;
pub(crate) use refinement::{incomparable, not_observed};
use replicates::Replicates;
use words::sentence;

const STAGE: &str = "answer";
const FILE: &str = "answer/answer.json";
/// The column of ln p(parameters | data, mechanism) beside the draws.
const LOG_DENSITY: &str = "log_density";

/// What is said of one data set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Answer {
    /// The answer in one sentence.
    pub sentence: String,
    /// What it is given beside the data: that simulations succeed, where some did not.
    #[serde(default)]
    pub condition: String,
    /// The mechanisms with their probabilities.
    pub mechanisms: Vec<content::Mechanism>,
    /// The posterior given each mechanism.
    pub posteriors: Vec<content::Posterior>,
    /// Quantities with one meaning in all mechanisms.
    pub shared: Vec<content::SharedQuantity>,
    /// What was asked of series that are not given.
    #[serde(default)]
    pub unseen: Vec<content::Unseen>,
    /// What the mechanisms' likelihoods made of the network's answer; empty where it was not asked.
    pub refinement: Vec<content::Refinement>,
    /// How the answer came about, where simulations were made in several rounds.
    #[serde(default)]
    pub rounds: Vec<content::Round>,
    /// What would follow from other priors.
    pub sensitivity: Vec<content::Sensitivity>,
    /// That the refined answer is exact, one claim a mechanism that was refined.
    pub claims: Vec<content::Claim>,
    /// What the mechanisms produce before anything is learned.
    pub prior_predictive: Vec<content::Prediction>,
    /// What they produce given the data.
    pub posterior_predictive: Vec<content::Prediction>,
    /// Alarms about the data.
    pub alarms: Vec<content::Alarm>,
    /// Where the data lie among simulations.
    pub typicality: Vec<content::Typicality>,
    /// Whether the mechanisms can have produced the data, and where not, in words.
    #[serde(default)]
    pub possible: String,
}

/// Calls no posterior exact that rests on a written likelihood whose claim did not survive.
pub fn doubt(answer: &mut Answer, claims: &[content::Claim]) {
    for refinement in &mut answer.refinement {
        let untrusted = is_untrusted(&refinement.mechanism, claims);
        if untrusted && refinement.standing == content::Standing::Exact {
            refinement.standing = content::Standing::Refined;
            refinement.because =
                "refined but not exact, since the [likelihood] of its file did not \
                                  survive its test against the simulator"
                    .into();
        }
    }
}

/// What there is where nothing is observed: no answer, but what the mechanisms produce.
///
/// # Errors
/// Where a simulator cannot be run, or the user interrupts.
pub fn without_data(context: &Context, population: &Population<'_>) -> Result<Answer, Failure> {
    Ok(Answer {
        sentence: "No data are observed. What the networks were found to know stands below; gnomon ask asks \
                   them about data."
            .into(),
        mechanisms: unanswered(context),
        prior_predictive: preview(context, population)?,
        ..Answer::default()
    })
}

/// Whether a mechanism's file writes a likelihood whose claim did not survive.
fn is_untrusted(mechanism: &str, claims: &[content::Claim]) -> bool {
    let name = likelihood_claim(mechanism);
    let written = claims.iter().find(|claim| claim.name == name);
    written.is_some_and(|claim| claim.verdict != content::Verdict::Survived)
}

/// Answers the study's own data, with figures and alarms; `verdicts` are about the networks and about
/// written likelihoods.
///
/// # Errors
/// Where the study has no data, a simulator or network cannot be run, or the disk refuses.
pub fn run(
    context: &Context,
    population: &Population<'_>,
    simulated: &Simulated<'_>,
    amortized: &Amortized,
    learned_from: &str,
    verdicts: &Verdicts,
) -> Result<Answer, Failure> {
    let claims = &verdicts.claims;
    let data = context.data()?;
    let mechanisms = context.study.mechanisms.iter().map(|m| m.name.as_str());
    let untrusted: Vec<&str> = mechanisms
        .filter(|name| is_untrusted(name, claims))
        .collect();
    let made_from = stamp::hash(&[
        &made_from(context, learned_from),
        &untrusted.join(","),
        &format!("{:?}", verdicts.calibration.contractions),
        &format!("{:?}", verdicts.calibration.unseen),
    ]);
    if Stamp::read(&context.results(), STAGE).is_some_and(|stamp| stamp.made_from == made_from)
        && let Some(answer) = context.read_result(FILE)
    {
        return Ok(answer);
    }
    Stamp::remove(&context.results(), STAGE);
    let began = Instant::now();
    let refine = match context.study.answer.refine {
        None => Refine::Affordable,
        Some(true) => Refine::Always,
        Some(false) => Refine::Never,
    };
    let draws = context.study.answer.draws;
    let region = simulated.population.region();
    let mut asked = ask(context, population, region, amortized, data, draws, refine)?;
    doubt(&mut asked.answer, claims);
    on_average(
        &mut asked.answer,
        &verdicts.calibration,
        context.study.claims.tolerance,
    );
    let seconds = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let in_rounds = context.study.simulate.rounds > 1;
    let prior = match in_rounds {
        // The first round's are from the prior: that saves as many simulations again.
        true => known_rows(context, &simulated.banks[0])?,
        false => prior_rows(context, population)?,
    };
    let replicates = Replicates::new(context, population, &asked)?;
    let mut answer = asked.answer;
    answer.rounds = rounds::history(context, simulated, amortized)?;
    answer.prior_predictive = prior_predictive(context, &prior);
    answer.posterior_predictive = replicates.predictions(context);
    let mut checks = Typical::new(amortized, data, &prior, !in_rounds)?.checks(data)?;
    checks.extend(replicates.checks(context, data)?);
    weigh(context, &mut answer, checks);
    write_draws(
        &context.results().join("answer"),
        &asked.draws,
        &asked.paths,
    )?;
    replicates
        .table(context)
        .write(&context.results().join("answer"), "predictive")
        .map_err(|error| Failure::Outside(error.to_string()))?;
    context.write(FILE, &answer)?;
    let cost = |what: &str, count: usize, seconds: f64| Cost {
        what: what.into(),
        count: count as u64,
        seconds,
        per_query: true,
    };
    let of_prior = if in_rounds { 0 } else { prior.chosen.len() };
    let simulated = of_prior + replicates.rows.len();
    let mut costs = vec![cost(
        "posterior draws",
        asked.draws.mechanism.len(),
        seconds - asked.refining,
    )];
    let calls: u64 = answer.refinement.iter().map(|one| one.calls).sum();
    if calls > 0 {
        costs.push(cost(
            "solver calls for refinement",
            calls as usize,
            asked.refining,
        ));
    }
    costs.push(cost(
        "simulations for figures and alarms",
        simulated,
        began.elapsed().as_secs_f64(),
    ));
    let cost = costs;
    Stamp { made_from, cost }.write(&context.results(), STAGE)?;
    Ok(answer)
}

/// Writes draws of parameters and, where there are any, whole paths of what is not given.
///
/// # Errors
/// Where the disk refuses.
pub fn write_draws(folder: &Path, draws: &DrawTable, paths: &DrawTable) -> Result<(), Failure> {
    let wrong = |error: gnomon_infer::write::WriteError| Failure::Outside(error.to_string());
    draws.write(folder, "draws").map_err(wrong)?;
    if !paths.names.is_empty() {
        return paths.write(folder, "paths").map_err(wrong);
    }
    // Those of an earlier answer would stand beside draws that are not theirs.
    for file in ["paths.csv", "paths.parquet"] {
        let path = folder.join(file);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::Outside(format!(
                    "cannot remove {}: {error}",
                    path.display()
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A hash of what the answer is made from.
#[must_use]
pub fn made_from(context: &Context, learned_from: &str) -> String {
    let study = &context.study;
    stamp::hash(&[
        learned_from,
        &format!("{:?}", study.data),
        &format!("{:?} {:?} {:?}", study.answer, study.shared, study.predict),
        &study.unseen_columns().join(","),
    ])
}

/// An answer with all its draws.
pub struct Asked {
    /// In numbers.
    pub answer: Answer,
    /// Draws from the posterior given each mechanism.
    pub draws: DrawTable,
    /// Whole paths of what is not given, a draw a row; empty where only quantiles are known.
    pub paths: DrawTable,
    /// Seconds spent on refinement.
    pub refining: f64,
    probabilities: Vec<f64>,
    given: Vec<Draws>,
}

/// Answers one data set from the networks, and from the mechanisms' likelihoods where `refine`. Draws of
/// networks that learned inside a `region` alone are restricted to it.
///
/// # Errors
/// Where the data cannot be read by the networks, or the user interrupts.
pub fn ask(
    context: &Context,
    population: &Population<'_>,
    region: Option<&Region>,
    amortized: &Amortized,
    data: &[f64],
    draws: usize,
    refine: Refine,
) -> Result<Asked, Failure> {
    let study = &context.study;
    let given_data = standardise(context, amortized, data)?;
    let wrong = |error: gnomon_infer::InferError| Failure::damaged(error, "learn anew");
    let amortized_probabilities = amortized.probabilities(&given_data).map_err(wrong)?;
    let members = amortized.member_probabilities(&given_data).map_err(wrong)?;
    let began = Instant::now();
    let refined = refinement::refine(
        context,
        population,
        amortized,
        &given_data,
        data,
        draws,
        refine,
    )?;
    let refining = began.elapsed().as_secs_f64();
    let incomparable = incomparable(study)
        .map(|why| format!("the mechanisms' probabilities are the network's own, since {why}"));
    let by_evidence = match incomparable {
        Some(_) => None,
        None => refinement::probabilities(&study.weights, &refined),
    };
    let (probabilities, range) = match by_evidence {
        Some((probabilities, errors)) => (probabilities, Range::Error(errors)),
        None => (amortized_probabilities.clone(), Range::Members(members)),
    };
    let mut refinement = match refine {
        Refine::Never => Vec::new(),
        Refine::Affordable | Refine::Always => study
            .mechanisms
            .iter()
            .zip(&refined)
            .map(|(mechanism, refined)| refinement::in_words(mechanism, refined))
            .collect(),
    };
    if let (Some(why), Some(first)) = (incomparable, refinement.first_mut()) {
        first.because = match first.because.is_empty() {
            true => why,
            false => format!("{}; {why}", first.because),
        };
    }
    let claims = study
        .mechanisms
        .iter()
        .zip(&refined)
        .filter_map(|(mechanism, refined)| {
            Some(refinement::claim(&mechanism.name, refined.as_ref().ok()?))
        })
        .collect();
    let seed = context.seed_for("posterior");
    let mut table = DrawTable::default();
    let mut all = Vec::new();
    let mut posteriors = Vec::new();
    for (index, (mechanism, refined)) in study.mechanisms.iter().zip(refined).enumerate() {
        let (of_network, log_inside) = draw(amortized, region, index, &given_data, draws, seed)?;
        let prior = prior_draws(context, amortized, index);
        let places = shown(mechanism, &study.predict);
        let tolerance = study.claims.tolerance;
        let (own, log_density) = match refined {
            Ok(refined) => {
                let mut own = posterior(mechanism, &study.predict, &refined.draws, &prior);
                own.amortized = posterior(mechanism, &study.predict, &of_network, &prior).summaries;
                own.subject = content::Subject::Refined;
                own.identified = identified(
                    &places,
                    &refined.draws,
                    &prior,
                    Some(&of_network),
                    tolerance,
                );
                own.remark = refinement[index].in_brief();
                posteriors.push(own);
                (refined.draws, refined.log_density)
            }
            Err(_) => {
                let mut own = posterior(mechanism, &study.predict, &of_network, &prior);
                own.identified = identified(&places, &of_network, &prior, None, tolerance);
                posteriors.push(own);
                let parameters: Vec<&[f64]> =
                    of_network.parameters.iter().map(Vec::as_slice).collect();
                let mut log_density = amortized
                    .log_density(index, &given_data, &parameters, seed)
                    .map_err(wrong)?;
                log_density.iter_mut().for_each(|x| *x -= log_inside);
                (of_network, log_density)
            }
        };
        let mut columns: Vec<&[f64]> = own.quantities().collect();
        columns.push(&log_density);
        let mut names = names(mechanism);
        names.push(LOG_DENSITY.into());
        table.add(&mechanism.name, &names, &columns);
        all.push((own, prior));
    }
    let shared: Vec<content::SharedQuantity> = study
        .shared
        .iter()
        .map(|name| shared(context, name, &probabilities, &all))
        .collect();
    let told = unseen::unseen(context, amortized, &given_data, data, draws)?;
    let mechanisms = mechanisms(context, &probabilities, &amortized_probabilities, &range);
    let asked: Vec<Vec<String>> = posteriors.iter().map(quantity_names).collect();
    let given: Vec<&Draws> = all.iter().map(|(own, _)| own).collect();
    let sensitivity = sensitivity::sensitivity(study, amortized, &probabilities, &given, &asked);
    let answer = Answer {
        sentence: sentence(
            &study.predict,
            &mechanisms,
            &shared,
            &posteriors,
            &told.series,
        ),
        condition: learn::condition(context),
        mechanisms,
        posteriors,
        shared,
        unseen: told.series,
        refinement,
        sensitivity,
        claims,
        ..Answer::default()
    };
    let given = all.into_iter().map(|(own, _)| own).collect();
    Ok(Asked {
        answer,
        draws: table,
        paths: told.paths,
        refining,
        probabilities,
        given,
    })
}

/// Draws of a mechanism's network for one data set, inside what it is conditioned on (a region, conditions of
/// parameters alone), and ln of the share of the network's posterior that is inside.
pub(super) fn draw(
    amortized: &Amortized,
    region: Option<&Region>,
    mechanism: usize,
    given: &Matrix,
    draws: usize,
    seed: u64,
) -> Result<(Draws, f64), Failure> {
    let inside = Inside {
        amortized,
        mechanism,
        region,
    };
    let restricted = inside
        .draw(given, draws, seed, interrupt::flag())
        .map_err(Failure::region)?;
    Ok((restricted.draws, restricted.log_inside[0]))
}

fn quantity_names(posterior: &content::Posterior) -> Vec<String> {
    let names = posterior.quantities.iter().map(|q| q.name.clone());
    names.collect()
}

/// The data as the networks read them.
pub(super) fn standardise(
    context: &Context,
    amortized: &Amortized,
    data: &[f64],
) -> Result<Matrix, Failure> {
    amortized.standardise(data).map_err(|error| {
        let missing = data.iter().position(|value| value.is_nan());
        let message = match missing {
            Some(entry) => format!("{} is missing", context.study.given_entry(entry)),
            None => error.to_string(),
        };
        Failure::refused(
            message,
            "entries may be missing only where the study's own data lack some, so that the networks \
             learned to do without: give the study data with missing entries and learn anew",
        )
    })
}

/// Alarms about a data set from prior simulations alone: whether the mechanisms produce such data
/// at all. Skipped where a mechanism is a program, which would take its time.
///
/// # Errors
/// Where a simulator or a network cannot be run.
pub fn alarms(
    context: &Context,
    population: &Population<'_>,
    amortized: &Amortized,
    data: &[f64],
    answer: &mut Answer,
) -> Result<(), Failure> {
    if context.study.mechanisms.iter().any(runs_a_program) {
        return Ok(());
    }
    let prior = prior_rows(context, population)?;
    let checks = Typical::new(amortized, data, &prior, true)?.checks(data)?;
    weigh(context, answer, checks);
    Ok(())
}

/// What the mechanisms produce before anything is learned.
///
/// # Errors
/// Where a simulator cannot be run.
pub fn preview(
    context: &Context,
    population: &Population<'_>,
) -> Result<Vec<content::Prediction>, Failure> {
    Ok(prior_predictive(context, &prior_rows(context, population)?))
}

/// The observed series for a report.
#[must_use]
pub fn observed_series(context: &Context) -> Vec<content::Series> {
    series(context, context.study.data.as_deref().unwrap_or_default())
}

/// The given series with these data, one number an entry, or none at all.
fn series(context: &Context, data: &[f64]) -> Vec<content::Series> {
    let mut data = data.iter().copied();
    context
        .study
        .given
        .iter()
        .map(|series| content::Series {
            name: series.name.clone(),
            label: series.description.clone().unwrap_or_default(),
            unit: series.unit.clone().unwrap_or_default(),
            times: series.times.clone(),
            values: data.by_ref().take(series.times.len()).collect(),
            ..content::Series::default()
        })
        .collect()
}
