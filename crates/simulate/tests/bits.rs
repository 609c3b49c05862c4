//! Simulation i of seed s is the same numbers at any thread count, in any company.

#![allow(clippy::unwrap_used, clippy::panic)]

mod problems;

use gnomon_mechanism::Mechanism;
use gnomon_mechanism::model::{Law, OdeMethod};
use gnomon_simulate::{Batch, Compiled, simulate};
use problems::Build;

fn bits(columns: &[Vec<f64>]) -> Vec<Vec<u64>> {
    columns
        .iter()
        .map(|column| column.iter().map(|x| x.to_bits()).collect())
        .collect()
}

fn with_threads(threads: usize, compiled: &Compiled, simulations: &[u64]) -> Batch {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(|| simulate(compiled, 5, simulations).unwrap())
}

fn diffusion() -> Mechanism {
    let mut b = Build::default();
    let k = b.parameter("k", gnomon_mechanism::Family::Uniform, &[0.5, 2.0]);
    let one = b.number(1.0);
    let x = b.state("x", one);
    let pull = b.graph.multiply(k, x);
    let drift = b.graph.negate(pull);
    let half = b.number(0.5);
    b.observe(
        "x",
        &[0.5, 1.0, 1.7],
        gnomon_mechanism::Family::Normal,
        vec![x, half],
    );
    b.mechanism(Law::Sde {
        drift: vec![drift],
        diffusion: vec![half],
        step: 0.03,
    })
}

/// Reactions with a measured forcing, a set event, a condition, breaks in time and a flow.
const OUTBREAK: &str = r#"
[parameters]
beta = "LogNormal(log(0.6), 0.3)"
gamma = "LogNormal(log(0.2), 0.3)"
closed = "Uniform(5, 15)"
[states]
S = 990
I = 10
[[reactions]]
name = "infection"
rate = "beta * (1 + 0.02 * interp(t, cold)) * if(t > closed and t < closed + 7, 0.5, 1) * S * I / 1000"
change = { S = -1, I = 1 }
[[reactions]]
name = "recovery"
rate = "gamma * I"
change = { I = -1 }
[[events]]
at = "closed / 2"
set = { I = "I + 5" }
[[events]]
when = "I > 100"
once = true
set = { gamma = "1.5 * gamma" }
[forcing]
file = "cold.csv"
[observed]
times = "1:30"
cases = "NegativeBinomial(mean = flow(infection), size = 10)"
"#;

const RICKER: &str = r#"
[parameters]
r = "Uniform(2, 3.8)"
[states]
n = 1
[map]
n = "n * exp(r * (1 - n))"
[observed]
times = "1:50"
seen = "Poisson(10 * n)"
"#;

fn read(text: &str) -> Mechanism {
    let folder = tempfile::tempdir().unwrap();
    let cold = "day,cold\n0,1\n4,9\n9,3\n20,5\n";
    std::fs::write(folder.path().join("cold.csv"), cold).unwrap();
    Mechanism::parse("test", text, folder.path()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn threads_and_company_change_nothing() {
    for mechanism in [
        problems::sir(OdeMethod::Auto, 1e-6, 1e-8),
        problems::robertson(OdeMethod::Auto, 1e-4, 1e-8, 0.5),
        problems::sir_jumps(100.0, 5.0, &[5.0, 20.0]),
        diffusion(),
        read(OUTBREAK),
        read(&OUTBREAK.replace("[states]", "[solver]\nmethod = \"stiff\"\n[states]")),
        read(RICKER),
    ] {
        let compiled = Compiled::new(&mechanism).unwrap();
        let all: Vec<u64> = (0..1000).collect();
        let one = with_threads(1, &compiled, &all);
        let two = with_threads(2, &compiled, &all);
        assert!(one.failures.iter().all(Option::is_none));
        assert_eq!(bits(&one.observed), bits(&two.observed));
        assert_eq!(bits(&one.parameters), bits(&two.parameters));
        // A few of them, in another order.
        let some = [999, 3, 500, 77];
        let few = simulate(&compiled, 5, &some).unwrap();
        for (column, whole) in few.observed.iter().zip(&one.observed) {
            for (&simulation, value) in some.iter().zip(column) {
                assert_eq!(value.to_bits(), whole[simulation as usize].to_bits());
            }
        }
        assert_ne!(
            bits(&simulate(&compiled, 6, &some).unwrap().observed),
            bits(&few.observed)
        );
    }
}
