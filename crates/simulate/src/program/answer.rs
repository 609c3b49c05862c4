//! What a program answered: text -> JSON or CSV -> numbers in the bank's order, or what is wrong.

use std::collections::HashMap;

use gnomon_mechanism::Mechanism;
use serde_json::Value;

use super::Failure;

/// The observed series that an answer must hold.
pub(super) struct Shape {
    /// Name and number of entries.
    series: Vec<(String, usize)>,
}

impl Shape {
    pub(super) fn of(mechanism: &Mechanism) -> Self {
        let series = mechanism
            .observed
            .iter()
            .map(|observed| (observed.name.clone(), observed.times.len()))
            .collect();
        Self { series }
    }

    /// How many numbers one simulation observes.
    pub(super) fn count(&self) -> usize {
        self.series.iter().map(|(_, entries)| entries).sum()
    }

    /// Bytes that no honest answer exceeds.
    pub(super) fn most_bytes(&self) -> u64 {
        (1 << 20) + 64 * self.count() as u64
    }
}

/// What a line of a program that stays was.
pub(super) enum Line {
    /// An answer to the request: numbers, or why there are none.
    Answer(Result<Vec<f64>, Failure>),
    /// Not an answer to the request; the program is out of step and must be restarted.
    Garbage(Failure),
}

/// Reads the answer to request `id`.
pub(super) fn line(text: &[u8], id: u64, shape: &Shape) -> Line {
    let garbage = |what: &str| {
        Line::Garbage(Failure::new(format!(
            "{what}: `{}`",
            excerpt(&String::from_utf8_lossy(text))
        )))
    };
    let Some(Value::Object(answer)) = parse(text) else {
        return garbage("a line that is not a JSON object");
    };
    match answer.get("id") {
        None => return garbage("an answer without an `id`"),
        Some(answered) if answered.as_u64() != Some(id) => {
            return Line::Garbage(Failure::new("an answer to another request's `id`"));
        }
        Some(_) => {}
    }
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        return Line::Answer(Err(said(error)));
    }
    Line::Answer(match answer.get("observed") {
        Some(Value::Object(observed)) => numbers(observed, shape),
        _ => Err(Failure::new(
            "an answer with neither `observed` = {series: numbers} nor `error`",
        )),
    })
}

/// Reads a one-shot program's JSON file.
pub(super) fn json(text: &[u8], shape: &Shape) -> Result<Vec<f64>, Failure> {
    let Some(Value::Object(answer)) = parse(text) else {
        return Err(Failure::new("the output file is not a JSON object"));
    };
    match (answer.get("error"), answer.get("observed")) {
        (Some(error), _) if !shape.series.iter().any(|(name, _)| name == "error") => {
            Err(said(error))
        }
        (_, Some(Value::Object(observed))) => numbers(observed, shape),
        _ => numbers(&answer, shape),
    }
}

/// Reads a one-shot program's CSV file: a column a series; shorter ones end in empty cells.
pub(super) fn csv(text: &[u8], shape: &Shape) -> Result<Vec<f64>, Failure> {
    let damaged = |error: csv::Error| Failure::new(format!("the output file is not CSV: {error}"));
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text);
    let names: Vec<String> = reader
        .headers()
        .map_err(damaged)?
        .iter()
        .map(str::to_owned)
        .collect();
    let mut columns: Vec<Vec<String>> = vec![Vec::new(); names.len()];
    for record in reader.records() {
        for (column, cell) in columns.iter_mut().zip(&record.map_err(damaged)?) {
            column.push(cell.to_owned());
        }
    }
    let columns: HashMap<&str, &Vec<String>> =
        names.iter().map(String::as_str).zip(&columns).collect();
    let mut all = Vec::with_capacity(shape.count());
    for (name, entries) in &shape.series {
        let Some(column) = columns.get(name.as_str()) else {
            return Err(missing(name, columns.keys().copied()));
        };
        let filled = column
            .iter()
            .rposition(|cell| !cell.is_empty())
            .map_or(0, |last| last + 1);
        check_length(name, *entries, filled)?;
        for (entry, cell) in column[..filled].iter().enumerate() {
            let value = cell.parse().unwrap_or(f64::NAN);
            all.push(finite(value, name, entry, *entries)?);
        }
    }
    Ok(all)
}

fn numbers(observed: &serde_json::Map<String, Value>, shape: &Shape) -> Result<Vec<f64>, Failure> {
    let mut all = Vec::with_capacity(shape.count());
    for (name, entries) in &shape.series {
        let values = match observed.get(name) {
            None => return Err(missing(name, observed.keys().map(String::as_str))),
            Some(Value::Array(values)) => values.as_slice(),
            Some(value) => std::slice::from_ref(value),
        };
        check_length(name, *entries, values.len())?;
        for (entry, value) in values.iter().enumerate() {
            let value = value.as_f64().unwrap_or(f64::NAN);
            all.push(finite(value, name, entry, *entries)?);
        }
    }
    Ok(all)
}

fn finite(value: f64, name: &str, entry: usize, entries: usize) -> Result<f64, Failure> {
    if value.is_finite() {
        return Ok(value);
    }
    let place = match entries {
        1 => String::new(),
        _ => format!(" in entry {}", entry + 1),
    };
    Err(Failure::new(format!(
        "`{name}` is not a finite number{place}"
    )))
}

fn check_length(name: &str, expected: usize, got: usize) -> Result<(), Failure> {
    if expected == got {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`{name}` has {got} entries instead of {expected}"
    )))
}

fn missing<'a>(name: &str, there: impl Iterator<Item = &'a str>) -> Failure {
    let mut there: Vec<String> = there.take(6).map(|name| format!("`{name}`")).collect();
    there.sort_unstable();
    Failure::new(match there.as_slice() {
        [] => format!("the answer lacks `{name}`"),
        there => format!("the answer lacks `{name}` (it has {})", there.join(", ")),
    })
}

fn said(error: &Value) -> Failure {
    Failure::new(match error {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// JSON, in which NaN and Infinity (which Python and others write) are taken for null.
fn parse(text: &[u8]) -> Option<Value> {
    serde_json::from_slice(text).ok().or_else(|| {
        let text = std::str::from_utf8(text).ok()?;
        serde_json::from_str(&without_bare_words(text)?).ok()
    })
}

/// Replaces NaN, Infinity and -Infinity outside strings; `None` where there are none.
fn without_bare_words(text: &str) -> Option<String> {
    let mut result = String::with_capacity(text.len());
    let (mut in_string, mut escaped, mut replaced) = (false, false, false);
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if !in_string
            && let Some(word) = ["NaN", "-Infinity", "Infinity"]
                .into_iter()
                .find(|word| rest.starts_with(word))
        {
            result.push_str("null");
            rest = &rest[word.len()..];
            replaced = true;
            continue;
        }
        in_string ^= character == '"' && !escaped;
        escaped = in_string && character == '\\' && !escaped;
        result.push(character);
        rest = &rest[character.len_utf8()..];
    }
    replaced.then_some(result)
}

/// The first characters, on one line.
pub(super) fn excerpt(text: &str) -> String {
    const MOST: usize = 120;
    let line = text.trim().replace(['\n', '\r'], " ");
    match line.char_indices().nth(MOST) {
        None => line,
        Some((end, _)) => format!("{}...", &line[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape {
            series: vec![("x".to_owned(), 2), ("y".to_owned(), 1)],
        }
    }

    fn what(line: Line) -> String {
        match line {
            Line::Answer(Ok(values)) => format!("{values:?}"),
            Line::Answer(Err(failure)) => failure.what,
            Line::Garbage(failure) => format!("garbage: {}", failure.what),
        }
    }

    #[test]
    fn lines_are_answers_or_say_what_is_wrong() {
        for (text, expected) in [
            (
                r#"{"id": 3, "observed": {"y": 3, "x": [1, 2e-3]}}"#,
                "[1.0, 0.002, 3.0]",
            ),
            (
                r#"{"id": 3, "observed": {"y": [3], "x": [1, 2], "z": "extra"}}"#,
                "[1.0, 2.0, 3.0]",
            ),
            (r#"{"id": 3, "error": "diverged"}"#, "diverged"),
            (
                r#"{"id": 3, "observed": {"y": 3, "x": [1]}}"#,
                "`x` has 1 entries instead of 2",
            ),
            (
                r#"{"id": 3, "observed": {"y": NaN, "x": [1, 2]}}"#,
                "`y` is not a finite number",
            ),
            (
                r#"{"id": 3, "observed": {"y": 0, "x": [1, -Infinity]}}"#,
                "`x` is not a finite number in entry 2",
            ),
            (
                r#"{"id": 3, "observed": {"y": 0, "x": [true, 1]}}"#,
                "`x` is not a finite number in entry 1",
            ),
            (
                r#"{"id": 3, "observed": {"x": [1, 2]}}"#,
                "the answer lacks `y` (it has `x`)",
            ),
            (
                r#"{"id": 3}"#,
                "an answer with neither `observed` = {series: numbers} nor `error`",
            ),
            (
                r#"{"id": 4, "observed": {}}"#,
                "garbage: an answer to another request's `id`",
            ),
            (
                r#"{"observed": {}}"#,
                "garbage: an answer without an `id`: `{\"observed\": {}}`",
            ),
            (
                "hello NaN",
                "garbage: a line that is not a JSON object: `hello NaN`",
            ),
        ] {
            assert_eq!(what(line(text.as_bytes(), 3, &shape())), expected);
        }
        assert!(what(line(b"\xff\xfe", 3, &shape())).starts_with("garbage"));
    }

    #[test]
    fn bare_words_are_replaced_outside_strings_only() {
        assert_eq!(
            without_bare_words(r#"{"a \" NaN": [NaN, -Infinity], "Infinity\\": Infinity}"#)
                .as_deref(),
            Some(r#"{"a \" NaN": [null, null], "Infinity\\": null}"#)
        );
        assert_eq!(without_bare_words(r#"{"NaN": 1}"#), None);
    }

    #[test]
    fn csv_columns_may_differ_in_length() {
        let read = |text: &str| csv(text.as_bytes(), &shape()).map_err(|failure| failure.what);
        assert_eq!(read("y,\"x\"\n3, 1\n,2\n"), Ok(vec![1.0, 2.0, 3.0]));
        assert_eq!(
            read("y,x\n3,1\n4,2\n"),
            Err("`y` has 2 entries instead of 1".to_owned())
        );
        assert_eq!(
            read("y,x\n3,1\n,NA\n"),
            Err("`x` is not a finite number in entry 2".to_owned())
        );
        assert_eq!(
            read("a,x\n3,1\n4,2\n"),
            Err("the answer lacks `y` (it has `a`, `x`)".to_owned())
        );
        assert!(read("").is_err());
        assert!(read("x,y\n1\n").is_err());
    }

    #[test]
    fn json_files_hold_series_or_an_error() {
        let read = |text: &str| json(text.as_bytes(), &shape()).map_err(|failure| failure.what);
        assert_eq!(read(r#"{"x": [1, 2], "y": 3}"#), Ok(vec![1.0, 2.0, 3.0]));
        assert_eq!(
            read(r#"{"observed": {"x": [1, 2], "y": 3}}"#),
            Ok(vec![1.0, 2.0, 3.0])
        );
        assert_eq!(read(r#"{"error": "no"}"#), Err("no".to_owned()));
        assert!(read("[1, 2, 3]").is_err());
    }
}
