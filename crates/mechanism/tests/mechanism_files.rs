//! Every construct of a mechanism file, read and evaluated at a point against arithmetic by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gnomon_mechanism::expression::{Input, Inputs, Node};
use gnomon_mechanism::model::{Law, OdeMethod, Protocol, Trigger};
use gnomon_mechanism::{Family, Mechanism};

fn read(text: &str) -> Mechanism {
    Mechanism::parse("test", text, "tests/data").unwrap_or_else(|error| panic!("{error:?}"))
}

/// Values of nodes at t = 2 with these states and parameters.
fn at(mechanism: &Mechanism, nodes: &[Node], states: &[f64], parameters: &[f64]) -> Vec<f64> {
    let flows: Vec<f64> = (0..mechanism.dynamics.flows.len())
        .map(|f| 1000.0 + f as f64)
        .collect();
    let inputs = Inputs {
        time: 2.0,
        states,
        parameters,
        flows: &flows,
        ..Inputs::default()
    };
    nodes
        .iter()
        .map(|&node| mechanism.graph.evaluate(node, &inputs))
        .collect()
}

/// The value of an expression of x = 3 and y = 0.25 at t = 2.
fn value(expression: &str) -> f64 {
    let mechanism = read(&format!(
        "parameters = {{ y = 1 }}\nstates = {{ x = 3 }}\ndynamics = {{ x = \"{expression}\" }}\nobserved = {{ times = [1], z = \"x\" }}"
    ));
    let Law::Ode { derivatives, .. } = &mechanism.dynamics.law else {
        panic!("not an ODE")
    };
    at(&mechanism, derivatives, &[3.0], &[0.25])[0]
}

#[test]
fn expressions_mean_what_mathematics_says() {
    let cases = [
        ("-x^2", -9.0),
        ("2^3^2", 512.0),
        ("x ** -1", 1.0 / 3.0),
        ("7 % x + mod(-7, x)", 1.0 + 2.0),
        ("if(x > 2 and not y >= 1, 10, 20)", 10.0),
        ("(x == 3) + (x != 3) + (x <= 3 or y < 0)", 2.0),
        ("min(x, y, 2) + max(x, y, 2)", 0.25 + 3.0),
        (
            "abs(-x) + floor(2.7) + ceil(2.1) + sign(-5)",
            3.0 + 2.0 + 3.0 - 1.0,
        ),
        ("exp(log(x)) + ln(exp(1))", 4.0),
        ("sqrt(y) * 1_000 + 1e-3", 500.001),
        ("log2(8) + log10(1000)", 6.0),
        ("sin(x)^2 + cos(x)^2 + tan(pi / 4)", 2.0),
        (
            "asin(0.5) + acos(0.5) + atan(1)",
            0.75 * std::f64::consts::PI,
        ),
        ("cosh(y)^2 - sinh(y)^2 + tanh(0)", 1.0),
        ("expm1(log1p(y)) + t", 2.25),
    ];
    for (expression, expected) in cases {
        let got = value(expression);
        assert!(
            (got - expected).abs() < 1e-12,
            "{expression} = {got}, not {expected}"
        );
    }
}

const EVERYTHING: &str = include_str!("data/everything.toml");

#[test]
fn a_file_with_everything_is_lowered_as_written() {
    let m = read(EVERYTHING);
    let parameters = [2.0, 0.5, 2.5, 0.0, 1.0];
    let states = [400.0, 100.0, 1.0]; // the last is beta, halved by the closure
    assert_eq!(m.description, "All of it");
    let names: Vec<&str> = m.parameters.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["beta", "gamma", "fixed", "df", "kind"]);
    let families: Vec<Family> = m.parameters.iter().map(|p| p.prior.family).collect();
    let expected = [
        Family::LogNormal,
        Family::Uniform,
        Family::Exact,
        Family::StudentT,
        Family::Categorical,
    ];
    assert_eq!(families, expected);
    assert_eq!(
        at(&m, &m.parameters[1].prior.arguments, &[], &parameters),
        [0.0, 2.0]
    );
    assert_eq!(
        at(&m, &m.parameters[3].prior.arguments, &[], &[]),
        [4.0, 0.0, 1.0]
    );
    assert_eq!(
        at(&m, &m.parameters[4].prior.arguments, &[], &[]),
        [0.2, 0.3, 0.5]
    );
    assert_eq!(m.parameters[0].unit.as_deref(), Some("1/day"));
    assert_eq!(m.parameter("fixed"), Some(2));

    // Derived quantities use the parameters as drawn.
    let derived: Vec<Node> = m.derived.iter().map(|d| d.value).collect();
    assert_eq!(at(&m, &derived, &[], &parameters), [4.0, 8.0]);

    // beta, which an event switches, is a hidden state that starts at the parameter.
    let states_names: Vec<&str> = m.dynamics.states.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(states_names, ["S", "I", "beta"]);
    let initial: Vec<Node> = m.dynamics.states.iter().map(|s| s.initial).collect();
    assert_eq!(at(&m, &initial, &[], &parameters), [499.0, 3.5, 2.0]);
    let Law::Ode {
        derivatives,
        solver,
    } = &m.dynamics.law
    else {
        panic!("not an ODE")
    };
    // infection = 1 * 100 / 1000 * 400 = 40, recovery = 0.5 * 100 = 50
    assert_eq!(
        at(&m, derivatives, &states, &parameters),
        [-40.0, -10.0, 0.0]
    );
    assert_eq!(solver.method, OdeMethod::Stiff);
    assert_eq!(
        (solver.relative, solver.absolute, solver.most_steps),
        (1e-9, 1e-12, 5000)
    );
    assert_eq!(m.dynamics.start, -1.0);

    let [closure, peak, repeated] = m.dynamics.events.as_slice() else {
        panic!("three events")
    };
    let times = |trigger: &Trigger| match trigger {
        Trigger::At(times) => at(&m, times, &[], &parameters),
        Trigger::Rises { .. } => panic!("not a time"),
    };
    assert_eq!(closure.name, "closure");
    assert_eq!(times(&closure.trigger), [2.0]); // two weeks after the origin
    let effects: Vec<(usize, f64)> = closure
        .effects
        .iter()
        .map(|&(state, node)| (state, at(&m, &[node], &states, &parameters)[0]))
        .collect();
    assert_eq!(effects, [(2, 0.5), (1, 105.0)]);
    assert_eq!(peak.name, "event 2");
    let Trigger::Rises { expression, once } = peak.trigger else {
        panic!("a condition")
    };
    assert!(once);
    // min(I - 100, 3 - S): the smaller of the two distances
    assert_eq!(
        at(&m, &[expression], &[1.0, 104.0, 1.0], &parameters),
        [2.0]
    );
    assert_eq!(
        at(&m, &[expression], &[9.0, 104.0, 1.0], &parameters),
        [-6.0]
    );
    assert_eq!(times(&repeated.trigger), [2.5, 3.0, 4.0, 6.0, 8.0]);

    let [cases, more, exact] = m.observed.as_slice() else {
        panic!("three series")
    };
    assert_eq!(cases.times, [0.0, 0.5, 1.0, 1.5, 2.0, 3.0]);
    assert_eq!(more.times, [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(cases.columns()[5], "cases_6");
    // Each series has flows of its own, for its own intervals.
    assert_eq!(m.dynamics.flows.len(), 3);
    let rates: Vec<Node> = m.dynamics.flows.iter().map(|f| f.rate).collect();
    assert_eq!(at(&m, &rates, &states, &parameters), [40.0, 50.0, 40.0]);
    assert_eq!(m.dynamics.flows[1].firings, [(1, 1.0)]);
    let mean = &cases.distribution.arguments;
    assert_eq!(at(&m, mean, &states, &parameters), [2001.0]);
    assert_eq!(
        at(&m, &more.distribution.arguments, &states, &parameters),
        [1002.0, 10.0]
    );
    assert_eq!(exact.distribution.family, Family::Exact);
    assert_eq!(
        at(&m, &exact.distribution.arguments, &states, &parameters),
        [400.0]
    );
    assert_eq!(m.observed_count(), 6 + 4 + 6);
    let calendar = m.calendar();
    assert_eq!(calendar.unit, "week");
    assert_eq!(
        calendar.date(1.0).unwrap().to_string(),
        "1978-01-29T00:00:00"
    );
}

#[test]
fn reactions_run_as_jumps_with_bounds_and_counted_flows() {
    let m = read(
        r#"
        method = "ssa"
        [parameters]
        k = "Gamma(2, 1)"
        [states]
        A = "floor(10 * k)"
        [[reactions]]
        name = "birth"
        rate = "k * (1 + sin(t))"
        bound = "2 * k"
        change = { A = +2 }
        [[reactions]]
        name = "death"
        rate = "k"
        change = { A = -1 }
        [[reactions]]
        name = "loss"
        rate = "k"
        change = { A = -1 }
        [[events]]
        when = "A >= 20"
        set = { A = 0 }
        [observed]
        times = [1, 2]
        n = "Poisson(flow(death) + flow(loss) + flow(death))"
        "#,
    );
    let Law::Jumps { reactions } = &m.dynamics.law else {
        panic!("not jumps")
    };
    assert_eq!(reactions[0].change, [(0, 2.0)]);
    assert_eq!(
        at(&m, &[reactions[0].bound.unwrap()], &[1.0], &[3.0]),
        [6.0]
    );
    // Equal rates are yet two flows; one reaction named twice is one.
    assert_eq!(m.dynamics.flows.len(), 2);
    assert_eq!(m.dynamics.flows[0].firings, [(1, 1.0)]);
    assert_eq!(m.dynamics.flows[1].firings, [(2, 1.0)]);
    let Trigger::Rises { expression, once } = m.dynamics.events[0].trigger else {
        panic!("a condition")
    };
    assert!(!once);
    let truth = |a: f64| at(&m, &[expression], &[a], &[3.0])[0];
    assert_eq!((truth(19.0), truth(20.0)), (0.0, 1.0));
}

#[test]
fn equations_with_noise_maps_and_forcing() {
    let sde = read(
        r#"
        parameters = { s = "HalfNormal(1)" }
        states = { x = 0, y = 1 }
        dynamics = { x = "-x", y = "interp(t - 1, rain)" }
        noise = { x = "s" }
        forcing = { file = "rain.csv" }
        observed = { times = "1:0.5:3", z = "Normal(x, 1)", total = "flow(y * 2)" }
        "#,
    );
    let Law::Sde {
        drift,
        diffusion,
        step,
    } = &sde.dynamics.law
    else {
        panic!("not an SDE")
    };
    assert_eq!(*step, 0.005); // a hundredth of the shortest interval
    assert_eq!(at(&sde, drift, &[2.0, 1.0], &[7.0]), [-2.0, 15.0]); // rain at t - 1 = 1
    assert_eq!(at(&sde, diffusion, &[2.0, 1.0], &[7.0]), [7.0, 0.0]);
    assert_eq!(
        at(&sde, &[sde.dynamics.flows[0].rate], &[2.0, 3.0], &[7.0]),
        [6.0]
    );

    let map = read(
        r#"
        parameters = { r = "Uniform(3, 4)" }
        states = { x = 0.3 }
        map = { x = "r * x * (1 - x)" }
        solver = { step = 0.5 }
        events = [{ at = 2, set = { r = 3 } }]
        observed = { times = "1:3", z = "Normal(x, 0.1)" }
        "#,
    );
    let Law::Map { next, step } = &map.dynamics.law else {
        panic!("not a map")
    };
    assert_eq!(*step, 0.5);
    assert_eq!(at(&map, next, &[0.5, 4.0], &[3.5]), [1.0, 4.0]); // the switched r stays
    assert_ne!(sde.identity(), map.identity());
}

#[test]
fn mechanisms_without_states() {
    let m = read(
        r#"
        parameters = { p = "Beta(1, 1)", mu = "Normal(0, 1)" }
        [observed]
        once = "Bernoulli(p)"
        often = { distribution = "Normal(mu, 1)", count = 3 }
        curve = { distribution = "Normal(mu * t, sd = 1)", times = [0.5, 2] }
        "#,
    );
    assert!(matches!(m.dynamics.law, Law::Static));
    let times: Vec<&[f64]> = m.observed.iter().map(|o| o.times.as_slice()).collect();
    assert_eq!(times, [&[1.0][..], &[1.0, 2.0, 3.0], &[0.5, 2.0]]);
    assert_eq!(m.observed[0].columns(), ["once"]);
    assert_eq!(
        m.graph.inputs_of(&m.observed[2].distribution.arguments),
        [Input::Time, Input::Parameter(1)]
    );
}

#[test]
fn programs_name_lengths_only() {
    let m = read(
        r#"
        parameters = { a = "Uniform(0, 1)", d = "Uniform(0, a)" }
        program = { command = ["python3", "queue.py"], time_limit = 2 }
        derived = { total = "a + d" }
        [observed]
        quantiles = 5
        waits = { times = "1:3", unit = "min" }
        "#,
    );
    let Law::Program(program) = &m.dynamics.law else {
        panic!("not a program")
    };
    assert_eq!(program.command, ["python3", "queue.py"]);
    assert_eq!(program.protocol, Protocol::JsonLines);
    assert_eq!((program.time_limit, program.most_failures), (2.0, 0.5));
    assert_eq!(m.observed_count(), 8);

    let one_shot = read(
        r#"
        parameters = { a = "Uniform(0, 1)" }
        program = { command = "sim --a {a} --seed {seed} -o {output}", output = "json" }
        observed = { x = 2 }
        "#,
    );
    let Law::Program(program) = &one_shot.dynamics.law else {
        panic!("not a program")
    };
    assert_eq!(program.command.len(), 7);
    assert_eq!(
        program.protocol,
        Protocol::OneShot {
            ending: ".json".into()
        }
    );
}

#[test]
fn a_program_that_changes_is_another_mechanism() {
    let folder = tempfile::tempdir().unwrap();
    let text = "program = { command = [\"python3\", \"sim.py\"] }\nobserved = { x = 1 }\n";
    let m = Mechanism::parse("m", text, folder.path()).unwrap();
    let script = folder.path().join("sim.py");
    std::fs::write(&script, "1").unwrap();
    let before = m.identity();
    assert_eq!(before, m.identity());
    std::fs::write(&script, "2").unwrap();
    assert_ne!(before, m.identity());
}

#[test]
fn large_expressions_are_read_or_refused() {
    assert_eq!(value(&format!("0{}", "+1".repeat(450))), 450.0);
    assert_eq!(
        value(&format!("{}x{}", "-(".repeat(30), ")".repeat(30))),
        3.0
    );
    let wide: Vec<String> = (0..5000).map(|k| k.to_string()).collect();
    assert_eq!(value(&format!("max({})", wide.join(", "))), 4999.0);
}

#[test]
fn long_chains_of_definitions_do_not_exhaust_the_stack() {
    let chain: String = (1..5000)
        .rev()
        .map(|k| format!("d{k} = \"d{} + x\"\n", k - 1))
        .collect();
    let m = read(&format!(
        "states = {{ x = 1 }}\ndynamics = {{ x = \"d4999\" }}\nobserved = {{ times = 1, z = \"x\" }}\n[definitions]\nd0 = \"x\"\n{chain}"
    ));
    let Law::Ode { derivatives, .. } = &m.dynamics.law else {
        panic!("not an ODE")
    };
    assert_eq!(at(&m, derivatives, &[2.0], &[]), [10_000.0]);
}

/// A time that is a parameter, and what is refused beside it; quantities that never move are not conserved.
#[test]
fn times_that_are_parameters_and_conserved_quantities_are_checked() {
    let text = |observed: &str, conserved: &str| {
        format!(
            "[parameters]\na = 'Uniform(0, 1)'\n[states]\nx = 1\n[dynamics]\nx = '-a * x'\n\
             [conserved]\n{conserved}\n[observed]\n{observed}"
        )
    };
    let read =
        |observed: &str, conserved: &str| Mechanism::parse("m", &text(observed, conserved), ".");
    let mechanism = read("times = '3 * a'\nx = 'x'", "q = 'x * exp(a * t)'").unwrap();
    assert!(mechanism.dynamics.moment.is_some());
    assert_eq!(mechanism.observed[0].columns(), ["x"]);
    assert_eq!(mechanism.conserved[0].name, "q");
    let fixed = read("times = '1:3'\nx = 'x'", "").unwrap();
    assert_eq!(fixed.dynamics.moment, None);
    let refused = |observed: &str, conserved: &str, words: &str| {
        let error = read(observed, conserved).unwrap_err();
        assert!(error.message().contains(words), "{error}");
    };
    let at_a = "times = 'a'\nx = 'x'";
    refused(at_a, "q = 'a + 1'", "`q` depends on no state");
    refused("times = 'b'\nx = 'x'", "", "unknown name `b`");
    refused("times = 'x'\nx = 'x'", "", "cannot be used here");
    let twice = "times = 'a'\nx = { distribution = 'x', times = 3 }";
    refused(twice, "", "times beside a time that is a parameter");
    let jumps = text(at_a, "").replace(
        "[dynamics]\nx = '-a * x'",
        "[[reactions]]\nname = 'r'\nrate = 'a'\nchange = { x = 1 }",
    );
    let error = Mechanism::parse("m", &format!("method = 'ssa'\n{jumps}"), ".").unwrap_err();
    assert!(
        error.message().contains("only differential equations"),
        "{error}"
    );
}
