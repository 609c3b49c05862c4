//! Files, banks and networks that are not what they should be.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::terminal::*;

/// Simulations that do not fit the study are refused with column and row, and nothing of them is kept.
#[test]
fn imports_are_held_against_the_study() {
    let (folder, study) = line_study();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mechanism = path("line.toml");
    let text = fs::read_to_string(&mechanism).unwrap();
    let text = text.replace("\"Normal(0, 1)\"", "\"HalfNormal(1)\"");
    let text = text.replace("Normal(slope * t, 0.5)", "Poisson(slope * t)");
    fs::write(&mechanism, &text).unwrap();
    fs::write(path("y.csv"), "y\n0\n1\n2\n").unwrap();
    let csv = path("mine.csv");
    let head = "slope,y_1,y_2,y_3";
    for (content, words) in [
        (
            "slope,y_1,y_2\n1,0,1\n".to_owned(),
            ["`y` has 2 columns", "3 entries"],
        ),
        (
            format!("{head}\n1,0,1,2\n-1,0,1,2\n"),
            ["`slope` is -1 in row 2", "0 to inf"],
        ),
        (
            format!("{head}\n1,0,1,2\n,0,1,2\n"),
            ["`slope` is missing in row 2", "needed"],
        ),
        (
            format!("{head}\n1,0,-3,2\n"),
            ["`y_2` is -3 in row 1", "whole numbers"],
        ),
        (
            format!("{head}\n1,0,1,2.5\n"),
            ["`y_3` is 2.5 in row 1", "whole numbers"],
        ),
    ] {
        fs::write(&csv, content).unwrap();
        fails(&["bank", "import", &study, &csv], 3, &words);
        assert!(!Path::new(&study).join("results/banks/imported").exists());
    }

    let failed = format!("{head},failure\n1,0,1,2,\n,,,,too hot\n2,3,4,5,0\n");
    fs::write(&csv, &failed).unwrap();
    succeeds(&["bank", "import", &study, &csv]);
    let info = json(&succeeds(&["bank", "info", &study, "--json"]));
    assert_eq!((&info["rows"], &info["failures"]), (&3.into(), &1.into()));

    // Another file needs a word; the study must still be the one it was imported for.
    fs::write(&csv, format!("{head}\n1,0,1,2\n")).unwrap();
    fails(&["bank", "import", &study, &csv], 3, &["--replace"]);
    succeeds(&["bank", "import", &study, &csv, "--replace"]);
    let info = json(&succeeds(&["bank", "info", &study, "--json"]));
    assert_eq!(info["rows"], 1);
    assert_eq!(files_in(&Path::new(&study).join("results/banks")).len(), 1);
    fs::write(&mechanism, text.replace("HalfNormal(1)", "HalfNormal(2)")).unwrap();
    for command in ["learn", "simulate"] {
        fails(
            &[command, &study, "--quiet"],
            6,
            &["earlier version", "--replace"],
        );
    }
    fails(&["bank", "info", &study], 6, &["earlier version"]);
}

/// A bank that was put into another study's place is refused by every command that reads it.
#[test]
fn a_bank_of_another_study_is_refused() {
    let (_a, one) = line_study();
    let (folder, two) = line_study();
    let mechanism = folder.path().join("line.toml");
    let text = fs::read_to_string(&mechanism).unwrap();
    fs::write(&mechanism, text.replace("0.5)", "0.7)")).unwrap();
    for study in [&one, &two] {
        succeeds(&["simulate", study, "--quiet"]);
    }
    let (theirs, ours) = (bank_of(&one), bank_of(&two));
    fs::remove_dir_all(&ours).unwrap();
    fs::rename(theirs, ours).unwrap();
    let file = folder.path().join("out.csv").display().to_string();
    fails(&["bank", "info", &two], 6, &["study"]);
    fails(&["bank", "verify", &two], 6, &["study"]);
    fails(&["bank", "export", &two, &file], 6, &["study"]);
    fails(&["learn", &two, "--quiet"], 6, &["study"]);
}

/// Networks that are damaged, of another format or of another study are refused by name.
#[test]
fn networks_that_are_not_this_study_s_are_refused() {
    let (_a, study) = line_study();
    let (folder, other) = line_study();
    let mechanism = folder.path().join("line.toml");
    let text = fs::read_to_string(&mechanism).unwrap();
    fs::write(&mechanism, text.replace("0.5)", "0.7)")).unwrap();
    for study in [&study, &other] {
        succeeds(&["learn", study, "--quiet"]);
    }
    let network = |study: &str| Path::new(study).join("results/model/parameters-of-line-1");
    let (ours, theirs) = (network(&study), network(&other));
    let (weights, json) = (ours.join("weights.safetensors"), ours.join("model.json"));
    let (kept, described) = (
        fs::read(&weights).unwrap(),
        fs::read_to_string(&json).unwrap(),
    );
    let data = Path::new(&study).join("y.csv").display().to_string();
    let refused = |words: &[&str]| {
        fails(&["ask", &study, "--observed", &data], 6, words);
        fs::write(&weights, &kept).unwrap();
        fs::write(&json, &described).unwrap();
    };
    fs::write(&weights, &kept[..1000]).unwrap();
    refused(&["weights.safetensors", "truncated"]);
    fs::write(&json, described.replace("\"format\": 2", "\"format\": 99")).unwrap();
    refused(&["its format is 99"]);
    fs::write(&json, &described[..200]).unwrap();
    refused(&["model.json"]);
    fs::remove_file(&json).unwrap();
    refused(&["model.json"]);
    // The same shape, whole, and wrong.
    fs::copy(theirs.join("weights.safetensors"), &weights).unwrap();
    fs::copy(theirs.join("model.json"), &json).unwrap();
    refused(&["model/parameters-of-line-1 is not the one that was trained for this study"]);
    succeeds(&["ask", &study, "--observed", &data]);
}

/// Data of any scale are answered alike: here the exact posterior has mean 0.477 and sd 0.132.
#[test]
fn columns_may_have_any_scale() {
    for scale in [1e-30, 1e30] {
        let (folder, study) = line_study();
        let mechanism = folder.path().join("line.toml");
        let text = fs::read_to_string(&mechanism).unwrap();
        let scaled = format!("Normal({scale:e} * slope * t, {:e})", 0.5 * scale);
        fs::write(&mechanism, text.replace("Normal(slope * t, 0.5)", &scaled)).unwrap();
        let data = [0.4, 1.1, 1.4].map(|y| format!("{:e}", y * scale));
        fs::write(
            folder.path().join("y.csv"),
            format!("y\n{}\n", data.join("\n")),
        )
        .unwrap();
        let answer = json(&succeeds(&["run", &study, "--json"]));
        let summary = &answer["posteriors"][0];
        for (whose, tolerance) in [("summaries", 0.01), ("amortized", 0.06)] {
            // The command prints the refined answer; the report holds both.
            let report = fs::read(folder.path().join("results/report.json")).unwrap();
            let report: Value = serde_json::from_slice(&report).unwrap();
            let summary = &report["posteriors"][0][whose][0];
            let off = summary["mean"].as_f64().unwrap() - 4.0 * 6.8 / 57.0;
            assert!(off.abs() < tolerance, "{scale:e}, {whose}: {summary}");
        }
        assert!(summary["quantities"][0]["summary"]["sd"].as_f64().unwrap() < 0.14);
    }
}

/// Too few simulations, none that succeeded, the same ones over and over, a column that never varies.
#[test]
fn odd_simulations_are_refused_or_answered_rightly() {
    let (folder, study) = line_study();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fails(
        &["run", &study, "--simulations", "3", "--quiet"],
        4,
        &["only 3 simulations of `line` can be learned from"],
    );
    // 600 different rows, ten times each; y_2 is always 1.
    let mut text = "slope,y_1,y_2,y_3\n".to_owned();
    for _ in 0..10 {
        for row in 0..600 {
            let level = (f64::from(row) + 0.5) / 600.0;
            let slope = 4.0 * (level - 0.5);
            let noise = f64::from(row * 7919 % 600) / 600.0 - 0.5;
            text += &format!("{slope},{},1,{}\n", slope + noise, 3.0 * slope - noise);
        }
    }
    fs::write(path("mine.csv"), text).unwrap();
    fs::write(path("y.csv"), "y\n0.5\n1\n1.5\n").unwrap();
    succeeds(&["bank", "import", &study, &path("mine.csv")]);
    succeeds(&["learn", &study, "--quiet"]);
    let answer = json(&succeeds(&[
        "ask",
        &study,
        "--observed",
        &path("y.csv"),
        "--json",
    ]));
    let mean = answer["posteriors"][0]["quantities"][0]["summary"]["mean"]
        .as_f64()
        .unwrap();
    assert!((mean - 0.5).abs() < 0.15, "{mean}");
}

/// What never varies cannot be learned from.
#[test]
fn data_that_never_vary_are_refused() {
    let (folder, study) = line_study();
    let mechanism = folder.path().join("line.toml");
    let text = fs::read_to_string(&mechanism).unwrap();
    fs::write(
        &mechanism,
        text.replace("Normal(slope * t, 0.5)", "Poisson(0)"),
    )
    .unwrap();
    fs::write(folder.path().join("y.csv"), "y\n0\n0\n0\n").unwrap();
    fails(
        &["run", &study, "--quiet"],
        3,
        &["the same in every simulation"],
    );
}

/// An answer that cannot be printed is an error.
#[cfg(target_os = "linux")]
#[test]
fn output_that_is_lost_is_an_error() {
    let (_folder, study) = line_study();
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = Command::new(assert_cmd::cargo::cargo_bin!("gnomon"))
        .args(["check", &study])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    says(&text(&output.stderr), &["could not be printed"]);
}

#[test]
fn wrong_input_gets_one_diagnostic_and_its_exit_code() {
    let (folder, study) = line_study();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fails(&["run"], 2, &["STUDY"]);
    fails(&["run", &study, "--simulations", "0"], 2, &["0 is not in"]);
    fails(
        &["ask", &study, "--observed", "y.csv", "--draws", "0"],
        2,
        &["0 is not in"],
    );
    fails(&["run", &path("nowhere")], 3, &["nowhere"]);
    let data = path("y.csv");
    fails(
        &["ask", &study, "--observed", &data],
        3,
        &["nothing was learned", "run `gnomon learn"],
    );
    fails(&["report", &study], 3, &["nothing was learned"]);
    fs::write(path("bad.csv"), "z\n1\n2\n3\n").unwrap();
    succeeds(&["learn", &study, "--quiet"]);
    fails(
        &["ask", &study, "--observed", &path("bad.csv")],
        3,
        &["bad.csv"],
    );
    fs::write(path("gap.csv"), "y\n1\n\"\"\n3\n").unwrap();
    fails(
        &["ask", &study, "--observed", &path("gap.csv")],
        3,
        &["`y` at 2 (its entry 2) is missing"],
    );

    let shard = files_in(&bank_of(&study).join("shards")).remove(0);
    let mut bytes = fs::read(&shard).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&shard, bytes).unwrap();
    let name = shard.file_name().unwrap().to_string_lossy().into_owned();
    let checksum = name.split('.').nth(1).unwrap();
    fails(
        &["bank", "verify", &study, "--quiet"],
        6,
        &["problems in the bank"],
    );
    fails(&["bank", "info", &study], 6, &[checksum]);

    let weights = path("results/model/parameters-of-line-1/weights.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    fails(
        &["ask", &study, "--observed", &data],
        6,
        &["weights.safetensors"],
    );

    let mechanism = fs::read_to_string(path("line.toml")).unwrap();
    fs::write(
        path("line.toml"),
        mechanism.replace("Normal(0, 1)", "Normal(0, 2)"),
    )
    .unwrap();
    fails(
        &["ask", &study, "--observed", &data],
        6,
        &["has changed since they were trained"],
    );
    fs::write(
        path("line.toml"),
        mechanism.replace("slope * t", "slop * t"),
    )
    .unwrap();
    fails(&["check", &study], 3, &["slop", "line.toml", "slope"]);
}
