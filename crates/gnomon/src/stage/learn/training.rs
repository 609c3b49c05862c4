//! Networks trained side by side: a network on one thread costs less than two networks one after
//! the other on two.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use gnomon_learn::baseline::Baseline;
use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::Model;
use gnomon_learn::network::Network;
use gnomon_learn::standardise::Standardiser;
use gnomon_learn::train::{Control, Progress, Recipe, TrainError, train};
use indicatif::MultiProgress;

use super::{STAGE, folder};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::stage::networks;
use crate::stamp::{Cost, Stamp};

/// A network, of which every member of the ensemble is trained on the same examples.
pub(super) struct Job {
    /// In words.
    pub name: String,
    /// Where its members are kept.
    pub folder: String,
    pub network: Network,
    pub examples: Examples,
    /// What every second member learns instead.
    pub regressed: Option<Regressed>,
}

/// What a linear regression leaves of a job's targets.
pub(super) struct Regressed {
    baseline: Baseline,
    examples: Examples,
}

impl Regressed {
    /// Regresses `targets` on what is given; `None` where nothing can be.
    pub fn new(given: &Matrix, targets: &Matrix) -> Option<Self> {
        let baseline = Baseline::fit(given, targets)?;
        let examples = Examples {
            given: given.clone(),
            targets: Targets::Values(baseline.residuals(given, targets)),
        };
        Some(Self { baseline, examples })
    }
}

/// One member of one job.
struct Task<'a> {
    job: &'a Job,
    member: usize,
    recipe: Recipe,
}

impl Task<'_> {
    /// What this member learns, and what it is the residual of.
    fn examples(&self) -> (&Examples, Option<&Baseline>) {
        match &self.job.regressed {
            Some(regressed) if self.member % 2 == 1 => {
                (&regressed.examples, Some(&regressed.baseline))
            }
            _ => (&self.job.examples, None),
        }
    }

    fn part(&self) -> String {
        format!("{STAGE}-{}-{}", self.job.folder, self.member + 1)
    }

    /// Numbers multiplied in a training, to rounding.
    fn work(&self) -> u64 {
        let weights: usize = self.job.network.tensors().map_or(0, |tensors| {
            tensors.iter().map(|tensor| tensor.range().len()).sum()
        });
        let rows = self.recipe.epochs * self.job.examples.rows();
        weights as u64 * rows as u64
    }
}

/// Trains every member of every network that is not trained yet; the cost of each network.
pub(super) fn run(
    context: &Context,
    made_from: &str,
    standardiser: &Standardiser,
    jobs: Vec<Job>,
) -> Result<Vec<Cost>, Failure> {
    let mut tasks = Vec::new();
    let mut costs: Vec<Cost> = Vec::new();
    for job in &jobs {
        let mut cost = Cost {
            what: format!("training of {}, steps", job.name),
            count: 0,
            seconds: 0.0,
            per_query: false,
        };
        for member in 0..context.study.learn.members {
            let seed = context.seed_for(&format!("training of {}, member {member}", job.folder));
            let (head, rows) = (&job.network.head, job.examples.rows());
            let recipe = networks::recipe(&context.study.learn, head, rows, seed);
            let task = Task {
                job,
                member,
                recipe,
            };
            let done = Stamp::read(&context.results(), &task.part());
            match done.filter(|stamp| stamp.made_from == made_from) {
                Some(done) => done.cost.iter().for_each(|spent| {
                    cost.count += spent.count;
                    cost.seconds += spent.seconds;
                }),
                None => tasks.push(task),
            }
        }
        costs.push(cost);
    }
    // The longest first, so that no thread is left with a long one at the end.
    tasks.sort_by_key(Task::work);
    let workers = context.threads.clamp(1, tasks.len().max(1));
    let shop = Shop {
        context,
        made_from,
        standardiser,
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
    for (name, spent) in spent {
        if let Some(place) = jobs.iter().position(|job| job.name == name) {
            costs[place].count += spent.count;
            costs[place].seconds += spent.seconds;
        }
    }
    Ok(costs)
}

/// What the workers share.
struct Shop<'a> {
    context: &'a Context,
    made_from: &'a str,
    standardiser: &'a Standardiser,
    bars: MultiProgress,
    /// Set when one training failed, so that the others stop, too.
    stop: AtomicBool,
    tasks: Mutex<Vec<Task<'a>>>,
    spent: Mutex<Vec<(String, Cost)>>,
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
                cost: vec![spent.clone()],
            };
            stamp.write(&self.context.results(), &task.part())?;
            if let Ok(mut all) = self.spent.lock() {
                all.push((task.job.name.clone(), spent));
            }
        }
    }

    fn train(&self, task: &Task<'_>, threads: usize) -> Result<Cost, Failure> {
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
        let (examples, baseline) = task.examples();
        let trained = train(examples, &task.job.network, &task.recipe, control);
        bar.finish_and_clear();
        let failed = |reason: String| Failure::Learning {
            network: name.clone(),
            reason,
            help: "look at the bank with `gnomon bank info STUDY`; `[learn]` holds the settings"
                .into(),
        };
        let trained = match trained {
            Err(TrainError::Interrupted { .. }) => return Err(Failure::Interrupted),
            other => other.map_err(|error| failed(error.to_string()))?,
        };
        let steps = trained.steps;
        let standardiser = Some(self.standardiser.clone());
        Model::new(trained, task.recipe.clone(), standardiser)
            .map_err(|error| failed(error.to_string()))?
            .on(baseline.cloned())
            .save(&model)
            .map_err(|error| Failure::Outside(error.to_string()))?;
        Ok(Cost {
            what: "steps".into(),
            count: steps,
            // Its share of the machine's time, so that the networks' seconds add up.
            seconds: began.elapsed().as_secs_f64() * threads as f64 / context.threads as f64,
            per_query: false,
        })
    }
}
