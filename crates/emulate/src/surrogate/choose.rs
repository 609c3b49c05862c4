//! The choice among families: by their held-out error, or by their cost where the error is small enough.

use super::{
    Family, Fraction, GaussianProcess, Network, Polynomial, Settings, Surrogate, Trend, check, on,
};
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
    /// The chosen family, fitted to the whole bank.
    pub surrogate: Surrogate,
    /// What it was chosen for.
    pub why: Why,
    /// All candidates in the order they were given; `Display` prints them as a table.
    pub tried: Vec<Tried>,
}

/// What a family is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Its held-out error is the least.
    LeastError,
    /// Its error is small enough for the tolerance, and its answers cost least.
    LeastCost,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LeastError => write!(f, "Chosen for the least held-out error."),
            Self::LeastCost => write!(
                f,
                "Chosen for its cost: of the families within half the tolerance for 99 % of held-out rows the \
                 cheapest, or the one with the least error among those that cost at most twice as much."
            ),
        }
    }
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
    /// Share of held-out rows with an error above half the tolerance in any output; none where no tolerance
    /// was given.
    pub beyond: Option<f64>,
    /// Operations of one answer: [`Surrogate::operations`].
    pub operations: u64,
    /// Seconds for all its fits.
    pub fit_seconds: f64,
    /// Seconds for one query among many.
    pub query_seconds: f64,
    /// Why it was not fitted, if so.
    pub refused: Option<String>,
}

/// A family is good enough where at most this share of held-out rows is in error by more than this share of
/// the tolerance: an estimate of its errors then has room below the tolerance.
const BEYOND: f64 = 0.01;
const MARGIN: f64 = 0.5;
/// Among families that cost at most so many times what the cheapest costs, the error decides.
const AS_CHEAP: u64 = 2;

/// Rows beyond which a Gaussian process costs more than it gives, and of how many outputs (or modes) at so
/// many rows: its time grows with the cube of the rows, and with the outputs.
const MOST_ROWS: usize = 2000;
const MOST_WORK: usize = 20 * 1000 * 1000 * 1000;

/// Rows up to which each kernel is a family of its own.
const FEW: usize = 300;
/// Rows from which networks are worth their training.
const FOR_NETWORKS: usize = 2000;
/// Outputs beyond which they are learned by their modes, and most of those.
const MANY: usize = 12;
const MODES: usize = 32;

/// The families worth trying on a bank.
#[must_use]
pub fn candidates(inputs: &Points, outputs: &Points) -> Vec<Family> {
    let mut all = vec![Family::Polynomial(Polynomial::default())];
    let learned = match outputs.columns() > MANY {
        true => MODES,
        false => outputs.columns(),
    };
    let work = inputs.rows().saturating_pow(3).saturating_mul(learned);
    if inputs.rows() <= MOST_ROWS && work <= MOST_WORK {
        let process = |trend, kernels| {
            Family::GaussianProcess(GaussianProcess {
                trend,
                kernels,
                alike: outputs.columns() > MANY,
                ..GaussianProcess::default()
            })
        };
        let both = GaussianProcess::default().kernels;
        let trends = match outputs.columns() > MANY {
            true => &[Trend::Constant, Trend::Polynomial][..],
            false => &[Trend::Constant, Trend::Linear, Trend::Polynomial],
        };
        for &trend in trends {
            // Few rows tell the kernel better by what they hold out than by their likelihood.
            match inputs.rows() <= FEW && outputs.columns() <= MANY {
                true => all.extend(both.iter().map(|&kernel| process(trend, vec![kernel]))),
                false => all.push(process(trend, both.clone())),
            }
        }
    }
    let varies = |column: &usize| {
        let mut values = inputs.column(*column);
        let first = values.next();
        values.any(|x| Some(x) != first)
    };
    if (0..inputs.columns()).filter(varies).count() == 1 {
        all.push(Family::Rational(Fraction::default()));
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
/// one, fitted to the whole bank. What is searched by likelihood is searched on the whole bank.
///
/// With `tolerances`, one an output in its unit, those families are good enough of which at most 1 % of the
/// held-out rows is in error by more than half of any: the cheapest is taken, or the one with the least
/// error among those that cost at most twice as much. The bank's mean is never good enough. Without
/// tolerances, or where no family is good enough, the one with the least error is taken.
///
/// # Errors
/// If the bank is no good (as [`Surrogate::fit`]), no candidate can be fitted to it, there is not one
/// tolerance an output, or the fit was stopped.
pub fn choose(
    inputs: &Points,
    outputs: &Points,
    candidates: &[Family],
    tolerances: Option<&[f64]>,
    settings: &Settings<'_>,
) -> Result<Chosen, EmulateError> {
    check(inputs, outputs)?;
    if let Some(tolerances) = tolerances
        && tolerances.len() != outputs.columns()
    {
        return Err(EmulateError::Shape {
            what: "tolerances".into(),
            expected: outputs.columns(),
            found: tolerances.len(),
        });
    }
    on(settings.threads, || {
        choose_checked(inputs, outputs, candidates, tolerances, settings)
    })?
}

fn choose_checked(
    inputs: &Points,
    outputs: &Points,
    candidates: &[Family],
    tolerances: Option<&[f64]>,
    settings: &Settings<'_>,
) -> Result<Chosen, EmulateError> {
    let bank = Bank {
        inputs,
        outputs,
        scales: scales(outputs),
        tolerances,
        folds: folds(inputs.rows(), settings.seed),
    };
    let (mut fitted, mut tried) = (Vec::new(), Vec::new());
    for family in candidates {
        let (surrogate, outcome) = attempt(&bank, family, settings);
        settings.check()?;
        fitted.push(surrogate);
        tried.push(outcome);
    }
    let (best, why) = best(&tried);
    let surrogate = match best.and_then(|k| fitted[k].take()) {
        Some(surrogate) => surrogate,
        None => Surrogate::fit_checked(inputs, outputs, &Family::Mean, settings, None)?,
    };
    Ok(Chosen {
        surrogate,
        why,
        tried,
    })
}

/// Which of the candidates is taken, if any was fitted, and why.
fn best(tried: &[Tried]) -> (Option<usize>, Why) {
    let least = |among: &dyn Fn(&Tried) -> bool| {
        (0..tried.len())
            .filter(|&k| tried[k].refused.is_none() && among(&tried[k]))
            .min_by(|&a, &b| tried[a].overall.total_cmp(&tried[b].overall))
    };
    let is_enough = |tried: &Tried| {
        let is_close = tried.beyond.is_some_and(|share| share <= BEYOND);
        is_close && tried.refused.is_none() && tried.family != Family::Mean
    };
    let enough = tried.iter().filter(|tried| is_enough(tried));
    let cheapest = enough.map(|tried| tried.operations).min();
    let Some(cheapest) = cheapest else {
        return (least(&|_| true), Why::LeastError);
    };
    let is_cheap = |tried: &Tried| tried.operations <= AS_CHEAP.saturating_mul(cheapest);
    let chosen = least(&|tried| is_enough(tried) && is_cheap(tried));
    match chosen == least(&|_| true) {
        true => (chosen, Why::LeastError),
        false => (chosen, Why::LeastCost),
    }
}

/// What families are held against.
struct Bank<'a> {
    inputs: &'a Points,
    outputs: &'a Points,
    /// Sd of each output.
    scales: Vec<f64>,
    tolerances: Option<&'a [f64]>,
    folds: Vec<Vec<usize>>,
}

impl Bank<'_> {
    /// The share of held-out rows with an error above the margin in any output.
    fn beyond(&self, folds: &[Vec<usize>], parts: &[(Points, f64)]) -> Option<f64> {
        let tolerances = self.tolerances?;
        let is_beyond = |answer: &[f64], row: usize| {
            let each = answer.iter().zip(self.outputs.row(row)).zip(tolerances);
            // A NaN is beyond, too.
            !each
                .into_iter()
                .all(|((y, truth), tolerance)| (y - truth).abs() <= MARGIN * tolerance)
        };
        let both = folds.iter().zip(parts);
        let count: usize = both
            .map(|(rows, (answers, _))| {
                let each = rows.iter().zip(answers.iter());
                each.filter(|(row, answer)| is_beyond(answer, **row))
                    .count()
            })
            .sum();
        let rows: usize = folds.iter().map(Vec::len).sum();
        Some(count as f64 / rows.max(1) as f64)
    }
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
    bank: &Bank<'_>,
    family: &Family,
    settings: &Settings<'_>,
) -> (Option<Surrogate>, Tried) {
    let (inputs, outputs, scales) = (bank.inputs, bank.outputs, &bank.scales);
    let folds = if family.is_costly() {
        &bank.folds[..1]
    } else {
        &bank.folds
    };
    let start = Instant::now();
    let whole = Surrogate::fit_checked(inputs, outputs, family, settings, None);
    let parts: Result<Vec<(Points, f64)>, EmulateError> = match &whole {
        Err(refusal) => Err(refusal.clone()),
        Ok(whole) => folds
            .par_iter()
            .map(|held_out| without(inputs, outputs, held_out, whole, settings))
            .collect(),
    };
    let mut tried = Tried {
        family: family.clone(),
        errors: Vec::new(),
        overall: f64::INFINITY,
        beyond: None,
        operations: whole.as_ref().map_or(0, Surrogate::operations),
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
    tried.beyond = bank.beyond(folds, &parts);
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
    settings: &Settings<'_>,
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
    let surrogate = Surrogate::fit_checked(&x, &y, family, settings, Some(whole))?;
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
            "  {:width$}  {:>10}  {:>8}  {:>10}  {:>8}  {:>8}",
            "family", "error / sd", "beyond", "operations", "fit", "query"
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
                    "{mark} {name:width$}  {:>10.2e}  {:>8}  {:>10}  {:>6.2} s  {:>5.1} us",
                    tried.overall,
                    tried
                        .beyond
                        .map_or(String::new(), |share| format!("{:.1} %", 100.0 * share)),
                    tried.operations,
                    tried.fit_seconds,
                    tried.query_seconds * 1e6
                )?,
            }
        }
        writeln!(f, "{}", self.why)
    }
}
