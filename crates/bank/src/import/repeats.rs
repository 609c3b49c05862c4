//! Rows that a file holds more than once: copies among held-out simulations would pass memory for knowledge.

use std::collections::HashSet;

use crate::{Column, Role, Rows};

/// What is left of some rows, and what was found.
pub(super) struct Distinct {
    pub rows: Rows,
    /// Rows that were left out as copies of earlier ones.
    pub copies: usize,
    /// Different vectors of parameters among what is left; as many as rows where none can be told apart.
    pub parameter_vectors: usize,
}

/// Leaves out each row whose mechanism and numbers are all those of an earlier one, where a parameter is no
/// whole number: whole numbers may be drawn twice. Rows are numbered anew.
pub(super) fn distinct(rows: Rows, columns: &[Column]) -> Distinct {
    let of_parameters = || {
        let both = columns.iter().zip(&rows.columns);
        both.filter(|(column, _)| column.role == Role::Parameter)
    };
    let key = |row: usize, whole: bool| -> Vec<u64> {
        let numbers = columns.iter().zip(&rows.columns);
        let numbers = numbers.filter(|(column, _)| whole || column.role == Role::Parameter);
        let bits = numbers.map(|(_, values)| bits(values[row]));
        bits.chain([u64::from(rows.mechanism[row])]).collect()
    };
    let is_continuous = |row: usize| of_parameters().any(|(_, values)| values[row].fract() != 0.0);
    let (mut seen, mut vectors) = (HashSet::new(), HashSet::new());
    let mut kept = Vec::with_capacity(rows.len());
    let mut discrete = 0;
    for row in 0..rows.len() {
        let can_repeat = rows.failure[row].is_some() || !is_continuous(row);
        if can_repeat || seen.insert(key(row, true)) {
            kept.push(row);
            match can_repeat {
                true => discrete += 1,
                false => drop(vectors.insert(key(row, false))),
            }
        }
    }
    let copies = rows.len() - kept.len();
    let pick = |values: &[f64]| kept.iter().map(|&row| values[row]).collect();
    Distinct {
        parameter_vectors: vectors.len() + discrete,
        copies,
        rows: Rows {
            simulation: (0..kept.len() as u64).collect(),
            mechanism: kept.iter().map(|&row| rows.mechanism[row]).collect(),
            failure: kept.iter().map(|&row| rows.failure[row].clone()).collect(),
            columns: rows.columns.iter().map(|values| pick(values)).collect(),
        },
    }
}

/// Equal where two numbers are, with one NaN and one zero.
fn bits(x: f64) -> u64 {
    match x {
        x if x.is_nan() => u64::MAX,
        0.0 => 0,
        x => x.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(parameters: &[f64], observed: &[f64]) -> (Rows, [Column; 2]) {
        let role = Role::Observed {
            series: "y".into(),
            entry: 0,
            time: None,
        };
        let columns = [
            Column::new("a".to_owned(), Role::Parameter),
            Column::new("y".to_owned(), role),
        ];
        let count = parameters.len();
        let rows = Rows {
            simulation: (0..count as u64).collect(),
            mechanism: vec![0; count],
            failure: vec![None; count],
            columns: vec![parameters.to_vec(), observed.to_vec()],
        };
        (rows, columns)
    }

    #[test]
    fn copies_are_left_out_and_parameters_counted() {
        let (rows, columns) = rows(&[0.5, 0.5, 0.5, 0.7], &[1.0, 2.0, 1.0, f64::NAN]);
        let found = distinct(rows, &columns);
        assert_eq!((found.copies, found.parameter_vectors), (1, 2));
        assert_eq!(found.rows.columns[0], [0.5, 0.5, 0.7]);
        assert_eq!(found.rows.simulation, [0, 1, 2]);
    }

    #[test]
    fn whole_numbers_may_be_drawn_twice() {
        let (rows, columns) = rows(&[3.0, 3.0], &[1.0, 1.0]);
        let found = distinct(rows, &columns);
        assert_eq!((found.copies, found.parameter_vectors), (0, 2));
    }
}
