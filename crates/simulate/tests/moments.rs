//! What is observed once, at a time that is a parameter.

#![allow(clippy::unwrap_used, clippy::panic)]

use gnomon_mechanism::Mechanism;
use gnomon_simulate::{Compiled, simulate_at};

fn read(text: &str) -> Mechanism {
    Mechanism::parse("m", text, ".").unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

/// The observed numbers, a column each, at parameters that are given column by column.
fn observed(text: &str, parameters: &[&[f64]]) -> Vec<Vec<f64>> {
    let compiled = Compiled::new(&read(text)).unwrap();
    let columns = parameters.iter().map(|column| column.to_vec()).collect();
    let numbers: Vec<u64> = (0..parameters[0].len() as u64).collect();
    let batch = simulate_at(&compiled, columns, 1, &numbers).unwrap();
    assert!(batch.failures.iter().all(Option::is_none));
    batch.observed
}

const SOLVER: &str =
    "[solver]\nrelative_tolerance = 1e-10\nabsolute_tolerance = 1e-12\nstart = 1\n";

/// An oscillator that is driven, so that its law depends on the time, in closed form; from the start itself
/// to many periods.
#[test]
fn a_trajectory_is_seen_at_any_time() {
    let text = "[parameters]\na = 'Uniform(0, 1)'\nT = 'Uniform(1, 20)'\n[states]\nx = 'a'\nv = 0\nw = 0\n\
        [dynamics]\nx = 'v'\nv = '-x'\nw = 't'\n[observed]\ntimes = 'T'\nx = 'x'\nw = 'w + t'\n\
        gone = 'flow(t)'\n";
    let times = [1.0, 1.5, 7.25, 20.0];
    let found = observed(&format!("{text}{SOLVER}"), &[&[0.5; 4], &times]);
    for (row, t) in times.into_iter().enumerate() {
        let integral = (t * t - 1.0) / 2.0;
        for (found, exact) in found
            .iter()
            .zip([0.5 * (t - 1.0).cos(), integral + t, integral])
        {
            assert!(
                (found[row] - exact).abs() < 1e-7,
                "{} {exact} at {t}",
                found[row]
            );
        }
    }
}

/// Events come at their own times: at a time before it is seen, at one after it, and on a condition.
#[test]
fn events_happen_before_it_is_seen() {
    let text = "[parameters]\nT = 'Uniform(1, 20)'\n[states]\nx = 0\ny = 0\n\
        [dynamics]\nx = 1\ny = 1\n[observed]\ntimes = 'T'\nx = 'x'\ny = 'y'\n\
        [[events]]\nat = 3\nset = { x = 'x + 10 * t' }\n[[events]]\nwhen = 't > 4'\nset = { y = 100 }\n";
    let found = observed(&format!("{text}{SOLVER}"), &[&[2.0, 6.0]]);
    for (found, exact) in found.iter().flatten().zip([1.0, 35.0, 1.0, 102.0]) {
        assert!((found - exact).abs() < 1e-6, "{found} {exact}");
    }
}

#[test]
fn a_formula_is_seen_at_any_time() {
    let text = "[parameters]\nk = 'Uniform(0, 1)'\nT = 'Uniform(0, 4)'\n[observed]\ntimes = '2 * T'\n\
        y = 'exp(-k * t)'";
    assert_eq!(observed(text, &[&[0.5], &[1.5]]), [[(-1.5f64).exp()]]);
}
