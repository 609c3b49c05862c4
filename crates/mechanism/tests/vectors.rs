//! Vectors, matrices, sums: what they stand for, and what is refused.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;

use gnomon_mechanism::Mechanism;
use gnomon_mechanism::expression::Inputs;
use gnomon_mechanism::model::Law;

fn read(text: &str) -> Mechanism {
    Mechanism::parse("m", text, ".").unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

/// The arguments of the first observed series at each of its times.
fn arguments(mechanism: &Mechanism, parameters: &[f64]) -> Vec<Vec<f64>> {
    let observed = &mechanism.observed[0];
    let at = |&time: &f64| {
        let inputs = Inputs {
            time,
            parameters,
            ..Inputs::default()
        };
        let nodes = observed.distribution.arguments.iter();
        nodes
            .map(|&node| mechanism.graph.evaluate(node, &inputs))
            .collect()
    };
    observed.times.iter().map(at).collect()
}

#[test]
fn a_vector_is_its_entries() {
    let mechanism = read(
        r#"
        [constants]
        scale = [1, 10, 100]
        [parameters]
        theta = { prior = "Normal(i, scale[i])", size = 3, unit = "m" }
        slope = "Normal(theta[2], theta_1)"
        [derived]
        total = "sum(k, 1, 3, theta[k] * k)"
        twice = { value = "2 * theta[i]", size = 3 }
        [observed]
        x = { distribution = "Normal(theta[i], scale[i])", count = 3 }
        "#,
    );
    let names: Vec<&str> = mechanism
        .parameters
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(names, ["theta_1", "theta_2", "theta_3", "slope"]);
    assert_eq!(mechanism.parameters[2].unit.as_deref(), Some("m"));
    let prior = &mechanism.parameters[1].prior.arguments;
    let constants: Vec<f64> = prior
        .iter()
        .filter_map(|&n| mechanism.graph.as_constant(n))
        .collect();
    assert_eq!(constants, [2.0, 10.0]);
    let parameters = [0.5, 0.25, -1.0, 0.0];
    let inputs = Inputs {
        parameters: &parameters,
        ..Inputs::default()
    };
    let derived: Vec<(&str, f64)> = mechanism
        .derived
        .iter()
        .map(|d| (d.name.as_str(), mechanism.graph.evaluate(d.value, &inputs)))
        .collect();
    assert_eq!(
        derived,
        [
            ("total", -2.0),
            ("twice_1", 1.0),
            ("twice_2", 0.5),
            ("twice_3", -2.0)
        ]
    );
    assert_eq!(mechanism.observed[0].columns(), ["x_1", "x_2", "x_3"]);
    assert_eq!(
        arguments(&mechanism, &parameters),
        [vec![0.5, 1.0], vec![0.25, 10.0], vec![-1.0, 100.0]]
    );
}

/// A design matrix, inline and from a file, read by a vector that is observed at times of its own.
#[test]
fn a_matrix_is_looked_up() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("design.csv"), "a,b\n1,2\n3,4\n5,6\n").unwrap();
    for design in ["[[1, 2], [3, 4], [5, 6]]", "{ file = \"design.csv\" }"] {
        let text = format!(
            r#"
            [constants]
            X = {design}
            [parameters]
            theta = {{ prior = "Normal(0, 1)", size = 2 }}
            [observed]
            y = {{ distribution = "Bernoulli(1 / (1 + exp(-sum(k, 1, 2, X[i, k] * theta[k]))))", times = [0.5, 2, 7] }}
            "#
        );
        let mechanism = Mechanism::parse("m", &text, folder.path()).unwrap();
        let [a, b] = [0.3, -0.2];
        for (found, [x, y]) in
            arguments(&mechanism, &[a, b])
                .iter()
                .zip([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        {
            let exact = 1.0 / (1.0 + f64::exp(-(x * a + y * b)));
            assert!((found[0] - exact).abs() < 1e-14, "{found:?}, exact {exact}");
        }
        // What is in the file is part of what the mechanism is.
        let before = mechanism.identity();
        if design.contains("file") {
            fs::write(folder.path().join("design.csv"), "a,b\n1,2\n3,4\n5,7\n").unwrap();
            let after = Mechanism::parse("m", &text, folder.path()).unwrap();
            assert_ne!(before, after.identity());
        }
    }
}

/// Diffusion along a chain: one equation for all states.
#[test]
fn states_may_be_vectors() {
    let mechanism = read(
        r#"
        [constants]
        n = 4
        [parameters]
        k = "LogNormal(0, 1)"
        [states]
        x = { initial = "if(i == 1, 1, 0)", size = 4 }
        [dynamics]
        x = "k * (x[max(i - 1, 1)] - 2 * x[i] + x[min(i + 1, n)])"
        [observed]
        y = { distribution = "Normal(sum(j, 1, n, x[j]), 0.1)", times = [1, 2] }
        "#,
    );
    let Law::Ode { derivatives, .. } = &mechanism.dynamics.law else {
        panic!("not an ODE");
    };
    let inputs = Inputs {
        states: &[1.0, 5.0, 2.0, 7.0],
        parameters: &[2.0],
        ..Inputs::default()
    };
    let found: Vec<f64> = derivatives
        .iter()
        .map(|&node| mechanism.graph.evaluate(node, &inputs))
        .collect();
    assert_eq!(found, [8.0, -14.0, 16.0, -10.0]);
    let initial = mechanism
        .dynamics
        .states
        .iter()
        .map(|s| mechanism.graph.as_constant(s.initial));
    assert_eq!(initial.collect::<Vec<_>>(), [1.0, 0.0, 0.0, 0.0].map(Some));
}

/// Long vectors and sums neither exhaust the stack nor the memory.
#[test]
fn vectors_may_be_long_but_not_endless() {
    let text = r#"
        [parameters]
        x = { prior = "Normal(0, 1)", size = 5000 }
        [states]
        z = 0
        [dynamics]
        z = "sum(k, 1, 5000, x[k]) - z^2"
        [observed]
        y = { distribution = "Normal(x[i] + z, 1)", times = "1:5000" }
        "#;
    let mechanism = read(text);
    assert_eq!(mechanism.parameters.len(), 5000);
    let endless = text.replace("x[k]) - z", "sum(j, 1, 5000, x[k] * x[j])) - z");
    let error = Mechanism::parse("m", &endless, ".").unwrap_err();
    assert_eq!(error.message(), "more than 1 000 000 terms");
    let error = Mechanism::parse("m", &text.replace("size = 5000", "size = 50000"), ".");
    assert_eq!(error.unwrap_err().message(), "more than 5 000 entries");
}

/// A prior may use the entries above it: what a constant condition rules out is not looked at.
#[test]
fn a_random_walk_is_a_prior() {
    let mechanism = read(
        r#"
        [parameters]
        x = { prior = "Normal(if(i == 1, 0, x[i - 1]), 0.5)", size = 3 }
        [observed]
        y = { distribution = "Normal(x[i], 1)", count = 3 }
        "#,
    );
    let mean = mechanism.parameters[2].prior.arguments[0];
    let inputs = Inputs {
        parameters: &[1.0, 2.0, 3.0],
        ..Inputs::default()
    };
    assert_eq!(mechanism.graph.evaluate(mean, &inputs), 2.0);
}

/// A number that is used at a known place alone is part of what the mechanism is, too.
#[test]
fn a_file_of_constants_is_part_of_the_identity() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"
        [constants]
        N = { file = "people.csv" }
        [parameters]
        k = "Normal(N[2], 1)"
        [observed]
        y = "Normal(k, 1)"
        "#;
    let identity = |numbers: &str| {
        fs::write(folder.path().join("people.csv"), format!("N\n{numbers}\n")).unwrap();
        Mechanism::parse("m", text, folder.path())
            .unwrap()
            .identity()
    };
    assert_ne!(identity("1\n2"), identity("1\n3"));
}

/// What flows between two observations does not know the number of the second.
#[test]
fn flows_and_second_equations_are_refused() {
    let text = r#"
        [constants]
        w = [1, 2, 3]
        [parameters]
        k = { prior = "LogNormal(0, 1)", size = 3 }
        [states]
        x = { initial = "i", size = 3 }
        [dynamics]
        x = "-k[i] * x[i]"
        [observed]
        y = { distribution = "Poisson(flow(sum(j, 1, 3, k[j] * x[j])))", times = [1, 2, 3] }
        "#;
    read(text);
    for (from, to, message) in [
        ("sum(j, 1, 3, k[j] * x[j])", "k[i]", "unknown name `i`"),
        (
            "x = \"-k[i] * x[i]\"",
            "x_1 = 0\n x = \"-k[i] * x[i]\"",
            "`x_1` has two expressions",
        ),
    ] {
        let error = Mechanism::parse("m", &text.replace(from, to), ".").unwrap_err();
        assert_eq!(error.message(), message);
    }
}

/// Without vectors, `i` is a name like any other.
#[test]
fn a_quantity_may_be_called_i() {
    let mechanism = read(
        r#"
        [parameters]
        i = "Normal(0, 1)"
        [observed]
        y = { distribution = "Normal(i, 1)", count = 2 }
        "#,
    );
    assert_eq!(
        arguments(&mechanism, &[3.5]),
        [vec![3.5, 1.0], vec![3.5, 1.0]]
    );
}

#[test]
fn mistakes_are_named_with_their_place() {
    let text = r#"
        [constants]
        w = [1, 2]
        X = [[1, 2], [3, 4]]
        [parameters]
        theta = { prior = "Normal(0, 1)", size = 2 }
        slope = "Normal(0, 1)"
        [observed]
        y = { distribution = "Normal(theta[i] + w[i], 1)", count = 2 }
        "#;
    let distribution = "theta[i] + w[i]";
    for (from, to, message, place) in [
        (
            distribution,
            "theta[3]",
            "an index is 3, but there are 2 entries",
            "3",
        ),
        (
            distribution,
            "theta[0]",
            "an index is 0, but there are 2 entries",
            "0",
        ),
        (distribution, "theta[1.5]", "an index is 1.5", "1.5"),
        (
            distribution,
            "theta[slope]",
            "an index must be known before the simulation runs",
            "slope",
        ),
        (
            distribution,
            "theta[i + 1]",
            "an index must be known before the simulation runs",
            "i + 1",
        ),
        (distribution, "theta", "`theta` is a vector", "theta"),
        (distribution, "w", "`w` is a table of 2 numbers", "w"),
        (distribution, "X[1]", "`X` has 2 indices, not 1", "1"),
        (
            distribution,
            "theta[1, 2]",
            "`theta` has 1 index, not 2",
            "1, 2",
        ),
        (distribution, "slope[1]", "`slope` has no entries", "slope"),
        (
            distribution,
            "sum(k, 1, 2, k[1])",
            "`k` has no entries",
            "k",
        ),
        (distribution, "t[1]", "`t` has no entries", "t"),
        (
            distribution,
            "sum(exp, 1, 2, 3)",
            "`exp` is a function",
            "exp",
        ),
        (distribution, "thta[1]", "unknown name `thta`", "thta"),
        (distribution, "theta[1", "`)` where `]` should be", ")"),
        (
            distribution,
            "sum(1, 1, 2, 3)",
            "the first argument of `sum` is a new name",
            "1",
        ),
        (
            distribution,
            "sum(k, 1, 2)",
            "`sum` takes 4 arguments (index, first, last, term), but was given 3",
            "sum(k, 1, 2)",
        ),
        (
            distribution,
            "sum(slope, 1, 2, 3)",
            "the name `slope` is in use",
            "slope",
        ),
        (
            distribution,
            "sum(k, 1, 2.5, k)",
            "a sum cannot begin or end at 2.5",
            "2.5",
        ),
        (
            "count = 2",
            "count = 3",
            "3 entries are observed, but there are 2 here",
            "i",
        ),
        (
            "size = 2",
            "size = 0",
            "`size` must be a whole number of at least 1, but is 0",
            "0",
        ),
        (
            "slope =",
            "i =",
            "`i` is the number of the entry where there are vectors",
            "i",
        ),
        (
            "slope =",
            "theta_2 =",
            "the name `theta_2` is used twice",
            "theta_2",
        ),
        (
            "[3, 4]]",
            "[3]]",
            "its rows are not equally long",
            "[[1, 2], [3]]",
        ),
        ("[1, 2]\n", "[]\n", "there are no numbers here", "[]"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let error = Mechanism::parse("m", &changed, ".").unwrap_err();
        assert_eq!(error.message(), message, "{to}");
        assert!(error.help_text().is_some(), "{to}");
        let (_, _, _, found) = error.place().unwrap();
        assert_eq!(found, place, "{to}");
    }
}

const TOWNS: &str = "method = \"ssa\"\n[parameters]\nrate = \"Uniform(0, 1)\"\n[states]\n\
    S = { initial = \"100 * i\", size = 3 }\nI = { initial = 1, size = 3 }\ntotal = 0\n\
    [[reactions]]\nname = \"infection\"\nsize = 3\nrate = \"rate * i * S[i] * I[i]\"\n\
    change = { S = -1, I = +1, total = +1 }\n\
    [[reactions]]\nname = \"journey\"\nsize = 2\nrate = \"I[i]\"\n\
    change = { \"I[i]\" = -1, \"I[i + 1]\" = +1 }\n\
    [observed]\ntimes = \"1:4\"\nnew = { distribution = \"flow(infection[i])\", size = 3 }\n\
    all = \"sum(k, 1, 3, flow(infection[k]))\"\n";

/// A list of reactions with a `size` is one for each entry: rates and changes are of its number.
#[test]
fn reactions_may_be_vectors() {
    let mechanism = read(TOWNS);
    let Law::Jumps { reactions } = &mechanism.dynamics.law else {
        panic!("{:?}", mechanism.dynamics.law)
    };
    let names: Vec<&str> = reactions.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "infection_1",
            "infection_2",
            "infection_3",
            "journey_1",
            "journey_2"
        ]
    );
    // S is the states 0 to 2, I 3 to 5, the total 6.
    assert_eq!(reactions[1].change, [(1, -1.0), (4, 1.0), (6, 1.0)]);
    assert_eq!(reactions[4].change, [(4, -1.0), (5, 1.0)]);
    let flows: Vec<Vec<usize>> = mechanism
        .dynamics
        .flows
        .iter()
        .map(|flow| flow.firings.iter().map(|(reaction, _)| *reaction).collect())
        .collect();
    assert_eq!(flows, [[0], [1], [2], [0], [1], [2]]);
}

#[test]
fn reactions_of_another_size_are_refused() {
    let refused = |from: &str, to: &str, what: &str| {
        let text = TOWNS.replacen(from, to, 1);
        let error = Mechanism::parse("towns", &text, ".").unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    };
    refused(
        "size = 3\nrate",
        "size = 2\nrate",
        "`S` has 3 entries, and the reaction is 2",
    );
    refused(
        "size = 3\nrate",
        "rate",
        "`S` has 3 entries, and the reaction is one",
    );
    refused("I[i + 1]", "I[i + 2]", "`I` has no entry 4");
    refused("I[i + 1]", "total[i]", "`total` has no entries");
    refused(
        "flow(infection[i])",
        "flow(infection[i + 1])",
        "one of them",
    );
    refused("\"rate * i", "\"infection[1] * i", "is a reaction");
}
