//! Test-time convergence: the learned map's answers, corrected by the mechanism's equations sweep by sweep,
//! and held against the solver.

use gnomon_emulate::cascade::{Cascade, Refined, Sweeps};
use gnomon_emulate::sweep::{Corrected, NoSweeps, Sweeper, order};
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::study::Emulation;
use gnomon_report::content;
use rayon::prelude::*;

use super::known::Known;
use super::measure::TIGHTER;
use super::solver::{Solver, failed, speed};
use crate::failure::Failure;
use crate::interrupt;

/// Fresh queries that are swept for the report.
const QUERIES: usize = 200;
/// Queries that are swept one by one.
const ALONE: usize = 21;

/// Sweeps for what a study emulates.
///
/// # Errors
/// Why there are none.
pub fn sweeper(mechanism: &Mechanism, emulation: &Emulation) -> Result<Sweeper, NoSweeps> {
    Sweeper::new(mechanism, &emulation.predict)
}

/// Corrects one answer; what cannot be swept, as it is not finite, has not converged.
pub fn refine(sweeper: &Sweeper, solver: &Solver, query: &[f64], values: &[f64]) -> Refined {
    let parameters = solver.prior().parameters(query);
    let Ok(Corrected { values, swept, .. }) = sweeper.correct(&parameters, values, false) else {
        let sweeps = Sweeps {
            count: 0,
            residual: f64::INFINITY,
        };
        return Refined {
            sweeps,
            values: None,
        };
    };
    let control = sweeper.control();
    let allowed = |y: &f64| y.abs().mul_add(control.relative, control.absolute);
    let estimates = values.iter().map(allowed).collect();
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

/// How answers to fresh queries converge.
///
/// # Errors
/// Where the solver cannot be run.
pub fn measured(
    mechanism: &Mechanism,
    emulation: &Emulation,
    solver: &Solver,
    cascade: &Cascade,
    pool: &Known,
) -> Result<content::Sweeps, Failure> {
    let sweeper = match sweeper(mechanism, emulation) {
        Ok(sweeper) => sweeper,
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
    let corrected: Vec<(f64, Vec<f64>, bool, f64)> = (0..rows.len())
        .into_par_iter()
        .filter_map(|row| {
            let (opinion, exact) = (opinions[row].as_ref().ok()?, exact[row].as_ref().ok()?);
            let parameters = solver.prior().parameters(queries.row(row));
            let found = sweeper.correct(&parameters, &opinion.values, true).ok()?;
            let errors = found
                .history
                .iter()
                .map(|values| cascade.error(values, exact));
            let own = cascade.error(pool.answers.row(rows[row]), exact);
            let last = found.swept.sweeps.last()?;
            Some((own, errors.collect(), found.swept.converged, last.residual))
        })
        .collect();
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
    let timed = queries.select(
        &(0..rows.len())
            .filter(|&row| opinions[row].is_ok())
            .collect::<Vec<_>>(),
    );
    let speed = speed(&timed, ALONE, |queries| {
        let predicted = cascade.surrogate.predict(queries).map_err(|e| failed(&e))?;
        let each = (0..queries.rows()).into_par_iter();
        let refined: Vec<Refined> = each
            .map(|row| {
                refine(
                    &sweeper,
                    solver,
                    queries.row(row),
                    predicted.values.row(row),
                )
            })
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
        order: order(&middle).unwrap_or(f64::NAN),
        worst: (0..most).map(|sweep| quantile(at(sweep), 1.0)).collect(),
        middle,
        solver: quantile(corrected.iter().map(|(own, ..)| *own).collect(), 0.5),
        latency: speed.latency,
        each: speed.each,
        solver_latency: solver_speed.latency,
        solver_each: solver_speed.each,
        refused: String::new(),
    })
}

/// A quantile of some numbers; NaN of none.
fn quantile(mut numbers: Vec<f64>, level: f64) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    let place = (level * numbers.len().saturating_sub(1) as f64).round() as usize;
    numbers.get(place).copied().unwrap_or(f64::NAN)
}
