//! Our side of the comparison of searches for resonances: a JSON request a line -> what was found.

mod calibration;
mod duffing;
mod problem;

use std::error::Error;
use std::io::{BufRead, Write};

use gnomon_emulate::EmulateError;
use gnomon_emulate::holes::resonances::{Scan, find};
use serde::Deserialize;
use serde_json::{Value, json};

/// What is asked for.
#[derive(Deserialize)]
#[serde(tag = "task", rename_all = "lowercase")]
enum Request {
    /// The poles of a response.
    Find {
        problem: problem::Problem,
        scan: Scan,
    },
    /// The folds of Duffing's oscillator in harmonic balance.
    Folds(duffing::Duffing),
    /// Certificates over random placements of a pole, or of a Gaussian.
    Calibrate(calibration::Placements),
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut answers = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = run(&line?).unwrap_or_else(|error| json!({ "error": error.to_string() }));
        writeln!(answers, "{answer}")?;
        answers.flush()?;
    }
    Ok(())
}

fn run(line: &str) -> Result<Value, Box<dyn Error>> {
    match serde_json::from_str(line)? {
        Request::Find { problem, scan } => {
            let solve = |points: &[f64]| -> Result<_, EmulateError> {
                Ok(points.iter().map(|&x| vec![problem.at(x)]).collect())
            };
            let found = find(solve, &scan)?;
            Ok(json!({
                "solves": found.solves(), "poles": found.poles, "doubtful": found.doubtful,
                "certificates": found.certificates, "because": found.because,
                "hideable": found.worst_hideable(0), "share": found.share,
            }))
        }
        Request::Folds(request) => duffing::measure(&request),
        Request::Calibrate(request) => calibration::measure(&request),
    }
}
