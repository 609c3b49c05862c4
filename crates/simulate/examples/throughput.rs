//! Simulations per second, and the error they achieve against a tight run of this engine.
//!
//! `cargo run --release -p gnomon-simulate --example throughput [simulations] [threads]` prints one
//! JSON line for each problem and tolerance. The error of a row is the largest difference in any
//! state at any asked time, over the largest size of that state in the row; its median and 99th
//! percentile over rows are given.

#[path = "../tests/problems/mod.rs"]
mod problems;

use std::time::Instant;

use gnomon_mechanism::Mechanism;
use gnomon_mechanism::model::OdeMethod;
use gnomon_simulate::{Compiled, Trajectories, draw_parameters, solve};

/// A problem at given relative and absolute tolerances.
type Problem = (&'static str, fn(f64, f64) -> Mechanism, f64);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let simulations: u64 = arguments.next().map_or(Ok(40_000), |text| text.parse())?;
    let threads: usize = arguments.next().map_or(Ok(1), |text| text.parse())?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()?;
    let problems: [Problem; 3] = [
        ("sir", |r, a| problems::sir(OdeMethod::Auto, r, a), 1.0),
        (
            "lotka-volterra",
            |r, a| problems::lotka_volterra(OdeMethod::Auto, r, a),
            1.0,
        ),
        (
            "robertson",
            |r, a| problems::robertson(OdeMethod::Stiff, r, a, 0.5),
            1e-6,
        ),
    ];
    for (name, make, scale) in problems {
        let ids: Vec<u64> = (0..simulations).collect();
        let tight = Compiled::new(&make(1e-12, 1e-13 * scale))?;
        let checked = &ids[..ids.len().min(2000)];
        let parameters = draw_parameters(&tight, 1, &ids);
        let some: Vec<Vec<f64>> = parameters
            .iter()
            .map(|column| column[..checked.len()].to_vec())
            .collect();
        let reference = solve(&tight, &some, 1, checked)?;
        for exponent in 2..=9 {
            let tolerance = 10f64.powi(-exponent);
            let compiled = Compiled::new(&make(tolerance, tolerance * scale))?;
            let errors = errors(&solve(&compiled, &some, 1, checked)?, &reference);
            let mut best = f64::INFINITY;
            let mut failed = 0;
            for _ in 0..3 {
                let start = Instant::now();
                let all = solve(&compiled, &parameters, 1, &ids)?;
                best = best.min(start.elapsed().as_secs_f64());
                failed = all.failures.iter().flatten().count();
            }
            println!(
                "{{\"problem\": \"{name}\", \"tolerance\": {tolerance:e}, \"threads\": {threads}, \
                 \"per_second\": {:.0}, \"median_error\": {:.1e}, \"p99_error\": {:.1e}, \
                 \"failed\": {failed}}}",
                simulations as f64 / best,
                errors[errors.len() / 2],
                errors[errors.len() * 99 / 100],
            );
        }
    }
    jumps(threads)
}

/// Jumps per second of an epidemic of 1000 individuals, simulated exactly.
fn jumps(threads: usize) -> Result<(), Box<dyn std::error::Error>> {
    let times: Vec<f64> = (1..=20).map(|k| 10.0 * f64::from(k)).collect();
    let compiled = Compiled::new(&problems::sir_jumps(1000.0, 10.0, &times))?;
    let ids: Vec<u64> = (0..5000).collect();
    let parameters = draw_parameters(&compiled, 1, &ids);
    let (mut best, mut jumps) = (f64::INFINITY, 0.0);
    for _ in 0..3 {
        let start = Instant::now();
        let path = solve(&compiled, &parameters, 1, &ids)?;
        best = best.min(start.elapsed().as_secs_f64());
        // Who recovered was infected too; whoever is ill was infected.
        let last = (0..ids.len()).map(|row| path.at(row, times.len() - 1));
        jumps = last.map(|x| 2.0 * x[2] + x[1] - 10.0).sum();
    }
    println!(
        "{{\"problem\": \"sir-jumps\", \"threads\": {threads}, \"per_second\": {:.0}, \
         \"nanoseconds_per_jump\": {:.1}}}",
        ids.len() as f64 / best,
        best * 1e9 * threads as f64 / jumps,
    );
    Ok(())
}

/// Each row's error, sorted.
fn errors(run: &Trajectories, reference: &Trajectories) -> Vec<f64> {
    let mut errors: Vec<f64> = (0..run.failures.len())
        .filter(|&row| run.failures[row].is_none() && reference.failures[row].is_none())
        .map(|row| {
            (0..run.states)
                .map(|state| {
                    let (mut size, mut worst) = (0.0f64, 0.0f64);
                    for time in 0..run.times.len() {
                        let exact = reference.at(row, time)[state];
                        size = size.max(exact.abs());
                        worst = worst.max((run.at(row, time)[state] - exact).abs());
                    }
                    worst / size
                })
                .fold(0.0, f64::max)
        })
        .collect();
    errors.sort_by(f64::total_cmp);
    errors
}
