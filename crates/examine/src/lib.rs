//! The families of claims: answers to test data sets -> one statistic a data set -> verdicts, with
//! the curves that show them; and alarms about the observed data, which never "survive".
//!
//! Input is plain arrays: how the answers were made does not matter here.
//! [`calibration::claims`] writes the claims down, their [seal](gnomon_claim::seal) gives the seed of
//! the test data sets, and [`calibration::examine`] tests the answers to them. [`two_sample`] tells whether
//! two samples can be told apart, [`mismatch`] how far real data sets provably are from simulated ones.

pub mod attribution;
pub mod calibration;
pub mod convergence;
mod curve;
mod error;
pub mod mismatch;
pub mod observed;
pub mod two_sample;

pub use curve::{CoverageCurve, Curve, EcdfDifference, ReliabilityBin, ReliabilityCurve};
pub use error::ExamineError;
