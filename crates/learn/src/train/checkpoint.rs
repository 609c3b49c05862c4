//! The state of a training, and its file: one safetensors file, written to a temporary name and
//! renamed, with numbers exact to the bit.

use super::{Epoch, Recipe, TrainError};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

/// How far blocks of examples have been used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The present block.
    pub block: u64,
    /// Rows of it that were used.
    pub row: u64,
    /// Rows of the blocks before it.
    pub rows: u64,
    /// Rows left out of the blocks before it.
    pub left_out: u64,
}

/// All that a training needs to go on. (The shuffling is a function of seed and epoch.)
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Checkpoint {
    pub weights: Vec<f32>,
    /// Adam's moments.
    pub first: Vec<f32>,
    pub second: Vec<f32>,
    /// Moving average of the weights.
    pub average: Vec<f32>,
    pub best: Vec<f32>,
    pub best_loss: f64,
    /// Epoch of the best weights, from 1; 0 before there are any.
    pub best_epoch: usize,
    /// Epochs finished.
    pub epoch: usize,
    pub step: u64,
    pub steps_in_epoch: u64,
    /// Sum of the losses of this epoch's steps.
    pub epoch_loss: f64,
    pub curve: Vec<Epoch>,
    /// Where the next batch begins, if examples come in blocks.
    pub position: Position,
}

/// What the formats of all versions begin with.
const FORMATS: &str = "gnomon-checkpoint-";
const FORMAT: &str = "gnomon-checkpoint-2";

impl Checkpoint {
    pub fn start(weights: Vec<f32>) -> Self {
        let zeros = vec![0.0; weights.len()];
        Self {
            first: zeros.clone(),
            second: zeros,
            average: weights.clone(),
            best: weights.clone(),
            weights,
            best_loss: f64::INFINITY,
            best_epoch: 0,
            epoch: 0,
            step: 0,
            steps_in_epoch: 0,
            epoch_loss: 0.0,
            curve: Vec::new(),
            position: Position::default(),
        }
    }

    /// The weights that are evaluated and kept.
    pub fn evaluated(&self, recipe: &Recipe) -> &[f32] {
        if recipe.averaging > 0 {
            &self.average
        } else {
            &self.weights
        }
    }

    /// Writes the state, labelled with what it belongs to.
    pub fn write(&self, path: &Path, fingerprint: &str) -> Result<(), TrainError> {
        let wrong = |reason: String| TrainError::Checkpoint {
            path: path.to_owned(),
            reason,
        };
        let f32s =
            |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
        let f64s =
            |values: &[f64]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
        let counters = [
            self.best_loss,
            self.best_epoch as f64,
            self.epoch as f64,
            self.step as f64,
            self.steps_in_epoch as f64,
            self.epoch_loss,
        ];
        let curve: Vec<f64> = self
            .curve
            .iter()
            .flat_map(|e| {
                [
                    e.step as f64,
                    e.train_loss,
                    e.validation_loss,
                    e.learning_rate,
                ]
            })
            .collect();
        let place = self.position;
        let position =
            [place.block, place.row, place.rows, place.left_out].map(|count| count as f64);
        let parts = [
            ("average", Dtype::F32, f32s(&self.average), 4),
            ("best", Dtype::F32, f32s(&self.best), 4),
            ("counters", Dtype::F64, f64s(&counters), 8),
            ("curve", Dtype::F64, f64s(&curve), 8),
            ("first", Dtype::F32, f32s(&self.first), 4),
            ("position", Dtype::F64, f64s(&position), 8),
            ("second", Dtype::F32, f32s(&self.second), 4),
            ("weights", Dtype::F32, f32s(&self.weights), 4),
        ];
        let mut views = Vec::new();
        for (name, dtype, bytes, size) in &parts {
            let view = TensorView::new(*dtype, vec![bytes.len() / size], bytes);
            views.push((*name, view.map_err(|e| wrong(e.to_string()))?));
        }
        let label = HashMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("training".to_owned(), fingerprint.to_owned()),
        ]);
        let bytes = serialize(views, Some(label)).map_err(|e| wrong(e.to_string()))?;
        write_file(path, &bytes).map_err(|e| wrong(e.to_string()))
    }

    /// Reads the state of the training with this fingerprint; `None` where there is no file or it
    /// belongs to another training (other data, network or recipe) or version, which then starts
    /// afresh.
    pub fn read(
        path: &Path,
        fingerprint: &str,
        parameters: usize,
    ) -> Result<Option<Self>, TrainError> {
        let wrong = |reason: String| TrainError::Checkpoint {
            path: path.to_owned(),
            reason,
        };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(wrong(e.to_string())),
        };
        let foreign = || wrong("this is no checkpoint, or a damaged one: delete it".to_owned());
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|_| foreign())?;
        let label = header.metadata().as_ref().ok_or_else(foreign)?;
        match label.get("format").map(String::as_str) {
            Some(FORMAT) => {}
            Some(other) if other.starts_with(FORMATS) => return Ok(None),
            _ => return Err(foreign()),
        }
        if label.get("training").map(String::as_str) != Some(fingerprint) {
            return Ok(None);
        }
        let file = SafeTensors::deserialize(&bytes).map_err(|_| foreign())?;
        let data = |name: &str| file.tensor(name).map(|t| t.data()).map_err(|_| foreign());
        let f32s = |name: &str| -> Result<Vec<f32>, TrainError> {
            let (words, _) = data(name)?.as_chunks::<4>();
            if words.len() != parameters {
                return Err(foreign());
            }
            Ok(words.iter().map(|&w| f32::from_le_bytes(w)).collect())
        };
        let f64s = |name: &str| -> Result<Vec<f64>, TrainError> {
            let (words, _) = data(name)?.as_chunks::<8>();
            Ok(words.iter().map(|&w| f64::from_le_bytes(w)).collect())
        };
        let counters = f64s("counters")?;
        let &[
            best_loss,
            best_epoch,
            epoch,
            step,
            steps_in_epoch,
            epoch_loss,
        ] = counters.as_slice()
        else {
            return Err(foreign());
        };
        let curve = f64s("curve")?;
        let (epochs, _) = curve.as_chunks::<4>();
        let epochs = epochs
            .iter()
            .enumerate()
            .map(|(i, &[step, train, validation, rate])| Epoch {
                epoch: i + 1,
                step: step as u64,
                train_loss: train,
                validation_loss: validation,
                learning_rate: rate,
            });
        let position = f64s("position")?;
        let &[block, row, rows, left_out] = position.as_slice() else {
            return Err(foreign());
        };
        Ok(Some(Self {
            weights: f32s("weights")?,
            first: f32s("first")?,
            second: f32s("second")?,
            average: f32s("average")?,
            best: f32s("best")?,
            best_loss,
            best_epoch: best_epoch as usize,
            epoch: epoch as usize,
            step: step as u64,
            steps_in_epoch: steps_in_epoch as u64,
            epoch_loss,
            curve: epochs.collect(),
            position: Position {
                block: block as u64,
                row: row as u64,
                rows: rows as u64,
                left_out: left_out as u64,
            },
        }))
    }

    /// Removes the file of a finished training.
    pub fn remove(path: &Path) -> Result<(), TrainError> {
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(TrainError::Checkpoint {
                path: path.to_owned(),
                reason: e.to_string(),
            }),
            _ => Ok(()),
        }
    }
}

/// Writes to a temporary name in the same folder, then renames.
///
/// # Errors
/// If the folder or the disk does not let it.
pub fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // As readable as the user's other files.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
