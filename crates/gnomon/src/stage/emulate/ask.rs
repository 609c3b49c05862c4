//! Queries answered by the cascade: the learned map where it may, else the solver, whose answers are kept.

use std::path::Path;
use std::time::Instant;

use gnomon_emulate::Points;
use gnomon_emulate::cascade::{Answer, Cascade, Reason, Source};
use gnomon_emulate::domain::Outside;
use gnomon_emulate::surrogate::Surrogate;
use rayon::prelude::*;

use super::kept::{self, Kept};
use super::solver::{Solver, failed};
use super::sweeps::Refiner;
use super::{CASCADE, FOLDER, Saved, names, of, wanted};
use crate::context::Context;
use crate::failure::Failure;
use gnomon_report::draw::number::significant;

/// Queries that are answered, and kept, between two looks at the interrupt flag.
const AT_ONCE: usize = 20_000;

/// An emulator that is ready to answer.
pub struct Emulator<'a> {
    pub(super) context: &'a Context,
    pub(super) cascade: Cascade,
    pub(super) solver: Solver,
    /// Columns of given parameters, then of what is emulated.
    names: Vec<String>,
    /// As saved.
    refined_within: Option<f64>,
}

/// What is asked for beside answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct With {
    /// Exact derivatives of what the emulator answers.
    pub slopes: bool,
    /// Answers corrected by the mechanism's equations until these hold.
    pub refinement: bool,
}

/// Answers, and what they took.
pub struct Answered {
    /// One a query.
    pub answers: Vec<Answer>,
    /// Derived quantities, a row a query.
    pub derived: Vec<Vec<f64>>,
    /// Exact derivatives of what the emulator answered, outputs x given, where they were asked for.
    pub slopes: Vec<Option<Points>>,
    /// Seconds for all of it.
    pub seconds: f64,
    /// Seconds of that in the solver.
    pub solver_seconds: f64,
    /// Solves that are new among those that are kept.
    pub kept: usize,
    /// Seconds that each took: its share of the learned map's time, and of the solver's where that was asked.
    pub costs: Vec<f64>,
}

impl<'a> Emulator<'a> {
    /// The emulator that was learned last.
    ///
    /// # Errors
    /// Where there is none, it is damaged, or the study has changed since.
    pub fn load(context: &'a Context) -> Result<Self, Failure> {
        let emulation = wanted(context)?;
        let study = context.path.display();
        let again = format!("`gnomon emulate {study}` makes it");
        let Some(saved) = context.read_result::<Saved>(CASCADE) else {
            return Err(Failure::damaged(
                "there is no emulator of this study yet",
                again,
            ));
        };
        if saved.of != of(context, emulation) {
            return Err(Failure::damaged(
                "the emulator is of another study, or of an earlier version of this one",
                again,
            ));
        }
        let surrogate = Surrogate::load(&context.results().join(FOLDER))
            .map_err(|error| Failure::damaged(error, again))?;
        Ok(Self {
            context,
            cascade: Cascade {
                surrogate,
                domain: saved.domain,
                acceptance: saved.acceptance,
                tolerances: saved.tolerances,
            },
            solver: Solver::new(&context.study.mechanisms[0], emulation, context.seed)?,
            names: names(context, emulation),
            refined_within: saved.refined_within,
        })
    }

    /// `count` draws from the prior, one a row.
    #[must_use]
    pub fn draws(&self, count: usize) -> Points {
        let seed = self.context.seed_for("average");
        self.solver.draws(seed, count)
    }

    /// Names of what a query gives.
    #[must_use]
    pub fn given(&self) -> &[String] {
        &self.names[..self.names.len() - self.cascade.tolerances.len()]
    }

    /// Names of what is emulated.
    #[must_use]
    pub fn outputs(&self) -> &[String] {
        &self.names[self.given().len()..]
    }

    /// Queries of a `.csv`, `.parquet` or `.npz` file, one a row, with the given parameters as columns;
    /// NaN where a number is missing.
    ///
    /// # Errors
    /// Where it cannot be read, or lacks a column.
    pub fn read(&self, file: &Path) -> Result<Points, Failure> {
        let names = self.given();
        let columns = gnomon_bank::import::columns(file, names).map_err(|error| match error {
            gnomon_bank::BankError::Import { file, problem } => Failure::refused(
                format!("{} holds no queries: {problem}", file.display()),
                format!("one query a row, with the columns {}", names.join(", ")),
            ),
            other => other.into(),
        })?;
        let rows = columns.first().map_or(0, Vec::len);
        if rows == 0 {
            return Err(Failure::refused(
                format!("{} has no rows", file.display()),
                "one query a row",
            ));
        }
        let values = (0..rows).flat_map(|row| columns.iter().map(move |column| column[row]));
        Points::new(names.len(), values.collect()).map_err(|e| failed(&e))
    }

    /// Answers queries. What the solver answered inside the prior is kept for the next learning.
    ///
    /// # Errors
    /// Where the solver cannot be run, the disk refuses, or the user interrupts: what was solved is kept.
    pub fn answer(&self, queries: &Points, with: With) -> Result<Answered, Failure> {
        let began = Instant::now();
        let mechanism = &self.context.study.mechanisms[0];
        let (emulation, surrogate) = (wanted(self.context)?, &self.cascade.surrogate);
        let refiner = match with.refinement {
            false => None,
            true => Some(Refiner::new(mechanism, emulation, &self.solver, surrogate).map(|refiner| refiner.within(self.refined_within)).map_err(|why| {
                Failure::refused(
                    format!("answers of this study cannot be refined: {why}"),
                    "predict every state at the same times, each as a series of its own such as x = \"x\"",
                )
            })?),
        };
        let mut all = Answered {
            answers: Vec::with_capacity(queries.rows()),
            derived: Vec::new(),
            slopes: Vec::new(),
            seconds: 0.0,
            solver_seconds: 0.0,
            kept: 0,
            costs: Vec::with_capacity(queries.rows()),
        };
        let rows: Vec<usize> = (0..queries.rows()).collect();
        for rows in rows.chunks(AT_ONCE) {
            crate::interrupt::check()?;
            self.answer_some(&queries.select(rows), refiner.as_ref(), &mut all)?;
        }
        all.derived = self.solver.derived(queries, &emulation.derived)?;
        let slope = |(query, answer): (&[f64], &Answer)| match (with.slopes, answer.source) {
            (true, Source::Emulator) => self.cascade.surrogate.slopes(query).ok(),
            _ => None,
        };
        let both: Vec<(&[f64], &Answer)> = queries.iter().zip(&all.answers).collect();
        all.slopes = both.into_par_iter().map(slope).collect();
        all.seconds = began.elapsed().as_secs_f64();
        Ok(all)
    }

    fn answer_some(
        &self,
        queries: &Points,
        refiner: Option<&Refiner<'_>>,
        all: &mut Answered,
    ) -> Result<(), Failure> {
        let all_began = Instant::now();
        let places = self.solver.prior().places(queries);
        let mut seconds = 0.0;
        let mut asked = vec![false; queries.rows()];
        let solve = |rows: &[usize]| {
            let began = Instant::now();
            let solved = self.solver.solve(&queries.select(rows));
            seconds = began.elapsed().as_secs_f64();
            rows.iter().for_each(|&row| asked[row] = true);
            solved
        };
        let answers = match refiner {
            None => self.cascade.answer(queries, &places, solve)?,
            Some(refiner) => {
                let refine = |row: usize, values: &[f64]| refiner.refine(queries.row(row), values);
                self.cascade.refine(queries, &places, refine, solve)?
            }
        };
        let others = all_began.elapsed().as_secs_f64() - seconds;
        let of_map = others / queries.rows() as f64;
        let of_solver = seconds / asked.iter().filter(|asked| **asked).count().max(1) as f64;
        let cost = |asked: &bool| of_map + if *asked { of_solver } else { 0.0 };
        all.costs.extend(asked.iter().map(cost));
        let from_solver = answers.iter().enumerate();
        let from_solver = from_solver.filter(|(_, answer)| answer.source == Source::Solver);
        let mut solved = Points::zeros(0, self.outputs().len());
        let mut rows = Vec::new();
        for (row, answer) in from_solver {
            rows.push(row);
            solved.push(&answer.values).map_err(|e| failed(&e))?;
        }
        all.kept += self.keep(&queries.select(&rows), &solved)?;
        all.solver_seconds += seconds;
        all.answers.extend(answers);
        Ok(())
    }

    /// Keeps solves inside the prior for the next learning; how many were new.
    pub(super) fn keep(&self, queries: &Points, answers: &Points) -> Result<usize, Failure> {
        let mut kept = Kept::none(self.given().len(), self.outputs().len());
        for (query, answer) in queries.iter().zip(answers.iter()) {
            if self.solver.prior().place(query).is_some() {
                kept.queries.push(query).map_err(|e| failed(&e))?;
                kept.answers.push(answer).map_err(|e| failed(&e))?;
            }
        }
        kept::add(self.context, &self.names, &kept)
    }

    /// Why the emulator did not answer, in words; empty where it did.
    #[must_use]
    pub fn reason(&self, answer: &Answer) -> String {
        let name = |column: usize| self.given()[column].as_str();
        let why = match &answer.reason {
            None => return String::new(),
            Some(Reason::NoNumber(column)) => format!("{} is no finite number", name(*column)),
            Some(Reason::OutsidePrior) => "outside the prior's support".into(),
            Some(Reason::Outside(Outside::Box(column))) => {
                format!("{} is beyond all simulations of the bank", name(*column))
            }
            Some(Reason::Outside(Outside::Far)) => "far from all simulations of the bank".into(),
            Some(Reason::Outside(Outside::Failed)) => {
                "the nearest simulation of the bank failed".into()
            }
            Some(Reason::Estimate(estimate)) if estimate.is_finite() => {
                let accepted = match self.cascade.acceptance.threshold() {
                    Some(threshold) => format!("{} is accepted", significant(threshold, 2)),
                    None => "nothing is accepted".into(),
                };
                format!(
                    "error estimate {} of the tolerance; {accepted}",
                    significant(*estimate, 2)
                )
            }
            Some(Reason::Estimate(_)) => "no error estimate".into(),
            Some(Reason::Refused(why)) => why.clone(),
            Some(Reason::Swept(sweeps)) => format!(
                "{} sweeps; residual {} of the solver's tolerance",
                sweeps.count,
                significant(sweeps.residual, 2)
            ),
        };
        match &answer.failure {
            None => why,
            Some(failure) => format!("{why}; the solver failed: {failure}"),
        }
    }
}
