//! Embeddings of trials that can be exchanged: their order does not matter, their number does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::Model;
use gnomon_learn::network::{Activation, Channel, Embedding, Head, Network, SplineFlow, Tokens};
use gnomon_learn::standardise::{Field, Standardiser};
use gnomon_learn::train::{Control, Recipe, train};
use gnomon_mechanism::random::{Purpose, Stream};

const MOST: usize = 12;

/// mu ~ N(0, 1); from 1 to 12 trials N(mu, 1), at random places of 12; the others are missing.
fn trials(rows: usize, index: u64) -> (Vec<f64>, Vec<f32>) {
    let mut stream = Stream::new(61, Purpose::PARAMETERS, index);
    let (mut given, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let mu = stream.normal();
        let count = 1 + stream.below(MOST as u64) as usize;
        let mut row: Vec<f64> = (0..MOST)
            .map(|trial| {
                if trial < count {
                    mu + stream.normal()
                } else {
                    f64::NAN
                }
            })
            .collect();
        stream.shuffle(&mut row);
        given.extend(row);
        targets.push(mu as f32);
    }
    (given, targets)
}

/// ln p(mu | trials): normal with precision 1 + n.
fn exact(trials: &[f64], mu: f32) -> f64 {
    let seen = trials.iter().filter(|y| !y.is_nan());
    let (count, sum) = seen.fold((0.0, 0.0), |(n, sum), y| (n + 1.0, sum + y));
    let precision: f64 = 1.0 + count;
    let z = (f64::from(mu) - sum / precision) * precision.sqrt();
    0.5 * precision.ln() - 0.5 * z * z - 0.5 * std::f64::consts::TAU.ln()
}

fn standardiser() -> Standardiser {
    let fields = vec![Field::series("y", 1, MOST, true)];
    Standardiser::fit(fields, &trials(2000, 9).0).unwrap()
}

fn network(standardiser: &Standardiser, activation: Activation) -> Network {
    Network {
        given: standardiser.outputs(),
        predict: 1,
        embedding: Embedding::DeepSets {
            sets: standardiser.tokens(),
            trial: vec![16, 8],
            widths: vec![16, 8],
            activation,
        },
        head: Head::Spline(SplineFlow {
            transforms: 1,
            hidden: 16,
            blocks: 1,
            bins: 6,
            tail_bound: 5.0,
        }),
    }
}

fn model(rows: usize, recipe: &Recipe) -> (Standardiser, Model) {
    let standardiser = standardiser();
    let (given, targets) = trials(rows, 0);
    let examples = Examples {
        given: standardiser.apply(&given).unwrap(),
        targets: Targets::Values(Matrix::new(1, targets)),
    };
    let network = network(&standardiser, Activation::Relu);
    let control = Control {
        threads: 2,
        ..Control::default()
    };
    let trained = train(&examples, &network, recipe, control).unwrap();
    (
        standardiser,
        Model::new(trained, recipe.clone(), None).unwrap(),
    )
}

/// 4,000 fresh rows: the mean excess over the exact log-density has a standard error near 0.004.
/// The bound leaves the rest for the fit; seeds are fixed: false-alarm rate 0.
#[test]
fn a_normal_mean_is_recovered_from_any_number_of_trials() {
    let recipe = Recipe {
        epochs: 12,
        learning_rate: 4e-3,
        averaging: 100,
        ..Recipe::default()
    };
    let (standardiser, model) = model(15_000, &recipe);
    let (given, targets) = trials(4000, 1);
    let rows = standardiser.apply(&given).unwrap();
    let logs = model
        .log_density(&rows, &Matrix::new(1, targets.clone()), 2)
        .unwrap();
    let mut excess = [(0.0, 0); 2];
    for ((row, &mu), log) in given.chunks_exact(MOST).zip(&targets).zip(logs) {
        let many = row.iter().filter(|y| !y.is_nan()).count() > MOST / 2;
        let (sum, count) = &mut excess[usize::from(many)];
        *sum += exact(row, mu) - log;
        *count += 1;
    }
    for (sum, count) in excess {
        let mean = sum / f64::from(count);
        assert!(mean.abs() < 0.04, "{mean} nats worse than exact");
    }
}

/// Features, and so draws, are the same bits in any order of the trials, missing ones among them.
#[test]
fn the_order_of_trials_does_not_matter() {
    let recipe = Recipe {
        epochs: 1,
        ..Recipe::default()
    };
    let (standardiser, model) = model(1000, &recipe);
    let (given, _) = trials(40, 2);
    let mut shuffled = given.clone();
    let mut stream = Stream::new(62, Purpose::CLAIM, 0);
    shuffled
        .chunks_exact_mut(MOST)
        .for_each(|row| stream.shuffle(row));
    let of = |given: &[f64]| standardiser.apply(given).unwrap();
    let (one, other) = (of(&given), of(&shuffled));
    assert_ne!(one, other);
    let bits = |rows| -> Vec<u32> {
        let features = model.embed(rows, 1).unwrap();
        features.values().iter().map(|x| x.to_bits()).collect()
    };
    assert_eq!(bits(&one), bits(&other));
    assert_eq!(model.draw(&one, 5, 1, 0, 1), model.draw(&other, 5, 1, 0, 2));
    // One trial fewer is another answer.
    let seen = given[..MOST].iter().position(|y| !y.is_nan()).unwrap();
    let mut fewer = given.clone();
    fewer[seen] = f64::NAN;
    assert_ne!(bits(&one), bits(&of(&fewer)));
}

#[test]
fn sets_are_read_back_described_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe {
        epochs: 1,
        ..Recipe::default()
    };
    let (_, model) = model(300, &recipe);
    model.save(folder.path()).unwrap();
    let back = Model::load(folder.path()).unwrap();
    assert_eq!(
        (&back.network, back.weights()),
        (&model.network, model.weights())
    );
    assert_eq!(
        model.network.to_string(),
        "24 given -> deep sets over 12 trials of y (each 16-8, their mean, then 16-8, ReLU) \
         -> 8 features -> spline flow (1 transforms, 16 hidden, 1 blocks, 6 bins on [-5, 5]) \
         -> 1 predicted"
    );
    let with = |tokens: Tokens, trial: Vec<usize>| {
        let embedding = Embedding::DeepSets {
            sets: vec![tokens],
            trial,
            widths: vec![4],
            activation: Activation::Relu,
        };
        let network = Network {
            embedding,
            ..model.network.clone()
        };
        network.check().map_err(|error| error.to_string())
    };
    let tokens = |start, missing, times: &[f64]| Tokens {
        name: "y".into(),
        length: 12,
        channels: vec![Channel { start, missing }],
        times: times.to_vec(),
    };
    assert_eq!(with(tokens(0, Some(12), &[]), vec![4]), Ok(()));
    for (tokens, trial, expected) in [
        (tokens(0, None, &[]), vec![], "layers of a trial"),
        (tokens(0, Some(13), &[]), vec![4], "exceeds the 24"),
        (tokens(0, Some(11), &[]), vec![4], "taken already"),
        (tokens(usize::MAX, None, &[]), vec![4], "exceeds the 24"),
        (tokens(0, None, &[1.0]), vec![4], "number of times"),
    ] {
        let error = with(tokens, trial).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
