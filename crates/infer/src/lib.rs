//! Answers about data: trained networks and an observed data set -> mechanism probabilities, posterior
//! draws given each mechanism, and the mixture over mechanisms; corrected by the mechanism's own
//! likelihood where it has one.

pub mod amortized;
pub mod attribution;
pub mod excess;
pub mod fit;
pub mod forecast;
pub mod mixture;
mod normal;
pub mod refine;
pub mod sensitivity;
pub mod summary;
pub mod truncation;
pub mod unseen;
pub mod write;

pub use amortized::{Amortized, Draws, InferError, Networks};
pub use summary::Summary;
pub use unseen::Quantiles;
pub use write::DrawTable;
