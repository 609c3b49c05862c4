//! What is measured of the solver itself: whether it answers alike twice, how accurate it is, how fast it
//! could be at equal error, whether it jumps.

use gnomon_emulate::Points;
use gnomon_emulate::cascade::{Cascade, error};
use gnomon_emulate::continuity::{self, Break, Measure, Segment};
use gnomon_mechanism::study::{Emulation, Tolerance};

use super::known::Known;
use super::solver::{Solved, Solver};
use crate::failure::Failure;

/// Queries at which the solver is held against itself.
const HELD: usize = 400;
/// The same where a program is asked.
const HELD_OF_PROGRAM: usize = 4;
/// The solver is held against one with tolerances so many times as large.
pub const TIGHTER: f64 = 1e-3;
/// No tolerance is tightened below this.
const TIGHTEST: f64 = 1e-12;
/// The solver's tolerances are loosened in steps of this, up to a relative one of `LOOSEST`.
const STEP: f64 = 3.162_277_660_168_379_5;
const LOOSEST: f64 = 0.3;
/// Queries beside which the solver is looked at for jumps and kinks, neighbours of each, and segments that are
/// followed.
const SUSPECTS: usize = 24;
const NEIGHBOURS: usize = 3;
const FOLLOWED: usize = 8;

/// How far an answer may be from the solver's: one number a column of what is emulated, and the spread of
/// each quantity.
pub struct Tolerances {
    /// One a column.
    pub columns: Vec<f64>,
    /// Standard deviations over the prior, entries taken together: one a quantity.
    pub spreads: Vec<f64>,
    /// One a quantity.
    pub quantities: Vec<f64>,
}

/// The study's tolerances, by the spread of its bank.
pub fn tolerances(emulation: &Emulation, answers: &Points) -> Tolerances {
    let quantity = emulation.quantity_of_column();
    let rows = answers.rows().max(1) as f64;
    let of_quantity = |wanted: usize| {
        let own = || (0..answers.columns()).filter(|&column| quantity[column] == wanted);
        let all = own().flat_map(|column| answers.column(column));
        let largest = all.fold(0.0, |most, y| f64::max(most, y.abs()));
        if largest == 0.0 {
            return (0.0, 0.0);
        }
        // In units of the largest: squares of huge numbers are none.
        let (mut variance, mut size, mut count) = (0.0, 0.0, 0.0);
        for column in own() {
            let mean = answers
                .column(column)
                .map(|y| y / largest / rows)
                .sum::<f64>();
            let squares = answers.column(column).map(|y| (y / largest - mean).powi(2));
            variance += squares.sum::<f64>() / rows;
            size = f64::max(size, mean.abs());
            count += 1.0;
        }
        (largest * f64::sqrt(variance / count), largest * size)
    };
    let sizes: Vec<(f64, f64)> = (0..emulation.predict.len()).map(of_quantity).collect();
    let quantities: Vec<f64> = match &emulation.tolerance {
        Tolerance::Absolute(each) => each.clone(),
        // What never varies is measured by its size, and nothing by 1.
        Tolerance::OfSpread(share) => sizes
            .iter()
            .map(
                |&(spread, size)| match (spread > 1e-13 * size, size > 0.0) {
                    (true, _) => share * spread,
                    (false, true) => share * size,
                    (false, false) => *share,
                },
            )
            .collect(),
    };
    Tolerances {
        columns: quantity.iter().map(|&q| quantities[q]).collect(),
        spreads: sizes.iter().map(|size| size.0).collect(),
        quantities,
    }
}

/// Refuses a program that answers differently with another seed.
pub fn same_twice(solver: &Solver, known: &Known) -> Result<(), Failure> {
    if !solver.is_program() {
        return Ok(());
    }
    let rows: Vec<usize> = known.answered().into_iter().take(HELD_OF_PROGRAM).collect();
    let queries = known.queries.select(&rows);
    let again = solver.reseeded()?.solve(&queries)?;
    let differs = rows.iter().zip(&again).find(|(row, again)| match again {
        Ok(again) => again.as_slice() != known.answers.row(**row),
        Err(_) => true,
    });
    match differs {
        None => Ok(()),
        Some((row, _)) => Err(Failure::refused(
            format!(
                "the program answers differently with another seed (simulation {row}): an emulator answers \
                 one number"
            ),
            "emulate a program that draws no random numbers, or that answers their mean",
        )),
    }
}

/// What is known of the solver's own error.
#[derive(Clone, Copy, Debug)]
pub struct Accuracy {
    /// 99 % of its answers are nearer than this to those of a much more accurate one, in tolerances; NaN
    /// where it has no tolerances to tighten.
    pub error: f64,
    /// The relative tolerance of the solver that it was held against.
    pub held_against: f64,
}

/// The answers of the queries at which the solver is held against itself: of a much more accurate one.
pub struct Reference {
    queries: Points,
    answers: Vec<Solved>,
    held_against: f64,
}

/// Asks a much more accurate solver; `None` where there is none.
pub fn reference(solver: &Solver, known: &Known) -> Result<Option<Reference>, Failure> {
    let Some(own) = solver.tolerances() else {
        return Ok(None);
    };
    let times = TIGHTER.max(TIGHTEST / own.relative).min(1.0);
    let Some(tight) = solver.loosened(times)? else {
        return Ok(None);
    };
    let rows: Vec<usize> = known.answered().into_iter().take(HELD).collect();
    let queries = known.queries.select(&rows);
    Ok(Some(Reference {
        answers: tight.solve(&queries)?,
        queries,
        held_against: own.relative * times,
    }))
}

impl Reference {
    /// How far a solver is from the reference, in tolerances: one number a query that the reference
    /// answered, sorted.
    fn errors(&self, solver: &Solver, tolerances: &[f64]) -> Result<Vec<f64>, Failure> {
        let own = solver.solve(&self.queries)?;
        let both = own.iter().zip(&self.answers);
        let mut errors: Vec<f64> = both
            .filter_map(|(own, reference)| {
                let reference = reference.as_ref().ok()?;
                Some(
                    own.as_ref()
                        .map_or(f64::INFINITY, |own| error(own, reference, tolerances)),
                )
            })
            .collect();
        errors.sort_unstable_by(f64::total_cmp);
        Ok(errors)
    }

    /// How accurate the solver is.
    ///
    /// # Errors
    /// Where more of its own answers than the level are farther off than the tolerance.
    pub fn accuracy(
        &self,
        solver: &Solver,
        tolerances: &[f64],
        level: f64,
    ) -> Result<Accuracy, Failure> {
        let errors = self.errors(solver, tolerances)?;
        let at = ((0.99 * errors.len() as f64).ceil() as usize).max(1) - 1;
        let accuracy = Accuracy {
            error: errors.get(at).copied().unwrap_or(f64::NAN),
            held_against: self.held_against,
        };
        if beyond(&errors) <= level {
            return Ok(accuracy);
        }
        Err(Failure::refused(
            format!(
                "the tolerance is below the solver's own error: {:.1} % of its answers are off by more than \
                 the tolerance (held against relative_tolerance = {:.0e})",
                100.0 * beyond(&errors),
                self.held_against
            ),
            "tighten `relative_tolerance` and `absolute_tolerance` in the mechanism's [solver], or loosen \
             `tolerance` in [emulate]",
        ))
    }

    /// The loosest solver whose error is still as small as the emulator's is allowed to be, and how many
    /// times as large its tolerances are.
    pub fn at_equal_error(
        &self,
        solver: &Solver,
        tolerances: &[f64],
        level: f64,
    ) -> Result<Option<(Solver, f64)>, Failure> {
        let own = solver.tolerances().map_or(LOOSEST, |own| own.relative);
        let (mut loosest, mut times) = (None, STEP);
        while own * times <= LOOSEST {
            let Some(looser) = solver.loosened(times)? else {
                break;
            };
            if beyond(&self.errors(&looser, tolerances)?) > level {
                break;
            }
            loosest = Some((looser, times));
            times *= STEP;
        }
        Ok(loosest)
    }
}

/// The share of errors above the tolerance.
fn beyond(errors: &[f64]) -> f64 {
    errors.iter().filter(|error| **error > 1.0).count() as f64 / errors.len().max(1) as f64
}

/// Where the solver's answers jump or have a kink.
pub struct Breaks {
    /// The largest jump.
    pub jump: Option<Break>,
    /// The strongest kink, where there is no jump.
    pub kink: Option<Break>,
}

/// Looks for jumps and kinks between neighbours of the bank: where it is steepest, and beside the fresh
/// queries about which the emulator is off most.
pub fn breaks(
    solver: &Solver,
    bank: &Known,
    fresh: &Known,
    cascade: &Cascade,
) -> Result<Breaks, Failure> {
    let rows = bank.answered();
    let (queries, answers) = (bank.queries.select(&rows), bank.answers.select(&rows));
    let places = bank.places.select(&rows);
    let known = continuity::Solved {
        queries: &queries,
        answers: &answers,
        places: &places,
    };
    let size = |column: usize| {
        answers
            .column(column)
            .fold(0.0, |most, y| f64::max(most, y.abs()))
    };
    let sizes: Vec<f64> = (0..answers.columns()).map(size).collect();
    let measure = Measure {
        tolerances: &cascade.tolerances,
        sizes: &sizes,
    };
    let is_discrete = |column: usize| solver.prior().is_discrete(column);
    let suspects = suspects(fresh, cascade);
    let [few, followed] = match solver.is_program() {
        true => [8, 4],
        false => [SUSPECTS, FOLLOWED],
    };
    let beside: Vec<Segment> = suspects
        .into_iter()
        .take(few)
        .flat_map(|row| {
            let suspect = (
                fresh.queries.row(row).to_vec(),
                fresh.answers.row(row).to_vec(),
            );
            continuity::beside(
                &known,
                &suspect,
                fresh.places.row(row),
                is_discrete,
                NEIGHBOURS,
            )
        })
        .collect();
    let solve = |asked: &Points| -> Result<Vec<Option<Vec<f64>>>, Failure> {
        Ok(solver.solve(asked)?.into_iter().map(Result::ok).collect())
    };
    let mut steep = continuity::steepest(&known, &cascade.tolerances, is_discrete, FOLLOWED);
    steep.extend(beside.iter().take(followed).cloned());
    let jump = continuity::jump(steep, &measure, solve)?;
    let kink = match jump {
        Some(_) => None,
        None => continuity::kink(beside, &measure, followed, solve)?,
    };
    Ok(Breaks { jump, kink })
}

/// Fresh queries that the solver answered, those first about which the emulator is off most.
fn suspects(fresh: &Known, cascade: &Cascade) -> Vec<usize> {
    let opinions = cascade.opinions(&fresh.queries, &fresh.placed());
    let mut off: Vec<(f64, usize)> = fresh
        .answered()
        .into_iter()
        .filter_map(|row| {
            let opinion = opinions[row].as_ref().ok()?;
            Some((cascade.error(&opinion.values, fresh.answers.row(row)), row))
        })
        .collect();
    off.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    off.into_iter().map(|(_, row)| row).collect()
}
