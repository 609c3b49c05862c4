//! Second stage: train p(mechanism | given) and p(parameters | given, mechanism) on the bank.

mod budget;
mod choice;
mod condition;
mod examples;
mod feeding;
mod online;
mod regressed;
mod shards;
mod source;
mod survey;
mod training;

use std::path::PathBuf;

use gnomon_bank::Bank;
use gnomon_infer::{Amortized, Networks};
use gnomon_learn::coordinates::Coordinates;
use gnomon_learn::ensemble::Ensemble;
use gnomon_learn::model::Model;
use gnomon_learn::network::Head;
use gnomon_report::content;
use serde::{Deserialize, Serialize};

use super::rounds;
use super::simulate;
use super::usable::{self, Usable};
use crate::context::Context;
use crate::failure::Failure;
use crate::population::Population;
use crate::stamp::{self, Stamp};
pub use examples::missing_entries;
pub(super) use examples::{given_rows, scores};
pub(super) use feeding::FEWEST_ROWS;

pub(super) const STAGE: &str = "learn";
const FILE: &str = "learned.json";
/// The folder of p(mechanism | given).
const CLASSES: &str = "mechanism";
/// The folder of what is observed and not given.
const UNSEEN: &str = "not-seen";

/// A hash of what the networks are made from; there is one bank a round.
///
/// # Errors
/// Where a bank's schema cannot be written down.
pub fn made_from(context: &Context, banks: &[Bank]) -> Result<String, Failure> {
    let study = &context.study;
    let sizes = rounds::sizes(context);
    let banks = banks.iter().zip(sizes);
    let banks = banks
        .map(|(bank, size)| simulate::hash(bank, size))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(stamp::hash(&[
        env!("CARGO_PKG_VERSION"),
        &banks.join(","),
        &study.given_columns().join(","),
        &study.unseen_columns().join(","),
        &format!("{:?}", study.learn),
        &format!("{:?}", missing_entries(context)),
        &context.seed.to_string(),
        &context.by_default.to_string(),
    ]))
}

/// What the networks in a results folder are of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Learned {
    /// A hash of the study's part in it: mechanisms, priors, what is given, how many members.
    of: String,
    /// The bank's seed.
    seed: u64,
    /// The bank's simulations.
    simulations: u64,
    /// Whether nobody said how many.
    #[serde(default)]
    by_default: bool,
    /// Each mechanism's share of the training rows, in expectation.
    shares: Vec<f64>,
    /// That the bank's simulations succeeded, in words; empty where all did.
    #[serde(default)]
    condition: String,
    /// The folder of each network, and a hash of its files.
    networks: Vec<(String, String)>,
}

/// The folders of a study's networks.
fn network_folders(context: &Context) -> Vec<String> {
    let study = &context.study;
    let densities = study
        .mechanisms
        .iter()
        .filter(|mechanism| Coordinates::new(mechanism).dimension() > 0)
        .map(|mechanism| density_folder(&mechanism.name));
    let classes = (study.mechanisms.len() > 1).then(|| CLASSES.to_owned());
    let unseen = (!study.unseen.is_empty()).then(|| UNSEEN.to_owned());
    let names = classes.into_iter().chain(densities).chain(unseen);
    let members =
        |name: String| (0..study.learn.members).map(move |member| format!("{name}-{}", member + 1));
    names.flat_map(members).collect()
}

/// A hash of the files of a network; of nothing where they are missing.
fn network_hash(context: &Context, folder: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    let folder = context.results().join("model").join(folder);
    for file in ["model.json", "weights.safetensors"] {
        hasher.update(&std::fs::read(folder.join(file)).unwrap_or_default());
    }
    hasher.finalize().to_hex().to_string()
}

/// A hash of what networks must share with a study to answer for it.
fn study_hash(context: &Context) -> String {
    let study = &context.study;
    let given = study.given_columns().join(",");
    let unseen = study.unseen_columns().join(",");
    let members = study.learn.members.to_string();
    // Networks of several rounds know the study's own data alone.
    let local = match study.simulate.rounds {
        1 => String::new(),
        rounds => format!("{rounds} rounds about {:?}", study.data),
    };
    stamp::hash(&[
        env!("CARGO_PKG_VERSION"),
        &study.identity(),
        &given,
        &unseen,
        &members,
        &local,
    ])
}

/// Takes over the seed and the number of simulations that the study's networks were trained with.
///
/// # Errors
/// Where nothing was learned yet, or the study has changed since.
pub fn adopt(context: &mut Context) -> Result<(), Failure> {
    let study = context.path.display().to_string();
    let learned: Option<Learned> = context.read_result(FILE);
    let done = Stamp::read(&context.results(), STAGE).is_some();
    let Some(learned) = learned.filter(|_| done) else {
        return Err(Failure::refused(
            format!("nothing was learned for {study} yet"),
            format!("run `gnomon learn {study}` first"),
        ));
    };
    if learned.of != study_hash(context) {
        return Err(Failure::damaged(
            format!(
                "the networks are not of this study: {study} has changed since they were trained"
            ),
            format!("run `gnomon learn {study}` again"),
        ));
    }
    context.seed = learned.seed;
    context.simulations = learned.simulations;
    context.by_default = learned.by_default;
    Ok(())
}

/// Whether the networks of these banks are there.
///
/// # Errors
/// Where a bank's schema cannot be written down.
pub fn is_done(context: &Context, banks: &[Bank]) -> Result<bool, Failure> {
    let made_from = made_from(context, banks)?;
    let stamp = Stamp::read(&context.results(), STAGE);
    Ok(stamp.is_some_and(|stamp| stamp.made_from == made_from))
}

/// Trains what is not trained yet, from one bank a round; there is at least one.
///
/// # Errors
/// Where the bank is damaged or too small, training diverges, the disk refuses, or the user
/// interrupts: finished networks and the state of the present one are kept.
pub fn run(
    context: &Context,
    population: &Population<'_>,
    banks: &[Bank],
) -> Result<Amortized, Failure> {
    let made_from = made_from(context, banks)?;
    if Stamp::read(&context.results(), STAGE).is_some_and(|stamp| stamp.made_from == made_from) {
        return load(context);
    }
    Stamp::remove(&context.results(), STAGE);
    let usable = Usable::new(context, banks)?;
    let (standardisers, jobs) = feeding::jobs(context, population, &usable)?;
    let cost = training::run(context, &made_from, &standardisers, jobs)?;
    let mut shares = vec![0.0; context.study.mechanisms.len()];
    let numbers = usable::mechanisms(context, &banks[0])?;
    for (theirs, number) in banks[0].schema().mechanisms.iter().zip(&numbers) {
        if let Some(number) = number {
            shares[*number] = theirs.weight;
        }
    }
    let (of, seed, simulations) = (study_hash(context), context.seed, context.simulations);
    context.write(
        FILE,
        &Learned {
            of,
            seed,
            simulations,
            by_default: context.by_default,
            shares,
            condition: condition::in_words(context, banks)?,
            networks: network_folders(context)
                .into_iter()
                .map(|folder| {
                    let hash = network_hash(context, &folder);
                    (folder, hash)
                })
                .collect(),
        },
    )?;
    let amortized = load(context)?;
    Stamp { made_from, cost }.write(&context.results(), STAGE)?;
    Ok(amortized)
}

/// The networks that were trained.
///
/// # Errors
/// Where a file is missing, damaged, or of another study.
pub fn load(context: &Context) -> Result<Amortized, Failure> {
    let study = &context.study;
    let again = "run `gnomon learn STUDY` again";
    let ensemble = |name: &str| {
        let members = (0..study.learn.members)
            .map(|member| Model::load(&folder(context, name, member)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Failure::damaged(error, again))?;
        Ensemble::new(members).map_err(|error| Failure::damaged(error, again))
    };
    let classes = if study.mechanisms.len() > 1 {
        Some(ensemble(CLASSES)?)
    } else {
        None
    };
    let mut densities = Vec::new();
    for mechanism in &study.mechanisms {
        let learned = Coordinates::new(mechanism).dimension() > 0;
        densities.push(if learned {
            Some(ensemble(&density_folder(&mechanism.name))?)
        } else {
            None
        });
    }
    let unseen = match study.unseen.is_empty() {
        true => None,
        false => Some(ensemble(UNSEEN)?),
    };
    let networks = classes.iter().chain(densities.iter().flatten());
    let first = networks.chain(&unseen).next();
    let standardiser = first
        .and_then(|ensemble| ensemble.members()[0].standardiser.clone())
        .ok_or_else(|| {
            Failure::refused(
                "there is nothing to learn: one mechanism, and all its parameters are fixed",
                "give a parameter a prior",
            )
        })?;
    let learned: Learned = context
        .read_result(FILE)
        .ok_or_else(|| Failure::damaged(format!("{FILE} is missing or damaged"), again))?;
    // A network of another study may have the same shape.
    for (folder, hash) in &learned.networks {
        if network_hash(context, folder) != *hash {
            return Err(Failure::damaged(
                format!(
                    "the network in model/{folder} is not the one that was trained for this study"
                ),
                again,
            ));
        }
    }
    let tilt = study.weights.iter().zip(&learned.shares);
    let tilt = tilt
        .map(|(prior, share)| if prior == share { 1.0 } else { prior / share })
        .collect();
    let networks = Networks {
        standardiser,
        classes,
        densities,
        unseen,
        tilt,
    };
    Amortized::new(&study.mechanisms, networks, context.threads)
        .map_err(|error| Failure::damaged(error, again))
}

/// What the networks' answers are given beside the data, in words: that simulations succeed; empty where
/// all did.
#[must_use]
pub fn condition(context: &Context) -> String {
    let learned: Option<Learned> = context.read_result(FILE);
    learned.map_or_else(String::new, |learned| learned.condition)
}

/// How each network was trained, for the report.
#[must_use]
pub fn training(context: &Context, networks: &Networks) -> Vec<content::Training> {
    let mut all = Vec::new();
    let mut add = |name: &str, mechanism: Option<&str>, ensemble: &Ensemble| {
        let count = ensemble.members().len();
        for (member, model) in ensemble.members().iter().enumerate() {
            let number = if count > 1 {
                format!(" ({} of {count})", member + 1)
            } else {
                String::new()
            };
            all.push(content::Training {
                network: format!("{name}{number}"),
                mechanism: mechanism.map(str::to_owned),
                description: model.network.to_string(),
                loss: match model.network.head {
                    Head::Classes => "cross-entropy, nats".into(),
                    Head::FlowMatching(_) => "squared error of the velocity".into(),
                    Head::Quantiles { .. } => "pinball loss, standardised".into(),
                    _ => "negative log density, nats".into(),
                },
                train: model.curve.iter().map(|epoch| epoch.train_loss).collect(),
                validation: model
                    .curve
                    .iter()
                    .map(|epoch| epoch.validation_loss)
                    .collect(),
                best_epoch: Some(model.best_epoch),
            });
        }
    };
    if let Some(classes) = &networks.classes {
        add("which mechanism", None, classes);
    }
    if let Some(unseen) = &networks.unseen {
        add("what is not seen", None, unseen);
    }
    for (mechanism, density) in context.study.mechanisms.iter().zip(&networks.densities) {
        if let Some(density) = density {
            let name = format!("parameters of {}", mechanism.name);
            add(&name, Some(&mechanism.name), density);
        }
    }
    all
}

fn density_folder(mechanism: &str) -> String {
    format!("parameters-of-{mechanism}")
}

fn folder(context: &Context, network: &str, member: usize) -> PathBuf {
    context
        .results()
        .join("model")
        .join(format!("{network}-{}", member + 1))
}
