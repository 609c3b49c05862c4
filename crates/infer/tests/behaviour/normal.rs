//! A mechanism whose posterior is known, and networks trained on it.

use gnomon_infer::{Amortized, Networks};
use gnomon_learn::coordinates::Coordinates;
use gnomon_learn::ensemble::Ensemble;
use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::model::Model;
use gnomon_learn::network::{Embedding, Head, Network, SplineFlow};
use gnomon_learn::standardise::{Field, Standardiser};
use gnomon_learn::train::{Control, Recipe, train};
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::random::{Purpose, Stream};

const ROWS: usize = 20_000;

/// ln k is normal, and so is y given it: the posterior of ln k given y is normal with variance
/// 1 / (1 + 4) and mean 4 / 5 y.
pub const MECHANISM: &str = "[parameters]\nk = { prior = \"LogNormal(0, 1)\", unit = \"g\" }\n\n\
     [derived]\nsquare = \"k^2\"\n\n[observed]\ny = \"Normal(log(k), 0.5)\"\n";

/// ln of the density of a log-normal number.
pub fn log_normal_density(x: f64, mean: f64, variance: f64) -> f64 {
    let z = x.ln() - mean;
    -x.ln() - 0.5 * (2.0 * std::f64::consts::PI * variance).ln() - 0.5 * z * z / variance
}

/// Networks trained on simulations of it.
pub fn trained() -> (Mechanism, Amortized) {
    let mechanism = Mechanism::parse("k", MECHANISM, ".").unwrap();
    let mut stream = Stream::new(1, Purpose::PARAMETERS, 0);
    let k: Vec<f64> = (0..ROWS).map(|_| stream.normal().exp()).collect();
    let y: Vec<f64> = k.iter().map(|k| k.ln() + 0.5 * stream.normal()).collect();
    let amortized = learned(&mechanism, &["y"], &y, &[&k]);
    (mechanism, amortized)
}

/// Networks trained on simulations: observed numbers row by row, and one column a parameter.
pub fn learned(
    mechanism: &Mechanism,
    observed: &[&str],
    rows: &[f64],
    parameters: &[&[f64]],
) -> Amortized {
    let count = parameters[0].len();
    let fields = observed.iter().map(|name| Field::scalar(name)).collect();
    let standardiser = Standardiser::fit(fields, rows).unwrap();
    let numbers: Vec<u64> = (0..count as u64).collect();
    let scores = Coordinates::new(mechanism).to_scores(parameters, 1, &numbers);
    let examples = Examples {
        given: standardiser.apply(rows).unwrap(),
        targets: Targets::Values(gnomon_infer::amortized::rows_of(&scores)),
    };
    let network = Network {
        given: standardiser.outputs(),
        predict: parameters.len(),
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
        unseen: None,
        tilt: vec![1.0],
    };
    Amortized::new(std::slice::from_ref(mechanism), networks, 2).unwrap()
}
