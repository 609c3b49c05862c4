//! Series that are observed and not given: hidden ones and the future, against exact answers.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A mean with noise: five numbers are given, the sixth and the mean itself are asked.
fn study(given: &str, predict: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "mean.toml",
        "[parameters]\nm = \"Normal(0, 1)\"\n[observed]\n\
         y = { distribution = \"Normal(m, 1)\", count = 6, unit = \"m\" }\nhidden = \"m\"\n",
    );
    write(
        "study.toml",
        &format!(
            "title = \"What comes next?\"\nmechanisms = [\"mean.toml\"]\ngiven = [{given}]\n\
             predict = [{predict}]\n[observed]\ny = [0.1, 1.3, 0.6, 2.0, 0.4]\n\
             [simulate]\nsimulations = 20_000\n[learn]\nmembers = 1\nepochs = 12\n[claims]\ndata_sets = 2000\n"
        ),
    );
    let path = folder.path().display().to_string();
    (folder, path)
}

fn gnomon(arguments: &[&str]) -> Output {
    Command::new(assert_cmd::cargo::cargo_bin!("gnomon"))
        .args(arguments)
        .output()
        .unwrap()
}

#[track_caller]
fn json(arguments: &[&str]) -> Value {
    let output = gnomon(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// (level, quantile) of the last entry of what is asked.
fn quantiles(unseen: &Value) -> Vec<(f64, f64)> {
    let prediction = &unseen["prediction"];
    let levels = prediction["levels"].as_array().unwrap().iter();
    let rows = prediction["quantiles"].as_array().unwrap().iter();
    levels
        .zip(rows)
        .map(|(level, row)| (level.as_f64().unwrap(), row[0].as_f64().unwrap()))
        .collect()
}

/// The posterior of the mean given five numbers that sum to 4.4 is N(4.4 / 6, 1 / 6), the next number
/// N(4.4 / 6, 7 / 6). Quantiles from 5 % to 95 % are within .15 sds: three times what other seeds
/// showed. The claims are true: any of six is wrongly falsified with a chance of 5 % over seeds; this
/// one is fixed.
#[test]
fn what_is_not_seen_has_its_exact_quantiles() {
    let (folder, path) = study("\"y[1:5]\"", "\"hidden\", \"y[6]\"");
    let answer = json(&["run", &path, "--json"]);
    let unseen = answer["unseen"].as_array().unwrap();
    assert_eq!(unseen.len(), 2);
    let z = [
        (0.05, -1.645),
        (0.25, -0.674),
        (0.5, 0.0),
        (0.75, 0.674),
        (0.95, 1.645),
    ];
    for (one, sd) in unseen
        .iter()
        .zip([(1.0f64 / 6.0).sqrt(), (7.0f64 / 6.0).sqrt()])
    {
        let found = quantiles(one);
        assert_eq!(found.len(), 23);
        assert!(found.is_sorted_by(|a, b| a.1 <= b.1), "{found:?}");
        for (level, z) in z {
            let near = |(other, _): &&(f64, f64)| (other - level).abs() < 1e-9;
            let (_, value) = *found.iter().find(near).unwrap();
            let off = (value - 4.4 / 6.0) / sd - z;
            assert!(off.abs() < 0.15, "{}: {off} at {level}", one["label"]);
        }
    }
    let claims = answer["claims"].as_array().unwrap();
    for name in ["coverage of y[6]", "gain over the prior about hidden"] {
        let claim = claims.iter().find(|claim| claim["name"] == name).unwrap();
        assert_eq!(claim["verdict"], "survived", "{claim}");
    }
    let sentence = answer["answer"].as_str().unwrap();
    assert!(sentence.contains("; y at 6 is 0."), "{sentence}");
    let page = fs::read_to_string(folder.path().join("results/report.html")).unwrap();
    assert!(page.contains("What is not given"));

    // Many data sets at once, in columns named after the bank's.
    let each = folder.path().join("each.csv");
    fs::write(
        &each,
        "y_1,y_2,y_3,y_4,y_5\n0.1,1.3,0.6,2.0,0.4\n-1,-1,-1,-1,-1\n9,-9,9,-9,9\n",
    )
    .unwrap();
    let output = folder.path().display().to_string();
    json(&[
        "ask",
        &path,
        "--each",
        &each.display().to_string(),
        "--alarms",
        "--output",
        &output,
        "--json",
    ]);
    let table = fs::read_to_string(folder.path().join("answers.csv")).unwrap();
    let head: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    let column = |name: &str| head.iter().position(|h| *h == name).unwrap();
    let row = |number: usize| -> Vec<f64> {
        let row = table.lines().nth(number).unwrap();
        row.split(',').map(|x| x.parse().unwrap()).collect()
    };
    // Data that the mechanism makes, and data that it never makes: an alarm is .01 or less.
    assert!(row(1)[column("alarm_p")] > 0.01 && row(3)[column("alarm_p")] <= 0.01);
    let second = row(2);
    assert!((second[column("hidden_q50")] + 5.0 / 6.0).abs() < 0.06);
    assert!(second[column("y_6_q975")] > second[column("y_6_q95")]);
}

/// Of a mean with noise the next four numbers, given five that sum to 4.4: their total is
/// N(4 * 4.4 / 6, 4 + 16 / 6), .42 wider than if they were independent given the data. Counts beside them
/// are whole. Within .15 of the exact sd: three times what other seeds showed.
#[test]
fn whole_paths_are_drawn_from_the_joint_density() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let mechanism = |missing: &str| {
        format!(
            "[parameters]\nm = \"Normal(0, 1)\"\n[observed]\n\
             y = {{ distribution = \"Normal(m, 1)\", count = 9, unit = \"m\"{missing} }}\n\
             n = {{ distribution = \"Poisson(exp(m))\", count = 2 }}\n"
        )
    };
    write("mean.toml", &mechanism(""));
    write(
        "study.toml",
        "title = \"What comes next?\"\nmechanisms = [\"mean.toml\"]\ngiven = [\"y[1:5]\"]\n\
         predict = [\"y[6:9]\", \"n\"]\n[observed]\ny = [0.1, 1.3, 0.6, 2.0, 0.4]\n\
         [simulate]\nsimulations = 20_000\n\
         [learn]\nseries = \"density\"\nmembers = 1\nepochs = 12\n[claims]\ndata_sets = 2000\n",
    );
    let path = folder.path().display().to_string();
    let answer = json(&["run", &path, "--json"]);
    let unseen = answer["unseen"].as_array().unwrap();
    assert_eq!(quantiles(&unseen[0]).len(), 23);
    assert_eq!(unseen[0]["of_paths"][0]["name"], "total");

    let table = fs::read_to_string(folder.path().join("results/answer/paths.csv")).unwrap();
    let rows = table.lines().skip(1).map(|line| {
        let cells = line.split(',').map(|cell| cell.parse().unwrap());
        cells.collect::<Vec<f64>>()
    });
    let rows: Vec<Vec<f64>> = rows.collect();
    assert!(table.starts_with("y_6,y_7,y_8,y_9,n_1,n_2\n") && rows.len() == 10_000);
    let totals: Vec<f64> = rows.iter().map(|row| row[..4].iter().sum()).collect();
    let mean = totals.iter().sum::<f64>() / 1e4;
    let variance = totals.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e4;
    let exact = (4.0f64 + 16.0 / 6.0).sqrt();
    assert!((mean - 4.0 * 4.4 / 6.0).abs() < 0.15 * exact, "{mean}");
    assert!((variance.sqrt() / exact - 1.0).abs() < 0.15, "{variance}");
    let counts = rows.iter().flat_map(|row| &row[4..]);
    assert!(counts.clone().all(|n| n.fract() == 0.0 && *n >= 0.0));
    assert!(counts.clone().any(|&n| n == 0.0) && counts.clone().any(|&n| n > 3.0));
    let claims = answer["claims"].as_array().unwrap();
    for name in [
        "coverage of y[6:9]",
        "calibration of the total of y[6:9]",
        "calibration of the largest of n",
    ] {
        let claim = claims.iter().find(|claim| claim["name"] == name).unwrap();
        assert_ne!(claim["verdict"], "falsified", "{claim}");
    }

    // No density of what may be missing.
    write("mean.toml", &mechanism(", missing = \"m > 3\""));
    let output = gnomon(&["check", &path]);
    let said = String::from_utf8_lossy(&output.stderr).replace("\n  │ ", " ");
    assert!(said.contains("its entries may be missing"), "{said}");
    // Nor of what follows from the parameters without noise.
    write(
        "mean.toml",
        &mechanism("").replace("n = {", "k = { distribution = \"m\", count = 2 }\nn = {"),
    );
    let study = fs::read_to_string(folder.path().join("study.toml")).unwrap();
    write("study.toml", &study.replace("\"n\"]", "\"k\"]"));
    let output = gnomon(&["check", &path]);
    let said = String::from_utf8_lossy(&output.stderr).replace("\n  │ ", " ");
    assert!(said.contains("follow from the parameters"), "{said}");
}

#[track_caller]
fn refused(given: &str, predict: &str, what: &str) {
    let (_folder, path) = study(given, predict);
    let output = gnomon(&["check", &path]);
    let said = String::from_utf8_lossy(&output.stderr).replace("\n  │ ", " ");
    assert!(!output.status.success() && said.contains(what), "{said}");
}

#[test]
fn parts_that_make_no_sense_are_refused() {
    refused("\"y[1:5]\"", "\"y[5:6]\"", "is given already");
    refused("\"y[1:5]\"", "\"y[9:]\"", "has no entry at these times");
    refused("\"y[1:5]\"", "\"z\"", "no mechanism declares or observes");
    refused("\"y[1:5]\", \"y[6]\"", "\"m\"", "is named twice");
    refused("\"y[one:5]\"", "\"m\"", "neither a number nor a date");
    refused(
        "\"y[1:6]\"",
        "\"m\"",
        "has 5 entries, but is observed 6 times",
    );
}

/// Parts of a series count as the rest of it missing: the refined answer is that of what is given.
#[test]
fn likelihoods_know_what_is_given_alone() {
    let (folder, path) = study("\"y[1:5]\"", "\"m\", \"y[6]\"");
    let answer = json(&["run", &path, "--json"]);
    let summary = &answer["posteriors"][0]["quantities"][0]["summary"];
    let mean = summary["mean"].as_f64().unwrap();
    let sd = summary["sd"].as_f64().unwrap();
    // Four standard errors of 10,000 draws are .017 and .012.
    assert!((mean - 4.4 / 6.0).abs() < 0.02, "{mean}");
    assert!((sd - (1.0f64 / 6.0).sqrt()).abs() < 0.015, "{sd}");
    assert_eq!(answer["refinement"][0]["standing"], "exact");
    assert!(Path::new(&folder.path().join("results/model/not-seen-1")).exists());
}
