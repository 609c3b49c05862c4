//! The grid filter against exact likelihoods, and against estimates by particles.

#![allow(clippy::unwrap_used, clippy::panic)]

use gnomon_mechanism::Mechanism;
use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_simulate::{
    Compiled, LikelihoodGradient, approximate_log_likelihood, estimate_log_likelihood,
    log_likelihood, simulate_at,
};

fn compiled(text: &str) -> Compiled {
    Compiled::new(&Mechanism::parse("m", text, ".").unwrap()).unwrap()
}

/// Gompertz growth in the logarithm: an Ornstein-Uhlenbeck process.
const GOMPERTZ: &str = r#"
[parameters]
r = "LogNormal(log(0.6), 0.3)"
m = "Normal(5, 1)"
first = "Normal(1, 1)"
sigma = "LogUniform(0.02, 0.4)"
tau = "LogUniform(0.02, 0.4)"
[states]
x = "first"
[dynamics]
x = "r * (m - x)"
[noise]
x = "sigma"
[solver]
step = 0.05
[observed]
times = "0:0.5:20"
y = "Normal(x, tau)"
"#;

/// The Kalman filter (1960) of Euler-Maruyama's own recursion.
fn kalman([r, m, first, sigma, tau]: [f64; 5], data: &[f64]) -> f64 {
    let (mut mean, mut variance, mut log) = (first, 0.0, 0.0);
    for (entry, y) in data.iter().enumerate() {
        for _ in 0..if entry == 0 { 0 } else { 10 } {
            mean += 0.05 * r * (m - mean);
            variance = (1.0 - 0.05 * r).powi(2) * variance + 0.05 * sigma * sigma;
        }
        if y.is_nan() {
            continue;
        }
        let (all, off) = (variance + tau * tau, y - mean);
        log -= 0.5 * (off * off / all + (std::f64::consts::TAU * all).ln());
        mean += variance / all * off;
        variance *= tau * tau / all;
    }
    log
}

#[test]
fn a_linear_process_has_the_likelihood_of_the_kalman_filter() {
    let compiled = compiled(GOMPERTZ);
    let mut stream = Stream::new(1, Purpose::CLAIM, 0);
    let noises = [
        [0.1, 0.1],
        [0.02, 0.4],
        [0.4, 0.02],
        [0.4, 0.4],
        [0.02, 0.02],
        // An observation far narrower than a step's noise, and next to no noise.
        [0.3, 0.001],
        [0.001, 0.1],
    ];
    for [sigma, tau] in noises {
        let point = [0.6, 5.0, 0.7, sigma, tau];
        let parameters: Vec<Vec<f64>> = point.iter().map(|&x| vec![x]).collect();
        let batch = simulate_at(&compiled, parameters, 3, &[0]).unwrap();
        let mut data: Vec<f64> = batch.observed.iter().map(|column| column[0]).collect();
        data[7] = f64::NAN;
        // Where the data come from, and places that are ever farther from it.
        let moved: Vec<[f64; 5]> = (0..8)
            .map(|k| {
                let by = 0.02 * f64::from(k);
                let [r, m, first, sigma, tau] = point;
                let mut nudge = || by * stream.normal();
                [
                    r * (1.0 + nudge()),
                    m + nudge(),
                    first + nudge(),
                    sigma * nudge().exp(),
                    tau * nudge().exp(),
                ]
            })
            .collect();
        let columns: Vec<Vec<f64>> = (0..5)
            .map(|p| moved.iter().map(|x| x[p]).collect())
            .collect();
        let found = log_likelihood(&compiled, &columns, &data).unwrap();
        let normal = approximate_log_likelihood(&compiled, &columns, &data).unwrap();
        let best = kalman(point, &data);
        for ((point, found), normal) in moved.iter().zip(found).zip(normal) {
            let exact = kalman(*point, &data);
            // Of a linear process the density is normal.
            let rest = (normal - exact).abs();
            assert!(
                rest < 1e-6 * (1.0 + exact.abs()),
                "{point:?}: {normal} for {exact}"
            );
            let error = (found - exact).abs();
            let most = match best - exact {
                fall if fall < 30.0 => 1e-6,
                fall if fall < 200.0 => 1e-2,
                fall => 0.01 * fall,
            };
            assert!(error < most, "{point:?}: {found} for {exact}");
        }
    }
}

/// The derivatives of the Kalman filter by its five numbers, each by central differences.
fn kalman_slopes(point: [f64; 5], data: &[f64]) -> [f64; 5] {
    std::array::from_fn(|p| {
        let by = 1e-5 * point[p];
        let at = |sign: f64| {
            let mut moved = point;
            moved[p] += sign * by;
            kalman(moved, data)
        };
        (at(1.0) - at(-1.0)) / (2.0 * by)
    })
}

#[test]
fn a_linear_process_has_the_gradient_of_the_kalman_filter() {
    let mechanism = Mechanism::parse("m", GOMPERTZ, ".").unwrap();
    let (compiled, gradient) = (
        Compiled::new(&mechanism).unwrap(),
        LikelihoodGradient::new(&mechanism).unwrap(),
    );
    for [sigma, tau] in [
        [0.1, 0.1],
        [0.02, 0.4],
        [0.4, 0.02],
        [0.02, 0.02],
        [0.3, 0.001],
        [0.001, 0.1],
    ] {
        let from = [0.6, 5.0, 0.7, sigma, tau];
        let parameters = from.iter().map(|&x| vec![x]).collect();
        let batch = simulate_at(&compiled, parameters, 3, &[0]).unwrap();
        let mut data: Vec<f64> = batch.observed.iter().map(|column| column[0]).collect();
        data[7] = f64::NAN;
        let near = [
            0.62,
            5.0 + 0.3 * sigma,
            0.7 + 0.2 * tau,
            1.1 * sigma,
            0.9 * tau,
        ];
        for point in [from, near] {
            let columns: Vec<Vec<f64>> = point.iter().map(|&x| vec![x]).collect();
            let found = gradient.at(&columns, &data).unwrap();
            for (p, exact) in kalman_slopes(point, &data).into_iter().enumerate() {
                // Per unit of the parameter's own size.
                let error = (found[p][0] - exact).abs() * point[p];
                let most = 1e-4 * (1.0 + (exact * point[p]).abs());
                assert!(
                    error < most,
                    "parameter {p} at {point:?}: {} for {exact}",
                    found[p][0]
                );
            }
        }
    }
}

#[test]
fn a_nonlinear_process_has_the_gradient_of_its_differences() {
    let mechanism = Mechanism::parse("m", ALLEE, ".").unwrap();
    let (compiled, gradient) = (
        Compiled::new(&mechanism).unwrap(),
        LikelihoodGradient::new(&mechanism).unwrap(),
    );
    let points = [vec![1.0, 0.6, 1.4], vec![0.3, 0.2, 0.5]];
    let found = gradient.at(&points, &SEEN).unwrap();
    for p in 0..2 {
        let at = |by: f64| {
            let mut moved = points.clone();
            moved[p].iter_mut().for_each(|x| *x += by);
            log_likelihood(&compiled, &moved, &SEEN).unwrap()
        };
        let (up, down) = (at(1e-3), at(-1e-3));
        for ((found, up), down) in found[p].iter().zip(up).zip(down) {
            let slope = (up - down) / 2e-3;
            assert!(
                (found - slope).abs() < 1e-3 * (1.0 + slope.abs()),
                "parameter {p}: {found} for {slope}"
            );
        }
    }
}

/// Growth with an Allee effect, noise that changes with the time, counts, and a start that is one of two.
const ALLEE: &str = r#"
[parameters]
r = "LogNormal(0, 0.3)"
sigma = "LogNormal(log(0.3), 0.3)"
[latents]
early = "Bernoulli(0.4)"
[states]
x = "if(early, 1.5, 2.5)"
[dynamics]
x = "r * (1 - exp(x) / 60) * max(1 - 3 / exp(x), -2)"
[noise]
x = "sigma * (1 + 0.5 * sin(t))"
[solver]
step = 0.1
[observed]
n = { distribution = "Poisson(exp(x))", times = "0.25:1.25:6.5" }
y = { distribution = "StudentT(4, x, 0.2)", times = [2, 6.5] }
"#;
const SEEN: [f64; 8] = [7.0, 20.0, f64::NAN, 61.0, 44.0, 70.0, 2.9, 4.2];

/// Estimates are unbiased: the mean of exp(estimate - filter) is 1 within five of its standard errors, a false
/// alarm below 6e-7 a check.
#[test]
fn a_nonlinear_process_has_the_likelihood_that_particles_estimate() {
    let compiled = compiled(ALLEE);
    for point in [[1.0, 0.3], [0.7, 0.5]] {
        let one = point.map(|x| vec![x]);
        let found = log_likelihood(&compiled, &one, &SEEN).unwrap()[0];
        let normal = approximate_log_likelihood(&compiled, &one, &SEEN).unwrap()[0];
        assert!((normal - found).abs() < 0.5, "{normal} for {found}");
        check_by_particles(&compiled, point, &SEEN);
    }
}

fn check_by_particles(compiled: &Compiled, point: [f64; 2], data: &[f64]) {
    let found = log_likelihood(compiled, &point.map(|x| vec![x]), data).unwrap()[0];
    let parameters = point.map(|x| vec![x; 400]);
    let numbers: Vec<u64> = (0..400).collect();
    let logs = estimate_log_likelihood(compiled, &parameters, data, 2000, 1, &numbers).unwrap();
    let ratios: Vec<f64> = logs.iter().map(|log| (log - found).exp()).collect();
    let mean = ratios.iter().sum::<f64>() / 400.0;
    let variance = ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / 399.0;
    let error = (variance / 400.0).sqrt();
    assert!(error < 0.01, "too few particles to say: {error}");
    assert!((mean - 1.0).abs() < 5.0 * error, "{mean} ± {error}");
}

/// Growth so sharply limited that the simulator's steps throw what is above the capacity far below.
#[test]
fn a_process_whose_paths_fly_off_has_the_likelihood_that_particles_estimate() {
    let compiled = compiled(
        "[parameters]\ntheta = 'Uniform(1, 30)'\nsigma = 'Uniform(0, 1)'\n[states]\nx = 3.9\n\
         [dynamics]\nx = '0.4 * (1 - exp(theta * (x - 4.3)))'\n[noise]\nx = 'sigma'\n[solver]\nstep = 0.05\n\
         [observed]\ny = { distribution = 'Normal(x, 0.1)', times = '0.5:0.5:6' }\n",
    );
    let data = [
        4.0, 4.15, 4.3, 4.2, 4.1, 4.05, 4.3, 4.25, 4.1, 4.3, 4.2, 4.15,
    ];
    for theta in [15.0, 25.0] {
        check_by_particles(&compiled, [theta, 0.26], &data);
    }
}

/// Where the motion is not a number paths end, and all others go on: here next to none come there.
#[test]
fn a_process_that_fails_somewhere_has_the_likelihood_that_particles_estimate() {
    for timed in ["", " + 0 * t"] {
        let compiled = compiled(&format!(
            "[parameters]\nk = 'Uniform(0, 2)'\nsigma = 'Uniform(0, 1)'\n[states]\nx = 1\n\
             [dynamics]\nx = 'k * (1 - sqrt(x)){timed}'\n[noise]\nx = 'sigma'\n[solver]\nstep = 0.1\n\
             [observed]\ny = {{ distribution = 'Normal(x, 0.2)', times = '0.5:0.5:3' }}\n",
        ));
        check_by_particles(&compiled, [0.5, 0.3], &[0.9, 0.7, 1.1, 0.8, 0.9, 0.7]);
    }
}

/// The same motion in other units has the same likelihood: another grid, rounded otherwise.
#[test]
fn units_do_not_matter() {
    let (own, other) = (
        compiled(ALLEE),
        compiled(
            &ALLEE
                .replace("exp(x)", "exp(x / 7)")
                .replace("if(early, 1.5, 2.5)", "if(early, 10.5, 17.5)")
                .replace("r * (1", "7 * r * (1")
                .replace("sigma * (1", "7 * sigma * (1")
                .replace("StudentT(4, x, 0.2)", "StudentT(4, x / 7, 0.2)"),
        ),
    );
    let parameters = [vec![1.0, 0.6, 1.4], vec![0.3, 0.2, 0.4]];
    let logs = log_likelihood(&own, &parameters, &SEEN).unwrap();
    for (a, b) in logs
        .iter()
        .zip(log_likelihood(&other, &parameters, &SEEN).unwrap())
    {
        assert!((a - b).abs() < 1e-6, "{a} and {b}");
    }
}

/// What is not covered is refused, with the reason.
#[test]
fn what_is_beyond_the_filter_is_refused() {
    let given = ["y".to_owned()];
    for (from, to, why) in [
        (
            "x = \"sigma\"",
            "x = \"sigma * x\"",
            "its noise depends on its state",
        ),
        (
            "[states]",
            "[[events]]\nat = 3\nset = { x = 1 }\n[states]",
            "events change its state",
        ),
        (
            "Normal(x, tau)",
            "Normal(flow(x), tau)",
            "a flow is a state beside the noisy one",
        ),
        ("Normal(x, tau)", "x", "`y` is observed without noise"),
    ] {
        let text = GOMPERTZ.replace(from, to);
        let mechanism = Mechanism::parse("m", &text, ".").unwrap();
        let found = mechanism.no_likelihood(&given).unwrap();
        assert!(found.contains(why), "{found}");
        assert!(!mechanism.is_filtered(&given));
    }
    assert!(
        Mechanism::parse("m", GOMPERTZ, ".")
            .unwrap()
            .is_filtered(&given)
    );
}
