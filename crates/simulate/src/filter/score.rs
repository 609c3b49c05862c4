//! The gradient of the grid filter's log-likelihood: forward the densities are kept, backward goes how much the rest
//! of the log-likelihood changes with each weight of them (the adjoint of the filter; by Fisher's identity the same as the mean
//! gradient over smoothed paths: Cappe, Moulines & Ryden 2005, sec. 10.1.3). One pass back serves all parameters.
//!
//! The grid is held: of smooth densities the sums do not depend on where its points lie.

use super::density::Density;
use super::kernel::{Pulled, pull_normals};
use super::{Filter, ROWS, filtered, in_blocks};
use crate::block::Block;
use crate::checkpoint::Checkpoint;
use crate::compiled::{Compiled, LawPlan};
use crate::failure::SimulateError;
use crate::gradient::Sensitive;
use crate::lanes::{Frame, LaneTape, Lanes, WIDTH, run};
use crate::seen::Seen;

/// What the filter did, in order.
pub(super) enum Passage {
    Step {
        from: Density,
        leap: Leap,
    },
    /// What is seen, number `number` of the asked times, made of `prior` the normalised `posterior`, point by point.
    Seen {
        number: usize,
        prior: Density,
        posterior: Vec<f64>,
    },
}

/// A step.
pub(super) struct Leap {
    pub now: f64,
    pub h: f64,
    pub reach: f64,
    /// The filter's kernel that was used, if one was.
    pub kernel: Option<usize>,
}

/// For each of `rows` rows the log-density of `data` as [`log_densities`](super::log_densities) gives it, and its
/// derivatives by the free parameters (NaN where it is not finite): `extended` is the mechanism with sensitivities.
///
/// # Errors
/// As there.
pub(crate) fn scores(
    compiled: &Compiled,
    (extended, sensitive): (&Compiled, &Sensitive),
    parameters: &[Vec<f64>],
    latents: &[f64],
    data: &[f64],
    rows: usize,
) -> Result<Vec<f64>, SimulateError> {
    let (tape, step) = filtered(compiled)?;
    let LawPlan::Sde { tape: slopes, .. } = &extended.dynamics.law else {
        return Err(SimulateError::Unsupported("there is no noise".into()));
    };
    let seen = Seen::all(compiled, data);
    Ok(in_blocks::<ROWS, _>(
        compiled,
        parameters,
        latents,
        rows,
        || {
            let mut filter = Filter::new(compiled, tape, step);
            filter.passages = Some(Vec::new());
            (filter, Score::new(extended, sensitive, slopes))
        },
        |(filter, score), start, block| {
            let slopes = Checkpoint::start(extended, block);
            let row = |row: usize| {
                filter.load(start, block, row);
                let log = filter.log_likelihood(&seen);
                score.load(&slopes, block, row);
                let slopes = match log.is_finite() {
                    true => score.back(filter, &seen),
                    false => vec![f64::NAN; sensitive.scale.len()],
                };
                std::iter::once(log).chain(slopes)
            };
            (0..block.rows()).flat_map(row).collect()
        },
    ))
}

/// How much the log-likelihood changes with something at each point of a stretch of the grid.
#[derive(Default)]
struct Adjoint {
    first: i64,
    values: Vec<f64>,
}

impl Adjoint {
    fn at(&self, index: i64) -> f64 {
        let place = usize::try_from(index - self.first).ok();
        place.and_then(|j| self.values.get(j)).map_or(0.0, |&x| x)
    }

    /// Adds values from a point on.
    fn add(&mut self, first: i64, values: &[f64]) {
        if self.values.is_empty() {
            self.first = first;
        }
        let before = (self.first - first).max(0) as usize;
        self.values.splice(..0, std::iter::repeat_n(0.0, before));
        self.first -= before as i64;
        let start = (first - self.first) as usize;
        let end = start + values.len();
        self.values.resize(self.values.len().max(end), 0.0);
        let own = self.values[start..].iter_mut();
        own.zip(values).for_each(|(own, value)| *own += value);
    }
}

/// One row at a time.
struct Score<'a> {
    extended: &'a Compiled,
    sensitive: &'a Sensitive,
    /// Drifts of the state and its sensitivities, then their diffusions.
    tape: &'a LaneTape,
    motion: Frame<WIDTH>,
    sight: Frame<WIDTH>,
    /// The sensitivities of the start.
    start: Vec<f64>,
    /// One a free parameter, in its scale.
    sums: Vec<f64>,
    /// The shares of drifts at the grid's points, and of the noise, of steps by kernels.
    in_kernels: Adjoint,
    of_kernels: f64,
}

impl<'a> Score<'a> {
    fn new(extended: &'a Compiled, sensitive: &'a Sensitive, tape: &'a LaneTape) -> Self {
        let series = extended.observation.series.iter();
        let outputs = series.map(|series| series.tape.outputs()).max();
        Self {
            extended,
            sensitive,
            tape,
            motion: extended.dynamics.plan.frame(tape.outputs()),
            sight: extended.observation.plan.frame(outputs.unwrap_or(0)),
            start: Vec::new(),
            sums: Vec::new(),
            in_kernels: Adjoint::default(),
            of_kernels: 0.0,
        }
    }

    fn load(&mut self, start: &Checkpoint, block: &Block<'_>, row: usize) {
        let [components, hoisted] = start.widths;
        self.start.clear();
        let own = &start.components[row * components..][..components];
        self.start.extend(&own[1..]);
        let once = &start.hoisted[row * hoisted..][..hoisted];
        for (slot, &value) in self.motion[1 + components..].iter_mut().zip(once) {
            *slot = Lanes::all(value);
        }
        let parameters = &mut self.sight[1 + components..];
        for (slot, column) in parameters.iter_mut().zip(&block.parameters) {
            *slot = Lanes::all(column[row]);
        }
        self.in_kernels = Adjoint::default();
        self.of_kernels = 0.0;
        self.sums.clear();
        self.sums.resize(self.sensitive.scale.len(), 0.0);
    }

    /// The derivatives, back along what the filter did.
    fn back(&mut self, filter: &mut Filter<'_>, seen: &[Seen]) -> Vec<f64> {
        let mut after = Adjoint::default();
        let mut halvings = 0;
        let passages = filter.passages.take().unwrap_or_default();
        for passage in passages.iter().rev() {
            (after, halvings) = match passage {
                Passage::Step { from, leap } => {
                    let pulled = pulled(filter, (from, leap), (&after, halvings));
                    self.move_by(filter, (from, leap), &pulled);
                    let values = pulled.rest;
                    let first = from.first;
                    (Adjoint { first, values }, from.halvings)
                }
                Passage::Seen {
                    number,
                    prior,
                    posterior,
                } => {
                    let own = 0..posterior.len();
                    let after: Vec<f64> = own.map(|j| after.at(prior.first + j as i64)).collect();
                    let both = posterior.iter().zip(&after);
                    let mean: f64 = both.map(|(p, after)| p * after).sum();
                    let smoothed: Vec<f64> = posterior
                        .iter()
                        .zip(&after)
                        .map(|(p, after)| p * (1.0 + after - mean))
                        .collect();
                    let time = filter.compiled.dynamics.asked[*number];
                    self.see(filter, (prior, time), &seen[*number], &smoothed);
                    let each = smoothed.iter().zip(&prior.weights);
                    let values = each.map(|(s, w)| if *w > 0.0 { s / w } else { 0.0 });
                    let values = values.collect();
                    let first = prior.first;
                    (Adjoint { first, values }, prior.halvings)
                }
            };
        }
        filter.passages = Some(passages);
        if !self.in_kernels.values.is_empty() {
            let shares = std::mem::take(&mut self.in_kernels);
            let points = shares.first..shares.first + shares.values.len() as i64;
            let points: Vec<f64> = points.map(|index| filter.position(index, 0)).collect();
            self.place_sensitivities(false, true);
            self.drift(&points, &shares.values);
            self.diffuse(filter.least / filter.step.sqrt(), self.of_kernels);
        }
        let scaled = self.sums.iter().zip(&self.sensitive.scale);
        scaled.map(|(sum, scale)| sum / scale).collect()
    }

    /// Adds what a step's means and sd do; for steps by kernels, which know no time, once for all in the end.
    fn move_by(&mut self, filter: &Filter<'_>, (from, leap): (&Density, &Leap), by: &Pulled) {
        let each = from.weights.iter();
        let of_sd: f64 = each.clone().zip(&by.by_sd).map(|(w, by)| w * by).sum();
        let by_means = each.zip(&by.by_mean).map(|(w, by)| w * by);
        let begun: f64 = if from.is_point {
            by_means.clone().sum()
        } else {
            0.0
        };
        let shares: Vec<f64> = by_means.map(|share| share * leap.h).collect();
        for (&(_, p), start) in self.sensitive.states.iter().zip(&self.start) {
            self.sums[p] += begun * start;
        }
        let of_sd = of_sd * leap.h.sqrt();
        if leap.kernel.is_some() {
            self.in_kernels.add(from.first, &shares);
            self.of_kernels += of_sd;
            return;
        }
        self.place_sensitivities(from.is_point, true);
        self.motion[0] = Lanes::all(leap.now);
        self.drift(&filter.positions(from), &shares);
        self.diffuse(filter.least / leap.h.sqrt(), of_sd);
    }

    /// Adds the derivatives of the drift at points, by their shares.
    fn drift(&mut self, points: &[f64], shares: &[f64]) {
        let first = self.extended.dynamics.plan.outputs();
        for (points, shares) in points.chunks(WIDTH).zip(shares.chunks(WIDTH)) {
            self.motion[1] = Lanes::all(points[0]);
            self.motion[1].0[..points.len()].copy_from_slice(points);
            run(self.extended.set, self.tape, &mut self.motion, first);
            let slopes = self.motion[first + 1..].iter();
            for (&(_, p), slopes) in self.sensitive.states.iter().zip(slopes) {
                for (slope, &share) in slopes.0.iter().zip(shares) {
                    // What goes astray does not count.
                    if share != 0.0 {
                        self.sums[p] += share * slope;
                    }
                }
            }
        }
    }

    /// Adds the derivatives of the noise as of the last drift, by this share; none where the filter took it as larger.
    fn diffuse(&mut self, least: f64, share: f64) {
        let dynamics = &self.extended.dynamics;
        let noises = &self.motion[dynamics.plan.outputs() + dynamics.states..];
        let noise = noises[0].0[0];
        if noise.abs() < least * (1.0 - 1e-9) {
            return;
        }
        for (&(_, p), slope) in self.sensitive.states.iter().zip(&noises[1..]) {
            self.sums[p] += share * noise.signum() * slope.0[0];
        }
    }

    /// Adds what the density of an observation does at each point, by its share of the smoothed paths.
    fn see(
        &mut self,
        filter: &Filter<'_>,
        (prior, time): (&Density, f64),
        seen: &Seen,
        smoothed: &[f64],
    ) {
        self.sight[0] = Lanes::all(time);
        self.place_sensitivities(prior.is_point, false);
        let points = filter.positions(prior);
        for (points, shares) in points.chunks(WIDTH).zip(smoothed.chunks(WIDTH)) {
            self.sight[1].0[..points.len()].copy_from_slice(points);
            seen.add_slopes(
                (self.extended, self.sensitive),
                &mut self.sight,
                shares,
                &mut self.sums,
            );
        }
    }

    /// The state of the grid's points is given, that of the start moves with the parameters.
    fn place_sensitivities(&mut self, is_start: bool, in_motion: bool) {
        let frame = if in_motion {
            &mut self.motion
        } else {
            &mut self.sight
        };
        for (slot, &start) in frame[2..].iter_mut().zip(&self.start) {
            *slot = Lanes::all(if is_start { start } else { 0.0 });
        }
    }
}

/// What is behind a step, as it is felt at each point before it.
fn pulled(
    filter: &mut Filter<'_>,
    (from, leap): (&Density, &Leap),
    (after, halvings): (&Adjoint, u32),
) -> Pulled {
    let set = filter.compiled.set;
    if let Some(kernel) = leap.kernel {
        return filter.kernels[kernel].pull(set, from, (after.first, &after.values));
    }
    let spacing = filter.spacing / f64::from(1 << halvings);
    let mut sd = 0.0;
    let mut places = Vec::with_capacity(from.weights.len());
    for points in filter.positions(from).chunks(WIDTH) {
        let (means, of_step) = filter.moved(points, leap.now, leap.h);
        sd = of_step.max(filter.least);
        let all = means[..points.len()].iter();
        places.extend(all.map(|mean| (mean - filter.origin) / spacing - after.first as f64));
    }
    let delta = spacing / sd;
    let mut pulled = Pulled::nothing(from.weights.len());
    let shape = [delta, (leap.reach / delta).ceil()];
    pull_normals(set, &places, shape, &after.values, &mut pulled);
    pulled.per(sd);
    pulled
}
