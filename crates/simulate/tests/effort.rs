//! Work that is counted is the same everywhere, and grows with the work.
#![allow(clippy::unwrap_used)]

use gnomon_mechanism::Mechanism;
use gnomon_simulate::{Compiled, effort};

fn of(text: &str) -> Option<f64> {
    let mechanism = Mechanism::parse("m", text, ".").unwrap();
    effort(&Compiled::new(&mechanism).unwrap(), 1, 128).unwrap()
}

const GROWTH: &str = "[parameters]\nk = \"Uniform(1, 2)\"\n[states]\nx = 1\n";

#[test]
fn longer_and_stiffer_simulations_are_more_work() {
    let seen = |end: u32| format!("[observed]\ntimes = [{end}]\nx = \"Normal(x, 1)\"\n");
    let ode = |end| {
        of(&format!(
            "{GROWTH}[dynamics]\nx = \"-k * x + sin(t)\"\n{}",
            seen(end)
        ))
        .unwrap()
    };
    let (short, long) = (ode(1), ode(100));
    assert!(short > 500.0 && long > 5.0 * short, "{short}, {long}");
    let map = |end| {
        of(&format!(
            "{GROWTH}[map]\nx = \"k * x / (1 + x)\"\n{}",
            seen(end)
        ))
        .unwrap()
    };
    // Each step costs the same: 3 operations, whatever the parameters are.
    assert_eq!(map(20) - map(10), map(30) - map(20));
    let none =
        of("[parameters]\nm = \"Normal(0, 1)\"\n[observed]\ny = \"Normal(m, 1)\"\n").unwrap();
    assert!(none < 1000.0, "{none}");
}

/// The count does not depend on how simulations are dealt to threads.
#[test]
fn the_count_is_the_same_at_any_number_of_threads() {
    let text = format!(
        "{GROWTH}[dynamics]\nx = \"k * sin(x * t)\"\n[noise]\nx = \"0.1\"\n[solver]\nstep = 0.1\n\
         [observed]\ntimes = \"1:5\"\nx = \"Normal(x, 1)\"\n"
    );
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| of(&text))
    };
    assert_eq!(with(1), with(2));
    assert!(with(1).is_some());
}

#[test]
fn what_may_take_any_time_is_not_counted() {
    let text = "[parameters]\nk = \"Uniform(1, 2)\"\n[states]\nx = 10\n[[reactions]]\nname = \"a\"\n\
                rate = \"k * x\"\nchange = { x = -1 }\n[observed]\ntimes = [1]\nx = \"Exact(x)\"\n";
    let jumps = format!("method = \"ssa\"\n{text}");
    assert_eq!(of(&jumps), None);
    assert!(of(text).is_some());
}
