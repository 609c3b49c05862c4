//! The command line as a user meets it: a study from nothing to its report, wrong input, and work
//! that is cut off.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

fn gnomon(arguments: &[&str]) -> Output {
    Command::new(assert_cmd::cargo::cargo_bin!("gnomon"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {} {}", text(&output.stdout), text(&output.stderr))
    })
}

#[track_caller]
fn succeeds(arguments: &[&str]) -> Output {
    let output = gnomon(arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    output
}

/// Fails with `code`, and says every one of `words` on standard error, without a panic.
#[track_caller]
fn fails(arguments: &[&str], code: i32, words: &[&str]) {
    let output = gnomon(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    says(&said, words);
}

/// A diagnostic holds every one of `words`, and is no panic.
#[track_caller]
fn says(said: &str, words: &[&str]) {
    // It may be broken into lines anywhere between words.
    let flat = said.replace(['│', '\n', '╰', '─', '▶'], " ");
    let flat = flat.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(flat.contains(word), "{word:?} is not in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

/// A line through a point, seen twice with noise: learned in a second or two.
fn line_study() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "line.toml",
        r#"
description = "A straight line"
[parameters]
slope = "Normal(0, 1)"
[observed]
y = { distribution = "Normal(slope * t, 0.5)", times = [1, 2, 3] }
"#,
    );
    write(
        "study.toml",
        r#"
title = "How steep is the line?"
mechanisms = ["line.toml"]
observed = "y.csv"
[simulate]
simulations = 4_000
[learn]
epochs = 12
[claims]
data_sets = 400
tolerance = 0.2
"#,
    );
    write("y.csv", "y\n0.4\n1.1\n1.4\n");
    let path = folder.path().display().to_string();
    (folder, path)
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn bank_of(study: &str) -> PathBuf {
    files_in(&Path::new(study).join("results/banks")).remove(0)
}

#[test]
fn a_study_runs_from_its_files_to_its_report() {
    let (_folder, study) = line_study();
    succeeds(&["check", &study]);
    let answer = json(&succeeds(&["run", &study, "--json"]));
    assert!(
        answer["answer"]
            .as_str()
            .unwrap()
            .starts_with("slope is 0.4"),
        "{answer}"
    );
    // The exact posterior is normal: precision 1 + (1 + 4 + 9) / 0.25 = 57, mean 4 * 6.8 / 57.
    let summary = &answer["posteriors"][0]["quantities"][0]["summary"];
    assert!(
        (summary["mean"].as_f64().unwrap() - 4.0 * 6.8 / 57.0).abs() < 0.1,
        "{summary}"
    );

    let report: Value =
        serde_json::from_slice(&fs::read(Path::new(&study).join("results/report.json")).unwrap())
            .unwrap();
    for claim in report["claims"].as_array().unwrap() {
        for key in [
            "name",
            "statement",
            "verdict",
            "statistic",
            "tolerance",
            "inputs",
        ] {
            assert!(!claim[key].is_null(), "{key} of {claim}");
        }
    }
    assert!(report["answer"].is_string() && report["ledger"]["rows"][0]["count"] == 4000);

    let page = Path::new(&study).join("results/report.html");
    let written = fs::metadata(&page).unwrap().modified().unwrap();
    let began = Instant::now();
    succeeds(&["run", &study]);
    assert_eq!(
        fs::metadata(&page).unwrap().modified().unwrap(),
        written,
        "nothing is done twice"
    );
    assert!(began.elapsed() < Duration::from_secs(20));

    fs::write(Path::new(&study).join("new.csv"), "y\n-1\n-2\n-3\n").unwrap();
    let new = Path::new(&study).join("new.csv").display().to_string();
    let out = Path::new(&study).join("asked").display().to_string();
    let asked = json(&succeeds(&[
        "ask",
        &study,
        "--observed",
        &new,
        "--json",
        "--output",
        &out,
    ]));
    let mean = asked["posteriors"][0]["quantities"][0]["summary"]["mean"]
        .as_f64()
        .unwrap();
    assert!((mean + 4.0 * 14.0 / 57.0).abs() < 0.15, "{mean}");
    assert!(Path::new(&out).join("draws.parquet").is_file());

    let verified = json(&succeeds(&["bank", "verify", &study, "--json"]));
    assert_eq!(
        (&verified["sound"], &verified["rows"]),
        (&true.into(), &4000.into())
    );
    let csv = Path::new(&study).join("bank.csv").display().to_string();
    succeeds(&["bank", "export", &study, &csv]);
    assert!(
        fs::read_to_string(&csv)
            .unwrap()
            .starts_with("simulation,mechanism,failure,slope,y_1")
    );
    assert!(text(&succeeds(&["bank", "info", &study]).stdout).contains("4000 simulations"));
}

#[test]
fn the_template_is_a_study() {
    let folder = tempfile::tempdir().unwrap();
    let study = folder.path().join("mine").display().to_string();
    succeeds(&["new", &study]);
    succeeds(&["check", &study]);
    succeeds(&["preview", &study, "--quiet"]);
    assert!(Path::new(&study).join("results/preview.html").is_file());
    fails(
        &["new", &study],
        3,
        &["is there already", "name a folder that does not exist yet"],
    );
}

#[test]
fn results_are_the_same_at_any_number_of_threads() {
    let (_a, one) = line_study();
    let (_b, two) = line_study();
    succeeds(&["learn", &one, "--threads", "1", "--quiet"]);
    succeeds(&["learn", &two, "--threads", "2", "--quiet"]);
    let weights = |study: &str| {
        fs::read(Path::new(study).join("results/model/parameters-of-line-1/weights.safetensors"))
            .unwrap()
    };
    assert_eq!(weights(&one), weights(&two));
    let shards = |study: &str| -> Vec<Vec<u8>> {
        files_in(&bank_of(study).join("shards"))
            .iter()
            .map(|f| fs::read(f).unwrap())
            .collect()
    };
    assert_eq!(shards(&one), shards(&two));
}

#[test]
fn imported_simulations_are_learned_from_without_a_simulator() {
    let (_folder, study) = line_study();
    succeeds(&["simulate", &study, "--quiet"]);
    let csv = Path::new(&study).join("mine.csv");
    succeeds(&["bank", "export", &study, &csv.display().to_string()]);
    let renamed = fs::read_to_string(&csv)
        .unwrap()
        .replacen("slope", "steepness", 1);
    fs::write(&csv, renamed).unwrap();
    fs::remove_dir_all(Path::new(&study).join("results")).unwrap();
    let file = csv.display().to_string();
    fails(&["bank", "import", &study, &file], 3, &["slope"]);
    succeeds(&["bank", "import", &study, &file, "--map", "steepness=slope"]);
    succeeds(&["learn", &study, "--quiet"]);
    let data = Path::new(&study).join("y.csv").display().to_string();
    let asked = json(&succeeds(&["ask", &study, "--observed", &data, "--json"]));
    let mean = asked["posteriors"][0]["quantities"][0]["summary"]["mean"]
        .as_f64()
        .unwrap();
    assert!((mean - 4.0 * 6.8 / 57.0).abs() < 0.1, "{mean}");
}

/// `run` refines where that is cheap, `ask` where it is told to: the answer is then the exact one,
/// normal with precision 1 + (1 + 4 + 9) / 0.25 = 57.
#[test]
fn a_refined_answer_is_the_exact_posterior() {
    let (folder, study) = line_study();
    let exactly = |answer: &Value, mean: f64| {
        let summary = &answer["posteriors"][0]["quantities"][0]["summary"];
        let sd = 57f64.powf(-0.5);
        // 10,000 draws: an error of a hundredth of an sd, and five of them; the seed is fixed.
        let off = summary["mean"].as_f64().unwrap() - mean;
        assert!(off.abs() < 0.05 * sd, "{summary}");
        let width = summary["sd"].as_f64().unwrap() / sd;
        assert!((width - 1.0).abs() < 0.04, "{summary}");
        assert_eq!(answer["refinement"][0]["standing"], "exact", "{answer}");
        assert_eq!(answer["claims"][0]["subject"], "refined");
        assert_eq!(answer["claims"][0]["verdict"], "survived");
    };
    let answer = json(&succeeds(&["run", &study, "--json"]));
    exactly(&answer, 4.0 * 6.8 / 57.0);
    // ln p(y): y'y = 3.33, t'y = 6.8, t't = 14, by the matrix determinant lemma.
    let (noise, square) = (0.25f64, 3.33 - 6.8 * 6.8 / (0.25 + 14.0));
    let log_evidence = -0.5
        * (3.0 * (std::f64::consts::TAU * noise).ln() + (1.0 + 14.0 / noise).ln() + square / noise);
    let found = answer["refinement"][0]["log_evidence"].as_f64().unwrap();
    assert!(
        (found - log_evidence).abs() < 0.02,
        "{found}, exact {log_evidence}"
    );

    let other = folder.path().join("other.csv").display().to_string();
    fs::write(&other, "y\n-0.5\n-1.0\n-1.4\n").unwrap();
    let ask = ["ask", &study, "--observed", &other, "--json"];
    exactly(
        &json(&succeeds(&[&ask[..], &["--refine"]].concat())),
        -4.0 * 6.7 / 57.0,
    );
    let amortized = json(&succeeds(&ask));
    assert_eq!(amortized["refinement"], Value::Array(vec![]));

    let file = folder.path().join("study.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text + "[answer]\nrefine = false\n").unwrap();
    let answer = json(&succeeds(&["run", &study, "--json"]));
    assert_eq!(answer["refinement"], Value::Array(vec![]));
    assert_eq!(answer["claims"][0]["subject"], "amortized");
}

/// A likelihood that the file writes wrongly is found out, and nothing that rests on it is called exact.
#[test]
fn a_wrong_likelihood_is_falsified() {
    let (folder, study) = line_study();
    let mechanism = folder.path().join("line.toml");
    let text = fs::read_to_string(&mechanism).unwrap();
    let file = folder.path().join("study.toml");
    let settings = fs::read_to_string(&file).unwrap();
    let strict = settings.replace("data_sets = 400", "data_sets = 1500");
    fs::write(&file, strict.replace("tolerance = 0.2", "tolerance = 0.1")).unwrap();
    let with_sd = |sd: &str| {
        let log = format!(
            "[likelihood]\nlog = \"-sum(k, 1, 3, (y[k] - slope * k)^2) / (2 * {sd}^2) - 3 * log({sd})\"\n\
             up_to_constant = true\n"
        );
        fs::write(&mechanism, format!("{text}{log}")).unwrap();
        json(&succeeds(&["run", &study, "--json"]))
    };
    let verdict = |answer: &Value| {
        let claims = answer["claims"].as_array().unwrap().iter();
        let mut written = claims.filter(|c| c["name"].as_str().unwrap().contains("written"));
        written.next().unwrap()["verdict"].clone()
    };
    let right = with_sd("0.5");
    assert_eq!(verdict(&right), "survived");
    assert_eq!(right["refinement"][0]["standing"], "exact");
    let wrong = with_sd("0.2");
    assert_eq!(verdict(&wrong), "falsified");
    assert_eq!(wrong["refinement"][0]["standing"], "refined", "{wrong}");
    let data = folder.path().join("y.csv").display().to_string();
    let asked = json(&succeeds(&[
        "ask",
        &study,
        "--observed",
        &data,
        "--refine",
        "--json",
    ]));
    assert_eq!(asked["refinement"][0]["standing"], "refined", "{asked}");
}

/// Many data sets at once get the answers that each would get alone.
#[test]
fn many_data_sets_are_answered_in_one_call() {
    let (folder, study) = line_study();
    succeeds(&["learn", &study, "--quiet"]);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut text = "y_1,other,y_2,y_3\n".to_owned();
    // More than are held at a time.
    for row in 0..450 {
        let slope = f64::from(row) / 225.0 - 1.0;
        text += &format!("{slope},7,{},{}\n", 2.0 * slope, 3.0 * slope);
    }
    fs::write(path("many.csv"), &text).unwrap();
    let out = path("answers");
    let said = json(&succeeds(&[
        "ask",
        &study,
        "--each",
        &path("many.csv"),
        "--output",
        &out,
        "--json",
    ]));
    assert_eq!(said["data_sets"], 450);
    let answers = fs::read_to_string(Path::new(&out).join("answers.csv")).unwrap();
    let mut lines = answers.lines();
    assert_eq!(
        lines.next().unwrap(),
        "data_set,slope_mean,slope_sd,slope_q05,slope_q50,slope_q95"
    );
    let rows: Vec<Vec<f64>> = lines
        .map(|line| line.split(',').map(|x| x.parse().unwrap()).collect())
        .collect();
    assert_eq!(rows.len(), 450);
    for (number, row) in rows.iter().enumerate() {
        let slope = number as f64 / 225.0 - 1.0;
        assert_eq!(row[0], (number + 1) as f64);
        // The exact posterior: mean 56 / 57 slope, sd 57^-1/2 = 0.132.
        assert!((row[1] - 56.0 / 57.0 * slope).abs() < 0.1, "{row:?}");
        assert!((row[2] - 0.132).abs() < 0.06, "{row:?}");
        assert!(row[3] < row[4] && row[4] < row[5]);
    }
    assert!(Path::new(&out).join("answers.parquet").is_file());

    let each = |file: &str, code: i32, words: &[&str]| {
        fails(
            &["ask", &study, "--each", file, "--output", &out],
            code,
            words,
        );
    };
    fs::write(path("few.csv"), "y_1,y_2\n1,2\n").unwrap();
    each(
        &path("few.csv"),
        3,
        &["there is no column `y_3`, but `y_1`, `y_2`"],
    );
    fs::write(path("gap.csv"), "y_1,y_2,y_3\n1,2,3\n1,,3\n").unwrap();
    each(&path("gap.csv"), 3, &["data set 2 lacks `y_2`"]);
    fails(
        &["ask", &study, "--each", &path("many.csv")],
        2,
        &["--output"],
    );
    fails(&["ask", &study], 2, &["--observed"]);
    fs::write(path("none.csv"), "y_1,y_2,y_3\n").unwrap();
    each(&path("none.csv"), 3, &["has no rows"]);
}

/// A rival without parameters has an evidence, too.
#[test]
fn a_mechanism_without_parameters_is_compared() {
    let (folder, study) = line_study();
    fs::write(
        folder.path().join("flat.toml"),
        "[observed]\ny = { distribution = \"Normal(0, 0.5)\", times = [1, 2, 3] }\n",
    )
    .unwrap();
    let file = folder.path().join("study.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace("[\"line.toml\"]", "[\"line.toml\", \"flat.toml\"]"),
    )
    .unwrap();
    let answer = json(&succeeds(&["run", &study, "--json"]));
    // ln p(y): the line's as above, and three independent numbers.
    let noise = 0.25f64;
    let flat = -0.5 * (3.0 * (std::f64::consts::TAU * noise).ln() + 3.33 / noise);
    let line = flat - 0.5 * ((1.0 + 14.0 / noise).ln() - 6.8 * 6.8 / (0.25 + 14.0) / noise);
    let exact = 1.0 / (1.0 + (line - flat).exp());
    let found = answer["mechanisms"][1]["posterior"].as_f64().unwrap();
    assert!((found / exact - 1.0).abs() < 0.05, "{found}, exact {exact}");
}

/// A mechanism without a likelihood keeps the network's answer, and says why.
#[test]
fn what_has_no_likelihood_is_not_refined() {
    let (folder, study) = line_study();
    let mechanism = folder.path().join("line.toml");
    let text = fs::read_to_string(&mechanism).unwrap();
    fs::write(
        &mechanism,
        text.replace("Normal(slope * t, 0.5)", "slope * t"),
    )
    .unwrap();
    let answer = json(&succeeds(&["run", &study, "--json"]));
    let refinement = &answer["refinement"][0];
    assert_eq!(refinement["standing"], "amortized");
    says(
        refinement["because"].as_str().unwrap(),
        &["`y` is observed without noise"],
    );
}

/// A walk that drifts, seen with noise: its likelihood is estimated by particles. ln evidence is exactly
/// that of a normal vector.
#[test]
fn random_dynamics_are_refined_by_a_particle_filter() {
    let (folder, study) = line_study();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let walk = r#"
[parameters]
slope = "Normal(0, 1)"
[states]
x = 0
[dynamics]
x = "slope"
[noise]
x = 0.3
[observed]
y = { distribution = "Normal(x, 0.5)", times = [1, 2, 3] }
[solver]
step = 0.5
"#;
    write("line.toml", walk);
    let file = folder.path().join("study.toml");
    let text = fs::read_to_string(&file).unwrap();
    write(
        "study.toml",
        &format!("{text}\n[answer]\nrefine = true\ndraws = 1000\n"),
    );
    let answer = json(&succeeds(&["run", &study, "--json"]));
    let refinement = &answer["refinement"][0];
    assert_eq!(refinement["standing"], "exact", "{refinement}");
    assert_eq!(
        refinement["method"],
        "importance sampling with a particle filter"
    );
    let particles = refinement["particles"].as_u64().unwrap();
    assert!((16..=64).contains(&particles));
    assert!(refinement["log_likelihood_sd"].as_f64().unwrap() < 1.11);
    assert_eq!(refinement["calls"].as_u64().unwrap() % particles, 0);
    // Covariance of y: t u + 0.09 min(t, u) + 0.25 on the diagonal. By its Cholesky factor.
    let (y, mut factor, mut z) = ([0.4, 1.1, 1.4], [[0f64; 3]; 3], [0.0; 3]);
    let mut exact = 0.0;
    for i in 0..3 {
        let mut off = y[i];
        for j in 0..=i {
            let (t, u) = ((i + 1) as f64, (j + 1) as f64);
            let mut rest = t * u + 0.09 * t.min(u) + if i == j { 0.25 } else { 0.0 };
            rest -= (0..j).map(|k| factor[i][k] * factor[j][k]).sum::<f64>();
            factor[i][j] = if i == j {
                rest.sqrt()
            } else {
                rest / factor[j][j]
            };
            off -= if j < i { factor[i][j] * z[j] } else { 0.0 };
        }
        z[i] = off / factor[i][i];
        exact -= 0.5 * (z[i] * z[i] + std::f64::consts::TAU.ln()) + factor[i][i].ln();
    }
    let found = refinement["log_evidence"].as_f64().unwrap();
    let error = refinement["log_evidence_error"].as_f64().unwrap();
    assert!(
        error < 0.05 && (found - exact).abs() < 4.0 * error,
        "{found}, exact {exact}"
    );
    write("line.toml", &walk.replace("Normal(x, 0.5)", "x"));
    let answer = json(&succeeds(&["run", &study, "--json"]));
    let refinement = &answer["refinement"][0];
    assert_eq!(refinement["standing"], "amortized");
    says(
        refinement["because"].as_str().unwrap(),
        &["its dynamics are random and `y` is observed without noise"],
    );
}

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
        &["missing"],
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

/// A program that takes its time is killed in the middle; what it had finished is kept.
#[test]
fn a_killed_run_goes_on_from_its_last_shard() {
    goes_on_after(|child| {
        child.kill().unwrap();
        child.wait().unwrap();
    });
}

/// Ctrl-C ends it cleanly, with its own exit code.
#[cfg(unix)]
#[test]
fn an_interrupted_simulation_goes_on_from_its_last_shard() {
    goes_on_after(|child| {
        let id = child.id().to_string();
        Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
    });
}

/// Stops a simulation after its first shard and runs it again.
fn goes_on_after(stop: impl Fn(&mut Child)) {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return;
    }
    let queue = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../studies/queue");
    let folder = tempfile::tempdir().unwrap();
    for file in files_in(&queue).iter().filter(|file| file.is_file()) {
        fs::copy(file, folder.path().join(file.file_name().unwrap())).unwrap();
    }
    let study = folder.path().display().to_string();
    let arguments = ["simulate", &study, "--simulations", "4000", "--quiet"];
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("gnomon"))
        .args(arguments)
        .spawn()
        .unwrap();
    let finished = || {
        let banks = folder.path().join("results/banks");
        let shards = || {
            Some(files_in(
                &fs::read_dir(banks)
                    .ok()?
                    .next()?
                    .ok()?
                    .path()
                    .join("shards"),
            ))
        };
        shards().unwrap_or_default()
    };
    let began = Instant::now();
    while finished().is_empty() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    stop(&mut child);
    let before = finished();
    assert!(!before.is_empty());
    let stamps: Vec<_> = before
        .iter()
        .map(|file| fs::metadata(file).unwrap().modified().unwrap())
        .collect();
    succeeds(&arguments);
    let after: Vec<_> = before
        .iter()
        .map(|file| fs::metadata(file).unwrap().modified().unwrap())
        .collect();
    assert_eq!(stamps, after, "finished shards are not made again");
    let verified = json(&succeeds(&[
        "bank", "verify", &study, "--json", "--sample", "40",
    ]));
    assert_eq!(
        (&verified["sound"], &verified["rows"]),
        (&true.into(), &4000.into())
    );
}

/// A limit on the size of files stands for a full disk: writing fails in the middle of a shard.
#[cfg(unix)]
#[test]
fn a_full_disk_loses_nothing() {
    let (_folder, study) = line_study();
    let limited = format!(
        "trap '' XFSZ; ulimit -f 40; exec '{}' simulate '{study}' --quiet",
        assert_cmd::cargo::cargo_bin!("gnomon").display()
    );
    let output = Command::new("sh").args(["-c", &limited]).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    says(&said, &["shards", "could not be written: File too large"]);
    succeeds(&["simulate", &study, "--quiet"]);
    let verified = json(&succeeds(&["bank", "verify", &study, "--json"]));
    assert_eq!(
        (&verified["sound"], &verified["rows"]),
        (&true.into(), &4000.into())
    );
    let left_over = files_in(&bank_of(&study).join("shards"))
        .iter()
        .any(|file| file.extension().is_none_or(|e| e != "parquet"));
    assert!(!left_over, "no half of a file stays");
}

/// Ctrl-C while a network learns: the next run goes on and ends with the same weights.
#[cfg(unix)]
#[test]
fn an_interrupted_training_goes_on() {
    let studies = [line_study(), line_study()];
    for (folder, _) in &studies {
        let path = folder.path().join("study.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("epochs = 12", "epochs = 200")).unwrap();
    }
    let [(_a, whole), (_b, cut)] = &studies;
    succeeds(&["learn", whole, "--quiet"]);
    succeeds(&["simulate", cut, "--quiet"]);
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("gnomon"))
        .args(["learn", cut, "--quiet"])
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(600));
    let id = child.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    let code = child.wait().unwrap().code();
    let checkpoint = Path::new(cut).join("results/model/parameters-of-line-1.checkpoint");
    if code == Some(0) {
        println!("skipped: this machine had learned before it was interrupted");
        return;
    }
    assert_eq!(code, Some(130));
    assert!(checkpoint.is_file(), "the state is kept");
    succeeds(&["learn", cut, "--quiet"]);
    assert!(!checkpoint.exists());
    let weights = |study: &str| {
        fs::read(Path::new(study).join("results/model/parameters-of-line-1/weights.safetensors"))
            .unwrap()
    };
    assert_eq!(weights(whole), weights(cut));
}

#[test]
fn schemas_and_completions_are_printed() {
    for kind in ["study", "mechanism"] {
        let schema = json(&succeeds(&["schema", kind]));
        assert!(schema["properties"].is_object());
    }
    assert!(text(&succeeds(&["completions", "bash"]).stdout).contains("gnomon"));
}
