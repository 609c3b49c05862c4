//! Estimates of likelihoods where the dynamics are random: particles run from one observed time to the
//! next, are weighted by the densities of what was seen there, and resampled by these weights.
//!
//! The bootstrap filter (Gordon, Salmond & Smith 1993) with systematic resampling (Kitagawa 1996) where
//! less than half of the particles are effective (Liu & Chen 1995). The estimate's mean is the likelihood
//! (Del Moral 2004; Andrieu, Doucet & Holenstein 2010), so samplers that use it are exact.

mod cloud;

use gnomon_mechanism::Family;
use rayon::prelude::*;

use crate::batch::check_columns;
use crate::compiled::{Compiled, LawPlan};
use crate::failure::SimulateError;
use crate::likelihood::rule_out;
use crate::seen::Seen;
use cloud::Cloud;

/// Particles that a thread runs together: enough that lanes rarely run empty.
const ROWS: usize = 2048;

/// ln of an unbiased estimate of the likelihood of `data` (one number an observed column, NaN where
/// missing) at each row of `parameters`, from so many particles: simulations, of which one that fails
/// counts as likelihood 0. Negative infinity where no particle is left.
///
/// Row `k` is point `numbers[k]`: a point of a seed is always the same estimate at the same parameters,
/// and points of different numbers are independent.
///
/// # Errors
/// Where columns or data do not fit, the dynamics are not random (see
/// [`log_likelihood`](crate::log_likelihood)), or something given is observed without noise.
pub fn estimate_log_likelihood(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    data: &[f64],
    particles: usize,
    seed: u64,
    numbers: &[u64],
) -> Result<Vec<f64>, SimulateError> {
    check(compiled, parameters, data, numbers)?;
    let particles = particles.max(1);
    let seen = Seen::all(compiled, data);
    let points: Vec<usize> = (0..numbers.len()).collect();
    let chunks = points.par_chunks((ROWS / particles).max(1));
    let estimates = chunks.map(|points| {
        let mut cloud = Cloud::new(compiled, parameters, points, numbers, particles, seed);
        for (stage, seen) in seen.iter().enumerate() {
            if cloud.is_empty() {
                break;
            }
            cloud.travel(stage);
            cloud.weigh(seen);
            cloud.select(stage);
        }
        cloud.estimates
    });
    let mut estimates = estimates.collect::<Vec<_>>().concat();
    rule_out(compiled, parameters, data, &mut estimates);
    Ok(estimates)
}

fn check(
    compiled: &Compiled,
    parameters: &[Vec<f64>],
    data: &[f64],
    numbers: &[u64],
) -> Result<(), SimulateError> {
    let columns = compiled.observed_columns();
    let unfit = |text: String| Err(SimulateError::Columns(text));
    if data.len() != columns.len() {
        return unfit(format!(
            "{} observed numbers given, but the mechanism observes {}",
            data.len(),
            columns.len()
        ));
    }
    let rows = check_columns(compiled, parameters)?;
    if rows != numbers.len() && !parameters.is_empty() {
        return unfit(format!("{rows} rows given for {} points", numbers.len()));
    }
    if !matches!(
        compiled.dynamics.law,
        LawPlan::Sde { .. } | LawPlan::Jumps(_) | LawPlan::Leaps(_)
    ) {
        let why = "only random dynamics are run by a particle filter";
        return Err(SimulateError::Unsupported(why.into()));
    }
    if compiled
        .observation
        .series
        .iter()
        .any(|series| !series.lags.is_empty())
    {
        let why = "an observed series looks back, which particles do not remember";
        return Err(SimulateError::Unsupported(why.into()));
    }
    let series = compiled.observation.series.iter();
    let families = series.flat_map(|series| series.times.iter().map(|_| series.family));
    let mut all = families.zip(data).zip(columns);
    match all.find(|((family, x), _)| *family == Family::Exact && !x.is_nan()) {
        Some((_, column)) => Err(SimulateError::Unsupported(format!(
            "`{column}` is observed without noise: no particle would meet it"
        ))),
        None => Ok(()),
    }
}
