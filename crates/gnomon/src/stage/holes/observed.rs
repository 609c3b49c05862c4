//! What a mechanism observes exactly, along one parameter: real numbers.

use gnomon_emulate::rational::Complex;
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::expression::Input;
use gnomon_mechanism::model::Law;
use gnomon_simulate::{Compiled, simulate_at};

use super::place::Place;
use super::{Line, few};
use crate::failure::Failure;

/// The observed numbers that are asked for.
pub fn line<'a>(
    mechanism: &Mechanism,
    place: &'a Place,
    asked: &[String],
    seed: u64,
) -> Result<Line<'a>, Failure> {
    let compiled = Compiled::new(mechanism).map_err(Failure::simulation)?;
    let (columns, outputs): (Vec<usize>, Vec<String>) =
        outputs(mechanism, &compiled, asked)?.into_iter().unzip();
    few(&outputs)?;
    let Input::Parameter(over) = place.over else {
        return Err(Failure::refused(
            "only the unknowns of a response can be scanned over its frequency",
            "leave `--of` out, or name unknowns, such as `y[1]`",
        ));
    };
    let mut number = 0;
    let solve = move |points: &[f64]| {
        let mut parameters: Vec<Vec<f64>> =
            place.base.iter().map(|x| vec![*x; points.len()]).collect();
        parameters[over] = points.to_vec();
        let numbers: Vec<u64> = (number..number + points.len() as u64).collect();
        number += points.len() as u64;
        let batch =
            simulate_at(&compiled, parameters, seed, &numbers).map_err(Failure::simulation)?;
        let real = |row: usize| columns.iter().map(move |&c| (row, c));
        Ok((0..points.len())
            .map(|row| {
                real(row)
                    .map(|(row, c)| Complex::new(batch.observed[c][row], 0.0))
                    .collect()
            })
            .collect())
    };
    Ok(Line {
        outputs,
        solve: Box::new(solve),
    })
}

/// The response must be a function of the parameters.
pub fn deterministic(mechanism: &Mechanism) -> Result<(), Failure> {
    let law = &mechanism.dynamics.law;
    let random = matches!(law, Law::Sde { .. } | Law::Jumps { .. } | Law::Leaps { .. });
    if random || !mechanism.latents.is_empty() {
        return Err(Failure::refused(
            format!("{} is random: it has no response to scan", mechanism.name),
            "a scan needs `[dynamics]` without `[noise]`, a `[map]`, a `[response]`, a `[program]` or no \
             states, and no `[latents]`",
        ));
    }
    Ok(())
}

/// The asked outputs: number of the column, and name.
fn outputs(
    mechanism: &Mechanism,
    compiled: &Compiled,
    asked: &[String],
) -> Result<Vec<(usize, String)>, Failure> {
    let all = compiled.observed_columns();
    let of = |series: &str, column: &str| {
        let entry = column
            .strip_prefix(series)
            .and_then(|rest| rest.strip_prefix('_'));
        column == series || entry.is_some_and(|e| e.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut columns: Vec<(usize, String)> = Vec::new();
    let series: Vec<&str> = mechanism.observed.iter().map(|o| o.name.as_str()).collect();
    let wanted: Vec<&str> = match asked.is_empty() {
        true => series.clone(),
        false => asked.iter().map(String::as_str).collect(),
    };
    for name in wanted {
        let before = columns.len();
        for (number, column) in all.iter().enumerate() {
            if of(name, column) && !columns.iter().any(|(n, _)| *n == number) {
                columns.push((number, column.clone()));
            }
        }
        if columns.len() == before {
            return Err(Failure::refused(
                format!("{} observes no `{name}`", mechanism.name),
                format!("it observes {}", series.join(", ")),
            ));
        }
    }
    for observed in &mechanism.observed {
        let used = columns.iter().any(|(_, column)| of(&observed.name, column));
        let program = matches!(mechanism.dynamics.law, Law::Program(_));
        if used && !observed.is_plain() && !program {
            return Err(Failure::refused(
                format!(
                    "`{}` is observed with noise, rounded or with gaps: it has no response to scan",
                    observed.name
                ),
                format!(
                    "write it as an expression, `{0} = \"...\"`, or name another by `--of`",
                    observed.name
                ),
            ));
        }
    }
    Ok(columns)
}
