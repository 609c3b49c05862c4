//! Training steps per second of the three workloads, end to end through `train`: batches gathered
//! from shuffled rows, forward, backward, Adam, and the held-out loss after every epoch.

use std::error::Error;
use std::time::Instant;

use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::network::{Activation, Embedding, Head, Network, SplineFlow};
use gnomon_learn::train::{Control, Recipe, train};
use gnomon_mechanism::random::{Purpose, Stream};
use serde::Deserialize;
use serde_json::{Value, json};

/// One timed training.
#[derive(Deserialize)]
pub struct Steps {
    work: String,
    threads: usize,
    epochs: usize,
    /// Steps of an epoch.
    steps: usize,
    /// Share of rows held out.
    held_out: f64,
    /// Gradients with a larger norm are scaled down to it.
    clip: Option<f64>,
}

/// Trains once; answers seconds and steps.
pub fn measure(request: &Steps) -> Result<Value, Box<dyn Error>> {
    let (network, batch) = workload(&request.work)?;
    let rows = (batch * request.steps) as f64 / (1.0 - request.held_out);
    let examples = examples(&network, rows.round() as usize + 1);
    let recipe = Recipe {
        batch,
        epochs: request.epochs,
        patience: request.epochs,
        validation: request.held_out,
        clip_norm: request.clip,
        ..Recipe::default()
    };
    let control = Control {
        threads: request.threads,
        ..Control::default()
    };
    let start = Instant::now();
    let trained = train(&examples, &network, &recipe, control)?;
    Ok(json!({
        "seconds": start.elapsed().as_secs_f64(),
        "steps": trained.steps,
        "parameters": trained.weights.len(),
    }))
}

/// A network and its batch size.
fn workload(name: &str) -> Result<(Network, usize), Box<dyn Error>> {
    let mlp = |given, widths: &[usize], predict, activation| Network {
        given,
        predict,
        embedding: Embedding::Mlp {
            widths: widths.to_vec(),
            activation,
        },
        head: Head::Mean,
    };
    Ok(match name {
        "W1" => (mlp(3, &[16, 32, 32, 16], 2, Activation::Tanh), 256),
        "W2" => (mlp(10, &[256, 256, 256], 10, Activation::Relu), 1024),
        "W3" => (flow(), 200),
        other => return Err(format!("no workload is called {other}").into()),
    })
}

/// Five parameters given eight numbers: 5 transforms, 50 hidden, 2 residual blocks, 10 bins.
pub fn flow() -> Network {
    Network {
        given: 8,
        predict: 5,
        embedding: Embedding::Identity,
        head: Head::Spline(SplineFlow::default()),
    }
}

/// Given numbers are normal; targets are smooth functions of them with noise.
fn examples(network: &Network, rows: usize) -> Examples {
    let mut stream = Stream::new(1, Purpose::PARAMETERS, 0);
    let given: Vec<f32> = (0..rows * network.given)
        .map(|_| stream.normal() as f32)
        .collect();
    let mut targets = Vec::with_capacity(rows * network.predict);
    for row in given.chunks_exact(network.given) {
        for column in 0..network.predict {
            let x = row[column % row.len()] + 0.5 * row[(column + 1) % row.len()];
            targets.push(x.sin() + 0.3 * stream.normal() as f32);
        }
    }
    Examples {
        given: Matrix::new(network.given, given),
        targets: Targets::Values(Matrix::new(network.predict, targets)),
    }
}
