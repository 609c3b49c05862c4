//! Fresh simulations as blocks of examples: no network sees a simulation twice, nor one of the bank.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gnomon_learn::train::{Block, Blocks};

use super::examples::{Simulations, Target, View};
use crate::failure::Failure;
use crate::interrupt;
use crate::population::{Population, runs_a_program};

/// Rows of a block.
const ROWS: u64 = 20_000;
/// The same where a mechanism is a program, whose simulations are dear.
const ROWS_OF_PROGRAM: u64 = 2_000;
/// Numbers for the simulations of one training: a bank has fewer.
const NUMBERS: u64 = 1 << 40;

/// The simulator of what one network learns from.
pub(super) struct Online<'a> {
    pub population: &'a Population<'a>,
    pub view: View<'a>,
    /// Simulations of a block; a network takes those of its mechanism.
    block: u64,
    /// The number of its first member's training among all of the study.
    training: u64,
}

impl<'a> Online<'a> {
    /// For the network whose first member is training number `training` of the study, in blocks of
    /// at most `rows` rows.
    pub fn new(population: &'a Population<'a>, view: View<'a>, training: u64, rows: u64) -> Self {
        let study = &view.context.study;
        let programs = study.mechanisms.iter().any(runs_a_program);
        let most = if programs { ROWS_OF_PROGRAM } else { ROWS };
        let share = match &view.target {
            Target::Mechanism | Target::Unseen => 1.0,
            Target::Parameters(own, _) => study.weights[*own],
        };
        Self {
            block: (rows.clamp(1, most) as f64 / share).ceil() as u64,
            population,
            view,
            training,
        }
    }

    /// The simulations of member number `member`.
    pub fn fresh(&self, member: u64) -> Fresh<'_> {
        Fresh {
            online: self,
            first: (self.training + member + 1) * NUMBERS,
            spent: AtomicU64::new(0),
        }
    }
}

/// The simulations of one member's training.
pub(super) struct Fresh<'a> {
    online: &'a Online<'a>,
    /// The number of the first.
    first: u64,
    /// Nanoseconds spent on them.
    spent: AtomicU64,
}

impl Fresh<'_> {
    /// What the simulations are, for a hash.
    pub fn in_words(&self) -> String {
        format!("online from {} by {}", self.first, self.online.block)
    }

    /// Time spent on simulating.
    pub fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }

    fn simulate(&self, number: u64) -> Result<Block, Failure> {
        interrupt::check()?;
        let Online {
            population,
            view,
            block,
            ..
        } = self.online;
        let seed = view.context.seed;
        let first = self.first + number * block;
        let mut own: Vec<Vec<u64>> = vec![Vec::new(); view.context.study.mechanisms.len()];
        for simulation in first..first + block {
            let mechanism = population.mechanism_of(seed, simulation);
            if view.target.learns_from(mechanism as u32) {
                own[mechanism].push(simulation);
            }
        }
        let asked: usize = own.iter().map(Vec::len).sum();
        let mut all = Simulations::default();
        for (mechanism, numbers) in own.iter().enumerate().filter(|(_, own)| !own.is_empty()) {
            let simulated = population.of(mechanism, seed, numbers)?;
            all.append(Simulations {
                mechanism: vec![mechanism as u32; simulated.simulations.len()],
                numbers: simulated.simulations,
                parameters: match view.target {
                    Target::Mechanism | Target::Unseen => Vec::new(),
                    Target::Parameters(..) => simulated.parameters,
                },
                given: simulated.given,
                unseen: match view.target {
                    Target::Unseen => simulated.unseen,
                    _ => Vec::new(),
                },
            });
        }
        let mut order: Vec<usize> = (0..all.numbers.len()).collect();
        order.sort_unstable_by_key(|&row| all.numbers[row]);
        Ok(Block {
            left_out: (asked - order.len()) as u64,
            examples: view.examples(all)?,
            order,
        })
    }
}

impl Blocks for Fresh<'_> {
    fn block(&self, number: u64) -> Result<Block, Box<dyn Error + Send + Sync>> {
        let began = Instant::now();
        let block = self.simulate(number)?;
        let spent = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.spent.fetch_add(spent, Ordering::Relaxed);
        Ok(block)
    }
}
