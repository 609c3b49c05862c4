//! Latents, likelihoods that a file writes, and priors of whole vectors: checked against closed forms.

#![allow(clippy::unwrap_used, clippy::panic)]

use gnomon_mechanism::{Family, Mechanism};
use gnomon_simulate::{Compiled, derived, draw_parameters, log_likelihood, simulate, simulate_at};

const ROWS: u64 = 40_000;

fn compiled(text: &str) -> Compiled {
    Compiled::new(&Mechanism::parse("test", text, ".").unwrap()).unwrap()
}

fn numbers() -> Vec<u64> {
    (0..ROWS).collect()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    values.sum::<f64>() / ROWS as f64
}

const CLOUDS: &str = r#"
    [parameters]
    theta = { prior = "Uniform(-10, 10)", size = 2 }
    share = "Uniform(0.2, 0.8)"
    [latents]
    narrow = "Bernoulli(share)"
    [observed]
    x = { distribution = "Normal(theta[i], if(narrow, 0.1, 1))", count = 2 }
"#;

/// Both entries of a row are of one cloud: beyond .5 off with chance .617 each in the wide one and
/// 6e-7 in the narrow one; bounds of five standard errors.
#[test]
fn a_latent_is_drawn_once_a_simulation() {
    let clouds = compiled(CLOUDS);
    let rows = ROWS as usize;
    let parameters = vec![vec![1.0; rows], vec![-2.0; rows], vec![0.3; rows]];
    let batch = simulate_at(&clouds, parameters, 3, &numbers()).unwrap();
    let far = |row: usize, entry: usize, centre: f64| {
        f64::from(u8::from((batch.observed[entry][row] - centre).abs() > 0.5))
    };
    let wide = 0.7 * 0.617_075;
    let first = mean((0..rows).map(|row| far(row, 0, 1.0)));
    let both = mean((0..rows).map(|row| far(row, 0, 1.0) * far(row, 1, -2.0)));
    assert!((first - wide).abs() < 0.0125, "{first}");
    assert!((both - wide * 0.617_075).abs() < 0.0111, "{both}");
}

#[test]
fn latents_of_few_values_are_summed_over() {
    let clouds = compiled(CLOUDS);
    let parameters = vec![vec![1.0, 9.0], vec![-2.0, 0.0], vec![0.3, 0.5]];
    let data = [1.2, -1.9];
    let found = log_likelihood(&clouds, &parameters, &data).unwrap();
    for row in 0..2 {
        let cloud = |sd: f64| -> f64 {
            (0..2)
                .map(|k| Family::Normal.log_density(&[parameters[k][row], sd], data[k]))
                .sum()
        };
        let share = parameters[2][row];
        let exact = (share * cloud(0.1).exp() + (1.0 - share) * cloud(1.0).exp()).ln();
        assert!((found[row] - exact).abs() < 1e-12, "{} {exact}", found[row]);
    }
    // A missing entry is integrated out within each value of the latent.
    let found = log_likelihood(&clouds, &parameters, &[1.2, f64::NAN]).unwrap();
    let one = |sd: f64| Family::Normal.log_density(&[1.0, sd], 1.2).exp();
    assert!((found[0] - (0.3 * one(0.1) + 0.7 * one(1.0)).ln()).abs() < 1e-12);
}

#[test]
fn a_simulation_is_the_same_alone_and_among_others() {
    let text = r#"
        [parameters]
        k = "LogNormal(0, 0.3)"
        [latents]
        start = { distribution = "Gamma(2, k)", size = 3 }
        kick = "Poisson(start_1)"
        [states]
        x = "start_2 + kick"
        [dynamics]
        x = "-k * x + start_3"
        [observed]
        x = { distribution = "Normal(x, 0.1)", times = "1:3" }
    "#;
    let decay = compiled(text);
    let all = simulate(&decay, 5, &numbers()).unwrap();
    for row in [0, 17, 4_321] {
        let alone = simulate(&decay, 5, &[row as u64]).unwrap();
        for entry in 0..3 {
            assert_eq!(alone.observed[entry][0], all.observed[entry][row]);
        }
    }
    assert!(log_likelihood(&decay, &[vec![1.0]], &[1.0; 3]).is_err());
}

/// The mean of q(x | theta') / q(x | theta) over data of theta is 1 for the simulator's own density q
/// (where theta' reaches no data that theta cannot): within five standard errors.
#[test]
fn a_written_likelihood_is_that_of_the_simulator() {
    let text = r#"
        [parameters]
        theta = { prior = "Uniform(-1, 1)", size = 2 }
        [latents]
        a = "Uniform(-pi / 2, pi / 2)"
        r = "Normal(0.1, 0.01)"
        [definitions]
        fold = "abs(theta_1 + theta_2) / sqrt(2)"
        turn = "(theta_2 - theta_1) / sqrt(2)"
        [observed]
        x = "r * cos(a) + 0.25 - fold"
        y = "r * sin(a) + turn"
        [likelihood]
        u = "x - 0.25 + fold"
        v = "y - turn"
        radius = "sqrt(u^2 + v^2)"
        log = "if(u >= 0, -0.5 * ((radius - 0.1) / 0.01)^2 - log(0.01 * sqrt(2 * pi)) - log(pi * radius), -inf)"
    "#;
    let moons = compiled(text);
    let rows = ROWS as usize;
    let at = |first: f64, second: f64| vec![vec![first; rows], vec![second; rows]];
    let batch = simulate_at(&moons, at(0.3, 0.4), 8, &numbers()).unwrap();
    let ratio = |row: usize, to: [f64; 2]| {
        let data = [batch.observed[0][row], batch.observed[1][row]];
        let all = log_likelihood(&moons, &[vec![0.3, to[0]], vec![0.4, to[1]]], &data).unwrap();
        (all[1] - all[0]).exp()
    };
    let ratios: Vec<f64> = (0..2000).map(|row| ratio(row, [0.302, 0.397])).collect();
    let mean = ratios.iter().sum::<f64>() / 2000.0;
    let variance = ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / 2000.0;
    assert!(variance > 0.01, "the two parameters are told apart");
    assert!(
        (mean - 1.0).abs() < 5.0 * (variance / 2000.0).sqrt(),
        "{mean}"
    );
    let outside = log_likelihood(&moons, &at(0.3, 0.4)[..], &[0.9, 0.0]).unwrap();
    assert!(outside[0] < -1000.0);
}

/// Means, variances and covariances of 40,000 draws, within five standard errors.
#[test]
fn a_multivariate_normal_prior_has_its_covariance() {
    let covariance: [[f64; 3]; 3] = [[4.0, 2.0, -1.0], [2.0, 3.0, 0.5], [-1.0, 0.5, 2.0]];
    let text = r#"
        [constants]
        m = [1, -2, 3]
        S = [[4, 2, -1], [2, 3, 0.5], [-1, 0.5, 2]]
        L = [[2, 0, 0], [1, 1.4142135623730951, 0], [-0.5, 0.7071067811865475, 1.118033988749895]]
        [parameters]
        a = "Normal(0, 1)"
        x = { prior = "MultivariateNormal(mean = m[i] + a, covariance = S)", size = 3 }
        y = { prior = "MultivariateNormal(m[i], cholesky = L)", size = 3 }
        [observed]
        z = "Normal(sum(k, 1, 3, x[k] + y[k]), 1)"
    "#;
    let draws = draw_parameters(&compiled(text), 2, &numbers());
    for first in [1, 4] {
        let shift = |row: usize| if first == 1 { draws[0][row] } else { 0.0 };
        let off = |k: usize, row: usize| draws[first + k][row] - shift(row) - [1.0, -2.0, 3.0][k];
        for i in 0..3 {
            for j in 0..3 {
                let found = mean((0..ROWS as usize).map(|row| off(i, row) * off(j, row)));
                let wanted = covariance[i][j];
                let error = (covariance[i][i] * covariance[j][j] + wanted * wanted).sqrt() / 200.0;
                assert!((found - wanted).abs() < 5.0 * error, "{i} {j}: {found}");
            }
            let found = mean((0..ROWS as usize).map(|row| off(i, row)));
            assert!(found.abs() < 5.0 * (covariance[i][i]).sqrt() / 200.0);
        }
    }
}

/// Dirichlet(1, 2, 3): means a / 6, variances a (6 - a) / (36 * 7); within five standard errors.
#[test]
fn a_dirichlet_prior_shares_out_one() {
    let text = r#"
        [constants]
        a = [1, 2, 3]
        [parameters]
        p = { prior = "Dirichlet(a[i])", size = 3 }
        [derived]
        total = "p_1 + p_2 + p_3"
        [observed]
        n = "Binomial(10, p[2])"
    "#;
    let shares = compiled(text);
    let draws = draw_parameters(&shares, 2, &numbers());
    for (k, a) in [1.0, 2.0, 3.0].into_iter().enumerate() {
        let variance: f64 = a * (6.0 - a) / (36.0 * 7.0);
        let found = mean(draws[k].iter().copied());
        assert!(
            (found - a / 6.0).abs() < 5.0 * variance.sqrt() / 200.0,
            "{found}"
        );
        let square = mean(draws[k].iter().map(|p| (p - a / 6.0).powi(2)));
        assert!((square / variance - 1.0).abs() < 0.06, "{square}");
        assert!(draws[k].iter().all(|p| (0.0..=1.0).contains(p)));
    }
    let totals = derived(&shares, &draws).unwrap();
    assert!(totals[0].iter().all(|total| (total - 1.0).abs() < 1e-12));
    // The density at (.2, .3, .5): 5! / (0! 1! 2!) * .3 * .5^2.
    let mechanism = shares.mechanism();
    let at = [0.2, 0.3, 0.5];
    let log: f64 = mechanism.parameters[..2]
        .iter()
        .zip(at)
        .map(|(parameter, value)| {
            let tape = gnomon_mechanism::expression::Tape::compile(
                &mechanism.graph,
                &parameter.prior.arguments,
            );
            let inputs = gnomon_mechanism::expression::Inputs {
                parameters: &at,
                ..Default::default()
            };
            parameter
                .prior
                .family
                .log_density(&tape.evaluate(&inputs), value)
        })
        .sum();
    assert!((log - (60.0 * 0.3 * 0.25f64).ln()).abs() < 1e-12, "{log}");
}
