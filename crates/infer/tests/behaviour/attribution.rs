//! Attribution by a sufficient statistic, against the exact posterior of a conjugate model.

use gnomon_infer::attribution::{
    Attributor, Builder, Measure, Simulations, Targets, Weighted, mean_scores,
};
use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::random::{Purpose, Stream};

/// sd of the noise: with a standard normal prior the posterior's mean is x / 1.25 and its sd this over
/// the root of 1.25.
const NOISE: f64 = 0.5;

/// theta ~ N(0, 1) in two dimensions, seen with noise; the features are what was seen, in a sum and a
/// difference, and two numbers that tell nothing.
fn attributor(rows: usize) -> Attributor {
    let mut builder = Builder::new(Measure::Predictive, rows);
    let mut stream = Stream::new(17, Purpose::CLAIM, 0);
    for first in (0..rows).step_by(10_000) {
        let part = 10_000.min(rows - first);
        let (mut seen, mut scores) = (Vec::new(), Vec::new());
        for _ in 0..part {
            let theta = [0, 1].map(|_| stream.normal());
            let x = theta.map(|theta| theta + NOISE * stream.normal());
            let idle = [0, 1].map(|_| 30.0 * stream.normal());
            seen.extend(features(x, idle));
            scores.extend(theta.map(|theta| theta as f32));
        }
        let simulations = Simulations {
            numbers: (first as u64..(first + part) as u64).collect(),
            shards: vec![0; part],
            targets: Targets::Scores(Matrix::new(2, scores)),
        };
        builder.add(&Matrix::new(4, seen), simulations);
    }
    builder.finish().unwrap()
}

fn features([a, b]: [f64; 2], [idle, other]: [f64; 2]) -> [f32; 4] {
    [a + b, a - b, idle, other].map(|x| x as f32)
}

fn scores(attributor: &Attributor) -> &Matrix {
    let Targets::Scores(scores) = &attributor.simulations().targets else {
        unreachable!()
    };
    scores
}

/// Largest error of the means, in exact posterior sds, and of the sds, as a share, over nine data sets.
fn errors(attributor: &Attributor) -> [f64; 2] {
    let exact_sd = NOISE / 1.25_f64.sqrt();
    let mut worst = [0.0_f64; 2];
    for a in [-1.0, 0.0, 1.0] {
        for b in [-1.0, 0.0, 1.0] {
            let asked = Matrix::new(4, features([a, b], [20.0, -10.0]).to_vec());
            let near: Weighted = attributor.attribute(&asked).remove(0);
            let means = mean_scores(&near, scores(attributor));
            for (place, (mean, x)) in means.iter().zip([a, b]).enumerate() {
                let all = scores(attributor);
                let square = near.mean(|row| (f64::from(all.row(row)[place]) - mean).powi(2));
                let sd = (square / (1.0 - 1.0 / near.effective)).sqrt();
                worst[0] = worst[0].max((mean - x / 1.25).abs() / exact_sd);
                worst[1] = worst[1].max((sd / exact_sd - 1.0).abs());
            }
        }
    }
    worst
}

/// With 300,000 simulations means are within .15 posterior sds and sds within 12 %: an effective number
/// of n has a standard error of 1 / sqrt(n) and 1 / sqrt(2 n), and 18 of each are looked at. The seed is
/// fixed. With a thousand neither holds.
#[test]
fn attribution_approaches_the_exact_posterior() {
    let many = attributor(300_000);
    let [mean, sd] = errors(&many);
    println!(
        "{} neighbours: {mean:.3} sds, {sd:.3}",
        many.held_out().near
    );
    assert!(mean < 0.15 && sd < 0.12, "{mean} {sd}");
    let few = attributor(1_000);
    let [mean, sd] = errors(&few);
    println!("{} neighbours: {mean:.3} sds, {sd:.3}", few.held_out().near);
    assert!(mean > 0.15 && sd > 0.12, "{mean} {sd}");
}

/// A data set unlike all that were simulated has neighbours farther away than nearly every simulation.
#[test]
fn what_was_never_simulated_is_isolated() {
    let attributor = attributor(20_000);
    let isolated = |x| {
        let asked = Matrix::new(4, features([x, x], [0.0, 0.0]).to_vec());
        let near = attributor.attribute(&asked).remove(0);
        attributor.as_isolated(near.bandwidth)
    };
    assert!(isolated(0.0) > 0.5 && isolated(6.0) < 0.01);
}
