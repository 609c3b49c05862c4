//! What a command works with: a study, where its results are, and how to run.

use std::path::{Path, PathBuf};

use gnomon_mechanism::Study;

use crate::failure::Failure;
use crate::progress::Progress;
use crate::{file, stamp};

/// A study and how to run it.
#[derive(Clone, Debug)]
pub struct Context {
    /// The study.
    pub study: Study,
    /// The path that the user named.
    pub path: PathBuf,
    /// The seed of every random number.
    pub seed: u64,
    /// How many simulations the bank has.
    pub simulations: u64,
    /// Whether nobody said how many.
    pub by_default: bool,
    /// Threads to use.
    pub threads: usize,
    /// Whether long work shows how far it is.
    pub progress: Progress,
    results: PathBuf,
    left_out: Option<String>,
}

/// What the user may set on the command line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// Instead of the study's seed.
    pub seed: Option<u64>,
    /// Instead of the study's number of simulations.
    pub simulations: Option<u64>,
    /// Instead of all processors.
    pub threads: Option<usize>,
}

impl Context {
    /// Reads a study, with the user's wishes.
    ///
    /// # Errors
    /// Where the study, or a file that it names, is wrong.
    pub fn read(path: &Path, wishes: Wishes, progress: Progress) -> Result<Self, Failure> {
        let study = Study::read(path)?;
        Ok(Self {
            path: path.to_owned(),
            seed: wishes.seed.unwrap_or(study.simulate.seed),
            by_default: wishes.simulations.is_none() && study.simulate.is_default,
            simulations: wishes.simulations.unwrap_or(study.simulate.simulations),
            threads: wishes.threads.unwrap_or_else(processors),
            progress,
            results: study.folder.join("results"),
            left_out: None,
            study,
        })
    }

    /// Where results are.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.results.clone()
    }

    /// Where banks of simulations are.
    #[must_use]
    pub fn banks(&self) -> PathBuf {
        self.study.folder.join("results").join("banks")
    }

    /// The same study with a folder of its own for what one round of several makes.
    #[must_use]
    pub fn of_round(&self, round: usize) -> Self {
        let rounds = self.study.folder.join("results").join("rounds");
        Self {
            results: rounds.join(round.to_string()),
            ..self.clone()
        }
    }

    /// The same study with a folder of its own for networks that learn from the first `simulations` of the
    /// bank.
    #[must_use]
    pub fn of_budget(&self, simulations: u64) -> Self {
        let mut own = self.clone();
        own.results = self
            .study
            .folder
            .join("results")
            .join("converge")
            .join(simulations.to_string());
        own.simulations = simulations;
        own.by_default = false;
        // Fresh simulations while training would not be counted.
        own.study.learn.online = Some(false);
        own
    }

    /// The same study for a pool of fresh simulations of another seed, with a folder of its own for what it
    /// cost.
    #[must_use]
    pub fn of_pool(&self, name: &str, seed: u64, simulations: u64) -> Self {
        let mut own = self.clone();
        let pools = self.results.join("emulator").join("pools");
        own.results = pools.join(format!("{name}-{seed:016x}"));
        own.seed = seed;
        own.simulations = simulations;
        own
    }

    /// The same study without one of its mechanisms, of which there are several, and with a folder of its own
    /// for what is learned so. The others keep the ratios of their prior probabilities; the bank stays.
    #[must_use]
    pub fn without(&self, mechanism: usize) -> Self {
        let mut context = self.clone();
        let study = &mut context.study;
        let name = study.mechanisms.remove(mechanism).name;
        let weight = study.weights.remove(mechanism);
        study.weights.iter_mut().for_each(|w| *w /= 1.0 - weight);
        let mechanisms = &study.mechanisms;
        study.shared.retain(|name| {
            mechanisms.iter().any(|own| {
                own.parameter(name).is_some() || own.derived.iter().any(|d| d.name == *name)
            })
        });
        let stress = self.study.folder.join("results").join("stress");
        context.results = stress.join(format!("without-{name}"));
        context.left_out = Some(name);
        context
    }

    /// The mechanism that is left out though the bank has simulations of it.
    #[must_use]
    pub fn left_out(&self) -> Option<&str> {
        self.left_out.as_deref()
    }

    /// The data that the study asks about.
    ///
    /// # Errors
    /// Where it has none.
    pub fn data(&self) -> Result<&[f64], Failure> {
        self.study.data.as_deref().ok_or_else(|| {
            Failure::refused(
                "the study has no observed data",
                "give it `observed = \"data.csv\"`, or name a file with `--observed`, which `ask`, `fit` and `attribute` take",
            )
        })
    }

    /// A seed for one use, which shares no simulation with the bank or another use.
    #[must_use]
    pub fn seed_for(&self, purpose: &str) -> u64 {
        stamp::seed(&[
            "gnomon",
            &self.study.identity(),
            &self.seed.to_string(),
            purpose,
        ])
    }

    /// Writes a result as JSON.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn write(&self, name: &str, value: &impl serde::Serialize) -> Result<(), Failure> {
        Ok(file::write_json(&self.results().join(name), value)?)
    }

    /// Reads a result; `None` where it is not there or was written by another version.
    #[must_use]
    pub fn read_result<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        file::read_json(&self.results().join(name)).ok()
    }
}

/// How many processors there are.
#[must_use]
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
