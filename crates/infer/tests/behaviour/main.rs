//! Answers held against exact ones: densities and draws, refinement by likelihoods and by estimates of
//! them, dozens of parameters, truncated priors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attribution;
mod densities;
mod estimated;
mod excess;
mod filtered;
mod fit;
mod many_parameters;
mod normal;
mod refinement;
mod truncation;
