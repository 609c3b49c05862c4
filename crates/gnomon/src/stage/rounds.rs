//! Simulations in rounds: round 1 draws parameters from the prior; each later one from the prior
//! truncated to where the posterior of the study's own data is by the networks so far (TSNPE; Deistler
//! et al. 2022). One bank a round; the last learning is the study's own.

mod history;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use gnomon_bank::Bank;
use gnomon_infer::truncation::{Cut, LEFT_OUT, Region};
use gnomon_infer::{Amortized, InferError};
use serde::{Deserialize, Serialize};

use super::{learn, simulate};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::population::Population;
use crate::stamp;
use history::Posterior;
pub use history::history;

/// The only mechanism: studies of several have one round.
const MECHANISM: usize = 0;
/// Fewer simulations of a round teach nothing.
const FEWEST: u64 = 100;
const FILE: &str = "region.json";

/// All simulations that a study's networks learn from.
pub struct Simulated<'a> {
    /// One bank a round.
    pub banks: Vec<Bank>,
    /// What the last round's simulations are drawn from.
    pub population: Population<'a>,
    /// What those of the rounds before are drawn from.
    earlier: Vec<Population<'a>>,
    /// What each round but the last came to.
    ends: Vec<End>,
}

/// The end of a round: its network's answer, and the region that the next round draws from.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct End {
    /// A hash of what it is made from.
    made_from: String,
    cut: Cut,
    /// Seconds that it took to find the region.
    seconds: f64,
    posterior: Posterior,
}

/// How many simulations each round has.
#[must_use]
pub fn sizes(context: &Context) -> Vec<u64> {
    let rounds = context.study.simulate.rounds as u64;
    let (each, rest) = (context.simulations / rounds, context.simulations % rounds);
    (0..rounds)
        .map(|round| each + u64::from(round < rest))
        .collect()
}

/// Simulates every round, and learns after each but the last.
///
/// # Errors
/// As [`simulate::run`] and [`learn::run`]; and where a region is all but empty.
pub fn run<'a>(context: &Context, population: &Population<'a>) -> Result<Simulated<'a>, Failure> {
    gather(context, population, true)
}

/// The rounds as they are.
///
/// # Errors
/// Where one is not there yet, or not of the study as it is now.
pub fn find<'a>(context: &Context, population: &Population<'a>) -> Result<Simulated<'a>, Failure> {
    gather(context, population, false)
}

/// One round's simulations: where they are, and what makes them again.
pub struct Round<'a> {
    /// The bank's folder.
    pub folder: PathBuf,
    /// What they are drawn from.
    pub population: Population<'a>,
    /// Their seed.
    pub seed: u64,
}

/// Each of several rounds, as they are.
///
/// # Errors
/// As [`find`].
pub fn each<'a>(context: &Context, population: &Population<'a>) -> Result<Vec<Round<'a>>, Failure> {
    let all = find(context, population)?;
    let populations = all.earlier.into_iter().chain([all.population]);
    let rounds = (1..).zip(all.banks.iter().zip(populations));
    Ok(rounds
        .map(|(number, (bank, population))| Round {
            folder: bank.dir().to_owned(),
            population,
            seed: of_round(context, number, 0).seed,
        })
        .collect())
}

fn gather<'a>(
    context: &Context,
    population: &Population<'a>,
    work: bool,
) -> Result<Simulated<'a>, Failure> {
    let sizes = sizes(context);
    let bank = |context: &Context, population: &Population<'_>| match work {
        true => simulate::run(context, population),
        false => simulate::open(context, population),
    };
    if sizes.len() == 1 {
        return Ok(Simulated {
            banks: vec![bank(context, population)?],
            population: population.clone(),
            earlier: Vec::new(),
            ends: Vec::new(),
        });
    }
    if sizes.iter().any(|&size| size < FEWEST) {
        return Err(Failure::refused(
            format!(
                "{} simulations in {} rounds are fewer than {FEWEST} a round",
                context.simulations,
                sizes.len()
            ),
            "raise `[simulate] simulations`, or ask for fewer `rounds`",
        ));
    }
    let mut all = Simulated {
        banks: Vec::new(),
        population: population.clone(),
        earlier: Vec::new(),
        ends: Vec::new(),
    };
    let mut region: Option<Region> = None;
    for (number, &size) in (1..).zip(&sizes) {
        if work {
            context
                .progress
                .say(&format!("Round {number} of {}", sizes.len()));
        }
        let own = of_round(context, number, size);
        all.banks.push(bank(&own, &all.population)?);
        if number == sizes.len() {
            break;
        }
        let own = context.of_round(number);
        if !work && !learn::is_done(&own, &all.banks)? {
            return Err(stale(context));
        }
        let amortized = learn::run(&own, population, &all.banks)?;
        let (next, end) = end(&own, amortized, &all.ends, region.as_ref(), work)?;
        let name = format!(
            "round {}, prior truncated to region {}",
            number + 1,
            &end.made_from[..16]
        );
        let truncated = population.within(Arc::new(next.clone()), name);
        all.earlier
            .push(std::mem::replace(&mut all.population, truncated));
        region = Some(next);
        all.ends.push(end);
    }
    Ok(all)
}

/// The context in which one round is simulated: with a seed of its own, as simulations are numbered
/// from 0 in every round.
fn of_round(context: &Context, number: usize, size: u64) -> Context {
    let mut own = context.of_round(number);
    own.simulations = size;
    if number > 1 {
        own.seed = context.seed_for(&format!("round {number}"));
    }
    own
}

/// The region that a round's networks cut out, written down in the round's folder.
fn end(
    context: &Context,
    amortized: Amortized,
    before: &[End],
    within: Option<&Region>,
    work: bool,
) -> Result<(Region, End), Failure> {
    let data = context.data()?;
    let wrong = |error: InferError| Failure::damaged(error, "learn anew");
    let given = amortized.standardise(data).map_err(wrong)?;
    let networks = amortized.networks().densities.iter().flatten();
    let weights: Vec<String> = networks
        .flat_map(|ensemble| ensemble.members())
        .map(|member| member.hash())
        .collect();
    let made_from = stamp::hash(&[
        env!("CARGO_PKG_VERSION"),
        &weights.join(","),
        &format!("{data:?} {LEFT_OUT}"),
        before.last().map_or("", |end| &end.made_from),
    ]);
    let known: Option<End> = context.read_result(FILE);
    if let Some(end) = known.filter(|end| end.made_from == made_from) {
        let cut = end.cut.clone();
        return Ok((Region::known(amortized, MECHANISM, given, within, cut), end));
    }
    if !work {
        return Err(stale(context));
    }
    let began = Instant::now();
    let posterior = Posterior::of(context, &amortized, within, &given)?;
    let seed = context.seed_for("region");
    let region = Region::cut(amortized, MECHANISM, given, within, seed, interrupt::flag())
        .map_err(Failure::region)?;
    let end = End {
        made_from,
        cut: region.last_cut().clone(),
        seconds: began.elapsed().as_secs_f64(),
        posterior,
    };
    context.write(FILE, &end)?;
    // What a later command will read, to the last bit.
    let end = context.read_result(FILE).unwrap_or(end);
    Ok((region.with_cut(end.cut.clone()), end))
}

fn stale(context: &Context) -> Failure {
    Failure::refused(
        "the results are not of the study as it is now",
        format!("run `gnomon run {}`", context.path.display()),
    )
}
