//! The prior truncated to where one posterior is (TSNPE; Deistler, Goncalves & Macke 2022, "Truncated
//! proposals for scalable and hassle-free simulation-based inference"): draws of a network's posterior
//! given the data -> the density that all but a few of them exceed -> a region -> draws of the prior
//! inside it, by rejection.
//!
//! Everything happens in the prior's coordinates, where the prior is standard normal. A region lies
//! within the one before it, so that inside the last one all simulations of all rounds together still
//! follow the prior, and a network may learn from all of them with the plain loss.

mod restrict;

use std::sync::atomic::{AtomicBool, Ordering};

use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::Family;
use gnomon_mechanism::elementary::{exp, ln};
use gnomon_mechanism::random::{Purpose, Stream};
use serde::{Deserialize, Serialize};

use crate::amortized::rows_of;
use crate::{Amortized, InferError};
pub use restrict::{Inside, Restricted};

/// The share of the posterior that a region leaves out (Deistler et al. 2022).
pub const LEFT_OUT: f64 = 1e-4;
/// Draws of the posterior that measure a region.
const DRAWS: usize = 100_000;
/// A region's bounds reach beyond its draws by this share of their width.
const MARGIN: f64 = 0.05;
/// No draw of a standard normal distribution in double precision is farther out.
const FARTHEST: f64 = 38.0;
/// Candidates from the bounds that are tried first, and how many of them must be accepted.
const TRIED: usize = 20_000;
const ENOUGH: usize = 20;
/// Accepted candidates that tell the region's share of the prior to some 3 %.
const COUNTED: usize = 1_000;
/// Candidates at once.
const BLOCK: usize = 2_000;
/// Simulations that take their parameters from one sequence of candidates.
const PAGE: u64 = 500;
/// Candidates for one page beyond which a region counts as empty.
const MOST: u64 = 200_000_000;

/// Where candidates for a truncated prior come from; from both, those that are kept follow exactly the
/// prior inside the region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Candidates {
    /// From the prior within the region's bounds.
    Prior,
    /// From the network: inside the region its density is above the threshold, so that the prior's
    /// over it is bounded.
    Network,
}

/// What one network adds to a region: plain numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// ln of the density, in the prior's coordinates, below which parameters are outside.
    pub log_threshold: f64,
    /// Lowest and highest value of each coordinate inside.
    pub bounds: Vec<[f64; 2]>,
    /// Where candidates come from.
    pub candidates: Candidates,
    /// The share of candidates that is accepted.
    pub acceptance: f64,
    /// The share of the prior that is inside.
    pub mass: f64,
}

/// A network's posterior given the data, and what it cuts off.
#[derive(Clone, Debug)]
struct Layer {
    amortized: Amortized,
    given: Matrix,
    cut: Cut,
}

/// Where the posterior of one mechanism's parameters is, by the networks of all rounds so far.
#[derive(Clone, Debug)]
pub struct Region {
    mechanism: usize,
    /// The first round's first; there is at least one.
    layers: Vec<Layer>,
}

impl Region {
    /// The region that `amortized` cuts out of `within`, or of the whole prior, for the data `given`
    /// (one row).
    ///
    /// # Errors
    /// Where a network cannot be run, the region is too small to be drawn from, or the user asks to
    /// stop.
    pub fn cut(
        amortized: Amortized,
        mechanism: usize,
        given: Matrix,
        within: Option<&Self>,
        seed: u64,
        stop: &AtomicBool,
    ) -> Result<Self, InferError> {
        let drawn = amortized.draw(mechanism, &given, DRAWS, seed)?.scores;
        let scores = middle(&amortized, mechanism, drawn.clone());
        let densities = amortized.log_density_of_scores(mechanism, &given, &scores)?;
        let mut sorted = densities.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let log_threshold = sorted[(LEFT_OUT * DRAWS as f64) as usize];
        let inside = (0..DRAWS).filter(|&row| densities[row] >= log_threshold);
        let mut bounds = vec![[f64::INFINITY, f64::NEG_INFINITY]; scores.columns()];
        for row in inside {
            for (bound, &x) in bounds.iter_mut().zip(scores.row(row)) {
                *bound = [bound[0].min(f64::from(x)), bound[1].max(f64::from(x))];
            }
        }
        let discrete: Vec<bool> = amortized.coordinates(mechanism).discrete().collect();
        for (k, bound) in bounds.iter_mut().enumerate() {
            let margin = MARGIN * (bound[1] - bound[0]);
            *bound = match discrete[k] {
                // A step is inside or outside as a whole.
                true => [-FARTHEST, FARTHEST],
                false => [bound[0] - margin, bound[1] + margin],
            };
            if let Some(outer) = within {
                let [low, high] = outer.last().cut.bounds[k];
                *bound = [bound[0].max(low), bound[1].min(high)];
            }
        }
        if bounds.iter().any(|[low, high]| low >= high) {
            return Err(InferError::NoRegion);
        }
        let cut = Cut {
            log_threshold,
            bounds,
            candidates: Candidates::Prior,
            acceptance: f64::NAN,
            mass: f64::NAN,
        };
        let mut layers = within.map_or_else(Vec::new, |region| region.layers.clone());
        layers.push(Layer {
            amortized,
            given,
            cut,
        });
        let mut region = Self { mechanism, layers };
        region.measure(seed, stop)?;
        Ok(region)
    }

    /// The same from numbers that were written down.
    #[must_use]
    pub fn known(
        amortized: Amortized,
        mechanism: usize,
        given: Matrix,
        within: Option<&Self>,
        cut: Cut,
    ) -> Self {
        let mut layers = within.map_or_else(Vec::new, |region| region.layers.clone());
        layers.push(Layer {
            amortized,
            given,
            cut,
        });
        Self { mechanism, layers }
    }

    /// The same with other numbers for the last network.
    #[must_use]
    pub fn with_cut(mut self, cut: Cut) -> Self {
        let last = self.layers.len() - 1;
        self.layers[last].cut = cut;
        self
    }

    fn last(&self) -> &Layer {
        // There is at least one.
        &self.layers[self.layers.len() - 1]
    }

    /// What the last network cut off.
    #[must_use]
    pub fn last_cut(&self) -> &Cut {
        &self.last().cut
    }

    fn dimension(&self) -> usize {
        self.last().cut.bounds.len()
    }

    /// Where candidates come from, how many of them are inside, and the region's share of the prior.
    fn measure(&mut self, seed: u64, stop: &AtomicBool) -> Result<(), InferError> {
        let place = self.layers.len() - 1;
        let (mut tried, mut accepted) = (0, 0);
        while tried < TRIED || (ENOUGH..COUNTED).contains(&accepted) {
            let (points, kept) = self.candidates(seed, (tried / BLOCK) as u64, stop)?;
            tried += points.rows();
            accepted += kept.iter().filter(|&&kept| kept).count();
        }
        let (d, bounds) = (self.dimension(), self.last().cut.bounds.clone());
        if accepted >= ENOUGH {
            let log_box: f64 = bounds.iter().map(|&bound| ln(normal_mass(bound))).sum();
            let cut = &mut self.layers[place].cut;
            cut.acceptance = accepted as f64 / tried as f64;
            cut.mass = (exp(log_box) * cut.acceptance).min(1.0);
            return Ok(());
        }
        // Discrete parameters are inside by the middle of their step, where no bound holds of the
        // density at a draw.
        if self
            .last()
            .amortized
            .coordinates(self.mechanism)
            .has_discrete()
        {
            if accepted == 0 {
                return Err(InferError::NoRegion);
            }
            let log_box: f64 = bounds.iter().map(|&bound| ln(normal_mass(bound))).sum();
            let cut = &mut self.layers[place].cut;
            cut.acceptance = accepted as f64 / tried as f64;
            cut.mass = exp(log_box) * cut.acceptance;
            return Ok(());
        }
        self.layers[place].cut.candidates = Candidates::Network;
        let mut share = 0.0;
        let blocks = DRAWS / BLOCK;
        for block in 0..blocks {
            let scores = self.network_block(seed, block as u64, stop)?;
            share += self.network_odds(&scores)?.iter().sum::<f64>();
        }
        let cut = &mut self.layers[place].cut;
        cut.acceptance = share / (blocks * BLOCK) as f64;
        cut.mass = exp(log_peak(&bounds, d) - cut.log_threshold) * cut.acceptance;
        if cut.acceptance > 0.0 {
            Ok(())
        } else {
            Err(InferError::NoRegion)
        }
    }

    /// Whether each row of scores is inside.
    ///
    /// # Errors
    /// Where a network cannot be run.
    pub fn contains(&self, scores: &Matrix) -> Result<Vec<bool>, InferError> {
        let scores = middle(&self.last().amortized, self.mechanism, scores.clone());
        let d = self.dimension();
        let within = |row: &[f32]| {
            let bounds = self.last().cut.bounds.iter();
            let mut both = row.iter().zip(bounds);
            both.all(|(&x, [low, high])| (*low..=*high).contains(&f64::from(x)))
        };
        let mut inside: Vec<bool> = (0..scores.rows()).map(|r| within(scores.row(r))).collect();
        // The last network excludes most: the others see the few that are left.
        for layer in self.layers.iter().rev() {
            let left: Vec<usize> = (0..inside.len()).filter(|&row| inside[row]).collect();
            if left.is_empty() {
                break;
            }
            let rows = left.iter().flat_map(|&row| scores.row(row)).copied();
            let rows = Matrix::new(d, rows.collect());
            let densities =
                layer
                    .amortized
                    .log_density_of_scores(self.mechanism, &layer.given, &rows)?;
            for (&row, density) in left.iter().zip(densities) {
                inside[row] = density >= layer.cut.log_threshold;
            }
        }
        Ok(inside)
    }

    /// Parameters (one column each, fixed ones included) of simulations of `seed`: draws of the prior
    /// inside the region, of which number `i` depends on the seed and `i` alone.
    ///
    /// # Errors
    /// Where a network cannot be run, nothing is found inside, or the user asks to stop.
    pub fn parameters(
        &self,
        seed: u64,
        simulations: &[u64],
        stop: &AtomicBool,
    ) -> Result<Vec<Vec<f64>>, InferError> {
        let scores = self.scores(seed, simulations, stop)?;
        let coordinates = self.last().amortized.coordinates(self.mechanism);
        Ok(coordinates.to_parameters(scores.values()))
    }

    /// The same in the prior's coordinates.
    fn scores(
        &self,
        seed: u64,
        simulations: &[u64],
        stop: &AtomicBool,
    ) -> Result<Matrix, InferError> {
        let d = self.dimension();
        let mut all = Matrix::zeros(simulations.len(), d);
        let mut pages: Vec<u64> = simulations.iter().map(|i| i / PAGE).collect();
        pages.sort_unstable();
        pages.dedup();
        for page in pages {
            let own = simulations.iter().enumerate();
            let own: Vec<(usize, u64)> = own
                .filter(|(_, i)| **i / PAGE == page)
                .map(|(row, i)| (row, i % PAGE))
                .collect();
            let most = own.iter().map(|(_, place)| place + 1).max().unwrap_or(0);
            let drawn = self.page(seed, page, most as usize, stop)?;
            for (row, place) in own {
                let at = place as usize * d;
                all.row_mut(row).copy_from_slice(&drawn[at..at + d]);
            }
        }
        Ok(all)
    }

    /// The first `count` points of a page that are inside, one after the other.
    fn page(
        &self,
        seed: u64,
        page: u64,
        count: usize,
        stop: &AtomicBool,
    ) -> Result<Vec<f32>, InferError> {
        let d = self.dimension();
        let mut found = Vec::with_capacity(count * d);
        for block in 0..MOST / BLOCK as u64 {
            let (points, kept) = self.candidates(seed, page << 20 | block, stop)?;
            for row in (0..points.rows()).filter(|&row| kept[row]) {
                found.extend_from_slice(points.row(row));
            }
            if found.len() >= count * d {
                return Ok(found);
            }
        }
        Err(InferError::NoRegion)
    }

    /// Block number `block` of candidates, and which of them are kept.
    fn candidates(
        &self,
        seed: u64,
        block: u64,
        stop: &AtomicBool,
    ) -> Result<(Matrix, Vec<bool>), InferError> {
        check(stop)?;
        if self.last().cut.candidates == Candidates::Network {
            let points = self.network_block(seed, block, stop)?;
            let odds = self.network_odds(&points)?;
            let mut stream = Stream::new(seed, Purpose::TRUNCATION, 1 << 63 | block);
            let kept = odds.iter().map(|&odds| stream.uniform() < odds).collect();
            return Ok((points, kept));
        }
        let mut stream = Stream::new(seed, Purpose::TRUNCATION, block);
        let bounds = &self.last().cut.bounds;
        let mut points = Matrix::zeros(BLOCK, bounds.len());
        for row in 0..BLOCK {
            for (x, &[low, high]) in points.row_mut(row).iter_mut().zip(bounds) {
                let args = [0.0, 1.0, low, high];
                *x = Family::TruncatedNormal.sample(&args, &mut stream) as f32;
            }
        }
        let kept = self.contains(&points)?;
        Ok((points, kept))
    }

    /// Block number `block` of draws of the last network's posterior.
    fn network_block(
        &self,
        seed: u64,
        block: u64,
        stop: &AtomicBool,
    ) -> Result<Matrix, InferError> {
        check(stop)?;
        let seed = Stream::new(seed, Purpose::TRUNCATION, block).next_u64();
        let Layer {
            amortized, given, ..
        } = self.last();
        Ok(amortized.draw(self.mechanism, given, BLOCK, seed)?.scores)
    }

    /// With which probability each of the last network's draws is kept: prior over network, scaled
    /// so that it is at most one inside, and nothing outside.
    fn network_odds(&self, scores: &Matrix) -> Result<Vec<f64>, InferError> {
        let Layer {
            amortized,
            given,
            cut,
        } = self.last();
        let inside = self.contains(scores)?;
        let network = amortized.log_density_of_scores(self.mechanism, given, scores)?;
        let bound = log_peak(&cut.bounds, self.dimension()) - cut.log_threshold;
        let odds = |row: usize| match inside[row] {
            true => exp(log_standard_normal(scores.row(row)) - network[row] - bound),
            false => 0.0,
        };
        Ok((0..scores.rows()).map(odds).collect())
    }
}

fn check(stop: &AtomicBool) -> Result<(), InferError> {
    match stop.load(Ordering::Relaxed) {
        true => Err(InferError::Interrupted),
        false => Ok(()),
    }
}

/// Scores at which a region is decided: a discrete parameter's whole step is inside or outside.
fn middle(amortized: &Amortized, mechanism: usize, scores: Matrix) -> Matrix {
    let coordinates = amortized.coordinates(mechanism);
    if !coordinates.has_discrete() {
        return scores;
    }
    let parameters = coordinates.to_parameters(scores.values());
    let slices: Vec<&[f64]> = parameters.iter().map(Vec::as_slice).collect();
    rows_of(&coordinates.to_middle_scores(&slices))
}

/// The standard normal probability of an interval.
fn normal_mass([low, high]: [f64; 2]) -> f64 {
    let below = |x: f64| Family::Normal.cdf(&[0.0, 1.0], x);
    // In the lower tail no digits are lost.
    if low > 0.0 {
        below(-low) - below(-high)
    } else {
        below(high) - below(low)
    }
}

/// The largest ln standard normal density within bounds.
fn log_peak(bounds: &[[f64; 2]], dimension: usize) -> f64 {
    let nearest: f64 = bounds
        .iter()
        .map(|&[low, high]| 0.0_f64.clamp(low, high).powi(2))
        .sum();
    -0.5 * (nearest + dimension as f64 * std::f64::consts::TAU.ln())
}

fn log_standard_normal(scores: &[f32]) -> f64 {
    let term = |&x: &f32| -0.5 * (f64::from(x).powi(2) + std::f64::consts::TAU.ln());
    scores.iter().map(term).sum()
}
