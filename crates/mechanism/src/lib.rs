//! What a simulator is: parameters with priors, expressions, dynamics and observation.
//!
//! A TOML file becomes a checked [`model::Mechanism`], which every other room works on.

pub mod distribution;
pub mod elementary;
pub mod expression;
pub mod file;
pub mod model;
pub mod random;
pub mod schema;
pub mod source;
pub mod study;
pub mod template;

pub use distribution::Family;
pub use model::Mechanism;
pub use source::ReadError;
pub use study::Study;
