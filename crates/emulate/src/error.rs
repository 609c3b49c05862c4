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
