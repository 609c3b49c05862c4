//! Tables of many series: rolling-origin evaluation beside baselines, and forecasts.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::terminal::*;

/// Straight lines with noise: eight values are given, the next three predicted.
fn lines_study() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "line.toml",
        r#"
[parameters]
level = "Normal(0, 3)"
slope = "Normal(0, 0.3)"
[observed]
times = "0:10"
y = "Normal(level + slope * t, 1)"
"#,
    );
    write(
        "study.toml",
        r#"
title = "How does the line go on?"
mechanisms = ["line.toml"]
given = ["y[0:7]"]
predict = ["y[8:10]"]
[simulate]
simulations = 6_000
[learn]
epochs = 15
"#,
    );
    let path = folder.path().display().to_string();
    (folder, path)
}

/// A number that looks drawn from a normal distribution: the sum of twelve scrambled shares.
fn noise(seed: u64) -> f64 {
    let share = |k: u64| {
        let mut x = (seed * 12 + k + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..12).map(share).sum::<f64>() - 6.0
}

/// Lines from the study's own prior, from 11 to 14 entries long.
fn lines() -> Vec<Vec<f64>> {
    let line = |number: u64| {
        let (level, slope) = (3.0 * noise(1000 + number), 0.3 * noise(2000 + number));
        let entries = 0..11 + number % 4;
        entries
            .map(|t| level + slope * t as f64 + noise(10_000 + 100 * number + t))
            .collect()
    };
    (0..40).map(line).collect()
}

fn long(lines: &[Vec<f64>]) -> String {
    let mut text = "series,day,y\n".to_owned();
    for (number, line) in lines.iter().enumerate() {
        for (day, value) in line.iter().enumerate() {
            text += &format!("line {number},{},{value}\n", day + 10 * number);
        }
    }
    text
}

fn wide(lines: &[Vec<f64>]) -> String {
    let names: Vec<String> = (0..lines.len())
        .map(|number| format!("line {number}"))
        .collect();
    let mut text = format!("week,{}\n", names.join(","));
    for day in 0..14 {
        let cell = |line: &Vec<f64>| line.get(day).map_or(String::new(), f64::to_string);
        let cells: Vec<String> = lines.iter().map(cell).collect();
        text += &format!("{day},{}\n", cells.join(","));
    }
    text
}

/// A CSV file's lines, each as its cells; no cell here has a comma.
fn cells(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines();
    lines
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

fn file(folder: &TempDir, name: &str, text: &str) -> String {
    let path: PathBuf = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn of_model<'a>(group: &'a Value, name: &str) -> &'a Value {
    let models = group["models"].as_array().unwrap();
    models.iter().find(|model| model["name"] == name).unwrap()
}

#[test]
fn forecasts_of_many_series_are_scored_beside_baselines() {
    let (folder, study) = lines_study();
    succeeds(&["learn", &study, "--quiet"]);
    both_layouts_are_scored_alike(&folder, &study);
    nothing_after_the_origin_is_seen(&folder, &study);
    holes_are_skipped_and_counted(&folder, &study);
    the_last_window_is_forecast(&folder, &study);
    wrong_files_are_refused(&folder, &study);
}

fn both_layouts_are_scored_alike(folder: &TempDir, study: &str) {
    let lines = lines();
    let (long, wide) = (
        file(folder, "long.csv", &long(&lines)),
        file(folder, "wide.csv", &wide(&lines)),
    );
    let out = folder.path().join("out");
    let output = out.display().to_string();
    let found = json(&succeeds(&[
        "backtest", study, &long, "--json", "--output", &output,
    ]));
    let same = json(&succeeds(&["backtest", study, &wide, "--json"]));
    assert_eq!(found["groups"], same["groups"]);
    // A line of n entries has origins from the eighth entry to the one before the last.
    let origins: usize = lines.iter().map(|line| line.len() - 8).sum();
    assert_eq!(found["origins"], origins);
    assert_eq!(
        (&found["series"], &found["skipped"]),
        (&40.into(), &0.into())
    );

    let groups = found["groups"].as_array().unwrap();
    let horizons: Vec<&Value> = groups.iter().map(|group| &group["horizons"]).collect();
    assert_eq!(
        horizons,
        [[1, 3], [1, 1], [2, 2], [3, 3]]
            .map(|h| serde_json::json!(h))
            .each_ref()
    );
    let reference = of_model(&groups[0], "last value");
    assert_eq!(
        (&reference["relative_mae"], &reference["mean_of_ratios"]),
        (&1.0.into(), &1.0.into())
    );
    // Exact forecasts have about .8 of the last value's error and score here (h = 1..3: noise of the
    // last value doubles the variance); some 280 forecasts leave an error of about .05.
    let own = of_model(&groups[0], "gnomon");
    for ratio in ["relative_mae", "mean_of_ratios", "relative_wis"] {
        assert!(own[ratio].as_f64().unwrap() < 0.93, "{ratio} of {own}");
    }
    let coverage = own["coverage"].as_array().unwrap();
    assert_eq!(coverage.len(), 11);
    assert_eq!(coverage[1]["nominal"], 0.95);
    assert!(
        (0.86..=1.0).contains(&coverage[1]["observed"].as_f64().unwrap()),
        "{own}"
    );

    // The score file holds what the table sums up.
    let rows = cells(&out.join("scores.csv"));
    let column = |name: &str| rows[0].iter().position(|cell| cell == name).unwrap();
    let (model, error, median) = (column("model"), column("absolute_error"), column("median"));
    let errors = |name: &str| -> Vec<f64> {
        let own = rows[1..].iter().filter(|row| row[model] == name);
        own.map(|row| row[error].parse().unwrap()).collect()
    };
    let last = errors("last value");
    let mae = last.iter().sum::<f64>() / last.len() as f64;
    assert!((mae - reference["mae"].as_f64().unwrap()).abs() < 1e-9);
    assert_eq!(last.len(), found["forecasts"].as_u64().unwrap() as usize);
    let first: f64 = rows[1][median].parse().unwrap();
    assert!((first - lines[0][7]).abs() < 1e-12, "{:?}", rows[1]);
    assert_eq!(rows[1][column("time")], "8");
    let quantiles = cells(&out.join("quantiles.csv"));
    assert_eq!(quantiles.len(), rows.len());
    assert_eq!(quantiles[0].len(), 7 + 23);
    let shown =
        text(&succeeds(&["backtest", study, &long, "--every", "2", "--season", "2"]).stdout);
    says(
        &shown,
        &[
            "y, 1 to 3 steps ahead",
            "last value",
            "damped trend",
            "ETS",
            "gnomon",
        ],
    );
}

fn nothing_after_the_origin_is_seen(folder: &TempDir, study: &str) {
    let before = lines();
    let mut after = before.clone();
    after
        .iter_mut()
        .for_each(|line| line[9..].iter_mut().for_each(|x| *x = 1e3 - *x));
    let quantiles = |name: &str, lines: &[Vec<f64>]| {
        let table = file(folder, name, &wide(lines));
        let out = folder.path().join(format!("{name}-out"));
        let output = out.display().to_string();
        succeeds(&[
            "backtest",
            study,
            &table,
            "--origins",
            "..8",
            "--output",
            &output,
        ]);
        cells(&out.join("quantiles.csv"))
    };
    let (before, after) = (
        quantiles("before.csv", &before),
        quantiles("after.csv", &after),
    );
    assert_eq!(before.len(), after.len());
    let mut changed = 0;
    for (own, other) in before.iter().zip(&after) {
        assert_eq!(own[7..], other[7..], "{own:?} {other:?}");
        changed += usize::from(own[6] != other[6]);
    }
    // Entries from the ninth on were changed: two of the first origin's horizons, all of the second's,
    // of which the ten lines of 11 entries have two only. There are four models.
    assert_eq!(changed, 4 * (30 * 5 + 10 * 4));
}

fn holes_are_skipped_and_counted(folder: &TempDir, study: &str) {
    let mut text = "series,day,y\n".to_owned();
    for day in (0..20).filter(|&day| day != 9) {
        text += &format!("holed,{day},{}\n", day % 3);
    }
    text += "short,3,1\nshort,4,2\n";
    let table = file(folder, "holed.csv", &text);
    let found = json(&succeeds(&["backtest", study, &table, "--json"]));
    // Windows that end at entries 7, 8, 17 and 18 are whole; those from 9 to 16 hold the hole.
    assert_eq!(
        (&found["origins"], &found["skipped"]),
        (&4.into(), &8.into())
    );
    assert_eq!(
        (&found["series"], &found["left_out"]),
        (&1.into(), &1.into())
    );
    let shown = succeeds(&["backtest", study, &table]);
    let shown = crate::terminal::text(&shown.stdout);
    says(
        &shown,
        &[
            "8 origins skipped",
            "of `holed`, has no `y` at 9",
            "1 series left out:",
            "1 too short: 8 entries are needed up to an origin: `short` (has 2)",
        ],
    );
    // Of the nine entries after the origins, the hole came at two horizons.
    assert_eq!(found["forecasts"], 3 + 3 + 2 + 1 - 2);
}

fn the_last_window_is_forecast(folder: &TempDir, study: &str) {
    let mut lines = lines();
    lines.push(vec![1.0; 3]);
    let table = file(folder, "all.csv", &long(&lines));
    let out = folder.path().join("ahead");
    let output = out.display().to_string();
    let found = json(&succeeds(&[
        "ask", study, "--series", &table, "--output", &output, "--json",
    ]));
    assert_eq!(found["series"], 40);
    assert_eq!(found["left_out"], serde_json::json!(["line 40"]));
    let why = &found["why_left_out"][0];
    assert_eq!(why["series"], "line 40");
    says(why["why"].as_str().unwrap(), &["too short", "(has 3)"]);
    let rows = cells(&out.join("forecasts.csv"));
    assert_eq!(rows.len(), 1 + 40 * 3);
    assert_eq!(found["alarms"]["looked_at"], 40);
    let raised = found["alarms"]["raised"].as_array().unwrap().len();
    assert_eq!(cells(&out.join("alarms.csv")).len(), 1 + 40);
    // Far from anything that the mechanism makes.
    let far = |line: &Vec<f64>| line.iter().map(|y| 1000.0 + 50.0 * y).collect();
    let strange: Vec<Vec<f64>> = lines[..40].iter().map(far).collect();
    let strange = file(folder, "strange.csv", &self::long(&strange));
    let asked = ["ask", study, "--series", &strange, "--output", &output];
    let shown = crate::terminal::text(&succeeds(&asked).stdout);
    says(
        &shown,
        &[
            "hardly ever make the like of 40 of 40 windows",
            "and 35 more",
        ],
    );
    assert!(raised < 5, "{raised}");
    let without = [&asked[..], &["--no-alarms", "--json"]].concat();
    assert!(json(&succeeds(&without))["alarms"].is_null());
    let drawn = [&asked[..], &["--draws", "20"]].concat();
    fails(&drawn, 3, &["know quantiles of each entry alone"]);
    assert_eq!(
        rows[0][..6],
        ["series", "variable", "origin", "horizon", "time", "q0.01"]
    );
    assert_eq!(rows[1][..5], ["line 0", "y", "10", "1", "11"]);
    for row in &rows[1..] {
        let quantiles: Vec<f64> = row[5..].iter().map(|cell| cell.parse().unwrap()).collect();
        assert_eq!(quantiles.len(), 23);
        assert!(quantiles.is_sorted(), "{row:?}");
    }
}

/// Where the joint density was learned, entries of one path hang together: of a line's next values the differences
/// vary less than if each were drawn for itself. The change over two steps given eight values has variance
/// 2 + 4 * var(slope), where independent draws would have at least 2 + 2 * 10^2 * var(slope).
#[test]
fn whole_paths_are_forecast() {
    let (folder, study) = lines_study();
    let path = folder.path().join("study.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + "series = \"density\"\n").unwrap();
    succeeds(&["learn", &study]);
    let table = file(&folder, "lines.csv", &long(&lines()));
    let output = folder.path().join("ahead").display().to_string();
    let asked = ["ask", &study, "--series", &table, "--output", &output];
    let found = json(&succeeds(
        &[&asked[..], &["--draws", "200", "--no-alarms", "--json"]].concat(),
    ));
    assert!(found["paths"].as_str().unwrap().ends_with("paths.csv"));
    let rows = cells(&folder.path().join("ahead/paths.csv"));
    assert_eq!(rows.len(), 1 + 40 * 200);
    assert_eq!(rows[0], ["series", "origin", "draw", "y+1", "y+2", "y+3"]);
    assert_eq!(rows[200][..3], ["line 0", "10", "200"]);
    let number = |row: &[String], place: usize| row[place].parse::<f64>().unwrap();
    let variance = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64
    };
    let (mut changes, mut apart) = (0.0, 0.0);
    for paths in rows[1..].chunks(200) {
        let of =
            |place: usize| -> Vec<f64> { paths.iter().map(|row| number(row, place)).collect() };
        let (first, last) = (of(3), of(5));
        let change: Vec<f64> = first.iter().zip(&last).map(|(a, b)| b - a).collect();
        changes += variance(&change) / 40.0;
        apart += (variance(&first) + variance(&last)) / 40.0;
    }
    assert!(
        (1.5..2.8).contains(&changes) && changes < 0.8 * apart,
        "{changes} {apart}"
    );
    // Quantiles are those of the draws.
    let forecasts = cells(&folder.path().join("ahead/forecasts.csv"));
    assert_eq!(forecasts.len(), 1 + 40 * 3);
    let scored = json(&succeeds(&[
        "backtest",
        &study,
        &table,
        "--no-alarms",
        "--json",
    ]));
    assert!(scored["forecasts"].as_u64().unwrap() > 40);
}

fn wrong_files_are_refused(folder: &TempDir, study: &str) {
    let table = file(folder, "x.csv", "day,a\n1,2\n2,three\n");
    fails(
        &["backtest", study, &table],
        3,
        &["`three` is not a number"],
    );
    let table = file(folder, "y.csv", "day,a\n1,2\n2,3\n");
    fails(
        &["backtest", study, &table],
        3,
        &["no series of", "8 entries are needed", "`a` (has 2)"],
    );
    every_reason_is_said(folder, study);
    let table = file(folder, "z.csv", "day,a\n7,2\n14,3\n21,5\n28,5\n");
    fails(
        &["backtest", study, &table],
        3,
        &["every 7 steps", "[time]"],
    );
    let table = file(folder, "long.csv", &long(&lines()));
    fails(
        &["backtest", study, &table, "--origins", "soon.."],
        3,
        &["`soon..`", "FROM..TO"],
    );
    fails(
        &["backtest", study, &table, "--season", "99"],
        3,
        &["season", "24"],
    );
    fails(
        &["backtest", study, &table, "--value-column", "z"],
        3,
        &["no column is named `z`"],
    );
    fails(&["ask", study, "--series", &table], 2, &["--output"]);
}

/// Dates with a hole, a short series, one without values, and one with nothing to score.
fn every_reason_is_said(folder: &TempDir, study: &str) {
    let mut text = "date,short,holed,none,ended\n".to_owned();
    for day in 1..=9 {
        let cell = |there: bool| if there { "1" } else { "" };
        let (short, holed, ended) = (cell(day > 7), cell(day != 5), cell(day < 9));
        text += &format!("2020-03-0{day},{short},{holed},,{ended}\n");
    }
    let table = file(folder, "reasons.csv", &text);
    let short = "1 too short: 8 entries are needed up to an origin: `short` (has 2)";
    let none = "1 without any value: `none`";
    fails(
        &["backtest", study, &table],
        3,
        &[
            "no series of",
            short,
            none,
            "`holed` (no `y` at 2020-03-05)",
            "1 without a value after an origin, to score a forecast by: `ended` (has 8)",
            "give longer series",
            "fill the holes",
        ],
    );
    fails(
        &["backtest", study, &table, "--origins", "2021-01-01.."],
        3,
        &["2 without an entry between the --origins: `holed`, `ended`"],
    );
    let out = folder.path().join("reasons").display().to_string();
    let shown = succeeds(&["ask", study, "--series", &table, "--output", &out]);
    says(
        &crate::terminal::text(&shown.stdout),
        &[
            "1 series forecast",
            "3 series left out:",
            short,
            none,
            "`holed` (no `y` at 2020-03-05)",
        ],
    );
}

#[test]
fn a_study_without_a_future_has_no_forecasts() {
    let (folder, study) = line_study();
    let table = file(&folder, "x.csv", "day,a\n1,2\n2,3\n");
    let words = ["predicts no series", "predict = ["];
    fails(&["backtest", &study, &table], 3, &words);
    let out = folder.path().join("out").display().to_string();
    let ask = ["ask", &study, "--series", &table, "--output", &out];
    fails(&ask, 3, &words);
}
