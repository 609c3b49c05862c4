//! What can go wrong when a solver is to be emulated.

/// Why there is no emulator, or no answer of one.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EmulateError {
    /// An array's length contradicts the others.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// The array.
        what: String,
        /// The number that the others imply, or the least.
        expected: usize,
        /// The number found.
        found: usize,
    },
    /// A number of the bank that nothing can be learned from.
    #[error("{what} column {column} is {value} in row {row}: {reason}")]
    Bank {
        /// `input` or `output`.
        what: &'static str,
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The number.
        value: f64,
        /// What is wrong with it, and what to do.
        reason: &'static str,
    },
    /// A query that a surrogate does not answer.
    #[error("query {row}: input column {column} is {value}: {reason}")]
    Query {
        /// Row of the queries, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The number.
        value: f64,
        /// Why there is no answer.
        reason: &'static str,
    },
    /// The caller asked to stop.
    #[error("the fit was interrupted")]
    Interrupted,
    /// A family that cannot be fitted to this bank.
    #[error("{family} cannot be fitted: {reason}")]
    Family {
        /// Its name.
        family: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A file of a saved surrogate.
    #[error("surrogate file {path}: {reason}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The machine gives no threads.
    #[error("no threads to work with: {0}")]
    Threads(String),
    /// A number is infinite or none.
    #[error("{what} has a number that is not finite")]
    NotFinite {
        /// The array.
        what: String,
    },
    /// Times do not increase.
    #[error("the times of a trajectory must increase, and reach behind its start")]
    Order,
    /// A matrix could not be decomposed.
    #[error("{what} could not be worked out: the matrix is singular or not finite")]
    Decomposition {
        /// What was to be worked out.
        what: String,
    },
    /// Something is not of the kind that is needed.
    #[error("{what}: {why}")]
    Unsuitable {
        /// What it is.
        what: String,
        /// Why it cannot be used, and what can.
        why: String,
    },
}
