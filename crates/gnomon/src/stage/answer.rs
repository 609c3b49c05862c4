//! Third stage: what the networks say of the data, and whether the data speak against them.

use std::time::Instant;

use gnomon_examine::observed::typicality::{self, Distance};
use gnomon_examine::observed::{Check, Observed, predictive};
use gnomon_infer::mixture::allocate;
use gnomon_infer::summary::column_quantiles;
use gnomon_infer::{Amortized, DrawTable, Draws, Summary};
use gnomon_mechanism::{Family, Mechanism};
use gnomon_report::content;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::failure::Failure;
use crate::population::{Population, runs_a_program};
use crate::stamp::{self, Cost, Stamp};

const STAGE: &str = "answer";
const FILE: &str = "answer/answer.json";
/// Prior simulations behind figures and typicality, half of them as reference.
const PRIOR_SIMULATIONS: u64 = 4_000;
/// Posterior simulations behind figures and predictive checks, over all mechanisms.
const POSTERIOR_SIMULATIONS: usize = 4_000;
/// Draws that a report holds.
const SHOWN_DRAWS: usize = 2_000;
/// Sampled trajectories that a figure holds.
const SHOWN_TRAJECTORIES: usize = 20;
/// Quantile levels of predictive ribbons.
const LEVELS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];
/// The probability of any false alarm about the observed data.
const ALARM_RATE: f64 = 0.01;
/// Which nearest neighbour a distance between data sets is taken to.
const NEIGHBOUR: usize = 10;

/// What is said of one data set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Answer {
    /// The answer in one sentence.
    pub sentence: String,
    /// The mechanisms with their probabilities.
    pub mechanisms: Vec<content::Mechanism>,
    /// The posterior given each mechanism.
    pub posteriors: Vec<content::Posterior>,
    /// Quantities with one meaning in all mechanisms.
    pub shared: Vec<content::SharedQuantity>,
    /// What the mechanisms produce before anything is learned.
    pub prior_predictive: Vec<content::Prediction>,
    /// What they produce given the data.
    pub posterior_predictive: Vec<content::Prediction>,
    /// Alarms about the data.
    pub alarms: Vec<content::Alarm>,
    /// Where the data lie among simulations.
    pub typicality: Vec<content::Typicality>,
    /// What the alarms say together.
    pub warning: Option<String>,
}

/// Answers the study's own data, with figures and alarms.
///
/// # Errors
/// Where the study has no data, a simulator or network cannot be run, or the disk refuses.
pub fn run(
    context: &Context,
    population: &Population<'_>,
    amortized: &Amortized,
    learned_from: &str,
) -> Result<Answer, Failure> {
    let data = context.data()?;
    let made_from = made_from(context, learned_from);
    if Stamp::read(&context.results(), STAGE).is_some_and(|stamp| stamp.made_from == made_from)
        && let Some(answer) = context.read_result(FILE)
    {
        return Ok(answer);
    }
    Stamp::remove(&context.results(), STAGE);
    let began = Instant::now();
    let asked = ask(context, amortized, data, context.study.answer.draws)?;
    let seconds = began.elapsed().as_secs_f64();
    let spinner = context.progress.spinner("predicting");
    let began = Instant::now();
    let prior = prior_rows(context, population)?;
    let replicates = Replicates::new(context, population, &asked)?;
    let mut answer = asked.answer;
    answer.prior_predictive = prior_predictive(context, &prior);
    answer.posterior_predictive = replicates.predictions(context);
    let mut checks = typicality_checks(amortized, data, &prior)?;
    checks.extend(replicates.checks(context, data)?);
    weigh(&mut answer, checks);
    spinner.finish_and_clear();
    asked
        .draws
        .write(&context.results().join("answer"))
        .map_err(|error| Failure::Outside(error.to_string()))?;
    context.write(FILE, &answer)?;
    let cost = |what: &str, count: usize, seconds: f64| Cost {
        what: what.into(),
        count: count as u64,
        seconds,
        per_query: true,
    };
    let simulated = prior.chosen.len() + replicates.rows.len();
    let cost = vec![
        cost("posterior draws", asked.draws.mechanism.len(), seconds),
        cost(
            "simulations for figures and alarms",
            simulated,
            began.elapsed().as_secs_f64(),
        ),
    ];
    Stamp { made_from, cost }.write(&context.results(), STAGE)?;
    Ok(answer)
}

/// A hash of what the answer is made from.
#[must_use]
pub fn made_from(context: &Context, learned_from: &str) -> String {
    let study = &context.study;
    stamp::hash(&[
        learned_from,
        &format!("{:?}", study.data),
        &format!("{:?} {:?} {:?}", study.answer, study.shared, study.predict),
    ])
}

/// An answer with all its draws.
pub struct Asked {
    /// In numbers.
    pub answer: Answer,
    /// Draws from the posterior given each mechanism.
    pub draws: DrawTable,
    probabilities: Vec<f64>,
    given: Vec<Draws>,
}

/// Answers one data set from the networks alone.
///
/// # Errors
/// Where the data cannot be read by the networks.
pub fn ask(
    context: &Context,
    amortized: &Amortized,
    data: &[f64],
    draws: usize,
) -> Result<Asked, Failure> {
    let study = &context.study;
    let given = amortized.standardise(data).map_err(|error| {
        let missing = data.iter().position(|value| value.is_nan());
        let message = match missing {
            Some(entry) => format!("`{}` is missing", study.given_columns()[entry]),
            None => error.to_string(),
        };
        Failure::refused(
            message,
            "entries may be missing only where the study's own data lack some, so that the networks \
             learned to do without: give the study data with missing entries and learn anew",
        )
    })?;
    let wrong = |error: gnomon_infer::InferError| Failure::damaged(error, "learn anew");
    let probabilities = amortized.probabilities(&given).map_err(wrong)?;
    let members = amortized.member_probabilities(&given).map_err(wrong)?;
    let seed = context.seed_for("posterior");
    let mut table = DrawTable::default();
    let mut all = Vec::new();
    let mut posteriors = Vec::new();
    for (index, mechanism) in study.mechanisms.iter().enumerate() {
        let own = amortized.draw(index, &given, draws, seed).map_err(wrong)?;
        let prior = prior_draws(context, amortized, index);
        posteriors.push(posterior(mechanism, &study.predict, &own, &prior));
        let columns: Vec<&[f64]> = own.quantities().collect();
        table.add(&mechanism.name, &names(mechanism), &columns);
        all.push((own, prior));
    }
    let shared: Vec<content::SharedQuantity> = study
        .shared
        .iter()
        .map(|name| shared(context, name, &probabilities, &all))
        .collect();
    let mechanisms = mechanisms(context, &probabilities, &members);
    let answer = Answer {
        sentence: sentence(&study.predict, &mechanisms, &shared, &posteriors),
        mechanisms,
        posteriors,
        shared,
        ..Answer::default()
    };
    let given = all.into_iter().map(|(own, _)| own).collect();
    Ok(Asked {
        answer,
        draws: table,
        probabilities,
        given,
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
    weigh(answer, typicality_checks(amortized, data, &prior)?);
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
    let mut data = context.study.data.iter().flatten().copied();
    context
        .study
        .given_series()
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

fn names(mechanism: &Mechanism) -> Vec<String> {
    let parameters = mechanism.parameters.iter().map(|p| p.name.clone());
    parameters
        .chain(mechanism.derived.iter().map(|d| d.name.clone()))
        .collect()
}

fn quantities(mechanism: &Mechanism) -> Vec<content::Quantity> {
    let quantity =
        |name: &String, unit: &Option<String>, description: &Option<String>| content::Quantity {
            name: name.clone(),
            unit: unit.clone().unwrap_or_default(),
            description: description.clone().unwrap_or_default(),
            ..content::Quantity::default()
        };
    let parameters = mechanism
        .parameters
        .iter()
        .map(|p| quantity(&p.name, &p.unit, &p.description));
    let derived = mechanism
        .derived
        .iter()
        .map(|d| quantity(&d.name, &d.unit, &d.description));
    parameters.chain(derived).collect()
}

/// Prior draws of a mechanism's quantities: standard normal scores, taken back to parameters.
fn prior_draws(context: &Context, amortized: &Amortized, mechanism: usize) -> Vec<Vec<f64>> {
    let coordinates = amortized.coordinates(mechanism);
    let mut stream = gnomon_mechanism::random::Stream::new(
        context.seed_for("prior draws"),
        gnomon_mechanism::random::Purpose::PARAMETERS,
        mechanism as u64,
    );
    let scores: Vec<f32> = (0..coordinates.dimension() * SHOWN_DRAWS)
        .map(|_| stream.normal() as f32)
        .collect();
    let mut columns = match coordinates.dimension() {
        0 => coordinates.fixed(SHOWN_DRAWS),
        _ => coordinates.to_parameters(&scores),
    };
    columns.extend(amortized.derived(mechanism, &columns));
    columns
}

fn summary(draws: &[f64], prior: &[f64]) -> content::Summary {
    let (own, before) = (Summary::of(draws), Summary::of(prior));
    content::Summary {
        mean: own.mean,
        sd: own.sd,
        median: own.median,
        interval_50: own.interval_50,
        interval_90: own.interval_90,
        interval_95: own.interval_95,
        prior_mean: before.mean,
        prior_sd: before.sd,
        contraction: 1.0 - (own.sd / before.sd).powi(2),
    }
}

fn posterior(
    mechanism: &Mechanism,
    asked: &[String],
    own: &Draws,
    prior: &[Vec<f64>],
) -> content::Posterior {
    let is_asked = |group: &str, name: &str| asked.iter().any(|a| a == group || a == name);
    // A fixed parameter has no posterior to show.
    let parameters = mechanism
        .parameters
        .iter()
        .map(|p| p.prior.family != Family::Exact && is_asked("parameters", &p.name));
    let derived = mechanism
        .derived
        .iter()
        .map(|d| is_asked("derived", &d.name));
    let shown: Vec<bool> = parameters.chain(derived).collect();
    let keep = |position: &usize| shown[*position];
    let columns: Vec<&[f64]> = own.quantities().collect();
    let places: Vec<usize> = (0..columns.len()).filter(keep).collect();
    let every = (columns.first().map_or(0, |c| c.len()) / SHOWN_DRAWS).max(1);
    let all = quantities(mechanism);
    content::Posterior {
        mechanism: mechanism.name.clone(),
        quantities: places.iter().map(|&k| all[k].clone()).collect(),
        summaries: places
            .iter()
            .map(|&k| summary(columns[k], &prior[k]))
            .collect(),
        draws: places
            .iter()
            .map(|&k| {
                columns[k]
                    .iter()
                    .step_by(every)
                    .take(SHOWN_DRAWS)
                    .copied()
                    .collect()
            })
            .collect(),
        prior_draws: places.iter().map(|&k| prior[k].clone()).collect(),
        ..content::Posterior::default()
    }
}

fn shared(
    context: &Context,
    name: &str,
    probabilities: &[f64],
    all: &[(Draws, Vec<Vec<f64>>)],
) -> content::SharedQuantity {
    let study = &context.study;
    let mut quantity = content::Quantity::default();
    let mut given = Vec::new();
    let (mut mixture, mut before) = (Vec::new(), Vec::new());
    let declared: Vec<Option<usize>> = study
        .mechanisms
        .iter()
        .map(|m| names(m).iter().position(|n| n == name))
        .collect();
    let weights = |of: &[f64]| -> Vec<f64> {
        of.iter()
            .zip(&declared)
            .map(|(&w, d)| if d.is_some() { w } else { 0.0 })
            .collect()
    };
    let most = all
        .iter()
        .map(|(own, _)| own.parameters.first().map_or(0, Vec::len))
        .max();
    let counts = allocate(&weights(probabilities), most.unwrap_or(0));
    let prior_counts = allocate(&weights(&study.weights), SHOWN_DRAWS);
    for (index, mechanism) in study.mechanisms.iter().enumerate() {
        let Some(place) = declared[index] else {
            continue;
        };
        quantity = quantities(mechanism)[place].clone();
        let (own, prior) = &all[index];
        let Some(draws) = own.quantities().nth(place) else {
            continue;
        };
        mixture.extend(draws.iter().take(counts[index]));
        before.extend(prior[place].iter().take(prior_counts[index]));
        given.push(content::Given {
            mechanism: Some(mechanism.name.clone()),
            summary: summary(draws, &prior[place]),
            prior_interval_90: Summary::of(&prior[place]).interval_90,
        });
    }
    let over_all = content::Given {
        mechanism: None,
        summary: summary(&mixture, &before),
        prior_interval_90: Summary::of(&before).interval_90,
    };
    given.insert(0, over_all);
    content::SharedQuantity { quantity, given }
}

fn mechanisms(
    context: &Context,
    probabilities: &[f64],
    members: &[Vec<f64>],
) -> Vec<content::Mechanism> {
    let study = &context.study;
    let all = study
        .mechanisms
        .iter()
        .zip(&study.weights)
        .zip(probabilities)
        .enumerate();
    all.map(|(index, ((mechanism, &prior), &posterior))| {
        let of_members = || members.iter().map(|member| member[index]);
        let spread = members.len() > 1;
        content::Mechanism {
            name: mechanism.name.clone(),
            description: mechanism.description.clone(),
            text: mechanism.text.to_string(),
            prior,
            posterior,
            interval: if spread {
                [
                    of_members().fold(1.0, f64::min),
                    of_members().fold(0.0, f64::max),
                ]
            } else {
                [f64::NAN; 2]
            },
            interval_meaning: if spread {
                format!("range over {} networks", members.len())
            } else {
                String::new()
            },
        }
    })
    .collect()
}

/// Three significant digits.
fn number(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return x.to_string();
    }
    let digits = 2 - x.abs().log10().floor() as i32;
    if (-3..=6).contains(&digits) {
        format!("{x:.*}", digits.max(0) as usize)
    } else {
        format!("{x:.2e}")
    }
}

/// A probability in words.
#[must_use]
pub fn percent(p: f64) -> String {
    match 100.0 * p {
        p if p < 0.1 => "under 0.1\u{a0}%".into(),
        p if !(1.0..=99.0).contains(&p) => format!("{p:.1}\u{a0}%"),
        p => format!("{p:.0}\u{a0}%"),
    }
}

fn in_words(quantity: &content::Quantity, summary: &content::Summary) -> String {
    let unit = if quantity.unit.is_empty() {
        String::new()
    } else {
        format!(" {}", quantity.unit)
    };
    let [low, high] = summary.interval_90.map(number);
    format!(
        "{} is {}{unit} (90\u{a0}% credible interval {low} to {high})",
        quantity.name.replace('_', " "),
        number(summary.median)
    )
}

fn sentence(
    asked: &[String],
    mechanisms: &[content::Mechanism],
    shared: &[content::SharedQuantity],
    posteriors: &[content::Posterior],
) -> String {
    let mut parts = Vec::new();
    if mechanisms.len() > 1 && asked.iter().any(|name| name == "mechanism") {
        let mut order: Vec<&content::Mechanism> = mechanisms.iter().collect();
        order.sort_by(|a, b| b.posterior.total_cmp(&a.posterior));
        let others: Vec<String> = order[1..]
            .iter()
            .map(|mechanism| format!("{} {}", mechanism.name, percent(mechanism.posterior)))
            .collect();
        parts.push(format!(
            "{} is the most probable mechanism, with {} ({})",
            order[0].name,
            percent(order[0].posterior),
            others.join(", ")
        ));
    }
    let over_all = shared
        .iter()
        .filter_map(|s| Some((&s.quantity, &s.given.first()?.summary)));
    if shared.is_empty() && mechanisms.len() == 1 {
        let all = posteriors
            .iter()
            .flat_map(|p| p.quantities.iter().zip(&p.summaries));
        parts.extend(
            all.take(4)
                .map(|(quantity, summary)| in_words(quantity, summary)),
        );
    } else {
        parts.extend(over_all.map(|(quantity, summary)| in_words(quantity, summary)));
    }
    format!("{}.", parts.join("; "))
}

/// Prior simulations of the study's mixture.
struct PriorRows {
    /// The mechanism of each row that succeeded.
    chosen: Vec<usize>,
    /// The given columns, one row after the other.
    given: Vec<f64>,
}

fn prior_rows(context: &Context, population: &Population<'_>) -> Result<PriorRows, Failure> {
    let seed = context.seed_for("prior predictive");
    let numbers: Vec<u64> = (0..PRIOR_SIMULATIONS).collect();
    let rows = population.rows(seed, &numbers)?;
    let succeeded: Vec<usize> = (0..rows.len())
        .filter(|&row| rows.failure[row].is_none())
        .collect();
    let schema = population.schema(seed);
    let places: Vec<usize> = context
        .study
        .given_columns()
        .iter()
        .filter_map(|name| schema.position(name))
        .collect();
    let given = succeeded
        .iter()
        .flat_map(|&row| places.iter().map(move |&place| (row, place)));
    Ok(PriorRows {
        given: given.map(|(row, place)| rows.columns[place][row]).collect(),
        chosen: succeeded
            .iter()
            .map(|&row| rows.mechanism[row] as usize)
            .collect(),
    })
}

fn prior_predictive(context: &Context, prior: &PriorRows) -> Vec<content::Prediction> {
    let width = context.study.given_columns().len();
    let mut predictions = Vec::new();
    for (index, mechanism) in context.study.mechanisms.iter().enumerate() {
        let rows: Vec<&[f64]> = prior
            .given
            .chunks_exact(width)
            .zip(&prior.chosen)
            .filter(|(_, chosen)| **chosen == index)
            .map(|(row, _)| row)
            .collect();
        predictions.extend(predict(context, Some(&mechanism.name), &rows));
    }
    predictions
}

/// One prediction a given series.
fn predict(
    context: &Context,
    mechanism: Option<&str>,
    rows: &[&[f64]],
) -> Vec<content::Prediction> {
    let mut first = 0;
    let mut predictions = Vec::new();
    for series in context.study.given_series() {
        let end = first + series.times.len();
        let own: Vec<Vec<f64>> = rows.iter().map(|row| row[first..end].to_vec()).collect();
        predictions.push(content::Prediction {
            mechanism: mechanism.map(str::to_owned),
            series: series.name.clone(),
            times: series.times.clone(),
            levels: LEVELS.to_vec(),
            quantiles: column_quantiles(&own, &LEVELS),
            samples: own.into_iter().take(SHOWN_TRAJECTORIES).collect(),
        });
        first = end;
    }
    predictions
}

/// Whether the data lie within what the mechanisms produce: distances in the networks' features, and
/// between standardised data sets.
fn typicality_checks(
    amortized: &Amortized,
    data: &[f64],
    prior: &PriorRows,
) -> Result<Vec<Check>, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::damaged(error, "learn anew");
    let width = data.len();
    let mut simulated = prior.given.clone();
    for row in simulated.chunks_exact_mut(width) {
        // Simulations lack what the data lack, so that the distances compare like with like.
        for (entry, value) in row.iter_mut().zip(data) {
            if value.is_nan() {
                *entry = f64::NAN;
            }
        }
    }
    simulated.extend_from_slice(data);
    let given = amortized.standardise(&simulated).map_err(|e| wrong(&e))?;
    let (features, count) = amortized.features(&given).map_err(|e| wrong(&e))?;
    let columns: Vec<f64> = given.values().iter().map(|&x| f64::from(x)).collect();
    let mut checks = Vec::new();
    for (name, values, d, distance) in [
        (
            "distance in the network's features",
            features,
            count,
            Distance::Mahalanobis,
        ),
        (
            "distance between data sets",
            columns,
            given.columns(),
            Distance::Neighbour(NEIGHBOUR),
        ),
    ] {
        let (values, d) = varying(&values, d);
        let simulations = prior.chosen.len();
        let half = simulations / 2 * d;
        let (reference, rest) = values.split_at(half);
        let (held_out, observed) = rest.split_at((simulations - simulations / 2) * d);
        let check = typicality::check(name, observed, reference, held_out, distance);
        checks.push(check.map_err(|e| wrong(&e))?);
    }
    Ok(checks)
}

/// The columns that differ somewhere: a constant one has no scale.
fn varying(values: &[f64], columns: usize) -> (Vec<f64>, usize) {
    let differs = |column: usize| {
        let first = values[column];
        values.chunks_exact(columns).any(|row| row[column] != first)
    };
    let kept: Vec<usize> = (0..columns).filter(|&column| differs(column)).collect();
    let rows = values.chunks_exact(columns);
    (
        rows.flat_map(|row| kept.iter().map(|&k| row[k])).collect(),
        kept.len(),
    )
}

/// Data simulated from the posterior.
struct Replicates {
    /// The given columns of each replicate.
    rows: Vec<Vec<f64>>,
    /// The mechanism of each.
    chosen: Vec<usize>,
    /// How many of each mechanism's belong to the mixture.
    counts: Vec<usize>,
}

impl Replicates {
    fn new(context: &Context, population: &Population<'_>, asked: &Asked) -> Result<Self, Failure> {
        let counts = allocate(&asked.probabilities, POSTERIOR_SIMULATIONS);
        let seed = context.seed_for("posterior predictive");
        let (mut rows, mut chosen) = (Vec::new(), Vec::new());
        for (index, own) in asked.given.iter().enumerate() {
            // Each mechanism gets enough for a figure of its own.
            let wanted = counts[index].max(POSTERIOR_SIMULATIONS / 8);
            let draws: Vec<Vec<f64>> = own
                .parameters
                .iter()
                .map(|c| c.iter().take(wanted).copied().collect())
                .collect();
            let count = draws.first().map_or(wanted, Vec::len);
            let numbers: Vec<u64> = (0..count as u64)
                .map(|number| ((index as u64) << 40) | number)
                .collect();
            let observed = population.observe(index, draws, seed, &numbers)?;
            let places = population.given_places(index);
            let given: Vec<&Vec<f64>> = places.iter().map(|&place| &observed[place]).collect();
            for values in rows_of_columns(&given, count) {
                if values.iter().all(|value| value.is_finite()) {
                    rows.push(values);
                    chosen.push(index);
                }
            }
        }
        Ok(Self {
            rows,
            chosen,
            counts,
        })
    }

    fn of(&self, mechanism: usize) -> Vec<&[f64]> {
        let all = self.rows.iter().zip(&self.chosen);
        all.filter(|(_, c)| **c == mechanism)
            .map(|(row, _)| row.as_slice())
            .collect()
    }

    /// The replicates of the mixture over mechanisms.
    fn mixture(&self) -> Vec<&[f64]> {
        (0..self.counts.len())
            .flat_map(|index| self.of(index).into_iter().take(self.counts[index]))
            .collect()
    }

    fn predictions(&self, context: &Context) -> Vec<content::Prediction> {
        let mechanisms = &context.study.mechanisms;
        let mut predictions = Vec::new();
        if mechanisms.len() > 1 {
            predictions.extend(predict(context, None, &self.mixture()));
        }
        for (index, mechanism) in mechanisms.iter().enumerate() {
            predictions.extend(predict(context, Some(&mechanism.name), &self.of(index)));
        }
        predictions
    }

    /// Posterior predictive checks on summaries of each given series.
    fn checks(&self, context: &Context, data: &[f64]) -> Result<Vec<Check>, Failure> {
        let mixture = self.mixture();
        let (mut names, mut observed) = (Vec::new(), Vec::new());
        let mut replicated = vec![Vec::new(); mixture.len()];
        let mut first = 0;
        for series in context.study.given_series() {
            let end = first + series.times.len();
            let seen: Vec<usize> = (first..end)
                .filter(|&entry| !data[entry].is_nan())
                .collect();
            let pick = |row: &[f64]| seen.iter().map(|&entry| row[entry]).collect::<Vec<f64>>();
            let own = summaries(&pick(data));
            let all: Vec<Vec<f64>> = mixture.iter().map(|row| summaries(&pick(row))).collect();
            for (position, value) in own.iter().enumerate() {
                let defined = all.iter().all(|summary| summary[position].is_finite());
                if !defined || !value.is_finite() {
                    continue;
                }
                names.push(summary_name(&series.name, seen.len(), position));
                observed.push(*value);
                for (row, summary) in replicated.iter_mut().zip(&all) {
                    row.push(summary[position]);
                }
            }
            first = end;
        }
        predictive::checks(&names, &observed, &replicated.concat())
            .map_err(|error| Failure::damaged(error, "learn anew"))
    }
}

/// Columns as rows.
fn rows_of_columns<'a>(
    columns: &'a [&Vec<f64>],
    rows: usize,
) -> impl Iterator<Item = Vec<f64>> + 'a {
    (0..rows).map(|row| columns.iter().map(|column| column[row]).collect())
}

/// The summaries of a series that predictive checks compare; of a short one, its entries.
fn summaries(series: &[f64]) -> Vec<f64> {
    if series.len() < 4 {
        series.to_vec()
    } else {
        predictive::series_summaries(series).to_vec()
    }
}

fn summary_name(series: &str, length: usize, position: usize) -> String {
    match length {
        1 => series.to_owned(),
        2 | 3 => format!("{series}, entry {}", position + 1),
        _ => format!("{series}, {}", predictive::SERIES_SUMMARIES[position]),
    }
}

/// Weighs all checks together and says what they mean.
fn weigh(answer: &mut Answer, checks: Vec<Check>) {
    use gnomon_examine::observed::About;
    let weighed = Observed::new(checks, ALARM_RATE);
    for (check, &raised) in weighed.checks.iter().zip(&weighed.alarms) {
        let words = match (check.about, raised) {
            (About::Mechanisms, false) => "the mechanisms produce data like these",
            (About::Mechanisms, true) => "the mechanisms hardly ever produce data like these",
            (About::Posterior, false) => "the posterior reproduces it",
            (About::Posterior, true) => "the posterior does not reproduce it",
        };
        answer.alarms.push(content::Alarm {
            name: check.name.clone(),
            p_value: check.p_value,
            raised,
            words: words.into(),
        });
        if check.about == About::Mechanisms {
            answer.typicality.push(content::Typicality {
                name: check.name.clone(),
                distances: check.replicates.clone(),
                observed: check.observed,
                p_value: check.p_value,
            });
        }
    }
    if weighed.alarms.contains(&true) {
        answer.sentence = format!(
            "{} What follows is what the networks say nevertheless: {}",
            weighed.statement, answer.sentence
        );
        answer.warning = Some(weighed.statement);
    }
}
