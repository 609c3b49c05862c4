//! What a network is trained on: given columns and targets, both standardised.

use crate::matrix::Matrix;

/// Training examples, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Examples {
    /// Given columns: rows x `Network::given`.
    pub given: Matrix,
    /// What is to be predicted, row by row.
    pub targets: Targets,
}

/// What is to be predicted.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Numbers, rows x `Network::predict`: for mean, quantile and density heads.
    Values(Matrix),
    /// Class numbers below `Network::predict`: for class heads.
    Classes(Vec<u32>),
}

impl Targets {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Values(matrix) => matrix.rows(),
            Self::Classes(classes) => classes.len(),
        }
    }
}

impl Examples {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.targets.rows()
    }

    /// Makes room for so many rows more, and no more than that.
    pub fn reserve(&mut self, rows: usize) {
        self.given.reserve(rows);
        match &mut self.targets {
            Targets::Values(values) => values.reserve(rows),
            Targets::Classes(classes) => classes.reserve_exact(rows),
        }
    }

    /// Appends all rows of `more`, which has the same columns and kind of targets.
    pub fn extend(&mut self, more: &Self) {
        let rows: Vec<usize> = (0..more.rows()).collect();
        self.append(more, &rows);
    }

    /// No rows, of the same columns.
    pub(crate) fn empty(&self) -> Self {
        Self {
            given: Matrix::zeros(0, self.given.columns()),
            targets: match &self.targets {
                Targets::Values(values) => Targets::Values(Matrix::zeros(0, values.columns())),
                Targets::Classes(_) => Targets::Classes(Vec::new()),
            },
        }
    }

    /// Removes all rows; keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.given.clear();
        match &mut self.targets {
            Targets::Values(values) => values.clear(),
            Targets::Classes(classes) => classes.clear(),
        }
    }

    /// Appends some rows of `other`, which has the same columns and kind of targets.
    pub(crate) fn append(&mut self, other: &Self, rows: &[usize]) {
        for &row in rows {
            self.given.push(other.given.row(row));
            match (&mut self.targets, &other.targets) {
                (Targets::Values(values), Targets::Values(theirs)) => values.push(theirs.row(row)),
                (Targets::Classes(classes), Targets::Classes(theirs)) => classes.push(theirs[row]),
                _ => {}
            }
        }
    }
}
