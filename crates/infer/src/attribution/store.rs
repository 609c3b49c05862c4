//! Stored simulations as bytes: a safetensors file, which other programs read as well.

use gnomon_learn::matrix::Matrix;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use super::{Attributor, HeldOut, Index, Metric, Simulations, Targets};

/// Bytes that are no stored simulations.
#[derive(Debug, thiserror::Error)]
#[error("these are no stored simulations: {0}")]
pub struct StoreError(String);

impl Attributor {
    /// A safetensors file: `points` (rows x coordinates), `simulation` and `shard` (rows), `scores`
    /// (rows x dimension) or `mechanism` (rows) with the number of `mechanisms`, the metric's `centre`
    /// and `map`, and of the choice of neighbours `tried`, their `held_out` scores and `bandwidths`.
    ///
    /// # Errors
    /// Where the format refuses.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StoreError> {
        let (rows, dimension) = (self.index.rows(), self.index.dimension());
        let mut parts = Parts::default();
        let points = (0..rows).flat_map(|row| self.index.point(row));
        parts.add(
            "points",
            Dtype::F32,
            [rows, dimension],
            points.flat_map(f32::to_le_bytes),
        );
        let numbers = self
            .simulations
            .numbers
            .iter()
            .flat_map(|x| x.to_le_bytes());
        parts.add("simulation", Dtype::U64, [rows], numbers);
        let shards = self.simulations.shards.iter().flat_map(|x| x.to_le_bytes());
        parts.add("shard", Dtype::U32, [rows], shards);
        match &self.simulations.targets {
            Targets::Scores(scores) => {
                let values = scores.values().iter().flat_map(|x| x.to_le_bytes());
                parts.add("scores", Dtype::F32, [rows, scores.columns()], values);
            }
            Targets::Classes { of, count } => {
                let values = of.iter().flat_map(|x| x.to_le_bytes());
                parts.add("mechanism", Dtype::U32, [rows], values);
                parts.add("mechanisms", Dtype::U64, [1], (*count as u64).to_le_bytes());
            }
        }
        let mut doubles = |name, values: &[f64]| {
            let bytes = values.iter().flat_map(|x| x.to_le_bytes());
            parts.add(name, Dtype::F64, [values.len()], bytes);
        };
        doubles("centre", &self.metric.centre);
        doubles("map", &self.metric.map);
        let scores: Vec<f64> = self
            .held_out
            .tried
            .iter()
            .map(|(_, score)| *score)
            .collect();
        doubles("held_out", &scores);
        doubles("bandwidths", &self.held_out.bandwidths);
        let tried = self.held_out.tried.iter().map(|(near, _)| *near as u64);
        let near = [self.held_out.near as u64];
        let count = self.held_out.tried.len();
        parts.add(
            "tried",
            Dtype::U64,
            [count],
            tried.flat_map(u64::to_le_bytes),
        );
        parts.add(
            "near",
            Dtype::U64,
            [1],
            near.into_iter().flat_map(u64::to_le_bytes),
        );
        parts.bytes()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// Where the bytes are damaged, or something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let file =
            SafeTensors::deserialize(bytes).map_err(|error| StoreError(error.to_string()))?;
        let file = File(&file);
        let (points, simulation) = (file.matrix("points")?, file.numbers("simulation")?);
        let shards: Vec<u32> = file
            .words("shard", Dtype::U32)?
            .map(u32::from_le_bytes)
            .collect();
        let targets = match file.0.names().contains(&"scores") {
            true => Targets::Scores(file.matrix("scores")?),
            false => {
                let count = file.one("mechanisms")? as usize;
                let of = file.words("mechanism", Dtype::U32)?.map(u32::from_le_bytes);
                let of: Vec<u32> = of.collect();
                if of.iter().any(|&class| class as usize >= count) {
                    return Err(StoreError("a mechanism has no such number".into()));
                }
                Targets::Classes { of, count }
            }
        };
        let metric = Metric {
            centre: file.doubles("centre")?,
            map: file.doubles("map")?,
        };
        let rows = points.rows();
        let fits = [simulation.len(), shards.len(), targets.rows()] == [rows; 3]
            && metric.map.len() == metric.centre.len() * points.columns();
        if !fits {
            return Err(StoreError("its parts do not fit each other".into()));
        }
        let tried = file.numbers("tried")?.into_iter().map(|near| near as usize);
        Ok(Self {
            metric,
            index: Index::new(&points),
            simulations: Simulations {
                numbers: simulation,
                shards,
                targets,
            },
            held_out: HeldOut {
                near: file.one("near")? as usize,
                tried: tried.zip(file.doubles("held_out")?).collect(),
                bandwidths: file.doubles("bandwidths")?,
            },
        })
    }
}

/// Tensors to be written.
#[derive(Default)]
struct Parts(Vec<(&'static str, Dtype, Vec<usize>, Vec<u8>)>);

impl Parts {
    fn add<const N: usize>(
        &mut self,
        name: &'static str,
        kind: Dtype,
        shape: [usize; N],
        bytes: impl IntoIterator<Item = u8>,
    ) {
        let bytes = bytes.into_iter().collect();
        self.0.push((name, kind, shape.to_vec(), bytes));
    }

    fn bytes(self) -> Result<Vec<u8>, StoreError> {
        let wrong = |error: &dyn std::fmt::Display| StoreError(error.to_string());
        let views = self.0.iter().map(|(name, kind, shape, bytes)| {
            let view = TensorView::new(*kind, shape.clone(), bytes);
            Ok((*name, view.map_err(|error| wrong(&error))?))
        });
        let views = views.collect::<Result<Vec<_>, StoreError>>()?;
        serialize(views, None).map_err(|error| wrong(&error))
    }
}

/// Tensors that were read.
struct File<'a>(&'a SafeTensors<'a>);

impl File<'_> {
    fn view(&self, name: &str, kind: Dtype) -> Result<TensorView<'_>, StoreError> {
        let view = self.0.tensor(name);
        view.ok()
            .filter(|view| view.dtype() == kind)
            .ok_or_else(|| StoreError(format!("`{name}` is missing or of another kind")))
    }

    fn words<const N: usize>(
        &self,
        name: &str,
        kind: Dtype,
    ) -> Result<impl Iterator<Item = [u8; N]>, StoreError> {
        let bytes = self.view(name, kind)?.data().to_vec();
        Ok(bytes.as_chunks::<N>().0.to_vec().into_iter())
    }

    fn matrix(&self, name: &str) -> Result<Matrix, StoreError> {
        let columns = self.view(name, Dtype::F32)?.shape().get(1).copied();
        let values = self.words(name, Dtype::F32)?.map(f32::from_le_bytes);
        Ok(Matrix::new(columns.unwrap_or(0), values.collect()))
    }

    fn doubles(&self, name: &str) -> Result<Vec<f64>, StoreError> {
        Ok(self
            .words(name, Dtype::F64)?
            .map(f64::from_le_bytes)
            .collect())
    }

    fn numbers(&self, name: &str) -> Result<Vec<u64>, StoreError> {
        Ok(self
            .words(name, Dtype::U64)?
            .map(u64::from_le_bytes)
            .collect())
    }

    fn one(&self, name: &str) -> Result<u64, StoreError> {
        let first = self.numbers(name)?.first().copied();
        first.ok_or_else(|| StoreError(format!("`{name}` is empty")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let points = Matrix::new(2, (0..66).map(|x| (x as f32).sin()).collect());
        let targets = [
            Targets::Scores(Matrix::new(1, (0..33).map(|x| x as f32).collect())),
            Targets::Classes {
                of: (0..33).map(|x| x % 3).collect(),
                count: 3,
            },
        ];
        for targets in targets {
            let simulations = Simulations {
                numbers: (0..33).map(|x| x * x).collect(),
                shards: vec![1; 33],
                targets,
            };
            let metric = Metric::scaled(&points);
            let index = Index::new(&metric.apply(&points));
            let own = Attributor::new(metric, index, simulations);
            let bytes = own.to_bytes().unwrap();
            assert_eq!(Attributor::from_bytes(&bytes).unwrap(), own);
            assert!(Attributor::from_bytes(&bytes[..bytes.len() / 2]).is_err());
        }
        assert!(Attributor::from_bytes(b"{}").is_err());
    }
}
