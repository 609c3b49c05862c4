//! Lines of space, boundaries, responses and steady states: what they stand for, and what is refused.
#![allow(clippy::unwrap_used)]

use gnomon_mechanism::{Mechanism, Study};

const HEAT: &str = r#"
[space]
x = { from = 0, to = 1, cells = 4 }
[definitions]
flux = { over = "x", value = "(u[i] - u[i-1]) / dx" }
warm = "2 * t"
[states]
u = { over = "x", initial = "x[i]", boundary = { left = "warm", right = "zero flux" } }
[dynamics]
u = "u[i-1] - 2 * u[i] + u[i+1]"
[observed]
times = [1, 2]
u = { over = "x", every = 3, distribution = "u[i]" }
"#;

const RESPONSE: &str = r#"
[parameters]
k = "Uniform(1, 2)"
[response]
frequency = "w"
mass = [1, 2]
stiffness = [["k", -1], [-1, 3]]
force = [1, 0]
[observed]
frequencies = [1, 2]
a = "amplitude(y[1])"
"#;

const STEADY: &str = r#"
[parameters]
k = "Uniform(1, 2)"
[states]
x = 1
[dynamics]
x = "1 - k * x"
[observed]
times = "steady"
rest = "x"
"#;

#[test]
fn a_vector_of_series_is_named_by_its_entries() {
    let mechanism = Mechanism::parse("heat", HEAT, ".").unwrap();
    let names: Vec<&str> = mechanism.observed.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["u_1", "u_4"]);
    assert_eq!(mechanism.observed[1].columns(), ["u_4_1", "u_4_2"]);
    assert_eq!(mechanism.dynamics.states.len(), 4);
}

/// In a study the vector's name stands for all of them, a slice of it for their slices.
#[test]
fn a_study_gives_and_asks_for_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("[parameters]\nk = 'Uniform(0, 1)'\n{HEAT}");
    std::fs::write(folder.path().join("heat.toml"), text).unwrap();
    let study = "title = 'How warm?'\nmechanisms = ['heat.toml']\ngiven = ['u[1]']\npredict = ['k', 'u[2]']\n\
                 [observed]\nu_1 = [1]\nu_4 = [2]\n";
    let file = folder.path().join("study.toml");
    std::fs::write(&file, study).unwrap();
    let study = Study::read(&file).unwrap();
    let given: Vec<&str> = study.given.iter().map(|part| part.label.as_str()).collect();
    assert_eq!(given, ["u_1[1]", "u_4[1]"]);
}

#[test]
fn mistakes_are_named_with_their_place() {
    let cases = [
        (
            HEAT,
            "\"zero flux\"",
            "\"zero-flux\"",
            "`zero-flux` is no boundary condition here",
            "\"zero-flux\"",
        ),
        (
            HEAT,
            "\"zero flux\"",
            "\"periodic\"",
            "`periodic` is no boundary condition here",
            "\"periodic\"",
        ),
        (HEAT, "\"warm\"", "\"wrm\"", "unknown name `wrm`", "wrm"),
        (
            HEAT,
            "left = \"warm\", ",
            "",
            "`boundary` has no `left`",
            "boundary",
        ),
        (
            HEAT,
            ", boundary = { left = \"warm\", right = \"zero flux\" }",
            "",
            "an index is 0, but there are 4 entries",
            "i-1",
        ),
        (
            HEAT,
            "u[i-1] - 2",
            "u[i-9] - 2",
            "an index is -8, but there are 4 entries",
            "i-9",
        ),
        (
            HEAT,
            "over = \"x\", initial",
            "over = \"z\", initial",
            "`z` is no line of [space]",
            "\"z\"",
        ),
        (
            HEAT,
            "over = \"x\", initial",
            "size = 4, over = \"x\", initial",
            "`size` beside `over`",
            "4",
        ),
        (
            HEAT,
            "over = \"x\", initial = \"x[i]\"",
            "initial = 0",
            "only a vector has ends",
            "{ left = \"warm\", right = \"zero flux\" }",
        ),
        (
            HEAT,
            "to = 1",
            "to = 0",
            "a line ends where it begins, or before",
            "0",
        ),
        (
            HEAT,
            "cells = 4",
            "cells = 0",
            "`cells` must be a whole number of at least 1, but is 0",
            "0",
        ),
        (
            HEAT,
            "over = \"x\", every",
            "every",
            "`every` without `size` or `over`",
            "3",
        ),
        (
            HEAT,
            "\"u[i]\" }",
            "\"at(u, 1.5)\" }",
            "the position is 1.5",
            "1.5",
        ),
        (
            HEAT,
            "\"u[i]\" }",
            "\"at(warm, 0.5)\" }",
            "the first argument of `at` is a vector over a line of [space]",
            "warm",
        ),
        (
            HEAT,
            "warm = \"2 * t\"",
            "warm = \"flux[1]\"",
            "`flux_1` is defined by itself",
            "flux",
        ),
        (RESPONSE, "amplitude(y[1])", "y[1]", "`y` is complex", "y"),
        (
            RESPONSE,
            "amplitude(y[1])",
            "amplitude(y[3])",
            "no entry of `y`",
            "3",
        ),
        (
            RESPONSE,
            "amplitude(y[1])",
            "t",
            "there is no time in a [response]",
            "t",
        ),
        (
            RESPONSE,
            "frequencies",
            "times",
            "`times` means nothing here",
            "[1, 2]",
        ),
        (
            RESPONSE,
            "[1, 2]\na",
            "[-1, 2]\na",
            "the frequency -1 is negative",
            "-1",
        ),
        (
            RESPONSE,
            "frequency = \"w\"",
            "frequency = \"k\"",
            "the frequency is known already",
            "[1, 2]",
        ),
        (
            RESPONSE,
            "force = [1, 0]",
            "force = [1]",
            "1 entries, where there are 2 unknowns",
            "[1]",
        ),
        (
            RESPONSE,
            "force = [1, 0]",
            "",
            "[response] has no `force`",
            "response",
        ),
        (
            RESPONSE,
            "mass = [1, 2]\nstiffness = [[\"k\", -1], [-1, 3]]",
            "",
            "[response] has no matrix",
            "response",
        ),
        (
            RESPONSE,
            "[response]",
            "[states]\nz = 1\n[response]",
            "[states] beside [response]",
            "z",
        ),
        (
            RESPONSE,
            "frequency = \"w\"",
            "frequency = \"w\"\nunknown = \"k\"",
            "the name `k` is in use",
            "k",
        ),
        (
            STEADY,
            "1 - k * x",
            "1 - k * x * t",
            "the law of motion depends on the time",
            "\"steady\"",
        ),
        (
            STEADY,
            "\"x\"",
            "\"flow(x)\"",
            "nothing accumulates in a steady state",
            "flow(x)",
        ),
        (
            STEADY,
            "[observed]",
            "[solver]\nmethod = \"explicit\"\n[observed]",
            "an explicit solver takes too many steps to a steady state",
            "\"steady\"",
        ),
        (
            STEADY,
            "[dynamics]",
            "[map]",
            "only differential equations without noise come to rest",
            "\"steady\"",
        ),
        (
            STEADY,
            "rest = \"x\"",
            "rest = { distribution = \"x\", times = 3 }",
            "times beside a steady state",
            "3",
        ),
        (
            STEADY,
            "[observed]\ntimes = \"steady\"",
            "[solver]\nhorizon = 3\n[observed]\ntimes = 1",
            "`horizon` means nothing for differential equations without noise",
            "horizon",
        ),
    ];
    let mut wrong = Vec::new();
    for (text, from, to, message, place) in cases {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let Err(error) = Mechanism::parse("m", &changed, ".") else {
            unreachable!("{to} was taken");
        };
        let (_, _, _, found) = error.place().unwrap();
        if (error.message(), found) != (message, place) || error.help_text().is_none() {
            wrong.push(format!("{to}: {} at `{found}`", error.message()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
