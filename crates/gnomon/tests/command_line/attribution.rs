//! The simulations most like the data, as the command shows them.

use std::fs;
use std::path::Path;

use crate::terminal::*;

/// The exact posterior's mean and sd: precision 1 + (1 + 4 + 9) / 0.25 = 57, mean 4 * 6.8 / 57.
const EXACT: [f64; 2] = [4.0 * 6.8 / 57.0, 0.132_453];

#[test]
fn the_nearest_simulations_say_what_the_posterior_says() {
    let (_folder, study) = line_study();
    fails(
        &["attribute", &study],
        3,
        &["nothing was learned", "gnomon learn"],
    );
    succeeds(&["learn", &study]);
    let out = Path::new(&study).join("near");
    let folder = out.display().to_string();
    let command = [
        "attribute",
        &study,
        "--nearest",
        "7",
        "--output",
        &folder,
        "--json",
    ];
    let found = json(&succeeds(&command));
    let alike = &found["given"][0];
    assert_eq!(alike["mechanism"], "line");
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let (mean, sd) = (&alike["summaries"][0]["mean"], &alike["summaries"][0]["sd"]);
    // 4,000 simulations leave tens of effective ones: 0.5 sd and 40 % are three standard errors.
    assert!((number(mean) - EXACT[0]).abs() < 0.5 * EXACT[1], "{alike}");
    assert!((number(sd) / EXACT[1] - 1.0).abs() < 0.4, "{alike}");
    let nearest = alike["nearest"].as_array().unwrap();
    assert_eq!(nearest.len(), 7);
    let distances: Vec<f64> = nearest.iter().map(|one| number(&one["distance"])).collect();
    assert!(distances.is_sorted());
    // Their numbers are those of the bank: its row has this slope and this series.
    let exported = Path::new(&study).join("bank.csv");
    succeeds(&["bank", "export", &study, &exported.display().to_string()]);
    let bank = fs::read_to_string(exported).unwrap();
    let first = &nearest[0];
    let row = bank
        .lines()
        .find(|line| line.starts_with(&format!("{},", first["simulation"])))
        .unwrap();
    for value in [&first["values"][0], &first["series"][0][2]] {
        let held = |cell: &str| cell.parse::<f64>().is_ok_and(|cell| cell == number(value));
        assert!(row.split(',').any(held), "{value} is not in {row}");
    }
    let table = fs::read_to_string(out.join("nearest.csv")).unwrap();
    assert!(
        table.starts_with("mechanism,simulation,weight,distance,slope,y_1,y_2,y_3"),
        "{table}"
    );
    assert_eq!(table.lines().count(), 8);

    // Claims: calibrated and in agreement; three numbers are as good a measure as any network.
    let verdict = |name: &str| {
        let claims = found["claims"].as_array().unwrap();
        let claim = claims.iter().find(|claim| claim["name"] == name).unwrap();
        claim["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict("calibration of attribution given line"), "survived");
    assert_eq!(verdict("attribution and posterior given line"), "survived");
    let exact = verdict("attribution and exact posterior given line");
    assert_eq!(exact, "survived");
    assert_ne!(
        verdict("attribution beside the series given line"),
        "survived"
    );

    // What is stored is not made again, and a damaged file is.
    let stored = Path::new(&study).join("results/attribution/parameters-of-line.safetensors");
    let written = || fs::metadata(&stored).unwrap().modified().unwrap();
    let before = written();
    assert_eq!(json(&succeeds(&command)), found);
    assert_eq!(written(), before);
    let whole = fs::read(&stored).unwrap();
    fs::write(&stored, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(json(&succeeds(&command)), found);
    assert_eq!(fs::read(&stored).unwrap(), whole);

    fs::write(Path::new(&study).join("new.csv"), "y\n-1\n-2\n-3\n").unwrap();
    let new = Path::new(&study).join("new.csv").display().to_string();
    let other = json(&succeeds(&[
        "attribute",
        &study,
        "--observed",
        &new,
        "--json",
    ]));
    assert!(
        number(&other["given"][0]["summaries"][0]["mean"]) < -0.5,
        "{other}"
    );
    let text = text(&succeeds(&["attribute", &study]).stdout);
    assert!(
        text.contains("Given line:") && text.contains("Claims: 5 tested"),
        "{text}"
    );
    assert!(text.contains("network's posterior"), "{text}");
    fails(&["attribute", &study, "--nearest", "0"], 2, &["--nearest"]);
}

#[test]
fn the_report_draws_the_nearest_over_the_data() {
    let (_folder, study) = line_study();
    succeeds(&["run", &study]);
    let results = Path::new(&study).join("results");
    let page = fs::read_to_string(results.join("report.html")).unwrap();
    assert!(page.contains("The simulations most like the data"));
    assert!(results.join("figures/alike-y.svg").is_file());
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(results.join("report.json")).unwrap()).unwrap();
    assert_eq!(
        report["attribution"]["given"][0]["nearest"]
            .as_array()
            .unwrap()
            .len(),
        10
    );
    assert_eq!(report["attribution"]["claims"].as_array().unwrap().len(), 5);
}

#[test]
fn rounds_have_no_attribution() {
    let (_folder, study) = line_study();
    let file = Path::new(&study).join("study.toml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("simulations = 4_000", "simulations = 1_000\nrounds = 2");
    fs::write(&file, text).unwrap();
    succeeds(&["learn", &study]);
    fails(
        &["attribute", &study],
        3,
        &["several rounds", "leave `[simulate] rounds` out"],
    );
}
