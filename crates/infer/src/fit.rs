//! Maximum likelihood: the fits behind AIC and BIC, from many starts at once.
//!
//! Points move in the prior's coordinates, in which all priors are standard normal and nothing lies
//! outside them. Of many draws of the prior the likeliest are starts of a quasi-Newton method (BFGS;
//! Nocedal & Wright 2006, ch. 6); the starts' step lengths and gradients are worked out together. Where a filter works out
//! the likelihood, they climb its approximation, which costs next to nothing, by difference quotients, and the likelihood
//! itself from there, by its gradient.

use gnomon_learn::coordinates::Coordinates;
use gnomon_mechanism::Mechanism;
use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_simulate::{
    Compiled, LikelihoodGradient, SimulateError, approximate_log_likelihood, log_likelihood,
};

/// Draws of the prior among which starts are chosen, and starts: the likeliest of them.
const SCREENED: usize = 512;
const STARTS: usize = 16;
/// From maxima of the approximation that are lower than the highest by less than this the likelihood itself is
/// climbed; so many of them, at most.
const CONTENDS: f64 = 6.0;
const CONTENDERS: usize = 4;
/// Of two starts that come so near to each other, in every coordinate and in ln likelihood, one goes on.
const NEAR: f64 = 0.02;
/// Steps of a start, at most.
const MOST_STEPS: usize = 300;
/// Halvings of a step.
const HALVINGS: i32 = 12;
/// The share of the expected gain that a step must bring (Armijo 1966).
const ENOUGH: f64 = 1e-4;
/// Coordinates stay within: beyond lies 1e-9 of the prior.
const BOUND: f64 = 6.0;
/// At the edge is what only 2 in 10,000 draws of the prior lie beyond.
const EDGE: f64 = 3.5;
/// A start has arrived when a step gains less; by filters and difference quotients that is not known as well.
const ARRIVED: [f64; 2] = [1e-7, 1e-5];
/// Where a likelihood is dear, a start that gains less in so many steps has arrived, too: where the simulator's own steps are too long
/// for the motion, what a filter works out is not smooth.
const STALLED: f64 = 0.01;
const STALLED_STEPS: usize = 5;
/// Starts whose ln likelihoods are nearer came to one maximum.
const SAME: f64 = 0.01;
/// The distance of a difference quotient, where there is no gradient: it leads off the maximum by half of it.
const DIFFERENCE: f64 = 1e-4;

/// The likelihood of one mechanism, ready to be maximised.
#[derive(Clone, Debug)]
pub struct Likelihood {
    compiled: Compiled,
    coordinates: Coordinates,
    gradient: Option<LikelihoodGradient>,
    /// Whether a filter works it out.
    is_filtered: bool,
}

/// A fit to one data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// One value a parameter, fixed ones included.
    pub parameters: Vec<f64>,
    /// The largest ln likelihood found, nats.
    pub log_likelihood: f64,
    /// Parameters that were fitted.
    pub free: usize,
    /// Numbers in the data.
    pub data: usize,
    /// Starts that came to this maximum, of so many.
    pub agreeing: usize,
    /// All starts.
    pub starts: usize,
    /// The fitted parameters that lie at the edge of their prior.
    pub at_edge: Vec<String>,
    /// Likelihoods and gradients worked out.
    pub calls: u64,
}

impl Fit {
    /// Akaike's information criterion (1974): 2 k - 2 ln L.
    #[must_use]
    pub fn aic(&self) -> f64 {
        2.0 * self.free as f64 - 2.0 * self.log_likelihood
    }

    /// The same corrected for few data (Hurvich & Tsai 1989); infinite where there are no more data
    /// than parameters and one.
    #[must_use]
    pub fn aicc(&self) -> f64 {
        let (k, n) = (self.free as f64, self.data as f64);
        match n > k + 1.0 {
            true => self.aic() + 2.0 * k * (k + 1.0) / (n - k - 1.0),
            false => f64::INFINITY,
        }
    }

    /// The Bayesian information criterion (Schwarz 1978): k ln n - 2 ln L.
    #[must_use]
    pub fn bic(&self) -> f64 {
        self.free as f64 * (self.data as f64).ln() - 2.0 * self.log_likelihood
    }
}

/// Why there is no fit.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// There is nothing to maximise, or no way to.
    #[error("{0}")]
    Unsupported(String),
    /// No parameters were found under which the data are possible.
    #[error("under no parameters that were tried can the mechanism produce the data")]
    Impossible,
    /// The mechanism could not be run.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
}

/// Of criteria such as AIC, each one's weight: proportional to exp(-criterion / 2).
#[must_use]
pub fn weights(criteria: &[f64]) -> Vec<f64> {
    let least = criteria.iter().copied().fold(f64::INFINITY, f64::min);
    let masses: Vec<f64> = criteria
        .iter()
        .map(|c| {
            if c.is_finite() {
                (0.5 * (least - c)).exp()
            } else {
                0.0
            }
        })
        .collect();
    let sum: f64 = masses.iter().sum();
    masses.iter().map(|mass| mass / sum).collect()
}

impl Likelihood {
    /// The likelihood of `mechanism` for data of the series `given`.
    ///
    /// # Errors
    /// [`FitError::Unsupported`] where none can be worked out, or a parameter is a whole number.
    pub fn new(mechanism: &Mechanism, given: &[String]) -> Result<Self, FitError> {
        if let Some(why) = mechanism.no_likelihood(given) {
            return Err(FitError::Unsupported(why));
        }
        let mut parameters = mechanism.parameters.iter();
        if let Some(whole) = parameters.find(|p| p.prior.family.is_discrete()) {
            let why = format!(
                "`{}` is a whole number, which no gradient leads to",
                whole.name
            );
            return Err(FitError::Unsupported(why));
        }
        Ok(Self {
            compiled: Compiled::new(mechanism)?,
            coordinates: Coordinates::new(mechanism),
            gradient: LikelihoodGradient::new(mechanism).ok(),
            is_filtered: mechanism.is_filtered(given),
        })
    }

    /// The parameters that make `data` (one number an observed column, NaN where missing) likeliest,
    /// within the support of their priors. Starts are drawn with `seed`.
    ///
    /// # Errors
    /// Where the data are impossible, or do not fit.
    pub fn maximise(&self, data: &[f64], seed: u64) -> Result<Fit, FitError> {
        let d = self.coordinates.dimension();
        let count = data.iter().filter(|x| !x.is_nan()).count();
        if d == 0 {
            let parameters = self.coordinates.fixed(1);
            let log = log_likelihood(&self.compiled, &parameters, data)?[0];
            return match log.is_finite() {
                true => Ok(Fit {
                    parameters: parameters.iter().map(|column| column[0]).collect(),
                    log_likelihood: log,
                    free: 0,
                    data: count,
                    agreeing: STARTS,
                    starts: STARTS,
                    at_edge: Vec::new(),
                    calls: 1,
                }),
                false => Err(FitError::Impossible),
            };
        }
        let mut search = Search {
            likelihood: self,
            data,
            d,
            calls: 0,
            is_approximate: false,
        };
        let mut climbers = self.contenders(&mut search, seed)?;
        if climbers.is_empty() {
            climbers = search.starts(seed)?;
        }
        search.climb(&mut climbers)?;
        let best = climbers
            .iter()
            .max_by(|a, b| a.value.total_cmp(&b.value))
            .ok_or(FitError::Impossible)?;
        let at_edge = self.coordinates.names().zip(&best.place);
        let parameters = self.coordinates.to_parameters(&best.place);
        Ok(Fit {
            parameters: parameters.iter().map(|column| column[0]).collect(),
            log_likelihood: best.value,
            free: d,
            data: count,
            agreeing: climbers
                .iter()
                .filter(|c| climbers[c.leader].value > best.value - SAME)
                .count(),
            starts: climbers.len(),
            at_edge: at_edge
                .filter(|(_, z)| z.abs() >= EDGE)
                .map(|(name, _)| name.to_owned())
                .collect(),
            calls: search.calls,
        })
    }
}

impl Likelihood {
    /// Whether it, or its gradient, takes so long that starts should not climb side by side for nothing.
    fn is_dear(&self) -> bool {
        self.is_filtered || self.gradient.is_none()
    }

    /// Where the likelihood is filtered: all starts at maxima of its approximation, those that contend ready to climb the
    /// likelihood itself. None where there is nothing to approximate, or it fails.
    fn contenders(&self, search: &mut Search<'_>, seed: u64) -> Result<Vec<Climber>, FitError> {
        if !self.is_filtered {
            return Ok(Vec::new());
        }
        search.is_approximate = true;
        let found = search.starts(seed);
        let mut climbers = match found {
            Err(FitError::Impossible) => Vec::new(),
            other => other?,
        };
        search.climb(&mut climbers)?;
        search.is_approximate = false;
        search.calls = 0;
        let mut leaders: Vec<usize> = (0..climbers.len())
            .filter(|&number| climbers[number].leader == number)
            .collect();
        leaders.sort_by(|&a, &b| climbers[b].value.total_cmp(&climbers[a].value));
        let highest = leaders.first().map_or(0.0, |&first| climbers[first].value);
        leaders.retain(|&number| climbers[number].value > highest - CONTENDS);
        leaders.truncate(CONTENDERS);
        let places: Vec<f64> = leaders
            .iter()
            .flat_map(|&number| climbers[number].place.clone())
            .collect();
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let values = search.values(&places)?;
        let slopes = search.slopes(&places, &values)?;
        // What is known of all others is the approximation.
        climbers
            .iter_mut()
            .for_each(|c| c.value = f64::NEG_INFINITY);
        let found = values.iter().zip(slopes.chunks_exact(search.d));
        let mut is_sound = false;
        for (&number, (value, slope)) in leaders.iter().zip(found) {
            if value.is_finite() && slope.iter().all(|s| s.is_finite()) {
                let climber = &mut climbers[number];
                climber.value = *value;
                climber.slope.copy_from_slice(slope);
                climber.arrived = false;
                is_sound = true;
            }
        }
        if !is_sound {
            climbers.clear();
        }
        Ok(climbers)
    }
}

/// One start on its way up.
struct Climber {
    place: Vec<f64>,
    value: f64,
    slope: Vec<f64>,
    /// The inverse of the negative Hessian as it is known so far: d x d.
    inverse: Vec<f64>,
    /// Whether the inverse has been scaled to what the first step showed.
    scaled: bool,
    arrived: bool,
    /// The start that it was left to; its own number, where it goes by itself.
    leader: usize,
}

/// Of starts that have come to the same place the likeliest goes on.
fn leave_to_better_ones(climbers: &mut [Climber]) {
    for number in 0..climbers.len() {
        let own = &climbers[number];
        let near = |other: &Climber| {
            let apart = own.place.iter().zip(&other.place);
            other.value - own.value < NEAR
                && apart.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) < NEAR
        };
        let ahead = |&other: &usize| {
            let better = climbers[other].value > own.value
                || (climbers[other].value == own.value && other < number);
            better && near(&climbers[other])
        };
        if own.leader == number
            && !own.arrived
            && let Some(leader) = (0..climbers.len()).find(ahead)
        {
            climbers[number].leader = leader;
            climbers[number].arrived = true;
        }
    }
    // Who was followed may follow now.
    for number in 0..climbers.len() {
        let leader = climbers[climbers[number].leader].leader;
        climbers[number].leader = leader;
    }
}

impl Climber {
    /// The slope without what points beyond a bound that the place is at.
    fn free_slope(&self) -> Vec<f64> {
        let both = self.place.iter().zip(&self.slope);
        both.map(|(z, slope)| {
            if z.abs() >= BOUND && z * slope > 0.0 {
                0.0
            } else {
                *slope
            }
        })
        .collect()
    }

    fn direction(&self) -> Vec<f64> {
        let (d, slope) = (self.place.len(), self.free_slope());
        let mut along: Vec<f64> = (0..d)
            .map(|i| (0..d).map(|j| self.inverse[i * d + j] * slope[j]).sum())
            .collect();
        if dot(&along, &slope) <= 0.0 {
            along.clone_from(&slope);
        }
        // A first step has no scale yet.
        let length = dot(&along, &along).sqrt();
        let most = if self.scaled { 4.0 } else { 0.5 };
        if length > most {
            along.iter_mut().for_each(|x| *x *= most / length);
        }
        along
    }

    /// Goes to the first of some places whose value brings enough of what the slope promises; the step.
    fn take(&mut self, places: &[f64], values: &[f64], least: f64) -> Option<Vec<f64>> {
        let slope = self.free_slope();
        let tried = places.chunks_exact(self.place.len()).zip(values);
        let (to, step, gain) = tried
            .map(|(to, value)| {
                let step: Vec<f64> = to.iter().zip(&self.place).map(|(a, b)| a - b).collect();
                (to, step, value - self.value)
            })
            .find(|(_, step, gain)| *gain > 0.0 && *gain >= ENOUGH * dot(step, &slope))?;
        self.place.copy_from_slice(to);
        self.value += gain;
        self.arrived = gain < least;
        Some(step)
    }

    fn forget(&mut self) {
        let d = self.place.len();
        self.inverse.fill(0.0);
        (0..d).for_each(|i| self.inverse[i * d + i] = 1.0);
        self.scaled = false;
    }

    /// The inverse after a step by which the slope fell by `fell` (BFGS).
    fn learn(&mut self, step: &[f64], fell: &[f64]) {
        let (d, curvature) = (step.len(), dot(step, fell));
        if curvature <= 1e-12 * dot(step, step).sqrt() * dot(fell, fell).sqrt() {
            return;
        }
        if !self.scaled {
            let scale = curvature / dot(fell, fell);
            for i in 0..d {
                self.inverse[i * d + i] = scale;
            }
            self.scaled = true;
        }
        let image: Vec<f64> = (0..d)
            .map(|i| (0..d).map(|j| self.inverse[i * d + j] * fell[j]).sum())
            .collect();
        let weight = (1.0 + dot(fell, &image) / curvature) / curvature;
        for i in 0..d {
            for j in 0..d {
                self.inverse[i * d + j] += weight * step[i] * step[j]
                    - (image[i] * step[j] + step[i] * image[j]) / curvature;
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// One data set's likelihood, and what was asked of it.
struct Search<'a> {
    likelihood: &'a Likelihood,
    data: &'a [f64],
    d: usize,
    calls: u64,
    /// Whether the likelihood's approximation is climbed.
    is_approximate: bool,
}

impl Search<'_> {
    fn values(&mut self, points: &[f64]) -> Result<Vec<f64>, FitError> {
        let own = self.likelihood;
        let parameters = own.coordinates.to_parameters(points);
        self.calls += (points.len() / self.d) as u64;
        Ok(match self.is_approximate {
            false => log_likelihood(&own.compiled, &parameters, self.data)?,
            true => approximate_log_likelihood(&own.compiled, &parameters, self.data)?,
        })
    }

    /// The slopes at points where the likelihood has these values; NaN where there are none.
    fn slopes(&mut self, points: &[f64], here: &[f64]) -> Result<Vec<f64>, FitError> {
        let (own, d) = (self.likelihood, self.d);
        // The approximation of many points costs next to nothing.
        if let Some(gradient) = &own.gradient
            && !self.is_approximate
        {
            self.calls += (points.len() / d) as u64;
            let parameters = own.coordinates.to_parameters(points);
            let by = gradient.at(&parameters, self.data)?;
            return Ok(own.coordinates.gradient(points, &parameters, &by));
        }
        let mut around = Vec::with_capacity(d * points.len());
        for point in points.chunks_exact(d) {
            for k in 0..d {
                around.extend_from_slice(point);
                let last = around.len() - d + k;
                around[last] += DIFFERENCE;
            }
        }
        let values = self.values(&around)?;
        let each = values.chunks_exact(d).zip(here);
        Ok(each
            .flat_map(|(values, here)| values.iter().map(move |value| (value - here) / DIFFERENCE))
            .collect())
    }

    /// The likeliest of many draws of the prior.
    fn starts(&mut self, seed: u64) -> Result<Vec<Climber>, FitError> {
        let d = self.d;
        let mut stream = Stream::new(seed, Purpose::REFINEMENT, 0);
        let points: Vec<f64> = (0..SCREENED * d)
            .map(|_| stream.normal().clamp(-3.0, 3.0))
            .collect();
        let values = self.values(&points)?;
        let mut order: Vec<usize> = (0..SCREENED)
            .filter(|&row| values[row].is_finite())
            .collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        order.truncate(STARTS);
        if order.is_empty() {
            return Err(FitError::Impossible);
        }
        let chosen: Vec<f64> = order
            .iter()
            .flat_map(|&row| &points[row * d..(row + 1) * d])
            .copied()
            .collect();
        let here: Vec<f64> = order.iter().map(|&row| values[row]).collect();
        let slopes = self.slopes(&chosen, &here)?;
        let each = order
            .iter()
            .enumerate()
            .zip(chosen.chunks_exact(d).zip(slopes.chunks_exact(d)));
        Ok(each
            .map(|((leader, &row), (place, slope))| {
                let mut inverse = vec![0.0; d * d];
                (0..d).for_each(|i| inverse[i * d + i] = 1.0);
                Climber {
                    place: place.to_vec(),
                    value: values[row],
                    slope: slope.to_vec(),
                    inverse,
                    scaled: false,
                    arrived: slope.iter().any(|slope| !slope.is_finite()),
                    leader,
                }
            })
            .collect())
    }

    /// Leads all climbers to their maxima.
    fn climb(&mut self, climbers: &mut [Climber]) -> Result<(), FitError> {
        let mut before: Vec<f64> = climbers.iter().map(|climber| climber.value).collect();
        for step in 1..=MOST_STEPS {
            let mut active: Vec<&mut Climber> =
                climbers.iter_mut().filter(|c| !c.arrived).collect();
            if active.is_empty() {
                break;
            }
            self.step(&mut active)?;
            if self.likelihood.is_dear() {
                leave_to_better_ones(climbers);
            }
            if self.likelihood.is_dear() && step % STALLED_STEPS == 0 {
                for (climber, before) in climbers.iter_mut().zip(&mut before) {
                    climber.arrived |= climber.value - *before < STALLED;
                    *before = climber.value;
                }
            }
        }
        Ok(())
    }

    /// One step of every climber: the longest of halved ones that gains enough.
    fn step(&mut self, climbers: &mut [&mut Climber]) -> Result<(), FitError> {
        let d = self.d;
        let directions: Vec<Vec<f64>> = climbers.iter().map(|c| c.direction()).collect();
        let mut moved: Vec<(usize, Vec<f64>)> = Vec::new();
        let mut waiting: Vec<usize> = (0..climbers.len()).collect();
        // Nearly always the whole step will do.
        for halvings in [0..1, 1..4, 4..HALVINGS] {
            let each = halvings.len();
            let mut candidates = Vec::with_capacity(waiting.len() * each * d);
            for &number in &waiting {
                for halving in halvings.clone() {
                    let length = 0.5_f64.powi(halving);
                    let along = climbers[number].place.iter().zip(&directions[number]);
                    candidates.extend(along.map(|(z, by)| (z + length * by).clamp(-BOUND, BOUND)));
                }
            }
            if candidates.is_empty() {
                break;
            }
            let values = self.values(&candidates)?;
            let own = candidates
                .chunks_exact(each * d)
                .zip(values.chunks_exact(each));
            let found: Vec<bool> = own
                .zip(&waiting)
                .map(|((places, values), &number)| {
                    let least = ARRIVED[usize::from(self.likelihood.is_dear())];
                    let taken = climbers[number].take(places, values, least);
                    let is_found = taken.is_some();
                    moved.extend(taken.map(|step| (number, step)));
                    is_found
                })
                .collect();
            let mut found = found.into_iter();
            waiting.retain(|_| !found.next().unwrap_or(false));
        }
        for number in waiting {
            // What was learned of the curvature may mislead: once more along the slope alone.
            let climber = &mut climbers[number];
            climber.arrived = !climber.scaled;
            climber.forget();
        }
        let places: Vec<f64> = moved
            .iter()
            .flat_map(|(number, _)| climbers[*number].place.iter().copied())
            .collect();
        if places.is_empty() {
            return Ok(());
        }
        let here: Vec<f64> = moved
            .iter()
            .map(|(number, _)| climbers[*number].value)
            .collect();
        let slopes = self.slopes(&places, &here)?;
        for ((number, step), slope) in moved.into_iter().zip(slopes.chunks_exact(d)) {
            let climber = &mut climbers[number];
            if slope.iter().any(|slope| !slope.is_finite()) {
                climber.arrived = true;
                continue;
            }
            let fell: Vec<f64> = climber
                .slope
                .iter()
                .zip(slope)
                .map(|(a, b)| a - b)
                .collect();
            climber.slope.copy_from_slice(slope);
            climber.learn(&step, &fell);
        }
        Ok(())
    }
}
