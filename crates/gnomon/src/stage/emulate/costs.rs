//! What an emulator costs beside the solver.

use gnomon_emulate::cascade::Cascade;
use gnomon_emulate::ledger::{Ledger, Paid, Speed};
use gnomon_mechanism::study::Emulation;

use super::certify::Judged;
use super::known::Known;
use super::measure::{Reference, Tolerances};
use super::shown;
use super::solver::{Solver, speed};
use crate::failure::Failure;

/// Queries by which speeds are told.
const TIMED: usize = 2_000;
/// Queries that are asked one by one.
const ALONE: usize = 21;
/// The same of a program.
const TIMED_OF_PROGRAM: usize = 100;
const ALONE_OF_PROGRAM: usize = 5;

/// What was paid once, but for what is known of the pools.
pub struct Costs {
    /// The bank.
    pub bank: Paid,
    /// Seconds.
    pub training: f64,
    /// Seconds.
    pub calibration: f64,
    /// Seconds.
    pub certification: f64,
}

/// The ledger, and how the solver at equal error was found, in words.
///
/// # Errors
/// Where the solver cannot be run, or the user interrupts.
#[allow(clippy::too_many_arguments)]
pub fn ledger(
    emulation: &Emulation,
    solver: &Solver,
    reference: Option<&Reference>,
    cascade: &Cascade,
    tolerances: &Tolerances,
    pool: &Known,
    judged: &[Judged],
    costs: Costs,
) -> Result<(Ledger, String), Failure> {
    let (timed, alone) = match solver.is_program() {
        true => (TIMED_OF_PROGRAM, ALONE_OF_PROGRAM),
        false => (TIMED, ALONE),
    };
    let rows: Vec<usize> = (0..pool.len().min(timed)).collect();
    let queries = pool.queries.select(&rows);
    let own = solver.speed(&queries, alone)?;
    let looser = match reference {
        Some(reference) => {
            reference.at_equal_error(solver, &tolerances.columns, emulation.level)?
        }
        None => None,
    };
    let (baseline, words) = match looser {
        Some((looser, times)) => {
            let relative = looser.tolerances().map_or(f64::NAN, |own| own.relative);
            // Looser tolerances need not be faster: the better of the two is the baseline.
            let loose = looser.speed(&queries, alone)?;
            let faster = Speed {
                latency: loose.latency.min(own.latency),
                each: loose.each.min(own.each),
            };
            (faster, shown::loosened(relative, times))
        }
        None => (own, shown::not_loosened(solver)),
    };
    let emulator = speed(&pool.queries, ALONE, |queries| {
        let places = solver.prior().places(queries);
        // What counts is the time.
        std::hint::black_box(cascade.opinions(queries, &places));
        Ok(())
    })?;
    let accepted = judged.iter().filter(|judged| judged.is_accepted).count();
    let paid = |what: &str, solves: usize, seconds: f64| Paid {
        what: what.into(),
        solves: solves as u64,
        seconds,
    };
    let ledger = Ledger {
        paid: vec![
            costs.bank,
            paid("training", 0, costs.training),
            paid("calibration", emulation.calibration, costs.calibration),
            paid("certification", emulation.queries, costs.certification),
        ],
        solver: own,
        baseline,
        emulator,
        fallbacks: 1.0 - accepted as f64 / judged.len().max(1) as f64,
    };
    Ok((ledger, words))
}
