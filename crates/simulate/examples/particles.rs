//! How fast a particle filter estimates likelihoods of a mechanism, and how noisy its estimates are.
//!
//! `cargo run --release -p gnomon-simulate --example particles FILE [points] [threads]` simulates a data
//! set at a draw of the prior, and prints one JSON line for each number of particles: the sd of the
//! estimate's logarithm at that draw, and particles x observed times a second.

use std::time::Instant;

use gnomon_mechanism::Mechanism;
use gnomon_simulate::{Compiled, draw_parameters, estimate_log_likelihood, simulate_at};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("which mechanism file?")?;
    let points: usize = arguments.next().map_or(Ok(200), |text| text.parse())?;
    let threads: usize = arguments.next().map_or(Ok(1), |text| text.parse())?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()?;
    let text = std::fs::read_to_string(&file)?;
    let mechanism = Mechanism::parse("mechanism", &text, ".")?;
    let compiled = Compiled::new(&mechanism)?;
    let parameters = draw_parameters(&compiled, 1, &[0]);
    let batch = simulate_at(&compiled, parameters.clone(), 1, &[0])?;
    let data: Vec<f64> = batch.observed.iter().map(|column| column[0]).collect();
    let times: Vec<f64> = mechanism
        .observed
        .iter()
        .flat_map(|series| series.times.iter().copied())
        .collect();
    let mut distinct = times;
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let numbers: Vec<u64> = (0..points as u64).collect();
    let columns: Vec<Vec<f64>> = parameters.iter().map(|p| vec![p[0]; points]).collect();
    for particles in [32, 128, 512, 2048] {
        let began = Instant::now();
        let logs = estimate_log_likelihood(&compiled, &columns, &data, particles, 1, &numbers)?;
        let seconds = began.elapsed().as_secs_f64();
        let mean = logs.iter().sum::<f64>() / points as f64;
        let squares: f64 = logs.iter().map(|log| (log - mean).powi(2)).sum();
        let sd = (squares / (points as f64 - 1.0)).sqrt();
        let rate = (particles * points * distinct.len()) as f64 / seconds;
        println!(
            "{{\"particles\": {particles}, \"threads\": {threads}, \"sd\": {sd:.3}, \
             \"particle_observations_per_second\": {rate:.0}}}"
        );
    }
    Ok(())
}
