//! Exact stochastic simulation against known distributions. Every bound is 5 standard errors of a
//! fixed seed: false-alarm rate below 6e-7 a check.

#![allow(clippy::unwrap_used, clippy::panic)]

mod problems;

use gnomon_mechanism::Family;
use gnomon_mechanism::expression::Unary;
use gnomon_mechanism::model::{Law, Reaction};
use gnomon_simulate::{Compiled, Failure, simulate};
use problems::Build;

fn moments(column: &[f64]) -> (f64, f64) {
    let n = column.len() as f64;
    let mean = column.iter().sum::<f64>() / n;
    (
        mean,
        column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n,
    )
}

/// Mean and variance of a Poisson variable, within 5 standard errors.
fn assert_poisson(column: &[f64], mean: f64) {
    let n = column.len() as f64;
    let (m, v) = moments(column);
    assert!(
        (m - mean).abs() < 5.0 * (mean / n).sqrt(),
        "mean {m}, not {mean}"
    );
    let spread = ((2.0 * mean * mean + mean) / n).sqrt(); // fourth cumulant of Poisson is its mean
    assert!((v - mean).abs() < 5.0 * spread, "variance {v}, not {mean}");
}

fn reaction(
    name: &str,
    rate: gnomon_mechanism::expression::Node,
    change: &[(usize, f64)],
) -> Reaction {
    Reaction {
        name: name.into(),
        rate,
        change: change.to_vec(),
        bound: None,
    }
}

/// Immigration at rate a, death at rate d each, from 0: Poisson(a / d (1 - e^(-d t))); the number
/// of immigrants in an interval is Poisson(a dt).
#[test]
fn immigration_and_death_are_poisson() {
    let mut b = Build::default();
    let (a, d) = (b.number(8.0), b.number(0.5));
    let zero = b.number(0.0);
    let x = b.state("x", zero);
    let death = b.graph.multiply(d, x);
    let arrivals = b.flow(a, vec![(0, 1.0)]);
    b.observe("x", &[1.0, 3.0], Family::Exact, vec![x]);
    b.observe("arrivals", &[1.0, 3.0], Family::Exact, vec![arrivals]);
    let mechanism = b.mechanism(Law::Jumps {
        reactions: vec![
            reaction("immigration", a, &[(0, 1.0)]),
            reaction("death", death, &[(0, -1.0)]),
        ],
    });
    let all: Vec<u64> = (0..20_000).collect();
    let batch = simulate(&Compiled::new(&mechanism).unwrap(), 2, &all).unwrap();
    assert_poisson(&batch.observed[0], 16.0 * (1.0 - (-0.5f64).exp()));
    assert_poisson(&batch.observed[1], 16.0 * (1.0 - (-1.5f64).exp()));
    assert_poisson(&batch.observed[2], 8.0);
    assert_poisson(&batch.observed[3], 16.0);
}

/// Arrivals at rate 5 (1 + sin t), thinned under the bound 10: Poisson(5 (t + 1 - cos t)).
#[test]
fn thinning_is_exact_and_its_bound_is_checked() {
    let make = |bound: f64| {
        let mut b = Build::default();
        let t = b.time();
        let (five, one, bound, zero) =
            (b.number(5.0), b.number(1.0), b.number(bound), b.number(0.0));
        let sine = b.graph.unary(Unary::Sin, t);
        let wave = b.graph.add(one, sine);
        let rate = b.graph.multiply(five, wave);
        let x = b.state("x", zero);
        b.observe("x", &[3.0], Family::Exact, vec![x]);
        let mut arrival = reaction("arrival", rate, &[(0, 1.0)]);
        arrival.bound = Some(bound);
        b.mechanism(Law::Jumps {
            reactions: vec![arrival],
        })
    };
    let all: Vec<u64> = (0..20_000).collect();
    let batch = simulate(&Compiled::new(&make(10.0)).unwrap(), 2, &all).unwrap();
    assert_poisson(&batch.observed[0], 5.0 * (4.0 - 3.0f64.cos()));
    let batch = simulate(&Compiled::new(&make(7.0)).unwrap(), 2, &all[..50]).unwrap();
    assert!(
        matches!(&batch.failures[0], Some(Failure::RateAboveBound { reaction, .. }) if reaction == "arrival")
    );
    assert!(batch.observed[0][0].is_nan());
    // Without a bound, a rate that depends on time is refused.
    let mut mechanism = make(10.0);
    if let Law::Jumps { reactions } = &mut mechanism.dynamics.law {
        reactions[0].bound = None;
    }
    let refused = Compiled::new(&mechanism).unwrap_err().to_string();
    assert!(refused.contains("arrival depends on time"), "{refused}");
}

#[test]
fn an_epidemic_conserves_people_and_counts_cases() {
    let times = [5.0, 10.0, 200.0];
    let compiled = Compiled::new(&problems::sir_jumps(200.0, 4.0, &times)).unwrap();
    let all: Vec<u64> = (0..300).collect();
    let batch = simulate(&compiled, 3, &all).unwrap();
    for row in 0..all.len() {
        let mut cases = 0.0;
        for time in 0..3 {
            let [s, i, r, new] = std::array::from_fn(|k| batch.observed[3 * k + time][row]);
            cases += new;
            assert_eq!(s + i + r, 200.0);
            assert_eq!(s, 196.0 - cases);
        }
    }
}

/// A set event in a jump process: at t = 1 everybody leaves; afterwards the process starts anew.
#[test]
fn set_events_interrupt_the_wait() {
    let mut b = Build::default();
    let (a, zero, one) = (b.number(6.0), b.number(0.0), b.number(1.0));
    let x = b.state("x", zero);
    b.at(vec![one], vec![(0, zero)]);
    b.observe("x", &[0.99, 1.0, 3.0], Family::Exact, vec![x]);
    let mechanism = b.mechanism(Law::Jumps {
        reactions: vec![reaction("arrival", a, &[(0, 1.0)])],
    });
    let all: Vec<u64> = (0..10_000).collect();
    let batch = simulate(&Compiled::new(&mechanism).unwrap(), 4, &all).unwrap();
    assert_poisson(&batch.observed[0], 6.0 * 0.99);
    assert!(batch.observed[1].iter().all(|&x| x == 0.0));
    assert_poisson(&batch.observed[2], 12.0);
}

/// Arrivals at rate 3; whenever x passes 4.5 it falls to 0: x is a Poisson number modulo 5.
#[test]
fn conditions_are_met_at_the_jump_that_meets_them() {
    let mut b = Build::default();
    let (a, zero, bound) = (b.number(3.0), b.number(0.0), b.number(4.5));
    let x = b.state("x", zero);
    let excess = b.graph.subtract(x, bound);
    b.rises(excess, false, vec![(0, zero)]);
    b.observe("x", &[2.0], Family::Exact, vec![x]);
    let mechanism = b.mechanism(Law::Jumps {
        reactions: vec![reaction("arrival", a, &[(0, 1.0)])],
    });
    let n = 20_000;
    let all: Vec<u64> = (0..n).collect();
    let batch = simulate(&Compiled::new(&mechanism).unwrap(), 4, &all).unwrap();
    for remainder in 0..5 {
        let (mut chance, mut term) = (0.0, (-6.0f64).exp());
        for k in 0..60 {
            chance += if k % 5 == remainder { term } else { 0.0 };
            term *= 6.0 / f64::from(k + 1);
        }
        let seen = batch.observed[0]
            .iter()
            .filter(|&&x| x == f64::from(remainder))
            .count();
        let (mean, sd) = (
            n as f64 * chance,
            (n as f64 * chance * (1.0 - chance)).sqrt(),
        );
        assert!(
            (seen as f64 - mean).abs() < 5.0 * sd,
            "{remainder}: {seen}, not {mean}"
        );
    }
}
