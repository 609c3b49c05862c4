//! Whole terminal sessions, as a user reads them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What a terminal in `folder` shows: each command, what it prints, and its exit code if not 0.
fn session(folder: &Path, commands: &[&str]) -> String {
    let mut shown = String::new();
    for command in commands {
        let output = Command::new(assert_cmd::cargo::cargo_bin!("gnomon"))
            .args(command.split_whitespace())
            .current_dir(folder)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        writeln!(shown, "$ gnomon {command}").unwrap();
        write!(shown, "{}{}", text(&output.stdout), text(&output.stderr)).unwrap();
        if !output.status.success() {
            writeln!(shown, "[exit code {}]", output.status.code().unwrap()).unwrap();
        }
        shown.push('\n');
    }
    shown
}

/// A folder in which `gnomon new mine` was run.
fn new_study() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    session(folder.path(), &["new mine"]);
    folder
}

/// Replaces `from` by `to` in a file of the study.
#[track_caller]
fn spoil(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join("mine").join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from:?} is not in {text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// File, what stands there, what somebody writes instead.
const MISTAKES: [(&str, &str, &str); 12] = [
    ("newton.toml", "(T - room)", "(T - rom)"),
    ("newton.toml", "(T - room)", "max(T, room, 1, 2"),
    ("newton.toml", "-rate * (T - room)", "-rate * exp(T, room)"),
    (
        "newton.toml",
        "LogNormal(log(0.05), 0.7)",
        "LogNormal(log(0.05), -1)",
    ),
    ("newton.toml", "sd = noise", "deviation = noise"),
    ("newton.toml", "5:5:50", "50:5:5"),
    (
        "power.toml",
        "max(T - room, 0)",
        "max(difference - room, 0)",
    ),
    ("power.toml", "[derived]", "[derive]"),
    ("study.toml", "\"power.toml\"", "\"powr.toml\""),
    (
        "study.toml",
        "simulations = 400_000",
        "simulations = \"many\"",
    ),
    ("study.toml", "\"half_time\"]  ", "\"half_life\"]  "),
    ("measured.csv", "time,temperature", "time,temprature"),
];

#[test]
fn a_first_study() {
    let folder = tempfile::tempdir().unwrap();
    let commands = [
        "new mine",
        "new mine",
        "check mine",
        "simulate mine --simulations 200 --quiet",
        "bank info mine",
        "bank verify mine",
    ];
    insta::assert_snapshot!(session(folder.path(), &commands));
}

#[test]
fn mistakes_in_files() {
    let folder = new_study();
    let mut shown = String::new();
    for (file, from, to) in MISTAKES {
        let path = folder.path().join("mine").join(file);
        let sound = fs::read(&path).unwrap();
        spoil(folder.path(), file, from, to);
        writeln!(shown, "# {file}: {from:?} -> {to:?}").unwrap();
        shown += &session(folder.path(), &["check mine"]);
        fs::write(path, sound).unwrap();
    }
    insta::assert_snapshot!(shown);
}
