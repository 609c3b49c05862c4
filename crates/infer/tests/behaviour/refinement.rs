//! Refined posteriors against exact ones. Seeds are fixed: nothing is left to chance.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::normal::{MECHANISM, log_normal_density, trained};
use gnomon_infer::refine::{
    Agreement, Method, NEVER_LATE, Problem, Progress, Refined, Unconfirmed,
};
use gnomon_infer::{Amortized, InferError};
use gnomon_mechanism::Mechanism;
use gnomon_simulate::Compiled;

fn refine(
    amortized: &Amortized,
    text: &str,
    y: f64,
    draws: usize,
    stop: bool,
) -> Result<Refined, InferError> {
    let mechanism = Mechanism::parse("k", text, ".").unwrap();
    let problem = Problem {
        amortized,
        mechanism: 0,
        compiled: &Compiled::new(&mechanism).unwrap(),
        given: &amortized.standardise(&[y]).unwrap(),
        data: &[y],
        particles: None,
        budget: 10_000_000,
        confirm: true,
        stop: &AtomicBool::new(stop),
        late: NEVER_LATE,
    };
    problem.refine(draws, 1)
}

/// ln k given y where y is normal about it with this sd: mean, variance, and ln p(y).
fn exact(y: f64, sd: f64) -> (f64, f64, f64) {
    let spread = 1.0 + sd * sd;
    let evidence = -0.5 * (y * y / spread + (2.0 * std::f64::consts::PI * spread).ln());
    (y / spread, sd * sd / spread, evidence)
}

/// Evidence, moments, densities, and that a start from the prior says the same.
fn holds(refined: &Refined, y: f64, sd: f64, draws: usize) {
    let (mean, variance, evidence) = exact(y, sd);
    let off = refined.log_evidence - evidence;
    // 4 standard errors: 1 in 16,000 over seeds.
    let error = refined.log_evidence_error.max(1e-4);
    assert!(off.abs() < 4.0 * error, "{off} ± {error}");
    assert!(error < 0.1);
    let k = &refined.draws.parameters[0];
    assert_eq!(k.len(), draws);
    let logs: Vec<f64> = k.iter().map(|k| k.ln()).collect();
    let n = draws as f64;
    let found = logs.iter().sum::<f64>() / n;
    let square = logs.iter().map(|x| (x - found).powi(2)).sum::<f64>() / n;
    assert!(
        (found - mean).abs() < 0.1 * variance.sqrt(),
        "{found}, exact {mean}"
    );
    assert!(
        (square / variance - 1.0).abs() < 0.15,
        "{square}, exact {variance}"
    );
    for (log, &k) in refined.log_density.iter().zip(k) {
        let exact = log_normal_density(k, mean, variance);
        assert!(
            (log - exact).abs() < 4.0 * error + 1e-3,
            "{log}, exact {exact}"
        );
    }
    for (square, k) in refined.draws.derived[0].iter().zip(k) {
        assert!((square - k * k).abs() <= 1e-12 * square);
    }
    let confirmation = refined.confirmation.unwrap();
    assert_eq!(
        confirmation.agreement(),
        Agreement::Same,
        "{confirmation:?}"
    );
}

#[test]
fn a_good_network_is_corrected_by_importance() {
    let (_, amortized) = trained();
    for y in [-1.0, 0.3, 1.5] {
        let refined = refine(&amortized, MECHANISM, y, 5_000, false).unwrap();
        assert_eq!(refined.method, Method::Importance);
        assert!(refined.k_hat.is_nan() && refined.effective > 9_000.0);
        holds(&refined, y, 0.5, 5_000);
        let (first, last) = (&refined.progress[0], refined.progress.last().unwrap());
        assert!(first.calls < last.calls && last.error < first.error);
        assert_eq!(last.shift, 0.0);
    }
}

/// The network learned from data a thousand times noisier than these: its draws almost all miss.
#[test]
fn a_network_that_is_far_off_is_tempered_to_the_posterior() {
    let (_, amortized) = trained();
    let text = MECHANISM.replace("0.5)", "0.0005)");
    let refined = refine(&amortized, &text, 0.7, 1_000, false).unwrap();
    assert_eq!(refined.method, Method::Tempering);
    holds(&refined, 0.7, 0.0005, 1_000);
    let again = refine(&amortized, &text, 0.7, 1_000, false).unwrap();
    assert_eq!(refined.draws.parameters, again.draws.parameters);

    // The weights of the proposals are no part of the answer; particles are.
    assert!(refined.k_hat.is_nan());
    assert!((100.0..=8_000.0).contains(&refined.effective));
    let of = |method: Method| -> Vec<Progress> {
        let all = refined.progress.iter().copied();
        all.filter(|at| at.method == method).collect()
    };
    let (proposals, islands) = (of(Method::Importance), of(Method::Tempering));
    assert_eq!(islands.len(), 4);
    assert!(islands[0].calls > proposals.last().unwrap().calls);
    assert!(islands.windows(2).all(|pair| pair[0].calls < pair[1].calls));
    assert!(islands[0].error.is_nan() && islands[0].log_evidence.is_finite());
    let last = islands[3];
    assert_eq!(last.log_evidence, refined.log_evidence);
    assert_eq!(last.error, refined.log_evidence_error);
    assert_eq!((last.shift, last.effective), (0.0, refined.effective));
    let unconfirmed = limited(&amortized, &text, 0.7, false, NEVER_LATE).unwrap();
    assert_eq!(unconfirmed.calls, last.calls);
}

/// Refines to 1,000 draws while there is time.
fn limited(
    amortized: &Amortized,
    text: &str,
    y: f64,
    confirm: bool,
    late: &(dyn Fn() -> bool + Sync),
) -> Result<Refined, InferError> {
    let mechanism = Mechanism::parse("k", text, ".").unwrap();
    let problem = Problem {
        amortized,
        mechanism: 0,
        compiled: &Compiled::new(&mechanism).unwrap(),
        given: &amortized.standardise(&[y]).unwrap(),
        data: &[y],
        particles: None,
        budget: 10_000_000,
        confirm,
        stop: &AtomicBool::new(false),
        late,
    };
    problem.refine(1_000, 1)
}

#[test]
fn what_was_reached_when_time_runs_out_is_told() {
    let (_, amortized) = trained();
    let none = limited(&amortized, MECHANISM, 0.3, true, &|| true).unwrap_err();
    assert!(matches!(none, InferError::Late), "{none}");
    // Time for the answer, and none for its confirmation.
    let looks = AtomicUsize::new(0);
    let count = || looks.fetch_add(1, Ordering::Relaxed);
    let counted = || {
        count();
        false
    };
    let unasked = limited(&amortized, MECHANISM, 0.3, false, &counted).unwrap();
    assert_eq!(unasked.confirmation, Err(Unconfirmed::NotAsked));
    let enough = looks.swap(0, Ordering::Relaxed);
    let stopped = limited(&amortized, MECHANISM, 0.3, true, &|| count() >= enough).unwrap();
    assert_eq!(stopped.confirmation, Err(Unconfirmed::Late));
    assert_eq!(stopped.draws.parameters, unasked.draws.parameters);
    // Amid tempering there is no answer yet.
    let text = MECHANISM.replace("0.5)", "0.0005)");
    looks.store(0, Ordering::Relaxed);
    let amid = limited(&amortized, &text, 0.7, true, &|| count() >= 3).unwrap_err();
    assert!(matches!(amid, InferError::Late), "{amid}");
}

#[test]
fn what_cannot_be_refined_says_so() {
    let (_, amortized) = trained();
    let text = MECHANISM.replace("Normal(log(k), 0.5)", "Uniform(7, 8)");
    let impossible = refine(&amortized, &text, 0.7, 1_000, false).unwrap_err();
    assert!(matches!(impossible, InferError::Impossible), "{impossible}");
    let stopped = refine(&amortized, MECHANISM, 0.7, 1_000, true).unwrap_err();
    assert!(matches!(stopped, InferError::Interrupted), "{stopped}");
}
