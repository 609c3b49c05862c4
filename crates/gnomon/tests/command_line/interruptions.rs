//! Work that is killed, interrupted or short of disk, and goes on.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::terminal::*;

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
