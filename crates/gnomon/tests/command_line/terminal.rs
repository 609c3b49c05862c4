//! `gnomon` as a process, what it says, and a small study to try it on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

pub fn gnomon(arguments: &[&str]) -> Output {
    Command::new(assert_cmd::cargo::cargo_bin!("gnomon"))
        .args(arguments)
        .output()
        .unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {} {}", text(&output.stdout), text(&output.stderr))
    })
}

#[track_caller]
pub fn succeeds(arguments: &[&str]) -> Output {
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
pub fn fails(arguments: &[&str], code: i32, words: &[&str]) {
    let output = gnomon(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    says(&said, words);
}

/// A diagnostic holds every one of `words`, and is no panic.
#[track_caller]
pub fn says(said: &str, words: &[&str]) {
    // It may be broken into lines anywhere between words.
    let flat = said.replace(['│', '\n', '╰', '─', '▶'], " ");
    let flat = flat.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(flat.contains(word), "{word:?} is not in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

/// A line through a point, seen twice with noise: learned in a second or two.
pub fn line_study() -> (TempDir, String) {
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

pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

pub fn bank_of(study: &str) -> PathBuf {
    files_in(&Path::new(study).join("results/banks")).remove(0)
}
