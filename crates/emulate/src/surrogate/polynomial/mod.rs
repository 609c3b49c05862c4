//! Sparse polynomial expansions (Blatman & Sudret 2011): products of orthonormal polynomials, selected
//! output by output; of several degrees the one with the least leave-one-out error is kept.

pub(super) mod basis;
mod select;
pub(super) mod terms;

use super::Settings;
use crate::points::Points;
use basis::Basis;
use faer::Mat;
use rayon::prelude::*;
use select::{Design, select};
use serde::{Deserialize, Serialize};
use terms::{Term, add_slopes, hyperbolic, value};

/// How an expansion is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Polynomial {
    /// Highest total degree that is tried.
    pub degree: usize,
    /// Most terms to select from at a degree; a smaller hyperbolic set is taken where there are more.
    pub candidates: usize,
}

impl Default for Polynomial {
    fn default() -> Self {
        Self {
            degree: 16,
            candidates: 2000,
        }
    }
}

impl Polynomial {
    /// Slopes and no more.
    pub(super) fn linear() -> Self {
        Self {
            degree: 1,
            ..Self::default()
        }
    }
}

/// Expansions of several outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Expansions {
    basis: Basis,
    /// Rows of the bank.
    rows: usize,
    outputs: Vec<Expansion>,
}

/// The expansion of one output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Expansion {
    terms: Vec<Term>,
    coefficients: Vec<f64>,
    /// Leave-one-out mean squared error.
    error: f64,
    /// Of the set that its terms were selected from.
    degree: usize,
}

/// Sobol' indices of one output (Sudret 2008): shares of its variance over the bank's distribution, if
/// inputs are independent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sobol {
    /// Share that an input explains alone, input by input.
    pub first: Vec<f64>,
    /// Share of all terms in which an input has part.
    pub total: Vec<f64>,
}

/// Fewer of the possible cross terms at each step, where there are too many.
const SHARES: [f64; 4] = [1.0, 0.75, 0.6, 0.5];
/// Degrees are tried until so many in a row did not improve.
const PATIENCE: usize = 2;

impl Expansions {
    /// Fits every column of `outputs`, both in standardised coordinates; with `known`, to its degrees.
    pub fn fit(
        inputs: &Points,
        outputs: &Points,
        settings: &Polynomial,
        control: &Settings<'_>,
        known: Option<&Self>,
    ) -> Self {
        let n = inputs.rows();
        let basis = Basis::of(inputs, settings.degree.min(highest_stable(n)));
        let values: Vec<Vec<Vec<f64>>> = inputs.iter().map(|x| basis.values(x)).collect();
        let mut best: Vec<Option<(Expansion, usize)>> = vec![None; outputs.columns()];
        let targets: Vec<Vec<f64>> = (0..outputs.columns())
            .map(|k| outputs.column(k).collect())
            .collect();
        let known = known.filter(|known| known.outputs.len() == targets.len());
        let sets = sets(&basis.degrees(), n, settings);
        let highest = sets.last().map_or(0, |(degree, _)| *degree);
        let settled = |output: usize| known.map(|known| known.outputs[output].degree.min(highest));
        for (degree, terms) in sets {
            let is_wanted = |output: usize| settled(output).is_none_or(|own| own == degree);
            let is_open = |output: usize| {
                let past = |(_, at): &(Expansion, usize)| degree > *at + PATIENCE;
                is_wanted(output) && !best[output].as_ref().is_some_and(past)
            };
            let open = (0..targets.len()).filter(|&output| is_open(output)).count();
            if open == 0 {
                continue;
            }
            let values = Mat::from_fn(n, terms.len(), |row, j| value(&terms[j], &values[row]));
            let design = Design::new(values, open);
            best.par_iter_mut()
                .zip(&targets)
                .enumerate()
                .for_each(|(output, (best, target))| {
                    let is_past = |(_, at): &(Expansion, usize)| degree > *at + PATIENCE;
                    let is_enough =
                        |best: &(Expansion, usize)| control.is_stopped() || is_past(best);
                    if !is_wanted(output) || best.as_ref().is_some_and(is_enough) {
                        return;
                    }
                    let found = select(&design, target);
                    if best
                        .as_ref()
                        .is_none_or(|(before, _)| found.error < before.error)
                    {
                        let expansion = Expansion {
                            terms: found.columns.iter().map(|&j| terms[j].clone()).collect(),
                            coefficients: found.coefficients,
                            error: found.error,
                            degree,
                        };
                        *best = Some((expansion, degree));
                    }
                });
            let done = |best: &Option<(Expansion, usize)>| {
                best.as_ref()
                    .is_some_and(|(_, at)| degree >= *at + PATIENCE)
            };
            // A fit that is stopped still has an expansion of each output, if a poor one.
            let stopped = control.is_stopped() && best.iter().all(Option::is_some);
            if stopped || known.is_none() && best.iter().all(done) {
                break;
            }
        }
        let outputs = best.into_iter().flatten().map(|(expansion, _)| expansion);
        Self {
            basis,
            rows: n,
            outputs: outputs.collect(),
        }
    }

    /// Writes each output and its sd at one point: leave-one-out error and that of the coefficients.
    pub fn predict(&self, point: &[f64], values: &mut [f64], spread: &mut [f64]) {
        let known = self.basis.values(point);
        for (k, expansion) in self.outputs.iter().enumerate() {
            let mut leverage = 0.0;
            values[k] = 0.0;
            for (term, coefficient) in expansion.terms.iter().zip(&expansion.coefficients) {
                let product = value(term, &known);
                values[k] += coefficient * product;
                leverage += product * product;
            }
            spread[k] = (expansion.error * (1.0 + leverage / self.rows as f64)).sqrt();
        }
    }

    /// Exact derivatives at one point: outputs x inputs.
    pub fn slopes(&self, point: &[f64]) -> Points {
        let (values, slopes) = (self.basis.values(point), self.basis.slopes(point));
        let mut all = Points::zeros(self.outputs.len(), point.len());
        for (k, expansion) in self.outputs.iter().enumerate() {
            let row = all.row_mut(k);
            for (term, coefficient) in expansion.terms.iter().zip(&expansion.coefficients) {
                add_slopes(term, *coefficient, [&values, &slopes], row);
            }
        }
        all
    }

    /// Sobol' indices, output by output.
    pub fn sobol(&self, inputs: usize) -> Vec<Sobol> {
        self.outputs
            .iter()
            .map(|expansion| expansion.sobol(inputs))
            .collect()
    }

    /// Operations of one answer and its spread.
    pub fn operations(&self) -> u64 {
        let of = |expansion: &Expansion| {
            let factors = expansion.terms.iter().map(|term| term.len() as u64 + 4);
            factors.sum::<u64>() + 4
        };
        self.basis.operations() + self.outputs.iter().map(of).sum::<u64>()
    }

    /// The terms of one output, in the order in which they were selected.
    pub fn terms(&self, output: usize) -> &[Term] {
        &self.outputs[output].terms
    }

    /// The polynomials that terms are made of.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }
}

impl Expansion {
    fn sobol(&self, inputs: usize) -> Sobol {
        let (mut first, mut total) = (vec![0.0; inputs], vec![0.0; inputs]);
        let mut variance = 0.0;
        for (term, coefficient) in self.terms.iter().zip(&self.coefficients) {
            let part = coefficient * coefficient;
            if let [(input, _)] = term[..] {
                first[input] += part;
            }
            term.iter().for_each(|&(input, _)| total[input] += part);
            variance += if term.is_empty() { 0.0 } else { part };
        }
        if variance > 0.0 {
            first
                .iter_mut()
                .chain(&mut total)
                .for_each(|share| *share /= variance);
        }
        Sobol { first, total }
    }
}

/// Least squares at n random points is stable to a degree of about sqrt(n) (Cohen, Davenport & Leviatan 2013);
/// with few terms of the higher degrees it goes somewhat further.
fn highest_stable(rows: usize) -> usize {
    ((2.0 * rows as f64).sqrt() as usize).min(rows.saturating_sub(2))
}

/// For each degree the largest hyperbolic set that is not too large.
fn sets(degrees: &[usize], rows: usize, settings: &Polynomial) -> Vec<(usize, Vec<Term>)> {
    let most = settings.candidates.min(10 * rows).max(degrees.len() + 1);
    let highest = degrees.iter().copied().max().unwrap_or(0);
    let of = |degree| {
        SHARES
            .iter()
            .find_map(|&share| Some((degree, hyperbolic(degrees, degree, share, most)?)))
    };
    (0..=highest).map_while(of).collect()
}
