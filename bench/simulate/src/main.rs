//! Times engines that are libraries of Rust: a JSON request a line -> parameter draws from a file
//! -> an engine -> seconds, and the states it found if they are asked for.

mod diffsol_engine;
mod gnomon_engine;
mod problem;
mod rebop_engine;

use std::error::Error;
use std::io::{BufRead, Write};

use problem::{Outcome, Problem, Tolerance};
use serde::Deserialize;

/// One timed run.
#[derive(Deserialize)]
struct Request {
    engine: String,
    work: String,
    /// Parameter draws, f64 little-endian, draw by draw.
    draws: String,
    /// The first draws are simulated.
    count: usize,
    #[serde(default)]
    relative: f64,
    #[serde(default)]
    absolute: f64,
    threads: usize,
    /// Where to write the states: draw, time, state, the last fastest.
    output: Option<String>,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut answers = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match run(&line?) {
            Ok(outcome) => serde_json::json!({
                "seconds": outcome.seconds,
                "failures": outcome.failures,
            }),
            Err(error) => serde_json::json!({ "error": error.to_string() }),
        };
        writeln!(answers, "{answer}")?;
        answers.flush()?;
    }
    Ok(())
}

fn run(line: &str) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
    let request: Request = serde_json::from_str(line)?;
    let problem = Problem::named(&request.work)?;
    let draws = problem.read_draws(request.draws.as_ref(), request.count)?;
    let tolerance = Tolerance {
        relative: request.relative,
        absolute: request.absolute,
    };
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(request.threads)
        .build()?;
    let outcome = threads.install(|| match request.engine.as_str() {
        "gnomon" => gnomon_engine::run(&problem, &draws, tolerance),
        "diffsol" => diffsol_engine::run(&problem, &draws, tolerance),
        "rebop macro" => rebop_engine::run_macro(&problem, &draws),
        "rebop function" => rebop_engine::run_function(&problem, &draws),
        other => Err(format!("no engine is called {other}").into()),
    })?;
    if let Some(path) = request.output {
        let bytes: Vec<u8> = outcome
            .states
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        std::fs::write(path, bytes)?;
    }
    Ok(outcome)
}
