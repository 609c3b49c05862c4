//! Evidence and fits of one noisy state, where an approximation of the likelihood leads the way: against
//! quadrature of the likelihood itself, and against the best point near.

use std::cell::Cell;
use std::sync::atomic::AtomicBool;

use crate::estimated::{networks, quadrature};
use gnomon_infer::fit::Likelihood;
use gnomon_infer::refine::{NEVER_LATE, Problem};
use gnomon_mechanism::Mechanism;
use gnomon_simulate::{Compiled, approximate_log_likelihood, log_likelihood};

/// Pulled back the more steeply the farther it strays, and counted: nothing here is normal.
const WELL: &str = r#"
[parameters]
k = "LogNormal(log(0.8), 0.4)"
s = "LogNormal(log(0.6), 0.4)"
[states]
x = 1.5
[dynamics]
x = "-k * x^3"
[noise]
x = "s"
[observed]
y = { distribution = "Poisson(exp(x))", times = "0.5:0.5:4" }
[solver]
step = 0.1
"#;
const COUNTS: [f64; 8] = [4.0, 2.0, 3.0, 0.0, 1.0, 2.0, 0.0, 1.0];

fn compiled() -> (Mechanism, Compiled) {
    let mechanism = Mechanism::parse("m", WELL, ".").unwrap();
    let compiled = Compiled::new(&mechanism).unwrap();
    (mechanism, compiled)
}

#[test]
fn evidence_is_that_of_quadrature_from_few_likelihoods() {
    let (mechanism, compiled) = compiled();
    let farthest = Cell::new(0.0f64);
    let prior = [[0.8f64.ln(), 0.4], [0.6f64.ln(), 0.4]];
    let (exact, _) = quadrature(prior, |k, s| {
        let at = [vec![k], vec![s]];
        let exact = log_likelihood(&compiled, &at, &COUNTS).unwrap()[0];
        let normal = approximate_log_likelihood(&compiled, &at, &COUNTS).unwrap()[0];
        farthest.set(farthest.get().max((exact - normal).abs()));
        exact
    });
    // There is something to correct.
    assert!(farthest.get() > 0.1, "{farthest:?}");
    let amortized = networks(&mechanism, &compiled);
    let problem = Problem {
        amortized: &amortized,
        mechanism: 0,
        compiled: &compiled,
        given: &amortized.standardise(&COUNTS).unwrap(),
        data: &COUNTS,
        particles: None,
        budget: 100_000,
        confirm: false,
        stop: &AtomicBool::new(false),
        late: NEVER_LATE,
    };
    let found = problem.evidence(1).unwrap();
    // 4 standard errors: 1 in 16,000 over seeds.
    let off = found.log - exact;
    assert!(off.abs() < 4.0 * found.error, "{off}: {found:?}");
    assert!(found.is_settled && found.error <= 0.05, "{found:?}");
    assert!(found.calls <= 200, "{found:?}");
    assert_eq!(problem.evidence(1).unwrap(), found);
}

#[test]
fn a_fit_ends_at_the_maximum_of_the_likelihood_itself() {
    let (mechanism, compiled) = compiled();
    let likelihood = Likelihood::new(&mechanism, &["y".to_owned()]).unwrap();
    let fit = likelihood.maximise(&COUNTS, 1).unwrap();
    let at = |by: [f64; 2]| {
        let moved: Vec<Vec<f64>> = fit
            .parameters
            .iter()
            .zip(by)
            .map(|(x, by)| vec![x * by])
            .collect();
        log_likelihood(&compiled, &moved, &COUNTS).unwrap()[0]
    };
    assert!((at([1.0, 1.0]) - fit.log_likelihood).abs() < 1e-6);
    for by in [
        [1.03, 1.0],
        [1.0 / 1.03, 1.0],
        [1.0, 1.03],
        [1.0, 1.0 / 1.03],
    ] {
        assert!(at(by) < fit.log_likelihood, "{fit:?} {by:?}");
    }
    assert!(fit.agreeing >= 12 && fit.calls < 100, "{fit:?}");
}
