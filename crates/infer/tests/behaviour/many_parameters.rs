//! Posteriors of dozens of parameters, refined from networks that learned little, against exact ones.
//! Seeds are fixed: nothing is left to chance.

use std::fmt::Write;
use std::sync::atomic::AtomicBool;

use gnomon_infer::amortized::rows_of;
use gnomon_infer::refine::{Agreement, Method, NEVER_LATE, Problem, Refined};
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
use gnomon_simulate::{Compiled, simulate};

const ROWS: u64 = 3000;
const LN_TAU: f64 = 1.837_877_066_409_345_3;

/// Networks that saw a few simulations, a few times.
fn trained(mechanism: &Mechanism, compiled: &Compiled) -> Amortized {
    let numbers: Vec<u64> = (0..ROWS).collect();
    let batch = simulate(compiled, 1, &numbers).unwrap();
    let columns = batch.observed.len();
    let given: Vec<f64> = (0..ROWS as usize * columns)
        .map(|place| batch.observed[place % columns][place / columns])
        .collect();
    let fields = compiled
        .observed_columns()
        .iter()
        .map(|name| Field::scalar(name));
    let standardiser = Standardiser::fit(fields.collect(), &given).unwrap();
    let parameters: Vec<&[f64]> = batch.parameters.iter().map(Vec::as_slice).collect();
    let coordinates = Coordinates::new(mechanism);
    let scores = coordinates.to_scores(&parameters, 1, &numbers);
    let examples = Examples {
        given: standardiser.apply(&given).unwrap(),
        targets: Targets::Values(rows_of(&scores)),
    };
    let network = Network {
        given: standardiser.outputs(),
        predict: coordinates.dimension(),
        embedding: Embedding::Identity,
        head: Head::Spline(SplineFlow {
            transforms: 1,
            hidden: 64,
            ..SplineFlow::default()
        }),
    };
    let recipe = Recipe {
        epochs: 5,
        averaging: 20,
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

/// Refines at data simulated by `seed`: the data and the answer.
fn refined(text: &str, seed: u64) -> (Vec<f64>, Refined) {
    let mechanism = Mechanism::parse("m", text, ".").unwrap();
    let compiled = Compiled::new(&mechanism).unwrap();
    let amortized = trained(&mechanism, &compiled);
    let data: Vec<f64> = simulate(&compiled, seed, &[0]).unwrap().observed.concat();
    let problem = Problem {
        amortized: &amortized,
        mechanism: 0,
        compiled: &compiled,
        given: &amortized.standardise(&data).unwrap(),
        data: &data,
        particles: None,
        budget: 10_000_000,
        confirm: true,
        stop: &AtomicBool::new(false),
        late: NEVER_LATE,
    };
    let refined = problem.refine(4000, 1).unwrap();
    println!(
        "{:?}, k-hat {:.2}, ln evidence {:.3} ± {:.3}, {} calls, {:?}",
        refined.method,
        refined.k_hat,
        refined.log_evidence,
        refined.log_evidence_error,
        refined.calls,
        refined.confirmation
    );
    (data, refined)
}

/// Exact, and right: `exact` are mean and sd of (a transform of) each parameter.
fn holds(refined: &Refined, exact: &[(f64, f64)], log_evidence: f64, of: impl Fn(f64) -> f64) {
    assert_eq!(refined.method, Method::Tempering);
    let confirmation = refined.confirmation.unwrap();
    assert_eq!(
        confirmation.agreement(),
        Agreement::Same,
        "{confirmation:?}"
    );
    let (off, error) = (
        refined.log_evidence - log_evidence,
        refined.log_evidence_error,
    );
    assert!(error < 0.12, "{error}");
    // 4 standard errors of seven degrees of freedom: 1 in 200 over seeds.
    assert!(off.abs() < 4.0 * error, "{off} ± {error}");
    for (k, &(mean, sd)) in exact.iter().enumerate() {
        let column: Vec<f64> = refined.draws.parameters[k].iter().map(|&x| of(x)).collect();
        let n = column.len() as f64;
        let found = column.iter().sum::<f64>() / n;
        let spread = (column.iter().map(|x| (x - found).powi(2)).sum::<f64>() / n).sqrt();
        // Draws are worth some thousand independent ones: standard errors of 0.03 and 0.022 sds.
        assert!(
            (found - mean).abs() < 0.15 * sd,
            "{k}: {found}, exact {mean} ± {sd}"
        );
        assert!(
            (spread / sd - 1.0).abs() < 0.12,
            "{k}: {spread}, exact {sd}"
        );
    }
}

/// Factors a positive definite matrix in place and solves for `b`; ln of its determinant.
fn solve(matrix: &mut [Vec<f64>], b: &mut [f64]) -> f64 {
    let n = b.len();
    let mut log = 0.0;
    for p in 0..n {
        let (above, below) = matrix.split_at_mut(p + 1);
        let pivot = &above[p];
        log += pivot[p].ln();
        for (r, row) in (p + 1..n).zip(below) {
            let factor = row[p] / pivot[p];
            for (to, from) in row[p..].iter_mut().zip(&pivot[p..]) {
                *to -= factor * from;
            }
            b[r] -= factor * b[p];
        }
    }
    for r in (0..n).rev() {
        for c in r + 1..n {
            b[r] -= matrix[r][c] * b[c];
        }
        b[r] /= matrix[r][r];
    }
    log
}

/// Forty coefficients of a linear model with fifty measurements.
#[test]
fn forty_parameters_of_a_linear_mechanism() {
    const D: usize = 40;
    const N: usize = 50;
    const SD: f64 = 2.0;
    let mut stream = Stream::new(3, Purpose::CLAIM, 0);
    let design: Vec<Vec<f64>> = (0..N)
        .map(|_| {
            (0..D)
                .map(|_| (stream.normal() * 100.0).round() / 100.0)
                .collect()
        })
        .collect();
    let mut text =
        format!("[parameters]\ntheta = {{ prior = 'Normal(0, 1)', size = {D} }}\n[observed]\n");
    for (i, row) in design.iter().enumerate() {
        let terms = row
            .iter()
            .enumerate()
            .map(|(j, a)| format!("{a} * theta_{}", j + 1));
        let sum = terms.collect::<Vec<_>>().join(" + ").replace("+ -", "- ");
        writeln!(text, "y{i} = 'Normal({sum}, {SD})'").unwrap();
    }
    let (data, refined) = refined(&text, 7);
    // Posterior precision 1 + A'A / sd^2.
    let precision = || -> Vec<Vec<f64>> {
        let entry = |j: usize, k: usize| {
            let own = if j == k { 1.0 } else { 0.0 };
            own + design.iter().map(|row| row[j] * row[k]).sum::<f64>() / (SD * SD)
        };
        (0..D)
            .map(|j| (0..D).map(|k| entry(j, k)).collect())
            .collect()
    };
    let project = |j: usize| {
        design
            .iter()
            .zip(&data)
            .map(|(row, y)| row[j] * y)
            .sum::<f64>()
    };
    let pull: Vec<f64> = (0..D).map(|j| project(j) / (SD * SD)).collect();
    let mut mean = pull.clone();
    let log_determinant = solve(&mut precision(), &mut mean);
    let exact: Vec<(f64, f64)> = (0..D)
        .map(|k| {
            let mut unit = vec![0.0; D];
            unit[k] = 1.0;
            solve(&mut precision(), &mut unit);
            (mean[k], unit[k].sqrt())
        })
        .collect();
    let squares: f64 = data.iter().map(|y| y * y).sum::<f64>() / (SD * SD);
    let explained: f64 = pull.iter().zip(&mean).map(|(a, b)| a * b).sum();
    let log_evidence =
        -0.5 * (squares - explained + log_determinant) - N as f64 * (0.5 * LN_TAU + SD.ln());
    holds(&refined, &exact, log_evidence, |x| x);
}

/// Fifteen substances that decay by meeting themselves, each with a rate and a first amount of its
/// own: thirty parameters whose posterior is fifteen bent ridges.
#[test]
fn thirty_parameters_of_a_nonlinear_mechanism() {
    const PAIRS: usize = 15;
    const TIMES: [f64; 4] = [0.5, 1.0, 2.0, 4.0];
    const SD: f64 = 0.2;
    let mut text = String::from("[parameters]\n");
    for i in 0..PAIRS {
        writeln!(
            text,
            "k{i} = 'LogNormal(0, 0.7)'\na{i} = 'LogNormal(0.3, 0.5)'"
        )
        .unwrap();
    }
    text.push_str("[states]\n");
    (0..PAIRS).for_each(|i| writeln!(text, "x{i} = 'a{i}'").unwrap());
    text.push_str("[dynamics]\n");
    (0..PAIRS).for_each(|i| writeln!(text, "x{i} = '-k{i} * x{i}^2'").unwrap());
    writeln!(text, "[observed]\ntimes = {TIMES:?}").unwrap();
    (0..PAIRS).for_each(|i| writeln!(text, "y{i} = 'Normal(x{i}, {SD})'").unwrap());
    let (data, refined) = refined(&text, 9);
    // x = a / (1 + k a t): each pair by a sum over a grid of its standard scores.
    let (mut exact, mut log_evidence) = (Vec::new(), 0.0);
    for seen in data.chunks_exact(TIMES.len()) {
        const POINTS: usize = 1201;
        let score = |n: usize| 12.0 * n as f64 / (POINTS - 1) as f64 - 6.0;
        let cell = (12.0 / (POINTS - 1) as f64).powi(2);
        let mut sums = [0.0; 5];
        for n in 0..POINTS {
            for m in 0..POINTS {
                let (u, v) = (score(n), score(m));
                let (k, a) = ((0.7 * u).exp(), (0.3 + 0.5 * v).exp());
                let squares: f64 = TIMES
                    .iter()
                    .zip(seen)
                    .map(|(t, y)| ((y - a / (1.0 + k * a * t)) / SD).powi(2))
                    .sum();
                let weight = (-0.5 * (u * u + v * v + squares)).exp() * cell;
                let terms = [1.0, 0.7 * u, (0.7 * u).powi(2), 0.5 * v, (0.5 * v).powi(2)];
                sums.iter_mut()
                    .zip(terms)
                    .for_each(|(sum, term)| *sum += weight * term);
            }
        }
        let [all, u, uu, v, vv] = sums;
        let sd = |first: f64, second: f64| (second / all - (first / all).powi(2)).sqrt();
        exact.push((u / all, sd(u, uu)));
        exact.push((0.3 + v / all, sd(v, vv)));
        let constant = LN_TAU + TIMES.len() as f64 * (0.5 * LN_TAU + SD.ln());
        log_evidence += all.ln() - constant;
    }
    holds(&refined, &exact, log_evidence, f64::ln);
}
