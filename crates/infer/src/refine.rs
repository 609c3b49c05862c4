//! Exact answers from approximate ones: the network's posterior is a proposal, and the mechanism's
//! own likelihood corrects it.
//!
//! First by importance sampling from nine parts network and one part prior, with Pareto-smoothed
//! weights ([`importance`]). Where the weights cannot be trusted, by tempered sequential Monte Carlo
//! ([`tempering`]) that starts from a mixture fitted to the network's draws ([`start`]), with moves
//! that follow the likelihood's gradient where it has one. Neither sees a mode that its proposal
//! missed, so a second one, started from the prior, must agree before the answer is called exact.
//!
//! Where the likelihood has no closed form, an unbiased estimate takes its place, each point's carried
//! along with it. Then both are exact in the space of parameters and particles: importance sampling
//! squared (Tran, Scharth, Pitt & Kohn 2013), and particle marginal Metropolis-Hastings moves (Andrieu,
//! Doucet & Holenstein 2010).

mod confirmation;
mod evidence;
pub mod importance;
mod likelihood;
mod moments;
mod pilot;
mod sample;
pub mod start;
pub mod tempering;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use gnomon_learn::matrix::Matrix;
use gnomon_mechanism::elementary::{exp, ln};
use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_simulate::{Compiled, LikelihoodGradient};

use crate::amortized::{Amortized, Draws, InferError};
pub use confirmation::{Agreement, Confirmation, SAME_EVIDENCE, SAME_MEAN, Unconfirmed};
pub use evidence::Evidence;
use importance::Weighted;
use moments::Moments;
pub use pilot::{Particles, Pilot};
pub use sample::Progress;
use sample::Sample;
use start::Start;
use tempering::{Gradient, Islands, Target, Tempered, systematic};

/// One proposal in so many is a draw of the prior.
const PRIOR_EVERY: usize = 10;
/// Proposals are added until they are worth the draws asked for and few draws repeat, up to so many
/// times as many.
const MOST_PROPOSALS: usize = 64;
/// The share of draws that may repeat another.
const REPEATED: f64 = 0.02;
/// The effective sample size below which weights are not used.
const FEWEST_EFFECTIVE: usize = 1000;
/// Proposals of the first round, at least: the particles that tempering may have to start from.
const FEWEST_PROPOSALS: usize = ISLANDS * FEWEST_PARTICLES;
/// Islands of every tempering.
const ISLANDS: usize = 8;
/// Particles of an island that starts from the network, at least.
const FEWEST_PARTICLES: usize = 1000;
/// Particles of an island that starts from the prior, at least.
const CONFIRMING: usize = 500;
/// Particles of an island where likelihoods are estimated or filtered: from the network and, first, from the
/// prior.
const ESTIMATED: [usize; 2] = [250, 200];
/// Particles of an island for each dimension, at least: an evidence is led through more temperatures
/// where there are more, and each adds to its error.
const FOR_EACH_DIMENSION: usize = 30;
/// The error of a log evidence beyond which a confirmation takes more particles.
const UNCERTAIN: f64 = 0.08;
/// How many times as many it then takes.
const MORE: usize = 4;

/// One mechanism's posterior, to be refined.
#[derive(Clone, Copy)]
pub struct Problem<'a> {
    /// The networks.
    pub amortized: &'a Amortized,
    /// The mechanism's number.
    pub mechanism: usize,
    /// The mechanism, ready to run.
    pub compiled: &'a Compiled,
    /// The data as the networks read them: one row.
    pub given: &'a Matrix,
    /// The data as the mechanism observes them: one number an observed column, NaN where missing.
    pub data: &'a [f64],
    /// How the likelihood is estimated; `None` where it has a closed form.
    pub particles: Option<Particles>,
    /// Likelihoods that may be worked out or estimated, and gradients of them.
    pub budget: u64,
    /// Whether a start from the prior is to confirm the answer.
    pub confirm: bool,
    /// Set once the user asks to stop.
    pub stop: &'a AtomicBool,
    /// Whether time has run out; asked before likelihoods are worked out.
    pub late: &'a (dyn Fn() -> bool + Sync),
}

/// There is time.
pub const NEVER_LATE: &(dyn Fn() -> bool + Sync) = &|| false;

/// How the draws were got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Importance sampling from the network's posterior.
    Importance,
    /// Tempered sequential Monte Carlo from a fit to the network's posterior.
    Tempering,
}

/// One mechanism's posterior, refined.
#[derive(Clone, Debug)]
pub struct Refined {
    /// Equally weighted draws.
    pub draws: Draws,
    /// ln p(parameters | data, mechanism) of each, in the parameters' own units; NaN where the likelihood
    /// is estimated.
    pub log_density: Vec<f64>,
    /// How they were got.
    pub method: Method,
    /// How the likelihood was estimated; `None` where it has a closed form.
    pub particles: Option<Particles>,
    /// Independent draws that the answer's are worth: its weighted proposals, or its tempered particles, which
    /// say so to within a factor of two or so.
    pub effective: f64,
    /// The shape of the importance weights' tail; NaN where they are too even to have one, and where the
    /// answer does not rest on any.
    pub k_hat: f64,
    /// ln p(data | mechanism).
    pub log_evidence: f64,
    /// Its standard error.
    pub log_evidence_error: f64,
    /// Likelihoods worked out and gradients of them, or simulations that estimates took; confirmation
    /// included.
    pub calls: u64,
    /// How the answer settled as proposals were added, and islands where it was tempered.
    pub progress: Vec<Progress>,
    /// What a start from the prior says.
    pub confirmation: Result<Confirmation, Unconfirmed>,
}

impl<'a> Problem<'a> {
    /// Refines the posterior to `draws` draws, and has it confirmed from the prior.
    ///
    /// # Errors
    /// Where the mechanism has no likelihood in closed form, a network cannot be run, no proposal
    /// has any likelihood, time runs out, or the user asks to stop. Where time runs out once there is an
    /// answer, that is the answer, unconfirmed.
    pub fn refine(&self, draws: usize, seed: u64) -> Result<Refined, InferError> {
        let seed = Stream::new(seed, Purpose::REFINEMENT, self.mechanism as u64).next_u64();
        let calls = Cell::new(0);
        let d = self.dimension();
        // However few draws are asked for, the evidence needs many; and however many, estimates are dear.
        let (wanted, fewest) = match self.is_dear() {
            false => (draws.max(FEWEST_EFFECTIVE), FEWEST_PROPOSALS),
            true => (FEWEST_EFFECTIVE, ISLANDS * ESTIMATED[0]),
        };
        if d == 0 {
            return self.without_parameters(draws);
        }
        let mut sample = Sample::default();
        let mut weighted = importance::weigh(&[]);
        loop {
            let round = sample.ratio.len() as u64;
            let more = sample.ratio.len().max(2 * wanted).max(fewest);
            match self.propose(&mut sample, more, seed.wrapping_add(round), &calls) {
                Err(InferError::Late) if will_do(&weighted) => break,
                other => other?,
            }
            weighted = importance::weigh(&sample.ratio);
            let varied = self.is_dear() || weighted.repeated(draws) <= REPEATED * draws as f64;
            let enough = weighted.effective >= wanted as f64 && varied;
            let last = 2 * sample.ratio.len() > MOST_PROPOSALS * wanted;
            if enough || last || !weighted.usable() {
                break;
            }
        }
        if sample.target.contains(&f64::INFINITY) {
            return Err(InferError::Unbounded);
        }
        if weighted.log_evidence == f64::NEG_INFINITY {
            return Err(InferError::Impossible);
        }
        let each = self.particles.map_or(1, |particles| particles.count as u64);
        let (mut effective, mut k_hat) = (weighted.effective, weighted.k_hat);
        let mut of_islands = Vec::new();
        let (points, target, moments, method) = if will_do(&weighted) {
            let moments = sample.moments(&weighted, d);
            let uniform = Stream::new(seed, Purpose::REFINEMENT, u64::MAX).uniform();
            let chosen = systematic(&weighted.weights, draws, uniform);
            let points = chosen
                .iter()
                .flat_map(|&row| &sample.scores[row * d..][..d]);
            let points: Vec<f64> = points.map(|&x| f64::from(x)).collect();
            let target: Vec<f64> = chosen.iter().map(|&row| sample.target[row]).collect();
            (points, target, moments, Method::Importance)
        } else {
            let fewest = FEWEST_PARTICLES.max(FOR_EACH_DIMENSION * d);
            let particles = match self.is_dear() {
                false => 2 * draws.div_ceil(2 * ISLANDS).max(fewest.div_ceil(2)),
                true => ESTIMATED[0],
            };
            let islands = Islands {
                count: ISLANDS,
                particles,
            };
            let tempered = self.temper_proposal(&sample, islands, seed, &calls)?;
            let moments = Moments::of(&tempered, islands, d);
            (effective, k_hat) = (moments.effective(tempered.worth(islands)), f64::NAN);
            let before = sample.ratio.len() as u64 * each;
            of_islands = sample::of_islands(&tempered, islands, &moments, d, [before, each]);
            let (points, target) = drawn(&tempered, islands, draws, d, seed);
            (points, target, moments, Method::Tempering)
        };
        let (points, target) = shuffled(&points, &target, d, seed);
        let mut progress = sample.progress(&moments, d, each);
        progress.extend(of_islands);
        let confirmation = match self.confirm {
            true => self.confirm(&moments, seed, &calls)?,
            false => Err(Unconfirmed::NotAsked),
        };
        let draws = self.draws(&points);
        let parameters: Vec<&[f64]> = draws.parameters.iter().map(Vec::as_slice).collect();
        let slopes = self
            .amortized
            .coordinates(self.mechanism)
            .log_slope(&parameters);
        let log_density = target.iter().zip(slopes);
        Ok(Refined {
            log_density: log_density
                .map(|(target, slope)| match self.particles {
                    None => target - moments.log_evidence + slope,
                    Some(_) => f64::NAN,
                })
                .collect(),
            draws,
            method,
            particles: self.particles,
            effective,
            k_hat,
            log_evidence: moments.log_evidence,
            log_evidence_error: moments.error,
            calls: calls.get() * each,
            progress,
            confirmation,
        })
    }

    /// Tempers from the prior, with more particles where a few leave it unclear.
    fn confirm(
        &self,
        answer: &Moments,
        seed: u64,
        calls: &Cell<u64>,
    ) -> Result<Result<Confirmation, Unconfirmed>, InferError> {
        let mut confirmation = Err(Unconfirmed::NoEnd);
        // Half as many as an answer has.
        let fewest = CONFIRMING.max(FOR_EACH_DIMENSION * self.dimension() / 4 * 2);
        let first = if self.is_dear() { ESTIMATED[1] } else { fewest };
        for particles in [first, MORE * first] {
            let islands = Islands {
                count: ISLANDS,
                particles,
            };
            let other = match self.temper_prior(islands, seed, calls) {
                Ok(Some(other)) => other,
                Ok(None) => continue,
                Err(InferError::Unsettled) => break,
                Err(InferError::Late) => {
                    confirmation = confirmation.or(Err(Unconfirmed::Late));
                    break;
                }
                Err(error) => return Err(error),
            };
            let other = Moments::of(&other, islands, self.dimension());
            let found = Confirmation::of(answer, &other, islands);
            confirmation = Ok(found);
            if found.agreement() != Agreement::Unclear && found.error < UNCERTAIN {
                break;
            }
        }
        Ok(confirmation)
    }

    /// Whether the likelihood is an estimate, or a filter's, and takes long.
    fn is_dear(&self) -> bool {
        self.particles.is_some() || self.is_filtered()
    }

    fn dimension(&self) -> usize {
        self.amortized.coordinates(self.mechanism).dimension()
    }

    /// Whether a filter works out the likelihood.
    fn is_filtered(&self) -> bool {
        let own = self.compiled.mechanism();
        own.likelihood.is_none() && own.no_filter().is_none()
    }

    /// Adds `count` draws of the proposal.
    fn propose(
        &self,
        sample: &mut Sample,
        count: usize,
        seed: u64,
        calls: &Cell<u64>,
    ) -> Result<(), InferError> {
        let scores = self.proposals(count, seed)?;
        let points: Vec<f64> = scores.iter().map(|&x| f64::from(x)).collect();
        let target = self.log_joint(&points, calls)?;
        let start = self.log_proposal(&points)?;
        let both = target.iter().zip(&start);
        sample
            .ratio
            .extend(both.map(|(target, start)| target - start));
        sample.scores.extend(scores);
        sample.target.extend(target);
        Ok(())
    }

    /// `count` draws of the proposal: of the network, and one in ten of the prior.
    fn proposals(&self, count: usize, seed: u64) -> Result<Vec<f32>, InferError> {
        let d = self.dimension();
        let of_network = count - count / PRIOR_EVERY;
        let drawn = self
            .amortized
            .draw(self.mechanism, self.given, of_network, seed)?;
        let mut network = drawn.scores.values().chunks_exact(d);
        let mut scores = Vec::with_capacity(count * d);
        for row in 0..count {
            let drawn = if is_from_prior(row) {
                None
            } else {
                network.next()
            };
            match drawn {
                Some(point) => scores.extend_from_slice(point),
                None => {
                    let mut stream = Stream::new(seed, Purpose::REFINEMENT, row as u64);
                    scores.extend((0..d).map(|_| stream.normal() as f32));
                }
            }
        }
        Ok(scores)
    }

    /// Counts solver calls that are about to be made.
    fn spend(&self, count: usize, calls: &Cell<u64>) -> Result<(), InferError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(InferError::Interrupted);
        }
        if (self.late)() {
            return Err(InferError::Late);
        }
        calls.set(calls.get() + count as u64);
        if calls.get() > self.budget {
            return Err(InferError::Unsettled);
        }
        Ok(())
    }

    /// ln prior x likelihood at points of the prior's coordinates; minus infinity where it has none.
    fn log_joint(&self, points: &[f64], calls: &Cell<u64>) -> Result<Vec<f64>, InferError> {
        let d = self.dimension();
        let coordinates = self.amortized.coordinates(self.mechanism);
        let mut all = Vec::with_capacity(points.len() / d);
        for points in points.chunks(self.at_once() * d) {
            let (first, rows) = (calls.get(), points.len() / d);
            self.spend(rows, calls)?;
            let parameters = coordinates.to_parameters(points);
            let likelihood = self.log_likelihood(&parameters, rows, first)?;
            let both = points.chunks_exact(d).zip(likelihood);
            all.extend(both.map(|(point, likelihood)| joint(point, likelihood)));
        }
        Ok(all)
    }

    /// ln of the proposal's density.
    fn log_proposal(&self, points: &[f64]) -> Result<Vec<f64>, InferError> {
        let d = self.dimension();
        let share = 1.0 / PRIOR_EVERY as f64;
        let mut all = Vec::with_capacity(points.len() / d);
        for points in points.chunks(self.at_once() * d) {
            if self.stop.load(Ordering::Relaxed) {
                return Err(InferError::Interrupted);
            }
            let scores = Matrix::new(d, points.iter().map(|&x| x as f32).collect());
            let network =
                self.amortized
                    .log_density_of_scores(self.mechanism, self.given, &scores)?;
            all.extend(points.chunks_exact(d).zip(network).map(|(point, network)| {
                let prior = log_standard_normal(point);
                log_sum(ln(1.0 - share) + network, ln(share) + prior)
            }));
        }
        Ok(all)
    }

    fn temper_proposal(
        &self,
        sample: &Sample,
        islands: Islands,
        seed: u64,
        calls: &Cell<u64>,
    ) -> Result<Tempered, InferError> {
        let d = self.dimension();
        let rows = sample.scores.chunks_exact(d).enumerate();
        let of_network = rows.filter(|(row, _)| !is_from_prior(*row));
        let draws: Vec<f64> = of_network
            .flat_map(|(_, row)| row.iter().map(|&x| f64::from(x)))
            .collect();
        let start = Start::fitted(&draws, d, seed ^ 1);
        self.temper(&start, islands, seed ^ 1, calls)?
            .ok_or(InferError::Unsettled)
    }

    fn temper_prior(
        &self,
        islands: Islands,
        seed: u64,
        calls: &Cell<u64>,
    ) -> Result<Option<Tempered>, InferError> {
        let start = Start::prior(self.dimension());
        self.temper(&start, islands, seed ^ 2, calls)
    }

    fn temper(
        &self,
        start: &Start,
        islands: Islands,
        seed: u64,
        calls: &Cell<u64>,
    ) -> Result<Option<Tempered>, InferError> {
        // Where there is none, its moves do without.
        let gradient = match self.particles {
            None => LikelihoodGradient::new(self.compiled.mechanism()).ok(),
            Some(_) => None,
        };
        let mut log_density = |points: &[f64]| self.log_joint(points, calls);
        let mut slopes = |points: &[f64]| match &gradient {
            Some(gradient) => self.slopes(gradient, points, calls),
            None => Ok(vec![f64::NAN; points.len()]),
        };
        let target = Target {
            log_density: &mut log_density,
            gradient: gradient.as_ref().map(|gradient| Gradient {
                at: &mut slopes,
                cost: gradient.cost(),
            }),
        };
        tempering::temper(start, islands, seed, target)
    }

    /// The gradient of ln prior x likelihood at points of the prior's coordinates.
    fn slopes(
        &self,
        gradient: &LikelihoodGradient,
        points: &[f64],
        calls: &Cell<u64>,
    ) -> Result<Vec<f64>, InferError> {
        let d = self.dimension();
        let coordinates = self.amortized.coordinates(self.mechanism);
        let mut all = Vec::with_capacity(points.len());
        for points in points.chunks(self.at_once() * d) {
            self.spend(points.len() / d, calls)?;
            let parameters = coordinates.to_parameters(points);
            let by_parameters = gradient.at(&parameters, self.data)?;
            let by = coordinates.gradient(points, &parameters, &by_parameters);
            all.extend(by.iter().zip(points).map(|(slope, z)| slope - z));
        }
        Ok(all)
    }

    fn draws(&self, points: &[f64]) -> Draws {
        let d = self.dimension();
        let scores = points.iter().map(|&x| x as f32).collect();
        let count = points.len() / d;
        self.amortized
            .draws_at(self.mechanism, Matrix::new(d, scores), count)
    }
}

/// Whether weighted proposals are an answer.
fn will_do(weighted: &Weighted) -> bool {
    weighted.usable() && weighted.effective >= FEWEST_EFFECTIVE as f64
}

/// Whether this one of the proposals is a draw of the prior.
fn is_from_prior(row: usize) -> bool {
    row % PRIOR_EVERY == PRIOR_EVERY - 1
}

/// `count` particles, each island's by its share of the evidence.
fn drawn(
    tempered: &Tempered,
    islands: Islands,
    count: usize,
    d: usize,
    seed: u64,
) -> (Vec<f64>, Vec<f64>) {
    let shares = tempered.shares.iter();
    let weights: Vec<f64> = shares
        .flat_map(|&share| std::iter::repeat_n(share, islands.particles))
        .collect();
    let uniform = Stream::new(seed, Purpose::REFINEMENT, u64::MAX).uniform();
    let chosen = systematic(&weights, count, uniform);
    (
        chosen
            .iter()
            .flat_map(|&row| tempered.points[row * d..(row + 1) * d].iter().copied())
            .collect(),
        chosen.iter().map(|&row| tempered.target[row]).collect(),
    )
}

/// Draws in an order that says nothing (Fisher & Yates 1938): any first few of them will do.
fn shuffled(points: &[f64], target: &[f64], d: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut stream = Stream::new(seed ^ 3, Purpose::REFINEMENT, u64::MAX);
    let mut order: Vec<usize> = (0..target.len()).collect();
    for last in (1..order.len()).rev() {
        let other = ((stream.uniform() * (last + 1) as f64) as usize).min(last);
        order.swap(last, other);
    }
    (
        order
            .iter()
            .flat_map(|&row| points[row * d..(row + 1) * d].iter().copied())
            .collect(),
        order.iter().map(|&row| target[row]).collect(),
    )
}

/// ln (exp a + exp b)
fn log_sum(a: f64, b: f64) -> f64 {
    let largest = a.max(b);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + ln(exp(a - largest) + exp(b - largest))
}

/// ln prior x likelihood at a point with this ln likelihood.
fn joint(point: &[f64], log_likelihood: f64) -> f64 {
    let sum = log_standard_normal(point) + log_likelihood;
    if sum.is_nan() { f64::NEG_INFINITY } else { sum }
}

fn log_standard_normal(point: &[f64]) -> f64 {
    const LN_TAU: f64 = 1.837_877_066_409_345_3;
    point.iter().map(|x| -0.5 * (x * x + LN_TAU)).sum()
}
