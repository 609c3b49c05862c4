//! Second stage: train p(mechanism | given) and p(parameters | given, mechanism) on the bank.

use std::path::PathBuf;
use std::time::Instant;

use gnomon_bank::{Bank, Table};
use gnomon_infer::{Amortized, Networks};
use gnomon_learn::coordinates::Coordinates;
use gnomon_learn::ensemble::Ensemble;
use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::Model;
use gnomon_learn::network::Network;
use gnomon_learn::standardise::{Field, Standardiser};
use gnomon_learn::train::{Control, TrainError, train};
use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_report::content;
use serde::{Deserialize, Serialize};

use super::{networks, simulate};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::stamp::{self, Cost, Stamp};

const STAGE: &str = "learn";
const FILE: &str = "learned.json";
/// Rows of one mechanism below which nothing is learned of it.
const FEWEST_ROWS: usize = 100;

/// A hash of what the networks are made from.
///
/// # Errors
/// Where the bank's schema cannot be written down.
pub fn made_from(context: &Context, bank: &Bank) -> Result<String, Failure> {
    let study = &context.study;
    Ok(stamp::hash(&[
        env!("CARGO_PKG_VERSION"),
        &simulate::made_from(bank, context)?,
        &study.given_columns().join(","),
        &format!("{:?}", study.learn),
        &format!("{:?}", missing_entries(context)),
        &context.seed.to_string(),
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
    /// Each mechanism's share of the training rows, in expectation.
    shares: Vec<f64>,
}

/// A hash of what networks must share with a study to answer for it.
fn study_hash(context: &Context) -> String {
    let study = &context.study;
    let given = study.given_columns().join(",");
    let members = study.learn.members.to_string();
    stamp::hash(&[
        env!("CARGO_PKG_VERSION"),
        &study.identity(),
        &given,
        &members,
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
    Ok(())
}

/// Trains what is not trained yet.
///
/// # Errors
/// Where the bank is damaged or too small, training diverges, the disk refuses, or the user
/// interrupts: finished networks and the state of the present one are kept.
pub fn run(context: &Context, bank: &Bank) -> Result<Amortized, Failure> {
    let made_from = made_from(context, bank)?;
    if Stamp::read(&context.results(), STAGE).is_some_and(|stamp| stamp.made_from == made_from) {
        return load(context);
    }
    Stamp::remove(&context.results(), STAGE);
    let table = simulate::read(context, bank)?;
    let job = Job::new(context, &made_from, &table)?;
    let study = &context.study;
    let mut cost = Vec::new();
    if study.mechanisms.len() > 1 {
        let network = networks::classes(&study.learn, &job.standardiser, study.mechanisms.len());
        let classes = table.rows.mechanism.clone();
        let examples = Examples {
            given: job.given.clone(),
            targets: Targets::Classes(classes),
        };
        cost.push(job.train("mechanism", &network, &examples)?);
    }
    for (index, mechanism) in study.mechanisms.iter().enumerate() {
        let coordinates = Coordinates::new(mechanism);
        if coordinates.dimension() == 0 {
            continue;
        }
        let rows: Vec<usize> = (0..table.len())
            .filter(|&row| table.rows.mechanism[row] as usize == index)
            .collect();
        if rows.len() < FEWEST_ROWS {
            return Err(Failure::Simulation {
                message: format!(
                    "only {} simulations of `{}` can be learned from; at least {FEWEST_ROWS} are needed",
                    rows.len(),
                    mechanism.name
                ),
                help: Some("raise `[simulate] simulations`".into()),
            });
        }
        let examples = Examples {
            given: pick(&job.given, &rows),
            targets: Targets::Values(scores(context, &coordinates, &table, index, &rows)?),
        };
        let network = networks::density(&study.learn, &job.standardiser, coordinates.dimension());
        cost.push(job.train(&mechanism.name, &network, &examples)?);
    }
    let mut shares = vec![0.0; study.mechanisms.len()];
    let numbers = simulate::mechanisms(context, bank)?;
    for (theirs, &number) in bank.schema().mechanisms.iter().zip(&numbers) {
        shares[number] = theirs.weight;
    }
    let (of, seed, simulations) = (study_hash(context), context.seed, context.simulations);
    context.write(
        FILE,
        &Learned {
            of,
            seed,
            simulations,
            shares,
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
        Some(ensemble("mechanism")?)
    } else {
        None
    };
    let mut densities = Vec::new();
    for mechanism in &study.mechanisms {
        let learned = Coordinates::new(mechanism).dimension() > 0;
        densities.push(if learned {
            Some(ensemble(&mechanism.name)?)
        } else {
            None
        });
    }
    let first = classes.iter().chain(densities.iter().flatten()).next();
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
    let tilt = study.weights.iter().zip(&learned.shares);
    let tilt = tilt
        .map(|(prior, share)| if prior == share { 1.0 } else { prior / share })
        .collect();
    let networks = Networks {
        standardiser,
        classes,
        densities,
        tilt,
    };
    Amortized::new(&study.mechanisms, networks, context.threads)
        .map_err(|error| Failure::damaged(error, again))
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
                loss: match mechanism {
                    None => "cross-entropy, nats".into(),
                    Some(_) => "negative log density, nats".into(),
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
    for (mechanism, density) in context.study.mechanisms.iter().zip(&networks.densities) {
        if let Some(density) = density {
            let name = format!("parameters of {}", mechanism.name);
            add(&name, Some(&mechanism.name), density);
        }
    }
    all
}

/// Which given entries the study's data lack.
#[must_use]
pub fn missing_entries(context: &Context) -> Vec<usize> {
    let data = context.study.data.iter().flatten().enumerate();
    data.filter(|(_, value)| value.is_nan())
        .map(|(entry, _)| entry)
        .collect()
}

/// The given columns of `table`, row after row.
///
/// # Errors
/// Where the bank lacks one.
pub fn given_rows(context: &Context, table: &Table) -> Result<Vec<f64>, Failure> {
    let columns = context
        .study
        .given_columns()
        .iter()
        .map(|name| column(table, name))
        .collect::<Result<Vec<_>, _>>()?;
    let mut rows = Vec::with_capacity(columns.len() * table.len());
    for row in 0..table.len() {
        rows.extend(columns.iter().map(|column| column[row]));
    }
    Ok(rows)
}

fn column<'a>(table: &'a Table, name: &str) -> Result<&'a [f64], Failure> {
    table.column(name).ok_or_else(|| {
        Failure::damaged(
            format!("the bank has no column `{name}`"),
            "import simulations with that column, or map one onto it with --map THEIRS=OURS",
        )
    })
}

fn folder(context: &Context, network: &str, member: usize) -> PathBuf {
    context
        .results()
        .join("model")
        .join(format!("{network}-{}", member + 1))
}

fn pick(matrix: &Matrix, rows: &[usize]) -> Matrix {
    let mut picked = Matrix::zeros(rows.len(), matrix.columns());
    for (to, &from) in rows.iter().enumerate() {
        picked.row_mut(to).copy_from_slice(matrix.row(from));
    }
    picked
}

/// The scores of one mechanism's parameters in some rows of the bank.
fn scores(
    context: &Context,
    coordinates: &Coordinates,
    table: &Table,
    mechanism: usize,
    rows: &[usize],
) -> Result<Matrix, Failure> {
    let parameters = &context.study.mechanisms[mechanism].parameters;
    let columns = parameters
        .iter()
        .map(|parameter| {
            let all = column(table, &parameter.name)?;
            Ok(rows.iter().map(|&row| all[row]).collect())
        })
        .collect::<Result<Vec<Vec<f64>>, Failure>>()?;
    let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let numbers: Vec<u64> = rows.iter().map(|&row| table.rows.simulation[row]).collect();
    let scores = coordinates.to_scores(&slices, context.seed, &numbers);
    Ok(gnomon_infer::amortized::rows_of(&scores))
}

/// What all trainings of a study share.
struct Job<'a> {
    context: &'a Context,
    made_from: &'a str,
    standardiser: Standardiser,
    given: Matrix,
}

impl<'a> Job<'a> {
    fn new(context: &'a Context, made_from: &'a str, table: &Table) -> Result<Self, Failure> {
        let mut given = given_rows(context, table)?;
        hide(&mut given, context, &missing_entries(context));
        let fields = context
            .study
            .given_series()
            .map(|series| match series.times.len() {
                1 => Field::scalar(&series.name),
                length => Field::series(&series.name, 1, length, false),
            })
            .collect();
        let wrong = |error: &dyn std::fmt::Display| Failure::Learning {
            network: "the given columns".into(),
            reason: error.to_string(),
            help: "look at the bank with `gnomon bank info STUDY`".into(),
        };
        let standardiser = Standardiser::fit(fields, &given).map_err(|error| wrong(&error))?;
        let given = standardiser.apply(&given).map_err(|error| wrong(&error))?;
        Ok(Self {
            context,
            made_from,
            standardiser,
            given,
        })
    }

    /// Trains every member of one network that is not trained yet.
    fn train(&self, name: &str, network: &Network, examples: &Examples) -> Result<Cost, Failure> {
        let context = self.context;
        let mut cost = Cost {
            what: format!("training of `{name}`, steps"),
            count: 0,
            seconds: 0.0,
            per_query: false,
        };
        for member in 0..context.study.learn.members {
            let part = format!("{STAGE}-{name}-{}", member + 1);
            if let Some(done) = Stamp::read(&context.results(), &part)
                && done.made_from == self.made_from
            {
                cost.count += done.cost.iter().map(|c| c.count).sum::<u64>();
                cost.seconds += done.cost.iter().map(|c| c.seconds).sum::<f64>();
                continue;
            }
            Stamp::remove(&context.results(), &part);
            let spent = self.train_member(name, member, network, examples)?;
            cost.count += spent.count;
            cost.seconds += spent.seconds;
            let stamp = Stamp {
                made_from: self.made_from.to_owned(),
                cost: vec![spent],
            };
            stamp.write(&context.results(), &part)?;
        }
        Ok(cost)
    }

    fn train_member(
        &self,
        name: &str,
        member: usize,
        network: &Network,
        examples: &Examples,
    ) -> Result<Cost, Failure> {
        let context = self.context;
        let seed = context.seed_for(&format!("training of {name}, member {member}"));
        let recipe = networks::recipe(&context.study.learn, &network.head, examples.rows(), seed);
        let checkpoint = context
            .results()
            .join("model")
            .join(format!("{name}-{}.checkpoint", member + 1));
        if let Some(parent) = checkpoint.parent() {
            std::fs::create_dir_all(parent).map_err(|error| {
                Failure::Outside(format!("cannot make {}: {error}", parent.display()))
            })?;
        }
        let bar = context
            .progress
            .bar(&format!("learning `{name}`"), "steps", 0);
        let mut show = |progress: &gnomon_learn::train::Progress| {
            bar.set_length(progress.epochs as u64 * progress.steps_per_epoch);
            bar.set_position(progress.step);
            bar.set_message(format!("held-out loss {:.3}", progress.validation_loss));
        };
        let began = Instant::now();
        let control = Control {
            threads: context.threads,
            cancel: Some(interrupt::flag()),
            checkpoint: Some(&checkpoint),
            progress: Some(&mut show),
        };
        let trained = train(examples, network, &recipe, control);
        bar.finish_and_clear();
        let failed = |reason: String| Failure::Learning {
            network: format!("`{name}`"),
            reason,
            help: "look at the bank with `gnomon bank info STUDY`; `[learn]` holds the settings"
                .into(),
        };
        let trained = match trained {
            Err(TrainError::Interrupted { .. }) => return Err(Failure::Interrupted),
            other => other.map_err(|error| failed(error.to_string()))?,
        };
        let steps = trained.steps;
        let model = Model::new(trained, recipe, Some(self.standardiser.clone()))
            .map_err(|error| failed(error.to_string()))?;
        model
            .save(&folder(context, name, member))
            .map_err(|error| Failure::Outside(error.to_string()))?;
        Ok(Cost {
            what: "steps".into(),
            count: steps,
            seconds: began.elapsed().as_secs_f64(),
            per_query: false,
        })
    }
}

/// Where the study's data lack entries, half of the rows lack the same ones and the others each
/// entry with the same frequency, so that the networks know data with any entries missing.
fn hide(given: &mut [f64], context: &Context, missing: &[usize]) {
    let width = context.study.given_columns().len();
    if missing.is_empty() {
        return;
    }
    let share = missing.len() as f64 / width as f64;
    for (row, entries) in given.chunks_exact_mut(width).enumerate() {
        let mut stream = Stream::new(context.seed, Purpose::MISSING, row as u64);
        if stream.uniform() < 0.5 {
            missing.iter().for_each(|&entry| entries[entry] = f64::NAN);
        } else {
            for entry in entries {
                if stream.uniform() < share {
                    *entry = f64::NAN;
                }
            }
        }
    }
}
