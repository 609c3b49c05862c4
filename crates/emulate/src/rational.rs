//! Rational functions through samples: [`fit`] (AAA) makes a [`Rational`] in barycentric form; its
//! poles, residues and derivative follow from it exactly.
//!
//! ```
//! use gnomon_emulate::rational::{Goal, Samples, fit};
//! use faer::c64;
//! // One pole at 0.3 - 0.001 i with residue 2.
//! let pole = c64::new(0.3, -0.001);
//! let points: Vec<f64> = (0..20).map(|i| f64::from(i) / 19.0).collect();
//! let values = points.iter().map(|&x| vec![2.0 / (c64::new(x, 0.0) - pole)]);
//! let samples = Samples::new(points.clone(), values.collect())?;
//! let fitted = fit(&samples, &samples.units(&samples.scales()), Goal::default(), &[])?;
//! let found = fitted.rational.poles()?;
//! assert!(found.iter().any(|z| (z - pole).norm() < 1e-12));
//! # Ok::<(), gnomon_emulate::EmulateError>(())
//! ```

mod aaa;
mod barycentric;
mod poles;
mod samples;
mod saved;

pub use aaa::{Fit, Goal, fit};
pub use barycentric::Rational;
/// Complex numbers of two `f64`.
pub use faer::c64 as Complex;
pub(crate) use poles::pencil_eigenvalues;
pub use samples::Samples;
pub(crate) use samples::misfit;
