//! ODE solutions against closed forms and independent references; conservation; flows; failures.
//!
//! Reference numbers: SciPy 1.16 `solve_ivp`, methods Radau and LSODA (Robertson: relative 1e-12,
//! absolute 1e-16; they agree to 3e-11), DOP853 and LSODA (Lotka-Volterra: 1e-13; agree to 1e-9),
//! Radau (van der Pol: 1e-11).

#![allow(clippy::unwrap_used, clippy::panic)]

mod problems;

use gnomon_mechanism::model::{Law, OdeMethod};
use gnomon_mechanism::{Family, Mechanism};
use gnomon_simulate::{
    Compiled, Failure, draw_parameters, log_likelihood, observation_arguments, simulate, solve,
};
use problems::{Build, solver};

fn once(mechanism: &Mechanism) -> Vec<f64> {
    let batch = simulate(&Compiled::new(mechanism).unwrap(), 1, &[0]).unwrap();
    assert_eq!(batch.failures[0], None);
    batch.observed.iter().map(|column| column[0]).collect()
}

fn failure(mechanism: &Mechanism) -> Failure {
    let batch = simulate(&Compiled::new(mechanism).unwrap(), 1, &[0]).unwrap();
    assert!(batch.observed.iter().all(|column| column[0].is_nan()));
    batch.failures[0].clone().unwrap()
}

const METHODS: [OdeMethod; 3] = [OdeMethod::Auto, OdeMethod::Explicit, OdeMethod::Stiff];

/// Decay, oscillator and logistic growth in one system, at two tolerances: the error is small and
/// falls with the tolerance.
#[test]
fn solutions_match_closed_forms() {
    let times: Vec<f64> = (0..=20).map(|k| f64::from(k) * 0.5).collect();
    let make = |method, tolerance| {
        let mut b = Build::default();
        let (zero, one, tenth) = (b.number(0.0), b.number(1.0), b.number(0.1));
        let x = b.state("decay", one);
        let (p, q) = (b.state("position", one), b.state("velocity", zero));
        let y = b.state("logistic", tenth);
        for (name, node) in [("x", x), ("p", p), ("q", q), ("y", y)] {
            b.observe(name, &times, Family::Exact, vec![node]);
        }
        let g = &mut b.graph;
        let rest = g.subtract(one, y);
        let derivatives = vec![g.negate(x), q, g.negate(p), g.multiply(y, rest)];
        b.mechanism(Law::Ode {
            derivatives,
            solver: solver(method, tolerance),
        })
    };
    for method in METHODS {
        let error = |tolerance| {
            let seen = once(&make(method, tolerance));
            let exact = |t: f64| {
                let e = t.exp();
                [(-t).exp(), t.cos(), -t.sin(), e / (9.0 + e)]
            };
            let mut worst = 0.0f64;
            for (k, &t) in times.iter().enumerate() {
                for (j, value) in exact(t).into_iter().enumerate() {
                    worst = worst.max((seen[j * times.len() + k] - value).abs());
                }
            }
            worst
        };
        let (loose, tight) = (error(1e-5), error(1e-9));
        assert!(loose < 2e-4, "{method:?}: {loose}");
        assert!(tight < 2e-8, "{method:?}: {tight}");
        assert!(tight < loose * 1e-2, "{method:?}: {loose} {tight}");
    }
}

/// The digits on which Radau and BDF of SciPy and BDF of diffsol 0.18 (at 1e-11) agree.
#[test]
fn robertson_matches_scipy_and_diffsol() {
    let reference = [
        [0.985_172_113_861, 3.386_395_378_975e-5, 0.014_794_022_185_2],
        [0.905_518_678_585, 2.240_475_687_57e-5, 0.094_458_916_658],
        [0.715_827_068_72, 9.185_534_764_6e-6, 0.284_163_745_74],
        [0.450_518_668_48, 3.222_901_441_7e-6, 0.549_478_108_62],
        [0.183_202_257_78, 8.942_371_253e-7, 0.816_796_847_98],
        [0.038_983_377_087, 1.621_768_316e-7, 0.961_016_460_73],
    ];
    for (method, tolerance, allowed) in [
        (OdeMethod::Stiff, 1e-6, 1e-5),
        (OdeMethod::Stiff, 1e-9, 2e-8),
        (OdeMethod::Auto, 1e-9, 2e-8),
    ] {
        let seen = once(&problems::robertson(
            method,
            tolerance,
            tolerance * 1e-7,
            0.0,
        ));
        for (k, exact) in reference.iter().enumerate() {
            for (j, &value) in exact.iter().enumerate() {
                let error = (seen[6 * j + k] / value - 1.0).abs();
                assert!(
                    error < allowed,
                    "{method:?} {tolerance}: {error} at {k}, {j}"
                );
            }
            let mass: f64 = (0..3).map(|j| seen[6 * j + k]).sum();
            assert!((mass - 1.0).abs() < 1e-12);
        }
    }
}

/// SciPy's DOP853 at 1e-13; diffsol's Tsitouras 5(4) at 1e-12 gives 42.426_858_883_8 and
/// 1.445_643_855_10 at the second of these times.
#[test]
fn lotka_volterra_matches_scipy_and_diffsol() {
    let compiled = Compiled::new(&problems::lotka_volterra(OdeMethod::Auto, 1e-11, 1e-12)).unwrap();
    let columns = [0.9, 0.05, 0.9, 0.05].map(|p| vec![p]);
    let path = solve(&compiled, &columns, 0, &[0]).unwrap();
    for (time, exact) in [
        (0, [46.752_194_404_5, 68.251_287_613_8]),
        (4, [42.426_858_883_77, 1.445_643_855_097]),
        (9, [59.002_145_172_1, 2.817_420_240_92]),
    ] {
        for (value, exact) in path.at(0, time).iter().zip(exact) {
            assert!((value / exact - 1.0).abs() < 1e-8, "{value} {exact}");
        }
    }
}

/// Van der Pol's oscillator with mu = 1000: stiffness is found, and the answer is right.
#[test]
fn a_stiff_oscillator_is_found_to_be_stiff() {
    let make = |method| problems::van_der_pol(method, 1e-9, 1e-11);
    let compiled = Compiled::new(&make(OdeMethod::Auto)).unwrap();
    let path = solve(&compiled, &[vec![1000.0]], 0, &[0]).unwrap();
    for (time, exact) in [1.858_205_95, 1.484_575_69, -1.863_646_25]
        .into_iter()
        .enumerate()
    {
        let value = path.at(0, time)[0];
        assert!((value - exact).abs() < 1e-6, "{value} {exact}");
    }
    assert_eq!(
        failure(&make(OdeMethod::Explicit)),
        Failure::StepLimit { steps: 20_000 }
    );
}

/// Flows over the interval between observations of their own series: new cases are what S lost.
#[test]
fn flows_add_up_between_observations() {
    for method in METHODS {
        let mut b = Build::default();
        let (s0, i0, beta, gamma) = (b.number(0.99), b.number(0.01), b.number(1.5), b.number(0.5));
        let (s, i) = (b.state("S", s0), b.state("I", i0));
        let g = &mut b.graph;
        let contacts = g.multiply(s, i);
        let infection = g.multiply(beta, contacts);
        let recovery = g.multiply(gamma, i);
        let derivatives = vec![g.negate(infection), g.subtract(infection, recovery)];
        let cases = b.flow(infection, vec![]);
        b.observe("cases", &[3.0, 5.0, 20.0], Family::Exact, vec![cases]);
        b.observe("again", &[4.0, 20.0], Family::Exact, vec![cases]);
        b.observe("S", &[3.0, 4.0, 5.0, 20.0], Family::Exact, vec![s]);
        let seen = once(&b.mechanism(Law::Ode {
            derivatives,
            solver: solver(method, 1e-9),
        }));
        let s = &seen[5..];
        let expected = [
            0.99 - s[0],
            s[0] - s[2],
            s[2] - s[3],
            0.99 - s[1],
            s[1] - s[3],
        ];
        for (value, exact) in seen.iter().zip(expected) {
            assert!((value - exact).abs() < 1e-8, "{method:?}: {value} {exact}");
        }
    }
}

#[test]
fn what_cannot_be_solved_fails_with_its_reason() {
    let make = |method, power: f64, initial: f64| {
        let mut b = Build::default();
        let (start, power) = (b.number(initial), b.number(power));
        let x = b.state("x", start);
        b.observe("x", &[0.5, 2.0], Family::Exact, vec![x]);
        let slope = b
            .graph
            .binary(gnomon_mechanism::expression::Binary::Power, x, power);
        b.mechanism(Law::Ode {
            derivatives: vec![slope],
            solver: solver(method, 1e-6),
        })
    };
    for method in METHODS {
        // dx/dt = x^2 from 1 is infinite at t = 1.
        let reason = failure(&make(method, 2.0, 1.0));
        let near = match &reason {
            Failure::StepTooSmall { time } => (time - 1.0).abs() < 1e-3,
            Failure::NonFinite { .. } => true,
            _ => false,
        };
        assert!(near, "{method:?}: {reason}");
        // x^0.5 of a negative number is not a number.
        assert!(matches!(
            failure(&make(method, 0.5, -1.0)),
            Failure::NonFinite { .. }
        ));
        assert_eq!(
            failure(&make(method, 2.0, f64::NAN)).to_string(),
            "the initial value of x is not finite"
        );
    }
    // Loose tolerances on prey and predators: some rows step into nonsense; none hangs.
    let loose = Compiled::new(&problems::lotka_volterra(OdeMethod::Explicit, 0.3, 0.3)).unwrap();
    let all: Vec<u64> = (0..2000).collect();
    let batch = simulate(&loose, 1, &all).unwrap();
    for (row, failure) in batch.failures.iter().enumerate() {
        assert_eq!(
            failure.is_some(),
            batch.observed.iter().any(|column| column[row].is_nan())
        );
    }
}

/// The likelihood of x(t) = e^(-k t) seen with normal noise, with one entry missing.
#[test]
fn likelihoods_are_those_of_the_arguments() {
    let mut b = Build::default();
    let k = b.parameter("k", Family::Uniform, &[0.5, 2.0]);
    let (one, sd) = (b.number(1.0), b.number(0.1));
    let x = b.state("x", one);
    b.observe("x", &[1.0, 2.0, 3.0], Family::Normal, vec![x, sd]);
    let rate = b.graph.multiply(k, x);
    let slope = b.graph.negate(rate);
    let compiled = Compiled::new(&b.mechanism(Law::Ode {
        derivatives: vec![slope],
        solver: solver(OdeMethod::Auto, 1e-9),
    }))
    .unwrap();
    let simulations: Vec<u64> = (0..700).collect();
    let columns = draw_parameters(&compiled, 1, &simulations);
    let data = [0.4, f64::NAN, 0.1];
    let values = log_likelihood(&compiled, &columns, &data).unwrap();
    let (arguments, _) = observation_arguments(&compiled, &columns, 0).unwrap();
    for (row, &k) in columns[0].iter().enumerate() {
        let normal = |x: f64, mean: f64| {
            -0.5 * ((x - mean) / 0.1).powi(2) - 0.1f64.ln() - 0.5 * std::f64::consts::TAU.ln()
        };
        let exact = normal(0.4, (-k).exp()) + normal(0.1, (-3.0 * k).exp());
        assert!((values[row] - exact).abs() < 1e-5);
        assert!((arguments[1].arguments[0][row] - (-2.0 * k).exp()).abs() < 1e-7);
    }
    assert!(log_likelihood(&compiled, &columns, &data[..2]).is_err());
    assert!(log_likelihood(&compiled, &[], &data).is_err());
}
