//! Events of ordinary differential equations against closed forms.

#![allow(clippy::unwrap_used, clippy::panic)]

mod problems;

use gnomon_mechanism::model::{Law, OdeMethod};
use gnomon_mechanism::{Family, Mechanism};
use gnomon_simulate::{Compiled, Failure, simulate};
use problems::{Build, solver};

const METHODS: [OdeMethod; 2] = [OdeMethod::Explicit, OdeMethod::Stiff];

fn once(mechanism: &Mechanism) -> Vec<f64> {
    let batch = simulate(&Compiled::new(mechanism).unwrap(), 1, &[0]).unwrap();
    assert_eq!(batch.failures[0], None);
    batch.observed.iter().map(|column| column[0]).collect()
}

/// A dose of 2 at t = 1 and at t = tau (a parameter) on top of decay; an event comes before an
/// observation at the same time.
#[test]
fn doses_are_given_at_their_times() {
    for method in METHODS {
        let mut b = Build::default();
        let tau = b.parameter("tau", Family::Exact, &[2.5]);
        let (one, two) = (b.number(1.0), b.number(2.0));
        let x = b.state("x", one);
        let more = b.graph.add(x, two);
        b.at(vec![tau, one], vec![(0, more)]);
        let times = [0.0, 0.5, 1.0, 2.0, 2.5, 4.0];
        b.observe("x", &times, Family::Exact, vec![x]);
        let slope = b.graph.negate(x);
        let seen = once(&b.mechanism(Law::Ode {
            derivatives: vec![slope],
            solver: solver(method, 1e-9),
        }));
        let exact = |t: f64| {
            let dose = |at: f64| if t >= at { 2.0 * (at - t).exp() } else { 0.0 };
            (-t).exp() + dose(1.0) + dose(2.5)
        };
        for (value, t) in seen.iter().zip(times) {
            assert!(
                (value - exact(t)).abs() < 1e-8,
                "{method:?} at {t}: {value}"
            );
        }
    }
}

/// A ball dropped from height 1 under gravity 2, each bounce keeping 0.8 of the speed: it meets
/// the floor at t = 1, 2.6, 3.88, ...
#[test]
fn a_ball_bounces() {
    for method in METHODS {
        let mut b = Build::default();
        let (zero, one, keep, gravity) =
            (b.number(0.0), b.number(1.0), b.number(-0.8), b.number(-2.0));
        let (height, speed) = (b.state("height", one), b.state("speed", zero));
        let depth = b.graph.negate(height);
        let back = b.graph.multiply(keep, speed);
        b.rises(depth, false, vec![(1, back)]);
        let times = [0.5, 1.0, 1.8, 2.5, 3.0, 3.5];
        b.observe("height", &times, Family::Exact, vec![height]);
        let seen = once(&b.mechanism(Law::Ode {
            derivatives: vec![speed, gravity],
            solver: solver(method, 1e-8),
        }));
        let exact = |t: f64| {
            let (mut start, mut up) = (1.0, 1.6);
            if t < start {
                return 1.0 - t * t;
            }
            while t > start + up {
                start += up; // a flight at speed v lasts v under gravity 2
                up *= 0.8;
            }
            let since = t - start;
            up * since - since * since
        };
        for (value, t) in seen.iter().zip(times) {
            assert!(
                (value - exact(t)).abs() < 1e-7,
                "{method:?} at {t}: {value} {}",
                exact(t)
            );
        }
    }
}

/// x grows at rate r; when x passes 3 (once) r, a switched parameter, becomes 0.
#[test]
fn a_threshold_switches_a_parameter_once() {
    for once_only in [true, false] {
        for method in METHODS {
            let mut b = Build::default();
            let (one, three, minus) = (b.number(1.0), b.number(3.0), b.number(-1.0));
            let rate = b.parameter("rate", Family::Exact, &[0.5]);
            let x = b.state("x", one);
            let r = b.state("r", rate);
            let excess = b.graph.subtract(x, three);
            b.rises(excess, once_only, vec![(0, one)]);
            let end = b.number(4.0);
            b.at(vec![end], vec![(1, minus)]);
            b.observe("x", &[2.0, 3.0, 5.0], Family::Exact, vec![x]);
            let slope = b.graph.multiply(r, x);
            let zero = b.number(0.0);
            let seen = once(&b.mechanism(Law::Ode {
                derivatives: vec![slope, zero],
                solver: solver(method, 1e-9),
            }));
            // x = e^(t/2) reaches 3 at 2 ln 3, starts again from 1, decays from t = 4 on.
            let again = 2.0 * 3.0f64.ln();
            let exact = [
                1.0f64.exp(),
                (0.5 * (3.0 - again)).exp(),
                (0.5 * (4.0 - again) - 1.0).exp(),
            ];
            for (value, exact) in seen.iter().zip(exact) {
                assert!((value - exact).abs() < 1e-7, "{method:?}: {value} {exact}");
            }
        }
    }
}

/// Two events that set each other off without end are a failed row.
#[test]
fn a_storm_of_events_is_a_failure() {
    for method in METHODS {
        let mut b = Build::default();
        let (minus, zero, one) = (b.number(-1.0), b.number(0.0), b.number(1.0));
        let (x, y) = (b.state("x", minus), b.state("y", minus));
        b.rises(x, false, vec![(0, minus), (1, one)]);
        b.rises(y, false, vec![(1, minus), (0, one)]);
        let tau = b.parameter("tau", Family::Uniform, &[0.0, 2.0]);
        b.at(vec![tau], vec![(0, one)]);
        b.observe("x", &[1.0], Family::Exact, vec![x]);
        let mechanism = b.mechanism(Law::Ode {
            derivatives: vec![zero, zero],
            solver: solver(method, 1e-6),
        });
        let all: Vec<u64> = (0..70).collect();
        let batch = simulate(&Compiled::new(&mechanism).unwrap(), 1, &all).unwrap();
        for (failure, &tau) in batch.failures.iter().zip(&batch.parameters[0]) {
            let storm = (tau <= 1.0).then_some(Failure::EventStorm { time: tau });
            assert_eq!(*failure, storm);
        }
    }
}
