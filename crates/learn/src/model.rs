//! A trained network in use, and on disk: weights as safetensors with a readable description
//! (`model.json`) beside them.
//!
//! All numbers are in standardised coordinates: given columns as [`Standardiser::apply`] writes
//! them, targets as the training's were.

use crate::baseline::Baseline;
use crate::crew::Crew;
use crate::layer::{Loaded, Plan, Workspace};
use crate::matrix::Matrix;
use crate::network::{Head, Network};
use crate::standardise::Standardiser;
use crate::train::{Epoch, Recipe, Trained};
use gnomon_mechanism::random::{Purpose, Stream};

/// A trained network with what is needed to use and to judge it.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it is.
    pub network: Network,
    /// How its given columns were standardised.
    pub standardiser: Option<Standardiser>,
    /// How its targets were standardised, where they are columns of the bank: one field a target.
    pub predicted: Option<Standardiser>,
    /// What its targets' residuals are of; `None` where it was trained on the targets themselves.
    pub baseline: Option<Baseline>,
    /// How it was trained.
    pub recipe: Recipe,
    /// Loss by epoch.
    pub curve: Vec<Epoch>,
    /// The epoch whose weights these are.
    pub best_epoch: usize,
    /// The held-out loss of these weights.
    pub best_loss: f64,
    /// All parameters, in the order of `Network::tensors`.
    pub(crate) weights: Vec<f32>,
    pub(crate) plan: Plan,
}

/// A question that a model cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// A matrix with the wrong number of columns or rows.
    #[error("{what}: {have} {unit}, and the model needs {want}")]
    Shape {
        /// Which matrix.
        what: &'static str,
        /// `columns` or `rows`.
        unit: &'static str,
        /// What it has.
        have: usize,
        /// What it must have.
        want: usize,
    },
    /// The head is of another kind.
    #[error("this model's head gives no {asked}: it is {head}")]
    Head {
        /// What was asked for.
        asked: &'static str,
        /// The head it has.
        head: String,
    },
    /// An ensemble of none, or of models that do not match.
    #[error("these models make no ensemble: {0}")]
    Ensemble(&'static str),
}

impl Model {
    /// A model from a training.
    ///
    /// # Errors
    /// If weights and network do not fit each other.
    pub fn new(
        trained: Trained,
        recipe: Recipe,
        standardiser: Option<Standardiser>,
    ) -> Result<Self, crate::network::NetworkError> {
        let plan = Plan::new(&trained.network)?;
        if plan.parameters() != trained.weights.len() {
            let (have, want) = (trained.weights.len(), plan.parameters());
            let text = format!("{have} weights for {want} parameters");
            return Err(crate::network::NetworkError(text));
        }
        Ok(Self {
            network: trained.network,
            standardiser,
            predicted: None,
            baseline: None,
            recipe,
            curve: trained.curve,
            best_epoch: trained.best_epoch,
            best_loss: trained.best_loss,
            weights: trained.weights,
            plan,
        })
    }

    /// The same model where it was trained on what `baseline` leaves of the targets; its losses become
    /// those of the targets.
    #[must_use]
    pub fn on(mut self, baseline: Option<Baseline>) -> Self {
        let shift = baseline.as_ref().map_or(0.0, Baseline::log_scale);
        self.best_loss += shift;
        for epoch in &mut self.curve {
            epoch.train_loss += shift;
            epoch.validation_loss += shift;
        }
        self.baseline = baseline;
        self
    }

    /// The same model where its targets are columns of the bank, standardised.
    #[must_use]
    pub fn predicting(mut self, predicted: Option<Standardiser>) -> Self {
        self.predicted = predicted;
        self
    }

    /// All parameters, in the order of `Network::tensors`.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// BLAKE3 of the weights as little-endian f32, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        let bytes: Vec<u8> = self.weights.iter().flat_map(|w| w.to_le_bytes()).collect();
        blake3::hash(&bytes).to_hex().to_string()
    }

    fn check_given(&self, given: &Matrix) -> Result<(), ModelError> {
        let (have, want) = (given.columns(), self.network.given);
        if have == want {
            return Ok(());
        }
        Err(ModelError::Shape {
            what: "given",
            unit: "columns",
            have,
            want,
        })
    }

    fn lacks(&self, asked: &'static str) -> ModelError {
        ModelError::Head {
            asked,
            head: self.network.head.to_string(),
        }
    }

    /// Writes `columns` numbers a row of `given`, chunk by chunk on `threads` threads.
    fn by_chunks(
        &self,
        given: &Matrix,
        columns: usize,
        threads: usize,
        work: impl Fn(&Plan, &[f32], &mut Workspace, &mut [f32]) + Sync,
    ) -> Matrix {
        let mut out = Matrix::zeros(given.rows(), columns);
        let plan = &self.plan;
        let mut items = split(&mut out, plan.chunks(given.rows()));
        let mut crew = Crew::new(threads.clamp(1, items.len().max(1)));
        let mut owned: Vec<Workspace> = (0..crew.size()).map(|_| plan.workspace()).collect();
        crew.for_each(&mut owned, &mut items, |ws, _, (rows, out)| {
            plan.load_given(ws, given, rows.clone());
            work(plan, &self.weights, ws, out);
        });
        out
    }

    /// Features of each row of `given`: rows x features.
    ///
    /// # Errors
    /// If `given` has the wrong number of columns.
    pub fn embed(&self, given: &Matrix, threads: usize) -> Result<Matrix, ModelError> {
        self.check_given(given)?;
        let columns = self.network.features();
        Ok(
            self.by_chunks(given, columns, threads, |plan, weights, ws, out| {
                plan.write_features(weights, ws, out);
            }),
        )
    }

    /// All that the answer to each row of `given` depends on: its features and, where the network was
    /// trained on a baseline's residuals, the baseline's centre beside them.
    ///
    /// # Errors
    /// If `given` has the wrong number of columns.
    pub fn representation(&self, given: &Matrix, threads: usize) -> Result<Matrix, ModelError> {
        let features = self.embed(given, threads)?;
        let Some(baseline) = &self.baseline else {
            return Ok(features);
        };
        let own = features.columns();
        let mut all = Matrix::zeros(given.rows(), own + self.network.predict);
        for row in 0..given.rows() {
            let (left, right) = all.row_mut(row).split_at_mut(own);
            left.copy_from_slice(features.row(row));
            let centre = baseline.centre(given.row(row));
            right
                .iter_mut()
                .zip(centre)
                .for_each(|(to, x)| *to = x as f32);
        }
        Ok(all)
    }

    /// The same network before any training: weights as `seed` starts them, and no baseline.
    #[must_use]
    pub fn untrained(&self, seed: u64) -> Self {
        Self {
            weights: self.plan.initial_weights(seed),
            baseline: None,
            ..self.clone()
        }
    }

    fn outputs(&self, given: &Matrix, threads: usize) -> Result<Matrix, ModelError> {
        self.check_given(given)?;
        Ok(self.by_chunks(
            given,
            self.plan.outputs(),
            threads,
            |plan, weights, ws, out| {
                plan.write_outputs(weights, ws, out);
            },
        ))
    }

    /// Conditional means: rows x predicted.
    ///
    /// # Errors
    /// If the head is no mean, or `given` has the wrong number of columns.
    pub fn mean(&self, given: &Matrix, threads: usize) -> Result<Matrix, ModelError> {
        match self.network.head {
            Head::Mean => self.outputs(given, threads),
            _ => Err(self.lacks("mean")),
        }
    }

    /// Exact derivatives of the conditional means at one row of given columns: predicted x given.
    ///
    /// # Errors
    /// If the head is no mean, the embedding is not of linear layers, or `given` is not one row of the right
    /// columns.
    pub fn mean_slopes(&self, given: &Matrix) -> Result<Matrix, ModelError> {
        self.check_given(given)?;
        if given.rows() != 1 {
            return Err(ModelError::Shape {
                what: "given",
                unit: "rows",
                have: given.rows(),
                want: 1,
            });
        }
        let slopes = self
            .plan
            .mean_slopes(&self.weights, &mut self.plan.workspace(), given);
        slopes.ok_or_else(|| self.lacks("derivatives of a mean"))
    }

    /// Conditional quantiles: rows x (predicted x levels), column by column.
    ///
    /// # Errors
    /// If the head has no quantiles, or `given` has the wrong number of columns.
    pub fn quantiles(&self, given: &Matrix, threads: usize) -> Result<Matrix, ModelError> {
        match self.network.head {
            Head::Quantiles { .. } => self.outputs(given, threads),
            _ => Err(self.lacks("quantiles")),
        }
    }

    /// Class probabilities: rows x classes.
    ///
    /// # Errors
    /// If the head has no classes, or `given` has the wrong number of columns.
    pub fn class_probabilities(
        &self,
        given: &Matrix,
        threads: usize,
    ) -> Result<Matrix, ModelError> {
        match self.network.head {
            Head::Classes => self.outputs(given, threads),
            _ => Err(self.lacks("class probabilities")),
        }
    }

    /// ln p(targets | given), row by row, in nats. There may be several targets for each row of
    /// `given`, equally many and those of a row together: what is given is then embedded once.
    ///
    /// # Errors
    /// If the head is no density, or the matrices do not fit.
    pub fn log_density(
        &self,
        given: &Matrix,
        targets: &Matrix,
        threads: usize,
    ) -> Result<Vec<f64>, ModelError> {
        self.check_given(given)?;
        if !self.network.head.is_density() {
            return Err(self.lacks("density"));
        }
        let (have, want) = (targets.columns(), self.network.predict);
        if have != want {
            return Err(ModelError::Shape {
                what: "targets",
                unit: "columns",
                have,
                want,
            });
        }
        let each = targets.rows() / given.rows().max(1);
        let (have, want) = (targets.rows(), given.rows() * each.max(1));
        if have != want {
            return Err(ModelError::Shape {
                what: "targets",
                unit: "rows",
                have,
                want,
            });
        }
        let residuals = self.baseline.as_ref().map(|baseline| {
            let mut residuals = Matrix::zeros(targets.rows(), targets.columns());
            let mut centre = Vec::new();
            for row in 0..targets.rows() {
                if row % each.max(1) == 0 {
                    centre = baseline.centre(given.row(row / each.max(1)));
                }
                baseline.residual(&centre, targets.row(row), residuals.row_mut(row));
            }
            residuals
        });
        let shift = self.baseline.as_ref().map_or(0.0, Baseline::log_scale);
        let targets = residuals.as_ref().unwrap_or(targets);
        let features = match each {
            0 | 1 => None,
            _ => Some(self.embed(given, threads)?),
        };
        let plan = &self.plan;
        let mut out = vec![0.0; targets.rows()];
        let mut rest = out.as_mut_slice();
        let mut items = Vec::new();
        for rows in plan.chunks(targets.rows()) {
            let (mine, others) = rest.split_at_mut(rows.len());
            rest = others;
            items.push((rows, mine));
        }
        let mut crew = Crew::new(threads.clamp(1, items.len().max(1)));
        let mut owned: Vec<Workspace> = (0..crew.size()).map(|_| plan.workspace()).collect();
        crew.for_each(&mut owned, &mut items, |ws, _, (rows, out)| {
            let loaded = match &features {
                Some(features) => {
                    plan.load_features(ws, features, rows.clone().map(|row| row / each));
                    Loaded::Features
                }
                None => {
                    plan.load_given(ws, given, rows.clone());
                    Loaded::Given
                }
            };
            plan.load_targets(ws, targets, rows.clone());
            plan.log_densities(&self.weights, ws, loaded, out);
            out.iter_mut().for_each(|log| *log -= shift);
        });
        Ok(out)
    }

    /// `draws` draws from p(predict | given) for each row of `given`: (rows x draws) x predicted,
    /// the draws of a row together. Draw `d` of row `r` depends on `seed`, `first_row + r` and `d`
    /// alone.
    ///
    /// # Errors
    /// If the head is no density, or `given` has the wrong number of columns.
    pub fn draw(
        &self,
        given: &Matrix,
        draws: usize,
        seed: u64,
        first_row: u64,
        threads: usize,
    ) -> Result<Matrix, ModelError> {
        self.check_given(given)?;
        if !self.network.head.is_density() {
            return Err(self.lacks("draws"));
        }
        let columns = self.network.predict;
        let contexts = self.contexts(given);
        let centres = self.baseline.as_ref().map(|baseline| {
            let centre = |row| baseline.centre(given.row(row));
            (baseline, (0..given.rows()).map(centre).collect::<Vec<_>>())
        });
        let mut out = Matrix::zeros(given.rows() * draws, columns);
        let mut items = split(&mut out, self.plan.chunks(given.rows() * draws));
        let mut crew = Crew::new(threads.clamp(1, items.len().max(1)));
        let mut owned: Vec<Workspace> = (0..crew.size()).map(|_| self.plan.workspace()).collect();
        crew.for_each(&mut owned, &mut items, |ws, _, (rows, out)| {
            for (at, noise) in rows.clone().zip(out.chunks_exact_mut(columns)) {
                let row = first_row + (at / draws) as u64;
                let index = (row << 32) | (at % draws) as u64;
                let mut stream = Stream::new(seed, Purpose::POSTERIOR, index);
                noise.fill_with(|| stream.normal() as f32);
            }
            let context_of = |row: usize| contexts[(rows.start + row) / draws].as_slice();
            self.plan.invert(&self.weights, ws, context_of, out);
            if let Some((baseline, centres)) = &centres {
                for (at, draw) in rows.clone().zip(out.chunks_exact_mut(columns)) {
                    baseline.restore(&centres[at / draws], draw);
                }
            }
        });
        Ok(out)
    }

    /// What the flow needs to know of each row of `given`.
    fn contexts(&self, given: &Matrix) -> Vec<Vec<f32>> {
        let mut ws = self.plan.workspace();
        let chunks = self.plan.chunks(given.rows()).into_iter();
        let of_chunk = |rows| {
            self.plan.load_given(&mut ws, given, rows);
            self.plan.contexts(&self.weights, &mut ws)
        };
        chunks.flat_map(of_chunk).collect()
    }
}

type Part<'a> = (std::ops::Range<usize>, &'a mut [f32]);

/// The rows of a matrix in chunks, each with its part of the memory.
fn split(matrix: &mut Matrix, chunks: Vec<std::ops::Range<usize>>) -> Vec<Part<'_>> {
    let columns = matrix.columns();
    let mut rest = matrix.values_mut();
    let part = |rows: std::ops::Range<usize>| {
        let (mine, others) = std::mem::take(&mut rest).split_at_mut(rows.len() * columns);
        rest = others;
        (rows, mine)
    };
    chunks.into_iter().map(part).collect()
}
