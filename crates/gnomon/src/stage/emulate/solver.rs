//! The solver that is emulated: queries -> its answers, or why it has none.

use std::time::Instant;

use gnomon_emulate::ledger::Speed;
use gnomon_emulate::prior::Prior;
use gnomon_emulate::{EmulateError, Points};
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::model::{Law, OdeSolver};
use gnomon_mechanism::study::Emulation;
use gnomon_simulate::{Compiled, derived, draw_parameters, simulate_at};

use crate::failure::Failure;
use crate::interrupt;

/// What a solver makes of a query: a number for each output, or the reason of a failure.
pub type Solved = Result<Vec<f64>, String>;

/// Queries between two looks at the interrupt flag.
const AT_ONCE: usize = 10_000;
/// The same where a program is asked.
const AT_ONCE_OF_PROGRAM: usize = 500;
/// Seconds that a batch is timed for, unless one pass takes longer.
const TIMED: f64 = 0.3;
/// Passes at most.
const PASSES: usize = 10;

/// A mechanism's solver, asked about what a study emulates.
pub struct Solver {
    mechanism: Mechanism,
    compiled: Compiled,
    prior: Prior,
    /// Where what is emulated lies among the observed columns.
    places: Vec<usize>,
    seed: u64,
}

impl Solver {
    /// The solver of a mechanism, for what is emulated of it.
    ///
    /// # Errors
    /// Where the mechanism cannot be run.
    pub fn new(mechanism: &Mechanism, emulation: &Emulation, seed: u64) -> Result<Self, Failure> {
        let mut mechanism = mechanism.clone();
        if let Law::Program(program) = &mut mechanism.dynamics.law {
            // A failure is one query's; the bank says when there are too many.
            program.most_failures = 1.0;
        }
        let compiled = Compiled::new(&mechanism).map_err(Failure::simulation)?;
        let own = compiled.observed_columns();
        let wanted = emulation.columns();
        let place = |name: &String| own.iter().position(|other| other == name);
        Ok(Self {
            places: wanted.iter().filter_map(place).collect(),
            prior: Prior::new(&mechanism, &emulation.given),
            mechanism,
            compiled,
            seed,
        })
    }

    /// Where queries lie in the prior.
    #[must_use]
    pub fn prior(&self) -> &Prior {
        &self.prior
    }

    /// Whether it is a program.
    #[must_use]
    pub fn is_program(&self) -> bool {
        matches!(self.mechanism.dynamics.law, Law::Program(_))
    }

    /// The tolerances of an ordinary differential equation's solver.
    #[must_use]
    pub fn tolerances(&self) -> Option<OdeSolver> {
        match &self.mechanism.dynamics.law {
            Law::Ode { solver, .. } => Some(*solver),
            _ => None,
        }
    }

    /// The same with tolerances so many times as large; `None` where it has none.
    ///
    /// # Errors
    /// Where the mechanism cannot be run.
    pub fn loosened(&self, times: f64) -> Result<Option<Self>, Failure> {
        let mut mechanism = self.mechanism.clone();
        let Law::Ode { solver, .. } = &mut mechanism.dynamics.law else {
            return Ok(None);
        };
        solver.relative *= times;
        solver.absolute *= times;
        Ok(Some(Self {
            compiled: Compiled::new(&mechanism).map_err(Failure::simulation)?,
            mechanism,
            prior: self.prior.clone(),
            places: self.places.clone(),
            seed: self.seed,
        }))
    }

    /// The same that gives programs another seed.
    ///
    /// # Errors
    /// Where the mechanism cannot be run.
    pub fn reseeded(&self) -> Result<Self, Failure> {
        Ok(Self {
            mechanism: self.mechanism.clone(),
            compiled: Compiled::new(&self.mechanism).map_err(Failure::simulation)?,
            prior: self.prior.clone(),
            places: self.places.clone(),
            seed: self.seed ^ 1,
        })
    }

    /// Answers queries, one a row.
    ///
    /// # Errors
    /// Where a program cannot be run, or work is interrupted.
    pub fn solve(&self, queries: &Points) -> Result<Vec<Solved>, Failure> {
        let mut all = Vec::with_capacity(queries.rows());
        let rows: Vec<usize> = (0..queries.rows()).collect();
        let at_once = match self.is_program() {
            true => AT_ONCE_OF_PROGRAM,
            false => AT_ONCE,
        };
        for rows in rows.chunks(at_once) {
            interrupt::check()?;
            let numbers: Vec<u64> = rows.iter().map(|&row| row as u64).collect();
            let parameters = self.parameters(queries, rows);
            let batch = simulate_at(&self.compiled, parameters, self.seed, &numbers)
                .map_err(Failure::simulation)?;
            for (row, failure) in batch.failures.into_iter().enumerate() {
                let values: Vec<f64> = self
                    .places
                    .iter()
                    .map(|&p| batch.observed[p][row])
                    .collect();
                all.push(match failure {
                    Some(failure) => Err(failure.to_string()),
                    None if values.iter().all(|value| value.is_finite()) => Ok(values),
                    None => Err("an entry of the answer is missing".into()),
                });
            }
        }
        Ok(all)
    }

    /// The mechanism's parameters of some queries: one column a parameter.
    fn parameters(&self, queries: &Points, rows: &[usize]) -> Vec<Vec<f64>> {
        let mut columns = vec![Vec::with_capacity(rows.len()); self.mechanism.parameters.len()];
        for &row in rows {
            let all = self.prior.parameters(queries.row(row));
            for (column, value) in columns.iter_mut().zip(all) {
                column.push(value);
            }
        }
        columns
    }

    /// `count` queries drawn from the prior, one a row.
    #[must_use]
    pub fn draws(&self, seed: u64, count: usize) -> Points {
        let numbers: Vec<u64> = (0..count as u64).collect();
        let columns = draw_parameters(&self.compiled, seed, &numbers);
        let given = self.prior.given();
        let mut draws = Points::zeros(count, given.len());
        for (column, &place) in given.iter().enumerate() {
            for (row, &value) in columns[place].iter().enumerate() {
                draws.row_mut(row)[column] = value;
            }
        }
        draws
    }

    /// Derived quantities of queries: one row a query, those at `places` among the mechanism's.
    ///
    /// # Errors
    /// Where the mechanism cannot be run.
    pub fn derived(&self, queries: &Points, places: &[usize]) -> Result<Vec<Vec<f64>>, Failure> {
        let rows: Vec<usize> = (0..queries.rows()).collect();
        let columns = derived(&self.compiled, &self.parameters(queries, &rows))
            .map_err(Failure::simulation)?;
        let row = |row: usize| places.iter().map(|&place| columns[place][row]).collect();
        Ok(rows.into_iter().map(row).collect())
    }

    /// How fast it answers: `queries` in batches, and the first `alone` of them one by one.
    ///
    /// # Errors
    /// As [`Solver::solve`].
    pub fn speed(&self, queries: &Points, alone: usize) -> Result<Speed, Failure> {
        speed(queries, alone, |queries| self.solve(queries).map(|_| ()))
    }
}

/// How fast something answers: `queries` in batches (the fastest of some passes), and the first `alone` of
/// them one by one (the median).
///
/// # Errors
/// As what answers.
pub fn speed(
    queries: &Points,
    alone: usize,
    mut answer: impl FnMut(&Points) -> Result<(), Failure>,
) -> Result<Speed, Failure> {
    let mut timed = |queries: &Points| -> Result<f64, Failure> {
        let began = Instant::now();
        answer(queries)?;
        Ok(began.elapsed().as_secs_f64())
    };
    let mut fastest = f64::INFINITY;
    let mut spent = 0.0;
    for _ in 0..PASSES {
        let seconds = timed(queries)?;
        fastest = fastest.min(seconds);
        spent += seconds;
        if spent > TIMED {
            break;
        }
    }
    let mut single = Vec::new();
    for row in 0..alone.min(queries.rows()) {
        single.push(timed(&queries.select(&[row]))?);
    }
    single.sort_unstable_by(f64::total_cmp);
    Ok(Speed {
        latency: single.get(single.len() / 2).copied().unwrap_or(f64::NAN),
        each: fastest / queries.rows().max(1) as f64,
    })
}

/// A failure of the emulator.
pub fn failed(error: &EmulateError) -> Failure {
    if *error == EmulateError::Interrupted {
        return Failure::Interrupted;
    }
    Failure::Learning {
        network: "the emulator".into(),
        reason: error.to_string(),
        help: "ask for more `[simulate] simulations`, or leave `families` out".into(),
    }
}
