//! Maximum likelihood against closed forms, with and without gradients.

use gnomon_infer::fit::{Fit, FitError, Likelihood, weights};
use gnomon_mechanism::Mechanism;

fn likelihood(text: &str, given: &str) -> Result<Likelihood, FitError> {
    let mechanism = Mechanism::parse("m", text, ".").unwrap();
    Likelihood::new(&mechanism, &[given.to_owned()])
}

fn fit(text: &str, data: &[f64]) -> Fit {
    likelihood(text, "y").unwrap().maximise(data, 1).unwrap()
}

const LINE: &str = "[parameters]\na = \"Normal(0, 5)\"\nb = \"Normal(0, 5)\"\nsd = \"LogNormal(0, 2)\"\n\
                    [observed]\ny = { distribution = \"Normal(a + b * t, sd)\", times = \"1:8\" }\n";
const DATA: [f64; 8] = [1.2, 2.9, 3.1, 4.4, 4.9, 6.3, 7.2, 7.6];

/// Least squares by hand, over the data that are there: a, b, sd and ln L.
fn least_squares(data: &[f64]) -> [f64; 4] {
    let points: Vec<(f64, f64)> = (1..).map(f64::from).zip(data.iter().copied()).collect();
    let points: Vec<(f64, f64)> = points.into_iter().filter(|(_, y)| !y.is_nan()).collect();
    let n = points.len() as f64;
    let mean =
        |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|&(t, y)| of(t, y)).sum::<f64>() / n;
    let (t, y) = (mean(&|t, _| t), mean(&|_, y| y));
    let b = (mean(&|t, y| t * y) - t * y) / (mean(&|t, _| t * t) - t * t);
    let a = y - b * t;
    let sd = mean(&|t, y| (y - a - b * t).powi(2)).sqrt();
    let log = -n * (sd.ln() + 0.5 * std::f64::consts::TAU.ln() + 0.5);
    [a, b, sd, log]
}

#[test]
fn a_line_is_fitted_by_least_squares() {
    let mut lacking = DATA;
    lacking[3] = f64::NAN;
    for data in [DATA, lacking] {
        let fit = fit(LINE, &data);
        let [a, b, sd, log] = least_squares(&data);
        for (found, expected) in fit.parameters.iter().zip([a, b, sd]) {
            assert!((found - expected).abs() < 1e-3, "{fit:?}");
        }
        assert!((fit.log_likelihood - log).abs() < 1e-6, "{fit:?}, {log}");
        let n = data.iter().filter(|y| !y.is_nan()).count();
        assert_eq!((fit.free, fit.data, fit.agreeing), (3, n, 16), "{fit:?}");
        assert!((fit.aic() - (6.0 - 2.0 * log)).abs() < 1e-5);
        assert!((fit.bic() - (3.0 * (n as f64).ln() - 2.0 * log)).abs() < 1e-5);
        let corrected = fit.aic() + 24.0 / (n as f64 - 4.0);
        assert!((fit.aicc() - corrected).abs() < 1e-9);
    }
}

/// Two dynamical parameters, with a gradient by sensitivities and (by a lag of no length in time, which has
/// none) by differences: one maximum, at which the slope is 0.
#[test]
fn gradients_and_differences_come_to_one_maximum() {
    let text = |y: &str| {
        format!(
            "[parameters]\nr = \"LogNormal(0, 1)\"\nK = \"LogNormal(log(10), 1)\"\n[states]\nx = 1\n\
             [dynamics]\nx = \"r * x * (1 - x / K)\"\n[solver]\nrelative_tolerance = 1e-9\n\
             [observed]\ntimes = \"0:7\"\ny = \"{y}\"\n"
        )
    };
    let data = [1.1, 2.0, 3.9, 6.8, 8.1, 11.5, 11.0, 12.4];
    let with = fit(&text("Normal(x, 0.5)"), &data);
    // The same numbers, but that the first is known to look back at nothing.
    let without = fit(&text("Normal(x + 0 * lag(x, 1), 0.5)"), &data);
    println!("{with:?}\n{without:?}");
    assert!((with.log_likelihood - without.log_likelihood).abs() < 1e-5);
    for (a, b) in with.parameters.iter().zip(&without.parameters) {
        assert!((a / b - 1.0).abs() < 1e-3, "{a} {b}");
    }
    assert!(with.agreeing >= 12, "{with:?}");
}

#[test]
fn what_has_no_maximum_inside_is_said() {
    // The likeliest level lies beyond its prior.
    let text = "[parameters]\na = \"Uniform(0, 1)\"\n[observed]\ny = { distribution = \"Normal(a, 1)\", count = 4 }\n";
    let edge = fit(text, &[2.0, 3.0, 2.5, 2.0]);
    assert_eq!(edge.at_edge, ["a"]);
    assert!(edge.parameters[0] > 0.999);

    let none = likelihood(&text.replace("Uniform(0, 1)", "Poisson(3)"), "y");
    assert!(
        none.unwrap_err()
            .to_string()
            .contains("`a` is a whole number")
    );
    let random = "[parameters]\na = \"Uniform(0, 1)\"\n[states]\nx = 1\n[dynamics]\nx = \"-a * x\"\n[noise]\nx = \"0.1 * x\"\n\
                  [observed]\ntimes = [1]\ny = \"Normal(x, 1)\"\n";
    assert!(
        likelihood(random, "y")
            .unwrap_err()
            .to_string()
            .contains("random")
    );
    let counts = "[parameters]\na = \"Uniform(0, 1)\"\n[observed]\ny = \"Poisson(a)\"\n";
    let impossible = likelihood(counts, "y").unwrap().maximise(&[0.5], 1);
    assert!(matches!(impossible, Err(FitError::Impossible)));

    // Nothing to fit.
    let fixed = "[parameters]\na = 2\n[observed]\ny = \"Normal(a, 1)\"\n";
    let fit = fit(fixed, &[2.0]);
    assert_eq!(fit.free, 0);
    assert!((fit.log_likelihood + 0.5 * std::f64::consts::TAU.ln()).abs() < 1e-12);
}

#[test]
fn weights_are_those_of_akaike() {
    let found = weights(&[10.0, 12.0, f64::INFINITY]);
    let odds = (-1.0f64).exp();
    assert!((found[0] - 1.0 / (1.0 + odds)).abs() < 1e-12 && found[2] == 0.0);
}
