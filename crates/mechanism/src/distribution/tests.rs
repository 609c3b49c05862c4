//! What holds of every family.

mod coordinates;
mod properties;
mod reference;
mod sampling;
mod slopes;
