//! The likelihood where one state is noisy: start -> the state's density on a grid, carried from step to
//! step -> at each observed time multiplied by the density of what was seen -> the log of all that is lost
//! on the way.
//!
//! The point-mass filter (Bucy & Senne 1971; Kitagawa 1987) of the scheme by which the mechanism is
//! simulated: a step of Euler & Maruyama has a normal kernel. Densities are sums of such kernels, and of
//! products of such smooth functions the trapezoid rule gives the integral to within
//! 2 exp(-2 pi^2 (width / spacing)^2) (Trefethen & Weideman 2014). So the grid's spacing follows the
//! kernel's sd, and is refined where an observation is narrower; its ends follow the density.

mod assumed;
mod density;
mod kernel;
mod score;

use gnomon_mechanism::elementary::{exp, ln};
use rayon::prelude::*;

use crate::block::Block;
use crate::checkpoint::Checkpoint;
use crate::compiled::{Compiled, LawPlan};
use crate::failure::SimulateError;
use crate::lanes::{Frame, LaneTape, Lanes, WIDTH, dispatched, run};
use crate::seen::Seen;
pub(crate) use assumed::approximate_log_densities;
use density::{Density, densest};
use kernel::{Kernel, add_normals};
pub(crate) use score::scores;
use score::{Leap, Passage};

/// Rows that a thread takes at a time.
const ROWS: usize = 16;
/// The grid's spacing as a share of the width: the relative error of a step is 2 exp(-2 pi^2 / this^2), 4e-8.
const SPACING: f64 = 1.05;
/// The grid's spacing in sds of a step that is tried first, and where a density is nearly as narrow as a step
/// makes it.
const IN_STEPS: [f64; 2] = [0.96, SPACING * std::f64::consts::FRAC_1_SQRT_2];
/// How many sds of a step the grid reaches; densities end where they are that of a normal there.
const REACH: f64 = 6.5;
/// Where an observation lies: a density of e to minus half this squared is the least there is.
const FARTHEST: f64 = 36.0;
/// The relative error, by what was left out at the ends, beyond which the grid must reach farther.
const AT_EDGE: f64 = 3e-7;
/// Points of a grid; where there were more, it is coarser than the noise, which is taken as larger.
const MOST_POINTS: i64 = 8192;
/// Of a density that a step throws farther than that, as much may be lost: the simulator's steps are too long for the motion there.
const ASTRAY: f64 = 1e-3;
/// Grids that are tried.
const TRIES: usize = 12;
/// A step that parts neighbours by more needs a finer grid, up to so much finer.
const STEEP: f64 = 1.25;
const STEEPEST: f64 = 16.0;
/// The share of its peak above which a density has to be resolved.
const MATTERS: f64 = 1e-7;
/// Halvings of the grid for a narrow observation.
const FINEST: u32 = 12;
/// The difference between the masses at even and odd points, beyond which a density is not resolved.
const UNEVEN: f64 = 1e-3;
/// The least sd of a step: as a share of the largest step's, and of the state.
const LEAST: [f64; 2] = [1.0 / 16.0, 1e-7];

/// Why a grid will not do.
enum Misfit {
    /// It has too many points.
    Wide,
    /// A density is narrower than its steps do well with.
    Narrow,
    /// Neighbours part by so much in a step.
    Steep(f64),
}

/// What an observation makes of a density.
struct Updated {
    /// Normalised.
    density: Density,
    /// ln of its probability.
    log: f64,
    /// Whether there may be as much beyond the grid.
    at_edge: bool,
}

/// The log-density of `data` in each of `rows` rows of `parameters`, where latents have the values
/// `latents`, of a mechanism that [`Mechanism::no_filter`](gnomon_mechanism::Mechanism::no_filter) has
/// nothing against.
///
/// # Errors
/// Where it has.
pub(crate) fn log_densities(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    latents: &[f64],
    data: &[f64],
    rows: usize,
) -> Result<Vec<f64>, SimulateError> {
    let (tape, step) = filtered(compiled)?;
    let seen = Seen::all(compiled, data);
    Ok(in_blocks::<ROWS, _>(
        compiled,
        parameters,
        latents,
        rows,
        || Filter::new(compiled, tape, step),
        |filter, start, block| {
            let row = |row: usize| {
                filter.load(start, block, row);
                filter.log_likelihood(&seen)
            };
            (0..block.rows()).map(row).collect()
        },
    ))
}

/// What `own` says of each row of `parameters`, where latents have the values `latents`, in blocks of `N` rows;
/// each thread has a filter of its own.
fn in_blocks<const N: usize, F>(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    latents: &[f64],
    rows: usize,
    filter: impl Fn() -> F + Sync + Send,
    own: impl Fn(&mut F, &Checkpoint, &Block<'_>) -> Vec<f64> + Sync + Send,
) -> Vec<f64> {
    let latents: Vec<Vec<f64>> = latents.iter().map(|&value| vec![value; rows]).collect();
    let columns: Vec<&[f64]> = parameters
        .iter()
        .chain(&latents)
        .map(Vec::as_slice)
        .collect();
    let chunks = (0..rows.div_ceil(N)).into_par_iter();
    let found = chunks.map_init(filter, |filter, chunk| {
        let all = chunk * N..rows.min((chunk + 1) * N);
        let simulations: Vec<u64> = all.clone().map(|row| row as u64).collect();
        let block = Block {
            parameters: columns.iter().map(|column| &column[all.clone()]).collect(),
            simulations: &simulations,
            seed: 0,
        };
        own(filter, &Checkpoint::start(compiled, &block), &block)
    });
    found.collect::<Vec<_>>().concat()
}

/// The noisy state's drift and diffusion, and the solver's step.
fn filtered(compiled: &Compiled) -> Result<(&LaneTape, f64), SimulateError> {
    if let Some(why) = compiled.mechanism.no_filter() {
        return Err(SimulateError::Unsupported(why));
    }
    match &compiled.dynamics.law {
        LawPlan::Sde { tape, step } => Ok((tape, *step)),
        _ => Err(SimulateError::Unsupported("there is no noise".into())),
    }
}

/// The length of the next step on the way to `asked`, and its end; none on arrival.
fn next_step(step: f64, now: f64, asked: f64) -> Option<(f64, f64)> {
    match asked - now {
        left if left <= 0.0 => None,
        left if left > step * (1.0 + 1e-9) => Some((step, now + step)),
        // Rounding does not make another kernel.
        left if left > step * (1.0 - 1e-9) => Some((step, asked)),
        left => Some((left, asked)),
    }
}

/// One row at a time.
struct Filter<'a> {
    compiled: &'a Compiled,
    /// Drift, then diffusion.
    tape: &'a LaneTape,
    step: f64,
    /// The shortest step to an observation, as a share of a whole one.
    shortest: f64,
    /// Whether the motion depends on the time.
    timed: bool,
    /// When steps begin; the first one only, where the motion does not depend on it.
    begins: Vec<f64>,
    /// Of the dynamics' plan, and of the observation's.
    motion: Frame<WIDTH>,
    sight: Frame<WIDTH>,
    /// Where the row starts, which is a point of the grid.
    origin: f64,
    spacing: f64,
    /// The least sd of a step.
    least: f64,
    /// By how much a step may part neighbours on this grid.
    steepest: f64,
    /// Of steps of different lengths and reaches.
    kernels: Vec<Kernel>,
    sums: [Vec<f64>; 4],
    /// What was done, where the way back is asked for.
    passages: Option<Vec<Passage>>,
}

impl<'a> Filter<'a> {
    fn new(compiled: &'a Compiled, tape: &'a LaneTape, step: f64) -> Self {
        let series = compiled.observation.series.iter();
        let outputs = series.map(|series| series.tape.outputs()).max();
        let mut filter = Self {
            compiled,
            tape,
            step,
            shortest: 1.0,
            timed: tape.reads(0),
            begins: Vec::new(),
            motion: compiled.dynamics.plan.frame(tape.outputs()),
            sight: compiled.observation.plan.frame(outputs.unwrap_or(0)),
            origin: 0.0,
            spacing: 0.0,
            least: 0.0,
            steepest: STEEP,
            kernels: Vec::new(),
            sums: Default::default(),
            passages: None,
        };
        let mut now = compiled.dynamics.start;
        for &asked in &compiled.dynamics.asked {
            while let Some((h, arrival)) = next_step(step, now, asked) {
                filter.shortest = filter.shortest.min(h / step);
                if filter.timed || filter.begins.is_empty() {
                    filter.begins.push(now);
                }
                now = arrival;
            }
        }
        filter
    }

    /// Makes row `row` of a block the one that is filtered.
    fn load(&mut self, start: &Checkpoint, block: &Block<'_>, row: usize) {
        let [components, hoisted] = start.widths;
        self.origin = start.components[row * components];
        let once = &start.hoisted[row * hoisted..][..hoisted];
        for (slot, &value) in self.motion[1 + components..].iter_mut().zip(once) {
            *slot = Lanes::all(value);
        }
        for (slot, column) in self.sight[1 + components..]
            .iter_mut()
            .zip(&block.parameters)
        {
            *slot = Lanes::all(column[row]);
        }
    }

    /// ln p(what is seen), negative infinity where the simulation fails.
    fn log_likelihood(&mut self, seen: &[Seen]) -> f64 {
        let Some([least, most]) = self.sds() else {
            return f64::NEG_INFINITY;
        };
        let scale = LEAST[1] * (self.origin.abs() + 1.0);
        self.least = least.max(LEAST[0] * most).max(scale);
        let mut in_steps = IN_STEPS[0];
        self.steepest = STEEP;
        for _ in 0..TRIES {
            self.spacing = in_steps * self.least;
            self.kernels.clear();
            match self.follow(seen) {
                Ok(log) => return log,
                Err(Misfit::Narrow) => in_steps = IN_STEPS[1],
                Err(Misfit::Wide) => {
                    self.least *= 4.0;
                    self.steepest = f64::INFINITY;
                }
                Err(Misfit::Steep(by)) => {
                    let by = by.min(STEEPEST);
                    in_steps = in_steps.min(IN_STEPS[1] / by);
                    self.steepest = if by < STEEPEST {
                        STEEP * by
                    } else {
                        f64::INFINITY
                    };
                }
            }
        }
        f64::NEG_INFINITY
    }

    /// The least and the largest sd of a step from the origin on; none where one is not finite.
    fn sds(&mut self) -> Option<[f64; 2]> {
        let (mut least, mut most) = (f64::INFINITY, 0.0f64);
        for step in 0..self.begins.len() {
            let (_, sd) = self.moved(&[self.origin], self.begins[step], self.step);
            if !sd.is_finite() {
                return None;
            }
            (least, most) = (least.min(sd), most.max(sd));
        }
        Some([least.min(most) * self.shortest.sqrt(), most])
    }

    /// Where a step of length `h` leads from up to [`WIDTH`] points on average, and its sd.
    fn moved(&mut self, points: &[f64], time: f64, h: f64) -> ([f64; WIDTH], f64) {
        self.motion[0] = Lanes::all(time);
        self.motion[1] = Lanes::all(points[0]);
        self.motion[1].0[..points.len()].copy_from_slice(points);
        let outputs = self.compiled.dynamics.plan.outputs();
        run(self.compiled.set, self.tape, &mut self.motion, outputs);
        let (drift, diffusion) = (&self.motion[outputs], self.motion[outputs + 1].0[0]);
        let mean = |lane: usize| h * drift.0[lane] + self.motion[1].0[lane];
        (std::array::from_fn(mean), diffusion.abs() * h.sqrt())
    }

    /// Follows the density through all that is seen.
    fn follow(&mut self, seen: &[Seen]) -> Result<f64, Misfit> {
        let compiled = self.compiled;
        let mut density = Density::point();
        let mut now = compiled.dynamics.start;
        let mut log = 0.0;
        self.forget_from(0);
        for (number, (seen, &asked)) in seen.iter().zip(&compiled.dynamics.asked).enumerate() {
            let mut reach = REACH;
            let known = self.passages.as_ref().map_or(0, Vec::len);
            let updated = loop {
                self.forget_from(known);
                let updated = self.to(&density, [now, asked], reach, (number, seen))?;
                if !updated.at_edge || reach >= FARTHEST {
                    break updated;
                }
                reach = (reach * std::f64::consts::SQRT_2).min(FARTHEST);
            };
            log += updated.log;
            if log == f64::NEG_INFINITY {
                return Ok(log);
            }
            density = updated.density;
            now = asked;
        }
        Ok(log)
    }

    fn forget_from(&mut self, place: usize) {
        if let Some(passages) = &mut self.passages {
            passages.truncate(place);
        }
    }

    /// Carries a density from one time to that of the next observation, and updates it there.
    fn to(
        &mut self,
        from: &Density,
        [mut now, asked]: [f64; 2],
        reach: f64,
        seen: (usize, &Seen),
    ) -> Result<Updated, Misfit> {
        let mut density = from.clone();
        while let Some((h, arrival)) = next_step(self.step, now, asked) {
            if arrival < asked {
                // Soon after the start the density is as narrow as its steps.
                let halvings = u32::from(density.is_point || self.lacking(&density) > 0);
                density = self.step(&density, [now, h], reach, (halvings, None))?;
                now = arrival;
                continue;
            }
            // Where the observation tells more than the grid resolves, the last step leads to a finer one.
            let (mut halvings, mut within, mut at_edge) = (0, None, false);
            let known = self.passages.as_ref().map_or(0, Vec::len);
            loop {
                self.forget_from(known);
                let there = self.step(&density, [now, h], reach, (halvings, within))?;
                let mut updated = self.update(there, asked, seen, reach);
                at_edge |= updated.at_edge;
                updated.at_edge = at_edge;
                let more = self.lacking(&updated.density);
                if more == 0 || halvings == FINEST || updated.log == f64::NEG_INFINITY {
                    return Ok(updated);
                }
                if self.spacing > IN_STEPS[1] * self.least {
                    return Err(Misfit::Narrow);
                }
                let finer = more.min(FINEST - halvings);
                within = Some(updated.density.span(finer));
                halvings += finer;
            }
        }
        Ok(self.update(density, asked, seen, reach))
    }

    /// One step from `now`: to a grid halved so often, all of it or what lies within a span.
    fn step(
        &mut self,
        from: &Density,
        [now, h]: [f64; 2],
        reach: f64,
        (halvings, within): (u32, Option<[i64; 2]>),
    ) -> Result<Density, Misfit> {
        if from.weights.is_empty() {
            return Ok(Density::nothing());
        }
        let (mut to, kernel) = if self.timed || from.halvings + halvings > 0 || from.is_point {
            let to = self.spread(from, [now, h], reach, (halvings, within))?;
            (to, None)
        } else {
            let (to, kernel) = self.multiply(from, [now, h], reach)?;
            (to, Some(kernel))
        };
        to.trim(exp(-0.5 * reach * reach));
        if let Some(passages) = &mut self.passages {
            let leap = Leap {
                now,
                h,
                reach,
                kernel,
            };
            let from = from.clone();
            passages.push(Passage::Step { from, leap });
        }
        Ok(to)
    }

    /// A step between grids by kernels that are worked out once for all steps, and which one it was.
    fn multiply(
        &mut self,
        from: &Density,
        [now, h]: [f64; 2],
        reach: f64,
    ) -> Result<(Density, usize), Misfit> {
        let known = |kernel: &Kernel| kernel.is_of(h, reach);
        let place = match self.kernels.iter().position(known) {
            Some(place) => place,
            None => {
                let (_, sd) = self.moved(&[self.origin], now, h);
                let kernel = Kernel::new(h, reach, sd.max(self.least), self.spacing);
                self.kernels.push(kernel);
                self.kernels.len() - 1
            }
        };
        // Taken out while its rows are made.
        let mut kernel = std::mem::take(&mut self.kernels[place]);
        for block in from.blocks() {
            if !kernel.has(block) {
                let first = block * WIDTH as i64;
                let points: [f64; WIDTH] =
                    std::array::from_fn(|k| self.position(first + k as i64, 0));
                let (mut means, _) = self.moved(&points, now, h);
                let (origin, spacing) = (self.origin, self.spacing);
                means.iter_mut().for_each(|m| *m = (*m - origin) / spacing);
                kernel.insert(self.compiled.set, block, &means);
            }
        }
        let moved = kernel.apply(self.compiled.set, from, self.steepest, &mut self.sums);
        self.kernels[place] = kernel;
        Ok((moved?, place))
    }

    /// A step from any points to any grid.
    fn spread(
        &mut self,
        from: &Density,
        [now, h]: [f64; 2],
        reach: f64,
        (halvings, within): (u32, Option<[i64; 2]>),
    ) -> Result<Density, Misfit> {
        let spacing = self.spacing / f64::from(1 << halvings);
        let mut sd = 0.0;
        let mut places = Vec::with_capacity(from.weights.len());
        let points = self.positions(from);
        for points in points.chunks(WIDTH) {
            let (means, of_step) = self.moved(points, now, h);
            sd = of_step.max(self.least);
            let all = means[..points.len()].iter();
            places.extend(all.map(|mean| (mean - self.origin) / spacing));
        }
        let delta = spacing / sd;
        let half = (reach / delta).ceil();
        let [mut low, mut high] = [f64::INFINITY, f64::NEG_INFINITY];
        let moving = places.iter().zip(&from.weights);
        for (place, _) in moving.filter(|(place, weight)| place.is_finite() && **weight > 0.0) {
            (low, high) = (low.min(place.round()), high.max(place.round()));
        }
        let most = MOST_POINTS as f64 - 2.0 * half;
        if high - low > most || low.abs().max(high.abs()) > 1e15 {
            let moved = places.iter().copied().zip(from.weights.iter().copied());
            let found = densest(moved.collect(), most);
            let [first, last] = found.ok_or(Misfit::Wide)?;
            (low, high) = (first.round(), last.round());
        }
        let apart = spacing / (self.spacing / f64::from(1 << from.halvings));
        let stays = |place: f64| place >= low && place <= high;
        from.check_steepness(self.steepest, |j| {
            match stays(places[j]) && stays(places[j + 1]) {
                true => (places[j + 1] - places[j]) * apart,
                false => 0.0,
            }
        })?;
        let (mut low, mut high) = (low - half, high + half);
        if let Some([first, last]) = within {
            (low, high) = (low.max(first as f64), high.min(last as f64));
        }
        if low > high {
            return Ok(Density::nothing());
        }
        if low.abs().max(high.abs()) > 1e15 {
            return Err(Misfit::Wide);
        }
        let mut weights = vec![0.0; (high - low) as usize + 1];
        places.iter_mut().for_each(|place| *place -= low);
        let set = self.compiled.set;
        add_normals(set, &places, &from.weights, [delta, half], &mut weights);
        Ok(Density {
            first: low as i64,
            halvings,
            weights,
            is_point: false,
        })
    }

    fn position(&self, index: i64, halvings: u32) -> f64 {
        let spacing = self.spacing / f64::from(1 << halvings);
        index as f64 * spacing + self.origin
    }

    fn positions(&self, of: &Density) -> Vec<f64> {
        let all = of.first..of.first + of.weights.len() as i64;
        all.map(|index| self.position(index, of.halvings)).collect()
    }

    /// Multiplies by the density of what is seen, and normalises.
    fn update(
        &mut self,
        mut density: Density,
        time: f64,
        (number, seen): (usize, &Seen),
        reach: f64,
    ) -> Updated {
        let prior = self.passages.is_some().then(|| density.clone());
        let points = self.positions(&density);
        let mut logs = vec![0.0; points.len()];
        self.sight[0] = Lanes::all(time);
        for (points, logs) in points.chunks(WIDTH).zip(logs.chunks_mut(WIDTH)) {
            self.sight[1].0[..points.len()].copy_from_slice(points);
            seen.log_densities(self.compiled, &mut self.sight, logs);
        }
        let set = self.compiled.set;
        let largest = add_logs(set, &density.weights, &mut logs);
        if !largest.is_finite() {
            // Nothing is left, or what was seen has no bounded density.
            return Updated {
                density: Density::nothing(),
                log: largest,
                at_edge: !density.is_point && !density.weights.is_empty() && largest < 0.0,
            };
        }
        // Leaving out a share of the peak at the ends makes an error of about that everywhere (of a normal
        // density: paths to z sds came by the end, at r, with probability exp(z^2 / 2 - r^2 / 2)).
        let share = exp(-0.5 * reach * reach);
        let left_out = share * density.peak();
        let [sum, error] = take_posterior(set, &logs, largest, left_out, &mut density.weights);
        density.weights.iter_mut().for_each(|weight| *weight /= sum);
        if let (Some(passages), Some(prior)) = (&mut self.passages, prior) {
            let posterior = density.weights.clone();
            passages.push(Passage::Seen {
                number,
                prior,
                posterior,
            });
        }
        let at_edge = error > AT_EDGE * sum && !density.is_point;
        density.trim(share);
        Updated {
            density,
            log: largest + ln(sum),
            at_edge,
        }
    }

    /// How often the grid must be halved before a step from this density can be taken.
    fn lacking(&self, density: &Density) -> u32 {
        if density.is_point || density.weights.is_empty() {
            return 0;
        }
        // In spacings of its grid: the kernel's sd and its own, and the width of their product.
        let kernel = self.least / self.spacing * f64::from(1 << density.halvings);
        let own = density.sd().max(0.25);
        let width = 1.0 / (1.0 / (kernel * kernel) + 1.0 / (own * own)).sqrt();
        match width * SPACING {
            enough if enough >= 0.999 && density.unevenness() <= UNEVEN => 0,
            share => (-share.log2()).ceil().max(1.0) as u32,
        }
    }
}

dispatched! {
    fn add_logs[]<>(weights: &[f64], logs: &mut [f64]) -> f64 = add_logs_body
}

/// Adds ln of the weights; the largest sum.
#[inline(always)]
fn add_logs_body(weights: &[f64], logs: &mut [f64]) -> f64 {
    let mut largest = f64::NEG_INFINITY;
    for (log, &weight) in logs.iter_mut().zip(weights) {
        let sum = *log + ln(weight);
        *log = if sum.is_nan() { f64::NEG_INFINITY } else { sum };
        largest = if *log > largest { *log } else { largest };
    }
    largest
}

dispatched! {
    fn take_posterior[]<>(
        logs: &[f64],
        largest: f64,
        left_out: f64,
        weights: &mut [f64],
    ) -> [f64; 2] = take_posterior_body
}

/// Weights become exp(log - largest); their sum, and that of what was left out beside them.
#[inline(always)]
fn take_posterior_body(logs: &[f64], largest: f64, left_out: f64, weights: &mut [f64]) -> [f64; 2] {
    let (mut sum, mut error) = (0.0, 0.0);
    for (weight, log) in weights.iter_mut().zip(logs) {
        let posterior = exp(log - largest);
        sum += posterior;
        error += if posterior > 0.0 {
            posterior * (left_out / *weight)
        } else {
            0.0
        };
        *weight = posterior;
    }
    [sum, error]
}
