//! Means over many inputs: the emulator's own, put right by a few solves.

use std::time::Instant;

use gnomon_emulate::Points;
use gnomon_emulate::average::{Average, Pairs, average, coefficient};
use gnomon_mechanism::random::{Purpose, Stream};

use super::ask::Emulator;
use super::solver::failed;
use crate::failure::Failure;

/// Inputs that the emulator is asked between two looks at the interrupt flag.
const AT_ONCE: usize = 20_000;
/// The fewest solves: the weights and the variances are estimated from them.
pub const FEWEST_SOLVES: usize = 20;
/// One solve in so many belongs to the pilot, which settles the weights.
const PILOT: usize = 5;
/// The fewest of these.
const FEWEST_OF_PILOT: usize = 8;

/// The mean of each quantity.
pub struct Averaged {
    /// One a quantity.
    pub averages: Vec<Average>,
    /// Solves that settled the weights, and count in no average.
    pub pilot: usize,
    /// Solves that are new among those that are kept.
    pub kept: usize,
    /// Seconds for all of it.
    pub seconds: f64,
    /// Seconds of that in the solver.
    pub solver_seconds: f64,
}

impl Emulator<'_> {
    /// Means of what is emulated over the distribution that `inputs` are independent draws of, from `solves`
    /// of them, taken at random. They are kept for the next learning.
    ///
    /// # Errors
    /// Where there are too few solves or inputs, an input is no number or the learned map refuses it, the solver
    /// has no answer at one, the disk refuses, or the user interrupts.
    pub fn average(&self, inputs: &Points, solves: usize) -> Result<Averaged, Failure> {
        let began = Instant::now();
        if solves < FEWEST_SOLVES || inputs.rows() < solves + 2 {
            return Err(Failure::refused(
                format!(
                    "{solves} solves of {} inputs make no average",
                    inputs.rows()
                ),
                format!("at least {FEWEST_SOLVES} solves, and more inputs than these"),
            ));
        }
        let order = self.shuffled(inputs.rows());
        let emulated = self.emulated(inputs, &order)?;
        let asked = inputs.select(&order[..solves]);
        let before = Instant::now();
        let solved = self.solved(&asked)?;
        let solver_seconds = before.elapsed().as_secs_f64();
        let kept = self.keep(&asked, &solved)?;
        let pilot = (solves / PILOT).max(FEWEST_OF_PILOT);
        let further = (inputs.rows() - solves) as f64 / (solves - pilot) as f64;
        let mean = |column: usize| -> Result<Average, Failure> {
            let solver: Vec<f64> = solved.column(column).collect();
            let own: Vec<f64> = emulated.column(column).collect();
            let pairs = |from: usize, to: usize| Pairs {
                solver: &solver[from..to],
                emulator: &own[from..to],
            };
            let weight = coefficient(pairs(0, pilot), further).map_err(|e| failed(&e))?;
            let found = average(pairs(pilot, solves), &own[solves..], weight);
            let found = found.map_err(|e| failed(&e))?;
            // The pilot's solves would count in a mean of solves alone.
            let share = (solves - pilot) as f64 / solves as f64;
            Ok(Average {
                without: found.without * share.sqrt(),
                ..found
            })
        };
        Ok(Averaged {
            averages: (0..self.outputs().len())
                .map(mean)
                .collect::<Result<_, _>>()?,
            pilot,
            kept,
            seconds: began.elapsed().as_secs_f64(),
            solver_seconds,
        })
    }

    /// A file may be sorted: which rows are solved is left to chance.
    fn shuffled(&self, rows: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..rows).collect();
        let seed = self.context.seed_for("average");
        Stream::new(seed, Purpose::SHUFFLE, 0).shuffle(&mut order);
        order
    }

    fn emulated(&self, inputs: &Points, order: &[usize]) -> Result<Points, Failure> {
        let mut emulated = Points::zeros(0, self.outputs().len());
        for rows in order.chunks(AT_ONCE) {
            crate::interrupt::check()?;
            let predicted = self.cascade.surrogate.predict(&inputs.select(rows));
            let predicted = predicted.map_err(|error| {
                Failure::refused(
                    format!("the learned map has no answer to every input: {error}"),
                    "leave out inputs that it cannot answer, or ask without --average",
                )
            })?;
            for row in predicted.values.iter() {
                emulated.push(row).map_err(|e| failed(&e))?;
            }
        }
        Ok(emulated)
    }

    fn solved(&self, inputs: &Points) -> Result<Points, Failure> {
        let mut answers = Points::zeros(0, self.outputs().len());
        let mut failures = Vec::new();
        for solved in self.solver.solve(inputs)? {
            match solved {
                Ok(values) => answers.push(&values).map_err(|e| failed(&e))?,
                Err(reason) => failures.push(reason),
            }
        }
        match failures.first() {
            None => Ok(answers),
            Some(first) => Err(Failure::Simulation {
                message: format!(
                    "the solver has no answer at {} of {} inputs: {first}",
                    failures.len(),
                    inputs.rows()
                ),
                help: Some("a mean over such inputs does not exist; leave them out".into()),
            }),
        }
    }
}
