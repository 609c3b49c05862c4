//! `gnomon converge`, against posteriors in closed form. Seeds are fixed.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::terminal::*;

/// A study without data; `mechanisms` are (name, text).
fn study(mechanisms: &[(&str, &str)], settings: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let mut names = Vec::new();
    for (name, text) in mechanisms {
        write(&format!("{name}.toml"), text);
        names.push(format!("\"{name}.toml\""));
    }
    write(
        "study.toml",
        &format!(
            "title = \"How fast?\"\nmechanisms = [{}]\n[learn]\nepochs = 10\nmembers = 1\n{settings}",
            names.join(", ")
        ),
    );
    let path = folder.path().display().to_string();
    (folder, path)
}

/// The columns of a file of data sets, by name.
fn columns(file: &Path) -> impl Fn(&str) -> Vec<f64> + use<> {
    let text = fs::read_to_string(file).unwrap();
    let rows: Vec<Vec<String>> = text
        .lines()
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect();
    move |name| {
        let place = rows[0].iter().position(|column| column == name).unwrap();
        let cells = rows[1..].iter().map(|row| row[place].parse());
        cells.collect::<Result<_, _>>().unwrap()
    }
}

fn risk(found: &Value, network: usize) -> Vec<f64> {
    let risk = found["networks"][network]["risk"].as_array().unwrap();
    risk.iter().map(|x| x.as_f64().unwrap()).collect()
}

/// Counts with a gamma-distributed mean: given counts x the mean is Gamma(3 + sum x, 1 + 4).
#[test]
fn the_exact_posterior_is_exact_and_the_excess_falls() {
    let text = "[parameters]\nmean = \"Gamma(3, 1)\"\n[observed]\n\
                x = { distribution = \"Poisson(mean)\", times = [1, 2, 3, 4] }\n";
    let (folder, study) = study(&[("counts", text)], "");
    let arguments = [
        "converge",
        &study,
        "--json",
        "--data-sets",
        "100",
        "--simulations",
    ];
    let arguments = [&arguments[..], &["300", "1000", "4000"]].concat();
    let found = json(&succeeds(&arguments));
    let results = folder.path().join("results/converge");
    let column = columns(&results.join("data_sets.csv"));
    let counts = ["x_1", "x_2", "x_3", "x_4"].map(&column);
    let (means, densities) = (column("mean"), column("log_density"));
    let errors = column("log_evidence_error");
    assert_eq!(means.len(), 100);
    for (row, (&mean, density)) in means.iter().zip(densities).enumerate() {
        let shape = 3.0 + counts.iter().map(|x| x[row]).sum::<f64>();
        let log_gamma: f64 = (1..shape as u32).map(|k| f64::from(k).ln()).sum();
        let exact = shape * 5f64.ln() - log_gamma + (shape - 1.0) * mean.ln() - 5.0 * mean;
        // Five standard errors: once in 17,000 over seeds.
        assert!(
            (density - exact).abs() < 5.0 * errors[row],
            "{density} for {exact}"
        );
        assert!(errors[row] < 0.1);
    }
    let excess = risk(&found, 0);
    let mean = |name: &str| column(name).iter().sum::<f64>() / 100.0;
    assert!((mean("excess_300") - excess[0]).abs() < 1e-9);
    assert!(excess[0] > 2.0 * excess[2] && excess[2] > 0.0, "{excess:?}");
    assert_eq!(found["networks"][0]["is_excess"], true);
    assert!(found["networks"][0]["rate"].as_f64().unwrap() > 0.0);
    for file in [
        "convergence.html",
        "convergence.json",
        "figures/convergence.svg",
    ] {
        assert!(results.join(file).is_file(), "{file}");
    }

    let weights = results.join("1000/model/parameters-of-counts-1/weights.safetensors");
    let trained = || fs::metadata(&weights).unwrap().modified().unwrap();
    let before = trained();
    let again = json(&succeeds(&arguments));
    assert_eq!(
        (trained(), &again),
        (before, &found),
        "nothing is learned twice"
    );
}

/// y is normal about k, and k about 0 or 2: the mean of three y tells the odds.
#[test]
fn mechanisms_have_their_exact_probabilities() {
    let text = |mean: u8| {
        format!(
            "[parameters]\nk = \"Normal({mean}, 1)\"\n[observed]\n\
             y = {{ distribution = \"Normal(k, 0.5)\", times = [1, 2, 3] }}\n"
        )
    };
    let (folder, study) = study(&[("low", &text(0)), ("high", &text(2))], "");
    let arguments = [
        "converge",
        &study,
        "--json",
        "--data-sets",
        "60",
        "--simulations",
    ];
    let found = json(&succeeds(&[&arguments[..], &["1000", "4000"]].concat()));
    let column = columns(&folder.path().join("results/converge/mechanisms.csv"));
    let data = ["y_1", "y_2", "y_3"].map(&column);
    for (row, p) in column("probability_high").iter().enumerate() {
        let mean = data.iter().map(|y| y[row]).sum::<f64>() / 3.0;
        let log_odds = (mean.powi(2) - (mean - 2.0).powi(2)) / (2.0 * (1.0 + 0.25 / 3.0));
        let exact = 1.0 / (1.0 + (-log_odds).exp());
        assert!((p - exact).abs() < 0.03, "{p} for {exact}");
    }
    let networks = found["networks"].as_array().unwrap();
    assert_eq!(networks.len(), 3);
    assert!(networks[0]["mechanism"].is_null() && networks[1]["mechanism"] == "low");
    let excess = risk(&found, 0);
    assert!(excess.iter().all(|&x| x > -1e-3 && x < 0.2), "{excess:?}");
    let words = networks[0]["words"].as_str().unwrap();
    assert!(words.contains("three numbers of simulations"), "{words}");
}

#[test]
fn without_a_likelihood_the_loss_is_told_as_such() {
    let text =
        "[parameters]\nk = \"Normal(0, 1)\"\nl = \"Normal(0, 1)\"\n[observed]\ny = \"k + l\"\n";
    let (folder, study) = study(&[("sum", text)], "");
    let arguments = [
        "converge",
        &study,
        "--json",
        "--data-sets",
        "50",
        "--simulations",
    ];
    let found = json(&succeeds(
        &[&arguments[..], &["300", "600", "1200", "2400"]].concat(),
    ));
    let network = &found["networks"][0];
    assert_eq!(network["is_excess"], false);
    let words = network["words"].as_str().unwrap();
    assert!(
        words.contains("No exact predictor is known") && words.contains("asymptote"),
        "{words}"
    );
    let csv = fs::read_to_string(folder.path().join("results/converge/data_sets.csv")).unwrap();
    assert!(
        csv.starts_with("mechanism,k,l,y,loss_300,loss_600,loss_1200,loss_2400\n"),
        "{csv}"
    );
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let text = "[parameters]\nk = \"Normal(0, 1)\"\n[observed]\ny = \"Normal(k, 1)\"\n";
    let (_folder, one) = study(&[("one", text)], "");
    fails(
        &["converge", &one, "--simulations", "400", "400"],
        3,
        &[
            "at least two numbers of simulations",
            "--simulations 300 900",
        ],
    );
    fails(&["converge", &one, "--simulations"], 2, &["--simulations"]);
    fails(&["converge", &one, "--data-sets", "1"], 2, &["data-sets"]);
    fails(
        &["converge", &one, "--simulations", "50", "60"],
        3,
        &["50 simulations are too few", "more than 60 are needed"],
    );
    let rounds = "[observed]\ny = 1\n[simulate]\nrounds = 2\n";
    let (_folder, rounds) = study(&[("one", text)], rounds);
    fails(
        &["converge", &rounds],
        3,
        &["2 rounds", "leave `[simulate] rounds` out"],
    );
}

/// Nothing is trained where the fewest simulations lack a mechanism, or an entry that fresh data sets lack.
#[test]
fn too_few_simulations_are_refused_before_training() {
    let text = "[parameters]\nmean = \"Gamma(3, 1)\"\n[observed]\n\
                x = { distribution = \"Poisson(mean)\", times = [1, 2, 3, 4] }\n";
    let (folder, own) = study(&[("a", text), ("b", text)], "");
    let converge = |study: &str, simulations: [&str; 2], words: &[&str]| {
        let arguments = ["converge", study, "--data-sets", "2000", "--simulations"];
        fails(&[&arguments[..], &simulations].concat(), 3, words);
    };
    converge(
        &own,
        ["150", "1000"],
        &["150 simulations are too few", "to have 100 simulations of"],
    );
    assert!(!folder.path().join("results/converge/150").exists());
    // One of some five hundred simulations lacks entries, and so do some of 2,000 data sets.
    let gap = text.replace("[observed]", "gap = \"Uniform(0, 2_000)\"\n[observed]");
    let gap = gap.replace("] }", "], missing = \"t > gap\" }");
    let (folder, own) = study(&[("a", &gap)], "");
    converge(&own, ["10", "20"], &["more than 20 are needed"]);
    converge(
        &own,
        ["100", "5000"],
        &["to have one that lacks an entry of `x`", "at least"],
    );
    assert!(!folder.path().join("results/converge/100").exists());
    fails(
        &["converge", &own, "--simulations", "1000"],
        3,
        &["at least two", "--simulations 300 900"],
    );
}
