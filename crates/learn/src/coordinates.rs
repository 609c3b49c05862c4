//! Parameters in their prior's own coordinates: where a network learns them.
//!
//! The map is triangular and ordered: coordinate `k` is the standard-normal score of parameter `k`
//! under its prior *given the earlier parameters*, so that under the prior the coordinates are
//! independent standard normal numbers, and no point of coordinate space leaves the prior's support.
//! Affine in closed form for the Gaussian family (Normal, LogNormal), by log-tails elsewhere.
//!
//! A parameter with a discrete prior enters by the randomised score of its distribution function
//! (Brockwell 2007, "Universal residuals"): uniform within the step that its value spans. The way
//! back is the quantile, so draws are exact values of the prior's support.

use gnomon_mechanism::expression::{Inputs, Tape};
use gnomon_mechanism::random::{Purpose, Stream};
use gnomon_mechanism::{Family, Mechanism};
use statrs::function::erf::{erfc, erfc_inv};

/// The coordinates of one mechanism's parameters.
#[derive(Clone, Debug)]
pub struct Coordinates {
    priors: Vec<Prior>,
}

#[derive(Clone, Debug)]
struct Prior {
    name: String,
    family: Family,
    arguments: Tape,
}

/// Room to evaluate one prior's arguments.
#[derive(Default)]
struct Scratch {
    parameters: Vec<f64>,
    registers: Vec<f64>,
    arguments: Vec<f64>,
}

impl Prior {
    fn is_fixed(&self) -> bool {
        self.family == Family::Exact
    }

    fn evaluate<'a>(&self, scratch: &'a mut Scratch) -> &'a [f64] {
        scratch.registers.resize(self.arguments.registers, 0.0);
        scratch.arguments.resize(self.arguments.outputs.len(), 0.0);
        let inputs = Inputs {
            parameters: &scratch.parameters,
            ..Inputs::default()
        };
        self.arguments
            .evaluate_into(&inputs, &mut scratch.registers, &mut scratch.arguments);
        &scratch.arguments
    }

    fn forward(&self, arguments: &[f64], value: f64, uniform: impl FnOnce() -> f64) -> f64 {
        if self.family.is_discrete() {
            let above = self.family.cdf(arguments, value);
            let below = above - self.family.log_density(arguments, value).exp();
            score(below + uniform() * (above - below))
        } else {
            self.family.to_normal(arguments, value).unwrap_or(f64::NAN)
        }
    }

    fn backward(&self, arguments: &[f64], score: f64) -> f64 {
        if self.is_fixed() {
            arguments[0]
        } else if self.family.is_discrete() {
            self.family.quantile(arguments, probability(score))
        } else {
            self.family
                .from_normal(arguments, score)
                .unwrap_or(f64::NAN)
        }
    }
}

/// The standard normal distribution function.
fn probability(score: f64) -> f64 {
    0.5 * erfc(-score * std::f64::consts::FRAC_1_SQRT_2)
}

/// The standard normal quantile, kept finite at 0 and 1.
fn score(probability: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * probability.clamp(1e-300, 1.0 - 1e-16))
}

impl Coordinates {
    /// The coordinates of `mechanism`'s parameters, those with a fixed value left out.
    #[must_use]
    pub fn new(mechanism: &Mechanism) -> Self {
        let priors = mechanism
            .parameters
            .iter()
            .map(|parameter| Prior {
                name: parameter.name.clone(),
                family: parameter.prior.family,
                arguments: Tape::compile(&mechanism.graph, &parameter.prior.arguments),
            })
            .collect();
        Self { priors }
    }

    /// How many coordinates there are: parameters that are not fixed.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.names().count()
    }

    /// The name of each coordinate's parameter, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.priors
            .iter()
            .filter(|prior| !prior.is_fixed())
            .map(|prior| prior.name.as_str())
    }

    /// Whether a parameter that is not fixed has a discrete prior.
    #[must_use]
    pub fn has_discrete(&self) -> bool {
        self.discrete().any(|discrete| discrete)
    }

    /// Whether each coordinate's parameter has a discrete prior, in order.
    pub fn discrete(&self) -> impl Iterator<Item = bool> {
        let free = self.priors.iter().filter(|prior| !prior.is_fixed());
        free.map(|prior| prior.family.is_discrete())
    }

    /// Scores of `parameters` (one column a parameter, fixed ones included): one column a
    /// coordinate. Row `r` uses the random stream of simulation `rows[r]` for discrete parameters.
    #[must_use]
    pub fn to_scores(&self, parameters: &[&[f64]], seed: u64, rows: &[u64]) -> Vec<Vec<f64>> {
        self.scores(parameters, rows.len(), |row| {
            let mut stream = Stream::new(seed, Purpose::COORDINATES, rows[row]);
            move || stream.uniform()
        })
    }

    /// The same with nothing random: a discrete parameter is at the middle of its step.
    #[must_use]
    pub fn to_middle_scores(&self, parameters: &[&[f64]]) -> Vec<Vec<f64>> {
        let rows = parameters.first().map_or(0, |column| column.len());
        self.scores(parameters, rows, |_| || 0.5)
    }

    /// `within` gives, for a row, the places within the steps of its discrete parameters.
    fn scores<Within: FnMut() -> f64>(
        &self,
        parameters: &[&[f64]],
        rows: usize,
        within: impl Fn(usize) -> Within,
    ) -> Vec<Vec<f64>> {
        let mut scores = vec![Vec::with_capacity(rows); self.dimension()];
        let mut scratch = Scratch::default();
        for row in 0..rows {
            let mut uniform = within(row);
            scratch.parameters.clear();
            scratch
                .parameters
                .extend(parameters.iter().map(|column| column[row]));
            let mut free = scores.iter_mut();
            for (k, prior) in self.priors.iter().enumerate() {
                if prior.is_fixed() {
                    continue;
                }
                let value = scratch.parameters[k];
                let forward = prior.forward(prior.evaluate(&mut scratch), value, &mut uniform);
                if let Some(column) = free.next() {
                    column.push(forward);
                }
            }
        }
        scores
    }

    /// The parameters of one point of coordinate space, fixed ones included, written to `scratch`.
    fn backward_point(&self, scores: impl IntoIterator<Item = f64>, scratch: &mut Scratch) {
        let mut scores = scores.into_iter();
        scratch.parameters.clear();
        scratch.parameters.resize(self.priors.len(), 0.0);
        for (k, prior) in self.priors.iter().enumerate() {
            let score = if prior.is_fixed() {
                0.0
            } else {
                scores.next().unwrap_or(f64::NAN)
            };
            scratch.parameters[k] = prior.backward(prior.evaluate(scratch), score);
        }
    }

    /// Parameters (one column each, fixed ones included) of `scores` (rows x dimension, row after
    /// row).
    #[must_use]
    pub fn to_parameters<S: Copy + Into<f64>>(&self, scores: &[S]) -> Vec<Vec<f64>> {
        let dimension = self.dimension().max(1);
        let mut columns = vec![Vec::with_capacity(scores.len() / dimension); self.priors.len()];
        let mut scratch = Scratch::default();
        for point in scores.chunks_exact(dimension) {
            self.backward_point(point.iter().map(|&score| score.into()), &mut scratch);
            for (column, &value) in columns.iter_mut().zip(&scratch.parameters) {
                column.push(value);
            }
        }
        columns
    }

    /// The parameters of `rows` rows of a mechanism whose parameters are all fixed: one column each.
    #[must_use]
    pub fn fixed(&self, rows: usize) -> Vec<Vec<f64>> {
        let mut scratch = Scratch::default();
        self.backward_point([], &mut scratch);
        scratch
            .parameters
            .iter()
            .map(|&value| vec![value; rows])
            .collect()
    }

    /// log |d scores / d parameters| of each row: what turns a log-density of scores into one of
    /// parameters. Discrete parameters count as a mass and add nothing.
    #[must_use]
    pub fn log_slope(&self, parameters: &[&[f64]]) -> Vec<f64> {
        self.sum_over_priors(parameters, |prior, arguments, value| {
            prior.family.log_slope(arguments, value).unwrap_or(0.0)
        })
    }

    /// The log prior density of each row of `parameters` (one column each), fixed ones left out.
    #[must_use]
    pub fn log_prior(&self, parameters: &[&[f64]]) -> Vec<f64> {
        self.sum_over_priors(parameters, |prior, arguments, value| {
            prior.family.log_density(arguments, value)
        })
    }

    fn sum_over_priors(
        &self,
        parameters: &[&[f64]],
        term: impl Fn(&Prior, &[f64], f64) -> f64,
    ) -> Vec<f64> {
        let rows = parameters.first().map_or(0, |column| column.len());
        let mut scratch = Scratch::default();
        (0..rows)
            .map(|row| {
                scratch.parameters.clear();
                scratch
                    .parameters
                    .extend(parameters.iter().map(|column| column[row]));
                let mut sum = 0.0;
                for (k, prior) in self
                    .priors
                    .iter()
                    .enumerate()
                    .filter(|(_, p)| !p.is_fixed())
                {
                    let value = scratch.parameters[k];
                    sum += term(prior, prior.evaluate(&mut scratch), value);
                }
                sum
            })
            .collect()
    }
}
