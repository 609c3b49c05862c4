//! The cascade: the learned map answers where its error estimate allows, the solver answers the rest.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::accept::Acceptance;
use crate::domain::{Domain, Outside};
use crate::points::Points;
use crate::surrogate::Surrogate;

/// Queries that one thread answers together.
const AT_ONCE: usize = 256;

/// A learned map, where it may speak, and what is believed of it.
#[derive(Clone, Debug)]
pub struct Cascade {
    /// The learned map.
    pub surrogate: Surrogate,
    /// Where it may speak.
    pub domain: Domain,
    /// Which of its answers are accepted.
    pub acceptance: Acceptance,
    /// How far an answer may be from the solver's, one an output, in its unit; above 0.
    pub tolerances: Vec<f64>,
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The learned map.
    Emulator,
    /// The learned map, corrected by the mechanism's equations until they hold.
    Refined,
    /// The solver.
    Solver,
    /// Nobody: the query was refused, or the solver failed.
    Nobody,
}

impl Source {
    /// As answers name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Emulator => "emulator",
            Self::Refined => "refined",
            Self::Solver => "solver",
            Self::Nobody => "nobody",
        }
    }
}

/// Why the learned map did not answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reason {
    /// An input, by its column, is no finite number: nobody can answer.
    NoNumber(usize),
    /// Outside the prior's support.
    OutsidePrior,
    /// Outside the domain.
    Outside(Outside),
    /// The error estimate is so many times the tolerance.
    Estimate(f64),
    /// The learned map refuses the query.
    Refused(String),
    /// The equations were held against the answer.
    Swept(Sweeps),
}

/// How an answer was corrected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweeps {
    /// How many sweeps there were.
    pub count: usize,
    /// The residual after the last, in units of the solver's tolerance.
    pub residual: f64,
}

/// An answer that was corrected, or that could not be.
#[derive(Clone, Debug, PartialEq)]
pub struct Refined {
    /// How it went.
    pub sweeps: Sweeps,
    /// One number an output, and how far each may be from the solver's; none where it did not converge.
    pub values: Option<(Vec<f64>, Vec<f64>)>,
}

/// An answer to one query.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// One number an output; empty where nobody answered.
    pub values: Vec<f64>,
    /// How far each may be from the solver's, in its unit: 0 for the solver's own.
    pub estimates: Vec<f64>,
    /// Who answered.
    pub source: Source,
    /// Why it was not the learned map.
    pub reason: Option<Reason>,
    /// Why the solver failed.
    pub failure: Option<String>,
}

/// What the learned map says of a query, accepted or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Opinion {
    /// Its answer, one number an output.
    pub values: Vec<f64>,
    /// Its own spread, in tolerances: the largest over the outputs.
    pub spread: f64,
    /// How far each number may be from the solver's, in its unit.
    pub estimates: Vec<f64>,
    /// The same in tolerances: the largest over the outputs.
    pub estimate: f64,
}

impl Cascade {
    /// What the learned map says of each query (a row), whether or not that is accepted. `places` are where
    /// the prior has them, `None` outside its support.
    ///
    /// # Errors
    /// Each query's own: why the learned map says nothing.
    #[must_use]
    pub fn opinions(
        &self,
        queries: &Points,
        places: &[Option<Vec<f64>>],
    ) -> Vec<Result<Opinion, Reason>> {
        let rows: Vec<usize> = (0..queries.rows()).collect();
        let parts: Vec<Vec<Result<Opinion, Reason>>> = rows
            .par_chunks(AT_ONCE)
            .map(|rows| self.opinions_of(queries, places, rows))
            .collect();
        parts.into_iter().flatten().collect()
    }

    fn opinions_of(
        &self,
        queries: &Points,
        places: &[Option<Vec<f64>>],
        rows: &[usize],
    ) -> Vec<Result<Opinion, Reason>> {
        let inside = |&row: &usize| match queries.row(row).iter().position(|x| !x.is_finite()) {
            Some(column) => Err(Reason::NoNumber(column)),
            None => match &places[row] {
                None => Err(Reason::OutsidePrior),
                Some(place) => self.domain.check(place).map_err(Reason::Outside),
            },
        };
        let screened: Vec<Result<(), Reason>> = rows.iter().map(inside).collect();
        let passed: Vec<usize> = rows
            .iter()
            .zip(&screened)
            .filter(|(_, screened)| screened.is_ok())
            .map(|(&row, _)| row)
            .collect();
        let together = self.surrogate.predict(&queries.select(&passed));
        let mut next = 0;
        let each = rows.iter().zip(screened).map(|(&row, screened)| {
            screened?;
            let place = next;
            next += 1;
            match &together {
                Ok(all) => Ok(self.opinion(all.values.row(place), all.spread.row(place))),
                // One query that is refused refuses all: each is asked alone.
                Err(_) => match self.surrogate.predict(&queries.select(&[row])) {
                    Ok(one) => Ok(self.opinion(one.values.row(0), one.spread.row(0))),
                    Err(refusal) => Err(Reason::Refused(refusal.to_string())),
                },
            }
        });
        each.collect()
    }

    fn opinion(&self, values: &[f64], spreads: &[f64]) -> Opinion {
        let relative = |(spread, tolerance): (&f64, &f64)| spread / tolerance;
        let each = || spreads.iter().zip(&self.tolerances);
        let spread = each().map(relative).fold(0.0, f64::max);
        let estimate = |(spread, tolerance): (&f64, &f64)| {
            self.acceptance.estimate(spread / tolerance) * tolerance
        };
        Opinion {
            values: values.to_vec(),
            spread,
            estimates: each().map(estimate).collect(),
            estimate: self.acceptance.estimate(spread),
        }
    }

    /// Answers queries (a row each): the learned map where its estimate is accepted, else the solver, which
    /// is asked once about all rows that are left and gives an answer or the reason of a failure for each.
    ///
    /// # Errors
    /// As the solver, when it cannot run at all.
    pub fn answer<E>(
        &self,
        queries: &Points,
        places: &[Option<Vec<f64>>],
        solve: impl FnOnce(&[usize]) -> Result<Vec<Result<Vec<f64>, String>>, E>,
    ) -> Result<Vec<Answer>, E> {
        let opinions = self.opinions(queries, places).into_iter();
        fall_back(opinions.map(|opinion| self.judge(opinion)).collect(), solve)
    }

    /// As [`Cascade::answer`], but whatever the learned map says is refined, be its estimate accepted or
    /// not; what does not converge goes to the solver.
    ///
    /// # Errors
    /// As the solver, when it cannot run at all.
    pub fn refine<E>(
        &self,
        queries: &Points,
        places: &[Option<Vec<f64>>],
        refine: impl Fn(usize, &[f64]) -> Refined + Sync,
        solve: impl FnOnce(&[usize]) -> Result<Vec<Result<Vec<f64>, String>>, E>,
    ) -> Result<Vec<Answer>, E> {
        let opinions = self.opinions(queries, places).into_par_iter().enumerate();
        let answers = opinions.map(|(row, opinion)| {
            let Refined { sweeps, values } = match opinion {
                Err(reason) => return nobody(reason),
                Ok(own) => refine(row, &own.values),
            };
            match values {
                None => nobody(Reason::Swept(sweeps)),
                Some((values, estimates)) => Answer {
                    values,
                    estimates,
                    source: Source::Refined,
                    reason: Some(Reason::Swept(sweeps)),
                    failure: None,
                },
            }
        });
        fall_back(answers.collect(), solve)
    }

    fn judge(&self, opinion: Result<Opinion, Reason>) -> Answer {
        match opinion {
            Err(reason) => nobody(reason),
            Ok(own) if !self.acceptance.accepts(own.estimate) => {
                nobody(Reason::Estimate(own.estimate))
            }
            Ok(own) => Answer {
                values: own.values,
                estimates: own.estimates,
                source: Source::Emulator,
                reason: None,
                failure: None,
            },
        }
    }

    /// How far an answer is from the solver's, in tolerances: the largest over the outputs.
    #[must_use]
    pub fn error(&self, answer: &[f64], solved: &[f64]) -> f64 {
        error(answer, solved, &self.tolerances)
    }
}

fn nobody(reason: Reason) -> Answer {
    Answer {
        values: Vec::new(),
        estimates: Vec::new(),
        source: Source::Nobody,
        reason: Some(reason),
        failure: None,
    }
}

/// Asks the solver about what nobody has answered, but for queries that have no numbers.
fn fall_back<E>(
    mut answers: Vec<Answer>,
    solve: impl FnOnce(&[usize]) -> Result<Vec<Result<Vec<f64>, String>>, E>,
) -> Result<Vec<Answer>, E> {
    let is_left = |row: &usize| {
        let nobody = answers[*row].source == Source::Nobody;
        nobody && !matches!(answers[*row].reason, Some(Reason::NoNumber(_)))
    };
    let left: Vec<usize> = (0..answers.len()).filter(is_left).collect();
    if left.is_empty() {
        return Ok(answers);
    }
    for (&row, solved) in left.iter().zip(solve(&left)?) {
        match solved {
            Ok(values) => {
                answers[row].estimates = vec![0.0; values.len()];
                answers[row].values = values;
                answers[row].source = Source::Solver;
            }
            Err(failure) => answers[row].failure = Some(failure),
        }
    }
    Ok(answers)
}

/// How far numbers are from others, in tolerances: the largest; infinite where one is NaN.
#[must_use]
pub fn error(answer: &[f64], solved: &[f64], tolerances: &[f64]) -> f64 {
    let each = answer.iter().zip(solved).zip(tolerances);
    each.fold(0.0, |most: f64, ((a, b), tolerance)| {
        let error = (a - b).abs() / tolerance;
        match error.is_nan() {
            true => f64::INFINITY,
            false => most.max(error),
        }
    })
}
