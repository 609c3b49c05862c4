//! The densities and draws of a trained network against an exact posterior.

use crate::normal::{log_normal_density, trained};
use gnomon_learn::matrix::Matrix;

fn repeated(given: &Matrix, times: usize) -> Matrix {
    Matrix::new(given.columns(), given.row(0).repeat(times))
}

/// Densities integrate to 1 in the parameter's own units and are those of the exact posterior;
/// draws have its moments. Nothing is left to chance: seeds are fixed.
#[test]
fn densities_and_draws_are_those_of_the_posterior() {
    let (_, amortized) = trained();
    for y in [-1.0, 0.3, 1.5] {
        let given = amortized.standardise(&[y]).unwrap();
        let (mean, variance) = (0.8 * y, 0.2);
        // A grid that is even in ln k.
        let step = 0.01;
        let k: Vec<f64> = (-500..=500)
            .map(|i| (step * f64::from(i) + mean).exp())
            .collect();
        let log = amortized
            .log_density(0, &repeated(&given, k.len()), &[&k], 1)
            .unwrap();
        let total: f64 = log
            .iter()
            .zip(&k)
            .map(|(log, k)| log.exp() * k * step)
            .sum();
        assert!((total - 1.0).abs() < 1e-3, "given {y}: {total}");
        let divergence: f64 = log
            .iter()
            .zip(&k)
            .map(|(log, &k)| {
                let exact = log_normal_density(k, mean, variance);
                exact.exp() * (exact - log) * k * step
            })
            .sum();
        assert!(
            (-1e-3..0.01).contains(&divergence),
            "given {y}: {divergence} nats from the exact posterior"
        );
        let draws = amortized.draw(0, &given, 20_000, 1).unwrap();
        let logs: Vec<f64> = draws.parameters[0].iter().map(|k| k.ln()).collect();
        let found = logs.iter().sum::<f64>() / logs.len() as f64;
        assert!((found - mean).abs() < 0.05, "given {y}: {found}");
        for (square, k) in draws.derived[0].iter().zip(&draws.parameters[0]) {
            assert!((square - k * k).abs() <= 1e-12 * square);
        }
    }
}
