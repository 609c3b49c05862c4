//! A network's answers, restricted to a region: draws outside are drawn again.

use std::sync::atomic::AtomicBool;

use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::elementary::ln;
use gnomon_mechanism::random::{Purpose, Stream};

use super::{Region, check};
use crate::{Amortized, Draws, InferError};

/// How often draws that are outside are drawn again, all of a data set's at once.
const PASSES: u64 = 100;

/// Draws inside a region, for one or more data sets.
pub struct Restricted {
    /// The draws of a data set are together.
    pub draws: Draws,
    /// ln of the share of the network's posterior that is inside, one a data set.
    pub log_inside: Vec<f64>,
}

impl Region {
    /// ln of the region's share of the prior.
    #[must_use]
    pub fn log_mass(&self) -> f64 {
        ln(self.last().cut.mass)
    }

    /// `draws` draws from p(parameters | given, inside the region) by `amortized` for each row of
    /// `given`. Where its posterior is next to nowhere inside, the rest are draws of the prior inside.
    ///
    /// # Errors
    /// Where a network cannot be run, or the user asks to stop.
    pub fn restrict(
        &self,
        amortized: &Amortized,
        given: &Matrix,
        draws: usize,
        seed: u64,
        stop: &AtomicBool,
    ) -> Result<Restricted, InferError> {
        let d = self.dimension();
        let mut found: Vec<Vec<f32>> = vec![Vec::with_capacity(draws * d); given.rows()];
        let mut counts = vec![(0_usize, 0_usize); given.rows()];
        let mut pending: Vec<usize> = (0..given.rows()).collect();
        for pass in 0..PASSES {
            if pending.is_empty() {
                break;
            }
            check(stop)?;
            let mut part = Matrix::zeros(pending.len(), given.columns());
            for (to, &from) in pending.iter().enumerate() {
                part.row_mut(to).copy_from_slice(given.row(from));
            }
            let seed = Stream::new(seed, Purpose::TRUNCATION, pass).next_u64();
            let drawn = amortized.draw(self.mechanism, &part, draws, seed)?.scores;
            let inside = self.contains(&drawn)?;
            for (position, &row) in pending.iter().enumerate() {
                let own = position * draws..(position + 1) * draws;
                for at in own.filter(|&at| inside[at]) {
                    counts[row].0 += 1;
                    if found[row].len() < draws * d {
                        found[row].extend_from_slice(drawn.row(at));
                    }
                }
                counts[row].1 += draws;
            }
            pending.retain(|&row| found[row].len() < draws * d);
        }
        for row in pending {
            let lacking = draws - found[row].len() / d;
            let numbers: Vec<u64> = (0..lacking as u64)
                .map(|number| (row * draws) as u64 + number)
                .collect();
            found[row].extend_from_slice(self.scores(seed, &numbers, stop)?.values());
        }
        let share = |&(inside, tried): &(usize, usize)| ln((inside as f64).max(0.5) / tried as f64);
        let count = given.rows() * draws;
        Ok(Restricted {
            log_inside: counts.iter().map(share).collect(),
            draws: amortized.draws_at(self.mechanism, Matrix::new(d, found.concat()), count),
        })
    }
}
