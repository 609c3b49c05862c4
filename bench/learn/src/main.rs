//! Our side of the comparison of training engines: a JSON request a line -> steps per second of a
//! workload, draws per second, the held-out log-density of a flow trained on a file of
//! simulations, or of a recipe on a mechanism.

mod draws;
mod quality;
mod recipe;
mod steps;

use std::error::Error;
use std::io::{BufRead, Write};

use serde::Deserialize;

/// What is asked for.
#[derive(Deserialize)]
#[serde(tag = "task", rename_all = "lowercase")]
enum Request {
    /// Training steps per second.
    Steps(steps::Steps),
    /// Draws per second.
    Draws(draws::Draws),
    /// Held-out log-density after a number of epochs.
    Quality(quality::Quality),
    /// Held-out log-density of a mechanism's parameters.
    Recipe(Box<recipe::Trial>),
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut answers = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer =
            run(&line?).unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }));
        writeln!(answers, "{answer}")?;
        answers.flush()?;
    }
    Ok(())
}

fn run(line: &str) -> Result<serde_json::Value, Box<dyn Error>> {
    match serde_json::from_str(line)? {
        Request::Steps(request) => steps::measure(&request),
        Request::Draws(request) => draws::measure(&request),
        Request::Quality(request) => quality::measure(&request),
        Request::Recipe(request) => recipe::measure(&request),
    }
}
