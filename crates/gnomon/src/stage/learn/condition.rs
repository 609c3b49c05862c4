//! Networks learn from simulations that succeeded: how many did not, and what that makes of the answer.

use gnomon_bank::Bank;

use crate::context::Context;
use crate::failure::Failure;
use crate::stage::answer::percent;
use crate::stage::rounds;
use crate::stage::simulate::imported_folder;
use crate::stage::usable;

/// The simulations that failed, for each mechanism, and what the answer is given; empty where none did.
///
/// # Errors
/// Where a bank is damaged.
pub(super) fn in_words(context: &Context, banks: &[Bank]) -> Result<String, Failure> {
    let mechanisms = &context.study.mechanisms;
    let mut failed = vec![0_u64; mechanisms.len()];
    let mut all = vec![0_u64; mechanisms.len()];
    for (bank, size) in banks.iter().zip(rounds::sizes(context)) {
        let imported = bank.dir() == imported_folder(context);
        let numbers = usable::mechanisms(context, bank)?;
        let rows = bank.read_columns(&[])?.rows;
        for (row, &simulation) in rows.simulation.iter().enumerate() {
            if imported || simulation < size {
                let own = numbers[rows.mechanism[row] as usize];
                all[own] += 1;
                failed[own] += u64::from(rows.failure[row].is_some());
            }
        }
    }
    let lost: u64 = failed.iter().sum();
    if lost == 0 {
        return Ok(String::new());
    }
    let share = |m: usize| percent(failed[m] as f64 / all[m].max(1) as f64);
    let names = mechanisms.iter().enumerate();
    let each: Vec<String> = names
        .map(|(m, mechanism)| format!("{} of those of {}", share(m), mechanism.name))
        .collect();
    Ok(match each.as_slice() {
        [_] => format!(
            "{lost} of {} simulations failed ({}) and were left out. So the answer is given that a simulation \
             succeeds: the prior is that of parameters whose simulation does.",
            all[0],
            share(0)
        ),
        each => format!(
            "{lost} of {} simulations failed ({}) and were left out. So the answer is given that a simulation \
             succeeds: the prior of parameters is that of those whose simulation does, and a mechanism that \
             fails more often is less probable for it.",
            all.iter().sum::<u64>(),
            each.join(", ")
        ),
    })
}
