//! Ensembles of residual networks, each on what a linear regression leaves of the outputs.

use super::Settings;
use super::polynomial::{Expansions, Polynomial};
use crate::points::Points;
use gnomon_learn::examples::{Examples, Targets};
use gnomon_learn::matrix::Matrix;
use gnomon_learn::model::Model;
use gnomon_learn::network::{Activation, Embedding, Head};
use gnomon_learn::train::{Control, Recipe, train};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::atomic::AtomicBool;

/// How networks are fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Width of the residual blocks.
    pub width: usize,
    /// Number of residual blocks.
    pub blocks: usize,
    /// Widths of hidden layers, one after the other: a plain network instead of residual blocks. Empty for
    /// these.
    pub layers: Vec<usize>,
    /// Networks that differ by their starting weights and the rows held out.
    pub members: usize,
    /// Steps of each training, at most.
    pub steps: usize,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            width: 64,
            blocks: 2,
            layers: Vec::new(),
            members: 4,
            steps: 8000,
        }
    }
}

/// A fitted ensemble; its members are saved as models are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Networks {
    linear: Expansions,
    /// Root mean square of what the regression leaves, output by output.
    scales: Vec<f64>,
    count: usize,
    #[serde(skip)]
    pub members: Vec<Model>,
}

impl Networks {
    /// Fits all columns of `outputs` at once, both in standardised coordinates.
    ///
    /// # Errors
    /// What the training says.
    pub fn fit(
        inputs: &Points,
        outputs: &Points,
        settings: &Network,
        control: &Settings<'_>,
    ) -> Result<Self, String> {
        let n = inputs.rows();
        let linear = Expansions::fit(inputs, outputs, &Polynomial::linear(), control, None);
        let mut left = outputs.clone();
        let (mut values, mut spread) = (vec![0.0; outputs.columns()], vec![0.0; outputs.columns()]);
        for row in 0..n {
            linear.predict(inputs.row(row), &mut values, &mut spread);
            let each = left.row_mut(row).iter_mut().zip(&values);
            each.for_each(|(y, value)| *y -= value);
        }
        let scales: Vec<f64> = (0..outputs.columns())
            .map(|column| {
                let squares = left.column(column).map(|y| y * y).sum::<f64>();
                // Below rounding nothing is left to learn.
                (squares / n as f64).sqrt().max(1e-12)
            })
            .collect();
        let targets = left.iter().flat_map(|row| row.iter().zip(&scales));
        let targets = targets.map(|(y, scale)| (y / scale) as f32).collect();
        let examples = Examples {
            given: single(inputs),
            targets: Targets::Values(Matrix::new(outputs.columns(), targets)),
        };
        let network = gnomon_learn::network::Network {
            given: inputs.columns(),
            predict: outputs.columns(),
            embedding: match settings.layers.is_empty() {
                true => Embedding::ResidualMlp {
                    width: settings.width,
                    blocks: settings.blocks,
                    outputs: settings.width,
                    activation: Activation::Tanh,
                },
                false => Embedding::Mlp {
                    widths: settings.layers.clone(),
                    activation: Activation::Tanh,
                },
            },
            head: Head::Mean,
        };
        let batch = (n / 8).clamp(8, 200);
        let epochs = (settings.steps * batch).div_ceil(n).max(1);
        let one = |member: u64| -> Result<Model, String> {
            let recipe = Recipe {
                seed: control.seed.wrapping_add(member << 32),
                batch,
                epochs,
                patience: epochs,
                averaging: settings.steps as u64 / 15,
                ..Recipe::default()
            };
            let cancel: Vec<&AtomicBool> = control.stop.into_iter().collect();
            let run = Control {
                threads: 1,
                cancel: &cancel,
                ..Control::default()
            };
            let trained = train(&examples, &network, &recipe, run).map_err(|e| e.to_string())?;
            Model::new(trained, recipe, None).map_err(|e| e.to_string())
        };
        let members: Result<Vec<Model>, String> = (0..settings.members.max(1) as u64)
            .into_par_iter()
            .map(one)
            .collect();
        let members = members?;
        Ok(Self {
            linear,
            scales,
            count: members.len(),
            members,
        })
    }

    /// Number of members, also before they are read.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Operations of one answer, a nonlinearity counted as `elementary`.
    pub fn operations(&self, elementary: u64) -> u64 {
        let of = |member: &Model| {
            let weights = member.weights().len() as u64;
            // A unit has some hundred weights or fewer; its nonlinearity is counted for each 64.
            2 * weights + weights / 64 * elementary
        };
        self.linear.operations() + self.members.iter().map(of).sum::<u64>()
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.scales.len()
    }

    /// Means over members and sds: that of members about their mean, and their held-out error.
    ///
    /// # Errors
    /// What a member says.
    pub fn predict(&self, x: &Points) -> Result<[Points; 2], String> {
        let given = single(x);
        let answers: Result<Vec<Matrix>, String> = (self.members.iter())
            .map(|member| member.mean(&given, 1).map_err(|e| e.to_string()))
            .collect();
        let answers = answers?;
        let share = 1.0 / answers.len().max(1) as f64;
        let held_out = self.members.iter().map(|m| m.best_loss).sum::<f64>() * share;
        let mut values = Points::zeros(x.rows(), self.outputs());
        let mut spread = values.clone();
        for row in 0..x.rows() {
            let (values, spread) = (values.row_mut(row), spread.row_mut(row));
            self.linear.predict(x.row(row), values, spread);
            for (k, scale) in self.scales.iter().enumerate() {
                let each = answers.iter().map(|answer| f64::from(answer.row(row)[k]));
                let mean = each.clone().sum::<f64>() * share;
                let scatter = each.map(|y| (y - mean).powi(2)).sum::<f64>() * share;
                values[k] += scale * mean;
                spread[k] = scale * (scatter + held_out).sqrt();
            }
        }
        Ok([values, spread])
    }

    /// Exact derivatives at one point: outputs x inputs.
    ///
    /// # Errors
    /// What a member says.
    pub fn slopes(&self, point: &[f64]) -> Result<Points, String> {
        let mut all = self.linear.slopes(point);
        let given = Matrix::new(point.len(), point.iter().map(|&x| x as f32).collect());
        let share = 1.0 / self.members.len().max(1) as f64;
        for member in &self.members {
            let slopes = member.mean_slopes(&given).map_err(|e| e.to_string())?;
            for (k, scale) in self.scales.iter().enumerate() {
                let each = all.row_mut(k).iter_mut().zip(slopes.row(k));
                each.for_each(|(sum, &slope)| *sum += share * scale * f64::from(slope));
            }
        }
        Ok(all)
    }
}

/// Points as a network reads them.
fn single(points: &Points) -> Matrix {
    Matrix::new(
        points.columns(),
        points.values().iter().map(|&x| x as f32).collect(),
    )
}
