//! Tau-leaping and the chemical Langevin equation beside exact stochastic simulation and known laws.
//! Every bound is 5 standard errors of a fixed seed (false-alarm rate below 6e-7 a check), widened where a
//! method is allowed an error of its own, which is then said.
#![allow(clippy::unwrap_used, clippy::panic)]

use gnomon_mechanism::Mechanism;
use gnomon_simulate::{Compiled, Failure, simulate};

fn compiled(text: &str) -> Compiled {
    Compiled::new(&Mechanism::parse("m", text, ".").unwrap()).unwrap()
}

fn observed(text: &str, simulations: u64) -> Vec<Vec<f64>> {
    let numbers: Vec<u64> = (0..simulations).collect();
    let batch = simulate(&compiled(text), 7, &numbers).unwrap();
    assert!(
        batch.failures.iter().all(Option::is_none),
        "{:?}",
        batch.failures[0]
    );
    batch.observed
}

fn mean(column: &[f64]) -> f64 {
    column.iter().sum::<f64>() / column.len() as f64
}

fn variance(column: &[f64]) -> f64 {
    let mean = mean(column);
    column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / column.len() as f64
}

/// The largest difference between two distribution functions, over its 1e-6 quantile under equality
/// (Smirnov 1939): above 1 with a chance of 1e-6.
fn smirnov(a: &[f64], b: &[f64]) -> f64 {
    let sorted = |column: &[f64]| {
        let mut column = column.to_vec();
        column.sort_unstable_by(f64::total_cmp);
        column
    };
    let (a, b) = (sorted(a), sorted(b));
    let below =
        |column: &[f64], x: f64| column.partition_point(|&y| y <= x) as f64 / column.len() as f64;
    let all = a.iter().chain(&b);
    let largest = all
        .map(|&x| (below(&a, x) - below(&b, x)).abs())
        .fold(0.0, f64::max);
    let (n, m) = (a.len() as f64, b.len() as f64);
    largest / (-(1e-6f64 / 2.0).ln() / 2.0 * (n + m) / (n * m)).sqrt()
}

/// Immigration at rate a, death at rate d each, from 0.
fn immigration(method: &str, solver: &str, a: f64) -> String {
    format!(
        "method = \"{method}\"\n{solver}\n[states]\nx = 0\n\
         [[reactions]]\nname = \"immigration\"\nrate = {a:?}\nchange = {{ x = 1 }}\n\
         [[reactions]]\nname = \"death\"\nrate = \"0.5 * x\"\nchange = {{ x = -1 }}\n\
         [observed]\ntimes = [1, 3]\nx = \"x\"\narrivals = \"flow(immigration)\"\n"
    )
}

/// x is Poisson(a / d (1 - e^(-d t))); tau-leaping may be off by 1 %, twice that in the variance.
#[test]
fn immigration_and_death() {
    let n = 20_000;
    for (method, a) in [
        ("tau-leaping", 4.0),
        ("tau-leaping", 4000.0),
        ("langevin", 4000.0),
    ] {
        let columns = observed(&immigration(method, "", a), n);
        for (column, time) in columns.iter().zip([1.0, 3.0]) {
            let expected = 2.0 * a * (1.0 - (-0.5f64 * time).exp());
            let (m, v) = (mean(column), variance(column));
            println!("{method}, {a}: mean {m}, variance {v}, both {expected}");
            let chance = (expected / n as f64).sqrt();
            assert!((m - expected).abs() < 5.0 * chance + 0.01 * expected);
            let chance = ((2.0 * expected * expected + expected) / n as f64).sqrt();
            assert!((v - expected).abs() < 5.0 * chance + 0.02 * expected);
        }
        // Rates that do not change are leapt over without any error.
        let (m, v) = (mean(&columns[3]), variance(&columns[3]));
        assert!((m - 2.0 * a).abs() < 5.0 * (2.0 * a / n as f64).sqrt());
        let chance = ((8.0 * a * a + 2.0 * a) / n as f64).sqrt();
        assert!((v - 2.0 * a).abs() < 5.0 * chance);
    }
}

/// With a fixed step h, the mean after k steps is that of Euler's method, exactly.
#[test]
fn a_fixed_step_is_eulers() {
    let n = 20_000;
    for method in ["tau-leaping", "langevin"] {
        let columns = observed(&immigration(method, "[solver]\nstep = 0.25", 400.0), n);
        for (column, steps) in columns.iter().zip([4, 12]) {
            let expected = 800.0 * (1.0 - 0.875f64.powi(steps));
            let m = mean(column);
            assert!(
                (m - expected).abs() < 5.0 * (expected / n as f64).sqrt(),
                "{m}, {expected}"
            );
        }
    }
}

fn epidemic(method: &str, solver: &str, people: u32) -> String {
    format!(
        "method = \"{method}\"\n{solver}\n[constants]\nN = {people}\n[states]\nS = \"N - 20\"\nI = 20\nR = 0\n\
         [[reactions]]\nname = \"infection\"\nrate = \"0.5 * S * I / N\"\nchange = {{ S = -1, I = 1 }}\n\
         [[reactions]]\nname = \"recovery\"\nrate = \"0.25 * I\"\nchange = {{ I = -1, R = 1 }}\n\
         [observed]\ntimes = [10, 20, 40, 200]\nS = \"S\"\nI = \"I\"\nR = \"R\"\nnew = \"flow(infection)\"\n"
    )
}

/// Tau-leaping has the distribution of exact simulation at four times of an epidemic: 4,000 simulations
/// of each cannot tell them apart (false-alarm rate 1.2e-5 for all twelve).
#[test]
fn an_epidemic_in_leaps_is_the_exact_one() {
    let n = 4000;
    let exact = observed(&epidemic("ssa", "", 2000), n);
    let leaps = observed(&epidemic("tau-leaping", "", 2000), n);
    for column in 0..16 {
        let apart = smirnov(&exact[column], &leaps[column]);
        println!("column {column}: {apart:.2} of what chance allows");
        assert!(apart < 1.0, "column {column}: {apart}");
    }
    // The noise is right, and not only the path: its normal approximation is near while many are ill.
    let langevin = observed(&epidemic("langevin", "", 2000), n);
    for column in [0, 1, 4, 5] {
        let (wrong, right) = (&langevin[column], &exact[column]);
        let sd = variance(right).sqrt();
        println!(
            "column {column}: {} ± {}, exact {} ± {sd}",
            mean(wrong),
            variance(wrong).sqrt(),
            mean(right)
        );
        assert!((mean(wrong) - mean(right)).abs() < 0.1 * sd);
        assert!((variance(wrong) / variance(right)).sqrt().ln().abs() < 0.1);
    }
}

/// Nobody appears or vanishes, and nothing falls below 0, however long the steps are.
#[test]
fn people_are_conserved() {
    for (method, solver) in [
        ("tau-leaping", ""),
        ("tau-leaping", "[solver]\nstep = 5"),
        ("langevin", ""),
        ("langevin", "[solver]\nstep = 5"),
    ] {
        let all = observed(&epidemic(method, solver, 200), 500);
        let at = |column: usize, row: usize| all[column][row];
        for row in 0..500 {
            let mut cases = 0.0;
            for time in 0..4 {
                let [s, i, r, new] = [0, 1, 2, 3].map(|k| at(4 * k + time, row));
                cases += new;
                assert!((s + i + r - 200.0).abs() < 1e-9 && (s - 180.0 + cases).abs() < 1e-9);
                assert!(s >= 0.0 && i >= 0.0 && r >= 0.0, "{s} {i} {r}");
                if method == "tau-leaping" {
                    assert!(s.fract() == 0.0 && i.fract() == 0.0);
                }
            }
        }
    }
}

/// Dimers form and part: rates of second order, in equilibrium, beside exact simulation.
#[test]
fn dimers_are_those_of_exact_simulation() {
    let text = |method: &str| {
        format!(
            "method = \"{method}\"\n[states]\nA = 1000\nB = 0\n\
             [[reactions]]\nname = \"bind\"\nrate = \"0.001 * A * (A - 1)\"\nchange = {{ A = -2, B = 1 }}\n\
             [[reactions]]\nname = \"part\"\nrate = \"0.5 * B\"\nchange = {{ A = 2, B = -1 }}\n\
             [observed]\ntimes = [0.5, 5]\nB = \"B\"\n"
        )
    };
    let (exact, leaps) = (
        observed(&text("ssa"), 4000),
        observed(&text("tau-leaping"), 4000),
    );
    for (exact, leaps) in exact.iter().zip(&leaps) {
        let apart = smirnov(exact, leaps);
        println!("{apart:.2}: {} and {}", mean(exact), mean(leaps));
        assert!(apart < 1.0, "{apart}");
    }
}

/// The same numbers at any number of threads, and rates that depend on time need no bound.
#[test]
fn streams_are_the_simulations_own() {
    let text = "method = \"tau-leaping\"\n[solver]\nstep = 0.5\n[states]\nx = 0\n\
                [[reactions]]\nname = \"arrival\"\nrate = \"50 * (1 + sin(t))\"\nchange = { x = 1 }\n\
                [observed]\ntimes = \"1:4\"\nx = \"x\"\n";
    let compiled = compiled(text);
    let all: Vec<u64> = (0..3000).collect();
    let pool = rayon_pool(1).install(|| simulate(&compiled, 3, &all).unwrap());
    let batch = simulate(&compiled, 3, &all).unwrap();
    assert_eq!(pool, batch);
    let one = simulate(&compiled, 3, &[1234]).unwrap();
    assert_eq!(one.observed[3][0], batch.observed[3][1234]);
    // The sum over the steps at their beginnings.
    let expected: f64 = (0..8)
        .map(|k| 25.0 * (1.0 + (0.5 * f64::from(k)).sin()))
        .sum();
    let m = mean(&batch.observed[3]);
    assert!(
        (m - expected).abs() < 5.0 * (expected / 3000.0).sqrt(),
        "{m}, {expected}"
    );
}

fn rayon_pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
}

/// Events at set times and on conditions.
#[test]
fn events_happen_between_leaps() {
    let text = "method = \"tau-leaping\"\n[states]\nx = 0\n\
                [[reactions]]\nname = \"arrival\"\nrate = 60\nchange = { x = 1 }\n\
                [[events]]\nat = 1\nset = { x = 0 }\n\
                [[events]]\nwhen = \"x >= 150\"\nset = { x = 1000 }\n\
                [observed]\ntimes = [0.9, 1, 2, 6]\nx = \"x\"\n";
    let all = observed(text, 2000);
    assert!((mean(&all[0]) - 54.0).abs() < 5.0 * (54.0f64 / 2000.0).sqrt());
    assert!(all[1].iter().all(|&x| x == 0.0));
    assert!((mean(&all[2]) - 60.0).abs() < 5.0 * (60.0f64 / 2000.0).sqrt());
    assert!(all[3].iter().all(|&x| x > 1000.0));
}

#[test]
fn a_negative_rate_is_a_failed_row() {
    let text = "method = \"tau-leaping\"\n[states]\nx = 100\n\
                [[reactions]]\nname = \"loss\"\nrate = \"x - 50 * t\"\nchange = { x = -1 }\n\
                [observed]\ntimes = [1, 3]\nx = \"x\"\n";
    let batch = simulate(&compiled(text), 1, &[0]).unwrap();
    let failure = batch.failures[0].clone().unwrap();
    assert!(matches!(failure, Failure::NegativeRate { .. }), "{failure}");
}
