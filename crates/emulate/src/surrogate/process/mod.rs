//! Gaussian processes with a trend (universal kriging): each output has lengthscales of its own for every
//! input, found by the restricted likelihood; the trend may be a polynomial expansion's terms
//! (polynomial-chaos kriging; Schobi, Sudret & Wiart 2015).

mod kernel;
mod likelihood;
mod search;

pub use kernel::Kernel;

use super::Settings;
use super::polynomial::basis::Basis;
use super::polynomial::terms::{Term, add_slopes, value};
use super::polynomial::{Expansions, Polynomial};
use crate::points::Points;
use faer::{Mat, MatRef};
use gnomon_mechanism::elementary::ln;
use gnomon_mechanism::random::{Purpose, Stream};
use kernel::scaled_square;
use likelihood::{Bank, Conditioned, inverse_lengths, likelihood};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What the process varies about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    /// A constant.
    Constant,
    /// A constant and a slope along each input.
    Linear,
    /// The first terms that a sparse polynomial expansion selects, at most one for five rows.
    Polynomial,
}

/// How a Gaussian process is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianProcess {
    /// Of these the one with the highest likelihood is kept.
    pub kernels: Vec<Kernel>,
    /// What it varies about.
    pub trend: Trend,
    /// Whether outputs are alike, as the modes of one field are: then all have the kernel of the first, and
    /// their lengthscales are searched from its own.
    pub alike: bool,
    /// Most rows that lengthscales are searched on; all rows are conditioned on.
    pub search_rows: usize,
}

impl Default for GaussianProcess {
    fn default() -> Self {
        Self {
            kernels: vec![Kernel::Matern52, Kernel::SquaredExponential],
            trend: Trend::Linear,
            alike: false,
            search_rows: 250,
        }
    }
}

/// Between what a logarithm is searched.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    low: f64,
    high: f64,
}

/// Inputs span [-1, 1].
const LENGTHS: [f64; 2] = [0.02, 300.0];
/// As shares of the process variance: the lowest keeps correlations regular.
const NUGGETS: [f64; 2] = [1e-13, 10.0];
/// A lengthscale is this one within a factor e^3 or so, as far as the bank does not tell.
const TYPICAL: f64 = 2.0;
const UNCERTAIN: f64 = 3.0;
/// Rows beyond which lengthscales found on fewer are not climbed further.
const POLISHED: usize = 400;
/// Queries that are answered at once.
const CHUNK: usize = 128;

/// Processes of several outputs, conditioned on the same inputs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Processes {
    inputs: Points,
    basis: Basis,
    outputs: Vec<Process>,
}

/// The process of one output.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Process {
    kernel: Kernel,
    /// Logarithms of the lengthscales and of the nugget.
    point: Vec<f64>,
    terms: Vec<Term>,
    coefficients: Vec<f64>,
    weights: Vec<f64>,
    variance: f64,
    /// Worked out again when a surrogate is read.
    #[serde(skip)]
    conditioned: Option<Conditioned>,
}

impl Processes {
    /// Fits every column of `outputs`, both in standardised coordinates; `None` where correlations stay
    /// singular. With `known`, lengthscales and nuggets are those of other processes of the same outputs.
    pub fn fit(
        inputs: &Points,
        outputs: &Points,
        settings: &GaussianProcess,
        control: &Settings<'_>,
        known: Option<&Self>,
    ) -> Option<Self> {
        let expansions = match settings.trend {
            Trend::Polynomial => {
                Expansions::fit(inputs, outputs, &Polynomial::default(), control, None)
            }
            _ => Expansions::fit(
                inputs,
                &Points::zeros(inputs.rows(), 0),
                &Polynomial::linear(),
                control,
                None,
            ),
        };
        let basis = expansions.basis().clone();
        let one = |output: usize, near: Option<&Process>| -> Option<Process> {
            let target: Vec<f64> = outputs.column(output).collect();
            let terms = match settings.trend {
                Trend::Constant => vec![Vec::new()],
                Trend::Linear => linear(&basis, inputs.rows()),
                Trend::Polynomial => {
                    let most = (inputs.rows() / 5).max(1);
                    expansions
                        .terms(output)
                        .iter()
                        .take(most)
                        .cloned()
                        .collect()
                }
            };
            let found = match known {
                Some(known) => {
                    let process = known.outputs.get(output)?;
                    (process.kernel, process.point.clone())
                }
                None => {
                    let bank = Target {
                        inputs,
                        target: &target,
                        basis: &basis,
                        terms: &terms,
                    };
                    search_all(&bank, settings, near, control)?
                }
            };
            Process::new(inputs, &target, &basis, terms, found)
        };
        let (mut fitted, mut from) = (Vec::new(), 0);
        if settings.alike && known.is_none() && outputs.columns() > 0 {
            fitted.push(one(0, None)?);
            from = 1;
        }
        let first = fitted.first();
        let rest: Vec<Option<Process>> = (from..outputs.columns())
            .into_par_iter()
            .map(|output| one(output, first))
            .collect();
        fitted.extend(rest.into_iter().collect::<Option<Vec<_>>>()?);
        Some(Self {
            inputs: inputs.clone(),
            basis,
            outputs: fitted,
        })
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// Operations of one answer and its spread, an exponential counted as `elementary`: correlations with
    /// all rows, and a triangle of equations for each output.
    pub fn operations(&self, elementary: u64) -> u64 {
        let (n, d) = (self.inputs.rows() as u64, self.inputs.columns() as u64);
        let of = |process: &Process| {
            let terms = process.terms.len() as u64;
            n * (3 * d + elementary + 4) + n * n + 2 * n * terms + 2 * terms * terms
        };
        self.basis.operations() + self.outputs.iter().map(of).sum::<u64>()
    }

    /// Works out again what is not saved; `false` where it cannot be.
    pub fn restore(&mut self) -> bool {
        let (inputs, basis) = (&self.inputs, &self.basis);
        self.outputs.iter_mut().all(|process| {
            let trend = trend(inputs, basis, &process.terms);
            let point = &process.point;
            process.conditioned = Conditioned::new(inputs, trend.as_ref(), process.kernel, point);
            process.conditioned.is_some()
        })
    }

    /// Answers and their sd: rows x outputs each.
    pub fn predict(&self, x: &Points) -> [Points; 2] {
        let mut values = Points::zeros(x.rows(), self.outputs.len());
        let mut spread = values.clone();
        let rows: Vec<usize> = (0..x.rows()).collect();
        for chunk in rows.chunks(CHUNK) {
            let points = x.select(chunk);
            for (output, process) in self.outputs.iter().enumerate() {
                let found = process.predict(&self.inputs, &self.basis, &points);
                for (&row, (value, sd)) in chunk.iter().zip(found) {
                    values.row_mut(row)[output] = value;
                    spread.row_mut(row)[output] = sd;
                }
            }
        }
        [values, spread]
    }

    /// Exact derivatives at one point: outputs x inputs.
    pub fn slopes(&self, point: &[f64]) -> Points {
        let (values, slopes) = (self.basis.values(point), self.basis.slopes(point));
        let mut all = Points::zeros(self.outputs.len(), point.len());
        for (output, process) in self.outputs.iter().enumerate() {
            let to = all.row_mut(output);
            for (term, coefficient) in process.terms.iter().zip(&process.coefficients) {
                add_slopes(term, *coefficient, [&values, &slopes], to);
            }
            let inverse = inverse_lengths(&process.point);
            for (known, weight) in self.inputs.iter().zip(&process.weights) {
                let (_, g) = process.kernel.at(scaled_square(point, known, &inverse));
                for (k, sum) in to.iter_mut().enumerate() {
                    *sum -= weight * g * (point[k] - known[k]) * inverse[k] * inverse[k];
                }
            }
        }
        all
    }
}

impl Process {
    fn new(
        inputs: &Points,
        target: &[f64],
        basis: &Basis,
        terms: Vec<Term>,
        (kernel, mut point): (Kernel, Vec<f64>),
    ) -> Option<Self> {
        let trend = trend(inputs, basis, &terms);
        let bank = Bank {
            inputs,
            target,
            trend: trend.as_ref(),
        };
        // What is regular on fewer rows may need a larger nugget on all.
        for _ in 0..8 {
            let Some(conditioned) = Conditioned::new(inputs, trend.as_ref(), kernel, &point) else {
                *point.last_mut()? += ln(10.0);
                continue;
            };
            let learned = conditioned.learn(&bank);
            return Some(Self {
                kernel,
                point,
                terms,
                coefficients: learned.coefficients,
                weights: learned.weights,
                variance: learned.variance,
                conditioned: Some(conditioned),
            });
        }
        None
    }

    fn predict(&self, inputs: &Points, basis: &Basis, x: &Points) -> Vec<(f64, f64)> {
        let inverse = inverse_lengths(&self.point);
        let correlations = Mat::from_fn(inputs.rows(), x.rows(), |i, j| {
            self.kernel
                .at(scaled_square(inputs.row(i), x.row(j), &inverse))
                .0
        });
        let here = trend(x, basis, &self.terms);
        let explained = self
            .conditioned
            .as_ref()
            .map(|known| explained(known, correlations.as_ref(), here.as_ref()));
        (0..x.rows())
            .map(|row| {
                let slow = self.coefficients.iter().enumerate();
                let fast = self.weights.iter().enumerate();
                let value = slow.map(|(k, c)| c * here[(row, k)]).sum::<f64>()
                    + fast.map(|(i, w)| w * correlations[(i, row)]).sum::<f64>();
                let share = explained.as_ref().map_or(1.0, |explained| explained[row]);
                (value, (self.variance * share.max(0.0)).sqrt())
            })
            .collect()
    }
}

/// The variance at each query as a share of the process variance (Sacks et al. 1989, equation 9):
/// 1 - k^T R^-1 k + u^T (F^T R^-1 F)^-1 u, with u = f - F^T R^-1 k.
fn explained(known: &Conditioned, k: MatRef<'_, f64>, f: MatRef<'_, f64>) -> Vec<f64> {
    use faer::linalg::solvers::Solve;
    let mut solved = k.to_owned();
    known
        .factor
        .L()
        .solve_lower_triangular_in_place(solved.as_mut());
    let u = f.transpose() - known.weighted_trend.transpose() * k;
    let weighed = known.information.solve(&u);
    let along = |column: usize| {
        let trend = u.col(column).transpose() * weighed.col(column);
        1.0 - solved.col(column).squared_norm_l2() + trend
    };
    (0..k.ncols()).map(along).collect()
}

/// The trend's functions at some points: points x functions.
fn trend(points: &Points, basis: &Basis, terms: &[Term]) -> Mat<f64> {
    let values: Vec<Vec<Vec<f64>>> = points.iter().map(|x| basis.values(x)).collect();
    Mat::from_fn(points.rows(), terms.len(), |row, k| {
        value(&terms[k], &values[row])
    })
}

/// A constant and all slopes; the constant alone where there are few rows.
fn linear(basis: &Basis, rows: usize) -> Vec<Term> {
    let degrees = basis.degrees();
    let slopes = degrees
        .iter()
        .enumerate()
        .filter(|(_, highest)| **highest > 0);
    let slopes = slopes.map(|(input, _)| vec![(input, 1)]);
    let all: Vec<Term> = std::iter::once(Vec::new()).chain(slopes).collect();
    if all.len() * 2 <= rows {
        all
    } else {
        vec![Vec::new()]
    }
}

/// One output of a bank, and the terms of its trend.
struct Target<'a> {
    inputs: &'a Points,
    target: &'a [f64],
    basis: &'a Basis,
    terms: &'a [Term],
}

/// The kernel, lengthscales and nugget of the highest likelihood; with `near`, its kernel, searched from its
/// lengthscales and nugget.
fn search_all(
    own: &Target<'_>,
    settings: &GaussianProcess,
    near: Option<&Process>,
    control: &Settings<'_>,
) -> Option<(Kernel, Vec<f64>)> {
    let Target {
        inputs,
        target,
        basis,
        terms,
    } = *own;
    let mut rows: Vec<usize> = (0..inputs.rows()).collect();
    let mut stream = Stream::new(control.seed, Purpose::SHUFFLE, 1);
    stream.shuffle(&mut rows);
    rows.truncate(settings.search_rows.max(2 * terms.len()));
    let few = inputs.select(&rows);
    let few_target: Vec<f64> = rows.iter().map(|&row| target[row]).collect();
    let few_trend = trend(&few, basis, terms);
    let bank = Bank {
        inputs: &few,
        target: &few_target,
        trend: few_trend.as_ref(),
    };
    let d = inputs.columns();
    let bounds: Vec<Bounds> = (0..=d)
        .map(|k| if k < d { LENGTHS } else { NUGGETS }.map(ln))
        .map(|[low, high]| Bounds { low, high })
        .collect();
    let first = ln(TYPICAL) + 0.5 * ln(d as f64) * 0.5;
    let starts: Vec<Vec<f64>> = [0.0, -1.2]
        .iter()
        .map(|shift| {
            let lengths = (0..d).map(|_| first + shift);
            lengths.chain([ln(1e-6)]).collect()
        })
        .collect();
    let (kernels, starts) = match near {
        Some(near) => (vec![near.kernel], vec![near.point.clone()]),
        None => (settings.kernels.clone(), starts),
    };
    let mut best: Option<(Kernel, search::Found)> = None;
    for kernel in kernels {
        // Without a value anywhere the search ends.
        let function = |point: &[f64]| match control.is_stopped() {
            true => None,
            false => penalised(&bank, kernel, point),
        };
        let climbed = starts.iter().filter_map(|point| {
            let from = search::start(&function, point.clone())?;
            Some(search::climb(&function, from, &bounds, 5, 0.3))
        });
        let Some(first) = climbed.max_by(|a, b| a.value.total_cmp(&b.value)) else {
            continue;
        };
        let found = search::climb(&function, first, &bounds, 30, 0.05);
        if best
            .as_ref()
            .is_none_or(|(_, before)| found.value > before.value)
        {
            best = Some((kernel, found));
        }
    }
    let (kernel, found) = best?;
    if rows.len() == inputs.rows() || inputs.rows() > POLISHED {
        return Some((kernel, found.point));
    }
    let all_trend = trend(inputs, basis, terms);
    let bank = Bank {
        inputs,
        target,
        trend: all_trend.as_ref(),
    };
    let function = |point: &[f64]| penalised(&bank, kernel, point);
    let polished = search::start(&function, found.point.clone())
        .map(|from| search::climb(&function, from, &bounds, 4, 0.3));
    Some((kernel, polished.map_or(found.point, |found| found.point)))
}

/// The restricted likelihood and a weak prior of the lengthscales, for what the bank does not tell.
fn penalised(bank: &Bank<'_>, kernel: Kernel, point: &[f64]) -> Option<(f64, Vec<f64>)> {
    let (mut value, mut gradient) = likelihood(bank, kernel, point)?;
    let lengths = point.len() - 1;
    for (slope, length) in gradient.iter_mut().zip(&point[..lengths]) {
        let away = (length - ln(TYPICAL)) / UNCERTAIN;
        value -= 0.5 * away * away;
        *slope -= away / UNCERTAIN;
    }
    Some((value, gradient))
}
