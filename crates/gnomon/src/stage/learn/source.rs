//! Where a network's examples come from, and its training on them.

use std::time::Duration;

use gnomon_learn::baseline::Baseline;
use gnomon_learn::examples::Examples;
use gnomon_learn::network::{Head, Network};
use gnomon_learn::train::{
    Blocks, Control, Recipe, Streamed, TrainError, Trained, train, train_streamed,
};
use gnomon_mechanism::study::Learn;

use super::online::Online;
use super::regressed::Regressed;
use super::shards::{Shards, Windows};
use crate::stage::networks;

/// Where a network's examples come from.
pub(super) enum Source<'a> {
    /// All are in memory; beside them what every second member learns instead.
    Memory {
        examples: Examples,
        regressed: Option<Regressed>,
    },
    /// They are read in parts.
    Bank {
        shards: Shards<'a>,
        held_out: Examples,
    },
    /// They are simulated while the network trains; the bank judges.
    Simulator {
        online: Online<'a>,
        held_out: Examples,
        /// Rows of the bank for this network.
        rows: u64,
    },
}

/// A training, and the time spent on simulations for it.
pub(super) struct Fed {
    pub trained: Trained,
    pub simulating: Option<Duration>,
}

impl Source<'_> {
    /// Rows of the bank for this network, those held out among them.
    fn rows(&self) -> usize {
        match self {
            Self::Memory { examples, .. } => examples.rows(),
            Self::Bank { shards, held_out } => shards.rows() as usize + held_out.rows(),
            Self::Simulator { rows, .. } => *rows as usize,
        }
    }

    /// How one member is trained, and the steps of an epoch.
    pub fn recipe(&self, wishes: &Learn, head: &Head, seed: u64) -> (Recipe, u64) {
        let rows = self.rows();
        let train = match self {
            Self::Memory { .. } => (rows as f64 * (1.0 - Recipe::default().validation)) as usize,
            Self::Bank { shards, .. } => shards.rows() as usize,
            Self::Simulator { .. } => return networks::online_recipe(wishes, head, rows, seed),
        };
        let recipe = networks::recipe(wishes, head, rows, train, seed);
        let steps = (train / recipe.batch).max(1) as u64;
        (recipe, steps)
    }

    /// What member number `member` learns the residuals of, if it does.
    pub fn baseline(&self, member: usize) -> Option<&Baseline> {
        match self {
            Self::Memory { regressed, .. } if is_regressed(member) => {
                regressed.as_ref().map(|regressed| &regressed.baseline)
            }
            _ => None,
        }
    }

    /// Trains member number `member`; `made_from` is a hash of what the networks are made from.
    pub fn train(
        &self,
        network: &Network,
        (recipe, steps_per_epoch): (&Recipe, u64),
        member: usize,
        made_from: &str,
        control: Control<'_>,
    ) -> Result<Fed, TrainError> {
        let streamed = |blocks: &dyn Blocks, held_out: &Examples, how: &str, control| {
            let examples = Streamed {
                blocks,
                held_out,
                steps_per_epoch,
                made_from: &format!("{made_from} {how}"),
            };
            train_streamed(examples, network, recipe, control)
        };
        let (trained, simulating) = match self {
            Self::Memory {
                examples,
                regressed,
            } => {
                let own = regressed.as_ref().filter(|_| is_regressed(member));
                let examples = own.map_or(examples, |own| &own.examples);
                (train(examples, network, recipe, control)?, None)
            }
            Self::Bank { shards, held_out } => {
                let seed = recipe.seed;
                let how = format!("windows of {}, {} held out", shards.window, shards.held_out);
                let windows = Windows { shards, seed };
                (streamed(&windows, held_out, &how, control)?, None)
            }
            Self::Simulator {
                online, held_out, ..
            } => {
                let fresh = online.fresh(member as u64);
                let trained = streamed(&fresh, held_out, &fresh.in_words(), control)?;
                (trained, Some(fresh.spent()))
            }
        };
        Ok(Fed {
            trained,
            simulating,
        })
    }
}

/// Whether a member learns what a regression leaves: every second one, so that one alone does not.
fn is_regressed(member: usize) -> bool {
    member % 2 == 1
}
