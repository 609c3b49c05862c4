//! A program that is started once a simulation: its command filled in -> its output file read.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::child::Child;
use super::request::Requests;
use super::{Failure, Outcome, ProgramError, Report, Work, answer};

/// Works on rows, one process each, until none is left.
pub(super) fn work(work: &Work, ending: &str, report: &Sender<Report>) -> Result<(), ProgramError> {
    let folder = tempfile::Builder::new()
        .prefix("gnomon-")
        .tempdir()
        .map_err(ProgramError::Folder)?;
    let asks_for_file = work
        .program
        .command
        .iter()
        .any(|word| word.contains("{parameters}"));
    while !work.stopped() {
        let Some(row) = work.take() else { break };
        if let Err(failure) = work.requests.check(row) {
            let _ = report.send(Report::Row(row, Err(failure)));
            continue;
        }
        let files = Files {
            output: folder
                .path()
                .join(format!("simulation-{}{ending}", work.requests.id(row))),
            parameters: folder.path().join("parameters.json"),
        };
        if asks_for_file {
            std::fs::write(&files.parameters, work.requests.parameters_json(row))
                .map_err(ProgramError::Folder)?;
        }
        match simulate(work, ending, row, &files)? {
            Some(outcome) => {
                let _ = report.send(Report::Row(row, outcome));
            }
            None => break,
        }
        // Absent where the program wrote nothing.
        let _ = std::fs::remove_file(&files.output);
    }
    Ok(())
}

/// Where a simulation's files lie.
pub(super) struct Files {
    pub(super) output: std::path::PathBuf,
    pub(super) parameters: std::path::PathBuf,
}

/// A word of the command with everything filled in.
pub(super) fn filled(word: &str, requests: &Requests, row: usize, files: &Files) -> String {
    fill(word, |name| value(name, requests, row, files))
}

/// One simulation; `None` where the batch is to stop.
fn simulate(
    work: &Work,
    ending: &str,
    row: usize,
    files: &Files,
) -> Result<Option<Outcome>, ProgramError> {
    let (program, arguments) = work.command();
    let arguments = arguments
        .iter()
        .map(|word| filled(word, work.requests, row, files));
    let started = Child::start(program, &work.program.folder, |command| {
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
    });
    let mut child = started.map_err(|source| work.start_error(source))?;
    let until = Instant::now() + work.time_limit();
    let ended = child.await_end(until, || work.stopped());
    if !ended && work.stopped() {
        return Ok(None);
    }
    let end = child.end(Duration::ZERO);
    let fail = |what: String| {
        let last_words = end.last_words.clone();
        Err(Failure { what, last_words })
    };
    let outcome = if !ended {
        fail(format!("no end within {} s", work.program.time_limit))
    } else if !end.success {
        fail(format!("the program failed ({})", end.status))
    } else {
        match read(&files.output, work.shape.most_bytes()) {
            Ok(text) if ending.eq_ignore_ascii_case(".json") => answer::json(&text, work.shape),
            Ok(text) => answer::csv(&text, work.shape),
            Err(what) => fail(what),
        }
    };
    Ok(Some(outcome))
}

fn read(output: &Path, most: u64) -> Result<Vec<u8>, String> {
    match std::fs::metadata(output) {
        Ok(file) if file.len() > most => {
            return Err(format!(
                "the output file is too long ({} bytes)",
                file.len()
            ));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err("the program wrote no output file".to_owned());
        }
        _ => {}
    }
    std::fs::read(output).map_err(|error| format!("the output file cannot be read: {error}"))
}

/// What stands for `{name}`, if anything does.
fn value(name: &str, requests: &Requests, row: usize, files: &Files) -> Option<String> {
    match name {
        "output" => Some(files.output.display().to_string()),
        "parameters" => Some(files.parameters.display().to_string()),
        "seed" => Some(requests.seed(row).to_string()),
        _ => requests
            .parameters(row)
            .find(|(parameter, _)| *parameter == name)
            .map(|(_, value)| value.to_string()),
    }
}

/// Replaces each `{name}` that stands for something; other braces are the command's own.
fn fill(word: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(open) = rest.find('{') {
        let inside = &rest[open + 1..];
        let named = inside
            .find('}')
            .and_then(|close| Some((close, value(&inside[..close])?)));
        filled.push_str(&rest[..open]);
        match named {
            Some((close, text)) => {
                filled.push_str(&text);
                rest = &inside[close + 1..];
            }
            None => {
                filled.push('{');
                rest = inside;
            }
        }
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_names_are_filled_in() {
        let value = |name: &str| (name == "beta").then(|| "0.5".to_owned());
        assert_eq!(fill("--b={beta},{beta}", value), "--b=0.5,0.5");
        assert_eq!(fill("{print $1} {{beta}} {", value), "{print $1} {0.5} {");
        assert_eq!(fill("", value), "");
    }
}
