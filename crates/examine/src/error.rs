//! What can be wrong with the arrays to be examined.

use gnomon_claim::ClaimError;

/// Why answers could not be examined.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExamineError {
    /// A number of things, or an array's length, contradicts the others.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// The array.
        what: String,
        /// The number that the others imply, or the least.
        expected: usize,
        /// The number found.
        found: usize,
    },
    /// A number is missing where one is needed.
    #[error("{what} is not finite for data set {data_set}")]
    NotFinite {
        /// The array.
        what: String,
        /// The index of the data set.
        data_set: usize,
    },
    /// A claim could not be weighed.
    #[error(transparent)]
    Claim(#[from] ClaimError),
}

pub(crate) fn shape(what: &str, array: usize, expected: usize) -> Result<(), ExamineError> {
    if array == expected {
        return Ok(());
    }
    Err(ExamineError::Shape {
        what: what.into(),
        expected,
        found: array,
    })
}

/// Every number of an array of rows `width` wide must be finite.
pub(crate) fn finite(what: &str, array: &[f64], width: usize) -> Result<(), ExamineError> {
    match array.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(i) => Err(ExamineError::NotFinite {
            what: what.into(),
            data_set: i / width.max(1),
        }),
    }
}
