//! Gradients of log-likelihoods against central differences, on a library of mechanisms.
#![allow(clippy::unwrap_used, clippy::panic)]

use gnomon_mechanism::model::{Law, OdeMethod};
use gnomon_mechanism::{Family, Mechanism};
use gnomon_simulate::{
    Compiled, LikelihoodGradient, SimulateError, draw_parameters, log_likelihood, simulate_at,
};

macro_rules! study {
    ($path:literal) => {
        (
            include_str!(concat!("../../../studies/", $path)),
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../studies/", $path),
        )
    };
}

fn parse(text: &str, path: &str) -> Mechanism {
    let folder = std::path::Path::new(path).parent().unwrap_or(".".as_ref());
    let mut mechanism = Mechanism::parse("m", text, folder).unwrap();
    // So accurate that differences of solutions are those of the parameters.
    if let Law::Ode { solver, .. } = &mut mechanism.dynamics.law {
        solver.relative = 1e-10;
        solver.absolute = 1e-12;
    }
    mechanism
}

/// Compares at a few draws of the prior, for data simulated at another one. `tolerance` is that of
/// the gradient's components, as a share of the largest.
fn check(text: &str, path: &str, tolerance: f64) {
    let mechanism = parse(text, path);
    let compiled = Compiled::new(&mechanism).unwrap();
    let gradient = LikelihoodGradient::new(&mechanism).unwrap();
    assert!(gradient.cost() >= 1.0);
    let numbers: Vec<u64> = (0..200).collect();
    let drawn = draw_parameters(&compiled, 5, &numbers);
    let simulated = simulate_at(&compiled, drawn.clone(), 5, &numbers).unwrap();
    let mut seen = 0;
    for number in 0..200 {
        let mut data: Vec<f64> = simulated.observed.iter().map(|c| c[number]).collect();
        if number % 3 == 1 && mechanism.likelihood.is_none() && data.len() > 1 {
            data[0] = f64::NAN;
        }
        // Not where the data came from: there a gradient is near 0.
        let other = (number + 7) % 200;
        let point: Vec<Vec<f64>> = drawn.iter().map(|column| vec![column[other]]).collect();
        let here = log_likelihood(&compiled, &point, &data).unwrap()[0];
        if !here.is_finite() || here < -1e5 {
            continue;
        }
        let found = gradient.at(&point, &data).unwrap();
        let differences: Vec<f64> = (0..point.len())
            .map(|p| {
                let step = 1e-5 * point[p][0].abs().max(1e-3);
                let at = |shift: f64| {
                    let mut moved = point.clone();
                    moved[p][0] += shift;
                    log_likelihood(&compiled, &moved, &data).unwrap()[0]
                };
                // Of fourth order (Richardson 1911).
                let near = (at(step) - at(-step)) / (2.0 * step);
                let far = (at(2.0 * step) - at(-2.0 * step)) / (4.0 * step);
                (4.0 * near - far) / 3.0
            })
            .collect();
        if !differences.iter().all(|x| x.is_finite()) {
            continue;
        }
        seen += 1;
        for (p, difference) in differences.iter().enumerate() {
            if mechanism.parameters[p].prior.family == Family::Exact {
                assert_eq!(found[p][0], 0.0);
                continue;
            }
            // Rounding of the log-likelihood moves a difference by so much.
            let step = 1e-5 * point[p][0].abs().max(1e-3);
            let noise = 1e-13 * (1.0 + here.abs()) / step;
            let found = found[p][0];
            let off = (found - difference).abs();
            assert!(
                off < tolerance * (1.0 + difference.abs()) + 100.0 * noise,
                "{path}, parameter {p}, data {number}: {found}, by differences {difference}"
            );
        }
        if seen == 20 {
            return;
        }
    }
    assert!(seen >= 5, "{path}: {seen} comparisons");
}

macro_rules! checked {
    ($name:ident, $path:literal, $tolerance:literal) => {
        #[test]
        fn $name() {
            let (text, path) = study!($path);
            check(text, path, $tolerance);
        }
    };
}

checked!(sir_with_counts, "boarding-school-flu/sir.toml", 1e-5);
checked!(seir_with_counts, "boarding-school-flu/seir.toml", 1e-5);
checked!(sibr_with_counts, "boarding-school-flu/sibr.toml", 1e-5);
checked!(
    lotka_volterra,
    "sbibm/lotka_volterra/lotka_volterra.toml",
    1e-4
);
checked!(a_binomial_epidemic, "sbibm/sir/sir.toml", 1e-5);
checked!(
    bernoulli_glm,
    "sbibm/bernoulli_glm/bernoulli_glm.toml",
    1e-6
);
// Probabilities that are nearly 1 cost the differences their digits.
checked!(
    bernoulli_glm_raw,
    "sbibm/bernoulli_glm_raw/bernoulli_glm_raw.toml",
    1e-2
);
checked!(slcp, "sbibm/slcp/slcp.toml", 1e-5);
checked!(
    gaussian_linear,
    "sbibm/gaussian_linear/gaussian_linear.toml",
    1e-6
);
checked!(two_moons, "sbibm/two_moons/two_moons.toml", 1e-5);
checked!(
    a_mixture_summed_over_its_latent,
    "sbibm/gaussian_mixture/gaussian_mixture.toml",
    1e-6
);

/// Robertson's kinetics, by the stiff method.
const STIFF: &str = "[parameters]\n\
    a = 'LogNormal(log(0.04), 0.2)'\nb = 'LogNormal(log(3e7), 0.2)'\nc = 'LogNormal(log(1e4), 0.2)'\n\
    [states]\nx = 1\ny = 0\nz = 0\n\
    [dynamics]\nx = '-a * x + c * y * z'\ny = 'a * x - c * y * z - b * y^2'\nz = 'b * y^2'\n\
    [observed]\ntimes = [0.4, 4, 40]\nseen = 'Normal(x, 0.05)'\nproduct = 'Normal(z, 0.05)'\n\
    [solver]\nmethod = 'stiff'\n";

#[test]
fn stiff_kinetics() {
    check(STIFF, "stiff", 1e-4);
}

/// Each family once, and all that dynamics may have: initial values, flows, events, forcing by time.
const FAMILIES: &str = "[parameters]\n\
    k = 'LogNormal(-1, 0.2)'\nx0 = 'Uniform(1, 2)'\nspread = 'Gamma(20, 20)'\nshape = 'Uniform(2, 4)'\n\
    dose = 'Uniform(0.5, 1)'\nfixed = 'Fixed(0.5)'\n\
    [states]\nx = 'x0'\ny = 'x0^2'\n\
    [dynamics]\nx = '-k * x + fixed * (1 + sin(t)) / 4'\ny = 'k * x - 0.3 * y'\n\
    [[events]]\nname = 'dose'\nat = 1.5\nset = { x = 'x + dose * y' }\n\
    [observed]\ntimes = [1, 2, 3]\n\
    normal = 'Normal(x, spread * y)'\n\
    lognormal = 'LogNormal(log(x), spread)'\n\
    gamma = 'Gamma(shape, shape / y)'\n\
    inverse = 'InverseGamma(shape, y)'\n\
    beta = 'Beta(shape, 1 + x)'\n\
    half = 'HalfNormal(x)'\n\
    waiting = 'Exponential(y)'\n\
    student = 'StudentT(shape, x, spread)'\n\
    cauchy = 'HalfCauchy(y)'\n\
    truncated = 'TruncatedNormal(x, spread, 0, 3)'\n\
    poisson = 'Poisson(10 * flow(k * x))'\n\
    counts = 'NegativeBinomial(10 * x, shape)'\n\
    coin = 'Bernoulli(x / (1 + x))'\n\
    kind = 'Categorical(x, y, 1)'\n";

#[test]
fn every_family_flows_and_events() {
    check(FAMILIES, "families", 1e-5);
}

#[test]
fn a_map() {
    let text = "[parameters]\nr = 'Uniform(1.2, 2)'\nK = 'LogNormal(3, 0.2)'\n[states]\nx = 2\n\
        [map]\nx = 'r * x / (1 + x / K)'\n[observed]\ntimes = '1:8'\ny = 'Poisson(x)'\n";
    check(text, "map", 1e-5);
}

#[test]
fn latents_whose_probabilities_depend_on_parameters() {
    let text = "[parameters]\np = 'Beta(2, 2)'\nm = 'Normal(0, 1)'\n\
        [latents]\nz = 'Bernoulli(p)'\n[observed]\ny = 'Normal(m + 2 * z, 0.7)'\n";
    check(text, "latents", 1e-6);
}

#[test]
fn where_no_gradient_is_to_be_had_the_reason_is_said() {
    let reason = |text: &str| {
        let mechanism = Mechanism::parse("m", text, ".").unwrap();
        match LikelihoodGradient::new(&mechanism).unwrap_err() {
            SimulateError::Unsupported(reason) => reason,
            other => panic!("{other}"),
        }
    };
    let discrete = "[parameters]\nn = 'Poisson(3)'\n[observed]\ny = 'Normal(n, 1)'\n";
    assert_eq!(reason(discrete), "`n` is a whole number");
    let switched = "[parameters]\nk = 'Uniform(0, 1)'\n[states]\nx = 1\n[dynamics]\nx = '-k * x'\n\
        [[events]]\nname = 'off'\nat = 'k'\nset = { x = 0.5 }\n[observed]\ntimes = [2]\ny = 'Normal(x, 1)'\n";
    assert_eq!(
        reason(switched),
        "when `off` happens depends on the parameters"
    );
    let jumps = "[parameters]\nk = 'Uniform(0, 1)'\n[states]\nx = 1\n[dynamics]\nx = 'if(t > k, -x, 0)'\n\
        [observed]\ntimes = [2]\ny = 'Normal(x, 1)'\n";
    assert!(reason(jumps).contains("may jump"), "{}", reason(jumps));
    let random = "[parameters]\nk = 'Uniform(0, 1)'\n[states]\nx = 1\n[dynamics]\nx = '-k * x'\n\
        [noise]\nx = '0.1 * x'\n[solver]\nstep = 0.1\n[observed]\ntimes = [2]\ny = 'Normal(x, 1)'\n";
    assert_eq!(reason(random), "its noise depends on its state");
    let threshold = random
        .replace("0.1 * x", "0.1")
        .replace("'-k * x'", "'if(x > k, -1, 1)'");
    assert!(reason(&threshold).contains("may jump"));
}

/// A gradient of 40 parameters costs about as much as a few likelihoods where there are no dynamics,
/// and data of the wrong length are refused.
#[test]
fn costs_and_wrong_data() {
    let (text, path) = study!("boarding-school-flu/sir.toml");
    let gradient = LikelihoodGradient::new(&parse(text, path)).unwrap();
    assert!(
        gradient.cost() > 1.5 && gradient.cost() < 8.0,
        "{}",
        gradient.cost()
    );
    assert!(gradient.at(&vec![vec![1.0]; 3], &[1.0]).is_err());
    assert!(gradient.at(&vec![vec![1.0]; 2], &[1.0; 14]).is_err());
}

/// The same bits with whatever rows a point shares its lanes.
#[test]
fn a_point_alone_has_the_same_gradient() {
    let (text, path) = study!("boarding-school-flu/seir.toml");
    let mechanism = parse(text, path);
    assert!(
        matches!(&mechanism.dynamics.law, Law::Ode { solver, .. } if solver.method == OdeMethod::Auto)
    );
    let gradient = LikelihoodGradient::new(&mechanism).unwrap();
    let numbers: Vec<u64> = (0..300).collect();
    let drawn = draw_parameters(&Compiled::new(&mechanism).unwrap(), 1, &numbers);
    let data: Vec<f64> = (0..14).map(f64::from).collect();
    let all = gradient.at(&drawn, &data).unwrap();
    for row in [0, 77, 299] {
        let one: Vec<Vec<f64>> = drawn.iter().map(|column| vec![column[row]]).collect();
        let alone = gradient.at(&one, &data).unwrap();
        for (all, alone) in all.iter().zip(alone) {
            assert_eq!(all[row].to_bits(), alone[0].to_bits());
        }
    }
}
