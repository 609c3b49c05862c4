//! `gnomon ask --average`: means of what is emulated, each with its standard error.

use std::path::Path;

use gnomon::failure::Failure;
use gnomon::file;
use gnomon::stage::emulate::ask::Emulator;
use gnomon::stage::emulate::average::Averaged;
use serde_json::{Value, json};

use super::Session;
use super::output::significant;

/// Draws from the prior, where no file says over what.
pub const DRAWS: usize = 100_000;

/// What is asked.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// A file of inputs: draws of a distribution. Without one, the prior.
    pub at: Option<&'a Path>,
    /// Draws from the prior.
    pub draws: usize,
    /// Solves.
    pub solves: usize,
    /// Where to write `averages.csv`.
    pub folder: Option<&'a Path>,
}

/// Averages, and tells.
pub fn execute(session: &Session, path: &Path, asked: Asked<'_>) -> Result<(), Failure> {
    let context = session.read(path)?;
    let emulator = Emulator::load(&context)?;
    let inputs = match asked.at {
        Some(file) => emulator.read(file)?,
        None => emulator.draws(asked.draws),
    };
    let found = emulator.average(&inputs, asked.solves)?;
    let names = emulator.outputs();
    let mut text = table(names, &found);
    text += &format!(
        "\nVariance: over that of the mean of the same solves alone. {} solves, {} of which settled the emulator's weights; \
         {} inputs more from the emulator; {:.3} s, of which {:.3} s in the solver. {} new solves are kept for the next \
         `gnomon emulate`.",
        asked.solves,
        found.pilot,
        inputs.rows() - asked.solves,
        found.seconds,
        found.solver_seconds,
        found.kept
    );
    let averages: Vec<Value> = names
        .iter()
        .zip(&found.averages)
        .map(|(name, own)| {
            json!({
                "quantity": name, "mean": own.mean, "standard_error": own.standard_error,
                "without": own.without, "variance_factor": own.variance_factor(),
                "coefficient": own.coefficient,
            })
        })
        .collect();
    let mut value = json!({
        "averages": averages, "solves": asked.solves, "pilot": found.pilot, "inputs": inputs.rows(),
        "kept": found.kept, "seconds": found.seconds, "solver_seconds": found.solver_seconds,
    });
    if let Some(folder) = asked.folder {
        let file = folder.join("averages.csv");
        file::write(&file, csv(names, &found).as_bytes())?;
        text += &format!("\nAverages: {}", file.display());
        value["file"] = json!(file);
    }
    session.output.result(&text, &value)
}

fn table(names: &[String], found: &Averaged) -> String {
    let width = names.iter().map(String::len).max().unwrap_or(0).max(8);
    let mut text = format!(
        "{:width$}  {:>12}  {:>14}  {:>12}  {:>8}\n",
        "quantity", "mean", "standard error", "solves alone", "variance"
    );
    for (name, own) in names.iter().zip(&found.averages) {
        text += &format!(
            "{name:width$}  {:>12}  {:>14}  {:>12}  {:>8}\n",
            to_its_error(own.mean, own.standard_error),
            significant(own.standard_error),
            significant(own.without),
            significant(own.variance_factor())
        );
    }
    text
}

/// A number with the digits that its standard error leaves it.
fn to_its_error(x: f64, error: f64) -> String {
    let digits = 1.0 - error.log10().floor();
    match digits {
        d if (0.0..=9.0).contains(&d) => format!("{x:.*}", d as usize),
        _ => significant(x),
    }
}

fn csv(names: &[String], found: &Averaged) -> String {
    let mut text = "quantity,mean,standard_error,without,variance_factor,coefficient\n".to_owned();
    for (name, own) in names.iter().zip(&found.averages) {
        text += &format!(
            "{name},{},{},{},{},{}\n",
            own.mean,
            own.standard_error,
            own.without,
            own.variance_factor(),
            own.coefficient
        );
    }
    text
}
