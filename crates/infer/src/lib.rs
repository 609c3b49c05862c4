//! Answers about data: trained networks and an observed data set -> mechanism probabilities, posterior
//! draws given each mechanism, and the mixture over mechanisms.

pub mod amortized;
pub mod mixture;
pub mod summary;
pub mod write;

pub use amortized::{Amortized, Draws, InferError, Networks};
pub use summary::Summary;
pub use write::DrawTable;
