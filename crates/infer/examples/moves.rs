//! What gradients are worth: tempering from the prior to the posterior of simulated data, with them
//! and without.
//!
//! `cargo run --release -p gnomon-infer --example moves -- MECHANISM...`

use std::path::Path;
use std::time::Instant;

use gnomon_infer::refine::start::Start;
use gnomon_infer::refine::tempering::{Gradient, Islands, Target, temper};
use gnomon_learn::coordinates::Coordinates;
use gnomon_mechanism::Mechanism;
use gnomon_simulate::{Compiled, LikelihoodGradient, SimulateError, log_likelihood, simulate};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    println!(
        "| mechanism | parameters | moves | likelihoods | gradients | each costs | ln evidence | seconds |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for file in std::env::args().skip(1) {
        compare(Path::new(&file))?;
    }
    Ok(())
}

fn compare(file: &Path) -> Result<(), Failure> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let text = std::fs::read_to_string(file)?;
    let mechanism = Mechanism::parse(&name, &text, file.parent().unwrap_or(Path::new(".")))?;
    let compiled = Compiled::new(&mechanism)?;
    let gradient = LikelihoodGradient::new(&mechanism)?;
    let data = simulate(&compiled, 7, &[0])?.observed.concat();
    let coordinates = Coordinates::new(&mechanism);
    let d = coordinates.dimension();
    let prior = |z: &[f64]| {
        -0.5 * z
            .iter()
            .map(|z| z * z + std::f64::consts::TAU.ln())
            .sum::<f64>()
    };
    for steered in [false, true] {
        let mut log_density = |points: &[f64]| -> Result<Vec<f64>, SimulateError> {
            let log = log_likelihood(&compiled, &coordinates.to_parameters(points), &data)?;
            let both = points.chunks_exact(d).zip(log);
            Ok(both.map(|(z, log)| prior(z) + log).collect())
        };
        let mut at = |points: &[f64]| -> Result<Vec<f64>, SimulateError> {
            let parameters = coordinates.to_parameters(points);
            let by = gradient.at(&parameters, &data)?;
            let by = coordinates.gradient(points, &parameters, &by);
            Ok(by.iter().zip(points).map(|(slope, z)| slope - z).collect())
        };
        let cost = gradient.cost();
        let target = Target {
            log_density: &mut log_density,
            gradient: steered.then_some(Gradient { at: &mut at, cost }),
        };
        let islands = Islands {
            count: 8,
            particles: 1000,
        };
        let began = Instant::now();
        let found = temper(&Start::prior(d), islands, 1, target)?;
        let seconds = began.elapsed().as_secs_f64();
        let moves = if steered {
            "by gradients, too"
        } else {
            "along differences"
        };
        match found {
            None => println!("| {name} | {d} | {moves} | | | | no end | {seconds:.1} |"),
            Some(found) => println!(
                "| {name} | {d} | {moves} | {} | {} | {cost:.1} | {:.2} ± {:.2} | {seconds:.1} |",
                found.evaluations.iter().map(|own| own[0]).sum::<u64>(),
                found.evaluations.iter().map(|own| own[1]).sum::<u64>(),
                found.log_evidence,
                found.log_evidence_error,
            ),
        }
    }
    Ok(())
}
