//! What a recipe makes of a mechanism: the log-density of held-out parameters after training on so
//! many simulations.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use gnomon_learn::baseline::Baseline;
use gnomon_learn::coordinates::Coordinates;
use gnomon_learn::ensemble::Ensemble;
use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::Model;
use gnomon_learn::network::{Activation, Embedding, Head, Network, SplineFlow};
use gnomon_learn::standardise::{Field, Standardiser};
use gnomon_learn::train::{Control, Recipe, train};
use gnomon_mechanism::Mechanism;
use gnomon_simulate::{Compiled, simulate};
use serde::Deserialize;
use serde_json::{Value, json};

/// Simulations that judge.
const TEST: u64 = 20_000;

/// One mechanism, one budget, one recipe.
#[derive(Deserialize)]
pub struct Trial {
    /// The mechanism's file.
    mechanism: String,
    simulations: u64,
    seed: u64,
    #[serde(default)]
    recipe: Recipe,
    #[serde(default)]
    embedding: Option<Embedding>,
    #[serde(default)]
    flow: SplineFlow,
    /// For each member of the ensemble, whether it learns what a linear regression leaves.
    members: Vec<bool>,
}

/// Trains; answers the mean log-density of the test rows' scores above the prior's, in nats.
pub fn measure(trial: &Trial) -> Result<Value, Box<dyn Error>> {
    let mechanism = Mechanism::read(Path::new(&trial.mechanism))?;
    let compiled = Compiled::new(&mechanism)?;
    let coordinates = Coordinates::new(&mechanism);
    let numbers = |from: u64, count: u64| (from..from + count).collect::<Vec<_>>();
    let rows = |numbers: &[u64]| -> Result<(Vec<f64>, Matrix), Box<dyn Error>> {
        let batch = simulate(&compiled, trial.seed, numbers)?;
        let kept: Vec<usize> = (0..numbers.len())
            .filter(|&row| batch.failures[row].is_none())
            .collect();
        let pick = |column: &Vec<f64>| kept.iter().map(|&row| column[row]).collect();
        let parameters: Vec<Vec<f64>> = batch.parameters.iter().map(pick).collect();
        let columns: Vec<&[f64]> = parameters.iter().map(Vec::as_slice).collect();
        let own: Vec<u64> = kept.iter().map(|&row| numbers[row]).collect();
        let scores = coordinates.to_scores(&columns, trial.seed, &own);
        let targets = (0..own.len()).flat_map(|row| scores.iter().map(move |s| s[row] as f32));
        let observed = kept
            .iter()
            .flat_map(|&row| batch.observed.iter().map(move |column| column[row]));
        Ok((
            observed.collect(),
            Matrix::new(coordinates.dimension(), targets.collect()),
        ))
    };
    let (given, targets) = rows(&numbers(0, trial.simulations))?;
    let (test_given, test_targets) = rows(&numbers(1 << 40, TEST))?;
    let fields = mechanism
        .observed
        .iter()
        .map(|series| match series.times.len() {
            1 => Field::scalar(&series.name),
            length => Field::series(&series.name, 1, length, false),
        });
    let standardiser = Standardiser::fit(fields.collect(), &given)?;
    let given = standardiser.apply(&given)?;
    let network = Network {
        given: given.columns(),
        predict: coordinates.dimension(),
        embedding: trial
            .embedding
            .clone()
            .unwrap_or(Embedding::ResidualMlp {
                width: 128,
                blocks: 3,
                outputs: 32,
                activation: Activation::Relu,
            }),
        head: Head::Spline(trial.flow),
    };
    let began = Instant::now();
    let (mut members, mut best_epochs, mut steps) = (Vec::new(), Vec::new(), 0);
    for (member, &regressed) in trial.members.iter().enumerate() {
        let recipe = Recipe {
            seed: trial.seed * 100 + member as u64,
            ..trial.recipe.clone()
        };
        let baseline = match regressed {
            true => Baseline::fit(&given, &targets),
            false => None,
        };
        let examples = Examples {
            given: given.clone(),
            targets: Targets::Values(match &baseline {
                Some(baseline) => baseline.residuals(&given, &targets),
                None => targets.clone(),
            }),
        };
        let control = Control {
            threads: 1,
            ..Control::default()
        };
        let trained = train(&examples, &network, &recipe, control)?;
        best_epochs.push(trained.best_epoch);
        steps += trained.steps;
        members.push(Model::new(trained, recipe, None)?.on(baseline));
    }
    let seconds = began.elapsed().as_secs_f64();
    let judged = standardiser.apply(&test_given)?;
    let mean = |densities: Vec<f64>| {
        let prior: f64 = test_targets
            .values()
            .iter()
            .map(|&z| -0.5 * f64::from(z).powi(2) - 0.5 * std::f64::consts::TAU.ln())
            .sum();
        (densities.iter().sum::<f64>() - prior) / test_targets.rows() as f64
    };
    let alone = mean(members[0].log_density(&judged, &test_targets, 1)?);
    let ensemble = Ensemble::new(members)?;
    Ok(json!({
        "gain": mean(ensemble.log_density(&judged, &test_targets, 1)?),
        "gain_of_one": alone,
        "best_epochs": best_epochs,
        "steps": steps,
        "seconds": seconds,
    }))
}
