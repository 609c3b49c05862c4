//! Solves that are kept: where the cascade fell back to the solver, the next emulator learns.

use std::collections::HashSet;
use std::fmt::Write;
use std::fs::File;
use std::path::PathBuf;

use gnomon_emulate::Points;

use super::solver::failed;
use crate::context::Context;
use crate::failure::Failure;
use crate::{file, stamp};

/// Queries and the solver's answers.
pub struct Kept {
    /// One row a query.
    pub queries: Points,
    /// One row a query.
    pub answers: Points,
}

impl Kept {
    /// None yet, of queries and answers with so many columns.
    #[must_use]
    pub fn none(given: usize, outputs: usize) -> Self {
        Self {
            queries: Points::zeros(0, given),
            answers: Points::zeros(0, outputs),
        }
    }

    /// Adds a query and its answer, if it is not there.
    fn push(
        &mut self,
        query: &[f64],
        answer: &[f64],
        seen: &mut HashSet<Vec<u64>>,
    ) -> Result<(), Failure> {
        if seen.insert(query.iter().map(|x| x.to_bits()).collect()) {
            self.queries.push(query).map_err(|e| failed(&e))?;
            self.answers.push(answer).map_err(|e| failed(&e))?;
        }
        Ok(())
    }

    fn text(&self, names: &[String]) -> String {
        let mut text = names.join(",") + "\n";
        for (query, answer) in self.queries.iter().zip(self.answers.iter()) {
            // Rust prints the shortest decimals that are read back as the same number.
            let cells: Vec<String> = query.iter().chain(answer).map(f64::to_string).collect();
            let _ = writeln!(text, "{}", cells.join(","));
        }
        text
    }
}

/// Where the solves of a study as it is now are kept: those of another solver mean nothing to it.
#[must_use]
pub fn path(context: &Context, names: &[String]) -> PathBuf {
    let identity = stamp::hash(&[&context.study.identity(), &names.join(",")]);
    let folder = context.study.folder.join("results").join("emulator");
    folder.join(format!("kept-{}.csv", &identity[..12]))
}

/// The solves that were kept; none where there are none. `names` are the columns, `given` of them first.
///
/// # Errors
/// Where the file is damaged.
pub fn read(context: &Context, names: &[String], given: usize) -> Result<Kept, Failure> {
    let path = path(context, names);
    let mut kept = Kept::none(given, names.len() - given);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(kept),
        Err(error) => {
            return Err(Failure::Outside(format!(
                "cannot read {}: {error}",
                path.display()
            )));
        }
    };
    let mut seen = HashSet::new();
    for (number, line) in text.lines().enumerate().skip(1) {
        let cells = line
            .split(',')
            .map(|cell| cell.parse::<f64>().ok().filter(|x| x.is_finite()));
        match cells.collect::<Option<Vec<f64>>>() {
            Some(row) if row.len() == names.len() => {
                kept.push(&row[..given], &row[given..], &mut seen)?;
            }
            _ => {
                return Err(Failure::damaged(
                    format!(
                        "line {} of {} is not a row of numbers",
                        number + 1,
                        path.display()
                    ),
                    "mend that line, or delete the file: its solves are then made again where they are asked for",
                ));
            }
        }
    }
    Ok(kept)
}

/// Adds solves to those that are kept, each once; returns how many were new.
///
/// # Errors
/// Where the file is damaged, or the disk refuses.
pub fn add(context: &Context, names: &[String], more: &Kept) -> Result<usize, Failure> {
    if more.queries.rows() == 0 {
        return Ok(0);
    }
    let path = path(context, names);
    let outside = |error: std::io::Error| {
        Failure::Outside(format!("cannot write {}: {error}", path.display()))
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(outside)?;
    }
    // Two commands at once wait for each other, so that neither loses the other's rows.
    let lock = File::create(path.with_extension("lock")).map_err(outside)?;
    lock.lock().map_err(outside)?;
    let mut kept = read(context, names, more.queries.columns())?;
    let before = kept.queries.rows();
    let bits = |row: &[f64]| row.iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
    let mut seen: HashSet<Vec<u64>> = kept.queries.iter().map(bits).collect();
    for (query, answer) in more.queries.iter().zip(more.answers.iter()) {
        kept.push(query, answer, &mut seen)?;
    }
    let new = kept.queries.rows() - before;
    if new > 0 {
        file::write(&path, kept.text(names).as_bytes())?;
    }
    Ok(new)
}
