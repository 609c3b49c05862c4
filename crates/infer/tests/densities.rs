//! The densities and draws of a trained network against an exact posterior.
#![allow(clippy::unwrap_used, clippy::panic)]

use gnomon_infer::{Amortized, Networks};
use gnomon_learn::coordinates::Coordinates;
use gnomon_learn::ensemble::Ensemble;
use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::Model;
use gnomon_learn::network::{Embedding, Head, Network, SplineFlow};
use gnomon_learn::standardise::{Field, Standardiser};
use gnomon_learn::train::{Control, Recipe, train};
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::random::{Purpose, Stream};

const ROWS: usize = 20_000;

/// ln k is normal, and so is y given it: the posterior of ln k given y is normal with variance
/// 1 / (1 + 4) and mean 4 / 5 y.
const MECHANISM: &str = "[parameters]\nk = { prior = \"LogNormal(0, 1)\", unit = \"g\" }\n\n\
     [derived]\nsquare = \"k^2\"\n\n[observed]\ny = \"Normal(log(k), 0.5)\"\n";

fn log_normal_density(x: f64, mean: f64, variance: f64) -> f64 {
    let z = x.ln() - mean;
    -x.ln() - 0.5 * (2.0 * std::f64::consts::PI * variance).ln() - 0.5 * z * z / variance
}

fn trained() -> (Mechanism, Amortized) {
    let mechanism = Mechanism::parse("k", MECHANISM, ".").unwrap();
    let mut stream = Stream::new(1, Purpose::PARAMETERS, 0);
    let k: Vec<f64> = (0..ROWS).map(|_| stream.normal().exp()).collect();
    let y: Vec<f64> = k.iter().map(|k| k.ln() + 0.5 * stream.normal()).collect();
    let standardiser = Standardiser::fit(vec![Field::scalar("y")], &y).unwrap();
    let numbers: Vec<u64> = (0..ROWS as u64).collect();
    let scores = Coordinates::new(&mechanism).to_scores(&[&k], 1, &numbers);
    let examples = Examples {
        given: standardiser.apply(&y).unwrap(),
        targets: Targets::Values(gnomon_infer::amortized::rows_of(&scores)),
    };
    let network = Network {
        given: standardiser.outputs(),
        predict: 1,
        embedding: Embedding::Identity,
        head: Head::Spline(SplineFlow {
            transforms: 2,
            hidden: 24,
            ..SplineFlow::default()
        }),
    };
    let recipe = Recipe {
        epochs: 15,
        averaging: 100,
        ..Recipe::default()
    };
    let trained = train(&examples, &network, &recipe, Control::default()).unwrap();
    let model = Model::new(trained, recipe, Some(standardiser.clone())).unwrap();
    let networks = Networks {
        standardiser,
        classes: None,
        densities: vec![Some(Ensemble::new(vec![model]).unwrap())],
        tilt: vec![1.0],
    };
    let amortized = Amortized::new(std::slice::from_ref(&mechanism), networks, 2).unwrap();
    (mechanism, amortized)
}

fn repeated(given: &Matrix, times: usize) -> Matrix {
    Matrix::new(given.columns(), given.row(0).repeat(times))
}

/// Densities integrate to 1 in the parameter's own units and are those of the exact posterior;
/// draws have its moments. Nothing is left to chance: seeds are fixed.
#[test]
fn densities_and_draws_are_those_of_the_posterior() {
    let (_, amortized) = trained();
    for y in [-1.0, 0.3, 1.5] {
        let given = amortized.standardise(&[y]).unwrap();
        let (mean, variance) = (0.8 * y, 0.2);
        // A grid that is even in ln k.
        let step = 0.01;
        let k: Vec<f64> = (-500..=500)
            .map(|i| (step * f64::from(i) + mean).exp())
            .collect();
        let log = amortized
            .log_density(0, &repeated(&given, k.len()), &[&k], 1)
            .unwrap();
        let total: f64 = log
            .iter()
            .zip(&k)
            .map(|(log, k)| log.exp() * k * step)
            .sum();
        assert!((total - 1.0).abs() < 1e-3, "given {y}: {total}");
        let divergence: f64 = log
            .iter()
            .zip(&k)
            .map(|(log, &k)| {
                let exact = log_normal_density(k, mean, variance);
                exact.exp() * (exact - log) * k * step
            })
            .sum();
        assert!(
            (-1e-3..0.01).contains(&divergence),
            "given {y}: {divergence} nats from the exact posterior"
        );
        let draws = amortized.draw(0, &given, 20_000, 1).unwrap();
        let logs: Vec<f64> = draws.parameters[0].iter().map(|k| k.ln()).collect();
        let found = logs.iter().sum::<f64>() / logs.len() as f64;
        assert!((found - mean).abs() < 0.05, "given {y}: {found}");
        for (square, k) in draws.derived[0].iter().zip(&draws.parameters[0]) {
            assert!((square - k * k).abs() <= 1e-12 * square);
        }
    }
}
