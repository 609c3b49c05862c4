//! Nested levels: the chosen family fitted to parts of the bank, and with some of its modes, on fresh queries.

use gnomon_emulate::Points;
use gnomon_emulate::cascade::{Cascade, error};
use gnomon_emulate::ledger::exponent;
use gnomon_emulate::surrogate::{Family, Surrogate};
use gnomon_report::content;

use super::Training;
use super::known::Known;
use super::learned::settings;
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;

/// Parts of the bank, and of the modes.
const PARTS: [usize; 3] = [8, 4, 2];
/// The fewest rows of a part of the bank.
const FEWEST: usize = 8;

/// Levels of growing size.
#[derive(Default)]
struct Levels {
    sizes: Vec<u64>,
    /// Root mean squared error on fresh queries, in tolerances.
    errors: Vec<f64>,
    /// Root mean squared difference to the level before, in tolerances.
    changes: Vec<f64>,
    last: Option<Points>,
}

/// What levels are held against.
struct Fresh<'a> {
    queries: Points,
    answers: Points,
    cascade: &'a Cascade,
}

impl Levels {
    /// Adds a level; one that cannot answer is left out.
    fn push(&mut self, size: usize, surrogate: &Surrogate, fresh: &Fresh<'_>) {
        let Ok(predicted) = surrogate.predict(&fresh.queries) else {
            return;
        };
        self.sizes.push(size as u64);
        self.errors
            .push(fresh.apart(&predicted.values, &fresh.answers));
        if let Some(last) = &self.last {
            self.changes.push(fresh.apart(&predicted.values, last));
        }
        self.last = Some(predicted.values);
    }

    fn exponent(&self) -> f64 {
        let sizes: Vec<f64> = self.sizes.iter().map(|&n| n as f64).collect();
        exponent(&sizes, &self.errors).unwrap_or(f64::NAN)
    }
}

impl Fresh<'_> {
    /// How far some answers are from others: root mean square over queries, in tolerances.
    fn apart(&self, some: &Points, others: &Points) -> f64 {
        let both = some.iter().zip(others.iter());
        let squares = both.map(|(a, b)| error(a, b, &self.cascade.tolerances).powi(2));
        (squares.sum::<f64>() / some.rows().max(1) as f64).sqrt()
    }
}

/// How the error of the chosen family falls with the bank, and with the modes of a reduced basis, on the queries
/// of the calibration.
pub fn measured(
    context: &Context,
    training: &Training,
    fresh: &Known,
    cascade: &Cascade,
) -> Result<(content::LearningCurve, content::ModeCurve), Failure> {
    let rows: Vec<usize> = fresh
        .answered()
        .into_iter()
        .filter(|&row| cascade.domain.check(fresh.places.row(row)).is_ok())
        .collect();
    if rows.is_empty() {
        return Ok(Default::default());
    }
    let fresh = Fresh {
        queries: fresh.queries.select(&rows),
        answers: fresh.answers.select(&rows),
        cascade,
    };
    let (whole, settings) = (&cascade.surrogate, settings(context));
    let all = training.queries.rows();
    let mut by_rows = Levels::default();
    for part in PARTS.map(|part| all / part) {
        interrupt::check()?;
        if part < FEWEST {
            continue;
        }
        let first: Vec<usize> = (0..part).collect();
        let (x, y) = (
            training.queries.select(&first),
            training.answers.select(&first),
        );
        // A family may refuse a part that is too small for it.
        if let Ok(own) = Surrogate::fit(&x, &y, whole.family(), &settings) {
            by_rows.push(part, &own, &fresh);
        }
    }
    by_rows.push(all, whole, &fresh);
    let mut by_modes = Levels::default();
    // A point for each mode.
    let kept = whole.interpolation_points().map(|points| points.len());
    if let (Family::Reduced { of, .. }, Some(kept)) = (whole.family(), kept) {
        for modes in PARTS.map(|part| kept / part) {
            interrupt::check()?;
            if modes == 0 {
                continue;
            }
            let family = Family::Reduced {
                modes,
                of: of.clone(),
            };
            let (x, y) = (&training.queries, &training.answers);
            if let Ok(own) = Surrogate::fit(x, y, &family, &settings) {
                by_modes.push(modes, &own, &fresh);
            }
        }
        by_modes.push(kept, whole, &fresh);
    }
    let curve = content::LearningCurve {
        exponent: by_rows.exponent(),
        simulations: by_rows.sizes,
        errors: by_rows.errors,
        changes: by_rows.changes,
    };
    let modes = content::ModeCurve {
        exponent: by_modes.exponent(),
        modes: by_modes.sizes,
        errors: by_modes.errors,
        changes: by_modes.changes,
    };
    Ok((curve, modes))
}
