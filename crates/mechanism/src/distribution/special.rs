//! Special functions, accurate in relative terms far into both tails, on elementary functions
//! only: the probabilities of a law are handed about as [`Tails`], logarithms of both sides.

mod gamma_function;
mod incomplete_beta;
mod incomplete_gamma;
mod normal;
mod tails;

pub(super) use gamma_function::{deviance, digamma, excess, ln_gamma, stirling_error};
pub(super) use incomplete_beta::{beta_tails, ln_beta_power};
pub(super) use incomplete_gamma::{gamma_tails, ln_gamma_power};
pub(super) use normal::{GAUSS_LEGENDRE, LN_SQRT_TAU, central, ln_lower, ln_upper_interval};
pub(super) use tails::Tails;
