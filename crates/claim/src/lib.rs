//! What a claim and a verdict are, and the statistics that decide.
//!
//! The way of a claim: it is written down ([`Claim`]); its [`seal`] gives the seed of test inputs
//! that nothing was fitted to; each independent input gives a number ([`Inputs`]); [`decide`] weighs
//! them and its own controls, and gives every claim of the list a [`Verdict`].
//!
//! ```
//! use gnomon_claim::*;
//! let claim = Claim {
//!     name: "ranks".into(),
//!     statement: "The posterior's ranks are uniform to within 0.1.".into(),
//!     family: Family::Calibration,
//!     subject: Subject::Amortized,
//!     level: Level::ThisNetwork,
//!     population: "the prior predictive".into(),
//!     statistic: "rank of the true value among posterior draws".into(),
//!     assertion: Assertion::UniformWithin { tolerance: 0.1 },
//!     error_rate: 0.05,
//!     most_inputs: 1000,
//! };
//! let ranks = (0..1000).map(|i| (f64::from(i) + 0.5) / 1000.0).collect();
//! let tested = decide(&[Test::new(claim, Inputs::Numbers(ranks), 7)])?;
//! assert_eq!(tested[0].verdict, Verdict::Survived);
//! # Ok::<(), ClaimError>(())
//! ```

pub mod betting;
mod claim;
pub mod conformal;
pub mod controls;
mod decide;
pub mod evidence;
pub mod exact;
pub mod multiplicity;
pub mod permutation;
pub mod reliability;
pub mod seal;
pub mod uniformity;
mod verdict;

pub use claim::{Assertion, Claim, ClaimError, Family, Forecast, Inputs, Level, Subject};
pub use decide::{Test, decide};
pub use verdict::{Control, Tested, Verdict};
