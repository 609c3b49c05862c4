//! Sweeps over a trajectory that is wrong by a share, beside the solver alone: error, time, order.
//!
//! `cargo run --release -p gnomon-emulate --example sweeps -- MECHANISM.toml SHARE TOLERANCE PARAMETER ...`

use std::time::Instant;

use gnomon_emulate::sweep::{Control, Told, order, sweep};
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::model::Law;
use gnomon_simulate::{Compiled, VectorField, solve};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text = std::fs::read_to_string(&arguments[0])?;
    let mut mechanism = Mechanism::parse("mechanism", &text, ".")?;
    let numbers: Vec<f64> = arguments[1..]
        .iter()
        .map(|a| a.parse())
        .collect::<Result<_, _>>()?;
    let (share, tolerance, parameters) = (numbers[0], numbers[1], &numbers[2..]);
    let columns: Vec<Vec<f64>> = parameters.iter().map(|&p| vec![p]).collect();
    let with = |mechanism: &mut Mechanism, relative: f64| {
        if let Law::Ode { solver, .. } = &mut mechanism.dynamics.law {
            (solver.relative, solver.absolute) = (relative, relative * 1e-3);
        }
    };
    with(&mut mechanism, 1e-12);
    let exact = solve(&Compiled::new(&mechanism)?, &columns, 1, &[0])?;
    let components = exact.states + exact.flows;
    // Relative to the largest size of each component.
    let largest = |c: usize| {
        let all = exact.values.iter().skip(c).step_by(components);
        all.fold(0.0, |most: f64, v| most.max(v.abs()))
    };
    let error = |values: &[f64]| {
        let pairs = values.iter().zip(&exact.values).enumerate();
        pairs
            .map(|(k, (a, b))| (a - b).abs() / largest(k % components))
            .fold(0.0, f64::max)
    };
    with(&mut mechanism, tolerance);
    let compiled = Compiled::new(&mechanism)?;
    let began = Instant::now();
    let repeats = 200;
    let mut alone = Vec::new();
    for _ in 0..repeats {
        alone = solve(&compiled, &columns, 1, &[0])?.values;
    }
    println!(
        "solver, one query   {:>9.1} us, error {:.1e}",
        micro(began, repeats),
        error(&alone)
    );
    let many: Vec<Vec<f64>> = parameters.iter().map(|&p| vec![p; 4096]).collect();
    let names: Vec<u64> = (0..4096).collect();
    let began = Instant::now();
    solve(&compiled, &many, 1, &names)?;
    println!("solver, many        {:>9.1} us a query", micro(began, 4096));
    let wrong = exact.values.iter().enumerate();
    let wrong: Vec<f64> = wrong
        .map(|(k, v)| v + share * largest(k % components) * (7.0 * k as f64).sin())
        .collect();
    let field = VectorField::new(&mechanism)?;
    let told = Told {
        times: &exact.times,
        components: &wrong,
    };
    let control = Control::of(&field);
    let began = Instant::now();
    for _ in 0..repeats {
        let mut at = field.at(parameters)?;
        sweep(&mut at, &field, told, &exact.times, &control, false)?;
    }
    println!("sweeps              {:>9.1} us", micro(began, repeats));
    let mut at = field.at(parameters)?;
    let swept = sweep(&mut at, &field, told, &exact.times, &control, true)?;
    let errors: Vec<f64> = swept.history.iter().map(|at| error(at.values())).collect();
    for (k, (sweep, error)) in swept.sweeps.iter().zip(&errors).enumerate() {
        let (elements, residual) = (sweep.elements, sweep.residual);
        println!("sweep {k}: error {error:.1e}, residual {residual:.1e}, {elements} elements");
    }
    println!(
        "converged: {}, order {:.2}",
        swept.converged,
        order(&errors).unwrap_or(f64::NAN)
    );
    Ok(())
}

fn micro(began: Instant, repeats: u32) -> f64 {
    began.elapsed().as_secs_f64() * 1e6 / f64::from(repeats)
}
