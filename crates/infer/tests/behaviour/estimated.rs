//! Posteriors refined by estimated likelihoods against exact ones, by quadrature over the prior. Seeds are
//! fixed: nothing is left to chance.

use std::sync::atomic::AtomicBool;

use crate::normal::learned;
use gnomon_infer::Amortized;
use gnomon_infer::refine::{Agreement, Method, NEVER_LATE, Pilot, Problem};
use gnomon_mechanism::Mechanism;
use gnomon_simulate::{Compiled, simulate};

#[allow(dead_code)]
const TRAINING: u64 = 8_000;

/// An Ornstein-Uhlenbeck process seen with normal noise.
/// The state that rests leaves the likelihood to particles.
const DIFFUSION: &str = r#"
[parameters]
k = "LogNormal(log(0.8), 0.4)"
s = "LogNormal(log(0.6), 0.4)"
[states]
x = 1.5
rests = 0
[dynamics]
x = "-k * x"
rests = 0
[noise]
x = "s"
[observed]
y = { distribution = "Normal(x, 0.25)", times = "0.5:0.5:3" }
[solver]
step = 0.25
"#;

/// Immigration and death, counted with Poisson noise.
const JUMPS: &str = r#"
method = "ssa"
[parameters]
a = "LogNormal(log(3), 0.4)"
d = "LogNormal(log(0.5), 0.4)"
[states]
x = 4
[[reactions]]
name = "immigration"
rate = "a"
change = { x = 1 }
[[reactions]]
name = "death"
rate = "d * x"
change = { x = -1 }
[observed]
y = { distribution = "Poisson(x + 0.5)", times = "1:5" }
"#;

/// The Kalman filter (1960) of Euler-Maruyama's own recursion.
fn kalman(k: f64, s: f64, y: &[f64]) -> f64 {
    let (mut mean, mut variance, mut sum) = (1.5, 0.0, 0.0);
    for y in y {
        for _ in 0..2 {
            let keeps = 1.0 - 0.25 * k;
            (mean, variance) = (keeps * mean, keeps * keeps * variance + 0.25 * s * s);
        }
        let (spread, off) = (variance + 0.0625, y - mean);
        sum -= 0.5 * (off * off / spread + (std::f64::consts::TAU * spread).ln());
        mean += variance / spread * off;
        variance -= variance * variance / spread;
    }
    sum
}

/// The forward algorithm over x = 0..60, moved by uniformization (Jensen 1953).
fn forward(a: f64, d: f64, y: &[f64]) -> f64 {
    const MOST: usize = 60;
    let fastest = a + d * MOST as f64;
    let mut p = [0.0; MOST];
    p[4] = 1.0;
    for &y in y {
        let (mut term, mut mass, mut after) = (p, (-fastest).exp(), [0.0; MOST]);
        let terms = (fastest + 8.0 * fastest.sqrt() + 20.0) as usize;
        for k in 1..terms {
            let mut next = [0.0; MOST];
            for x in 0..MOST {
                after[x] += mass * term[x];
                next[x] += term[x] * (1.0 - (a + d * x as f64) / fastest);
                if x + 1 < MOST {
                    next[x + 1] += term[x] * a / fastest;
                    next[x] += term[x + 1] * d * (x + 1) as f64 / fastest;
                }
            }
            term = next;
            mass *= fastest / k as f64;
        }
        let factorial: f64 = (1..=y as u64).map(|k| k as f64).product();
        for (x, (p, after)) in p.iter_mut().zip(after).enumerate() {
            let mean = x as f64 + 0.5;
            *p = after * mean.powf(y) * (-mean).exp() / factorial;
        }
    }
    p.iter().sum::<f64>().ln()
}

/// ln evidence, means and sds of the logarithms of two log-normal parameters, by the trapezoidal rule.
pub fn quadrature(
    prior: [[f64; 2]; 2],
    likelihood: impl Fn(f64, f64) -> f64,
) -> (f64, [[f64; 2]; 2]) {
    let h = 0.2;
    let (mut sum, mut first, mut second) = (0.0, [0.0; 2], [0.0; 2]);
    for i in -22..=22 {
        for j in -22..=22 {
            let z = [h * f64::from(i), h * f64::from(j)];
            let x = [0, 1].map(|n| prior[n][0] + prior[n][1] * z[n]);
            let density = (-0.5 * (z[0] * z[0] + z[1] * z[1])).exp() / std::f64::consts::TAU;
            let mass = h * h * density * likelihood(x[0].exp(), x[1].exp()).exp();
            sum += mass;
            for n in 0..2 {
                first[n] += mass * x[n];
                second[n] += mass * x[n] * x[n];
            }
        }
    }
    let moments = [0, 1].map(|n| {
        let mean: f64 = first[n] / sum;
        [mean, (second[n] / sum - mean * mean).sqrt()]
    });
    (sum.ln(), moments)
}

/// Networks trained on simulations of a mechanism.
pub fn networks(mechanism: &Mechanism, compiled: &Compiled) -> Amortized {
    let numbers: Vec<u64> = (0..TRAINING).collect();
    let batch = simulate(compiled, 1, &numbers).unwrap();
    let rows = (0..TRAINING as usize).flat_map(|row| batch.observed.iter().map(move |y| y[row]));
    let names: Vec<&str> = compiled
        .observed_columns()
        .iter()
        .map(String::as_str)
        .collect();
    let parameters: Vec<&[f64]> = batch.parameters.iter().map(Vec::as_slice).collect();
    learned(mechanism, &names, &rows.collect::<Vec<_>>(), &parameters)
}

/// Refines the answer to `data`, and holds it against evidence and moments.
fn holds(text: &str, data: &[f64], (log_evidence, moments): (f64, [[f64; 2]; 2])) {
    let mechanism = Mechanism::parse("m", text, ".").unwrap();
    let compiled = Compiled::new(&mechanism).unwrap();
    let amortized = networks(&mechanism, &compiled);
    let stop = AtomicBool::new(false);
    let problem = Problem {
        amortized: &amortized,
        mechanism: 0,
        compiled: &compiled,
        given: &amortized.standardise(data).unwrap(),
        data,
        particles: None,
        budget: 1_000_000,
        confirm: true,
        stop: &stop,
        late: NEVER_LATE,
    };
    assert!(problem.refine(100, 1).is_err(), "it has no closed form");
    assert!(matches!(
        problem.pilot(7, |_| false).unwrap(),
        Pilot::Dear(_) | Pilot::Enough(..)
    ));
    let Pilot::Enough(particles, _) = problem.pilot(7, |_| true).unwrap() else {
        panic!("a few particles are enough");
    };
    assert!(
        particles.spread < 1.11 && particles.count <= 128,
        "{particles:?}"
    );
    let particles = Some(particles);
    let problem = Problem {
        particles,
        ..problem
    };
    let refined = problem.refine(4_000, 1).unwrap();
    assert_eq!(refined.method, Method::Importance);
    assert_eq!(refined.particles, particles);
    // 4 standard errors: 1 in 16,000 over seeds.
    let off = refined.log_evidence - log_evidence;
    assert!(
        off.abs() < 4.0 * refined.log_evidence_error,
        "{off} ± {}",
        refined.log_evidence_error
    );
    assert!(refined.log_evidence_error < 0.05);
    // By moves that carry estimates along, from the prior.
    let other = refined.confirmation.unwrap();
    let off = other.log_evidence - log_evidence;
    assert!(
        off.abs() < 5.0 * other.error && other.error < 0.1,
        "{off} ± {}",
        other.error
    );
    assert_eq!(other.agreement(), Agreement::Same, "{other:?}");
    // At 1,000 effective draws or more a mean has an error of 0.03 sds, an sd one of 2 %.
    assert!(refined.effective >= 1000.0);
    for (column, [mean, sd]) in refined.draws.parameters.iter().zip(moments) {
        let logs: Vec<f64> = column.iter().map(|x| x.ln()).collect();
        let n = logs.len() as f64;
        let middle = logs.iter().sum::<f64>() / n;
        let spread = (logs.iter().map(|x| (x - middle).powi(2)).sum::<f64>() / n).sqrt();
        assert!((middle - mean).abs() < 0.13 * sd, "{middle}, exact {mean}");
        assert!((spread / sd - 1.0).abs() < 0.1, "{spread}, exact {sd}");
    }
    assert!(refined.log_density.iter().all(|log| log.is_nan()));
    let particles = refined.particles.map_or(0, |p| p.count as u64);
    assert!(refined.calls > 2_000 * particles && refined.calls.is_multiple_of(particles));
    let again = problem.refine(4_000, 1).unwrap();
    assert_eq!(refined.draws.parameters, again.draws.parameters);
}

#[test]
fn a_diffusion_is_refined_to_its_exact_posterior() {
    let y = [1.1, 0.9, 0.3, 0.45, -0.1, -0.3];
    let prior = [[0.8f64.ln(), 0.4], [0.6f64.ln(), 0.4]];
    holds(DIFFUSION, &y, quadrature(prior, |k, s| kalman(k, s, &y)));
}

#[test]
fn a_jump_process_is_refined_to_its_exact_posterior() {
    let y = [5.0, 8.0, 6.0, 9.0, 7.0];
    let prior = [[3f64.ln(), 0.4], [0.5f64.ln(), 0.4]];
    holds(JUMPS, &y, quadrature(prior, |a, d| forward(a, d, &y)));
}
