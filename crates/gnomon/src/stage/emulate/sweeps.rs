//! Test-time convergence: the learned map's answers, corrected by the mechanism's equations sweep by sweep,
//! and held against the solver.

use gnomon_emulate::cascade::{Cascade, Refined, Sweeps};
use gnomon_emulate::surrogate::Surrogate;
use gnomon_emulate::sweep::{Corrected, NoSweeps, Sweeper, order};
use gnomon_emulate::{EmulateError, Points};
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::expression::{Input, Operation};
use gnomon_mechanism::study::Emulation;
use gnomon_report::content;
use rayon::prelude::*;

use super::known::Known;
use super::measure::TIGHTER;
use super::solver::{Solver, failed, speed};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;

/// Fresh queries that are swept for the report.
const QUERIES: usize = 200;
/// Queries that are swept one by one.
const ALONE: usize = 21;
/// Parts of the way to a time that is an input.
const ON_THE_WAY: usize = 16;

/// Corrects a learned map's answers by the equations of its mechanism.
pub struct Refiner<'a> {
    sweeper: Sweeper,
    solver: &'a Solver,
    surrogate: &'a Surrogate,
    /// Where the time is an input: its column, and the time of the initial values.
    moment: Option<(usize, f64)>,
    /// Refined answers are nearer to the solver's than so many of its own tolerances; NaN where nobody knows.
    within: f64,
}

impl<'a> Refiner<'a> {
    /// Sweeps for what a study emulates.
    ///
    /// # Errors
    /// Why there are none.
    pub fn new(
        mechanism: &Mechanism,
        emulation: &Emulation,
        solver: &'a Solver,
        surrogate: &'a Surrogate,
    ) -> Result<Self, NoSweeps> {
        Ok(Self {
            sweeper: Sweeper::new(mechanism, &emulation.predict)?,
            solver,
            surrogate,
            moment: moment(mechanism, emulation),
            within: f64::NAN,
        })
    }

    /// The same, with what is known of its answers' distance from the solver's.
    #[must_use]
    pub fn within(self, within: Option<f64>) -> Self {
        Self {
            within: within.unwrap_or(f64::NAN),
            ..self
        }
    }

    /// The solver's own tolerance at a value.
    fn allowed(&self, value: f64) -> f64 {
        let control = self.sweeper.control();
        value.abs().mul_add(control.relative, control.absolute)
    }

    /// Sweeps over one answer; `keep` is whether it is kept at every sweep.
    ///
    /// # Errors
    /// Where it is not finite.
    pub fn correct(
        &self,
        query: &[f64],
        values: &[f64],
        keep: bool,
    ) -> Result<Corrected, EmulateError> {
        let parameters = self.solver.prior().parameters(query);
        let earlier = self.earlier(query);
        self.sweeper
            .correct_from(&parameters, values, &earlier, keep)
    }

    /// Where the time is an input, the learned map tells the way to it, too.
    fn earlier(&self, query: &[f64]) -> Vec<(f64, Vec<f64>)> {
        let Some((column, start)) = self.moment else {
            return Vec::new();
        };
        let shares: Vec<f64> = (1..ON_THE_WAY)
            .map(|k| k as f64 / ON_THE_WAY as f64)
            .collect();
        let mut asked = Points::zeros(shares.len(), query.len());
        for (row, share) in shares.iter().enumerate() {
            let to = asked.row_mut(row);
            to.copy_from_slice(query);
            to[column] = share * (query[column] - start) + start;
        }
        let Ok(predicted) = self.surrogate.predict(&asked) else {
            return Vec::new();
        };
        let answers = predicted.values.iter().map(<[f64]>::to_vec);
        shares.into_iter().zip(answers).collect()
    }

    /// Corrects one answer; what cannot be swept, as it is not finite, has not converged.
    pub fn refine(&self, query: &[f64], values: &[f64]) -> Refined {
        let Ok(Corrected { values, swept, .. }) = self.correct(query, values, false) else {
            let sweeps = Sweeps {
                count: 0,
                residual: f64::INFINITY,
            };
            return Refined {
                sweeps,
                values: None,
            };
        };
        let estimates = values.iter().map(|y| self.within * self.allowed(*y));
        let estimates = estimates.collect();
        Refined {
            sweeps: Sweeps {
                count: swept.sweeps.len() - 1,
                residual: swept
                    .sweeps
                    .last()
                    .map_or(f64::INFINITY, |last| last.residual),
            },
            values: swept.converged.then_some((values, estimates)),
        }
    }
}

/// Where the time at which all is observed is given as it is: its column, and the time of the initial values.
pub fn moment(mechanism: &Mechanism, emulation: &Emulation) -> Option<(usize, f64)> {
    let moment = mechanism.dynamics.moment?;
    let Operation::Input(Input::Parameter(parameter)) = mechanism.graph.operation(moment.at) else {
        return None;
    };
    let column = emulation.given.iter().position(|&g| g == parameter)?;
    Some((column, moment.start))
}

/// How answers to fresh queries converge.
///
/// # Errors
/// Where the solver cannot be run.
pub fn measured(
    context: &Context,
    emulation: &Emulation,
    solver: &Solver,
    cascade: &Cascade,
    pool: &Known,
) -> Result<content::Sweeps, Failure> {
    let mechanism = &context.study.mechanisms[0];
    let refiner = match Refiner::new(mechanism, emulation, solver, &cascade.surrogate) {
        Ok(refiner) => refiner,
        Err(why) => {
            return Ok(content::Sweeps {
                refused: why.to_string(),
                ..content::Sweeps::default()
            });
        }
    };
    let rows: Vec<usize> = pool.answered().into_iter().take(QUERIES).collect();
    let queries = pool.queries.select(&rows);
    let places = solver.prior().places(&queries);
    let opinions = cascade.opinions(&queries, &places);
    interrupt::check()?;
    let Some(tight) = solver.loosened(TIGHTER)? else {
        return Ok(content::Sweeps::default());
    };
    let exact = tight.solve(&queries)?;
    let bar = context
        .progress
        .bar("correcting", "answers", rows.len() as u64);
    let corrected: Vec<(f64, Vec<f64>, bool, f64)> = (0..rows.len())
        .into_par_iter()
        .filter(|_| !interrupt::requested())
        .filter_map(|row| {
            bar.inc(1);
            let (opinion, exact) = (opinions[row].as_ref().ok()?, exact[row].as_ref().ok()?);
            let found = refiner
                .correct(queries.row(row), &opinion.values, true)
                .ok()?;
            let errors = found
                .history
                .iter()
                .map(|values| cascade.error(values, exact));
            let of_solver = pool.answers.row(rows[row]);
            let own = cascade.error(of_solver, exact);
            let apart = found.values.iter().zip(of_solver);
            let apart = apart.map(|(y, solved)| (y - solved).abs() / refiner.allowed(*y));
            let farthest = apart.fold(0.0, f64::max);
            Some((own, errors.collect(), found.swept.converged, farthest))
        })
        .collect();
    bar.finish_and_clear();
    interrupt::check()?;
    let most = corrected
        .iter()
        .map(|(_, errors, ..)| errors.len())
        .max()
        .unwrap_or(0);
    // Who has converged stays where it is.
    let at = |sweep: usize| -> Vec<f64> {
        let each = corrected.iter().filter(|(_, _, converged, _)| *converged);
        each.filter_map(|(_, errors, ..)| errors.get(sweep).or(errors.last()).copied())
            .collect()
    };
    let middle: Vec<f64> = (0..most).map(|sweep| quantile(at(sweep), 0.5)).collect();
    let of_solver = quantile(corrected.iter().map(|(own, ..)| *own).collect(), 0.5);
    // Below the solver's own error nothing is left to converge to.
    let settled = middle.iter().position(|error| *error <= of_solver);
    let falling = settled.map_or(most, |last| last + 1);
    let timed = queries.select(
        &(0..rows.len())
            .filter(|&row| opinions[row].is_ok())
            .collect::<Vec<_>>(),
    );
    let speed = speed(&timed, ALONE, |queries| {
        let predicted = cascade.surrogate.predict(queries).map_err(|e| failed(&e))?;
        let each = (0..queries.rows()).into_par_iter();
        let refined: Vec<Refined> = each
            .map(|row| refiner.refine(queries.row(row), predicted.values.row(row)))
            .collect();
        // What counts is the time.
        std::hint::black_box(refined);
        Ok(())
    })?;
    let solver_speed = solver.speed(&timed, ALONE)?;
    Ok(content::Sweeps {
        queries: corrected.len() as u64,
        converged: corrected
            .iter()
            .filter(|(_, _, converged, _)| *converged)
            .count() as u64,
        factor: conformal(
            corrected
                .iter()
                .filter(|(_, _, converged, _)| *converged)
                .map(|(.., farthest)| *farthest)
                .collect(),
        ),
        order: order(&middle[..falling]).unwrap_or(f64::NAN),
        worst: (0..most).map(|sweep| quantile(at(sweep), 1.0)).collect(),
        middle,
        solver: of_solver,
        latency: speed.latency,
        each: speed.each,
        solver_latency: solver_speed.latency,
        solver_each: solver_speed.each,
        refused: String::new(),
    })
}

/// What at least 95 % of further numbers like these are below (split conformal prediction); NaN of fewer than 19.
fn conformal(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    let rank = (0.95 * (numbers.len() + 1) as f64).ceil() as usize;
    numbers.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// A quantile of some numbers; NaN of none.
fn quantile(mut numbers: Vec<f64>, level: f64) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    let place = (level * numbers.len().saturating_sub(1) as f64).round() as usize;
    numbers.get(place).copied().unwrap_or(f64::NAN)
}
