//! The held-out log-density of a flow, trained on a file of simulations.

use std::error::Error;
use std::time::Instant;

use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::Model;
use gnomon_learn::standardise::{Field, Standardiser};
use gnomon_learn::train::{Control, Recipe, train};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::steps::flow;

/// One training and its test.
#[derive(Deserialize)]
pub struct Quality {
    /// Simulations, f64 little-endian: a row is the parameters, then what was observed.
    data: String,
    /// The first rows are trained on, the others test.
    train: usize,
    epochs: usize,
    seed: u64,
    threads: usize,
}

/// Trains with the default recipe; answers the mean log-density of the test rows' parameters, in
/// the parameters' own units.
pub fn measure(request: &Quality) -> Result<Value, Box<dyn Error>> {
    let network = flow();
    let (columns, given) = (network.predict + network.given, network.given);
    let bytes = std::fs::read(&request.data)?;
    let numbers: Vec<f64> = bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|&number| f64::from_le_bytes(number))
        .collect();
    if numbers.len() / columns <= request.train {
        return Err(format!("{}: no rows to test on", request.data).into());
    }
    let observed: Vec<f64> = numbers
        .chunks_exact(columns)
        .flat_map(|row| &row[network.predict..])
        .copied()
        .collect();
    let (for_training, for_test) = observed.split_at(request.train * given);
    let fields = (1..=given)
        .map(|x| Field::scalar(&format!("x_{x}")))
        .collect();
    let standardiser = Standardiser::fit(fields, for_training)?;
    let parameters = |column: usize| numbers.iter().skip(column).step_by(columns);
    let scales: Vec<(f64, f64)> = (0..network.predict)
        .map(|column| mean_and_sd(parameters(column).take(request.train).copied()))
        .collect();
    let standardised: Vec<f32> = numbers
        .chunks_exact(columns)
        .flat_map(|row| row.iter().zip(&scales))
        .map(|(x, (mean, sd))| ((x - mean) / sd) as f32)
        .collect();
    let (train_targets, test_targets) = standardised.split_at(request.train * network.predict);

    let examples = Examples {
        given: standardiser.apply(for_training)?,
        targets: Targets::Values(Matrix::new(network.predict, train_targets.to_vec())),
    };
    let recipe = Recipe {
        seed: request.seed,
        epochs: request.epochs,
        patience: request.epochs,
        ..Recipe::default()
    };
    let learning_rate = recipe.learning_rate;
    let control = Control {
        threads: request.threads,
        ..Control::default()
    };
    let start = Instant::now();
    let trained = train(&examples, &network, &recipe, control)?;
    let seconds = start.elapsed().as_secs_f64();
    let (steps, weights) = (trained.steps, trained.weights.len());
    let model = Model::new(trained, recipe, None)?;
    let targets = Matrix::new(network.predict, test_targets.to_vec());
    let densities = model.log_density(&standardiser.apply(for_test)?, &targets, request.threads)?;
    let log_slope: f64 = scales.iter().map(|(_, sd)| sd.ln()).sum();
    let mean = densities.iter().sum::<f64>() / densities.len() as f64 - log_slope;
    Ok(json!({
        "log_density": mean,
        "steps": steps,
        "parameters": weights,
        "seconds": seconds,
        "learning_rate": learning_rate,
    }))
}

fn mean_and_sd(numbers: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = numbers.clone().count() as f64;
    let mean = numbers.clone().sum::<f64>() / count;
    let square = numbers.map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    (mean, square.sqrt())
}
