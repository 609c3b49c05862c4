//! The command line as a user meets it: a study from nothing to its report, wrong input, and work
//! that is cut off.
#![allow(clippy::unwrap_used, clippy::panic)]

mod answers;
mod attribution;
mod convergence;
mod emulators;
mod forecasts;
mod holes;
mod identified;
mod interruptions;
mod mismatch;
mod refusals;
mod terminal;
