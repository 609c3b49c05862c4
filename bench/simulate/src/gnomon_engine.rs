//! Gnomon: the mechanism's file, read and compiled at run time, simulated in batches.

use std::error::Error;
use std::time::Instant;

use gnomon_mechanism::Mechanism;
use gnomon_mechanism::model::Law;
use gnomon_simulate::{Batch, Compiled, simulate_into};

use crate::problem::{Outcome, Problem, Tolerance};

/// Draws in a batch.
const BATCH: usize = 20_000;

/// Simulates every draw on the threads of the current pool, batch after batch. Reading and compiling
/// the mechanism is not timed, nor is the first batch's memory; laying the observed values out in
/// columns is.
pub fn run(
    problem: &Problem,
    draws: &[f64],
    tolerance: Tolerance,
) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
    let text = match problem.name {
        "sir" => include_str!("../mechanisms/sir.toml"),
        "lotka-volterra" => include_str!("../mechanisms/lotka-volterra.toml"),
        "robertson" => include_str!("../mechanisms/robertson.toml"),
        "sir-ssa" => include_str!("../mechanisms/sir-ssa.toml"),
        other => return Err(format!("there is no mechanism {other}").into()),
    };
    let mut mechanism = Mechanism::parse(problem.name, text, ".")?;
    if let Law::Ode { solver, .. } = &mut mechanism.dynamics.law {
        solver.relative = tolerance.relative;
        solver.absolute = tolerance.absolute;
    }
    let compiled = Compiled::new(&mechanism)?;
    let count = draws.len() / problem.parameters;
    let (width, entries) = (problem.initial.len(), problem.times.len());
    let mut states = vec![f64::NAN; count * problem.answer_len()];
    let (mut seconds, mut failures) = (0.0, 0);
    let mut batch = Batch::default();
    let mut first = 0;
    for (part, draws) in draws.chunks(BATCH * problem.parameters).enumerate() {
        let rows = draws.len() / problem.parameters;
        let simulations: Vec<u64> = (first..first + rows as u64).collect();
        first += rows as u64;
        let column = |p| {
            draws
                .chunks_exact(problem.parameters)
                .map(|d| d[p])
                .collect()
        };
        batch.parameters = (0..problem.parameters).map(column).collect();
        if part == 0 {
            simulate_into(&compiled, &mut batch, 1, &simulations)?;
        }
        let start = Instant::now();
        simulate_into(&compiled, &mut batch, 1, &simulations)?;
        seconds += start.elapsed().as_secs_f64();
        failures += batch.failures.iter().flatten().count();
        let to = &mut states[part * BATCH * problem.answer_len()..];
        for (place, column) in batch.observed.iter().enumerate() {
            let (state, entry) = (place / entries, place % entries);
            for (row, &value) in column.iter().enumerate() {
                to[(row * entries + entry) * width + state] = value;
            }
        }
    }
    Ok(Outcome {
        seconds,
        failures,
        states,
    })
}
