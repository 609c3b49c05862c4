//! An emulator: the bank -> a learned map, chosen among families -> error estimates and a threshold, on
//! fresh queries -> claims, on others -> what it costs -> a report. [`ask`] answers queries with it.

pub mod ask;
pub mod average;
mod certify;
mod conserved;
mod costs;
mod kept;
mod known;
mod learned;
mod levels;
mod measure;
mod shown;
mod solver;
mod sweeps;
pub mod worst;

use std::path::PathBuf;

use gnomon_bank::Bank;
use gnomon_claim::seal;
use gnomon_emulate::Points;
use gnomon_emulate::accept::{Acceptance, Seen};
use gnomon_emulate::cascade::{Cascade, Reason};
use gnomon_emulate::domain::Domain;
use gnomon_emulate::ledger::{Ledger, Paid};
use gnomon_mechanism::study::Emulation;
use gnomon_report::content;
use serde::{Deserialize, Serialize};

use super::examine::count_attempt;
use super::simulate;
use crate::context::Context;
use crate::failure::Failure;
use crate::population::Population;
use crate::stamp::{self, Stamp};
use certify::Judged;
use conserved::{Drifts, Quantities};
use costs::{Costs, ledger};
use kept::Kept;
use known::{Known, Pool};
use learned::{Learned, learn};
use measure::Tolerances;
use solver::{Solver, failed};
use sweeps::Refiner;

/// The stamp of the report.
const STAGE: &str = "emulate";
const FOLDER: &str = "emulator";
const CASCADE: &str = "emulator/cascade.json";
const PAGE: &str = "emulation";

/// What was found, and the page that shows it.
pub struct Emulated {
    /// In numbers and words.
    pub emulation: content::Emulation,
    /// The page.
    pub page: PathBuf,
}

/// What was learned from.
struct Training {
    bank: Known,
    kept: Kept,
    queries: Points,
    answers: Points,
}

/// What is saved of a cascade, beside its learned map.
#[derive(Serialize, Deserialize)]
struct Saved {
    /// A hash of the study's part in it.
    of: String,
    domain: Domain,
    acceptance: Acceptance,
    tolerances: Vec<f64>,
    /// 95 % of refined answers are nearer to the solver's than so many of its own tolerances, if that is known.
    #[serde(default)]
    refined_within: Option<f64>,
}

/// Everything that the report tells.
struct Findings<'a> {
    emulation: &'a Emulation,
    tolerances: Tolerances,
    learned: Learned,
    cascade: Cascade,
    pool: Known,
    judged: Vec<Judged>,
    claims: Vec<content::Claim>,
    curve: content::LearningCurve,
    modes: content::ModeCurve,
    sweeps: content::Sweeps,
    conserved: Vec<content::Conserved>,
    trajectories: content::Trajectories,
    ledger: Ledger,
    /// How the solver at equal error was found, in words.
    baseline: String,
    notes: Vec<String>,
}

/// Simulates, learns, calibrates, certifies and reports what is not up to date.
///
/// # Errors
/// Where the study asks for no emulator, the solver cannot be run or is less accurate than the tolerance,
/// nothing can be learned, the disk refuses, or the user interrupts: what is done is kept.
pub fn run(context: &Context, population: &Population<'_>) -> Result<Emulated, Failure> {
    let emulation = wanted(context)?;
    if simulate::imported_folder(context).is_dir() {
        return Err(Failure::refused(
            "the bank was imported, and an emulator is certified on fresh queries, which need the solver",
            "move results/banks/imported away, or give the solver as a [program]",
        ));
    }
    let solver = Solver::new(&context.study.mechanisms[0], emulation, context.seed)?;
    let bank = simulate::run(context, population)?;
    let training = training(context, emulation, &solver, &bank)?;
    let made_from = made_from(context, emulation, &training, &bank)?;
    let page = context.results().join(FOLDER).join(format!("{PAGE}.html"));
    let whole = stamp::hash(&[&made_from, &context.study.text]);
    if Stamp::read(&context.results(), STAGE).is_some_and(|stamp| stamp.made_from == whole)
        && page.is_file()
        && let Some(emulation) = context.read_result(&format!("{FOLDER}/{PAGE}.json"))
    {
        return Ok(Emulated { emulation, page });
    }
    Stamp::remove(&context.results(), STAGE);
    let tolerances = measure::tolerances(emulation, &training.answers);
    measure::same_twice(&solver, &training.bank)?;
    let reference = measure::reference(&solver, &training.bank)?;
    let mut notes = notes(&training);
    if let Some(reference) = &reference {
        let accuracy = reference.accuracy(&solver, &tolerances.columns, emulation.level)?;
        notes.push(shown::accuracy(accuracy));
    } else if solver.is_program() {
        notes.push(shown::UNKNOWN_ACCURACY.into());
    }
    let learned = learn(context, emulation, &training, &tolerances, made_from)?;
    notes.extend(shown::never_varied(
        context,
        emulation,
        &learned.surrogate.dropped(),
    ));
    let domain = domain(&training.bank)?;
    let (cascade, calibration) = calibrated(
        context,
        population,
        emulation,
        &solver,
        &learned,
        domain,
        &tolerances,
    )?;
    let breaks = measure::breaks(&solver, &training.bank, &calibration.0, &cascade)?;
    notes.extend(shown::breaks(context, emulation, &breaks));
    notes.extend(shown::trivial(emulation, &training.answers, &tolerances));
    let (curve, modes) = levels::measured(context, &training, &calibration.0, &cascade)?;
    let certified = certify(context, population, emulation, &solver, &cascade, &training)?;
    notes.extend(shown::failures_of_pools(
        &calibration.0,
        &certified.pool,
        &certified.judged,
    ));
    let Certified {
        pool,
        pool_seconds,
        judged,
        claims,
        drifts,
        attempt,
    } = certified;
    notes.extend(drifts.notes);
    if attempt > 1 {
        notes.push(format!(
            "These claims touched their sealed queries {attempt} times."
        ));
    }
    let sweeps = sweeps::measured(context, emulation, &solver, &cascade, &pool)?;
    let within = sweeps.factor.is_finite().then_some(sweeps.factor);
    context.write(CASCADE, &saved(context, emulation, &cascade, within))?;
    let costs = Costs {
        bank: Paid {
            what: "bank".into(),
            solves: training.bank.len() as u64,
            seconds: simulate::seconds(context),
        },
        training: learned.seconds,
        calibration: calibration.1,
        certification: pool_seconds,
    };
    let (ledger, baseline) = ledger(
        emulation,
        &solver,
        reference.as_ref(),
        &cascade,
        &tolerances,
        &pool,
        &judged,
        costs,
    )?;
    let findings = Findings {
        emulation,
        tolerances,
        learned,
        cascade,
        pool,
        judged,
        claims,
        curve,
        modes,
        sweeps,
        conserved: drifts.conserved,
        trajectories: drifts.trajectories,
        ledger,
        baseline,
        notes,
    };
    let found = shown::emulation(context, &findings);
    let folder = context.results().join(FOLDER);
    let written = gnomon_report::write_emulation(&found, &folder)
        .map_err(|error| Failure::Outside(error.to_string()))?;
    Stamp {
        made_from: whole,
        cost: Vec::new(),
    }
    .write(&context.results(), STAGE)?;
    Ok(Emulated {
        emulation: found,
        page: written.page,
    })
}

/// The emulator that the study asks for.
fn wanted(context: &Context) -> Result<&Emulation, Failure> {
    context.study.emulation.as_ref().ok_or_else(|| {
        Failure::refused(
            "the study asks for no emulator",
            "give it parameters, and a table [emulate] with tolerance = 0.01; `gnomon run` answers its question",
        )
    })
}

/// The bank's simulations and the solves that were kept.
fn training(
    context: &Context,
    emulation: &Emulation,
    solver: &Solver,
    bank: &Bank,
) -> Result<Training, Failure> {
    let bank = Known::read(
        context,
        emulation,
        solver.prior(),
        bank,
        context.simulations,
    )?;
    let rows = bank.answered();
    if rows.is_empty() {
        return Err(Failure::Simulation {
            message: "no simulation succeeded: there is nothing to emulate".into(),
            help: Some("`gnomon bank info STUDY` lists the reasons".into()),
        });
    }
    let names = names(context, emulation);
    let kept = kept::read(context, &names, emulation.given.len())?;
    let (mut queries, mut answers) = (bank.queries.select(&rows), bank.answers.select(&rows));
    for (query, answer) in kept.queries.iter().zip(kept.answers.iter()) {
        queries.push(query).map_err(|e| failed(&e))?;
        answers.push(answer).map_err(|e| failed(&e))?;
    }
    Ok(Training {
        bank,
        kept,
        queries,
        answers,
    })
}

/// Names of what is given, then of what is emulated: columns of the bank.
fn names(context: &Context, emulation: &Emulation) -> Vec<String> {
    let parameters = &context.study.mechanisms[0].parameters;
    let given = emulation
        .given
        .iter()
        .map(|&place| parameters[place].name.clone());
    given.chain(emulation.columns()).collect()
}

/// A hash of what the emulator is made from.
fn made_from(
    context: &Context,
    emulation: &Emulation,
    training: &Training,
    bank: &Bank,
) -> Result<String, Failure> {
    let bits = |points: &Points| -> String {
        let bytes: Vec<u8> = points
            .values()
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        blake3::hash(&bytes).to_hex().to_string()
    };
    Ok(stamp::hash(&[
        &of(context, emulation),
        &simulate::hash(bank, context.simulations)?,
        &bits(&training.kept.queries),
        &bits(&training.kept.answers),
        &context.seed.to_string(),
    ]))
}

/// A hash of what an emulator must share with a study to answer for it.
fn of(context: &Context, emulation: &Emulation) -> String {
    stamp::hash(&[
        env!("CARGO_PKG_VERSION"),
        &context.study.identity(),
        &format!("{emulation:?}"),
    ])
}

/// What a user must know of the bank.
fn notes(training: &Training) -> Vec<String> {
    let mut notes = Vec::new();
    let failures = training.bank.len() - training.bank.answered().len();
    if failures > 0 {
        notes.push(shown::failures(training, failures));
    }
    if training.kept.queries.rows() > 0 {
        notes.push(format!(
            "Learned from beside the bank: solves that earlier queries fell back to, {} in all.",
            training.kept.queries.rows()
        ));
    }
    notes
}

/// Where the bank can speak; solves that were kept lie where users asked, and widen nothing.
fn domain(bank: &Known) -> Result<Domain, Failure> {
    let failures: Vec<bool> = bank.failures.iter().map(Option::is_some).collect();
    Domain::of(&bank.places, &failures).map_err(|e| failed(&e))
}

/// Calibrates the error estimates, and chooses the threshold, on fresh queries; returns these and the
/// seconds they took.
fn calibrated(
    context: &Context,
    population: &Population<'_>,
    emulation: &Emulation,
    solver: &Solver,
    learned: &Learned,
    domain: Domain,
    tolerances: &Tolerances,
) -> Result<(Cascade, (Known, f64)), Failure> {
    // The map's own hash names the pool: an enriched map is calibrated on other queries.
    let pool = Pool {
        name: "calibration",
        seed: context.seed_for(&format!("calibration of {}", learned.made_from)),
        queries: emulation.calibration,
    };
    let (known, seconds) = known::pool(context, population, solver.prior(), emulation, pool)?;
    let (none, _) = Acceptance::calibrate([&[], &[]], emulation.level, emulation.confidence);
    let mut cascade = Cascade {
        surrogate: learned.surrogate.clone(),
        domain,
        acceptance: none,
        tolerances: tolerances.columns.clone(),
    };
    let half = known.len() / 2;
    widen(&mut cascade, &known, half);
    let opinions = cascade.opinions(&known.queries, &known.placed());
    let mut halves: [Vec<Seen>; 2] = [Vec::new(), Vec::new()];
    for (row, opinion) in opinions.iter().enumerate() {
        let Ok(opinion) = opinion else { continue };
        halves[usize::from(row >= half)].push(Seen {
            spread: opinion.spread,
            error: match known.failures[row] {
                Some(_) => f64::INFINITY,
                None => cascade.error(&opinion.values, known.answers.row(row)),
            },
        });
    }
    let (acceptance, _) = Acceptance::calibrate(
        [&halves[0], &halves[1]],
        emulation.level,
        emulation.confidence,
    );
    cascade.acceptance = acceptance;
    // Only now: a query is no neighbour of itself.
    let places = known.placed();
    let failures = known.failures.iter().zip(places);
    cascade.domain.add_failures(
        failures
            .filter(|(failure, _)| failure.is_some())
            .filter_map(|(_, place)| place),
    );
    Ok((cascade, (known, seconds)))
}

/// Widens the cascade's domain to the first queries of a pool, `half` of it, in each parameter in which the learned
/// map is within the tolerance at all of those that lie beyond the bank.
fn widen(cascade: &mut Cascade, known: &Known, half: usize) {
    let of_bank = cascade.domain.clone();
    let placed = known.placed();
    let solved: Vec<(usize, &[f64])> = (0..half)
        .filter(|&row| known.failures[row].is_none())
        .filter_map(|row| Some((row, placed[row].as_deref()?)))
        .collect();
    let widened = |columns: &[bool]| {
        let places = solved.iter().map(|(_, place)| *place);
        of_bank.widened(places, columns)
    };
    let mut columns = vec![true; known.queries.columns()];
    cascade.domain = widened(&columns);
    let opinions = cascade.opinions(&known.queries, &placed);
    for &(row, place) in &solved {
        let right = match &opinions[row] {
            Ok(opinion) => cascade.error(&opinion.values, known.answers.row(row)) <= 1.0,
            // Far from the bank all the same: nothing is said there.
            Err(Reason::Outside(_)) => true,
            Err(_) => false,
        };
        let beyond = (0..columns.len()).filter(|&column| of_bank.is_beyond(column, place));
        if !right {
            beyond.for_each(|column| columns[column] = false);
        }
    }
    cascade.domain = widened(&columns);
}

/// What certification found.
struct Certified {
    pool: Known,
    pool_seconds: f64,
    judged: Vec<Judged>,
    claims: Vec<content::Claim>,
    drifts: Drifts,
    attempt: u32,
}

fn saved(
    context: &Context,
    emulation: &Emulation,
    cascade: &Cascade,
    refined_within: Option<f64>,
) -> Saved {
    Saved {
        of: of(context, emulation),
        domain: cascade.domain.clone(),
        acceptance: cascade.acceptance,
        tolerances: cascade.tolerances.clone(),
        refined_within,
    }
}

/// Saves the cascade, then tests its claims on sealed queries: their seed is a hash of the cascade and the
/// claims.
fn certify(
    context: &Context,
    population: &Population<'_>,
    emulation: &Emulation,
    solver: &Solver,
    cascade: &Cascade,
    training: &Training,
) -> Result<Certified, Failure> {
    let saved = saved(context, emulation, cascade, None);
    context.write(CASCADE, &saved)?;
    let wrong = |error: &dyn std::fmt::Display| Failure::damaged(error, "emulate anew");
    let mut bytes = serde_json::to_vec(&saved).map_err(|e| wrong(&e))?;
    bytes.extend(serde_json::to_vec(&cascade.surrogate).map_err(|e| wrong(&e))?);
    let mechanism = &context.study.mechanisms[0];
    let surrogate = &cascade.surrogate;
    let quantities = Quantities::new(mechanism, emulation, solver, surrogate, &training.queries);
    let refiner = Refiner::new(mechanism, emulation, solver, surrogate).ok();
    let mut claims = certify::claims(emulation).to_vec();
    claims.extend(quantities.claims(refiner.is_some()));
    let seed = seal::test_seed(&seal::weights_digest(&bytes), &claims).map_err(|e| wrong(&e))?;
    let attempt = count_attempt(context, seed)?;
    let pool = Pool {
        name: "certification",
        seed,
        queries: emulation.queries,
    };
    let (pool, pool_seconds) = known::pool(context, population, solver.prior(), emulation, pool)?;
    let rows = training.answers.rows() as f64;
    let mean: Vec<f64> = (0..training.answers.columns())
        .map(|column| training.answers.column(column).sum::<f64>() / rows)
        .collect();
    let judged = certify::judge(cascade, &pool, &mean);
    let mut drifts = quantities.drifts(refiner.as_ref(), &pool, &judged)?;
    let seen = std::mem::take(&mut drifts.seen);
    let claims = certify::test(emulation, &judged, seen, seed, attempt)?;
    Ok(Certified {
        pool,
        pool_seconds,
        judged,
        claims,
        drifts,
        attempt,
    })
}
