//! `gnomon c2st`: two files of draws -> how well they can be told apart.

use std::path::Path;

use gnomon::bank::import::numbers;
use gnomon::examine::two_sample::{TwoSample, c2st};
use gnomon::failure::Failure;
use serde_json::json;

use super::Session;

/// Written beside the draws, but no part of them.
const NO_DRAWS: [&str; 2] = ["log_density", "simulation"];

/// Compares the columns `names` of two files, or all numbers that both have.
pub fn execute(
    session: &Session,
    reference: &Path,
    draws: &Path,
    names: &[String],
) -> Result<(), Failure> {
    let (theirs, ours) = (numbers(reference)?, numbers(draws)?);
    let has = |all: &[(String, Vec<f64>)], name: &str| all.iter().any(|(other, _)| other == name);
    let compared: Vec<String> = if names.is_empty() {
        let both = theirs.iter().map(|(name, _)| name);
        let both = both.filter(|name| has(&ours, name) && !NO_DRAWS.contains(&name.as_str()));
        both.cloned().collect()
    } else {
        names.to_vec()
    };
    if compared.is_empty() {
        return Err(Failure::refused(
            format!(
                "{} and {} have no column of numbers in common",
                reference.display(),
                draws.display()
            ),
            "give both files a header line with the same names",
        ));
    }
    let take = |all: &[(String, Vec<f64>)], file: &Path| -> Result<Vec<Vec<f64>>, Failure> {
        let column = |name: &String| {
            let found = all.iter().find(|(other, _)| other == name);
            found.map(|(_, values)| values.clone()).ok_or_else(|| {
                Failure::refused(
                    format!("{} has no column of numbers `{name}`", file.display()),
                    "`--columns` takes names from the header line of both files",
                )
            })
        };
        compared.iter().map(column).collect()
    };
    let (theirs, ours) = (take(&theirs, reference)?, take(&ours, draws)?);
    let found = c2st(&theirs, &ours, session.wishes.seed.unwrap_or(1)).map_err(|error| {
        Failure::refused(
            format!("{} and {}: {error}", reference.display(), draws.display()),
            "each file needs one draw a row, at least ten, and numbers in every compared column",
        )
    })?;
    let value = json!({
        "c2st": found.accuracy, "folds": found.folds, "rows": found.rows, "columns": compared,
    });
    session.output.result(&in_words(&found, &compared), &value)
}

fn in_words(found: &TwoSample, columns: &[String]) -> String {
    format!(
        "C2ST {:.3} (0.5: they cannot be told apart; 1: nothing in common), from {} rows of each in {}",
        found.accuracy,
        found.rows,
        columns.join(", ")
    )
}
