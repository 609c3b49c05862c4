//! Answers instead of the solver: cheap models of what a simulator computes, with an estimate of their
//! error, and proof of what was not missed. Whatever is told here can be asked of the solver again.

pub mod error;
pub mod points;
pub mod surrogate;

pub use error::EmulateError;
pub use points::Points;
