//! What the mechanism conserves, along answers to fresh queries: the solver's, the learned map's as it
//! stands, and refined ones.

use gnomon_claim::{Assertion, Claim, Control, Family, Level, Subject};
use gnomon_emulate::Points;
use gnomon_emulate::conserved::Conserved;
use gnomon_emulate::surrogate::Surrogate;
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::study::{Emulation, Tolerance};
use gnomon_report::content;
use gnomon_report::draw::number::significant;
use rayon::prelude::*;

use super::certify::{Judged, Seen};
use super::known::Known;
use super::solver::{Solver, failed};
use super::sweeps::{Refiner, moment};
use crate::failure::Failure;

/// How far a quantity may drift where nothing else is said: a share of its spread.
const SHARE: f64 = 0.01;
/// Fresh queries that are refined.
const REFINED: usize = 4_000;
/// The solver's own drift must be this much smaller than what is tolerated.
const CLEARLY: f64 = 0.1;
/// Trajectories that are shown, and their times where the time is an input.
const SHOWN: usize = 4;
const TIMES: usize = 121;

/// The quantities that answers tell, with what they may drift.
pub struct Quantities<'a> {
    mechanism: &'a Mechanism,
    emulation: &'a Emulation,
    solver: &'a Solver,
    surrogate: &'a Surrogate,
    conserved: Conserved,
    tolerances: Vec<f64>,
    spreads: Vec<f64>,
}

/// What was found of them.
pub struct Drifts {
    /// What a user must know.
    pub notes: Vec<String>,
    /// For the claims.
    pub seen: Vec<Seen>,
    /// For the report.
    pub conserved: Vec<content::Conserved>,
    /// The same.
    pub trajectories: content::Trajectories,
}

impl<'a> Quantities<'a> {
    /// Those of a mechanism; their spread is over the bank's queries.
    pub fn new(
        mechanism: &'a Mechanism,
        emulation: &'a Emulation,
        solver: &'a Solver,
        surrogate: &'a Surrogate,
        bank: &Points,
    ) -> Self {
        let conserved = Conserved::new(mechanism, &emulation.predict);
        let (mut tolerances, mut spreads) = (Vec::new(), Vec::new());
        for (quantity, name) in conserved.names().enumerate() {
            let starts: Vec<f64> = bank
                .iter()
                .map(|query| conserved.at_start(quantity, &solver.prior().parameters(query)))
                .collect();
            let rows = starts.len().max(1) as f64;
            let mean = starts.iter().sum::<f64>() / rows;
            let squares = starts.iter().map(|value| (value - mean).powi(2));
            let spread = (squares.sum::<f64>() / rows).sqrt();
            let place = mechanism.conserved.iter().position(|own| own.name == name);
            let own = place.and_then(|place| emulation.drifts.get(place).copied().flatten());
            let share = match emulation.tolerance {
                Tolerance::OfSpread(share) => share,
                Tolerance::Absolute(_) => SHARE,
            };
            // What is the same for all queries is measured by its size, and nothing by 1.
            let unit = match (spread > 1e-13 * mean.abs(), mean == 0.0) {
                (true, _) => spread,
                (false, false) => mean.abs(),
                (false, true) => 1.0,
            };
            tolerances.push(own.unwrap_or(share * unit));
            spreads.push(spread);
        }
        Self {
            mechanism,
            emulation,
            solver,
            surrogate,
            conserved,
            tolerances,
            spreads,
        }
    }

    /// What a user must know of those that are not looked at.
    fn notes(&self) -> Vec<String> {
        let note = |(name, state): &(String, String)| {
            format!(
                "Whether {name} is conserved was not tested: its state {state} is not predicted."
            )
        };
        self.conserved.untold().iter().map(note).collect()
    }

    /// The claims: that the learned map's answers keep each quantity, and where there are any that refined
    /// ones do.
    pub fn claims(&self, is_refined: bool) -> Vec<Claim> {
        let names = self.conserved.names().enumerate();
        names
            .flat_map(|(quantity, name)| {
                let own = self.claim(quantity, name, Subject::Emulated);
                let refined = is_refined.then(|| self.claim(quantity, name, Subject::Refined));
                std::iter::once(own).chain(refined)
            })
            .collect()
    }

    fn claim(&self, quantity: usize, name: &str, subject: Subject) -> Claim {
        let (whose, suffix) = match subject {
            Subject::Refined => ("refined answers", ", refined"),
            _ => ("the learned map's answers", ""),
        };
        Claim {
            name: format!("{name} is conserved{suffix}"),
            statement: format!(
                "Along all but {} % of {whose}, {name} stays within {} of what it is at the start.",
                100.0 * self.emulation.level,
                significant(self.tolerances[quantity], 3)
            ),
            family: Family::Conservation,
            subject,
            level: Level::ThisNetwork,
            population: "fresh queries from the prior inside the domain".into(),
            statistic: format!("share of answers along which {name} drifts by more"),
            assertion: Assertion::ShareAtMost {
                threshold: 1.0,
                share: self.emulation.level,
            },
            error_rate: 1.0 - self.emulation.confidence,
            most_inputs: self.emulation.queries,
        }
    }

    /// Holds a pool's answers against the claims.
    ///
    /// # Errors
    /// Where the solver cannot be run.
    pub fn drifts(
        &self,
        refiner: Option<&Refiner<'_>>,
        pool: &Known,
        judged: &[Judged],
    ) -> Result<Drifts, Failure> {
        let prior = self.solver.prior();
        let mut drifts = Drifts {
            notes: self.notes(),
            seen: Vec::new(),
            conserved: Vec::new(),
            trajectories: content::Trajectories::default(),
        };
        if self.tolerances.is_empty() {
            return Ok(drifts);
        }
        let rows: Vec<usize> = pool
            .answered()
            .into_iter()
            .filter(|&row| judged[row].opinion.is_ok())
            .collect();
        let told = |row: usize| judged[row].opinion.as_ref().ok().map(|own| &own.values);
        let refined: Vec<(usize, Vec<f64>)> = match refiner {
            None => Vec::new(),
            Some(refiner) => rows
                .par_iter()
                .take(REFINED)
                .filter_map(|&row| {
                    let refined = refiner.refine(pool.queries.row(row), told(row)?);
                    Some((row, refined.values?.0))
                })
                .collect(),
        };
        for (quantity, name) in self.conserved.names().enumerate() {
            let drift = |row: usize, answer: &[f64]| {
                let parameters = prior.parameters(pool.queries.row(row));
                self.conserved.drift(quantity, &parameters, answer) / self.tolerances[quantity]
            };
            let own: Vec<f64> = rows
                .par_iter()
                .filter_map(|&row| Some(drift(row, told(row)?)))
                .collect();
            let solved: Vec<f64> = rows
                .par_iter()
                .map(|&row| drift(row, pool.answers.row(row)))
                .collect();
            // Answers as accurate as the map's, whose errors know nothing of the law.
            let next = rows.iter().cycle().skip(1);
            let exchanged: Vec<f64> = rows
                .iter()
                .zip(next)
                .filter_map(|(&row, &other)| {
                    let errors = told(other)?.iter().zip(pool.answers.row(other));
                    let exact = pool.answers.row(row).iter();
                    let answer: Vec<f64> = exact.zip(errors).map(|(y, (a, b))| y + a - b).collect();
                    Some(drift(row, &answer))
                })
                .collect();
            let of_refined: Vec<f64> = refined
                .par_iter()
                .map(|(row, answer)| drift(*row, answer))
                .collect();
            let control = self.control(&solved);
            let mut shown = content::Conserved {
                name: name.to_owned(),
                tolerance: self.tolerances[quantity],
                spread: self.spreads[quantity],
                drifts: vec![
                    in_numbers("the solver", &solved),
                    in_numbers("the learned map as it stands", &own),
                    in_numbers(
                        "the solver with errors of the map at other queries",
                        &exchanged,
                    ),
                ],
            };
            let claim = self.claim(quantity, name, Subject::Emulated);
            drifts.seen.push((claim, own, vec![control.clone()]));
            if refiner.is_some() {
                shown
                    .drifts
                    .push(in_numbers("the learned map, refined", &of_refined));
                let claim = self.claim(quantity, name, Subject::Refined);
                drifts.seen.push((claim, of_refined, vec![control]));
            }
            drifts.conserved.push(shown);
        }
        drifts.trajectories = self.trajectories(refiner, pool, judged)?;
        Ok(drifts)
    }

    /// The solver itself must conserve what its answers are held against.
    fn control(&self, solved: &[f64]) -> Control {
        let beyond = share(solved, CLEARLY);
        Control {
            name: "the solver's own answers".into(),
            expected: format!(
                "at most {} % drift by more than a tenth of the tolerance",
                100.0 * self.emulation.level
            ),
            observed: format!(
                "{} % drift by more than a tenth of the tolerance",
                significant(100.0 * beyond, 2)
            ),
            behaved: beyond <= self.emulation.level,
            planted: false,
        }
    }

    /// Some trajectories of the first quantity, from its smallest values to its largest.
    fn trajectories(
        &self,
        refiner: Option<&Refiner<'_>>,
        pool: &Known,
        judged: &[Judged],
    ) -> Result<content::Trajectories, Failure> {
        let mut shown = content::Trajectories::default();
        let (names, rows) = self.conserved.states(0);
        let rows: Vec<(f64, Vec<usize>)> = rows.collect();
        shown.states = names.into_iter().take(2).map(str::to_owned).collect();
        let moment = moment(self.mechanism, self.emulation);
        if moment.is_none() && rows.len() < 2 {
            return Ok(shown);
        }
        let start = |row: usize| {
            let parameters = self.solver.prior().parameters(pool.queries.row(row));
            self.conserved.at_start(0, &parameters)
        };
        let mut inside: Vec<usize> = pool.answered();
        inside.retain(|&row| judged[row].opinion.is_ok());
        inside.truncate(100);
        inside.sort_by(|&a, &b| start(a).total_cmp(&start(b)));
        let places = (0..SHOWN).map(|k| (2 * k + 1) * inside.len() / (2 * SHOWN));
        for row in places.filter_map(|place| inside.get(place)) {
            let query = pool.queries.row(*row);
            let (times, queries) = match moment {
                None => (
                    rows.iter().map(|(time, _)| *time).collect(),
                    pool.queries.select(&[*row]),
                ),
                Some((column, from)) => {
                    let longest = pool.queries.column(column).fold(from, f64::max);
                    let share = |k: usize| k as f64 / (TIMES - 1) as f64;
                    let times = (0..TIMES).map(|k| share(k) * (longest - from) + from);
                    let times: Vec<f64> = times.collect();
                    let mut queries = Points::zeros(TIMES, query.len());
                    for (row, time) in times.iter().enumerate() {
                        queries.row_mut(row).copy_from_slice(query);
                        queries.row_mut(row)[column] = *time;
                    }
                    (times, queries)
                }
            };
            shown
                .each
                .push(self.trajectory(refiner, times, &queries, &rows)?);
        }
        Ok(shown)
    }

    fn trajectory(
        &self,
        refiner: Option<&Refiner<'_>>,
        times: Vec<f64>,
        queries: &Points,
        rows: &[(f64, Vec<usize>)],
    ) -> Result<content::Trajectory, Failure> {
        let along = |answers: &[Option<Vec<f64>>]| {
            let mut path = content::Path::default();
            for (query, answer) in queries.iter().zip(answers) {
                let parameters = self.solver.prior().parameters(query);
                let start = self.conserved.at_start(0, &parameters);
                let own = answer
                    .as_ref()
                    .map(|a| self.conserved.along(0, &parameters, a));
                for (k, (_, outputs)) in rows.iter().enumerate() {
                    let state = |place: usize| match (answer, outputs.get(place)) {
                        (Some(answer), Some(&output)) => answer[output],
                        _ => f64::NAN,
                    };
                    path.x.push(state(0));
                    path.y.push(state(1));
                    let value = own.as_ref().map_or(f64::NAN, |own| own[k]);
                    path.drift.push((value - start) / self.tolerances[0]);
                }
            }
            path
        };
        let solved = self.solver.solve(queries)?.into_iter();
        let solved: Vec<Option<Vec<f64>>> = solved.map(Result::ok).collect();
        let predicted = self.surrogate.predict(queries).map_err(|e| failed(&e))?;
        let told = predicted.values.iter().map(|row| Some(row.to_vec()));
        let told: Vec<Option<Vec<f64>>> = told.collect();
        let mut shown = content::Trajectory {
            times,
            solver: along(&solved),
            emulator: along(&told),
            ..content::Trajectory::default()
        };
        if let Some(refiner) = refiner {
            let both = queries.iter().zip(predicted.values.iter());
            let refined: Vec<Option<Vec<f64>>> = both
                .map(|(query, values)| Some(refiner.refine(query, values).values?.0))
                .collect();
            shown.refined = along(&refined);
        }
        Ok(shown)
    }
}

/// Drifts in tolerances, summed up.
fn in_numbers(who: &str, drifts: &[f64]) -> content::Drift {
    let mut sorted = drifts.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |level: f64| {
        let place = (level * sorted.len() as f64).ceil().max(1.0) as usize - 1;
        sorted.get(place).copied().unwrap_or(f64::NAN)
    };
    content::Drift {
        who: who.into(),
        queries: drifts.len() as u64,
        middle: at(0.5),
        high: at(0.99),
        beyond: share(drifts, 1.0),
    }
}

/// The share of drifts above a threshold.
fn share(drifts: &[f64], threshold: f64) -> f64 {
    let above = drifts.iter().filter(|drift| **drift > threshold).count();
    above as f64 / drifts.len().max(1) as f64
}
