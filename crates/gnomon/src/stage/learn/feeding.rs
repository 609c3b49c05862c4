//! How simulations reach the networks: all of the bank in memory, a bank larger than memory in parts,
//! or fresh ones while the network trains.

use std::sync::Arc;

use gnomon_learn::coordinates::Coordinates;
use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::standardise::Standardiser;
use gnomon_learn::train::Recipe;

use super::budget::Budget;
use super::choice;
use super::examples::{self, Standardisers, Target, View};
use super::online::Online;
use super::regressed::Regressed;
use super::shards::Shards;
use super::source::Source;
use super::survey::{self, Part, Survey};
use super::training::Job;
use super::{CLASSES, UNSEEN, density_folder};
use crate::context::Context;
use crate::failure::Failure;
use crate::memory;
use crate::population::Population;
use crate::stage::networks;
use crate::stage::usable::Usable;

/// Rows of one mechanism below which nothing is learned of it.
pub(in crate::stage) const FEWEST_ROWS: u64 = 100;

/// Rows that judge a network that is trained on fresh simulations: some hundredths of its work.
const JUDGES: u64 = 20_000;

/// How columns are standardised, and the networks to train.
pub(super) type Jobs<'a> = (Arc<Standardisers>, Vec<Job<'a>>);

/// What is to be trained: p(mechanism | given), and p(parameters | given) of each mechanism.
///
/// # Errors
/// Where the bank is damaged or lacks what is given, or holds too little to learn from.
pub(super) fn jobs<'a>(
    context: &'a Context,
    population: &'a Population<'a>,
    usable: &'a Usable<'a>,
) -> Result<Jobs<'a>, Failure> {
    let targets = targets(context);
    let budget = Budget::new(context, targets.len() * context.study.learn.members);
    if choice::is_online(context, population, usable)? {
        return while_simulating(context, population, usable, targets, budget);
    }
    let needed = usable.rows() * usable.columns() as u64 * Budget::EACH;
    if needed <= budget.bytes {
        return in_memory(context, usable, targets);
    }
    context.progress.say(&format!(
        "To learn from all simulations at once takes {}, more than the {} that `[learn] memory` \
         allows: they are read in parts.",
        memory::in_words(needed),
        memory::in_words(budget.bytes)
    ));
    in_parts(context, usable, targets, budget)
}

/// What the study's networks predict.
fn targets(context: &Context) -> Vec<Target> {
    let mechanisms = &context.study.mechanisms;
    let densities = mechanisms
        .iter()
        .enumerate()
        .map(|(index, mechanism)| Target::Parameters(index, Coordinates::new(mechanism)));
    let learned = densities.filter(|target| match target {
        Target::Mechanism | Target::Unseen => true,
        Target::Parameters(_, coordinates) => coordinates.dimension() > 0,
    });
    let classes = (mechanisms.len() > 1).then_some(Target::Mechanism);
    let unseen = (!context.study.unseen.is_empty()).then_some(Target::Unseen);
    learned.chain(classes).chain(unseen).collect()
}

/// Refuses to learn from next to nothing.
fn check_rows(context: &Context, target: &Target, rows: u64) -> Result<(), Failure> {
    match target {
        Target::Parameters(own, _) if rows < FEWEST_ROWS => Err(Failure::Simulation {
            message: format!(
                "only {rows} simulations of `{}` can be learned from; at least {FEWEST_ROWS} are needed",
                context.study.mechanisms[*own].name
            ),
            help: Some(
                "ask for more by `[simulate] simulations`; `gnomon bank info STUDY` says why simulations failed"
                    .into(),
            ),
        }),
        _ => Ok(()),
    }
}

fn job<'a>(
    context: &Context,
    standardiser: &Standardiser,
    target: &Target,
    source: Source<'a>,
) -> Job<'a> {
    let study = &context.study;
    match target {
        Target::Mechanism => Job {
            name: "which mechanism".into(),
            folder: CLASSES.into(),
            networks: vec![networks::classes(study, standardiser); study.learn.members],
            source,
        },
        Target::Parameters(own, coordinates) => {
            let name = &study.mechanisms[*own].name;
            let of_member =
                |member| networks::density(study, standardiser, coordinates.dimension(), member);
            Job {
                name: format!("parameters of {name}"),
                folder: density_folder(name),
                networks: (0..study.learn.members).map(of_member).collect(),
                source,
            }
        }
        Target::Unseen => {
            let of_member = |member| networks::unseen(study, standardiser, member);
            Job {
                name: "what is not seen".into(),
                folder: UNSEEN.into(),
                networks: (0..study.learn.members).map(of_member).collect(),
                source,
            }
        }
    }
}

fn in_memory<'a>(
    context: &'a Context,
    usable: &Usable<'_>,
    targets: Vec<Target>,
) -> Result<Jobs<'a>, Failure> {
    let table = usable.read()?;
    let (standardiser, given) = examples::standardised(context, &table)?;
    let unseen = examples::unseen_rows(context, &table, 0..table.len())?;
    let of_unseen = examples::fit_unseen(context, &unseen)?;
    let mut jobs = Vec::new();
    for target in &targets {
        let rows: Vec<usize> = (0..table.len())
            .filter(|&row| target.learns_from(table.rows.mechanism[row]))
            .collect();
        check_rows(context, target, rows.len() as u64)?;
        let targets = match target {
            Target::Mechanism => Targets::Classes(table.rows.mechanism.clone()),
            Target::Parameters(own, coordinates) => {
                Targets::Values(examples::scores(context, coordinates, &table, *own, &rows)?)
            }
            Target::Unseen => Targets::Values(match &of_unseen {
                Some(standardiser) => {
                    examples::unseen(context, standardiser, &unseen, &table.rows.simulation)
                }
                None => Matrix::default(),
            }),
        };
        let given = examples::pick(&given, &rows);
        let examples = Examples { given, targets };
        // A regression on what is given without noise would not be one on what is given with it.
        let noisy = context.study.learn.noise > 0.0;
        let regressed = match (context.study.learn.members, target) {
            (1, _) | (_, Target::Unseen) => None,
            _ if noisy => None,
            _ => Regressed::new(&examples),
        };
        let source = Source::Memory {
            examples,
            regressed,
        };
        jobs.push(job(context, &standardiser, target, source));
    }
    let standardisers = Standardisers {
        given: standardiser,
        unseen: of_unseen,
    };
    Ok((Arc::new(standardisers), jobs))
}

/// The share of `rows` that leaves about `most` of them.
fn share(most: u64, rows: u64) -> f64 {
    most as f64 / rows.max(1) as f64
}

fn in_parts<'a>(
    context: &'a Context,
    usable: &'a Usable<'a>,
    targets: Vec<Target>,
    budget: Budget,
) -> Result<Jobs<'a>, Failure> {
    let columns = usable.columns();
    let validation = context.study.learn.validation;
    let validation = validation.unwrap_or(Recipe::default().validation);
    let held_out = |rows| share(budget.held_out(columns), rows).min(validation);
    let (standardisers, parts) = look_through(context, usable, &targets, held_out, budget)?;
    let standardiser = &standardisers.given;
    let targets_at_most = columns.saturating_sub(standardiser.inputs());
    let window = budget.window(standardiser.outputs() + targets_at_most);
    let mut jobs = Vec::new();
    for (target, part) in targets.into_iter().zip(parts) {
        let view = View {
            context,
            standardisers: Arc::clone(&standardisers),
            target: target.clone(),
        };
        let each = (part.rows() / part.shards.len().max(1) as u64).max(1);
        let held_out = view.examples(part.held_out)?;
        let shards = Shards {
            usable,
            view,
            shards: part.shards,
            held_out: part.share,
            window: (window / each).max(1) as usize,
        };
        let source = Source::Bank { shards, held_out };
        jobs.push(job(context, &standardisers.given, &target, source));
    }
    Ok((standardisers, jobs))
}

fn while_simulating<'a>(
    context: &'a Context,
    population: &'a Population<'a>,
    usable: &Usable<'_>,
    targets: Vec<Target>,
    budget: Budget,
) -> Result<Jobs<'a>, Failure> {
    if usable.is_imported() {
        return Err(Failure::refused(
            "`[learn] online` simulates while the networks are trained, but the bank was imported",
            "leave `online` out, or move results/banks/imported away",
        ));
    }
    let why = match context.study.learn.online {
        Some(_) => "",
        None => ", which are cheap (`[learn] online = false` takes the bank's)",
    };
    context.progress.say(&format!(
        "The networks are trained on fresh simulations{why}; those of the bank judge them."
    ));
    let columns = usable.columns();
    let most = budget.held_out(columns).min(JUDGES);
    let held_out = |rows| share(most, rows).min(1.0);
    let (standardisers, parts) = look_through(context, usable, &targets, held_out, budget)?;
    let block = budget.window(2 * columns);
    let members = context.study.learn.members;
    let mut jobs = Vec::new();
    for (place, (target, part)) in targets.into_iter().zip(parts).enumerate() {
        let view = View {
            context,
            standardisers: Arc::clone(&standardisers),
            target: target.clone(),
        };
        let rows = part.rows() + part.held_out.numbers.len() as u64;
        let held_out = view.examples(part.held_out)?;
        let online = Online::new(population, view, (place * members) as u64, block);
        let source = Source::Simulator {
            online,
            held_out,
            rows,
        };
        jobs.push(job(context, &standardisers.given, &target, source));
    }
    Ok((standardisers, jobs))
}

/// The standardisers, and each target's part of the bank, of which a share is held out by the number of
/// its rows.
fn look_through(
    context: &Context,
    usable: &Usable<'_>,
    targets: &[Target],
    held_out: impl Fn(u64) -> f64,
    budget: Budget,
) -> Result<(Arc<Standardisers>, Vec<Part>), Failure> {
    let counts = survey::count(context, usable)?;
    let mut asked = Vec::new();
    for target in targets {
        let rows = counts.iter().enumerate();
        let own = rows.filter(|(mechanism, _)| target.learns_from(*mechanism as u32));
        let rows: u64 = own.map(|(_, rows)| rows).sum();
        check_rows(context, target, rows)?;
        asked.push((target.clone(), held_out(rows)));
    }
    let sample = share(budget.sample(usable.columns()), counts.iter().sum());
    let Survey {
        parts,
        mut sample,
        unseen,
        numbers,
        missing,
    } = survey::survey(context, usable, &asked, sample)?;
    let mut given = examples::fit(context, &mut sample, numbers.into_iter())?;
    given.allow_missing(&missing);
    let unseen = examples::fit_unseen(context, &unseen)?;
    Ok((Arc::new(Standardisers { given, unseen }), parts))
}
