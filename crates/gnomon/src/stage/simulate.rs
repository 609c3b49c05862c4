//! First stage: fill the bank of simulations.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use gnomon_bank::{Bank, Info, Schema};
use gnomon_claim::exact::share_lower;
use gnomon_simulate::REJECTED;

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::population::Population;
use crate::stamp::{self, Cost, Stamp};

pub(super) const STAGE: &str = "simulate";

/// Where the study's bank is: simulations that the user imported, or those of these mechanisms and
/// this seed. A changed mechanism gets a bank of its own, so none is lost.
///
/// # Errors
/// Where the schema cannot be written down.
pub fn folder(context: &Context, population: &Population<'_>) -> Result<PathBuf, Failure> {
    let imported = imported_folder(context);
    if imported.is_dir() {
        return Ok(imported);
    }
    let schema = population.schema(context.seed).to_json()?;
    Ok(context.banks().join(&stamp::hash(&[&schema])[..12]))
}

/// Where imported simulations are.
#[must_use]
pub fn imported_folder(context: &Context) -> PathBuf {
    context.banks().join("imported")
}

/// The bank of a study as it is now.
///
/// # Errors
/// Where there is none, it is damaged, or it is of another study or of another version of it.
pub fn open(context: &Context, population: &Population<'_>) -> Result<Bank, Failure> {
    let folder = folder(context, population)?;
    let bank = Bank::open(&folder)?;
    if folder != imported_folder(context) {
        bank.require(&population.schema(context.seed))?;
    } else if !bank.schema().study.ends_with(&context.study.identity()) {
        return Err(Failure::damaged(
            "the imported simulations are of another study, or of an earlier version of this one",
            "if they still fit, give `gnomon bank import` the file again with `--replace`",
        ));
    }
    Ok(bank)
}

/// Fills the bank to the wished number of simulations; what is there already stays.
///
/// # Errors
/// Where a program cannot be run, too many simulations fail, the disk is full, the bank is damaged,
/// or the user interrupts: the shards written so far stay, and a later call goes on from them.
pub fn run(context: &Context, population: &Population<'_>) -> Result<Bank, Failure> {
    let folder = folder(context, population)?;
    if folder == imported_folder(context) {
        if context.study.simulate.rounds > 1 {
            return Err(Failure::refused(
                "`[simulate] rounds` simulates where the posterior is, but the bank was imported",
                "leave `rounds` out, or move results/banks/imported away",
            ));
        }
        return open(context, population);
    }
    let schema = population.schema(context.seed);
    if let Some(bank) = complete(&folder, &schema, context.simulations) {
        return Ok(bank);
    }
    let mut writer = Bank::create(&folder, schema)?;
    let already = writer.bank().rows();
    let bar = context
        .progress
        .bar("simulating", "simulations", context.simulations);
    bar.set_position(already);
    bar.reset_eta();
    let began = Instant::now();
    let mut failures = Failures::default();
    if already > 0 {
        failures.count_bank(&writer.bank().info()?);
    }
    let most = context.study.simulate.most_failures;
    let plans = writer.missing(context.simulations);
    for (number, plan) in plans.iter().enumerate() {
        interrupt::check()?;
        let numbers: Vec<u64> = plan.simulations().collect();
        let rows = population.rows(context.seed, &numbers)?;
        failures.count(&rows.failure);
        // The last shard is not kept where too many failed, so that a later run says so again.
        if number + 1 == plans.len() {
            failures.check(most)?;
            failures.check_accepted()?;
        }
        failures.check_midway(most)?;
        writer.write(*plan, &rows)?;
        bar.inc(plan.rows);
    }
    bar.finish_and_clear();
    let bank = writer.finish();
    let simulated = bank.rows().saturating_sub(already);
    let spent = Stamp::read(&context.results(), STAGE).map_or(0.0, |stamp| {
        if already > 0 {
            stamp.cost.iter().map(|cost| cost.seconds).sum()
        } else {
            0.0
        }
    });
    let cost = Cost {
        what: "simulations for learning".into(),
        count: already + simulated,
        seconds: spent + began.elapsed().as_secs_f64(),
        per_query: false,
    };
    Stamp {
        made_from: hash(&bank, context.simulations)?,
        cost: vec![cost],
    }
    .write(&context.results(), STAGE)?;
    Ok(bank)
}

/// Seconds that the simulations in the bank took.
#[must_use]
pub fn seconds(context: &Context) -> f64 {
    let stamp = Stamp::read(&context.results(), STAGE);
    stamp.map_or(0.0, |stamp| {
        stamp.cost.iter().map(|cost| cost.seconds).sum()
    })
}

/// A hash of at most the first `simulations` of a bank.
///
/// # Errors
/// Where the schema cannot be written down.
pub fn hash(bank: &Bank, simulations: u64) -> Result<String, Failure> {
    let schema = bank.schema().to_json()?;
    Ok(stamp::hash(&[
        &schema,
        &bank.rows().min(simulations).to_string(),
    ]))
}

fn complete(folder: &Path, schema: &Schema, simulations: u64) -> Option<Bank> {
    let bank = Bank::open(folder).ok()?;
    (bank.rows() >= simulations && bank.require(schema).is_ok()).then_some(bank)
}

/// Whether a simulation was left out by a condition of its mechanism's [accept].
#[must_use]
pub fn is_rejected(reason: &str) -> bool {
    reason.starts_with(REJECTED)
}

/// The share of simulations that must be accepted.
const FEWEST_ACCEPTED: f64 = 0.001;

/// Simulations so far that count, and those that failed.
#[derive(Debug, Default)]
struct Failures {
    simulations: u64,
    failed: u64,
    rejected: u64,
    reasons: BTreeMap<String, u64>,
}

impl Failures {
    fn count(&mut self, failures: &[Option<String>]) {
        self.simulations += failures.len() as u64;
        for reason in failures.iter().flatten() {
            self.add(reason, 1);
        }
    }

    fn count_bank(&mut self, bank: &Info) {
        self.simulations += bank.rows;
        for reason in &bank.reasons {
            self.add(&reason.reason, reason.count);
        }
    }

    /// A simulation that is not accepted has not failed: it is not one that counts.
    fn add(&mut self, reason: &str, count: u64) {
        if is_rejected(reason) {
            self.simulations -= count;
            self.rejected += count;
        } else {
            self.failed += count;
            *self.reasons.entry(reason.to_owned()).or_default() += count;
        }
    }

    /// Stops a run of which nothing, or next to nothing, is accepted.
    fn check_accepted(&self) -> Result<(), Failure> {
        let all = self.simulations + self.rejected;
        if self.rejected == 0 || self.simulations as f64 >= FEWEST_ACCEPTED * all as f64 {
            return Ok(());
        }
        Err(Failure::Simulation {
            message: format!(
                "[accept] leaves {} of {all} simulations: too few to learn from",
                self.simulations
            ),
            help: Some("loosen its conditions, or narrow the priors to where they hold".into()),
        })
    }

    /// Stops a run that can hardly end well: the share of failures is above `most` beyond doubt.
    fn check_midway(&self, most: f64) -> Result<(), Failure> {
        const DOUBT: f64 = 1e-6;
        let (failed, simulations) = (self.failed as usize, self.simulations as usize);
        if share_lower(failed, simulations, DOUBT) > most {
            return self.check(most);
        }
        Ok(())
    }

    fn check(&self, most: f64) -> Result<(), Failure> {
        let share = self.failed as f64 / self.simulations.max(1) as f64;
        if share <= most {
            return Ok(());
        }
        let commonest = self.reasons.iter().max_by_key(|(_, count)| **count);
        let reason = commonest.map_or("no reason", |(reason, _)| reason.as_str());
        Err(Failure::Simulation {
            message: format!(
                "{} of {} simulations failed ({:.0} %), most often: {reason}",
                self.failed,
                self.simulations,
                100.0 * share
            ),
            help: Some(format!(
                "mend the mechanism or narrow its priors; `[simulate] most_failures` allows {most}"
            )),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(failed: u64, simulations: u64) -> Failures {
        Failures {
            simulations,
            failed,
            ..Failures::default()
        }
    }

    #[test]
    fn a_run_is_stopped_midway_only_beyond_doubt_and_judged_at_its_end() {
        assert!(failures(110, 500).check_midway(0.2).is_ok());
        assert!(failures(110, 500).check(0.2).is_err());
        assert!(failures(250, 500).check_midway(0.2).is_err());
        assert!(failures(100, 500).check(0.2).is_ok());
    }

    #[test]
    fn what_a_bank_holds_counts() {
        let mut all = Failures::default();
        all.count(&[None, Some("cold".into()), Some("hot".into())]);
        all.count(&[Some("cold".into())]);
        let said = all.check(0.5).unwrap_err().to_string();
        assert!(said.contains("3 of 4") && said.contains("cold"), "{said}");
    }
}
