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

use gnomon_mechanism::expression::{Input, Inputs, Node, Tape};
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
    slopes: Slopes,
}

/// How a prior's arguments change with earlier parameters.
#[derive(Clone, Debug)]
struct Slopes {
    /// The argument and the parameter of each derivative that is not 0.
    pairs: Vec<(usize, usize)>,
    tape: Tape,
}

impl Slopes {
    fn of(mechanism: &Mechanism, arguments: &[Node]) -> Self {
        let mut graph = mechanism.graph.clone();
        let (mut pairs, mut roots) = (Vec::new(), Vec::new());
        for (position, &argument) in arguments.iter().enumerate() {
            let inputs = graph.inputs_of(&[argument]);
            let slopes = graph.gradient(argument, &inputs);
            for (input, slope) in inputs.iter().zip(slopes) {
                if let Input::Parameter(earlier) = input {
                    pairs.push((position, *earlier));
                    roots.push(slope);
                }
            }
        }
        Self {
            pairs,
            tape: Tape::compile(&graph, &roots),
        }
    }
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

    /// Adds to the slopes `by` of earlier parameters what parameter `k`, of this prior, adds through
    /// its arguments.
    fn hand_on(&self, k: usize, score: f64, scratch: &mut Scratch, by: &mut [f64]) {
        if self.slopes.pairs.is_empty() {
            return;
        }
        let arguments = self.evaluate(scratch).to_vec();
        let inputs = Inputs {
            parameters: &scratch.parameters,
            ..Inputs::default()
        };
        let slopes = self.slopes.tape.evaluate(&inputs);
        let value = scratch.parameters[k];
        let moved = |position: usize| {
            if self.is_fixed() {
                return 1.0;
            }
            let by = self.family;
            by.from_normal_by_argument(&arguments, position, score, value)
                .unwrap_or(0.0)
        };
        for (&(position, earlier), slope) in self.slopes.pairs.iter().zip(slopes) {
            if slope != 0.0 {
                by[earlier] += by[k] * moved(position) * slope;
            }
        }
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
                slopes: Slopes::of(mechanism, &parameter.prior.arguments),
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

    /// The gradient of a function with respect to the coordinates at `scores` (rows x dimension, row
    /// after row), from its gradient with respect to the parameters (one column each, fixed ones
    /// included) at the `parameters` that the scores stand for. 0 for a discrete parameter, which
    /// the coordinate moves by steps.
    #[must_use]
    pub fn gradient(
        &self,
        scores: &[f64],
        parameters: &[Vec<f64>],
        by_parameters: &[Vec<f64>],
    ) -> Vec<f64> {
        let dimension = self.dimension().max(1);
        let mut gradient = vec![0.0; scores.len()];
        let mut scratch = Scratch::default();
        let mut by = vec![0.0; self.priors.len()];
        let rows = scores.chunks_exact(dimension);
        for (row, (scores, to)) in rows.zip(gradient.chunks_exact_mut(dimension)).enumerate() {
            scratch.parameters.clear();
            let point = parameters.iter().map(|column| column[row]);
            scratch.parameters.extend(point);
            let columns = by.iter_mut().zip(by_parameters);
            columns.for_each(|(by, column)| *by = column[row]);
            // From the last on: each parameter hands its slope on to those that its prior depends on.
            let mut coordinate = dimension;
            for (k, prior) in self.priors.iter().enumerate().rev() {
                if prior.is_fixed() {
                    prior.hand_on(k, 0.0, &mut scratch, &mut by);
                    continue;
                }
                coordinate -= 1;
                let score = scores[coordinate];
                let value = scratch.parameters[k];
                let arguments = prior.evaluate(&mut scratch);
                let slope = prior.family.from_normal_slope(arguments, score, value);
                to[coordinate] = slope.map_or(0.0, |slope| by[k] * slope);
                prior.hand_on(k, score, &mut scratch, &mut by);
            }
        }
        gradient
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Priors that hang together, a fixed one among them, against central differences.
    #[test]
    fn gradients_go_back_through_the_priors() {
        let text = "[parameters]\na = 'Normal(0, 1)'\nb = 'LogNormal(a, 0.5)'\nc = 'Fixed(2 * b)'\n\
            d = 'Uniform(0, c)'\ne = 'Gamma(1 + b, 2)'\nf = 'StudentT(5, e, 1 + d)'\n\
            [observed]\ny = 'Normal(f, 1)'\n";
        let mechanism = Mechanism::parse("m", text, ".").unwrap();
        let coordinates = Coordinates::new(&mechanism);
        let scores = [0.3, -0.7, 1.1, 0.2, -1.3, -0.4, 0.9, -0.2, 1.4, 0.6];
        let parameters = coordinates.to_parameters(&scores);
        // A function with a different slope by each parameter at each point.
        let weight = |k: usize| 1.0 + 0.3 * k as f64;
        let function = |columns: &[Vec<f64>], row: usize| -> f64 {
            let terms = columns.iter().enumerate();
            terms.map(|(k, x)| (weight(k) * x[row]).sin()).sum()
        };
        let by: Vec<Vec<f64>> = parameters
            .iter()
            .enumerate()
            .map(|(k, x)| {
                x.iter()
                    .map(|x| weight(k) * (weight(k) * x).cos())
                    .collect()
            })
            .collect();
        let gradient = coordinates.gradient(&scores, &parameters, &by);
        for (place, slope) in gradient.iter().enumerate() {
            let at = |shift: f64| {
                let mut moved = scores;
                moved[place] += shift;
                function(&coordinates.to_parameters(&moved), place / 5)
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(
                (slope - difference).abs() < 1e-6,
                "{place}: {slope}, {difference}"
            );
        }
    }
}
