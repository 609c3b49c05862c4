//! Partial differential equations by the method of lines against their solutions.
#![allow(clippy::unwrap_used)]

use std::f64::consts::PI;

use gnomon_mechanism::Mechanism;
use gnomon_mechanism::elementary::{cos, exp, ln};
use gnomon_simulate::lanes::InstructionSet;
use gnomon_simulate::{Batch, Compiled, LikelihoodGradient, simulate, simulate_at};

fn run(text: &str, parameters: &[f64]) -> Vec<f64> {
    let compiled = Compiled::new(&Mechanism::parse("m", text, ".").unwrap()).unwrap();
    let columns = parameters.iter().map(|&p| vec![p]).collect();
    let batch: Batch = simulate_at(&compiled, columns, 0, &[0]).unwrap();
    assert_eq!(batch.failures, [None]);
    batch.observed.iter().map(|column| column[0]).collect()
}

/// The largest difference from `exact` at the middles of `cells` cells of [0, 1].
fn error(found: &[f64], cells: usize, exact: impl Fn(f64) -> f64) -> f64 {
    assert_eq!(found.len(), cells);
    let middle = |cell: usize| (cell as f64 + 0.5) / cells as f64;
    let errors = found.iter().enumerate();
    errors
        .map(|(cell, u)| (u - exact(middle(cell))).abs())
        .fold(0.0, f64::max)
}

fn sin(x: f64) -> f64 {
    gnomon_mechanism::elementary::sin(x)
}

fn heat(cells: usize, initial: &str, boundary: &str, method: &str) -> String {
    format!(
        "[space]\nx = {{ from = 0, to = 1, cells = {cells} }}\n[parameters]\nD = 'Uniform(0, 1)'\n\
         [states]\nu = {{ over = 'x', initial = '{initial}', boundary = {boundary} }}\n\
         [dynamics]\nu = 'D * (u[i-1] - 2 * u[i] + u[i+1]) / dx^2'\n\
         [solver]\nmethod = '{method}'\nrelative_tolerance = 1e-9\nabsolute_tolerance = 1e-11\n\
         [observed]\ntimes = [1]\nu = {{ over = 'x', distribution = 'u[i]' }}"
    )
}

/// A sine decays as exp(-D k^2 t); halving the spacing quarters the error, with each boundary.
#[test]
fn heat_decays_as_fourier_says_to_second_order() {
    type Case<'a> = (&'a str, &'a str, fn(f64) -> f64, f64);
    let cases: [Case<'_>; 4] = [
        (
            "sin(2 * pi * x[i])",
            "'periodic'",
            |x| sin(2.0 * PI * x),
            2.0 * PI,
        ),
        ("1 + cos(pi * x[i])", "'zero flux'", |x| cos(PI * x), PI),
        ("1 + sin(pi * x[i])", "'1'", |x| sin(PI * x), PI),
        (
            "1 + sin(pi * x[i] / 2)",
            "{ left = 1, right = 'zero flux' }",
            |x| sin(PI * x / 2.0),
            PI / 2.0,
        ),
    ];
    for (initial, boundary, mode, k) in cases {
        let constant = if initial.starts_with('1') { 1.0 } else { 0.0 };
        let exact = |x: f64| constant + exp(-0.05 * k * k) * mode(x);
        for method in ["stiff", "explicit"] {
            let errors = [16, 32, 64].map(|cells| {
                error(
                    &run(&heat(cells, initial, boundary, method), &[0.05]),
                    cells,
                    exact,
                )
            });
            for pair in errors.windows(2) {
                let ratio = pair[0] / pair[1];
                assert!(
                    (3.7..4.3).contains(&ratio),
                    "{boundary}, {method}: {errors:?}"
                );
            }
            assert!(errors[2] < 3e-4, "{boundary}, {method}: {errors:?}");
        }
    }
}

/// Burgers on a ring from a sine, by Cole & Hopf: u = -2 nu (ln f)_x, where f solves the heat equation
/// from exp(-height (1 - cos(2 pi x)) / (4 pi nu)); its Fourier series is summed here.
#[test]
fn burgers_is_what_cole_and_hopf_found() {
    let (nu, height, time) = (0.02, 1.0, 0.25);
    let waves = 200;
    let points = 4000;
    let initial = |x: f64| exp(-height * (1.0 - cos(2.0 * PI * x)) / (4.0 * PI * nu));
    let coefficient = |wave: usize| {
        let point = |p: usize| {
            let x = p as f64 / f64::from(points);
            initial(x) * cos(2.0 * PI * wave as f64 * x)
        };
        let sum: f64 = (0..points as usize).map(point).sum();
        sum / f64::from(points) * if wave == 0 { 1.0 } else { 2.0 }
    };
    let coefficients: Vec<f64> = (0..waves).map(coefficient).collect();
    let exact = |x: f64| {
        let (mut value, mut slope) = (0.0, 0.0);
        for (wave, c) in coefficients.iter().enumerate() {
            let k = 2.0 * PI * wave as f64;
            let faded = c * exp(-nu * k * k * time);
            value += faded * cos(k * x);
            slope -= k * faded * sin(k * x);
        }
        -2.0 * nu * slope / value
    };
    let burgers = |cells: usize| {
        format!(
            "[space]\nx = {{ from = 0, to = 1, cells = {cells} }}\n[parameters]\nnu = 'Uniform(0, 1)'\n\
             [states]\nu = {{ over = 'x', initial = 'sin(2 * pi * x[i])', boundary = 'periodic' }}\n[dynamics]\n\
             u = 'nu * (u[i-1] - 2 * u[i] + u[i+1]) / dx^2 - (u[i+1]^2 - u[i-1]^2) / (4 * dx)'\n\
             [observed]\ntimes = [{time}]\nu = {{ over = 'x', distribution = 'u[i]' }}"
        )
    };
    let errors = [64, 128, 256].map(|n| error(&run(&burgers(n), &[nu]), n, exact));
    let orders: Vec<f64> = errors
        .windows(2)
        .map(|e| ln(e[0] / e[1]) / ln(2.0))
        .collect();
    println!("errors {errors:?}, orders {orders:?}");
    assert!(errors[1] < 0.03 && errors[2] < 0.008, "{errors:?}");
    assert!(orders.iter().all(|order| *order > 1.7), "{orders:?}");
}

/// A front of u_t = u_xx + u (1 - u) (u - a) travels as 1 / (1 + exp((x - c t) / sqrt(2))) with
/// c = (1 - 2 a) / sqrt(2) (Nagumo); at a = 1/2, which is Allen & Cahn's, it stands.
#[test]
fn fronts_travel_at_their_speed() {
    let cells = 400;
    let text = format!(
        "[space]\nx = {{ from = -20, to = 20, cells = {cells} }}\n[parameters]\na = 'Uniform(0, 1)'\n\
         [states]\nu = {{ over = 'x', initial = '1 / (1 + exp(x[i] / sqrt(2)))', boundary = 'zero flux' }}\n\
         [dynamics]\nu = '(u[i-1] - 2 * u[i] + u[i+1]) / dx^2 + u[i] * (1 - u[i]) * (u[i] - a)'\n\
         [observed]\ntimes = [10]\nu = {{ over = 'x', distribution = 'u[i]' }}"
    );
    for a in [0.5, 0.25] {
        let speed = (1.0 - 2.0 * a) / 2f64.sqrt();
        let exact =
            |share: f64| 1.0 / (1.0 + exp((40.0 * share - 20.0 - speed * 10.0) / 2f64.sqrt()));
        let error = error(&run(&text, &[a]), cells, exact);
        assert!(error < 1e-3, "a = {a}: {error}");
    }
}

/// A standing wave on a string is two that travel (d'Alembert): sin(pi x) cos(pi c t).
#[test]
fn a_string_swings() {
    let wave = |cells: usize| {
        format!(
            "[space]\nx = {{ from = 0, to = 1, cells = {cells} }}\n[parameters]\nc = 'Uniform(0, 2)'\n[states]\n\
             u = {{ over = 'x', initial = 'sin(pi * x[i])', boundary = 0 }}\nv = {{ over = 'x', initial = 0 }}\n\
             [dynamics]\nu = 'v[i]'\nv = 'c^2 * (u[i-1] - 2 * u[i] + u[i+1]) / dx^2'\n\
             [solver]\nrelative_tolerance = 1e-8\nabsolute_tolerance = 1e-10\n\
             [observed]\ntimes = [1.2]\nu = {{ over = 'x', distribution = 'u[i]' }}"
        )
    };
    let exact = |x: f64| sin(PI * x) * cos(PI * 1.5 * 1.2);
    let errors = [20, 40, 80].map(|n| error(&run(&wave(n), &[1.5]), n, exact));
    for pair in errors.windows(2) {
        let ratio = pair[0] / pair[1];
        assert!((3.6..4.4).contains(&ratio), "{errors:?}");
    }
}

/// Between entries the straight line; at an end the value that is set there.
#[test]
fn positions_lie_between_entries() {
    let text = "[space]\nx = { from = 1, to = 3, cells = 4 }\n[states]\n\
         u = { over = 'x', initial = '10 * x[i]', boundary = { left = 5, right = 'zero flux' } }\n\
         [dynamics]\nu = 0\n[observed]\ntimes = [1]\na = 'at(u, 1)'\nb = 'at(u, 1.25)'\nc = 'at(u, 1.5)'\n\
         d = 'at(u, 2.35)'\ne = 'at(u, 3)'\nf = 'u[0]'\ng = 'u[5]'\nh = 'u[-1]'";
    let found = run(text, &[]);
    let wanted = [5.0, 12.5, 15.0, 23.5, 27.5, -2.5, 27.5, -7.5];
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found - wanted).abs() < 1e-12, "{found} is not {wanted}");
    }
}

/// The same bits with any instruction set and any company, by the band.
#[test]
fn bits_do_not_depend_on_lanes() {
    let text = heat(40, "sin(2 * pi * x[i])^3", "'periodic'", "stiff");
    let mechanism = Mechanism::parse("m", &text, ".").unwrap();
    let numbers: Vec<u64> = (0..80).collect();
    let best = simulate(&Compiled::new(&mechanism).unwrap(), 3, &numbers).unwrap();
    for set in InstructionSet::available() {
        let compiled = Compiled::with_set(&mechanism, set).unwrap();
        assert_eq!(simulate(&compiled, 3, &numbers).unwrap(), best, "{set:?}");
        let alone = simulate(&compiled, 3, &[77]).unwrap();
        for (alone, all) in alone.observed.iter().zip(&best.observed) {
            assert_eq!(alone[0].to_bits(), all[77].to_bits());
        }
    }
}

/// Sensitivities of a field give the gradient; where there would be too many, it is refused.
#[test]
fn a_field_has_a_gradient() {
    let text = heat(32, "sin(2 * pi * x[i])", "'periodic'", "auto").replace(
        "distribution = 'u[i]'",
        "distribution = 'Normal(u[i], 0.1)'",
    );
    let mechanism = Mechanism::parse("m", &text, ".").unwrap();
    let compiled = Compiled::new(&mechanism).unwrap();
    let data = vec![0.1; 32];
    let slope = LikelihoodGradient::new(&mechanism).unwrap();
    let slope = slope.at(&[vec![0.05]], &data).unwrap()[0][0];
    let around = vec![vec![0.05 - 1e-4, 0.05 + 1e-4]];
    let log = gnomon_simulate::log_likelihood(&compiled, &around, &data).unwrap();
    let difference = (log[1] - log[0]) / 2e-4;
    assert!(
        (slope - difference).abs() < 1e-3 * difference.abs(),
        "{slope}, {difference}"
    );
    let large = text.replace("cells = 32", "cells = 2500");
    let error = LikelihoodGradient::new(&Mechanism::parse("m", &large, ".").unwrap()).unwrap_err();
    assert!(error.to_string().contains("2500 sensitivities"), "{error}");
}
