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
}
