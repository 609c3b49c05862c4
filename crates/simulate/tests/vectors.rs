//! Vectors run as the same quantities written one by one.
#![allow(clippy::unwrap_used)]

use gnomon_mechanism::Mechanism;
use gnomon_simulate::{Compiled, log_likelihood, simulate};

fn compiled(text: &str) -> Compiled {
    Compiled::new(&Mechanism::parse("m", text, ".").unwrap()).unwrap()
}

#[test]
fn a_chain_is_its_links() {
    let vector = r#"
        [constants]
        start = [3, 0, 1]
        [parameters]
        k = { prior = "LogNormal(0, 0.3)", size = 3 }
        [states]
        x = { initial = "start[i]", size = 3 }
        [dynamics]
        x = "k[i] * (x[max(i - 1, 1)] - x[i])"
        [observed]
        times = [0.5, 1, 2]
        y = "Normal(x[i], 0.1)"
        all = "Normal(sum(j, 1, 3, x[j]), 0.1)"
        "#;
    let scalars = r#"
        [parameters]
        k_1 = "LogNormal(0, 0.3)"
        k_2 = "LogNormal(0, 0.3)"
        k_3 = "LogNormal(0, 0.3)"
        [states]
        x_1 = 3
        x_2 = 0
        x_3 = 1
        [dynamics]
        x_1 = "k_1 * (x_1 - x_1)"
        x_2 = "k_2 * (x_1 - x_2)"
        x_3 = "k_3 * (x_2 - x_3)"
        [observed]
        times = [0.5, 1, 2]
        y = "Normal(if(t == 0.5, x_1, if(t == 1, x_2, x_3)), 0.1)"
        all = "Normal(x_1 + x_2 + x_3, 0.1)"
        "#;
    let numbers: Vec<u64> = (0..100).collect();
    let [vector, scalars] = [vector, scalars].map(compiled);
    let (a, b) = (
        simulate(&vector, 7, &numbers).unwrap(),
        simulate(&scalars, 7, &numbers).unwrap(),
    );
    assert_eq!(a.parameters, b.parameters);
    assert_eq!(a.observed, b.observed);
    assert!(a.failures.iter().all(Option::is_none));
    let data = [3.0, 1.0, 0.5, 4.0, 4.0, 4.0];
    assert_eq!(
        log_likelihood(&vector, &a.parameters, &data).unwrap(),
        log_likelihood(&scalars, &b.parameters, &data).unwrap()
    );
}

/// A stiff solver takes derivatives of everything; a long choice among entries is no deeper a stack.
#[test]
fn long_vectors_run() {
    let text = r#"
        [parameters]
        x = { prior = "Normal(0, 1)", size = 3000 }
        [states]
        z = 0
        [dynamics]
        z = "sum(k, 1, 3000, x[k]) / 3000 - z"
        [solver]
        method = "stiff"
        [observed]
        y = { distribution = "Normal(x[i] + 0 * z, 0.001)", times = "1:3000" }
        "#;
    let batch = simulate(&compiled(text), 1, &[0, 1]).unwrap();
    for (x, y) in batch.parameters.iter().zip(&batch.observed) {
        assert!((x[1] - y[1]).abs() < 0.01);
    }
}
