//! Holes: what a cheap model may have missed, and proof of what it did not.
//!
//! No black-box method excludes arbitrarily small bumps, so a [`Certificate`] has a [`Grade`] and says
//! what it cannot exclude.
//! - Complete, where the operator is known: [`inertia`] counts the resonances of a symmetric pencil,
//!   [`winding`] the roots of a determinant in a region, [`folds`] the turning points of a branch.
//! - Structural, where the response is rational in a frequency-like variable: [`resonances`] finds its
//!   poles by greedy rational approximation, [`hideable`] says how weak a pole must be to hide.
//! - Statistical, for anything else: [`search`] looks for the worst points, [`share`] bounds what is
//!   left by fresh draws that guided nothing.

pub mod folds;
pub mod hideable;
pub mod inertia;
pub mod resonances;
pub mod search;
pub mod share;
pub mod winding;

use serde::{Deserialize, Serialize};

/// What a certificate rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// On counting all there is: the operator is known.
    Complete,
    /// On the response being rational.
    Structural,
    /// On fresh random draws alone.
    Statistical,
}

/// What was shown, and what it leaves open. Where nothing was shown there is no certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// What it rests on.
    pub grade: Grade,
    /// What there is not, in words.
    pub excludes: String,
    /// What there may still be, in words.
    pub cannot_exclude: String,
}
