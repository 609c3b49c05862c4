//! An approximation of the likelihood for many rows at once: the state's density is taken as normal all the
//! way, its mean and sd carried from step to step and updated by what is seen.
//!
//! Steps are those of the Gauss-Hermite filter of three points (Ito & Xiong 2000), exact for quadratic
//! drifts and beyond; updates are Laplace's (1774) at the posterior's mode. For linear processes with normal
//! observations this is Kalman's filter (1960).

use gnomon_mechanism::elementary::ln;

use super::{filtered, in_blocks, next_step};
use crate::block::Block;
use crate::checkpoint::Checkpoint;
use crate::compiled::Compiled;
use crate::failure::SimulateError;
use crate::lanes::{Frame, LaneTape, Lanes, WIDTH, dispatched, run};
use crate::seen::Seen;

/// Rows that a thread takes at a time.
const ROWS: usize = WIDTH;
const SQRT_3: f64 = 1.732_050_807_568_877_2;
/// Newton's steps to the posterior's mode, at most.
const STEPS: usize = 12;
/// A step by a smaller share of the posterior's sd is the last.
const ARRIVED: f64 = 1e-8;

/// As [`log_densities`](super::log_densities), approximately: negative infinity where the approximation fails.
///
/// # Errors
/// As there.
pub(crate) fn approximate_log_densities(
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
        || Normals::new(compiled, tape, step),
        |normals, start, block| {
            normals.load(start, block);
            normals.follow(&seen);
            let logs = normals.log.0[..block.rows()].iter();
            let sound = |&log: &f64| if log.is_nan() { f64::NEG_INFINITY } else { log };
            logs.map(sound).collect()
        },
    ))
}

/// The states of rows side by side.
struct Normals<'a> {
    compiled: &'a Compiled,
    /// Drift, then diffusion.
    tape: &'a LaneTape,
    step: f64,
    /// Of the dynamics' plan, and of the observation's.
    motion: Frame<WIDTH>,
    sight: Frame<WIDTH>,
    mean: Lanes<WIDTH>,
    sd: Lanes<WIDTH>,
    log: Lanes<WIDTH>,
}

impl<'a> Normals<'a> {
    fn new(compiled: &'a Compiled, tape: &'a LaneTape, step: f64) -> Self {
        let series = compiled.observation.series.iter();
        let outputs = series.map(|series| series.tape.outputs()).max();
        Self {
            compiled,
            tape,
            step,
            motion: compiled.dynamics.plan.frame(tape.outputs()),
            sight: compiled.observation.plan.frame(outputs.unwrap_or(0)),
            mean: Lanes::all(0.0),
            sd: Lanes::all(0.0),
            log: Lanes::all(0.0),
        }
    }

    /// Sets the rows of a block to their start; lanes without a row repeat the last one.
    fn load(&mut self, start: &Checkpoint, block: &Block<'_>) {
        let last = block.rows() - 1;
        let numbers: Vec<usize> = (0..WIDTH).map(|lane| lane.min(last)).collect();
        for (lane, &row) in numbers.iter().enumerate() {
            start.load(row, lane, &mut self.motion);
        }
        self.mean = self.motion[1];
        self.sd = Lanes::all(0.0);
        self.log = Lanes::all(0.0);
        let components = self.compiled.dynamics.components;
        for (slot, column) in self.sight[1 + components..]
            .iter_mut()
            .zip(&block.parameters)
        {
            *slot = Lanes(std::array::from_fn(|lane| column[numbers[lane]]));
        }
    }

    fn follow(&mut self, seen: &[Seen]) {
        let dynamics = &self.compiled.dynamics;
        let mut now = dynamics.start;
        for (seen, &asked) in seen.iter().zip(&dynamics.asked) {
            while let Some((h, arrival)) = next_step(self.step, now, asked) {
                self.carry(now, h);
                now = arrival;
            }
            self.update(asked, seen);
        }
    }

    /// One step from `now`.
    fn carry(&mut self, now: f64, h: f64) {
        let (set, outputs) = (self.compiled.set, self.compiled.dynamics.plan.outputs());
        self.motion[0] = Lanes::all(now);
        let mut drifts = [Lanes::all(0.0); 3];
        for (point, drift) in [0.0, -SQRT_3, SQRT_3].into_iter().zip(&mut drifts) {
            along(set, &self.mean, &self.sd, point, &mut self.motion[1]);
            run(set, self.tape, &mut self.motion, outputs);
            *drift = self.motion[outputs];
        }
        let diffusion = &self.motion[outputs + 1];
        spread(set, h, &drifts, diffusion, &mut self.mean, &mut self.sd);
    }

    /// Multiplies by the density of what is seen.
    fn update(&mut self, time: f64, seen: &Seen) {
        let set = self.compiled.set;
        self.sight[0] = Lanes::all(time);
        let mut mode = Mode {
            place: self.mean,
            width: self.sd,
            curvature: Lanes::all(0.0),
            height: Lanes::all(0.0),
        };
        let mut moving = Lanes::all(1.0);
        let mut values = [Lanes::all(0.0); 3];
        for _ in 0..STEPS {
            for (point, values) in [0.0, -1.0, 1.0].into_iter().zip(&mut values) {
                along(set, &mode.place, &mode.width, point, &mut self.sight[1]);
                seen.log_densities(self.compiled, &mut self.sight, &mut values.0);
            }
            climb(set, &self.mean, &self.sd, &values, &mut mode, &mut moving);
            if moving.0.iter().all(|&moving| moving == 0.0) {
                break;
            }
        }
        settle(set, &mode, &mut self.mean, &mut self.sd, &mut self.log);
    }
}

/// Where a posterior is highest, so far as it is known.
struct Mode {
    place: Lanes<WIDTH>,
    /// The posterior's sd by its curvature there.
    width: Lanes<WIDTH>,
    /// The negative second derivative of the log-likelihood, at least 0.
    curvature: Lanes<WIDTH>,
    /// The log-likelihood there.
    height: Lanes<WIDTH>,
}

dispatched! {
    /// mean + point sd.
    fn along[]<>(
        mean: &Lanes<WIDTH>,
        sd: &Lanes<WIDTH>,
        point: f64,
        to: &mut Lanes<WIDTH>,
    ) = along_body
}

#[inline(always)]
fn along_body(mean: &Lanes<WIDTH>, sd: &Lanes<WIDTH>, point: f64, to: &mut Lanes<WIDTH>) {
    for lane in 0..WIDTH {
        to.0[lane] = point * sd.0[lane] + mean.0[lane];
    }
}

dispatched! {
    fn spread[]<>(
        h: f64,
        drifts: &[Lanes<WIDTH>; 3],
        diffusion: &Lanes<WIDTH>,
        mean: &mut Lanes<WIDTH>,
        sd: &mut Lanes<WIDTH>,
    ) = spread_body
}

/// Mean and sd after a step, from the drifts at the middle and at sqrt(3) sds before and behind it.
#[inline(always)]
fn spread_body(
    h: f64,
    drifts: &[Lanes<WIDTH>; 3],
    diffusion: &Lanes<WIDTH>,
    mean: &mut Lanes<WIDTH>,
    sd: &mut Lanes<WIDTH>,
) {
    let [middle, before, behind] = drifts;
    for lane in 0..WIDTH {
        // Distances from the mean.
        let m = h * middle.0[lane];
        let low = h * before.0[lane] - SQRT_3 * sd.0[lane];
        let high = h * behind.0[lane] + SQRT_3 * sd.0[lane];
        let by = (4.0 * m + low + high) * (1.0 / 6.0);
        let square = |x: f64| (x - by) * (x - by);
        let variance = (4.0 * square(m) + square(low) + square(high)) * (1.0 / 6.0);
        let noise = diffusion.0[lane];
        mean.0[lane] += by;
        sd.0[lane] = (h * noise * noise + variance).sqrt();
    }
}

dispatched! {
    fn climb[]<>(
        mean: &Lanes<WIDTH>,
        sd: &Lanes<WIDTH>,
        values: &[Lanes<WIDTH>; 3],
        mode: &mut Mode,
        moving: &mut Lanes<WIDTH>,
    ) = climb_body
}

/// A step of Newton's method, by the parabola through the log-likelihoods at the place and a width either side.
#[inline(always)]
fn climb_body(
    mean: &Lanes<WIDTH>,
    sd: &Lanes<WIDTH>,
    values: &[Lanes<WIDTH>; 3],
    mode: &mut Mode,
    moving: &mut Lanes<WIDTH>,
) {
    let [middle, before, behind] = values;
    for lane in 0..WIDTH {
        let (place, width, s) = (mode.place.0[lane], mode.width.0[lane], sd.0[lane]);
        let there = width > 0.0;
        let slope = (behind.0[lane] - before.0[lane]) / (2.0 * width);
        let bend = (2.0 * middle.0[lane] - before.0[lane] - behind.0[lane]) / (width * width);
        let curvature = if there && bend > 0.0 { bend } else { 0.0 };
        let narrowing = s * s * curvature + 1.0;
        let variance = s * s / narrowing;
        let step = variance * slope - (place - mean.0[lane]) / narrowing;
        let step = if there { step } else { 0.0 };
        let new = variance.sqrt();
        let goes = moving.0[lane] != 0.0;
        // NaN stays, and moves no more.
        let far = step.abs() > ARRIVED * new;
        mode.curvature.0[lane] = if goes {
            curvature
        } else {
            mode.curvature.0[lane]
        };
        mode.width.0[lane] = if goes { new } else { width };
        mode.place.0[lane] = if goes { place + step } else { place };
        // Of the parabola at its new place.
        let height = middle.0[lane]
            + if there {
                step * (slope - 0.5 * curvature * step)
            } else {
                0.0
            };
        mode.height.0[lane] = if goes { height } else { mode.height.0[lane] };
        moving.0[lane] = if goes && far { 1.0 } else { 0.0 };
    }
}

dispatched! {
    fn settle[]<>(
        mode: &Mode,
        mean: &mut Lanes<WIDTH>,
        sd: &mut Lanes<WIDTH>,
        log: &mut Lanes<WIDTH>,
    ) = settle_body
}

/// Laplace's approximation of the integral, and of the posterior.
#[inline(always)]
fn settle_body(
    mode: &Mode,
    mean: &mut Lanes<WIDTH>,
    sd: &mut Lanes<WIDTH>,
    log: &mut Lanes<WIDTH>,
) {
    for lane in 0..WIDTH {
        let s = sd.0[lane];
        let off = (mode.place.0[lane] - mean.0[lane]) / s;
        let off = if s > 0.0 { off } else { 0.0 };
        let narrowing = s * s * mode.curvature.0[lane] + 1.0;
        log.0[lane] += mode.height.0[lane] - 0.5 * (off * off + ln(narrowing));
        mean.0[lane] = mode.place.0[lane];
        sd.0[lane] = mode.width.0[lane];
    }
}
