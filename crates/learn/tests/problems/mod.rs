//! Problems that several densities are tested on.
#![allow(dead_code)]

use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::Model;
use gnomon_learn::network::Network;
use gnomon_learn::train::{Control, Recipe, train};
use gnomon_mechanism::random::{Purpose, Stream};

pub fn trained(examples: &Examples, network: &Network, recipe: &Recipe, threads: usize) -> Model {
    let control = Control {
        threads,
        ..Control::default()
    };
    let trained = train(examples, network, recipe, control).unwrap();
    Model::new(trained, recipe.clone(), None).unwrap()
}

/// Parameters ~ N(0, I), data = A theta + 0.5 N(0, I): the posterior is normal.
const A: [[f64; 2]; 3] = [[1.0, 0.4], [-0.3, 0.9], [0.6, -0.8]];
const NOISE: f64 = 0.5;

pub fn linear_gaussian(rows: usize, index: u64) -> Examples {
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
pub fn posterior(x: &[f32]) -> ([f64; 2], [f64; 3]) {
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

/// How much lower than the exact log-density a model's is on fresh rows of [`linear_gaussian`].
pub fn excess(model: &Model, rows: usize) -> f64 {
    let fresh = linear_gaussian(rows, 1);
    let Targets::Values(theta) = &fresh.targets else {
        panic!("numbers")
    };
    let logs = model.log_density(&fresh.given, theta, 2).unwrap();
    let of = |r: usize| exact_log_density(fresh.given.row(r), theta.row(r)) - logs[r];
    (0..rows).map(of).sum::<f64>() / rows as f64
}

/// Two bumps that move with what is given and, in two dimensions, bend into a crescent.
pub fn crescent(rows: usize, predict: usize) -> Examples {
    let mut stream = Stream::new(33, Purpose::PARAMETERS, predict as u64);
    let (mut given, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let x = stream.normal();
        let y = 0.5 * x + if stream.uniform() < 0.4 { -1.2 } else { 0.8 };
        given.push(x as f32);
        targets.push((y + 0.2 * stream.normal()) as f32);
        if predict == 2 {
            targets.push((y * y - 1.0 + 0.3 * stream.normal()) as f32);
        }
    }
    Examples {
        given: Matrix::new(1, given),
        targets: Targets::Values(Matrix::new(predict, targets)),
    }
}

/// The integral of p(y | 0.4) over [-8, 8] in each of 1 or 2 columns, and the mean of the first,
/// by midpoints on `n` intervals a column (`n` squared in one dimension, at most 20,000).
pub fn integral(model: &Model, n: usize) -> (f64, f64) {
    let predict = model.network.predict;
    let n = if predict == 1 { (n * n).min(20_000) } else { n };
    let step = 16.0 / n as f64;
    let at = |i: usize| (-8.0 + (i as f64 + 0.5) * step) as f32;
    let points: Vec<f32> = match predict {
        1 => (0..n).map(at).collect(),
        _ => (0..n * n).flat_map(|i| [at(i / n), at(i % n)]).collect(),
    };
    let points = Matrix::new(predict, points);
    let logs = model
        .log_density(&Matrix::new(1, vec![0.4]), &points, 2)
        .unwrap();
    let cell = step.powi(predict as i32);
    let mass = |i: usize| logs[i].exp() * cell;
    let total = (0..logs.len()).map(mass).sum();
    let mean = (0..logs.len()).map(|i| mass(i) * f64::from(points.row(i)[0]));
    (total, mean.sum())
}
