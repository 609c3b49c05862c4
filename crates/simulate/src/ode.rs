//! Ordinary differential equations: a queue of rows -> lanes that take the next row when theirs
//! is finished -> states at the asked times.
//!
//! `fleet` keeps the lanes, `explicit` and `stiff` move them, `control` chooses step sizes, `steady`
//! checks that states stand still where that is asked for.
//! With [`OdeMethod::Auto`] a row whose explicit steps look stiff, or that fails, is run again
//! from its start with the stiff method; which rows these are depends on the row alone.

mod control;
mod explicit;
mod fleet;
mod rodas;
mod steady;
mod stiff;
mod tsitouras;

use gnomon_mechanism::model::OdeMethod;

use crate::block::Block;
use crate::compiled::{Compiled, OdePlan};
use crate::lanes::WIDTH;
use crate::sheet::Sheet;

/// Integrates every row of `block`.
pub(crate) fn integrate(compiled: &Compiled, plan: &OdePlan, block: &Block<'_>, sheet: &mut Sheet) {
    integrate_with::<WIDTH>(compiled, plan, block, sheet, WIDTH);
}

/// As [`integrate`], `lanes` of `W` lanes occupied.
fn integrate_with<const W: usize>(
    compiled: &Compiled,
    plan: &OdePlan,
    block: &Block<'_>,
    sheet: &mut Sheet,
    lanes: usize,
) {
    let all: Vec<usize> = (0..block.rows()).collect();
    match (plan.solver.method, &plan.stiff) {
        (OdeMethod::Stiff, Some(stiff)) => {
            stiff::integrate::<W>(compiled, plan, stiff, block, &all, sheet, lanes);
            if plan.solver.steady {
                steady::settle(compiled, plan, stiff, block, sheet);
            }
        }
        (OdeMethod::Auto, Some(stiff)) => {
            let again = explicit::integrate::<W>(compiled, plan, block, &all, sheet, lanes, true);
            if !again.is_empty() {
                again.iter().for_each(|&row| sheet.retry(row));
                stiff::integrate::<W>(compiled, plan, stiff, block, &again, sheet, lanes);
            }
        }
        _ => {
            explicit::integrate::<W>(compiled, plan, block, &all, sheet, lanes, false);
        }
    }
}

#[cfg(test)]
mod tests;
