//! Draws per second from a density of W3's network.

use std::error::Error;
use std::time::Instant;

use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::Model;
use gnomon_learn::train::{Control, Recipe, train};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::steps::flow;

/// Draws for each of some observations.
#[derive(Deserialize)]
pub struct Draws {
    threads: usize,
    observations: usize,
    /// For each observation.
    draws: usize,
}

/// Draws until `SECONDS` are over; answers seconds and draws.
pub fn measure(request: &Draws) -> Result<Value, Box<dyn Error>> {
    const SECONDS: f64 = 2.0;
    let network = flow();
    let rows = 2000;
    // A few steps: enough that no weight is what it was at the start.
    let numbers = |columns: usize| -> Vec<f32> {
        (0..rows * columns).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect()
    };
    let examples = Examples {
        given: Matrix::new(network.given, numbers(network.given)),
        targets: Targets::Values(Matrix::new(network.predict, numbers(network.predict))),
    };
    let recipe = Recipe { epochs: 2, ..Recipe::default() };
    let trained = train(&examples, &network, &recipe, Control::default())?;
    let model = Model::new(trained, recipe, None)?;
    let given = Matrix::new(
        network.given,
        examples.given.values()[..request.observations * network.given].to_vec(),
    );
    let draw = |seed: u64| model.draw(&given, request.draws, seed, 0, request.threads);
    draw(0)?;
    let (mut drawn, start) = (0, Instant::now());
    while start.elapsed().as_secs_f64() < SECONDS {
        drawn += draw(drawn as u64)?.rows();
    }
    Ok(json!({ "seconds": start.elapsed().as_secs_f64(), "steps": drawn }))
}
