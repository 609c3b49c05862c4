//! Simulations per second of a mechanism file.
//!
//! `cargo run --release -p gnomon-simulate --example rate FILE [simulations] [threads]`

use std::time::Instant;

use gnomon_mechanism::Mechanism;
use gnomon_simulate::{Compiled, simulate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("which mechanism file?")?;
    let simulations: u64 = arguments.next().map_or(Ok(2_000), |text| text.parse())?;
    let threads: usize = arguments.next().map_or(Ok(1), |text| text.parse())?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()?;
    let start = Instant::now();
    let mechanism = Mechanism::read(&file)?;
    let read = start.elapsed().as_secs_f64();
    let compiled = Compiled::new(&mechanism)?;
    let compile = start.elapsed().as_secs_f64() - read;
    let numbers: Vec<u64> = (0..simulations).collect();
    let start = Instant::now();
    let batch = simulate(&compiled, 1, &numbers)?;
    let seconds = start.elapsed().as_secs_f64();
    let failed = batch.failures.iter().flatten().count();
    println!(
        "read {read:.3} s, compiled {compile:.3} s, {simulations} simulations ({failed} failed) in {seconds:.3} s: \
         {:.1} per second on {threads} threads",
        simulations as f64 / seconds
    );
    Ok(())
}
