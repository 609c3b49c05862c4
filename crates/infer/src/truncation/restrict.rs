//! A network's answers, restricted to what they are conditioned on: a region, and the conditions of a
//! mechanism's `[accept]` that are of its parameters alone. Draws that are outside are drawn again, and the
//! density is divided by the share that is inside.

use std::sync::atomic::AtomicBool;

use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::elementary::ln;
use gnomon_mechanism::random::{Purpose, Stream};

use super::{BLOCK, Region, check};
use crate::{Amortized, Draws, InferError};

/// How often draws that are outside are drawn again, all of a data set's at once.
const PASSES: u64 = 100;
/// Draws of the prior that tell which share of it is accepted, or take the place of the network's.
const OF_PRIOR: usize = 100_000;
/// How often so many draws of the prior are tried before nothing counts as accepted.
const MOST: u64 = 50;

/// What the answers of one mechanism's network are restricted to.
#[derive(Clone, Copy)]
pub struct Inside<'a> {
    /// The networks.
    pub amortized: &'a Amortized,
    /// The mechanism's number.
    pub mechanism: usize,
    /// A truncated prior's region, where there is one.
    pub region: Option<&'a Region>,
}

/// Draws inside, for one or more data sets.
pub struct Restricted {
    /// The draws of a data set are together.
    pub draws: Draws,
    /// ln of the share of the network's posterior that is inside, one a data set.
    pub log_inside: Vec<f64>,
}

impl Inside<'_> {
    /// Whether nothing is outside.
    fn is_everything(&self) -> bool {
        self.region.is_none() && !self.amortized.has_conditions(self.mechanism)
    }

    /// Whether each row of scores is inside.
    fn contains(&self, scores: &Matrix) -> Result<Vec<bool>, InferError> {
        let mut inside = self.amortized.accepts(self.mechanism, scores);
        if let Some(region) = self.region {
            let within = region.contains(scores)?;
            inside.iter_mut().zip(within).for_each(|(a, b)| *a &= b);
        }
        Ok(inside)
    }

    /// ln of the share of the prior that is inside: exact or by rejection, to within some percent.
    ///
    /// # Errors
    /// Where a network cannot be run, next to nothing is inside, or the user asks to stop.
    pub fn log_mass(&self, seed: u64, stop: &AtomicBool) -> Result<f64, InferError> {
        let of_region = self.region.map_or(0.0, Region::log_mass);
        if !self.amortized.has_conditions(self.mechanism) {
            return Ok(of_region);
        }
        let numbers: Vec<u64> = (0..OF_PRIOR as u64).collect();
        let scores = self.of_prior(seed, &numbers, stop)?;
        let accepted = self.amortized.accepts(self.mechanism, &scores);
        let accepted = accepted.into_iter().filter(|&one| one).count();
        match accepted {
            0 => Err(InferError::NotAccepted),
            _ => Ok(of_region + ln(accepted as f64 / OF_PRIOR as f64)),
        }
    }

    /// `draws` draws from p(parameters | given, inside) for each row of `given`. Where the network's posterior
    /// is next to nowhere inside, the rest are draws of the prior inside.
    ///
    /// # Errors
    /// Where a network cannot be run, next to nothing is inside, or the user asks to stop.
    pub fn draw(
        &self,
        given: &Matrix,
        draws: usize,
        seed: u64,
        stop: &AtomicBool,
    ) -> Result<Restricted, InferError> {
        let (amortized, mechanism) = (self.amortized, self.mechanism);
        let d = amortized.coordinates(mechanism).dimension();
        if self.is_everything() || d == 0 {
            return Ok(Restricted {
                draws: amortized.draw(mechanism, given, draws, seed)?,
                log_inside: vec![0.0; given.rows()],
            });
        }
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
            let drawn = amortized.draw(mechanism, &part, draws, seed)?.scores;
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
            self.fill(&mut found[row], draws * d, row as u64, seed, stop)?;
        }
        let share = |&(inside, tried): &(usize, usize)| ln((inside as f64).max(0.5) / tried as f64);
        let count = given.rows() * draws;
        Ok(Restricted {
            log_inside: counts.iter().map(share).collect(),
            draws: amortized.draws_at(mechanism, Matrix::new(d, found.concat()), count),
        })
    }

    /// Adds draws of the prior inside until there are `length` numbers.
    fn fill(
        &self,
        found: &mut Vec<f32>,
        length: usize,
        row: u64,
        seed: u64,
        stop: &AtomicBool,
    ) -> Result<(), InferError> {
        let first = row << 32;
        let mut tried = 0;
        while tried < MOST * OF_PRIOR as u64 {
            check(stop)?;
            let numbers: Vec<u64> = (tried..tried + BLOCK as u64).map(|n| first | n).collect();
            tried += BLOCK as u64;
            let scores = self.of_prior(seed, &numbers, stop)?;
            let accepted = self.amortized.accepts(self.mechanism, &scores);
            for at in (0..scores.rows()).filter(|&at| accepted[at]) {
                if found.len() == length {
                    return Ok(());
                }
                found.extend_from_slice(scores.row(at));
            }
            if found.len() == length {
                return Ok(());
            }
        }
        Err(InferError::NotAccepted)
    }

    /// Draws of the prior, inside the region where there is one.
    fn of_prior(
        &self,
        seed: u64,
        numbers: &[u64],
        stop: &AtomicBool,
    ) -> Result<Matrix, InferError> {
        if let Some(region) = self.region {
            return region.scores(seed, numbers, stop);
        }
        let d = self.amortized.coordinates(self.mechanism).dimension();
        let mut scores = Matrix::zeros(numbers.len(), d);
        for (row, &number) in numbers.iter().enumerate() {
            let mut stream = Stream::new(seed, Purpose::TRUNCATION, 1 << 63 | number);
            let row = scores.row_mut(row).iter_mut();
            row.for_each(|x| *x = stream.normal() as f32);
        }
        Ok(scores)
    }
}

impl Region {
    /// ln of the region's share of the prior.
    #[must_use]
    pub fn log_mass(&self) -> f64 {
        ln(self.last().cut.mass)
    }
}
