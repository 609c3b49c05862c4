//! Sweeps over told trajectories: they end at what the solver says, with Newton's order.
#![allow(clippy::unwrap_used)]

use gnomon_emulate::sweep::{Control, Swept, Told, order, sweep};
use gnomon_mechanism::Mechanism;
use gnomon_simulate::{Compiled, VectorField, solve};

const PREY: &str = "[parameters]\na = 'Uniform(0, 2)'\nb = 'Uniform(0, 1)'\n[states]\nx = 30\ny = 1\n\
    [dynamics]\nx = 'a * x - 0.05 * x * y'\ny = '0.02 * x * y - b * y'\n\
    [solver]\nrelative_tolerance = 1e-8\nabsolute_tolerance = 1e-10\n[observed]\ntimes = '0.25:0.25:20'\nx = 'x'\ny = 'y'";

const ROBERTSON: &str = "[parameters]\nk = 'Uniform(0, 1)'\n[states]\na = 1\nb = 0\nc = 0\n\
    [dynamics]\na = '-k * a + 1e4 * b * c'\nb = 'k * a - 1e4 * b * c - 3e7 * b^2'\nc = '3e7 * b^2'\n\
    [solver]\nmethod = 'stiff'\nrelative_tolerance = 1e-7\nabsolute_tolerance = 1e-12\n\
    [observed]\ntimes = [0.01, 0.1, 1, 4, 40, 400]\na = 'a'\nb = 'b'\nc = 'c'";

const PULSED: &str = "[parameters]\nk = 'Uniform(0, 1)'\n[states]\nx = 0\n\
    [dynamics]\nx = 'if(t < 1.5, 1, 0) - k * x'\n[observed]\ntimes = [1, 2, 3]\nx = 'x'";

/// The solver's own trajectory at its asked times, every component off by up to `off` of itself, swept.
fn told(text: &str, parameters: &[f64], off: f64) -> (Vec<f64>, Swept) {
    let mechanism = Mechanism::parse("m", text, ".").unwrap();
    let mut tight = mechanism.clone();
    if let gnomon_mechanism::model::Law::Ode { solver, .. } = &mut tight.dynamics.law {
        (solver.relative, solver.absolute) = (1e-11, 1e-16);
    }
    let columns: Vec<Vec<f64>> = parameters.iter().map(|&p| vec![p]).collect();
    let exact = solve(&Compiled::new(&tight).unwrap(), &columns, 1, &[0]).unwrap();
    let wrong = exact.values.iter().enumerate();
    let wrong: Vec<f64> = wrong
        .map(|(k, v)| v * (1.0 + off * (7.0 * k as f64).sin()))
        .collect();
    let field = VectorField::new(&mechanism).unwrap();
    let mut at = field.at(parameters).unwrap();
    let trajectory = Told {
        times: &exact.times,
        components: &wrong,
    };
    let control = Control::of(&field);
    let swept = sweep(&mut at, &field, trajectory, &exact.times, &control, true).unwrap();
    (exact.values, swept)
}

fn error(exact: &[f64], found: &[f64]) -> f64 {
    let pairs = exact.iter().zip(found);
    pairs
        .map(|(e, f)| (e - f).abs() / e.abs().max(1e-6))
        .fold(0.0, f64::max)
}

#[test]
fn sweeps_reach_the_solvers_answer_at_newtons_rate() {
    for off in [0.001, 0.05, 0.2] {
        let (exact, swept) = told(PREY, &[0.5, 0.4], off);
        assert!(swept.converged, "{:?}", swept.sweeps);
        assert!(swept.sweeps[0].residual > 1e4 && swept.sweeps.len() <= 7);
        let errors: Vec<f64> = swept
            .history
            .iter()
            .map(|at| error(&exact, at.values()))
            .collect();
        // The reference itself is good to some 1e-11.
        assert!(errors[errors.len() - 1] < 1e-9, "{errors:?}");
        // Each sweep squares the error, but for a factor, until the reference's own error shows.
        for pair in errors
            .windows(2)
            .filter(|pair| pair[0] < 0.1 && pair[0] > 1e-5)
        {
            assert!(
                pair[1] < 30.0 * pair[0] * pair[0] + 1e-3 * pair[0],
                "{errors:?}"
            );
        }
        assert!(order(&errors[..4]).unwrap() > 1.2, "{errors:?}");
    }
}

#[test]
fn an_exact_trajectory_is_accepted_with_hardly_a_sweep() {
    let (_, swept) = told(PREY, &[0.5, 0.4], 0.0);
    assert!(
        swept.converged && swept.sweeps.len() <= 4,
        "{:?}",
        swept.sweeps
    );
}

#[test]
fn stiff_equations_and_breaks_are_met() {
    let (exact, swept) = told(ROBERTSON, &[0.04], 0.01);
    assert!(swept.converged, "{:?}", swept.sweeps);
    assert!(error(&exact, swept.components.values()) < 1e-5);
    let (exact, swept) = told(PULSED, &[0.5], 0.1);
    assert!(swept.converged, "{:?}", swept.sweeps);
    assert!(error(&exact, swept.components.values()) < 1e-6);
}

#[test]
fn what_does_not_converge_is_not_accepted() {
    // The solution is infinite at t = 1: no trajectory through t = 2 solves it.
    let text = "[parameters]\nk = 'Uniform(0, 2)'\n[states]\nx = 1\n[dynamics]\nx = 'k * x^2'\n\
                [observed]\ntimes = [2]\nx = 'x'";
    let field = VectorField::new(&Mechanism::parse("m", text, ".").unwrap()).unwrap();
    let mut at = field.at(&[1.0]).unwrap();
    let trajectory = Told {
        times: &[2.0],
        components: &[3.0],
    };
    let control = Control::of(&field);
    let swept = sweep(&mut at, &field, trajectory, &[2.0], &control, false).unwrap();
    assert!(!swept.converged, "{:?}", swept.sweeps);
}

#[test]
fn wrong_input_is_refused() {
    let field = VectorField::new(&Mechanism::parse("m", PREY, ".").unwrap()).unwrap();
    assert!(field.at(&[0.5]).is_err());
    let mut at = field.at(&[0.5, 0.4]).unwrap();
    let control = Control::of(&field);
    for (times, components) in [
        (vec![1.0], vec![1.0]),
        (vec![], vec![]),
        (vec![1.0], vec![1.0, f64::NAN]),
        (vec![f64::INFINITY], vec![1.0, 1.0]),
        (vec![2.0, 1.0], vec![1.0; 4]),
        (vec![-1.0], vec![1.0; 2]),
    ] {
        let trajectory = Told {
            times: &times,
            components: &components,
        };
        let told = sweep(&mut at, &field, trajectory, &[1.0], &control, false);
        assert!(told.is_err(), "{times:?}");
    }
}
