//! `[program]`: a simulator in any language.

use std::path::Path;

use super::written::Written;
use crate::model::{Law, Parameter, Program, Protocol};
use crate::source::section::{Entry, Section};
use crate::source::{ReadError, Span, spelling};

/// The program as a law.
pub(crate) fn law(
    section: &Section<'_>,
    parameters: &[Parameter],
    folder: &Path,
) -> Result<Law, ReadError> {
    let entry = section.need("command", "command = [\"python3\", \"simulator.py\"]")?;
    let command = command(&entry)?;
    let one_shot = command.iter().any(|(word, _)| word.contains("{output}"));
    let protocol = match section.get("protocol") {
        None => one_shot,
        Some(entry) => match entry.text()?.value.as_str() {
            "json-lines" => false,
            "one-shot" => true,
            other => {
                return Err(entry
                    .error(format!("unknown protocol `{other}`"), "not a protocol")
                    .with_help("protocols: \"json-lines\" (a worker that stays), \"one-shot\""));
            }
        },
    };
    if protocol != one_shot {
        let (what, help) = if one_shot {
            (
                "a json-lines worker has no {output}",
                "leave out {output}, or write protocol = \"one-shot\"",
            )
        } else {
            (
                "a one-shot program needs {output}",
                "put {output} in the command: the file it writes",
            )
        };
        return Err(entry.error(what, "this command").with_help(help));
    }
    if protocol {
        check_placeholders(section, &command, parameters)?;
    }
    let ending = match section.get("output") {
        None => ".csv",
        Some(entry) => match entry.text()?.value.trim_start_matches('.') {
            "csv" => ".csv",
            "json" => ".json",
            other => {
                return Err(entry
                    .error(
                        format!("an output file cannot be `{other}`"),
                        "not available",
                    )
                    .with_help("available: \"csv\" and \"json\""));
            }
        },
    };
    let time_limit = section
        .get("time_limit")
        .map(|e| e.positive())
        .transpose()?;
    let most_failures = section
        .get("most_failures")
        .map(|e| e.share())
        .transpose()?;
    Ok(Law::Program(Program {
        command: command.into_iter().map(|(word, _)| word).collect(),
        folder: folder.to_owned(),
        protocol: if protocol {
            Protocol::OneShot {
                ending: ending.to_owned(),
            }
        } else {
            Protocol::JsonLines
        },
        time_limit: time_limit.unwrap_or(60.0),
        most_failures: most_failures.unwrap_or(0.5),
        place: Some((entry.source.clone(), entry.at)),
    }))
}

/// The words of the command: a list, or one text split at spaces.
fn command(entry: &Entry<'_>) -> Result<Vec<(String, Span)>, ReadError> {
    let words: Vec<(String, Span)> = match entry.as_text() {
        Some(text) => text
            .value
            .split_whitespace()
            .map(|word| (word.to_owned(), text.at))
            .collect(),
        None => {
            let words = entry.names()?.into_iter();
            words.map(|text| (text.value, text.at)).collect()
        }
    };
    if words.first().is_none_or(|(word, _)| word.is_empty()) {
        return Err(entry
            .error("the command is empty", "what is to run?")
            .with_help("write command = [\"python3\", \"simulator.py\"]"));
    }
    Ok(words)
}

/// Refuses `{name}` that is nearly, but not quite, something that is filled in.
fn check_placeholders(
    section: &Section<'_>,
    command: &[(String, Span)],
    parameters: &[Parameter],
) -> Result<(), ReadError> {
    let mut known: Vec<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
    known.extend(["seed", "output", "parameters"]);
    for (word, at) in command {
        for piece in word.split('{').skip(1) {
            let Some((name, _)) = piece.split_once('}') else {
                continue;
            };
            if let Some(near) = spelling::nearest(name, known.iter().copied())
                && near != name
            {
                return Err(section
                    .source
                    .error(
                        *at,
                        format!("`{{{name}}}` is not filled in"),
                        "not a parameter",
                    )
                    .with_help(format!("did you mean `{{{near}}}`?")));
            }
        }
    }
    Ok(())
}

/// Refuses tables that a program makes meaningless.
pub(crate) fn refuse_dynamics(written: &Written<'_>) -> Result<(), ReadError> {
    const MEANINGLESS: [&str; 9] = [
        "method",
        "latents",
        "states",
        "reactions",
        "dynamics",
        "noise",
        "map",
        "events",
        "solver",
    ];
    match MEANINGLESS.iter().find_map(|key| written.top.get(key)) {
        None => Ok(()),
        Some(entry) => Err(written
            .source
            .error(
                entry.key_at,
                format!("`{}` beside [program]", entry.key),
                "means nothing here",
            )
            .with_help("the program alone says how things move: remove one of the two")),
    }
}
