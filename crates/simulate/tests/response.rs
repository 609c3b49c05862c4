//! Systems in the frequency domain against their closed forms.
#![allow(clippy::needless_range_loop, clippy::unwrap_used)]

use std::f64::consts::PI;

use gnomon_mechanism::Mechanism;
use gnomon_mechanism::elementary::sin;
use gnomon_simulate::{Compiled, matrices, response, simulate_at};

fn read(text: &str) -> Mechanism {
    Mechanism::parse("m", text, ".").unwrap()
}

/// F / sqrt((k - m w^2)^2 + (c w)^2), behind by the angle of its denominator; at Q = 1e4 as well.
#[test]
fn an_oscillator_answers_by_its_formula() {
    let text = "[parameters]\nk = 'Uniform(1, 9)'\nc = 'LogUniform(0.0001, 1)'\n\
         [response]\nfrequency = 'w'\nmass = 2\ndamping = 'c'\nstiffness = 'k'\nforce = 3\n\
         [observed]\nfrequencies = [0, 0.5, 1, 1.4142135, 2, 30]\n\
         a = 'amplitude(y)'\np = 'phase(y)'\nr = 'real(y)'\nj = 'imaginary(y)'\nt_ = 'amplitude((2 - 1) * y / 4)'\n\
         on_axis = 'phase(0 * y - 2)'";
    let mechanism = read(text);
    let compiled = Compiled::new(&mechanism).unwrap();
    let parameters = vec![vec![4.0, 4.0, 5.0], vec![0.8, 2.8e-4, 0.3]];
    let batch = simulate_at(&compiled, parameters.clone(), 0, &[0, 1, 2]).unwrap();
    let frequencies = &mechanism.observed[0].times;
    for row in 0..3 {
        let (k, c) = (parameters[0][row], parameters[1][row]);
        for (number, &w) in frequencies.iter().enumerate() {
            let (re, im) = (k - 2.0 * w * w, c * w);
            let size = (re * re + im * im).sqrt();
            let wanted = [
                3.0 / size,
                -im.atan2(re),
                3.0 * re / (size * size),
                -3.0 * im / (size * size),
                0.75 / size,
                PI,
            ];
            for (series, wanted) in wanted.into_iter().enumerate() {
                let found = batch.observed[series * frequencies.len() + number][row];
                let slack = 1e-9 * (1.0 + wanted.abs());
                assert!(
                    (found - wanted).abs() < slack,
                    "{series} at {w}: {found}, {wanted}"
                );
            }
        }
    }
}

/// Twelve masses between walls resonate at 2 sqrt(k / m) sin(j pi / 26), and answer as the sum over these
/// modes of sin(j pi / 13) sin(l j pi / 13) (2 / 13) / (w_j^2 - w^2 + j w c).
#[test]
fn a_chain_answers_as_its_modes_do() {
    let text = "[parameters]\nk = 'Uniform(1, 9)'\n\
         [response]\nfrequency = 'w'\nunknown = 'x'\nsize = 12\nmass = 1\ndamping = 0.02\n\
         stiffness = 'if(row == column, 2 * k, if(abs(row - column) == 1, -k, 0))'\n\
         force = 'if(i == 1, 1, 0)'\n[observed]\nfrequencies = '0.1:0.1:5'\na = 'amplitude(x[12])'";
    let compiled = Compiled::new(&read(text)).unwrap();
    let k: f64 = 4.0;
    let eigen = |j: usize| 2.0 * k.sqrt() * sin(j as f64 * PI / 26.0);
    let frequencies: Vec<f64> = (1..=12).map(eigen).chain([0.3, 2.2]).collect();
    let found = response(&compiled, &[vec![k]], &frequencies).unwrap();
    for (number, &w) in frequencies.iter().enumerate() {
        for l in 1..=12 {
            let (mut re, mut im) = (0.0, 0.0);
            for j in 1..=12 {
                let shape = |l: usize| sin(l as f64 * j as f64 * PI / 13.0);
                let (a, b) = (eigen(j).powi(2) - w * w, 0.02 * w);
                let weight = 2.0 / 13.0 * shape(1) * shape(l) / (a * a + b * b);
                re += weight * a;
                im -= weight * b;
            }
            let [r, i] = found.at(0, number)[l - 1];
            let error = (r - re).abs().max((i - im).abs());
            assert!(
                error < 1e-10 * (1.0 + re.hypot(im)),
                "x[{l}] at {w}: {error}"
            );
        }
    }
    let own = matrices(compiled.mechanism(), &[k]).unwrap();
    assert!(!own.is_undamped());
    // Each mode is an eigenvector of the stiffness by its frequency's square.
    for j in 1..=12 {
        let shape: Vec<f64> = (1..=12)
            .map(|l| sin(f64::from(l) * j as f64 * PI / 13.0))
            .collect();
        for row in 0..12 {
            let sum: f64 = (0..12)
                .map(|c| own.stiffness[row * 12 + c] * shape[c])
                .sum();
            assert!((sum - eigen(j).powi(2) * shape[row]).abs() < 1e-12);
        }
    }
    let undamped = read(&text.replace("damping = 0.02\n", ""));
    assert!(matrices(&undamped, &[k]).unwrap().is_undamped());
}

/// Rows, diagonals, complex forces, and a frequency that is a parameter.
#[test]
fn every_form_is_the_same_system() {
    let rows = "[parameters]\nw = 'Uniform(0, 2)'\n[response]\nfrequency = 'w'\n\
         stiffness = [['2', '-1'], ['-1 - w', 3]]\nmass = [1, 2]\nimaginary = [[0, 0.5], [0, 0.1]]\n\
         force = [1, 'w']\nimaginary_force = [0, 2]\n[observed]\na = 'real(y[1] + 2 * y[2])'\nb = 'imaginary(y[1] * y[2])'";
    let compiled = Compiled::new(&read(rows)).unwrap();
    let w = 0.7;
    let batch = simulate_at(&compiled, vec![vec![w]], 0, &[0]).unwrap();
    assert_eq!(compiled.observed_columns(), ["a", "b"]);
    // By Cramer's rule.
    type C = [f64; 2];
    let mul = |a: C, b: C| [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]];
    let sub = |a: C, b: C| [a[0] - b[0], a[1] - b[1]];
    let div = |a: C, b: C| {
        let size = b[0] * b[0] + b[1] * b[1];
        mul(a, [b[0] / size, -b[1] / size])
    };
    let a = [
        [[2.0 - w * w, 0.0], [-1.0, 0.5]],
        [[-1.0 - w, 0.0], [3.0 - 2.0 * w * w, 0.1]],
    ];
    let b = [[1.0, 0.0], [w, 2.0]];
    let whole = sub(mul(a[0][0], a[1][1]), mul(a[0][1], a[1][0]));
    let first = div(sub(mul(b[0], a[1][1]), mul(a[0][1], b[1])), whole);
    let second = div(sub(mul(a[0][0], b[1]), mul(b[0], a[1][0])), whole);
    assert!((batch.observed[0][0] - (first[0] + 2.0 * second[0])).abs() < 1e-12);
    assert!((batch.observed[1][0] - mul(first, second)[1]).abs() < 1e-12);
    // The frequency is the parameter's, whatever else is asked.
    let found = response(&compiled, &[vec![w]], &[1.0]).unwrap();
    for (own, exact) in found.at(0, 0).iter().zip([first, second]) {
        assert!((own[0] - exact[0]).abs() < 1e-12 && (own[1] - exact[1]).abs() < 1e-12);
    }
}

/// Exactly at an undamped resonance there is no answer, and that row fails.
#[test]
fn a_singular_system_fails() {
    let text = "[parameters]\nk = 'Uniform(1, 9)'\n[response]\nfrequency = 'w'\nmass = 1\nstiffness = 'k'\n\
         force = 1\n[observed]\nfrequencies = [1, 2]\na = 'amplitude(y)'";
    let compiled = Compiled::new(&read(text)).unwrap();
    let batch = simulate_at(&compiled, vec![vec![4.0, 5.0]], 0, &[0, 1]).unwrap();
    let reason = batch.failures[0].as_ref().unwrap().to_string();
    assert_eq!(reason, "the response at frequency 2 is not finite");
    assert_eq!(batch.failures[1], None);
    assert!((batch.observed[1][1] - 1.0).abs() < 1e-12);
}
