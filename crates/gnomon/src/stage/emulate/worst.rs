//! The worst points of an emulator: a search over all given parameters, then the share that is bad, by
//! fresh draws. What the search found is kept for the next learning, as fallbacks are.

use gnomon_claim::seal;
use gnomon_emulate::Points;
use gnomon_emulate::cascade::{Cascade, Opinion};
use gnomon_emulate::holes::Certificate;
use gnomon_emulate::holes::search::Search;
use gnomon_emulate::holes::share::Share;
use gnomon_learn::coordinates::Coordinates;
use gnomon_mechanism::Family;
use serde::Serialize;

use super::ask::Emulator;
use super::known::{self, Pool};
use super::solver::failed;
use super::wanted;
use crate::context::Context;
use crate::failure::Failure;
use crate::population::Population;

/// Solves of a search, and fresh draws, where the study says nothing.
const BUDGET: usize = 2_000;
const DRAWS: usize = 10_000;
/// The same of a program.
const BUDGET_OF_PROGRAM: usize = 200;
const DRAWS_OF_PROGRAM: usize = 1_000;
/// Worst points that are told.
const TOLD: usize = 20;
/// The probability that the bound is wrong, at most.
const ERROR_RATE: f64 = 0.05;
/// Quantiles of the prior that the search goes up to.
const EDGE: f64 = 1e-6;

/// Where an emulator is wrong, and how often.
#[derive(Clone, Debug, Serialize)]
pub struct Worst {
    /// Names of what a query gives.
    pub given: Vec<String>,
    /// Names of what is emulated.
    pub outputs: Vec<String>,
    /// Points that the search asked about.
    pub searched: usize,
    /// Those that the emulator answers itself.
    pub accepted: usize,
    /// Those of them where it is off by more than the tolerance.
    pub bad: usize,
    /// The largest error of an accepted answer, in tolerances; infinite where the solver fails.
    pub largest: f64,
    /// The worst of their surroundings, worst first.
    pub points: Vec<Point>,
    /// What fresh draws that guided nothing say.
    pub share: Share,
    /// That in words.
    pub certificate: Option<Certificate>,
    /// Solves that are new among those that are kept.
    pub kept: usize,
}

/// A point where the emulator answers, and is off by more than the tolerance.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// What it was given.
    pub query: Vec<f64>,
    /// Its error, in tolerances.
    pub error: f64,
    /// The number that is most in error, by its place among the outputs.
    pub output: usize,
    /// What the emulator says of that.
    pub emulator: f64,
    /// What the solver says; none where it failed.
    pub solver: Option<f64>,
    /// Its failure, where it failed.
    pub failure: Option<String>,
}

/// One point that the search asked about.
struct Looked {
    query: Vec<f64>,
    opinion: Option<Opinion>,
    solved: Result<Vec<f64>, String>,
}

impl Looked {
    /// How far the emulator's answer is from the solver, in tolerances; 0 where it leaves that to the solver.
    fn error(&self, cascade: &Cascade) -> f64 {
        match (&self.opinion, &self.solved) {
            (None, _) => 0.0,
            (Some(own), Ok(solved)) => cascade.error(&own.values, solved),
            (Some(_), Err(_)) => f64::INFINITY,
        }
    }
}

/// Searches the emulator that was learned last, and draws afresh.
///
/// # Errors
/// Where there is no emulator, the solver cannot be run, the disk refuses, or the user interrupts.
pub fn run(context: &Context, population: &Population<'_>) -> Result<Worst, Failure> {
    let emulator = Emulator::load(context)?;
    let own = context.study.holes.clone().unwrap_or_default();
    let (budget, draws) = match emulator.solver.is_program() {
        true => (BUDGET_OF_PROGRAM, DRAWS_OF_PROGRAM),
        false => (BUDGET, DRAWS),
    };
    let (budget, draws) = (own.budget.unwrap_or(budget), own.checks.unwrap_or(draws));
    let (looked, worst) = search(context, &emulator, budget)?;
    let cascade = &emulator.cascade;
    let error = |one: &Looked| one.error(cascade);
    let mut queries = Points::zeros(0, emulator.given().len());
    let mut answers = Points::zeros(0, emulator.outputs().len());
    for one in looked.iter().filter(|one| error(one) > 1.0) {
        if let Ok(solved) = &one.solved {
            queries.push(&one.query).map_err(|e| failed(&e))?;
            answers.push(solved).map_err(|e| failed(&e))?;
        }
    }
    let points = worst.iter().take(TOLD).map(|&number| {
        let one = &looked[number];
        let told = one.opinion.as_ref().map_or(&[][..], |own| &own.values);
        let solved = one.solved.as_ref().ok();
        let off = |k: usize| {
            let solved = solved.map_or(f64::NAN, |all| all[k]);
            (told[k] - solved).abs() / cascade.tolerances[k]
        };
        let output = (0..told.len()).max_by(|&a, &b| off(a).total_cmp(&off(b)));
        let output = output.unwrap_or(0);
        Point {
            query: one.query.clone(),
            error: error(one),
            output,
            emulator: told.get(output).copied().unwrap_or(f64::NAN),
            solver: solved.and_then(|all| all.get(output).copied()),
            failure: one.solved.as_ref().err().cloned(),
        }
    });
    let points: Vec<Point> = points.collect();
    let share = share(context, population, &emulator, draws)?;
    let what = "region where the emulator answers and is off by more than the tolerance";
    Ok(Worst {
        given: emulator.given().to_vec(),
        outputs: emulator.outputs().to_vec(),
        searched: looked.len(),
        accepted: looked.iter().filter(|one| one.opinion.is_some()).count(),
        bad: looked.iter().filter(|one| error(one) > 1.0).count(),
        largest: looked.iter().map(error).fold(0.0, f64::max),
        points,
        certificate: share.certificate(what, "the prior's volume"),
        share,
        kept: emulator.keep(&queries, &answers)?,
    })
}

/// Asks where the error may be largest; answers all that was asked, and which were the worst of their
/// surroundings.
fn search(
    context: &Context,
    emulator: &Emulator<'_>,
    budget: usize,
) -> Result<(Vec<Looked>, Vec<usize>), Failure> {
    let mechanism = &context.study.mechanisms[0];
    let emulation = wanted(context)?;
    let coordinates = Coordinates::new(mechanism);
    let query = |point: &[f64]| -> Vec<f64> {
        let score = |u: &f64| Family::Normal.quantile(&[0.0, 1.0], u.clamp(EDGE, 1.0 - EDGE));
        let scores: Vec<f64> = point.iter().map(score).collect();
        let columns = coordinates.to_parameters(&scores);
        emulation.given.iter().map(|&p| columns[p][0]).collect()
    };
    let accepted = |query: &[f64]| -> Option<Opinion> {
        let queries = Points::new(query.len(), query.to_vec()).ok()?;
        let places = emulator.solver.prior().places(&queries);
        let opinion = emulator.cascade.opinions(&queries, &places).pop()?.ok()?;
        let accepts = emulator.cascade.acceptance.accepts(opinion.estimate);
        accepts.then_some(opinion)
    };
    let mut looked: Vec<Looked> = Vec::new();
    let mut stopped: Option<Failure> = None;
    let search = Search {
        dimension: coordinates.dimension(),
        budget,
        threshold: 1.0,
        seed: context.seed_for("search for the worst points"),
    };
    let found = search.run(
        |point| accepted(&query(point)).map_or(0.0, |own| own.estimate),
        |point| {
            if stopped.is_some() {
                return 0.0;
            }
            let query = query(point);
            let opinion = accepted(&query);
            // What the solver answers is not in error.
            let solved = match opinion {
                None => Ok(Vec::new()),
                Some(_) => {
                    let one = Points::new(query.len(), query.clone()).map_err(|e| failed(&e));
                    match one.and_then(|one| emulator.solver.solve(&one)) {
                        Ok(mut all) => all.pop().unwrap_or(Ok(Vec::new())),
                        Err(failure) => {
                            stopped = Some(failure);
                            return 0.0;
                        }
                    }
                }
            };
            let one = Looked {
                query,
                opinion,
                solved,
            };
            let error = one.error(&emulator.cascade);
            looked.push(one);
            error
        },
    );
    match stopped {
        Some(failure) => Err(failure),
        None => Ok((looked, found.worst)),
    }
}

/// The share of the prior where the emulator answers and is wrong, by draws whose seed is a hash of it.
fn share(
    context: &Context,
    population: &Population<'_>,
    emulator: &Emulator<'_>,
    draws: usize,
) -> Result<Share, Failure> {
    let cascade = &emulator.cascade;
    let wrong = |error: &dyn std::fmt::Display| Failure::damaged(error, "emulate anew");
    let mut bytes = serde_json::to_vec(&cascade.acceptance).map_err(|e| wrong(&e))?;
    bytes.extend(serde_json::to_vec(&cascade.surrogate).map_err(|e| wrong(&e))?);
    let digest = seal::weights_digest(&bytes);
    let pool = Pool {
        name: "holes",
        seed: context.seed_for(&format!("holes of {digest:?}")),
        queries: draws,
    };
    let prior = emulator.solver.prior();
    let (pool, _) = known::pool(context, population, prior, wanted(context)?, pool)?;
    let opinions = cascade.opinions(&pool.queries, &pool.placed());
    let is_bad = |row: usize, own: &Opinion| {
        cascade.acceptance.accepts(own.estimate)
            && (pool.failures[row].is_some()
                || cascade.error(&own.values, pool.answers.row(row)) > 1.0)
    };
    let bad = opinions.iter().enumerate();
    let bad = bad.filter(|(row, own)| own.as_ref().is_ok_and(|own| is_bad(*row, own)));
    Ok(Share::new(bad.count(), pool.len(), ERROR_RATE))
}
