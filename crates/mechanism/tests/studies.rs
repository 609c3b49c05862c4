//! Study files: the shipped one, the template, and data in each of their forms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use gnomon_mechanism::expression::Inputs;
use gnomon_mechanism::model::Law;
use gnomon_mechanism::study::{Density, Embedding, Study, Target};
use gnomon_mechanism::{Family, schema, template};

fn flu() -> Study {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../studies/boarding-school-flu");
    Study::read(folder).unwrap_or_else(|error| panic!("{error:?}"))
}

#[test]
fn every_shipped_study_passes_its_checks() {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../studies");
    let mut read = 0;
    for folder in std::fs::read_dir(all).unwrap() {
        let folder = folder.unwrap().path();
        if folder.join("study.toml").is_file() {
            let study = Study::read(&folder).unwrap_or_else(|error| panic!("{error:?}"));
            if let Some(data) = &study.data {
                assert_eq!(data.len(), study.given_columns().len());
            }
            read += 1;
        }
    }
    assert!(read >= 2);
}

#[test]
fn the_flu_study_is_read_as_published() {
    let study = flu();
    assert!(study.title.ends_with('?'));
    let names: Vec<&str> = study.mechanisms.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["sir", "seir", "sibr"]);
    assert_eq!(study.weights, [1.0 / 3.0; 3]);
    let published = [3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4];
    assert_eq!(study.data.as_deref().unwrap(), published.map(f64::from));
    assert_eq!(study.given_columns()[13], "in_bed_14");
    assert_eq!(
        study.predict,
        ["mechanism", "parameters", "R0", "infectious_period"]
    );
    assert_eq!(study.simulate.simulations, 2_400_000);
    assert_eq!((study.claims.data_sets, study.answer.draws), (4000, 10_000));
    assert_eq!(study.learn.embedding, Embedding::Auto);
    let first = study.mechanisms[0].calendar().date(1.0).unwrap();
    assert_eq!(first.to_string(), "1978-01-22T00:00:00");
}

#[test]
fn the_flu_mechanisms_move_as_worked_out_by_hand() {
    // At S = 700, I = 40 (and E or B = 20), with beta = 2 and the other rates 0.5, 0.25:
    // infection = 2 * 700 * 40 / 763.
    let infection = 2.0 * 700.0 * 40.0 / 763.0;
    // (mechanism, parameters, states, d states / dt)
    type Case<'a> = (&'a str, &'a [f64], &'a [f64], &'a [f64]);
    let cases: [Case; 3] = [
        (
            "sir",
            &[2.0, 0.5, 9.0],
            &[700.0, 40.0, 0.0],
            &[-infection, infection - 20.0, 20.0],
        ),
        (
            "seir",
            &[2.0, 0.5, 0.25, 9.0],
            &[700.0, 20.0, 40.0, 0.0],
            &[-infection, infection - 10.0, 10.0 - 10.0, 10.0],
        ),
        (
            "sibr",
            &[2.0, 0.5, 0.25, 9.0],
            &[700.0, 40.0, 20.0, 0.0],
            &[-infection, infection - 20.0, 20.0 - 5.0, 5.0],
        ),
    ];
    let study = flu();
    for ((name, parameters, states, expected), m) in cases.iter().zip(&study.mechanisms) {
        assert_eq!(m.name, *name);
        let Law::Ode { derivatives, .. } = &m.dynamics.law else {
            panic!("not an ODE")
        };
        let inputs = Inputs {
            states,
            parameters,
            ..Inputs::default()
        };
        for (&node, expected) in derivatives.iter().zip(*expected) {
            let got = m.graph.evaluate(node, &inputs);
            assert!(
                (got - expected).abs() < 1e-12,
                "{name}: {got}, not {expected}"
            );
        }
        let seen = &m.observed[0].distribution;
        assert_eq!(seen.family, Family::NegativeBinomial);
        let mean = m.graph.evaluate(seen.arguments[0], &inputs);
        assert_eq!(mean, if *name == "sibr" { 20.0 } else { 40.0 });
        assert_eq!(m.graph.evaluate(seen.arguments[1], &inputs), 9.0);
        let r0 = m.graph.evaluate(m.derived[0].value, &inputs);
        assert_eq!(r0, if *name == "seir" { 8.0 } else { 4.0 });
        let start: f64 = m
            .dynamics
            .states
            .iter()
            .map(|s| m.graph.evaluate(s.initial, &inputs))
            .sum();
        assert_eq!(start, 763.0);
    }
}

#[test]
fn identities_follow_what_is_simulated() {
    let (study, again) = (flu(), flu());
    assert_eq!(study.identity(), again.identity());
    let mut other = flu();
    other.weights = vec![0.5, 0.25, 0.25];
    assert_ne!(study.identity(), other.identity());
}

#[test]
fn the_template_passes_its_own_checks() {
    let folder = tempfile::tempdir().unwrap();
    for file in template::files() {
        std::fs::write(folder.path().join(file.name), file.text).unwrap();
    }
    let study = Study::read(folder.path()).unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(study.mechanisms.len(), 2);
    let data = study.data.unwrap();
    assert_eq!(data.len(), 10);
    assert!(data[7].is_nan());
}

const SIMPLE: &str = r#"
parameters = { m = "Normal(0, 1)" }
time = { origin = "2020-01-01" }
states = { x = "m" }
dynamics = { x = "1" }
[observed]
a = { distribution = "Poisson(abs(x))", times = "1:3" }
b = { distribution = "Normal(x, 1)", times = [2, 4] }
"#;

fn data_of(csv: &str) -> Result<Vec<f64>, gnomon_mechanism::ReadError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m.toml"), SIMPLE).unwrap();
    std::fs::write(folder.path().join("d.csv"), csv).unwrap();
    let text = "title = 'x?'\nmechanisms = ['m.toml']\n";
    let study = Study::parse("study.toml", text, folder.path())?;
    assert_eq!(study.given_names(), ["a", "b"]);
    assert_eq!(study.predict, ["parameters"]);
    study.read_observed(folder.path().join("d.csv"))
}

#[test]
fn data_are_matched_by_row_by_time_or_by_date() {
    let shown = |csv: &str| {
        let data = data_of(csv).unwrap_or_else(|error| panic!("{error:?}"));
        data.iter()
            .map(f64::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(shown("a,b\n1,0.5\nNA,-2\n3,\n"), "1 NaN 3 0.5 -2");
    assert_eq!(
        shown("time;b;a\n1;;7\n2;0.5;\n4;-2;NA\n"),
        "7 NaN NaN 0.5 -2"
    );
    assert_eq!(
        shown("date,a,b,who\n2020-01-02,1,,x\n2020-01-03,2,0.5,y\n2020-01-05,,1,z\n"),
        "1 2 NaN 0.5 1"
    );
    for wrong in [
        "a\n1\n2\n3\n",            // b is missing
        "a,b\n1,1\n2,2\n",         // too short for a
        "a,b\n1,1\n2,2\n3,3\n",    // too long for b
        "a,b\n-1,1\n2,2\n3,\n",    // a negative count
        "a,b\n1.5,1\n2,2\n3,\n",   // not a count
        "time,a,b\n1.5,1,2\n",     // no such time
        "time,a,b\n1,1,\n1,1,2\n", // a time twice
        "a,b\n,1\n,2\n,\n",        // nothing of a
        "a,b\nx,1\n2,2\n3,\n",     // not a number
    ] {
        assert!(data_of(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn inline_data_weights_and_settings() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m.toml"), SIMPLE).unwrap();
    let text = r#"
        title = "x?"
        observed = { a = [1, "NA", nan] }
        given = ["a"]
        predict = ["m"]
        learn = { members = 3, embedding = "convolution", learning_rate = 0.01, memory = "1.5 GB", noise = 0.1 }
        claims = { data_sets = 100, tolerance = 0.1, accuracy = [{ of = "mechanism", share = 0.4 }, { of = "other.m", error = 2, share = 0.1 }] }
        [[mechanisms]]
        file = "m.toml"
        weight = 3
        [[mechanisms]]
        file = "m.toml"
        name = "other"
    "#;
    let study = Study::parse("study.toml", text, folder.path()).unwrap();
    assert_eq!(study.weights, [0.75, 0.25]);
    assert_eq!(study.mechanisms[1].name, "other");
    let data = study.data.unwrap();
    assert_eq!(data[0], 1.0);
    assert!(data[1].is_nan() && data[2].is_nan());
    assert_eq!(
        (study.learn.members, study.learn.learning_rate),
        (3, Some(0.01))
    );
    assert_eq!(study.learn.memory, Some(1_500_000_000));
    assert_eq!(study.learn.noise, 0.1);
    assert_eq!((study.claims.data_sets, study.claims.tolerance), (100, 0.1));
    let [right, near] = &study.claims.accuracy[..] else {
        unreachable!("{:?}", study.claims)
    };
    assert_eq!((&right.target, right.share), (&Target::Mechanism, 0.4));
    let of_the_other = Target::Given {
        mechanism: 1,
        name: "m".into(),
    };
    assert_eq!((&near.target, near.error), (&of_the_other, 2.0));
}

#[test]
fn embeddings_and_densities_are_read_and_wrong_ones_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m.toml"), SIMPLE).unwrap();
    let read = |learn: &str| {
        let text = format!("title = \"x?\"\nmechanisms = [\"m.toml\"]\n[learn]\n{learn}\n");
        Study::parse("study.toml", &text, folder.path()).map(|study| study.learn)
    };
    let default = read("").unwrap();
    assert_eq!(default.density, [Density::Autoregressive]);
    for (name, embedding) in [
        ("deep-sets", Embedding::DeepSets),
        ("attention", Embedding::Attention),
    ] {
        let learn = read(&format!("embedding = \"{name}\"")).unwrap();
        assert_eq!(learn.embedding, embedding);
    }
    for (name, density) in [
        ("coupling", Density::Coupling),
        ("flow-matching", Density::FlowMatching),
        ("autoregressive", Density::Autoregressive),
    ] {
        assert_eq!(
            read(&format!("density = \"{name}\"")).unwrap().density,
            [density]
        );
    }
    let three = read("density = [\"coupling\", \"autoregressive\", \"coupling\"]").unwrap();
    assert_eq!(three.density[1], Density::Autoregressive);
    assert_eq!(three.members, 3);
    for (learn, message) in [
        ("density = \"diffusion\"", "unknown density `diffusion`"),
        (
            "density = [\"coupling\", \"diffusion\"]",
            "unknown density `diffusion`",
        ),
        ("density = []", "no density is named"),
        (
            "density = [\"coupling\", \"autoregressive\"]\nmembers = 1",
            "2 densities for 1 members of an ensemble",
        ),
    ] {
        assert_eq!(read(learn).unwrap_err().message(), message);
    }
}

/// Several rounds change what is cheap enough by default; what they need is said where it lacks.
#[test]
fn rounds_have_their_own_defaults_and_needs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m.toml"), SIMPLE).unwrap();
    let read = |observed: &str, rest: &str| {
        let text = format!(
            "title = \"x?\"\nmechanisms = [\"m.toml\"]\ngiven = [\"a\"]\n{observed}\n{rest}"
        );
        Study::parse("study.toml", &text, folder.path())
    };
    let data = "observed = { a = [1, 2, 3] }";
    let one = read(data, "").unwrap();
    assert!(one.simulate.is_default && one.simulate.rounds == 1 && one.learn.online.is_none());
    let five = read(data, "simulate = { rounds = 5 }").unwrap();
    assert_eq!(
        (five.simulate.simulations, five.simulate.rounds),
        (10_000, 5)
    );
    assert_eq!((five.claims.data_sets, five.claims.tolerance), (1000, 0.1));
    let said = read(
        data,
        "simulate = { rounds = 5, simulations = 700 }\nclaims = { tolerance = 0.2 }",
    );
    let said = said.unwrap();
    assert_eq!(
        (said.simulate.simulations, said.simulate.is_default),
        (700, false)
    );
    assert_eq!(said.claims.tolerance, 0.2);
    for (observed, rest, message) in [
        ("", "simulate = { rounds = 2 }", "no observed data"),
        (data, "simulate = { rounds = 0 }", "rounds"),
        (
            data,
            "simulate = { rounds = 2 }\nlearn = { online = true }",
            "not from fresh ones",
        ),
    ] {
        let error = read(observed, rest).unwrap_err();
        assert!(error.message().contains(message), "{}", error.message());
    }
}

/// Entries can be exchanged where there are no dynamics and the time is not asked for.
#[test]
fn exchangeable_entries_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("moving.toml", SIMPLE);
    write(
        "still.toml",
        "[parameters]\nm = \"Normal(0, 1)\"\n[observed]\n\
         a = { distribution = \"Normal(m, 1)\", count = 9 }\n\
         b = { distribution = \"Normal(m * t, 1)\", times = [1, 2] }\n",
    );
    let study = |name: &str| {
        let text = format!("title = \"x?\"\nmechanisms = [\"{name}\"]\n");
        Study::parse("study.toml", &text, folder.path()).unwrap()
    };
    let moving = study("moving.toml");
    assert!(!moving.mechanisms[0].exchangeable("a"));
    let still = study("still.toml");
    assert!(still.mechanisms[0].exchangeable("a"));
    assert!(!still.mechanisms[0].exchangeable("b"));
    assert!(!still.mechanisms[0].exchangeable("c"));
}

/// Files that the reader accepts fit the schema, files that it refuses for their shape do not.
/// A vector's name in a question stands for its entries.
#[test]
fn a_vector_is_asked_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("m.toml"),
        "[parameters]\nk = { prior = \"Normal(0, 1)\", size = 3 }\n[derived]\n\
         d = { value = \"2 * k[i]\", size = 2 }\n[observed]\ny = \"Normal(k[1], 1)\"\n",
    )
    .unwrap();
    let study = |predict: &str| {
        let text = format!(
            "title = \"Which?\"\nmechanisms = [\"m.toml\"]\nshared = [\"d\"]\npredict = [{predict}]\n"
        );
        Study::parse("study", &text, folder.path())
    };
    let asked = study("\"k\", \"d_2\"").unwrap();
    assert_eq!(asked.predict, ["k_1", "k_2", "k_3", "d_2"]);
    assert_eq!(asked.shared, ["d_1", "d_2"]);
    let twice = study("\"k\", \"k_2\"").unwrap_err();
    assert_eq!(twice.message(), "`k_2` is named twice");
}

#[test]
fn schemas_check_files_as_the_reader_does() {
    let validator = |schema: &serde_json::Value| jsonschema::validator_for(schema).unwrap();
    let (mechanism, study) = (validator(&schema::mechanism()), validator(&schema::study()));
    let read = |text: &str| dates_as_text(toml_edit::de::from_str(text).unwrap());
    let new = tempfile::tempdir().unwrap();
    for file in template::files() {
        std::fs::write(new.path().join(file.name), file.text).unwrap();
    }
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../studies");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut seen = 0;
    for folder in [shipped.as_path(), new.path(), data.as_path()] {
        for path in toml_files(folder) {
            let value = read(&std::fs::read_to_string(&path).unwrap());
            let schema = if path.ends_with("study.toml") {
                &study
            } else {
                &mechanism
            };
            let wrong: Vec<String> = schema.iter_errors(&value).map(|e| e.to_string()).collect();
            assert!(wrong.is_empty(), "{}: {wrong:?}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 6, "{seen} files");
    let head = "title = \"?\"\n";
    for (text, fits) in [
        (
            "mechanisms = [\"a.toml\", { file = \"b.toml\", weight = 2 }]",
            true,
        ),
        ("mechanisms = [{ weight = 2 }]", false),
        (
            "mechanisms = [\"a.toml\"]\n[simulate]\nsimulations = 0",
            false,
        ),
        ("mechanisms = [\"a.toml\"]\n[simulate]\nseed = 0", true),
        ("mechanisms = [\"a.toml\"]\n[simulate]\nrounds = 5", true),
        ("mechanisms = [\"a.toml\"]\n[simulate]\nrounds = 0", false),
        (
            "mechanisms = [\"a.toml\"]\n[learn]\nembeding = \"mlp\"",
            false,
        ),
    ] {
        assert_eq!(
            study.is_valid(&read(&format!("{head}{text}"))),
            fits,
            "{text}"
        );
    }
    let tail = "\n[observed]\ntimes = 1\nx = \"x\"";
    for (text, fits) in [
        (
            "[states]\nx = 1\n[[reactions]]\nname = \"a\"\nrate = \"x\"\nchange = { x = -1 }",
            true,
        ),
        (
            "[states]\nx = 1\n[[reactions]]\nname = \"a\"\nchange = { x = -1 }",
            false,
        ),
        ("[states]\nx = { unit = \"g\" }", false),
        ("[parameters]\nk = { unit = \"g\" }", false),
    ] {
        assert_eq!(
            mechanism.is_valid(&read(&format!("{text}{tail}"))),
            fits,
            "{text}"
        );
    }
}

/// Editors see a TOML date as a JSON string.
fn dates_as_text(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(map) => match map.get("$__toml_private_datetime") {
            Some(date) => date.clone(),
            None => Value::Object(
                map.into_iter()
                    .map(|(k, v)| (k, dates_as_text(v)))
                    .collect(),
            ),
        },
        Value::Array(list) => Value::Array(list.into_iter().map(dates_as_text).collect()),
        other => other,
    }
}

fn toml_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("results") {
            files.extend(toml_files(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    files
}
