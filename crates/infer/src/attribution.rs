//! Back-to-simulation attribution: features of a data set -> the stored simulations that the network
//! takes as most alike, with weights.
//!
//! Simulation i counts by w_i ~ K(|e(x) - e(x_i)| / h), with e the network's own embedding in a
//! [`Metric`] that counts what tells something, K Epanechnikov's kernel, and h the distance of a
//! nearest neighbour of fixed number. As the number n of simulations and that of neighbours grow, the
//! latter more slowly, the weighted parameters approach p(parameters | e(x)) (Stone 1977): the
//! posterior, if the embedding loses nothing of the data that tells about the parameters.
//!
//! How many neighbours count is chosen by leaving out simulations one at a time and asking how
//! probable their parameters are under the weighted ones of their neighbours.

mod builder;
mod held_out;
mod index;
mod metric;
mod store;
mod weights;

use gnomon_learn::matrix::Matrix;
use rayon::prelude::*;

pub use builder::{Builder, Measure};
pub use held_out::HeldOut;
pub use index::{Index, Neighbour};
pub use metric::Metric;
pub use store::StoreError;
pub use weights::Weighted;

/// What is known of each stored simulation.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Its parameters in the prior's coordinates: rows x dimension.
    Scores(Matrix),
    /// The number of its mechanism, of so many.
    Classes {
        /// One a row.
        of: Vec<u32>,
        /// How many mechanisms there are.
        count: usize,
    },
}

impl Targets {
    /// Number of simulations.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Scores(scores) => scores.rows(),
            Self::Classes { of, .. } => of.len(),
        }
    }

    /// What a [`Metric`] is to tell: each score and its square (as the second Hermite polynomial,
    /// which is uncorrelated with the score under the prior), so that also posteriors that differ by
    /// their width are apart; or an indicator of each mechanism but the last.
    #[must_use]
    pub fn told(&self) -> Matrix {
        let rows = 0..self.rows();
        let values: Vec<f32> = match self {
            Self::Scores(scores) => rows
                .flat_map(|row| {
                    let own = scores.row(row).iter();
                    let squares = own.clone();
                    own.copied()
                        .chain(squares.map(|x| (x * x - 1.0) / 2f32.sqrt()))
                })
                .collect(),
            Self::Classes { of, count } => {
                let others = |&of: &u32| {
                    (0..count.saturating_sub(1) as u32).map(move |class| f32::from(of == class))
                };
                of.iter().flat_map(others).collect()
            }
        };
        let columns = match self {
            Self::Scores(scores) => 2 * scores.columns(),
            Self::Classes { count, .. } => count.saturating_sub(1),
        };
        Matrix::new(columns, values)
    }
}

/// Stored simulations, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulations {
    /// Their numbers in the bank.
    pub numbers: Vec<u64>,
    /// The shard of the bank that holds each.
    pub shards: Vec<u32>,
    /// What is known of them.
    pub targets: Targets,
}

/// Stored simulations by their place in a network's embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributor {
    metric: Metric,
    index: Index,
    simulations: Simulations,
    held_out: HeldOut,
}

impl Attributor {
    /// `index` holds the simulations' features as `metric` places them, row by row.
    #[must_use]
    pub fn new(metric: Metric, index: Index, simulations: Simulations) -> Self {
        Self {
            held_out: HeldOut::of(&index, &simulations.targets),
            metric,
            index,
            simulations,
        }
    }

    /// The stored simulations.
    #[must_use]
    pub fn simulations(&self) -> &Simulations {
        &self.simulations
    }

    /// How the number of neighbours was chosen.
    #[must_use]
    pub fn held_out(&self) -> &HeldOut {
        &self.held_out
    }

    /// The simulations that stand for each row of `features`.
    #[must_use]
    pub fn attribute(&self, features: &Matrix) -> Vec<Weighted> {
        let points = self.metric.apply(features);
        let near = self.held_out.near;
        (0..points.rows())
            .into_par_iter()
            .map(|row| Weighted::of(&self.index.nearest(points.row(row), near + 1), near))
            .collect()
    }

    /// The share of stored simulations whose own neighbours lie at least as far: small where a data
    /// set is unlike all that were simulated.
    #[must_use]
    pub fn as_isolated(&self, bandwidth: f64) -> f64 {
        let all = &self.held_out.bandwidths;
        let nearer = all.partition_point(|&other| other < bandwidth);
        (all.len() - nearer) as f64 / all.len().max(1) as f64
    }
}

/// Weighted means of the scores.
#[must_use]
pub fn mean_scores(weighted: &Weighted, scores: &Matrix) -> Vec<f64> {
    (0..scores.columns())
        .map(|k| weighted.mean(|row| f64::from(scores.row(row)[k])))
        .collect()
}

/// Weighted shares of `count` classes.
#[must_use]
pub fn shares(weighted: &Weighted, of: &[u32], count: usize) -> Vec<f64> {
    (0..count as u32)
        .map(|class| weighted.mean(|row| f64::from(of[row] == class)))
        .collect()
}
