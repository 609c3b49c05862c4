//! Whether networks are trained on fresh simulations where the study does not say: decided by counting
//! operations, so that every machine decides alike.

use gnomon_simulate::effort;

use super::regressed::MANY_ROWS;
use crate::context::Context;
use crate::failure::Failure;
use crate::population::Population;
use crate::stage::usable::Usable;

/// Operations of a simulation that is cheap. Where one takes some .2 ns (`bench/run simulate`), these take
/// about a fifth of the 10 us that a spline flow of default size trains on a simulation (`bench/run learn`).
const CHEAP: f64 = 10_000.0;
/// Simulations that are looked at.
const LOOKED_AT: u64 = 128;

/// Whether the study says so; or, where it leaves both this and the number of simulations open, whether
/// those of every mechanism are cheap, and so many that the bank's would have no more to give than as many
/// fresh ones: a regression helps where they are few.
///
/// # Errors
/// Where a mechanism cannot be run.
pub(super) fn is_online(
    context: &Context,
    population: &Population<'_>,
    usable: &Usable<'_>,
) -> Result<bool, Failure> {
    if let Some(wish) = context.study.learn.online {
        return Ok(wish);
    }
    let in_rounds = context.study.simulate.rounds > 1;
    if !context.by_default || in_rounds || usable.is_imported() {
        return Ok(false);
    }
    let seed = context.seed_for("effort of a simulation");
    for (mechanism, weight) in context.study.weights.iter().enumerate() {
        if context.simulations as f64 * weight < MANY_ROWS as f64 {
            return Ok(false);
        }
        let compiled = population.compiled(mechanism);
        let effort = effort(compiled, seed, LOOKED_AT).map_err(Failure::simulation)?;
        if effort.is_none_or(|effort| effort > CHEAP) {
            return Ok(false);
        }
    }
    Ok(true)
}
