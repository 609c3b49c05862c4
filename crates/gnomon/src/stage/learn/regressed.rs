//! What a linear regression leaves of a density's targets: every second member of an ensemble learns
//! that, where simulations are few.

use gnomon_learn::baseline::Baseline;
use gnomon_learn::examples::{Examples, Targets};

/// Simulations from which on a regression has nothing to add to a network.
pub(super) const MANY_ROWS: usize = 200_000;

/// The residuals of examples, and of what they are.
pub(super) struct Regressed {
    pub baseline: Baseline,
    pub examples: Examples,
}

impl Regressed {
    /// The residuals of a density's examples; `None` where there are many, or nothing can be
    /// regressed.
    pub fn new(examples: &Examples) -> Option<Self> {
        let Targets::Values(targets) = &examples.targets else {
            return None;
        };
        if examples.rows() >= MANY_ROWS {
            return None;
        }
        let baseline = Baseline::fit(&examples.given, targets)?;
        let examples = Examples {
            given: examples.given.clone(),
            targets: Targets::Values(baseline.residuals(&examples.given, targets)),
        };
        Some(Self { baseline, examples })
    }
}
