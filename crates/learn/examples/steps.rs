//! Training steps per second of three workloads, end to end through `train`, and draws per second
//! of the flow: one JSON line each.
//!
//! `cargo run --release -p gnomon-learn --example steps -- --threads 2 [--seconds 2]`

use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::Model;
use gnomon_learn::network::{Activation, Embedding, Head, Network, SplineFlow};
use gnomon_learn::train::{Control, Progress, Recipe, train};
use gnomon_mechanism::random::{Purpose, Stream};
use std::error::Error;
use std::time::Instant;

struct Work {
    name: &'static str,
    network: Network,
    batch: usize,
    batches: usize,
}

fn workloads() -> Vec<Work> {
    let mlp = |widths: &[usize], activation| Embedding::Mlp {
        widths: widths.to_vec(),
        activation,
    };
    let network = |given, predict, embedding, head| Network {
        given,
        predict,
        embedding,
        head,
    };
    let flow = SplineFlow::default();
    vec![
        Work {
            name: "W1",
            network: network(3, 2, mlp(&[16, 32, 32, 16], Activation::Tanh), Head::Mean),
            batch: 256,
            batches: 100,
        },
        Work {
            name: "W2",
            network: network(10, 10, mlp(&[256, 256, 256], Activation::Relu), Head::Mean),
            batch: 1024,
            batches: 10,
        },
        Work {
            name: "W3",
            network: network(8, 5, Embedding::Identity, Head::Spline(flow)),
            batch: 200,
            batches: 50,
        },
    ]
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

fn argument(name: &str, default: f64) -> f64 {
    let mut arguments = std::env::args().skip_while(|a| a != name).skip(1);
    arguments
        .next()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

fn main() -> Result<(), Box<dyn Error>> {
    let threads = argument("--threads", 1.0) as usize;
    let seconds = argument("--seconds", 2.0);
    let only = std::env::args().skip_while(|a| a != "--only").nth(1);
    for work in workloads() {
        if only.as_deref().is_some_and(|only| only != work.name) {
            continue;
        }
        let validation = 0.002;
        let rows = (work.batch * work.batches) as f64 / (1.0 - validation);
        let examples = examples(&work.network, rows.ceil() as usize + 1);
        let timed = |epochs: usize| -> Result<_, Box<dyn Error>> {
            let recipe = Recipe {
                batch: work.batch,
                epochs,
                patience: epochs,
                validation,
                clip_norm: None,
                ..Recipe::default()
            };
            let start = Instant::now();
            let (mut epoch, mut since, mut fastest) = (0, start, f64::INFINITY);
            let mut note = |p: &Progress| {
                if p.epoch > epoch {
                    fastest = fastest.min(since.elapsed().as_secs_f64());
                    (epoch, since) = (p.epoch, Instant::now());
                }
            };
            let control = Control {
                threads,
                progress: Some(&mut note),
                ..Control::default()
            };
            let trained = train(&examples, &work.network, &recipe, control)?;
            Ok((start.elapsed().as_secs_f64(), fastest, trained, recipe))
        };
        let (pilot, ..) = timed(1)?;
        let epochs = ((seconds / pilot) as usize).max(2);
        let (elapsed, fastest, trained, recipe) = timed(epochs)?;
        println!(
            "{{\"work\": \"{}\", \"threads\": {threads}, \"instruction_set\": \"{}\", \
             \"steps_per_second\": {:.1}, \"of_fastest_epoch\": {:.1}, \"steps\": {}, \"held_out_loss\": {:.4}}}",
            work.name,
            gnomon_learn::instruction_set(),
            trained.steps as f64 / elapsed,
            work.batches as f64 / fastest,
            trained.steps,
            trained.best_loss,
        );
        if let Head::Spline(_) = work.network.head {
            let model = Model::new(trained, recipe, None)?;
            let given = Matrix::zeros(1, work.network.given);
            let draws = 400_000;
            let start = Instant::now();
            let drawn = model.draw(&given, draws, 1, 0, threads)?;
            println!(
                "{{\"work\": \"draws\", \"threads\": {threads}, \"draws_per_second\": {:.0}}}",
                drawn.rows() as f64 / start.elapsed().as_secs_f64(),
            );
        }
    }
    Ok(())
}
