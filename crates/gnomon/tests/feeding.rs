//! How simulations reach the networks: a bank larger than memory gives the same weights at any number
//! of threads and through interruption, and a right answer.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A line through a point, seen twice of three times, and a growth that bursts in a third of its
/// simulations, which then fail.
fn study(simulations: u64, learn: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let observed = |mean: &str| {
        format!("[observed]\ny = {{ distribution = \"Normal({mean}, 0.5)\", times = [1, 2, 3] }}\n")
    };
    let line = "[parameters]\nslope = \"Normal(0, 1)\"\n".to_owned();
    write("line.toml", &(line + &observed("slope * t")));
    let burst = "[parameters]\nrate = \"Normal(0, 1)\"\n\
                 [states]\nx = 1\n[dynamics]\nx = \"rate * x * x\"\n"
        .to_owned();
    write("burst.toml", &(burst + &observed("x")));
    write(
        "study.toml",
        &format!(
            "title = \"A line or a burst?\"\nmechanisms = [\"line.toml\", \"burst.toml\"]\n\
             [observed]\ny = [0.4, \"NA\", 1.4]\n\
             [simulate]\nsimulations = {simulations}\nmost_failures = 0.5\n\
             [learn]\nmembers = 1\nwidth = 32\ntransforms = 3\n{learn}\n[answer]\nrefine = false\n"
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

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn succeeds(arguments: &[&str]) -> Output {
    let output = gnomon(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    output
}

const NETWORKS: [&str; 3] = [
    "mechanism-1",
    "parameters-of-line-1",
    "parameters-of-burst-1",
];

fn weights(study: &str) -> Vec<Vec<u8>> {
    let model = Path::new(study).join("results/model");
    let read = |network| fs::read(model.join(network).join("weights.safetensors")).unwrap();
    NETWORKS.map(read).to_vec()
}

/// The mean of the line's slope: exactly normal with precision 1 + (1 + 9) / 0.25 = 41 and mean
/// 4 (0.4 + 3 * 1.4) / 41. A network of some hundred steps comes within 0.1; the seed is fixed.
fn answers_rightly(study: &str) {
    let data = Path::new(study).join("data.csv");
    fs::write(&data, "y\n0.4\nNA\n1.4\n").unwrap();
    let data = data.display().to_string();
    let asked = succeeds(&["ask", study, "--observed", &data, "--json"]);
    let asked: Value = serde_json::from_slice(&asked.stdout).unwrap();
    let mean = &asked["posteriors"][0]["quantities"][0]["summary"]["mean"];
    let off = mean.as_f64().unwrap() - 4.0 * 4.6 / 41.0;
    assert!(off.abs() < 0.1, "{asked}");
}

/// 45,000 simulations in five shards are six times as much as may be in memory.
const IN_PARTS: &str = "epochs = 3\nmemory = \"900 KB\"";

#[test]
fn a_bank_larger_than_memory_is_learned_from_in_parts() {
    let (_a, one) = study(45_000, IN_PARTS);
    let (_b, two) = study(45_000, IN_PARTS);
    let output = succeeds(&["learn", &one, "--threads", "1"]);
    assert!(said(&output).contains("read in parts"), "{}", said(&output));
    succeeds(&["learn", &two, "--threads", "2", "--quiet"]);
    assert_eq!(weights(&one), weights(&two));
    answers_rightly(&one);

    // Enough memory: other weights, and the right answer as well.
    let file = Path::new(&two).join("study.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("900 KB", "1 GB")).unwrap();
    let output = succeeds(&["learn", &two]);
    assert!(!said(&output).contains("read in parts"));
    assert_ne!(weights(&one), weights(&two));
    answers_rightly(&two);
}

#[test]
fn a_damaged_shard_is_named_when_a_bank_is_read_in_parts() {
    let (_folder, study) = study(45_000, IN_PARTS);
    succeeds(&["simulate", &study, "--quiet"]);
    let banks = Path::new(&study).join("results/banks");
    let bank = fs::read_dir(banks).unwrap().next().unwrap().unwrap().path();
    let shards = fs::read_dir(bank.join("shards")).unwrap();
    let mut shards: Vec<PathBuf> = shards.map(|entry| entry.unwrap().path()).collect();
    shards.sort();
    let mut bytes = fs::read(&shards[3]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&shards[3], bytes).unwrap();
    let output = gnomon(&["learn", &study, "--quiet"]);
    assert_eq!(output.status.code(), Some(6), "{}", said(&output));
    let name = shards[3]
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    let flat: String = said(&output).split_whitespace().collect();
    assert!(flat.contains(&name[..12]), "{}", said(&output));
}

/// Ctrl-C while networks learn, as soon as one has a checkpoint or is done: the next run goes on and
/// ends with the weights of a run that was left alone.
#[cfg(unix)]
fn goes_on(learn: &str) {
    let (_a, whole) = study(45_000, learn);
    let (_b, cut) = study(45_000, learn);
    succeeds(&["learn", &whole, "--quiet"]);
    succeeds(&["simulate", &cut, "--quiet"]);
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("gnomon"))
        .args(["learn", &cut, "--quiet"])
        .spawn()
        .unwrap();
    let model = Path::new(&cut).join("results/model");
    let began = Instant::now();
    while !model.exists() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(400));
    let id = child.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    let code = child.wait().unwrap().code();
    let checkpoints = || {
        let files = fs::read_dir(&model).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with("checkpoint")).count()
    };
    if code == Some(0) {
        println!("skipped: this machine had learned before it was interrupted");
        return;
    }
    assert_eq!(code, Some(130));
    assert!(checkpoints() > 0, "the state is kept");
    succeeds(&["learn", &cut, "--quiet", "--threads", "1"]);
    assert_eq!(checkpoints(), 0);
    assert_eq!(weights(&whole), weights(&cut));
}

#[cfg(unix)]
#[test]
fn an_interrupted_training_in_parts_goes_on() {
    goes_on("epochs = 4\nmemory = \"900 KB\"");
}

const ONLINE: &str = "epochs = 4\nonline = true";

#[test]
fn networks_are_trained_on_fresh_simulations() {
    let (_a, one) = study(9_000, ONLINE);
    let (_b, two) = study(9_000, ONLINE);
    let output = succeeds(&["learn", &one, "--threads", "1"]);
    assert!(
        said(&output).contains("fresh simulations"),
        "{}",
        said(&output)
    );
    succeeds(&["learn", &two, "--threads", "2", "--quiet"]);
    assert_eq!(weights(&one), weights(&two));
    answers_rightly(&one);

    // What was simulated is counted, with what failed: a third of the bursts.
    let stamp = fs::read(Path::new(&one).join("results/stamps/learn.json")).unwrap();
    let stamp: Value = serde_json::from_slice(&stamp).unwrap();
    let count = |what: &str| -> f64 {
        let costs = stamp["cost"].as_array().unwrap();
        let cost = costs.iter().find(|cost| cost["what"] == what);
        cost.unwrap()["count"].as_f64().unwrap()
    };
    let steps: f64 = NETWORKS_IN_WORDS
        .map(|name| count(&format!("training of {name}, steps")))
        .iter()
        .sum();
    let simulations = count("simulations while training");
    let failed = count("simulations while training that failed, left out");
    assert!(simulations - failed >= 200.0 * steps, "{stamp}");
    let share = failed / simulations;
    assert!(0.1 < share && share < 0.4, "{stamp}");

    // Learned, so nothing is done again.
    let before = weights(&one);
    let began = Instant::now();
    succeeds(&["learn", &one, "--quiet"]);
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(before, weights(&one));
}

const NETWORKS_IN_WORDS: [&str; 3] = [
    "which mechanism",
    "parameters of line",
    "parameters of burst",
];

#[cfg(unix)]
#[test]
fn an_interrupted_training_on_fresh_simulations_goes_on() {
    goes_on("epochs = 4\nonline = true");
}

#[test]
fn imported_simulations_cannot_be_made_fresh() {
    let (folder, study) = study(300, ONLINE);
    succeeds(&["simulate", &study, "--quiet"]);
    let csv = folder.path().join("mine.csv").display().to_string();
    succeeds(&["bank", "export", &study, &csv]);
    succeeds(&["bank", "import", &study, &csv]);
    let output = gnomon(&["learn", &study, "--quiet"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("imported"), "{}", said(&output));
}
