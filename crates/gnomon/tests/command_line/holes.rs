//! Resonances of a mechanism file, and what is refused.

use std::fs;

use crate::terminal::*;

/// A driven oscillator of quality 10,000: the real and the imaginary part of its response.
const OSCILLATOR: &str = r#"
[parameters]
w  = "Uniform(0.1, 3)"
w0 = "Uniform(1, 1.468)"
Q  = 1e4

[definitions]
off  = "w0^2 - w^2"
loss = "w * w0 / Q"

[observed]
re    = { distribution = "off / (off^2 + loss^2)", count = 1 }
im    = { distribution = "-loss / (off^2 + loss^2)", count = 1 }
noisy = { distribution = "Normal(re_is_not_used, 1)", count = 1 }
"#;

fn oscillator() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oscillator.toml");
    fs::write(&path, OSCILLATOR.replace("re_is_not_used", "w0")).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn a_narrow_resonance_is_found_and_drawn() {
    let (folder, path) = oscillator();
    let output = folder.path().join("out");
    let asked = [
        "holes", &path, "--over", "w", "--of", "re,im", "--at", "w0=1.3",
    ];
    let told = succeeds(&[&asked[..], &["--output", &output.display().to_string()]].concat());
    let words = String::from_utf8(told.stdout.clone()).unwrap();
    assert!(
        words.contains("structural: no other pole with a residue above"),
        "{words}"
    );
    assert!(words.contains("cannot exclude"), "{words}");
    let written: serde_json::Value =
        serde_json::from_slice(&fs::read(output.join("holes.json")).unwrap()).unwrap();
    let found = json(&succeeds(&[&asked[..], &["--json"]].concat()));
    assert_eq!(found, written);
    let poles = found["poles"].as_array().unwrap();
    assert_eq!(poles.len(), 1, "{found}");
    assert!((poles[0]["position"].as_f64().unwrap() - 1.3).abs() < 0.1 * 1.3e-4);
    assert!((poles[0]["width"].as_f64().unwrap() / 1.3e-4 - 1.0).abs() < 0.01);
    assert_eq!(found["at"]["w0"], 1.3);
    let figure = fs::read_to_string(output.join("figures/holes.svg")).unwrap();
    assert!(figure.contains("residue that would show"));
    let page = fs::read_to_string(output.join("holes.html")).unwrap();
    assert!(page.contains("Cannot exclude") && page.contains("structural"));
}

/// In the middle of the range, where the search lands on the peak again and again.
#[test]
fn a_peak_in_which_rounding_exceeds_the_tolerance_is_certified() {
    let (_folder, path) = oscillator();
    let found = json(&succeeds(&[
        "holes", &path, "--over", "w", "--of", "re,im", "--at", "w0=3", "--from", "1", "--to", "5",
        "--json",
    ]));
    assert_eq!(found["certificates"][0]["grade"], "structural", "{found}");
    assert_eq!(found["poles"].as_array().unwrap().len(), 1);
    assert!(found["doubtful"].as_array().unwrap().is_empty());
    assert!(found["solves"].as_u64().unwrap() < 200, "{found}");
}

/// Five masses between six springs: w = 2 sqrt(k) sin(j pi / 12), each shaken by the first mass.
const CHAIN: &str = r#"
[parameters]
k = { prior = "Uniform(0.5, 2)", unit = "N/m" }

[response]
frequency = "w"
unknown   = "x"
size      = 5
mass      = 1
damping   = 0.002
stiffness = "if(row == column, 2 * k, if(abs(row - column) == 1, -k, 0))"
force     = "if(i == 1, 1, 0)"

[observed]
frequencies = "0.25:0.05:2.25"
far  = "Normal(amplitude(x[5]), 0.001)"
"#;

fn chain(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.toml");
    fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn all_resonances_of_a_response_are_counted_and_found() {
    let (_folder, path) = chain(CHAIN);
    let asked = ["holes", &path, "--over", "w", "--at", "k=1"];
    let words = String::from_utf8(succeeds(&asked).stdout).unwrap();
    assert!(
        words.contains("complete: 5 of 5 resonances with w between 0.25 and 2.25"),
        "{words}"
    );
    let found = json(&succeeds(&[&asked[..], &["--json"]].concat()));
    let grades: Vec<&str> = found["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["grade"].as_str().unwrap())
        .collect();
    assert_eq!(grades, ["complete", "structural", "statistical"]);
    for (j, pole) in found["poles"].as_array().unwrap().iter().enumerate() {
        let exact = 2.0 * (std::f64::consts::PI * (j + 1) as f64 / 12.0).sin();
        assert!((pole["position"].as_f64().unwrap() - exact).abs() < 1e-5);
        assert!((pole["width"].as_f64().unwrap() - 0.002).abs() < 1e-5);
    }
    // The middle mass does not move with the second and the fourth: counted, and said.
    let middle = [&asked[..], &["--of", "x[3]", "--json"]].concat();
    let found = json(&succeeds(&middle));
    assert_eq!(found["counted"]["poles"], 5);
    assert_eq!(found["counted"]["found"], 3, "{found}");
    assert_eq!(found["counted"]["missed"][0]["shows"], false);
    assert_ne!(found["certificates"][0]["grade"], "complete");
    // Along a stiffness at one frequency the determinant is a polynomial, too.
    let stiffness = ["holes", &path, "--over", "k", "--at", "w=1.7", "--json"];
    let found = json(&succeeds(&stiffness));
    assert_eq!(found["certificates"][0]["grade"], "complete", "{found}");
    assert_eq!(found["at"]["w"], 1.7);
}

#[test]
fn resonances_without_damping_are_confirmed_by_the_count() {
    let (_folder, path) = chain(&CHAIN.replace("damping   = 0.002\n", ""));
    let asked = ["holes", &path, "--over", "w", "--at", "k=1", "--json"];
    let found = json(&succeeds(&asked));
    let grade = &found["certificates"][0]["grade"];
    assert_eq!(grade, "complete", "{found}");
    assert_eq!(found["poles"].as_array().unwrap().len(), 5);
    assert!(found["because"].as_str().unwrap().contains("by the count"));
}

#[test]
fn a_response_that_is_no_polynomial_is_not_counted() {
    let (_folder, path) =
        chain(&CHAIN.replace("damping   = 0.002", r#"damping   = "0.002 * exp(-w)""#));
    let words = succeeds(&["holes", &path, "--over", "w", "--at", "k=1"]).stdout;
    let words = String::from_utf8(words).unwrap();
    assert!(
        words.contains("Not counted: ") && words.contains("is no polynomial"),
        "{words}"
    );
    assert!(words.contains("statistical: "), "{words}");
    for (arguments, message) in [
        (vec!["--over", "w", "--of", "y"], "has no unknown `y`"),
        (vec!["--over", "w", "--of", "x[6]"], "`x[1]` to `x[5]`"),
        (
            vec!["--over", "k", "--of", "far"],
            "`far` is observed with noise",
        ),
        (vec!["--over", "f"], "its parameters are k, w"),
        (vec![], "which parameter is to be scanned"),
    ] {
        fails(
            &[&["holes", path.as_str()][..], &arguments].concat(),
            3,
            &[message],
        );
    }
}

#[test]
fn a_study_says_what_is_scanned() {
    let (folder, _) = chain(CHAIN);
    let study = folder.path().join("study.toml");
    let text = r#"
title = "Where does a chain resonate?"
mechanisms = ["chain.toml"]

[holes]
over = "w"
from = 0.3
at = { k = 1 }
"#;
    fs::write(&study, text).unwrap();
    let path = folder.path().display().to_string();
    let found = json(&succeeds(&["holes", &path, "--to", "1.2", "--json"]));
    assert_eq!(found["range"][0], 0.3);
    assert_eq!(found["range"][1], 1.2);
    assert_eq!(found["counted"]["poles"], 2, "{found}");
    let results = folder.path().join("results/holes");
    assert!(results.join("holes.json").is_file() && results.join("figures/holes.svg").is_file());
    let page = fs::read_to_string(results.join("holes.html")).unwrap();
    assert!(page.contains("2 of 2 resonances") && page.contains("Where does a chain resonate?"));
    for (table, message) in [
        ("over = 'f'", "has no parameter `f`"),
        ("from = 1", "over"),
        ("over = 'w'\nfrom = 2\nto = 1", "is empty"),
        ("over = 'w'\nat = { w = 1 }", "cannot be held"),
        ("over = 'w'\nat = { q = 1 }", "no parameter `q`"),
        ("over = 'w'\ntolerance = 0", "tolerance"),
        ("over = 'w'\nupto = 1", "upto"),
    ] {
        let start = text.find("over").unwrap();
        fs::write(&study, format!("{}{table}", &text[..start])).unwrap();
        fails(&["holes", &path], 3, &[message]);
    }
    fs::write(&study, &text[..text.find("[holes]").unwrap()]).unwrap();
    fails(&["holes", &path], 3, &["add the table [holes]"]);
}

/// Comets: their speed where they are nearest to the star.
const FLYBY: &str = r#"
[parameters]
b = "Uniform(0.02, 2)"
v = "Uniform(0.5, 2)"

[definitions]
a = "1 / v^2"

[observed]
fastest = { distribution = "v * (sqrt(a^2 + b^2) + a) / b", count = 1 }
"#;

/// Slow comets at the prior's edge, where the bank is thin: the search finds them, random draws hardly do.
#[test]
fn the_search_finds_where_an_emulator_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("flyby.toml"), FLYBY).unwrap();
    let text = r#"
title = "How fast is a comet at its fastest?"
mechanisms = ["flyby.toml"]

[simulate]
simulations = 120

[emulate]
tolerance = 0.01
level = 0.2
queries = 300
calibration = 300
families = ["polynomial expansion of log"]

[holes]
budget = 400
checks = 500
"#;
    fs::write(folder.path().join("study.toml"), text).unwrap();
    let path = folder.path().display().to_string();
    fails(
        &["holes", &path],
        6,
        &["there is no emulator of this study yet"],
    );
    succeeds(&["emulate", &path]);
    let found = json(&succeeds(&["holes", &path, "--json"]));
    assert_eq!(found["searched"], 400);
    assert_eq!(found["share"]["draws"], 500);
    let words = found["certificate"]["excludes"].as_str().unwrap();
    assert!(words.contains("of the prior's volume, 95 %"), "{words}");
    let worst = &found["points"][0];
    assert!(worst["error"].as_f64().unwrap() > 1.0, "{found}");
    assert!(worst["query"][1].as_f64().unwrap() < 0.52, "{found}");
    let bad = |key: &str| found["share"][key].as_f64().unwrap();
    assert!(bad("bad") <= 5.0 && bad("bound") < 0.03, "{found}");
    assert!(found["kept"].as_u64().unwrap() > 0);
    let page = fs::read_to_string(folder.path().join("results/holes/holes.html")).unwrap();
    assert!(page.contains("The worst points that were found"));
    // The next learning has them.
    let again = json(&succeeds(&["emulate", &path, "--json"]));
    assert!(
        again["notes"]
            .to_string()
            .contains("solves that earlier queries"),
        "{again}"
    );
}

#[test]
fn what_cannot_be_scanned_is_refused() {
    let (_folder, path) = oscillator();
    for (arguments, message) in [
        (vec!["--over", "omega"], "no parameter `omega`"),
        (vec!["--over", "w"], "`noisy` is observed with noise"),
        (vec!["--over", "w", "--of", "y"], "observes no `y`"),
        (vec!["--over", "w", "--of", "re", "--from", "4"], "is empty"),
        (
            vec!["--over", "w", "--of", "re", "--tolerance", "0"],
            "tolerance",
        ),
        (
            vec!["--over", "w", "--of", "re", "--budget", "60"],
            "budget",
        ),
        (
            vec!["--over", "w", "--of", "re", "--at", "w=1"],
            "cannot be held",
        ),
    ] {
        let asked = [&["holes", path.as_str()][..], &arguments].concat();
        fails(&asked, 3, &[message]);
    }
}
