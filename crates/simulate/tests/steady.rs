//! Steady states against known equilibria.
#![allow(clippy::unwrap_used)]

use gnomon_mechanism::Mechanism;
use gnomon_simulate::{Compiled, LikelihoodGradient, log_likelihood, simulate_at};

fn compiled(text: &str) -> Compiled {
    Compiled::new(&Mechanism::parse("m", text, ".").unwrap()).unwrap()
}

/// A + B <-> C from a_0, b_0 and no C: c is the smaller root of k (a_0 - c) (b_0 - c) = c. The
/// Jacobian is singular: what is conserved stays.
#[test]
fn a_chemical_equilibrium_obeys_mass_action() {
    let text = "[parameters]\nk = 'LogUniform(0.01, 1000)'\n[states]\nA = 3\nB = 2\nC = 0\n\
         [[reactions]]\nname = 'binding'\nrate = 'k * A * B'\nchange = { A = -1, B = -1, C = 1 }\n\
         [[reactions]]\nname = 'loss'\nrate = 'C'\nchange = { A = 1, B = 1, C = -1 }\n\
         [observed]\ntimes = 'steady'\nC = 'C'\nall = 'A + C'";
    let text = text.replace("\nC = 'C'", "\nbound = 'C'");
    let rates = vec![0.01, 0.3, 1.0, 7.0, 1000.0];
    let batch = simulate_at(&compiled(&text), vec![rates.clone()], 0, &[0, 1, 2, 3, 4]).unwrap();
    for (row, k) in rates.into_iter().enumerate() {
        let half = (5.0 + 1.0 / k) / 2.0;
        let wanted = 6.0 / (half + (half * half - 6.0).sqrt());
        let found = batch.observed[0][row];
        assert_eq!(batch.failures[row], None);
        assert!((found - wanted).abs() < 1e-8, "k = {k}: {found}, {wanted}");
        assert!((batch.observed[1][row] - 3.0).abs() < 1e-8);
    }
}

/// x' = x - x^3 rests at the root on the start's side of 0, and at 0 from there alone.
#[test]
fn of_two_states_it_is_the_one_that_the_start_flows_to() {
    let text = "[parameters]\nfirst = 'Uniform(-3, 3)'\n[states]\nx = 'first'\n[dynamics]\nx = 'x - x^3'\n\
         [observed]\ntimes = 'steady'\ny = 'x'";
    let first = vec![-2.5, -1e-6, 0.0, 1e-6, 0.01, 2.9];
    let batch = simulate_at(&compiled(text), vec![first], 0, &[0, 1, 2, 3, 4, 5]).unwrap();
    let wanted = [-1.0, -1.0, 0.0, 1.0, 1.0, 1.0];
    for (found, wanted) in batch.observed[0].iter().zip(wanted) {
        assert!((found - wanted).abs() < 1e-9, "{found}, {wanted}");
    }
}

/// What never comes to rest, or not in time, fails and says so.
#[test]
fn what_moves_on_fails() {
    let cycle = "[states]\nx = 1\nv = 0\n[dynamics]\nx = 'v'\nv = '2 * (1 - x^2) * v - x'\n\
         [solver]\nmost_steps = 500\n[observed]\ntimes = 'steady'\ny = 'x'";
    let growth = "[states]\nx = 1\n[dynamics]\nx = 1\n[observed]\ntimes = 'steady'\ny = 'x'";
    let slow = "[states]\nx = 1\n[dynamics]\nx = '-0.01 * x'\n[solver]\nhorizon = 10\n\
         [observed]\ntimes = 'steady'\ny = 'x'";
    let wanted = [
        (cycle, "more than 500 steps"),
        (
            growth,
            "x still moves at time 1000000: no steady state is reached by then",
        ),
        (
            slow,
            "x still moves at time 10: no steady state is reached by then",
        ),
    ];
    for (text, wanted) in wanted {
        let batch = simulate_at(&compiled(text), vec![], 0, &[0]).unwrap();
        assert_eq!(batch.failures[0].as_ref().unwrap().to_string(), wanted);
        assert!(batch.observed[0][0].is_nan());
    }
}

/// The derivative of an equilibrium by a parameter: x = a / b, of which the log-density's slopes follow.
#[test]
fn equilibria_have_gradients() {
    let text = "[parameters]\na = 'Uniform(1, 2)'\nb = 'Uniform(1, 2)'\n[states]\nx = 5\n[dynamics]\nx = 'a - b * x'\n\
         [observed]\ntimes = 'steady'\ny = 'Normal(x, 0.5)'";
    let mechanism = Mechanism::parse("m", text, ".").unwrap();
    let at = vec![vec![1.2], vec![1.6]];
    let slopes = LikelihoodGradient::new(&mechanism)
        .unwrap()
        .at(&at, &[0.9])
        .unwrap();
    let (x, off) = (0.75, (0.9 - 0.75) / 0.25);
    assert!((slopes[0][0] - off / 1.6).abs() < 1e-6, "{slopes:?}");
    assert!((slopes[1][0] + off * x / 1.6).abs() < 1e-6, "{slopes:?}");
    let log = log_likelihood(&compiled(text), &at, &[0.9]).unwrap();
    let wanted =
        -0.5 * (0.15f64 / 0.5).powi(2) - (0.5f64 * (2.0 * std::f64::consts::PI).sqrt()).ln();
    assert!((log[0] - wanted).abs() < 1e-8);
}
