//! Networks trained side by side: a network on one thread costs less than two networks one after
//! the other on two.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use gnomon_learn::model::Model;
use gnomon_learn::network::Network;
use gnomon_learn::train::{Control, Progress, Recipe, TrainError};
use indicatif::MultiProgress;

use super::examples::Standardisers;
use super::source::{Fed, Source};
use super::{STAGE, UNSEEN, folder};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::stamp::{Cost, Stamp};

/// What is counted of simulations made for training.
const SIMULATIONS: &str = "simulations while training";
/// And of those among them that cannot be learned from.
const FAILED: &str = "simulations while training that failed, left out";

/// A network, of which every member of the ensemble is trained on the same examples.
pub(super) struct Job<'a> {
    /// In words.
    pub name: String,
    /// Where its members are kept.
    pub folder: String,
    /// One for each member.
    pub networks: Vec<Network>,
    pub source: Source<'a>,
}

/// One member of one job.
struct Task<'a> {
    job: &'a Job<'a>,
    member: usize,
    recipe: Recipe,
    steps_per_epoch: u64,
}

impl Task<'_> {
    fn network(&self) -> &Network {
        &self.job.networks[self.member]
    }

    fn part(&self) -> String {
        format!("{STAGE}-{}-{}", self.job.folder, self.member + 1)
    }

    /// Numbers multiplied in a training, to rounding.
    fn work(&self) -> u64 {
        let weights: usize = self.network().tensors().map_or(0, |tensors| {
            tensors.iter().map(|tensor| tensor.range().len()).sum()
        });
        let steps = self.recipe.epochs as u64 * self.steps_per_epoch;
        weights as u64 * steps * self.recipe.batch as u64
    }
}

/// Trains every member of every network that is not trained yet; the cost of each network.
pub(super) fn run(
    context: &Context,
    made_from: &str,
    standardisers: &Standardisers,
    jobs: Vec<Job<'_>>,
) -> Result<Vec<Cost>, Failure> {
    let mut tasks = Vec::new();
    let mut costs: Vec<Cost> = Vec::new();
    for job in &jobs {
        tally(&mut costs, cost(steps_of(job), 0, 0.0));
        for member in 0..context.study.learn.members {
            let seed = context.seed_for(&format!("training of {}, member {member}", job.folder));
            let (mut recipe, steps_per_epoch) =
                job.source
                    .recipe(&context.study.learn, &job.networks[member].head, seed);
            if context.study.learn.noise > 0.0 {
                recipe.noise = standardisers.given.noise(context.study.learn.noise as f32);
            }
            let task = Task {
                job,
                member,
                recipe,
                steps_per_epoch,
            };
            let done = Stamp::read(&context.results(), &task.part());
            match done.filter(|stamp| stamp.made_from == made_from) {
                Some(done) => done.cost.into_iter().for_each(|one| tally(&mut costs, one)),
                None => tasks.push(task),
            }
        }
    }
    // The longest first, so that no thread is left with a long one at the end.
    tasks.sort_by_key(Task::work);
    let workers = context.threads.clamp(1, tasks.len().max(1));
    let shop = Shop {
        context,
        made_from,
        standardisers,
        bars: context.progress.several(),
        stop: AtomicBool::new(false),
        tasks: Mutex::new(tasks),
        spent: Mutex::new(Vec::new()),
    };
    let outcome = std::thread::scope(|scope| {
        let spawned: Vec<_> = (0..workers)
            .map(|worker| {
                let extra = usize::from(worker < context.threads % workers);
                let threads = (context.threads / workers + extra).max(1);
                let shop = &shop;
                scope.spawn(move || shop.work_off(threads))
            })
            .collect();
        let outcomes = spawned.into_iter().map(|worker| worker.join());
        outcomes
            .map(|outcome| outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            // A failure says more than the interruption that it caused.
            .reduce(|a, b| match a {
                Err(Failure::Interrupted) if b.is_err() => b,
                Ok(()) => b,
                a => a,
            })
    });
    outcome.unwrap_or(Ok(()))?;
    let spent = shop.spent.into_inner().unwrap_or_default();
    spent.into_iter().for_each(|one| tally(&mut costs, one));
    Ok(costs)
}

/// What is counted of a network's training.
fn steps_of(job: &Job<'_>) -> String {
    format!("training of {}, steps", job.name)
}

fn cost(what: impl Into<String>, count: u64, seconds: f64) -> Cost {
    Cost {
        what: what.into(),
        count,
        seconds,
        per_query: false,
    }
}

/// Adds a cost to those of the same work.
fn tally(costs: &mut Vec<Cost>, one: Cost) {
    match costs.iter_mut().find(|cost| cost.what == one.what) {
        Some(cost) => {
            cost.count += one.count;
            cost.seconds += one.seconds;
        }
        None => costs.push(one),
    }
}

/// What the workers share.
struct Shop<'a> {
    context: &'a Context,
    made_from: &'a str,
    standardisers: &'a Standardisers,
    bars: MultiProgress,
    /// Set when one training failed, so that the others stop, too.
    stop: AtomicBool,
    tasks: Mutex<Vec<Task<'a>>>,
    spent: Mutex<Vec<Cost>>,
}

impl Shop<'_> {
    fn work_off(&self, threads: usize) -> Result<(), Failure> {
        loop {
            let task = self.tasks.lock().map_or(None, |mut tasks| tasks.pop());
            let Some(task) = task else {
                return Ok(());
            };
            let spent = self
                .train(&task, threads)
                .inspect_err(|_| self.stop.store(true, Ordering::Relaxed))?;
            let stamp = Stamp {
                made_from: self.made_from.to_owned(),
                cost: spent.clone(),
            };
            stamp.write(&self.context.results(), &task.part())?;
            if let Ok(mut all) = self.spent.lock() {
                all.extend(spent);
            }
        }
    }

    fn train(&self, task: &Task<'_>, threads: usize) -> Result<Vec<Cost>, Failure> {
        let context = self.context;
        let name = &task.job.name;
        Stamp::remove(&context.results(), &task.part());
        let model = folder(context, &task.job.folder, task.member);
        let checkpoint = model.with_added_extension("checkpoint");
        if let Some(parent) = checkpoint.parent() {
            std::fs::create_dir_all(parent).map_err(|error| {
                Failure::Outside(format!("cannot make {}: {error}", parent.display()))
            })?;
        }
        let several = context.study.learn.members > 1;
        let number = if several {
            format!(" ({})", task.member + 1)
        } else {
            String::new()
        };
        let bar = context.progress.bar(&format!("{name}{number}"), "steps", 0);
        let bar = self.bars.add(bar);
        let mut show = |progress: &Progress| {
            bar.set_length(progress.epochs as u64 * progress.steps_per_epoch);
            bar.set_position(progress.step);
            bar.set_message(format!("held-out loss {:.3}", progress.validation_loss));
        };
        let began = Instant::now();
        let control = Control {
            threads,
            cancel: &[interrupt::flag(), &self.stop],
            checkpoint: Some(&checkpoint),
            progress: Some(&mut show),
        };
        let trained = self.trained(task, control);
        bar.finish_and_clear();
        let Fed {
            trained,
            simulating,
        } = trained?;
        let (steps, rows, left_out) = (trained.steps, trained.rows, trained.left_out);
        let standardiser = Some(self.standardisers.given.clone());
        let is_unseen = task.job.folder == UNSEEN;
        let predicted = self.standardisers.unseen.clone().filter(|_| is_unseen);
        Model::new(trained, task.recipe.clone(), standardiser)
            .map_err(|error| failed(task, &error.to_string()))?
            .on(task.job.source.baseline(task.member).cloned())
            .predicting(predicted)
            .save(&model)
            .map_err(|error| Failure::Outside(error.to_string()))?;
        // Its share of the machine's time, so that the networks' seconds add up.
        let elapsed = began.elapsed().as_secs_f64();
        let share = elapsed * threads as f64 / context.threads as f64;
        let training = steps_of(task.job);
        let Some(simulating) = simulating else {
            return Ok(vec![cost(training, steps, share)]);
        };
        // Both go on side by side.
        let simulating = simulating.as_secs_f64();
        let simulating = share * simulating / (simulating + elapsed);
        let mut costs = vec![
            cost(training, steps, share - simulating),
            cost(SIMULATIONS, rows + left_out, simulating),
        ];
        if left_out > 0 {
            costs.push(cost(FAILED, left_out, 0.0));
        }
        Ok(costs)
    }

    /// The training itself.
    fn trained(&self, task: &Task<'_>, control: Control<'_>) -> Result<Fed, Failure> {
        let how = (&task.recipe, task.steps_per_epoch);
        task.job
            .source
            .train(task.network(), how, task.member, self.made_from, control)
            .map_err(|error| match error {
                TrainError::Interrupted { .. } => Failure::Interrupted,
                TrainError::Source(error) => match error.downcast::<Failure>() {
                    Ok(failure) => *failure,
                    Err(error) => failed(task, &error.to_string()),
                },
                error => failed(task, &error.to_string()),
            })
    }
}

fn failed(task: &Task<'_>, reason: &str) -> Failure {
    Failure::Learning {
        network: task.job.name.clone(),
        reason: reason.to_owned(),
        help: "look at the bank with `gnomon bank info STUDY`; `[learn]` holds the settings".into(),
    }
}
