//! Estimated likelihoods against exact ones. Seeds are fixed; a mean over repeats is held to 5 standard
//! errors: false-alarm rate below 6e-7 a check.

#![allow(clippy::unwrap_used, clippy::panic)]

use gnomon_mechanism::Mechanism;
use gnomon_simulate::{Compiled, estimate_log_likelihood};

fn compiled(text: &str) -> Compiled {
    Compiled::new(&Mechanism::parse("m", text, ".").unwrap()).unwrap()
}

/// The mean of exp(estimate - exact) over points 0, 1, ... is 1; gives the sd of the estimates.
fn is_unbiased(estimates: &[f64], exact: f64) -> f64 {
    let n = estimates.len() as f64;
    let ratios: Vec<f64> = estimates.iter().map(|log| (log - exact).exp()).collect();
    let mean = ratios.iter().sum::<f64>() / n;
    let variance = ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let error = (variance / n).sqrt();
    assert!(error < 0.03, "too few repeats to say: ± {error}");
    assert!((mean - 1.0).abs() < 5.0 * error, "{mean} ± {error}");
    let middle = estimates.iter().sum::<f64>() / n;
    (estimates.iter().map(|e| (e - middle).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
}

/// An Ornstein-Uhlenbeck process: two series, one of an integral between its observations, a jump at a set
/// time.
const OU: &str = r#"
[parameters]
k = "LogNormal(0, 0.3)"
s = "LogNormal(log(0.7), 0.3)"
[states]
x = 1
[dynamics]
x = "-k * x"
[noise]
x = "s"
[[events]]
at = 1.25
set = { x = "x + 1" }
[observed]
y = { distribution = "Normal(x, 0.3)", times = "0.5:0.5:3" }
area = { distribution = "Normal(flow(x), 0.2)", times = [1, 2, 3] }
[solver]
step = 0.1
"#;
const Y: [f64; 6] = [0.9, f64::NAN, 1.2, 0.4, -0.3, 0.1];
const AREA: [f64; 3] = [0.8, 0.9, 0.2];

/// The Kalman filter (1960) of Euler-Maruyama's own recursion, for (x, integral of x since its last
/// observation).
fn kalman(k: f64, s: f64) -> f64 {
    let (mut m, mut p) = ([1.0, 0.0], [[0.0; 2]; 2]);
    let (mut now, mut sum) = (0.0f64, 0.0);
    let see = |m: &mut [f64; 2], p: &mut [[f64; 2]; 2], i: usize, z: f64, sd: f64| {
        let (variance, off) = (p[i][i] + sd * sd, z - m[i]);
        let gain = [p[0][i] / variance, p[1][i] / variance];
        let row = p[i];
        for a in 0..2 {
            m[a] += gain[a] * off;
            for b in 0..2 {
                p[a][b] -= gain[a] * row[b];
            }
        }
        -0.5 * (off * off / variance + (std::f64::consts::TAU * variance).ln())
    };
    for (stage, &y) in Y.iter().enumerate() {
        let time = 0.5 * (stage + 1) as f64;
        for end in [1.25, time] {
            while end <= time && now < end - 1e-9 {
                let h = (end - now).min(0.1);
                let f = [[1.0 - k * h, 0.0], [h, 1.0]];
                m = [f[0][0] * m[0], h * m[0] + m[1]];
                let fp: [[f64; 2]; 2] = std::array::from_fn(|a| {
                    std::array::from_fn(|b| f[a][0] * p[0][b] + f[a][1] * p[1][b])
                });
                p = std::array::from_fn(|a| {
                    std::array::from_fn(|b| fp[a][0] * f[b][0] + fp[a][1] * f[b][1])
                });
                p[0][0] += s * s * h;
                now += h;
                if (now - 1.25).abs() < 1e-9 {
                    m[0] += 1.0;
                }
            }
        }
        if !y.is_nan() {
            sum += see(&mut m, &mut p, 0, y, 0.3);
        }
        if stage % 2 == 1 {
            sum += see(&mut m, &mut p, 1, AREA[stage / 2], 0.2);
            (m[1], p[1][1], p[0][1], p[1][0]) = (0.0, 0.0, 0.0, 0.0);
        }
    }
    sum
}

#[test]
fn a_diffusion_has_the_likelihood_of_the_kalman_filter() {
    let mechanism = compiled(OU);
    let data: Vec<f64> = Y.iter().chain(&AREA).copied().collect();
    for (k, s) in [(1.0, 0.7), (0.6, 1.1)] {
        let numbers: Vec<u64> = (0..1500).collect();
        let parameters = [vec![k; 1500], vec![s; 1500]];
        let exact = kalman(k, s);
        let at = |particles: usize| {
            estimate_log_likelihood(&mechanism, &parameters, &data, particles, 3, &numbers).unwrap()
        };
        let few = is_unbiased(&at(60), exact);
        let many = is_unbiased(&at(480), exact);
        // The variance falls as 1 / particles.
        assert!(few < 0.8 && many < 0.5 * few, "{few} and {many}");
    }
}

/// Immigration and death from a start that is one of two, seen with noise in two ways.
const CROWD: &str = r#"
method = "ssa"
[parameters]
a = "LogNormal(log(3), 0.3)"
d = "LogNormal(log(0.5), 0.3)"
[latents]
crowded = "Bernoulli(0.3)"
[states]
x = "if(crowded, 9, 2)"
[[reactions]]
name = "immigration"
rate = "a"
change = { x = 1 }
[[reactions]]
name = "death"
rate = "d * x"
change = { x = -1 }
[observed]
count = { distribution = "Poisson(0.8 * x)", times = "1:4" }
level = { distribution = "Normal(x, 2)", times = [1.5, 2, 4] }
came = { distribution = "Poisson(flow(immigration))", times = [4] }
"#;

/// The forward algorithm over x = 0..=79, moved by uniformization (Jensen 1953).
fn forward(a: f64, d: f64, count: &[f64; 4], level: &[f64; 3]) -> f64 {
    const MOST: usize = 80;
    let fastest = a + d * MOST as f64;
    let step = |p: &[f64]| -> Vec<f64> {
        let flow = |x: usize| {
            let mut next = p[x] * (1.0 - (a + d * x as f64) / fastest);
            next += if x > 0 { p[x - 1] * a / fastest } else { 0.0 };
            next += p
                .get(x + 1)
                .map_or(0.0, |p| p * d * (x + 1) as f64 / fastest);
            next
        };
        (0..MOST).map(flow).collect()
    };
    let mut p = vec![0.0; MOST];
    (p[9], p[2]) = (0.3, 0.7);
    let mut now = 0.0;
    for time in [1.0, 1.5, 2.0, 3.0, 4.0] {
        let mean = fastest * (time - now);
        let (mut term, mut mass, mut after) = (p.clone(), (-mean).exp(), vec![0.0; MOST]);
        for k in 1..400 {
            after
                .iter_mut()
                .zip(&term)
                .for_each(|(to, x)| *to += mass * x);
            term = step(&term);
            mass *= mean / f64::from(k);
        }
        (p, now) = (after, time);
        for (x, p) in p.iter_mut().enumerate() {
            let x = x as f64;
            if let Some(n) = [1.0, 2.0, 3.0, 4.0].iter().position(|&t| t == time) {
                let mean = 0.8 * x;
                let factorial: f64 = (1..=count[n] as u64).map(|k| k as f64).product();
                *p *= mean.powf(count[n]) * (-mean).exp() / factorial;
            }
            if let Some(n) = [1.5, 2.0, 4.0].iter().position(|&t| t == time) {
                let z = (level[n] - x) / 2.0;
                *p *= (-0.5 * z * z).exp() / (2.0 * std::f64::consts::TAU.sqrt());
            }
        }
    }
    p.iter().sum::<f64>().ln()
}

#[test]
fn a_jump_process_has_the_likelihood_of_the_forward_algorithm() {
    let mechanism = compiled(CROWD);
    let (count, level) = ([6.0, 5.0, 2.0, 3.0], [7.5, 4.0, 3.0]);
    let mut data: Vec<f64> = count.iter().chain(&level).copied().collect();
    data.push(f64::NAN);
    for (a, d) in [(3.0, 0.5), (1.5, 0.7)] {
        let numbers: Vec<u64> = (0..1500).collect();
        let parameters = [vec![a; 1500], vec![d; 1500]];
        let exact = forward(a, d, &count, &level);
        let estimates =
            estimate_log_likelihood(&mechanism, &parameters, &data, 100, 4, &numbers).unwrap();
        let sd = is_unbiased(&estimates, exact);
        assert!(sd < 0.6, "{sd}");
    }
}

/// Immigrants of an interval are Poisson, and counted anew in each; counts that are seen exactly in part.
#[test]
fn flows_are_counted_between_observations() {
    let text = CROWD.split("[observed]").next().unwrap().to_owned()
        + "[observed]\ncame = { distribution = \"Poisson(0.5 * flow(immigration))\", times = [1, 3] }\n";
    let numbers: Vec<u64> = (0..1000).collect();
    let parameters = [vec![2.0; 1000], vec![0.5; 1000]];
    let estimates =
        estimate_log_likelihood(&compiled(&text), &parameters, &[2.0, 1.0], 100, 5, &numbers);
    // Neyman's type A: a Poisson number of Poisson numbers.
    let seen = |mean: f64, count: i32| {
        let mut mass = (-mean).exp();
        let mut sum = 0.0;
        for n in 0..60 {
            let rate = 0.5 * f64::from(n);
            let factorial = if count == 2 { 2.0 } else { 1.0 };
            sum += mass * rate.powi(count) * (-rate).exp() / factorial;
            mass *= mean / f64::from(n + 1);
        }
        sum
    };
    is_unbiased(&estimates.unwrap(), (seen(2.0, 2) * seen(4.0, 1)).ln());
}

#[test]
fn a_point_is_the_same_in_any_company_and_at_any_thread_count() {
    let data: Vec<f64> = Y.iter().chain(&AREA).copied().collect();
    let crowd = [6.0, 5.0, 2.0, 3.0, 7.5, 4.0, 3.0, 5.0];
    for (text, data) in [(OU, &data[..]), (CROWD, &crowd)] {
        let mechanism = compiled(text);
        let numbers: Vec<u64> = (0..90).collect();
        let column =
            |first: f64| -> Vec<f64> { (0..90).map(|n| first + 0.01 * f64::from(n)).collect() };
        let parameters = [column(0.5), column(0.4)];
        let at = |threads: usize, rows: &[usize]| {
            let pick = |column: &Vec<f64>| rows.iter().map(|&row| column[row]).collect();
            let parameters: Vec<Vec<f64>> = parameters.iter().map(pick).collect();
            let numbers: Vec<u64> = rows.iter().map(|&row| numbers[row]).collect();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| {
                estimate_log_likelihood(&mechanism, &parameters, data, 70, 1, &numbers).unwrap()
            })
        };
        let all: Vec<usize> = (0..90).collect();
        let together = at(1, &all);
        assert_eq!(together, at(3, &all));
        let some = [88, 3, 41];
        let picked: Vec<f64> = some.iter().map(|&row| together[row]).collect();
        assert_eq!(at(2, &some), picked);
        assert!(together.iter().all(|log| log.is_finite()));
    }
}

#[test]
fn what_cannot_be_is_minus_infinity_and_what_fails_counts_as_nothing() {
    let numbers: Vec<u64> = (0..300).collect();
    let parameters = [vec![1.0; 300], vec![1.0; 300]];
    let at = |text: &str, data: &[f64]| {
        estimate_log_likelihood(&compiled(text), &parameters, data, 50, 1, &numbers)
    };
    let impossible = OU.replace("Normal(x, 0.3)", "Uniform(x^2, x^2 + 1)");
    let mut data = [0.5; 9];
    data[2] = -1.0;
    let none = at(&impossible, &data).unwrap();
    assert!(none.iter().all(|&log| log == f64::NEG_INFINITY));
    // From 1 at rate 1, one of two things happens first, and one of them makes a rate negative. What is
    // left after the first, seen without a doubt: exp(-2 t) + (1 - exp(-2 t)) / 2.
    let failing = r#"
method = "ssa"
[parameters]
a = "Uniform(0, 2)"
b = "Uniform(0, 2)"
[states]
x = 1
y = 0
[[reactions]]
name = "stop"
rate = "a * x * (1 - 2 * y)"
change = { x = -1 }
[[reactions]]
name = "break"
rate = "b * x * (1 - y)"
change = { y = 1 }
[observed]
z = { distribution = "Uniform(0, 1)", times = [1, 2] }
"#;
    let estimates = at(failing, &[0.5, f64::NAN]).unwrap();
    is_unbiased(&estimates, (0.5 + 0.5 * (-4f64).exp()).ln());
    let exact = OU.replace("Normal(x, 0.3)", "x");
    let refused = at(&exact, &data).unwrap_err().to_string();
    assert!(
        refused.contains("`y_1` is observed without noise"),
        "{refused}"
    );
    let still = OU
        .replace("[noise]\nx = \"s\"\n", "")
        .replace("[solver]\nstep = 0.1\n", "");
    assert!(at(&still, &data).is_err());
    assert!(at(OU, &data[..3]).is_err());
}
