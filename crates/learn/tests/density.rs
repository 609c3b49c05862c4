//! Densities: they integrate to 1, their draws follow them, and a problem with a known posterior is
//! recovered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gnomon_learn::ensemble::Ensemble;
use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::{Model, ModelError};
use gnomon_learn::network::{Activation, Embedding, Head, Network, SplineFlow};
use gnomon_learn::train::{Control, Recipe, train};
use gnomon_mechanism::random::{Purpose, Stream};

fn flow(given: usize, predict: usize) -> Network {
    let spline = SplineFlow {
        transforms: 3,
        hidden: 24,
        blocks: 1,
        bins: 8,
        tail_bound: 5.0,
    };
    Network {
        given,
        predict,
        embedding: Embedding::Identity,
        head: Head::Spline(spline),
    }
}

fn trained(examples: &Examples, network: &Network, recipe: &Recipe) -> Model {
    let control = Control {
        threads: 2,
        ..Control::default()
    };
    let trained = train(examples, network, recipe, control).unwrap();
    Model::new(trained, recipe.clone(), None).unwrap()
}

/// Parameters ~ N(0, I), data = A theta + 0.5 N(0, I): the posterior is normal.
const A: [[f64; 2]; 3] = [[1.0, 0.4], [-0.3, 0.9], [0.6, -0.8]];
const NOISE: f64 = 0.5;

fn linear_gaussian(rows: usize, index: u64) -> Examples {
    let mut stream = Stream::new(31, Purpose::PARAMETERS, index);
    let (mut given, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let theta = [stream.normal(), stream.normal()];
        targets.extend(theta.map(|t| t as f32));
        for a in A {
            given.push((a[0] * theta[0] + a[1] * theta[1] + NOISE * stream.normal()) as f32);
        }
    }
    Examples {
        given: Matrix::new(3, given),
        targets: Targets::Values(Matrix::new(2, targets)),
    }
}

/// Mean and covariance (xx, xy, yy) of the exact posterior.
fn posterior(x: &[f32]) -> ([f64; 2], [f64; 3]) {
    let precision = 1.0 / (NOISE * NOISE);
    let (mut p, mut b) = ([1.0, 0.0, 1.0], [0.0, 0.0]);
    for (a, &x) in A.iter().zip(x) {
        p[0] += precision * a[0] * a[0];
        p[1] += precision * a[0] * a[1];
        p[2] += precision * a[1] * a[1];
        b[0] += precision * a[0] * f64::from(x);
        b[1] += precision * a[1] * f64::from(x);
    }
    let det = p[0] * p[2] - p[1] * p[1];
    let c = [p[2] / det, -p[1] / det, p[0] / det];
    ([c[0] * b[0] + c[1] * b[1], c[1] * b[0] + c[2] * b[1]], c)
}

fn exact_log_density(x: &[f32], theta: &[f32]) -> f64 {
    let (mean, c) = posterior(x);
    let det = c[0] * c[2] - c[1] * c[1];
    let (u, v) = (f64::from(theta[0]) - mean[0], f64::from(theta[1]) - mean[1]);
    let square = (c[2] * u * u - 2.0 * c[1] * u * v + c[0] * v * v) / det;
    -0.5 * square - 0.5 * det.ln() - std::f64::consts::TAU.ln()
}

/// With 20,000 fresh rows the mean excess over the exact log-density (the Kullback-Leibler
/// divergence) has a standard error below 0.002; means and sds of 20,000 draws have standard
/// errors below 1 % of an sd. The bounds leave over 10 standard errors for the fit's own error:
/// for the fixed seeds the false-alarm rate is 0.
#[test]
fn a_linear_gaussian_posterior_is_recovered() {
    let examples = linear_gaussian(30_000, 0);
    let recipe = Recipe {
        epochs: 12,
        batch: 256,
        learning_rate: 3e-3,
        ..Recipe::default()
    };
    let model = trained(&examples, &flow(3, 2), &recipe);
    let fresh = linear_gaussian(20_000, 1);
    let Targets::Values(theta) = &fresh.targets else {
        panic!("numbers")
    };
    let logs = model.log_density(&fresh.given, theta, 2).unwrap();
    let excess: f64 = (0..fresh.rows())
        .map(|r| exact_log_density(fresh.given.row(r), theta.row(r)) - logs[r])
        .sum::<f64>()
        / fresh.rows() as f64;
    assert!(excess.abs() < 0.02, "{excess} nats worse than exact");

    let given = Matrix::new(3, [[0.8_f32, -0.5, 0.3], [-0.6, 0.9, 0.1]].concat());
    let draws = 20_000;
    let drawn = model.draw(&given, draws, 5, 0, 2).unwrap();
    for r in 0..2 {
        let (mean, c) = posterior(given.row(r));
        let of_row = drawn.values()[r * draws * 2..(r + 1) * draws * 2].chunks_exact(2);
        for (column, variance) in [(0, c[0]), (1, c[2])] {
            let values: Vec<f64> = of_row.clone().map(|t| f64::from(t[column])).collect();
            let m = values.iter().sum::<f64>() / draws as f64;
            let v = values.iter().map(|t| (t - m).powi(2)).sum::<f64>() / draws as f64;
            let sd = variance.sqrt();
            assert!(
                (m - mean[column]).abs() < 0.12 * sd,
                "mean {m} {}",
                mean[column]
            );
            assert!((v.sqrt() / sd - 1.0).abs() < 0.1, "sd {} {sd}", v.sqrt());
        }
    }
}

/// Trained shortly on crooked data (so that no spline is the identity), densities integrate to 1
/// and follow their draws.
#[test]
fn densities_integrate_to_1_in_one_and_two_dimensions() {
    for predict in [1, 2] {
        let mut stream = Stream::new(33, Purpose::PARAMETERS, predict as u64);
        let (mut given, mut targets) = (Vec::new(), Vec::new());
        for _ in 0..3000 {
            let x = stream.normal();
            let y = 0.5 * x + if stream.uniform() < 0.4 { -1.2 } else { 0.8 };
            given.push(x as f32);
            targets.push((y + 0.2 * stream.normal()) as f32);
            if predict == 2 {
                targets.push((y * y - 1.0 + 0.3 * stream.normal()) as f32);
            }
        }
        let examples = Examples {
            given: Matrix::new(1, given),
            targets: Targets::Values(Matrix::new(predict, targets)),
        };
        let recipe = Recipe {
            epochs: 10,
            learning_rate: 3e-3,
            ..Recipe::default()
        };
        let model = trained(&examples, &flow(1, predict), &recipe);
        // Midpoints over [-8, 8]; beyond, a standard normal has 1e-15.
        let n = if predict == 1 { 20_000 } else { 640 };
        let step = 16.0 / n as f64;
        let at = |i: usize| (-8.0 + (i as f64 + 0.5) * step) as f32;
        let points: Vec<f32> = match predict {
            1 => (0..n).map(at).collect(),
            _ => (0..n * n).flat_map(|i| [at(i / n), at(i % n)]).collect(),
        };
        let points = Matrix::new(predict, points);
        let same = Matrix::new(1, vec![0.4; points.rows()]);
        let logs = model.log_density(&same, &points, 2).unwrap();
        let cell = step.powi(predict as i32);
        let total: f64 = logs.iter().map(|l| l.exp() * cell).sum();
        assert!(
            (total - 1.0).abs() < 2e-3,
            "{predict}-d density integrates to {total}"
        );
        // The mean by quadrature and by 40,000 draws: 5 standard errors (false alarm 6e-7).
        let mean: f64 = logs
            .iter()
            .enumerate()
            .map(|(i, l)| l.exp() * cell * f64::from(points.row(i)[0]))
            .sum();
        let drawn = model
            .draw(&Matrix::new(1, vec![0.4]), 40_000, 9, 0, 2)
            .unwrap();
        let values = (0..drawn.rows()).map(|r| f64::from(drawn.row(r)[0]));
        let by_draws = values.sum::<f64>() / 40_000.0;
        assert!(
            (mean - by_draws).abs() < 5.0 * 1.2 / 200.0,
            "{mean} {by_draws}"
        );
    }
}

#[test]
fn draws_do_not_depend_on_threads_or_on_other_rows() {
    let examples = linear_gaussian(2000, 3);
    let recipe = Recipe {
        epochs: 2,
        ..Recipe::default()
    };
    let model = trained(&examples, &flow(3, 2), &recipe);
    let given = Matrix::new(3, examples.given.values()[..30].to_vec());
    let all = model.draw(&given, 37, 1, 100, 1).unwrap();
    assert_eq!(all, model.draw(&given, 37, 1, 100, 3).unwrap());
    let one = Matrix::new(3, given.row(4).to_vec());
    let alone = model.draw(&one, 37, 1, 104, 1).unwrap();
    assert_eq!(alone.values(), &all.values()[4 * 37 * 2..5 * 37 * 2]);
    assert_ne!(all, model.draw(&given, 37, 2, 100, 1).unwrap());
    let logs = model.log_density(&given, &Matrix::zeros(10, 2), 1).unwrap();
    assert_eq!(
        logs,
        model.log_density(&given, &Matrix::zeros(10, 2), 3).unwrap()
    );
    let features = model.embed(&given, 2).unwrap();
    assert_eq!(features, given);
}

/// What is given is embedded once for all its targets: the densities are those of rows one by one.
#[test]
fn many_targets_of_one_row_have_the_same_densities() {
    let network = Network {
        embedding: Embedding::ResidualMlp {
            width: 16,
            blocks: 1,
            outputs: 5,
            activation: Activation::Relu,
        },
        ..flow(3, 2)
    };
    let recipe = Recipe {
        epochs: 1,
        ..Recipe::default()
    };
    let model = trained(&linear_gaussian(2_000, 0), &network, &recipe);
    let ensemble = Ensemble::new(vec![model.clone(), model.clone()]).unwrap();
    let given = linear_gaussian(3, 1).given;
    let Targets::Values(targets) = linear_gaussian(3 * 70, 2).targets else {
        panic!("no numbers");
    };
    let repeated: Vec<f32> = (0..3).flat_map(|row| given.row(row).repeat(70)).collect();
    let repeated = Matrix::new(3, repeated);
    for threads in [1, 2] {
        let together = model.log_density(&given, &targets, threads).unwrap();
        assert_eq!(together, model.log_density(&repeated, &targets, 1).unwrap());
        assert_eq!(together.len(), 210);
        for (one, mixed) in together
            .iter()
            .zip(ensemble.log_density(&given, &targets, threads).unwrap())
        {
            assert!((one - mixed).abs() < 1e-12);
        }
    }
    let uneven = Matrix::new(2, targets.values()[..2 * 7].to_vec());
    assert!(matches!(
        model.log_density(&given, &uneven, 1),
        Err(ModelError::Shape { .. })
    ));
}

#[test]
fn an_ensemble_is_the_mixture_of_its_members() {
    let examples = linear_gaussian(2000, 4);
    let member = |seed| {
        trained(
            &examples,
            &flow(3, 2),
            &Recipe {
                seed,
                epochs: 2,
                ..Recipe::default()
            },
        )
    };
    let members = vec![member(1), member(2), member(3)];
    let ensemble = Ensemble::new(members.clone()).unwrap();
    let given = Matrix::new(3, examples.given.values()[..6].to_vec());
    let targets = Matrix::new(2, vec![0.1, -0.4, 0.7, 1.2]);
    let mixture = ensemble.log_density(&given, &targets, 1).unwrap();
    for (row, log) in mixture.iter().enumerate() {
        let mean: f64 = members
            .iter()
            .map(|m| m.log_density(&given, &targets, 1).unwrap()[row].exp() / 3.0)
            .sum();
        assert!((log.exp() - mean).abs() < 1e-12);
    }
    let drawn = ensemble.draw(&given, 10, 1, 0, 1).unwrap();
    assert_eq!((drawn.rows(), drawn.columns()), (20, 2));
    let rows: std::collections::HashSet<Vec<u32>> = (0..20)
        .map(|r| drawn.row(r).iter().map(|x| x.to_bits()).collect())
        .collect();
    assert_eq!(rows.len(), 20, "every draw is another one");
    assert!(matches!(
        Ensemble::new(Vec::new()),
        Err(ModelError::Ensemble(_))
    ));
    let wide = Matrix::zeros(1, 4);
    assert!(matches!(
        ensemble.draw(&wide, 1, 1, 0, 1),
        Err(ModelError::Shape { .. })
    ));
    assert!(matches!(
        members[0].mean(&given, 1),
        Err(ModelError::Head { .. })
    ));
}

#[test]
fn a_residual_embedding_learns_what_is_nonlinear() {
    // Target ~ N(|x|, 0.3^2): no linear feature helps. The exact loss is ln(0.3 sqrt(2 pi e)).
    let mut stream = Stream::new(35, Purpose::PARAMETERS, 0);
    let (mut given, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..20_000 {
        let x = stream.normal();
        given.push(x as f32);
        targets.push((x.abs() + 0.3 * stream.normal()) as f32);
    }
    let examples = Examples {
        given: Matrix::new(1, given),
        targets: Targets::Values(Matrix::new(1, targets)),
    };
    let embedding = Embedding::ResidualMlp {
        width: 32,
        blocks: 2,
        outputs: 8,
        activation: Activation::Relu,
    };
    let network = Network {
        embedding,
        ..flow(1, 1)
    };
    let recipe = Recipe {
        epochs: 10,
        learning_rate: 2e-3,
        averaging: 100,
        ..Recipe::default()
    };
    let model = trained(&examples, &network, &recipe);
    let exact = (0.3 * (std::f64::consts::TAU * std::f64::consts::E).sqrt()).ln();
    // 2,000 held-out rows: standard error 0.016; the bound is over 3 of them above the exact loss.
    assert!(
        (model.best_loss - exact).abs() < 0.06,
        "{} {exact}",
        model.best_loss
    );
}
