//! rebop: exact stochastic simulation, in its macro form (compiled for the system) and its function
//! form (a system known at run time, as ours is).

use std::error::Error;
use std::time::Instant;

use rayon::prelude::*;
use rebop::define_system;
use rebop::gillespie::{Gillespie, Rate};

use crate::problem::{Outcome, Problem};

define_system! {
    infection_rate recovery_rate;
    Sir { S, I, R }
    infection : S + I => 2 I @ infection_rate
    recovery  : I     => R   @ recovery_rate
}

const POPULATION: f64 = 1000.0;

/// Simulates every draw with the system that the macro compiled.
pub fn run_macro(
    problem: &Problem,
    draws: &[f64],
) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
    run(problem, draws, |times, seed, beta, gamma, states| {
        let mut sir = Sir::with_parameters(beta / POPULATION, gamma);
        sir.seed(seed);
        (sir.S, sir.I, sir.R) = (990, 10, 0);
        for (&time, states) in times.iter().zip(states.chunks_exact_mut(3)) {
            sir.advance_until(time);
            states.copy_from_slice(&[sir.S as f64, sir.I as f64, sir.R as f64]);
        }
    })
}

/// Simulates every draw with reactions added at run time.
pub fn run_function(
    problem: &Problem,
    draws: &[f64],
) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
    run(problem, draws, |times, seed, beta, gamma, states| {
        let mut sir = Gillespie::new_with_seed([990, 10, 0], false, seed);
        sir.add_reaction(Rate::lma(beta / POPULATION, [1, 1, 0]), [-1, 1, 0]);
        sir.add_reaction(Rate::lma(gamma, [0, 1, 0]), [0, -1, 1]);
        for (&time, states) in times.iter().zip(states.chunks_exact_mut(3)) {
            sir.advance_until(time);
            for (species, value) in states.iter_mut().enumerate() {
                *value = sir.get_species(species) as f64;
            }
        }
    })
}

fn run(
    problem: &Problem,
    draws: &[f64],
    simulate: impl Fn(&[f64], u64, f64, f64, &mut [f64]) + Sync,
) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
    if problem.name != "sir-ssa" {
        return Err(format!("rebop does not run {}", problem.name).into());
    }
    let mut states = vec![0.0; draws.len() / problem.parameters * problem.answer_len()];
    let start = Instant::now();
    draws
        .par_chunks_exact(problem.parameters)
        .zip(states.par_chunks_exact_mut(problem.answer_len()))
        .enumerate()
        .for_each(|(simulation, (draw, states))| {
            simulate(&problem.times, simulation as u64, draw[0], draw[1], states);
        });
    Ok(Outcome {
        seconds: start.elapsed().as_secs_f64(),
        failures: 0,
        states,
    })
}
