//! How much work a simulation is, counted instead of timed: what is decided by it does not depend on the
//! machine.

use crate::batch::evaluations;
use crate::compiled::{Compiled, LawPlan};
use crate::failure::SimulateError;

/// Drawing one number from a distribution, in operations.
const DRAW: u64 = 100;
/// A step's error control, interpolation and bookkeeping for one component, per evaluation.
const STEPPING: u64 = 12;

/// Arithmetic operations of one simulation, on average over the first `simulations` of `seed`; `None` for
/// jump processes and programs, which may take any time.
///
/// # Errors
/// Where the mechanism cannot be run here.
pub fn effort(
    compiled: &Compiled,
    seed: u64,
    simulations: u64,
) -> Result<Option<f64>, SimulateError> {
    let dynamics = &compiled.dynamics;
    let once = match &dynamics.law {
        LawPlan::Static => 0,
        LawPlan::Ode(plan) => plan.slopes.operations() + STEPPING * dynamics.components as u64,
        LawPlan::Map { tape, .. } => tape.operations(),
        LawPlan::Response(plan) => plan.tape.operations() + plan.pattern.work() as u64,
        LawPlan::Sde { tape, .. } => tape.operations() + DRAW * dynamics.states as u64,
        LawPlan::Leaps(plan) => {
            let reactions = plan.reactions.names.len() as u64;
            plan.reactions.propensities.operations() + DRAW * reactions
        }
        LawPlan::Jumps(_) | LawPlan::Program => return Ok(None),
    };
    let evaluated = evaluations(compiled, seed, simulations)? as f64 / simulations as f64;
    let draws = (compiled.priors.len() + compiled.latents.len()) as u64 * DRAW;
    let series = compiled.observation.series.iter();
    let observed =
        series.map(|series| series.times.len() as u64 * (series.tape.operations() + DRAW));
    let fixed = draws + compiled.from_parameters.setup.operations() + observed.sum::<u64>();
    Ok(Some(evaluated * once as f64 + fixed as f64))
}
