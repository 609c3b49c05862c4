//! The bank's table -> what networks are trained on: given columns, standardised, and the targets
//! of each network.

use gnomon_bank::Table;
use gnomon_learn::coordinates::Coordinates;
use gnomon_learn::matrix::Matrix;
use gnomon_learn::standardise::{Field, Standardiser};
use gnomon_mechanism::random::{Purpose, Stream};

use crate::context::Context;
use crate::failure::Failure;
use crate::stage::networks;

/// Which given entries the study's data lack.
#[must_use]
pub fn missing_entries(context: &Context) -> Vec<usize> {
    let data = context.study.data.iter().flatten().enumerate();
    data.filter(|(_, value)| value.is_nan())
        .map(|(entry, _)| entry)
        .collect()
}

/// The given columns of `table`, row after row.
///
/// # Errors
/// Where the bank lacks one.
fn given_rows(context: &Context, table: &Table) -> Result<Vec<f64>, Failure> {
    let columns = context
        .study
        .given_columns()
        .iter()
        .map(|name| column(table, name))
        .collect::<Result<Vec<_>, _>>()?;
    let mut rows = Vec::with_capacity(columns.len() * table.len());
    for row in 0..table.len() {
        rows.extend(columns.iter().map(|column| column[row]));
    }
    Ok(rows)
}

fn column<'a>(table: &'a Table, name: &str) -> Result<&'a [f64], Failure> {
    table.column(name).ok_or_else(|| {
        Failure::damaged(
            format!("the bank has no column `{name}`"),
            "import simulations with that column, or map one onto it with --map THEIRS=OURS",
        )
    })
}

/// Whether any column has two numbers that differ.
fn varies(rows: &[f64], width: usize) -> bool {
    (0..width).any(|column| {
        let mut values = rows
            .iter()
            .skip(column)
            .step_by(width)
            .filter(|x| !x.is_nan());
        values
            .next()
            .is_some_and(|first| values.any(|value| value != first))
    })
}

/// The given columns of `table`, standardised, and how.
///
/// # Errors
/// Where the bank lacks a column, or holds nothing in it that can be learned from.
pub(super) fn standardised(
    context: &Context,
    table: &Table,
) -> Result<(Standardiser, Matrix), Failure> {
    let mut given = given_rows(context, table)?;
    if !varies(&given, context.study.given_columns().len()) {
        return Err(Failure::refused(
            "what is given is the same in every simulation: nothing can be learned from it",
            "`gnomon bank info STUDY` shows the columns' ranges; look at the mechanism's `[observed]`",
        ));
    }
    hide(&mut given, context, &missing_entries(context));
    let sets = networks::sets(&context.study);
    let fields = context
        .study
        .given_series()
        .map(|series| match series.times.len() {
            1 => Field::scalar(&series.name),
            length => Field::series(&series.name, 1, length, sets.contains(&series.name)),
        })
        .collect();
    let wrong = |error: &dyn std::fmt::Display| Failure::Learning {
        network: "the given columns".into(),
        reason: error.to_string(),
        help: "look at the bank with `gnomon bank info STUDY`".into(),
    };
    let standardiser = Standardiser::fit(fields, &given).map_err(|error| wrong(&error))?;
    let given = standardiser.apply(&given).map_err(|error| wrong(&error))?;
    Ok((standardiser, given))
}

pub(super) fn pick(matrix: &Matrix, rows: &[usize]) -> Matrix {
    let mut picked = Matrix::zeros(rows.len(), matrix.columns());
    for (to, &from) in rows.iter().enumerate() {
        picked.row_mut(to).copy_from_slice(matrix.row(from));
    }
    picked
}

/// The scores of one mechanism's parameters in some rows of the bank.
pub(super) fn scores(
    context: &Context,
    coordinates: &Coordinates,
    table: &Table,
    mechanism: usize,
    rows: &[usize],
) -> Result<Matrix, Failure> {
    let parameters = &context.study.mechanisms[mechanism].parameters;
    let columns = parameters
        .iter()
        .map(|parameter| {
            let all = column(table, &parameter.name)?;
            Ok(rows.iter().map(|&row| all[row]).collect())
        })
        .collect::<Result<Vec<Vec<f64>>, Failure>>()?;
    let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let numbers: Vec<u64> = rows.iter().map(|&row| table.rows.simulation[row]).collect();
    let scores = coordinates.to_scores(&slices, context.seed, &numbers);
    Ok(gnomon_infer::amortized::rows_of(&scores))
}

/// Where the study's data lack entries, half of the rows lack the same ones and the others each
/// entry with the same frequency, so that the networks know data with any entries missing.
fn hide(given: &mut [f64], context: &Context, missing: &[usize]) {
    let width = context.study.given_columns().len();
    if missing.is_empty() {
        return;
    }
    let share = missing.len() as f64 / width as f64;
    for (row, entries) in given.chunks_exact_mut(width).enumerate() {
        let mut stream = Stream::new(context.seed, Purpose::MISSING, row as u64);
        if stream.uniform() < 0.5 {
            missing.iter().for_each(|&entry| entries[entry] = f64::NAN);
        } else {
            for entry in entries {
                if stream.uniform() < share {
                    *entry = f64::NAN;
                }
            }
        }
    }
}
