//! A simulator that fails in a fifth of its simulations, by its parameters: the answer is the posterior
//! given success, and says so.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// y = x + noise, with both standard normal; fails with probability 0.9 / (1 + exp(-4 (x - 0.8))).
const PROGRAM: &str = "
import json, math, random, sys
for line in sys.stdin:
    request = json.loads(line)
    draw = random.Random(request['seed'])
    x = request['parameters']['x']
    answer = {'id': request['id'], 'observed': {'y': x + draw.gauss(0, 1)}}
    if draw.random() < 0.9 / (1 + math.exp(-4 * (x - 0.8))):
        answer = {'id': request['id'], 'error': 'too hot'}
    print(json.dumps(answer), flush=True)
";

const DATA: f64 = 1.0;

fn study() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("simulator.py", PROGRAM);
    write(
        "hot.toml",
        "[parameters]\nx = \"Normal(0, 1)\"\n[program]\ncommand = [\"python3\", \"simulator.py\"]\n\
         most_failures = 0.4\n[observed]\ny = 1\n",
    );
    write(
        "study.toml",
        &format!(
            "title = \"How hot?\"\nmechanisms = [\"hot.toml\"]\n[observed]\ny = {DATA}\n\
             [simulate]\nsimulations = 6_000\nmost_failures = 0.4\n\
             [claims]\ndata_sets = 2000\ntolerance = 0.08\n"
        ),
    );
    let path = folder.path().display().to_string();
    (folder, path)
}

#[track_caller]
fn succeeds(arguments: &[&str]) -> Output {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("gnomon"))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    output
}

/// Mean and sd of x given y and, if `succeeded`, that the simulation did: by a sum over a fine grid.
fn exact(succeeded: bool) -> (f64, f64) {
    let weight = |x: f64| {
        let fails = 0.9 / (1.0 + (-4.0 * (x - 0.8)).exp());
        let success = if succeeded { 1.0 - fails } else { 1.0 };
        success * (-0.5 * (x * x + (DATA - x).powi(2))).exp()
    };
    let grid = (-8000..8000).map(|i| f64::from(i) * 1e-3);
    let total: f64 = grid.clone().map(weight).sum();
    let mean = grid.clone().map(|x| x * weight(x)).sum::<f64>() / total;
    let variance = grid.map(|x| (x - mean).powi(2) * weight(x)).sum::<f64>() / total;
    (mean, variance.sqrt())
}

/// The mean is within 0.15 sd of the exact one given success, which is 0.6 sd from that of a simulator that
/// never fails; every claim survives. The seed is fixed: no chance is left.
#[test]
fn the_answer_is_given_success_and_says_so() {
    let (_folder, study) = study();
    let answer: Value =
        serde_json::from_slice(&succeeds(&["run", &study, "--json"]).stdout).unwrap();
    let ((mean, sd), (of_all, _)) = (exact(true), exact(false));
    assert!((mean - of_all).abs() > 0.4 * sd);
    let summary = &answer["posteriors"][0]["quantities"][0]["summary"];
    let own = |what: &str| summary[what].as_f64().unwrap();
    println!(
        "{} ± {}, exact {mean} ± {sd}, of all {of_all}",
        own("mean"),
        own("sd")
    );
    assert!(
        (own("mean") - mean).abs() < 0.15 * sd,
        "{summary}, exact {mean}"
    );
    assert!((own("sd") / sd - 1.0).abs() < 0.15, "{summary}, exact {sd}");
    for claim in answer["claims"].as_array().unwrap() {
        assert_eq!(claim["verdict"], "survived", "{claim}");
    }

    // A fifth failed: 1.5 points are three standard errors of 6,000 simulations.
    let condition = answer["condition"].as_str().unwrap();
    let failed: f64 = condition.split(' ').next().unwrap().parse().unwrap();
    assert!((failed / 6000.0 - 0.2).abs() < 0.025, "{condition}");
    assert!(
        condition.contains("given that a simulation succeeds"),
        "{condition}"
    );
    let text = String::from_utf8(succeeds(&["run", &study]).stdout).unwrap();
    assert!(text.contains("simulations failed"), "{text}");
    let page = fs::read_to_string(Path::new(&study).join("results/report.html")).unwrap();
    assert!(page.contains("given that a simulation succeeds") && page.contains("too hot"));
}

/// Imported rows: without any number observed, or marked, they failed; without some, these are missing
/// entries; both are counted.
#[test]
fn missing_numbers_of_imported_simulations_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    write(
        "line.toml",
        "[parameters]\nslope = \"Normal(0, 1)\"\n[observed]\n\
         y = { distribution = \"Normal(slope * t, 0.5)\", times = [1, 2] }\n",
    );
    write(
        "study.toml",
        "title = \"How steep?\"\nmechanisms = [\"line.toml\"]\n",
    );
    let file = write(
        "mine.csv",
        "slope,y_1,y_2,failure\n0.1,0.2,0.3,\n0.2,,0.5,\n0.3,,,\n0.4,0.1,0.2,crashed\n0.5,NaN,nan,0\n",
    );
    let study = folder.path().display().to_string();
    let told = succeeds(&["bank", "import", &study, &file, "--json"]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(
        (&told["rows"], &told["failures"]),
        (&5.into(), &3.into()),
        "{told}"
    );
    assert_eq!(told["missing"], serde_json::json!(["y_1"]));
    let row = "0.7,0.2,0.3,\n";
    let copies = write(
        "copies.csv",
        &format!(
            "slope,y_1,y_2,failure\n{}0.7,0.1,0.2,\n0.7,0.2,0.1,\n",
            row.repeat(9)
        ),
    );
    let told = succeeds(&["bank", "import", &study, &copies, "--replace", "--json"]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let counts = ["rows", "copies", "parameter_vectors"].map(|key| told[key].as_u64().unwrap());
    assert_eq!(counts, [3, 8, 1], "{told}");
    let told = succeeds(&["bank", "import", &study, &copies, "--replace"]);
    let told = String::from_utf8(told.stdout).unwrap();
    for words in [
        "8 further rows are copies of these",
        "1 different vectors of parameters",
    ] {
        assert!(told.contains(words), "{told}");
    }
    succeeds(&["bank", "import", &study, &file, "--replace"]);
    let info = succeeds(&["bank", "info", &study]);
    let info = String::from_utf8(info.stdout).unwrap();
    assert!(
        info.contains("failed 2 times: nothing was observed"),
        "{info}"
    );
}
