//! Finding all poles of a response that is rational in a frequency-like variable (and smooth besides), with
//! few solves: fit, solve where the fit's denominator is smallest and where two fits differ most, fit again,
//! until fresh random points agree.
//!
//! An isolated pole's tail falls as residue / distance only, so that it is seen from afar however narrow it
//! is. Guided points and fresh checks are kept apart: only checks certify.
//!
//! ```
//! use faer::c64;
//! use gnomon_emulate::EmulateError;
//! use gnomon_emulate::holes::resonances::{Scan, find};
//! // A resonance of width 2e-5 in a range of 1.
//! let pole = c64::new(0.31, -1e-5);
//! let solve = |points: &[f64]| -> Result<_, EmulateError> {
//!     Ok(points.iter().map(|&x| vec![1e-5 / (x - pole) + x.exp()]).collect())
//! };
//! let found = find(solve, &Scan::new([0.0, 1.0]))?;
//! assert_eq!(found.poles.len(), 1);
//! assert!((found.poles[0].position - 0.31).abs() < 1e-6);
//! assert!(found.poles[0].confirmed && found.certificates.len() == 2);
//! # Ok::<(), EmulateError>(())
//! ```

mod certify;
mod greedy;
mod poles;
mod rounding;

use faer::c64;
pub use poles::DEEPEST;
use serde::{Deserialize, Serialize};

use super::Certificate;
use super::hideable::Hideable;
use super::share::Share;
use crate::error::EmulateError;
use crate::rational::{Rational, Samples};

/// What to search, and how hard.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    /// From and to.
    pub range: [f64; 2],
    /// The largest error of the rational function, in units of `|y| + median |y|`: at least ten times the
    /// solver's own. Where rounding of the point alone exceeds a tenth of it, that is what is allowed.
    pub tolerance: f64,
    /// Solves, all in all.
    pub budget: usize,
    /// Fresh random solves of a certificate.
    pub checks: usize,
    /// The probability that the statistical certificate is wrong, at most.
    pub error_rate: f64,
    /// Of the random points.
    pub seed: u64,
}

impl Scan {
    /// A scan with the usual settings.
    #[must_use]
    pub fn new(range: [f64; 2]) -> Self {
        Self {
            range,
            tolerance: 1e-8,
            budget: 400,
            checks: 60,
            error_rate: 0.05,
            seed: 1,
        }
    }
}

/// A pole with its real part in the range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pole {
    /// Its real part.
    pub position: f64,
    /// Twice its distance from the real line: the full width of |y|^2 at half of the maximum.
    pub width: f64,
    /// The output in which it is seen best.
    pub output: usize,
    /// The size of that output's residue.
    pub residue: f64,
    /// |y| of that output at the position.
    pub height: f64,
    /// Where |y| has its local maximum, and how large it is; none where a neighbour or the background
    /// moves it away.
    pub peak: Option<[f64; 2]>,
    /// Whether the solver was asked within half a half-width of the position, and a fit to other samples
    /// has the same pole.
    pub confirmed: bool,
}

/// What a scan found.
#[derive(Clone, Debug, Default)]
pub struct Resonances {
    /// Confirmed poles, by position.
    pub poles: Vec<Pole>,
    /// Poles that the last fit has near the real line and that were not confirmed.
    pub doubtful: Vec<Pole>,
    /// All that was solved.
    pub samples: Samples,
    /// Points where the solver failed.
    pub failed: Vec<f64>,
    /// The rational function through the samples; none without three of them.
    pub rational: Option<Rational>,
    /// Its largest error at a sample, in the tolerance's units.
    pub misfit: f64,
    /// What the fresh checks say of its errors; none when it came to no check.
    pub share: Option<Share>,
    /// What could hide, by output: over the range, but for the widths of found poles.
    pub hideable: Vec<Vec<Hideable>>,
    /// What was shown.
    pub certificates: Vec<Certificate>,
    /// Why nothing structural was shown.
    pub because: Option<String>,
}

impl Resonances {
    /// Solves, failures included.
    #[must_use]
    pub fn solves(&self) -> usize {
        self.samples.len() + self.failed.len()
    }

    /// The smallest residue that no place of the range can hide, and the smallest dipole, of an output.
    #[must_use]
    pub fn worst_hideable(&self, output: usize) -> [f64; 2] {
        let each = self.hideable.get(output).map_or(&[][..], Vec::as_slice);
        let worst = |of: fn(&Hideable) -> f64| each.iter().map(of).fold(0.0, f64::max);
        match each.is_empty() {
            true => [f64::INFINITY; 2],
            false => [worst(|h| h.residue), worst(|h| h.dipole)],
        }
    }
}

/// Scans. `solve` takes points and gives at each one complex number an output; NaN where it failed.
///
/// # Errors
/// What `solve` gives; [`EmulateError::Unsuitable`] for an empty range, a tolerance that is not positive or
/// a budget that is too small; [`EmulateError::Decomposition`] when a fit failed.
pub fn find<E: From<EmulateError>>(
    solve: impl FnMut(&[f64]) -> Result<Vec<Vec<c64>>, E>,
    scan: &Scan,
) -> Result<Resonances, E> {
    let unsuitable = |what: &str, why: &str| {
        Err(EmulateError::Unsuitable {
            what: what.into(),
            why: why.into(),
        })?
    };
    let [low, high] = scan.range;
    if !(low < high && (high - low).is_finite()) {
        return unsuitable("the range", "it is empty or not finite");
    }
    if scan.tolerance.is_nan() || scan.tolerance < 1e-12 || scan.tolerance >= 1.0 {
        return unsuitable("the tolerance", "it must be from 1e-12 to 1");
    }
    if !(0.0..1.0).contains(&scan.error_rate) || scan.error_rate == 0.0 {
        return unsuitable("the error rate", "it must be between 0 and 1");
    }
    if scan.checks < 1 || scan.budget < scan.checks + greedy::FEWEST {
        return unsuitable(
            "the budget",
            &format!("it must be {} solves more than the checks", greedy::FEWEST),
        );
    }
    let explored = greedy::explore(solve, scan)?;
    Ok(certify::certify(explored, scan)?)
}
