//! Stochastic differential equations and maps. Random checks: 5 standard errors at a fixed seed,
//! false-alarm rate below 6e-7 each.

#![allow(clippy::unwrap_used, clippy::panic)]

mod problems;

use gnomon_mechanism::Family;
use gnomon_mechanism::model::Law;
use gnomon_simulate::{Compiled, simulate};
use problems::Build;

/// dx = -k x dt + s dW from x0. Euler-Maruyama with step h multiplies by (1 - k h) and adds
/// variance s^2 h a step, so its own mean and variance are known without discretisation error.
#[test]
fn ornstein_uhlenbeck_has_its_moments() {
    let (k, s, x0, h) = (1.3, 0.7, 2.0, 0.05);
    let mut b = Build::default();
    let (pull, spread, start) = (b.number(-k), b.number(s), b.number(x0));
    let x = b.state("x", start);
    let drift = b.graph.multiply(pull, x);
    let area = b.flow(x, vec![]);
    b.observe("x", &[1.0], Family::Exact, vec![x]);
    b.observe("area", &[1.0], Family::Exact, vec![area]);
    let mechanism = b.mechanism(Law::Sde {
        drift: vec![drift],
        diffusion: vec![spread],
        step: h,
    });
    let all: Vec<u64> = (0..40_000).collect();
    let batch = simulate(&Compiled::new(&mechanism).unwrap(), 9, &all).unwrap();
    let x = &batch.observed[0];
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let (mut exact_mean, mut exact_variance, mut exact_area) = (x0, 0.0, 0.0);
    for _ in 0..20 {
        exact_area += h * exact_mean;
        exact_mean *= 1.0 - k * h;
        exact_variance = exact_variance * (1.0 - k * h) * (1.0 - k * h) + s * s * h;
    }
    assert!((mean - exact_mean).abs() < 5.0 * (exact_variance / n).sqrt());
    assert!((variance - exact_variance).abs() < 5.0 * exact_variance * (2.0 / n).sqrt());
    let area = batch.observed[1].iter().sum::<f64>() / n;
    assert!((area - exact_area).abs() < 5.0 * (0.5 / n).sqrt()); // Var(area) < 0.5
}

/// The logistic map from x0, observed off the grid too; its flow adds x each step; an event.
#[test]
fn a_map_is_iterated_and_observed_between_its_steps() {
    let make = |event: bool| {
        let mut b = Build::default();
        let r = b.parameter("r", Family::Exact, &[3.7]);
        let (x0, one) = (b.number(0.2), b.number(1.0));
        let x = b.state("x", x0);
        let sum = b.flow(x, vec![]);
        if event {
            let (when, half) = (b.number(3.0), b.number(0.5));
            b.at(vec![when], vec![(0, half)]);
        }
        b.observe("x", &[0.0, 2.5, 3.0, 50.0], Family::Exact, vec![x]);
        b.observe("sum", &[2.0, 4.0], Family::Exact, vec![sum]);
        let rest = b.graph.subtract(one, x);
        let growth = b.graph.multiply(r, x);
        let next = b.graph.multiply(growth, rest);
        b.mechanism(Law::Map {
            next: vec![next],
            step: 1.0,
        })
    };
    let path = |from: f64, steps: usize| {
        let mut x = vec![from];
        (0..steps).for_each(|k| x.push(3.7 * x[k] * (1.0 - x[k])));
        x
    };
    let plain = simulate(&Compiled::new(&make(false)).unwrap(), 1, &[0, 1]).unwrap();
    let x = path(0.2, 50);
    let seen: Vec<f64> = plain.observed.iter().map(|column| column[1]).collect();
    assert_eq!(seen[..4], [x[0], x[2], x[3], x[50]]);
    assert_eq!(
        seen[4..],
        [x[0] + x[1], x[0] + x[1] + x[2] + x[3] - (x[0] + x[1])]
    );
    let moved = simulate(&Compiled::new(&make(true)).unwrap(), 1, &[0]).unwrap();
    assert_eq!(moved.observed[1][0], x[2]);
    assert_eq!(moved.observed[2][0], 0.5);
    assert_eq!(moved.observed[3][0], path(0.5, 47)[47]);
}

/// Without dynamics each entry is an independent draw: mean of many within 5 standard errors.
#[test]
fn a_static_mechanism_draws_independent_entries() {
    let mut b = Build::default();
    let mu = b.parameter("mu", Family::Exact, &[3.0]);
    let one = b.number(1.0);
    let entries: Vec<f64> = (1..=4).map(f64::from).collect();
    b.observe("x", &entries, Family::Normal, vec![mu, one]);
    let compiled = Compiled::new(&b.mechanism(Law::Static)).unwrap();
    let all: Vec<u64> = (0..10_000).collect();
    let batch = simulate(&compiled, 1, &all).unwrap();
    for column in &batch.observed {
        let mean = column.iter().sum::<f64>() / 1e4;
        assert!((mean - 3.0).abs() < 0.05);
    }
    let product: f64 = (0..10_000)
        .map(|row| (batch.observed[0][row] - 3.0) * (batch.observed[1][row] - 3.0))
        .sum();
    assert!((product / 1e4).abs() < 0.05);
}
