//! Studies and data from their files to their answers.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::terminal::*;

/// Given three points, slopes have an sd of .132, so that .023 of them are off by more than .3 and .70 by more
/// than .05; of the prior's, .0027 lie beyond 3.
#[test]
fn a_study_without_data_tests_what_it_claims_of_its_own() {
    let (_folder, study) = line_study();
    let path = Path::new(&study).join("study.toml");
    let mut text = fs::read_to_string(&path)
        .unwrap()
        .replace("observed = \"y.csv\"\n", "");
    for error in ["0.3", "0.05", "3"] {
        text += &format!("[[claims.accuracy]]\nof = \"slope\"\nerror = {error}\nshare = 0.1\n");
    }
    fs::write(&path, text).unwrap();
    let found = json(&succeeds(&["run", &study, "--json"]));
    says(found["answer"].as_str().unwrap(), &["No data are observed"]);
    let verdict = |name: &str| {
        let mut claims = found["claims"].as_array().unwrap().iter();
        claims.find(|claim| claim["name"] == name).unwrap()["verdict"].clone()
    };
    assert_eq!(verdict("slope is within 0.3 in 90\u{a0}%"), "survived");
    assert_eq!(verdict("slope is within 0.05 in 90\u{a0}%"), "falsified");
    assert_eq!(verdict("slope is within 3 in 90\u{a0}%"), "vacuous");
    fails(&["run", &study, "--strict"], 7, &["claims did not survive"]);
    let page = fs::read_to_string(Path::new(&study).join("results/report.html")).unwrap();
    says(&page, &["slope is within 0.05", "asks them about data"]);
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
still = 0
[dynamics]
x = "slope"
still = 0
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
    // Without the second state a filter on a grid knows the likelihood.
    write("line.toml", &walk.replace("still = 0\n", ""));
    let answer = json(&succeeds(&["run", &study, "--json"]));
    let refinement = &answer["refinement"][0];
    assert_eq!(refinement["standing"], "exact", "{refinement}");
    assert!(
        refinement["method"]
            .as_str()
            .unwrap()
            .ends_with("with a grid filter")
    );
    assert_eq!(
        (&refinement["on_grid"], &refinement["particles"]),
        (&true.into(), &0.into())
    );
    let found = refinement["log_evidence"].as_f64().unwrap();
    let error = refinement["log_evidence_error"].as_f64().unwrap();
    assert!(
        error < 0.05 && (found - exact).abs() < 4.0 * error,
        "{found}, exact {exact}"
    );
    // The likeliest slope is that of least squares by the same covariance; AIC has the noise in it.
    let fits = json(&succeeds(&["fit", &study, "--json"]));
    let fit = &fits["mechanisms"][0];
    assert_eq!((&fit["starts"], &fit["free"]), (&16.into(), &1.into()));
    let data = Path::new(&study).join("many.csv");
    fs::write(&data, "y_1,y_2,y_3\n0.4,1.1,1.4\n").unwrap();
    let out = Path::new(&study).join("out");
    let (data, out) = (data.to_str().unwrap(), out.to_str().unwrap());
    succeeds(&["ask", &study, "--each", data, "--refine", "--output", out]);
    let table = fs::read_to_string(Path::new(out).join("answers.csv")).unwrap();
    let mut lines = table.lines();
    let place = lines
        .next()
        .unwrap()
        .split(',')
        .position(|name| name.starts_with("log_evidence_"));
    let of_each: f64 = lines
        .next()
        .unwrap()
        .split(',')
        .nth(place.unwrap())
        .unwrap()
        .parse()
        .unwrap();
    assert!((of_each - exact).abs() < 0.3, "{of_each}, exact {exact}");
    write("line.toml", &walk.replace("Normal(x, 0.5)", "x"));
    let answer = json(&succeeds(&["run", &study, "--json"]));
    let refinement = &answer["refinement"][0];
    assert_eq!(refinement["standing"], "amortized");
    says(
        refinement["because"].as_str().unwrap(),
        &["its dynamics are random and `y` is observed without noise"],
    );
}

#[test]
fn schemas_and_completions_are_printed() {
    for kind in ["study", "mechanism"] {
        let schema = json(&succeeds(&["schema", kind]));
        assert!(schema["properties"].is_object());
    }
    assert!(text(&succeeds(&["completions", "bash"]).stdout).contains("gnomon"));
}

/// The slope's least squares: sum of t y over sum of t^2, with the noise known.
#[test]
fn mechanisms_are_fitted_by_maximum_likelihood() {
    let (_folder, study) = line_study();
    let folder = Path::new(&study);
    let fits = json(&succeeds(&["fit", &study, "--json"]));
    let fit = &fits["mechanisms"][0];
    let slope = fit["parameters"]["slope"].as_f64().unwrap();
    assert!((slope - 6.8 / 14.0).abs() < 1e-4, "{fit}");
    let number = |key: &str| fit[key].as_f64().unwrap();
    assert_eq!(number("free"), 1.0);
    assert!((number("aic") - (2.0 - 2.0 * number("log_likelihood"))).abs() < 1e-9);
    assert!((number("bic") - (3f64.ln() - 2.0 * number("log_likelihood"))).abs() < 1e-9);
    let told = succeeds(&["fit", &study]);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(
        told.contains("16 of 16") && told.contains("slope 0.486"),
        "{told}"
    );

    // Two data sets, the second of which lacks an entry.
    let many = folder.join("many.csv");
    fs::write(&many, "y_1,y_2,y_3\n1,2,3\n-1,,-3\n").unwrap();
    let (many, out) = (many.display().to_string(), folder.join("fitted"));
    let out = out.display().to_string();
    succeeds(&["fit", &study, "--each", &many, "--output", &out]);
    let table = fs::read_to_string(folder.join("fitted/fits.csv")).unwrap();
    let mut lines = table
        .lines()
        .map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().unwrap();
    let place = head
        .iter()
        .position(|name| name.ends_with("_slope"))
        .unwrap();
    for (line, slope) in lines.zip([1.0, -1.0]) {
        let found: f64 = line[place].parse().unwrap();
        assert!((found - slope).abs() < 1e-4, "{table}");
    }

    // What has no likelihood is said, and where nothing has one, refused.
    let mechanism = folder.join("line.toml");
    let text = fs::read_to_string(&mechanism).unwrap();
    fs::write(
        &mechanism,
        text.replace(
            "slope = \"Normal",
            "level = \"Poisson(3)\"\nslope = \"Normal",
        ),
    )
    .unwrap();
    fails(
        &["fit", &study],
        3,
        &["no mechanism can be fitted", "`level` is a whole number"],
    );
}
