//! A model on disk: `weights.safetensors` and `model.json` in a folder, each written to a
//! temporary name and renamed, the weights first; the description holds their hash.

use crate::baseline::Baseline;
use crate::layer::Plan;
use crate::model::Model;
use crate::network::Network;
use crate::standardise::Standardiser;
use crate::train::{Epoch, Recipe, write_file};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version of the format of `model.json`.
const FORMAT: u32 = 2;
const WEIGHTS: &str = "weights.safetensors";
const DESCRIPTION: &str = "model.json";

/// What `model.json` holds.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    /// Version of this format.
    format: u32,
    /// Version of the program that wrote it.
    gnomon: String,
    /// The network in one line, for readers.
    summary: String,
    network: Network,
    parameters: usize,
    /// BLAKE3 of the weights as little-endian f32 in the order of the network's tensors.
    weights_blake3: String,
    best_epoch: usize,
    best_loss: f64,
    recipe: Recipe,
    standardiser: Option<Standardiser>,
    #[serde(default)]
    predicted: Option<Standardiser>,
    #[serde(default)]
    baseline: Option<Baseline>,
    curve: Vec<Epoch>,
}

/// A model that could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("model file {path}: {reason}")]
pub struct SaveError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong and what to do.
    pub reason: String,
}

impl Model {
    /// Writes the model into `folder`, which is made if need be.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), SaveError> {
        let wrong = |path: &Path, e: &dyn std::fmt::Display| SaveError {
            path: path.to_owned(),
            reason: e.to_string(),
        };
        std::fs::create_dir_all(folder).map_err(|e| wrong(folder, &e))?;
        let path = folder.join(WEIGHTS);
        let bytes: Vec<Vec<u8>> = self
            .plan
            .tensors()
            .iter()
            .map(|t| {
                self.weights[t.range()]
                    .iter()
                    .flat_map(|w| w.to_le_bytes())
                    .collect()
            })
            .collect();
        let mut views = Vec::new();
        for (tensor, bytes) in self.plan.tensors().iter().zip(&bytes) {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes);
            views.push((tensor.name.as_str(), view.map_err(|e| wrong(&path, &e))?));
        }
        let file = serialize(views, None).map_err(|e| wrong(&path, &e))?;
        write_file(&path, &file).map_err(|e| wrong(&path, &e))?;
        let description = Description {
            format: FORMAT,
            gnomon: env!("CARGO_PKG_VERSION").to_owned(),
            summary: self.network.to_string(),
            network: self.network.clone(),
            parameters: self.weights.len(),
            weights_blake3: self.hash(),
            best_epoch: self.best_epoch,
            best_loss: self.best_loss,
            recipe: self.recipe.clone(),
            standardiser: self.standardiser.clone(),
            predicted: self.predicted.clone(),
            baseline: self.baseline.clone(),
            curve: self.curve.clone(),
        };
        let path = folder.join(DESCRIPTION);
        let text = serde_json::to_string_pretty(&description).map_err(|e| wrong(&path, &e))?;
        write_file(&path, text.as_bytes()).map_err(|e| wrong(&path, &e))
    }

    /// Reads a model that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// Names the file and what is wrong with it: missing, truncated, foreign, of another version,
    /// or weights that are not those described.
    pub fn load(folder: &Path) -> Result<Self, SaveError> {
        let path = folder.join(DESCRIPTION);
        let wrong = |reason: String| SaveError {
            path: path.clone(),
            reason,
        };
        let text = std::fs::read_to_string(&path).map_err(|e| wrong(e.to_string()))?;
        let format = serde_json::from_str::<serde_json::Value>(&text)
            .map_err(|e| wrong(format!("this is no model description ({e}): train again")))?
            .get("format")
            .and_then(serde_json::Value::as_u64);
        if format != Some(u64::from(FORMAT)) {
            let found = format.map_or("none".to_owned(), |f| f.to_string());
            return Err(wrong(format!(
                "its format is {found}, this program reads format {FORMAT}: train again"
            )));
        }
        let description: Description = serde_json::from_str(&text)
            .map_err(|e| wrong(format!("this is no model description ({e}): train again")))?;
        let plan = Plan::new(&description.network).map_err(|e| wrong(e.to_string()))?;
        let weights = read_weights(&folder.join(WEIGHTS), &plan)?;
        let model = Self {
            network: description.network,
            standardiser: description.standardiser,
            predicted: description.predicted,
            baseline: description.baseline,
            recipe: description.recipe,
            curve: description.curve,
            best_epoch: description.best_epoch,
            best_loss: description.best_loss,
            weights,
            plan,
        };
        if model.hash() != description.weights_blake3 {
            return Err(SaveError {
                path: folder.join(WEIGHTS),
                reason: format!(
                    "these are not the weights that {DESCRIPTION} describes: train again"
                ),
            });
        }
        Ok(model)
    }
}

fn read_weights(path: &Path, plan: &Plan) -> Result<Vec<f32>, SaveError> {
    let wrong = |reason: String| SaveError {
        path: path.to_owned(),
        reason,
    };
    let bytes = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| {
        wrong(format!(
            "this is no safetensors file, or a truncated one ({e}): train again"
        ))
    })?;
    if bytes.len() / 4 < plan.parameters() {
        let (have, want) = (bytes.len(), plan.parameters());
        return Err(wrong(format!(
            "its {have} bytes do not hold the {want} parameters of the network: train again"
        )));
    }
    let mut weights = vec![0.0; plan.parameters()];
    for tensor in plan.tensors() {
        let name = &tensor.name;
        let view = file
            .tensor(name)
            .map_err(|_| wrong(format!("tensor `{name}` is missing")))?;
        if view.dtype() != Dtype::F32 || view.shape() != tensor.shape {
            return Err(wrong(format!(
                "tensor `{name}` is {:?} {:?}, the network needs F32 {:?}",
                view.dtype(),
                view.shape(),
                tensor.shape
            )));
        }
        let (words, _) = view.data().as_chunks::<4>();
        for (weight, &word) in weights[tensor.range()].iter_mut().zip(words) {
            *weight = f32::from_le_bytes(word);
        }
    }
    Ok(weights)
}
