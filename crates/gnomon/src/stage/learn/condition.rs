//! Networks learn from simulations that succeeded and were accepted: how many were not, and what that
//! makes of the answer.

use gnomon_bank::Bank;

use crate::context::Context;
use crate::failure::Failure;
use crate::probability::percent;
use crate::stage::rounds;
use crate::stage::simulate::{imported_folder, is_rejected};
use crate::stage::usable;

/// One way of a simulation not to count, by mechanism.
struct Lost {
    verb: &'static str,
    /// What the prior of parameters becomes.
    prior: &'static str,
    /// What makes a mechanism less probable.
    less: &'static str,
    of: Vec<u64>,
}

/// The simulations that were not accepted or failed, for each mechanism, and what the answer is given;
/// empty where there are none.
///
/// # Errors
/// Where a bank is damaged.
pub(super) fn in_words(context: &Context, banks: &[Bank]) -> Result<String, Failure> {
    let mechanisms = &context.study.mechanisms;
    let mut all = vec![0_u64; mechanisms.len()];
    let mut ways = [
        Lost {
            verb: "were not accepted",
            prior: "that a simulation is accepted: the prior is that of parameters whose simulation is",
            less: "is rejected more often",
            of: all.clone(),
        },
        Lost {
            verb: "failed",
            prior: "that a simulation succeeds: the prior is that of parameters whose simulation does",
            less: "fails more often",
            of: all.clone(),
        },
    ];
    for (bank, size) in banks.iter().zip(rounds::sizes(context)) {
        let imported = bank.dir() == imported_folder(context);
        let numbers = usable::mechanisms(context, bank)?;
        let rows = bank.read_columns(&[])?.rows;
        for (row, &simulation) in rows.simulation.iter().enumerate() {
            if imported || simulation < size {
                let Some(own) = numbers[rows.mechanism[row] as usize] else {
                    continue;
                };
                all[own] += 1;
                if let Some(reason) = &rows.failure[row] {
                    ways[usize::from(!is_rejected(reason))].of[own] += 1;
                }
            }
        }
    }
    let told: Vec<String> = ways
        .iter()
        .filter(|way| way.of.iter().any(|&lost| lost > 0))
        .map(|way| told(way, &all, mechanisms.iter().map(|m| m.name.as_str())))
        .collect();
    Ok(told.join(" "))
}

fn told<'a>(way: &Lost, all: &[u64], names: impl Iterator<Item = &'a str>) -> String {
    let share = |m: usize| percent(way.of[m] as f64 / all[m].max(1) as f64);
    let (lost, total): (u64, u64) = (way.of.iter().sum(), all.iter().sum());
    let Lost {
        verb, prior, less, ..
    } = way;
    if all.len() == 1 {
        return format!(
            "{lost} of {total} simulations {verb} ({}) and were left out. So the answer is given {prior}.",
            share(0)
        );
    }
    let each: Vec<String> = names
        .enumerate()
        .map(|(m, name)| format!("{} of those of {name}", share(m)))
        .collect();
    format!(
        "{lost} of {total} simulations {verb} ({}) and were left out. So the answer is given {prior}, and a \
         mechanism that {less} is less probable for it: its prior probability is that before.",
        each.join(", ")
    )
}
