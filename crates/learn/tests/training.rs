//! Training: classes, means and quantiles with known answers; the same bits at any number of
//! threads and through interruption; errors that name their cause.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::Model;
use gnomon_learn::network::{
    Activation, ConvolutionLayer, Embedding, Head, Network, Series, SplineFlow,
};
use gnomon_learn::train::{Control, Progress, Recipe, TrainError, Trained, split, train};
use gnomon_mechanism::random::{Purpose, Stream};
use std::sync::atomic::{AtomicBool, Ordering};

fn mlp(widths: &[usize]) -> Embedding {
    Embedding::Mlp {
        widths: widths.to_vec(),
        activation: Activation::Tanh,
    }
}

fn with_threads(
    examples: &Examples,
    network: &Network,
    recipe: &Recipe,
    threads: usize,
) -> Trained {
    train(
        examples,
        network,
        recipe,
        Control {
            threads,
            ..Control::default()
        },
    )
    .unwrap()
}

/// x ~ N(0, 1) given the first class, N(1.5, 1) the second (twice as often), N(-1, 0.5^2) the third.
const CLASSES: [(f64, f64, f64); 3] = [(0.25, 0.0, 1.0), (0.5, 1.5, 1.0), (0.25, -1.0, 0.5)];

fn class_examples(rows: usize) -> Examples {
    let mut stream = Stream::new(41, Purpose::PARAMETERS, 0);
    let (mut given, mut classes) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let u = stream.uniform();
        let class = if u < 0.25 {
            0
        } else if u < 0.75 {
            1
        } else {
            2
        };
        let (_, mean, sd) = CLASSES[class];
        given.push((mean + sd * stream.normal()) as f32);
        classes.push(class as u32);
    }
    Examples {
        given: Matrix::new(1, given),
        targets: Targets::Classes(classes),
    }
}

/// Each probability within 0.04 of the exact one; the fit of 40,000 rows has errors near 0.01.
/// Seeds are fixed: false-alarm rate 0.
#[test]
fn class_probabilities_are_those_of_bayes() {
    let network = Network {
        given: 1,
        predict: 3,
        embedding: mlp(&[16, 16]),
        head: Head::Classes,
    };
    let recipe = Recipe {
        epochs: 40,
        learning_rate: 5e-3,
        batch: 256,
        ..Recipe::default()
    };
    let trained = with_threads(&class_examples(40_000), &network, &recipe, 2);
    let model = Model::new(trained, recipe, None).unwrap();
    let points = [-2.0_f32, -1.0, 0.0, 0.5, 1.0, 2.5];
    let found = model
        .class_probabilities(&Matrix::new(1, points.to_vec()), 2)
        .unwrap();
    for (row, &x) in points.iter().enumerate() {
        let joint = CLASSES
            .map(|(p, mean, sd)| p / sd * (-0.5 * ((f64::from(x) - mean) / sd).powi(2)).exp());
        let total: f64 = joint.iter().sum();
        for (class, joint) in joint.iter().enumerate() {
            let (found, exact) = (f64::from(found.row(row)[class]), joint / total);
            assert!(
                (found - exact).abs() < 0.04,
                "at {x}, class {class}: {found} {exact}"
            );
        }
        assert!((found.row(row).iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}

/// y ~ N(sin 2 x, 0.4^2): its mean and its quantiles within 0.08; seeds are fixed.
#[test]
fn means_and_quantiles_are_recovered() {
    let mut stream = Stream::new(42, Purpose::PARAMETERS, 0);
    let (mut given, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..20_000 {
        let x = 2.0 * stream.uniform() - 1.0;
        given.push(x as f32);
        targets.push(((2.0 * x).sin() + 0.4 * stream.normal()) as f32);
    }
    let examples = Examples {
        given: Matrix::new(1, given),
        targets: Targets::Values(Matrix::new(1, targets)),
    };
    let recipe = Recipe {
        epochs: 40,
        learning_rate: 3e-3,
        batch: 256,
        ..Recipe::default()
    };
    let points = Matrix::new(1, vec![-0.8, -0.2, 0.3, 0.9]);
    let model = |head| {
        let network = Network {
            given: 1,
            predict: 1,
            embedding: mlp(&[16, 16]),
            head,
        };
        Model::new(
            with_threads(&examples, &network, &recipe, 2),
            recipe.clone(),
            None,
        )
        .unwrap()
    };
    let means = model(Head::Mean).mean(&points, 1).unwrap();
    let levels = vec![0.1, 0.5, 0.9];
    let quantiles = model(Head::Quantiles { levels })
        .quantiles(&points, 1)
        .unwrap();
    for row in 0..4 {
        let exact = f64::from(2.0 * points.row(row)[0]).sin();
        assert!((f64::from(means.row(row)[0]) - exact).abs() < 0.08);
        for (found, z) in quantiles.row(row).iter().zip([-1.2816, 0.0, 1.2816]) {
            assert!(
                (f64::from(*found) - exact - 0.4 * z).abs() < 0.08,
                "{found} {exact} {z}"
            );
        }
    }
}

/// Series of 12 times and a scalar; a flow on two targets.
fn series_problem() -> (Examples, Network) {
    let mut stream = Stream::new(43, Purpose::PARAMETERS, 0);
    let (mut given, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..700 {
        let (level, slope) = (stream.normal(), stream.normal());
        targets.extend([level as f32, slope as f32]);
        given.extend(
            (0..12).map(|t| {
                (level + slope * (f64::from(t) - 5.5) / 6.0 + 0.5 * stream.normal()) as f32
            }),
        );
        given.push(stream.normal() as f32);
    }
    let series = vec![Series {
        name: "y".into(),
        start: 0,
        channels: 1,
        length: 12,
    }];
    let embedding = Embedding::Convolution {
        series,
        layers: vec![ConvolutionLayer {
            channels: 6,
            kernel: 5,
            stride: 2,
        }],
        widths: vec![24, 10],
        activation: Activation::Relu,
    };
    let spline = SplineFlow {
        transforms: 2,
        hidden: 20,
        blocks: 1,
        bins: 6,
        tail_bound: 4.0,
    };
    let examples = Examples {
        given: Matrix::new(13, given),
        targets: Targets::Values(Matrix::new(2, targets)),
    };
    (
        examples,
        Network {
            given: 13,
            predict: 2,
            embedding,
            head: Head::Spline(spline),
        },
    )
}

fn series_recipe() -> Recipe {
    Recipe {
        epochs: 6,
        batch: 150,
        warm_up: 5,
        averaging: 8,
        weight_decay: 1e-3,
        ..Recipe::default()
    }
}

#[test]
fn a_training_has_the_same_bits_at_any_number_of_threads() {
    let (examples, network) = series_problem();
    let one = with_threads(&examples, &network, &series_recipe(), 1);
    for threads in [2, 3, 5] {
        assert_eq!(
            one,
            with_threads(&examples, &network, &series_recipe(), threads)
        );
    }
    let other = Recipe {
        seed: 2,
        ..series_recipe()
    };
    assert_ne!(
        one.weights,
        with_threads(&examples, &network, &other, 2).weights
    );
    assert!(one.best_loss < one.curve[0].validation_loss, "it learns");
}

/// Interrupted twice, in the middle of epochs, and resumed with another number of threads.
#[test]
fn a_resumed_training_has_the_bits_of_an_uninterrupted_one() {
    let (examples, network) = series_problem();
    let whole = with_threads(&examples, &network, &series_recipe(), 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let interrupted = |stop_after: usize| {
        let cancel = AtomicBool::new(false);
        let mut stop = |p: &Progress| {
            if p.epoch >= stop_after {
                cancel.store(true, Ordering::Relaxed);
            }
        };
        let control = Control {
            threads: 2,
            cancel: &[&cancel],
            checkpoint: Some(&path),
            progress: Some(&mut stop),
        };
        train(&examples, &network, &series_recipe(), control)
    };
    for stop_after in [1, 4] {
        let error = interrupted(stop_after).unwrap_err();
        assert!(
            matches!(error, TrainError::Interrupted { step } if step > 0),
            "{error}"
        );
        assert!(path.exists());
    }
    // The cancel flag is read every fourth step, and an epoch has 4 steps and a rest of rows.
    let mut first = None;
    let mut note = |p: &Progress| {
        first.get_or_insert(p.epoch);
    };
    let control = Control {
        threads: 1,
        checkpoint: Some(&path),
        progress: Some(&mut note),
        ..Control::default()
    };
    let resumed = train(&examples, &network, &series_recipe(), control).unwrap();
    assert_eq!(resumed, whole);
    assert!(first > Some(3), "it went on from the checkpoint: {first:?}");
    assert!(!path.exists(), "a finished training leaves no checkpoint");
}

#[test]
fn checkpoints_of_others_are_left_aside_and_damaged_ones_refused() {
    let (examples, network) = series_problem();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let cancel = AtomicBool::new(true);
    let run = |recipe: &Recipe, cancel: &[&AtomicBool]| {
        let control = Control {
            cancel,
            checkpoint: Some(&path),
            ..Control::default()
        };
        train(&examples, &network, recipe, control)
    };
    assert!(matches!(
        run(&series_recipe(), &[&cancel]),
        Err(TrainError::Interrupted { .. })
    ));
    let short = Recipe {
        epochs: 1,
        ..series_recipe()
    };
    assert_eq!(
        run(&short, &[]).unwrap(),
        with_threads(&examples, &network, &short, 1)
    );
    for damage in [b"nonsense".to_vec(), Vec::new()] {
        std::fs::write(&path, damage).unwrap();
        let error = run(&series_recipe(), &[]).unwrap_err();
        assert!(error.to_string().contains("no checkpoint"), "{error}");
    }
}

#[test]
fn bad_examples_and_divergence_are_named() {
    let (examples, network) = series_problem();
    let go = |examples: &Examples, network: &Network, recipe: &Recipe| {
        train(examples, network, recipe, Control::default())
            .unwrap_err()
            .to_string()
    };
    let recipe = series_recipe();
    let mut bad = examples.clone();
    bad.given.row_mut(17)[5] = f32::NAN;
    assert_eq!(
        go(&bad, &network, &recipe),
        "given column 5 is NaN in row 17: training needs finite numbers"
    );
    let mut bad = examples.clone();
    if let Targets::Values(values) = &mut bad.targets {
        values.row_mut(3)[1] = f32::INFINITY;
    }
    assert!(go(&bad, &network, &recipe).starts_with("target column 1 is inf in row 3"));
    let wild = Recipe {
        learning_rate: 1e30,
        clip_norm: None,
        warm_up: 0,
        ..recipe.clone()
    };
    let error = go(&examples, &network, &wild);
    assert!(
        error.contains("diverged at step") && error.contains("learning rate"),
        "{error}"
    );
    let narrow = Network {
        given: 12,
        ..network.clone()
    };
    assert!(go(&examples, &narrow, &recipe).contains("the network needs 700 x 12"));
    let narrower = Network {
        given: 11,
        ..network.clone()
    };
    assert!(go(&examples, &narrower, &recipe).contains("exceed the 11 given columns"));
    let classes = Network {
        embedding: Embedding::Identity,
        head: Head::Classes,
        ..network.clone()
    };
    assert!(go(&examples, &classes, &recipe).contains("targets are numbers"));
    let mut three = class_examples(10);
    if let Targets::Classes(classes) = &mut three.targets {
        classes[4] = 3;
    }
    let network = Network {
        given: 1,
        predict: 3,
        embedding: mlp(&[4]),
        head: Head::Classes,
    };
    assert!(go(&three, &network, &recipe).contains("row 4 is of class 3"));
    let senseless = Recipe { batch: 0, ..recipe };
    assert!(go(&class_examples(10), &network, &senseless).contains("batch is 0"));
}

#[test]
fn the_split_is_a_partition_and_progress_is_told() {
    let (train_rows, held_out) = split(1000, 0.1, 3);
    assert_eq!((train_rows.len(), held_out.len()), (900, 100));
    let mut all = [train_rows, held_out].concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..1000));

    let (examples, network) = series_problem();
    let mut seen: Vec<Progress> = Vec::new();
    let mut note = |p: &Progress| seen.push(*p);
    let control = Control {
        progress: Some(&mut note),
        ..Control::default()
    };
    let trained = train(&examples, &network, &series_recipe(), control).unwrap();
    assert_eq!(seen.last().map(|p| p.epoch), Some(trained.curve.len()));
    assert_eq!(seen.last().map(|p| p.step), Some(trained.steps));
    assert!(seen.iter().all(|p| p.train_loss.is_finite()));
}

/// Noise of one sd on what is given halves the slope of a regression (errors in variables; Fuller 1987,
/// 1.1.1); a column without noise keeps it. The error of 8,000 rows is near .01; seeds are fixed.
#[test]
fn noise_on_what_is_given_flattens_what_is_learned() {
    let mut stream = Stream::new(43, Purpose::PARAMETERS, 0);
    let given: Vec<f32> = (0..16_000).map(|_| stream.normal() as f32).collect();
    let sums = given.chunks_exact(2).map(|pair| pair[0] + pair[1]);
    let examples = Examples {
        targets: Targets::Values(Matrix::new(1, sums.collect())),
        given: Matrix::new(2, given),
    };
    let network = Network {
        given: 2,
        predict: 1,
        embedding: mlp(&[16]),
        head: Head::Mean,
    };
    let recipe = Recipe {
        epochs: 30,
        noise: vec![1.0, 0.0],
        ..Recipe::default()
    };
    let one = with_threads(&examples, &network, &recipe, 1);
    assert_eq!(
        one.weights,
        with_threads(&examples, &network, &recipe, 3).weights
    );
    let model = Model::new(one, recipe.clone(), None).unwrap();
    let told = model.mean(&examples.given, 1).unwrap();
    let slope = |column: usize| {
        let (mut products, mut squares) = (0.0, 0.0);
        for row in 0..told.rows() {
            let x = examples.given.row(row)[column];
            products += x * told.row(row)[0];
            squares += x * x;
        }
        products / squares
    };
    let slopes = [slope(0), slope(1)];
    assert!(
        (slopes[0] - 0.5).abs() < 0.08 && (slopes[1] - 1.0).abs() < 0.08,
        "{slopes:?}"
    );

    let refused = |noise: Vec<f32>| {
        let recipe = Recipe {
            noise,
            ..Recipe::default()
        };
        train(&examples, &network, &recipe, Control::default())
            .unwrap_err()
            .to_string()
    };
    assert!(refused(vec![0.1]).contains("noise is given for 1 columns of 2"));
    assert!(refused(vec![0.1, f32::NAN]).contains("must not be negative"));
}
