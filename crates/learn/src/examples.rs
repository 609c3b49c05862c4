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
}
