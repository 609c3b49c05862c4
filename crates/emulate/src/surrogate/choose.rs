//! The choice among families by their held-out error.

use super::{Family, GaussianProcess, Network, Polynomial, Settings, Surrogate, Trend, check, on};
use crate::error::EmulateError;
use crate::points::Points;
use gnomon_mechanism::random::{Purpose, Stream};
use rayon::prelude::*;
use std::time::Instant;

/// Parts that the bank is cut into: each is held out once.
const FOLDS: usize = 5;

/// What was chosen, and what it was chosen from.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The family with the least held-out error, fitted to the whole bank.
    pub surrogate: Surrogate,
    /// All candidates in the order they were given; `Display` prints them as a table.
    pub tried: Vec<Tried>,
}

/// One candidate.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Tried {
    /// What it is.
    pub family: Family,
    /// Root mean squared held-out error of each output, in its own units; empty where it was not fitted.
    pub errors: Vec<f64>,
    /// The root mean square over outputs of error / sd over the bank (outputs that vary): 1 for the mean.
    pub overall: f64,
    /// Seconds for all its fits.
    pub fit_seconds: f64,
    /// Seconds for one query among many.
    pub query_seconds: f64,
    /// Why it was not fitted, if so.
    pub refused: Option<String>,
}

/// Rows beyond which a Gaussian process of one output costs more than it gives.
const MOST_ROWS: usize = 2000;

/// Rows from which networks are worth their training.
const FOR_NETWORKS: usize = 2000;
/// Outputs beyond which they are learned by their modes, and most of those.
const MANY: usize = 12;
const MODES: usize = 20;

/// The families worth trying on a bank.
#[must_use]
pub fn candidates(inputs: &Points, outputs: &Points) -> Vec<Family> {
    let mut all = vec![Family::Polynomial(Polynomial::default())];
    let learned = match outputs.columns() > MANY {
        true => MODES,
        false => outputs.columns(),
    };
    // Its time grows with the cube of the rows, and with the outputs.
    let work = inputs.rows().saturating_pow(3).saturating_mul(learned);
    if work <= MOST_ROWS.pow(3) {
        all.extend([Trend::Linear, Trend::Polynomial].map(|trend| {
            Family::GaussianProcess(GaussianProcess {
                trend,
                ..GaussianProcess::default()
            })
        }));
    }
    if inputs.rows() >= FOR_NETWORKS {
        all.push(Family::Network(Network::default()));
    }
    if outputs.columns() > MANY {
        let of_modes = all.into_iter().map(Box::new);
        all = of_modes
            .map(|of| Family::Reduced { modes: MODES, of })
            .collect();
    } else if outputs.values().iter().all(|&y| y > 0.0) {
        let of_logarithms = all
            .clone()
            .into_iter()
            .map(|of| Family::Logarithm(Box::new(of)));
        all.extend(of_logarithms);
    }
    all.insert(0, Family::Mean);
    all
}

/// Fits all `candidates` with a fifth of the bank held out, five times (once where that is costly), and takes
/// the best one, fitted to the whole bank. What is searched by likelihood is searched on the whole bank.
///
/// # Errors
/// If the bank is no good (as [`Surrogate::fit`]), or no candidate can be fitted to it.
pub fn choose(
    inputs: &Points,
    outputs: &Points,
    candidates: &[Family],
    settings: &Settings,
) -> Result<Chosen, EmulateError> {
    check(inputs, outputs)?;
    on(settings.threads, || {
        choose_checked(inputs, outputs, candidates, settings.seed)
    })?
}

fn choose_checked(
    inputs: &Points,
    outputs: &Points,
    candidates: &[Family],
    seed: u64,
) -> Result<Chosen, EmulateError> {
    let folds = folds(inputs.rows(), seed);
    let scales = scales(outputs);
    let each = candidates
        .iter()
        .map(|family| attempt(inputs, outputs, &scales, family, &folds, seed));
    let (mut fitted, tried): (Vec<_>, Vec<_>) = each.unzip();
    let best = (0..tried.len())
        .filter(|&k| fitted[k].is_some())
        .min_by(|&a, &b| tried[a].overall.total_cmp(&tried[b].overall));
    let surrogate = match best.and_then(|k| fitted[k].take()) {
        Some(surrogate) => surrogate,
        None => Surrogate::fit_checked(inputs, outputs, &Family::Mean, seed, None)?,
    };
    Ok(Chosen { surrogate, tried })
}

/// Rows to hold out, part by part.
pub(super) fn folds(rows: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..rows).collect();
    Stream::new(seed, Purpose::SHUFFLE, 0).shuffle(&mut order);
    let parts = FOLDS.min(rows);
    (0..parts)
        .map(|part| order.iter().copied().skip(part).step_by(parts).collect())
        .collect()
}

/// Sd of each output over the bank; 0 where it never varies.
pub(super) fn scales(outputs: &Points) -> Vec<f64> {
    let sd = |column: usize| {
        let n = outputs.rows() as f64;
        let mean = outputs.column(column).map(|y| y / n).sum::<f64>();
        let largest = outputs
            .column(column)
            .fold(0.0, |most: f64, y| most.max((y - mean).abs()));
        if largest <= 1e-13 * mean.abs() {
            return 0.0;
        }
        let squares = outputs
            .column(column)
            .map(|y| ((y - mean) / largest).powi(2));
        largest * (squares.sum::<f64>() / n).sqrt()
    };
    (0..outputs.columns()).map(sd).collect()
}

fn attempt(
    inputs: &Points,
    outputs: &Points,
    scales: &[f64],
    family: &Family,
    folds: &[Vec<usize>],
    seed: u64,
) -> (Option<Surrogate>, Tried) {
    let folds = if family.is_costly() {
        &folds[..1]
    } else {
        folds
    };
    let start = Instant::now();
    let whole = Surrogate::fit_checked(inputs, outputs, family, seed, None);
    let parts: Result<Vec<(Points, f64)>, EmulateError> = match &whole {
        Err(refusal) => Err(refusal.clone()),
        Ok(whole) => folds
            .par_iter()
            .map(|held_out| without(inputs, outputs, held_out, whole, seed))
            .collect(),
    };
    let mut tried = Tried {
        family: family.clone(),
        errors: Vec::new(),
        overall: f64::INFINITY,
        fit_seconds: start.elapsed().as_secs_f64(),
        query_seconds: 0.0,
        refused: None,
    };
    let parts = match parts {
        Ok(parts) => parts,
        Err(refusal) => {
            tried.refused = Some(refusal.to_string());
            return (None, tried);
        }
    };
    let n = folds.iter().map(Vec::len).sum::<usize>() as f64;
    tried.query_seconds = parts.iter().map(|(_, seconds)| seconds).sum::<f64>() / n;
    let error = |column: usize| {
        // In units of the sd, so that squares neither overflow nor vanish.
        let unit = if scales[column] > 0.0 {
            scales[column]
        } else {
            1.0
        };
        let squares = folds.iter().zip(&parts).flat_map(|(rows, (answers, _))| {
            let truths = rows.iter().map(|&row| outputs.row(row)[column]);
            answers
                .column(column)
                .zip(truths)
                .map(move |(y, truth)| ((y - truth) / unit).powi(2))
        });
        unit * (squares.sum::<f64>() / n).sqrt()
    };
    tried.errors = (0..outputs.columns()).map(error).collect();
    tried.overall = root_mean_square(&tried.errors, scales);
    (whole.ok(), tried)
}

/// The root mean square over outputs that vary of error / sd.
fn root_mean_square(errors: &[f64], scales: &[f64]) -> f64 {
    let each = errors.iter().zip(scales).filter(|(_, scale)| **scale > 0.0);
    let shares: Vec<f64> = each.map(|(error, scale)| (error / scale).powi(2)).collect();
    (shares.iter().sum::<f64>() / shares.len().max(1) as f64).sqrt()
}

/// Root mean squared error over the sd of the bank, over rows and outputs that vary.
pub(super) fn error_over_sd(answers: &Points, truth: &Points, scales: &[f64]) -> f64 {
    let n = answers.rows().max(1) as f64;
    let error = |column: usize| {
        let unit = if scales[column] > 0.0 {
            scales[column]
        } else {
            1.0
        };
        let each = answers.column(column).zip(truth.column(column));
        unit * (each
            .map(|(y, truth)| ((y - truth) / unit).powi(2))
            .sum::<f64>()
            / n)
            .sqrt()
    };
    let errors: Vec<f64> = (0..answers.columns()).map(error).collect();
    root_mean_square(&errors, scales)
}

/// Answers to the rows held out of a fit to the others, and the seconds they took.
fn without(
    inputs: &Points,
    outputs: &Points,
    held_out: &[usize],
    whole: &Surrogate,
    seed: u64,
) -> Result<(Points, f64), EmulateError> {
    let mut is_out = vec![false; inputs.rows()];
    held_out.iter().for_each(|&row| is_out[row] = true);
    let rest: Vec<usize> = (0..inputs.rows()).filter(|&row| !is_out[row]).collect();
    let family = &whole.family;
    if rest.is_empty() {
        return Err(EmulateError::Family {
            family: family.to_string(),
            reason: "there is one row, and nothing to hold out".into(),
        });
    }
    let (x, y) = (inputs.select(&rest), outputs.select(&rest));
    let surrogate = Surrogate::fit_checked(&x, &y, family, seed, Some(whole))?;
    let start = Instant::now();
    let answers = surrogate.predict(&inputs.select(held_out))?.values;
    Ok((answers, start.elapsed().as_secs_f64()))
}

impl std::fmt::Display for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<String> = self.tried.iter().map(|t| t.family.to_string()).collect();
        let width = names.iter().map(String::len).max().unwrap_or(0).max(6);
        writeln!(
            f,
            "  {:width$}  {:>10}  {:>8}  {:>8}",
            "family", "error / sd", "fit", "query"
        )?;
        for (tried, name) in self.tried.iter().zip(&names) {
            let mark = if tried.family == *self.surrogate.family() {
                "*"
            } else {
                " "
            };
            match &tried.refused {
                Some(refusal) => writeln!(f, "{mark} {name:width$}  {refusal}")?,
                None => writeln!(
                    f,
                    "{mark} {name:width$}  {:>10.2e}  {:>6.2} s  {:>5.1} us",
                    tried.overall,
                    tried.fit_seconds,
                    tried.query_seconds * 1e6
                )?,
            }
        }
        Ok(())
    }
}
