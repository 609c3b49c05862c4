//! Answers instead of the solver: cheap models of what a simulator computes, with an estimate of their
//! error, and proof of what was not missed. Whatever is told here can be asked of the solver again.
//!
//! The way of a query: where the prior has it ([`prior`]); whether the bank can speak there ([`domain`]);
//! what a [`surrogate`] answers, and whether its error estimate is accepted ([`accept`]); else the solver
//! ([`cascade`]). What that costs, and when it pays, is the [`ledger`]'s. Answers that are whole trajectories
//! converge to the solver's by sweeps ([`sweep`]); averages are put right by a few solves ([`average`]).
//! What a bank never saw is hunted in [`holes`], by fits that are [`rational`] in one parameter.

pub mod accept;
pub mod average;
pub mod cascade;
pub mod conserved;
pub mod continuity;
pub mod domain;
pub mod error;
pub mod holes;
pub mod ledger;
pub mod points;
pub mod prior;
pub mod rational;
pub mod surrogate;
pub mod sweep;

pub use error::EmulateError;
pub use points::Points;
