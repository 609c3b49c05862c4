//! Where each tensor lies in the flat parameter vector, and how it starts.

use gnomon_mechanism::random::{Purpose, Stream};
use std::ops::Range;

/// Output rows of a masked weight matrix that see only its first `columns` inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Output rows.
    pub rows: Range<usize>,
    /// Number of inputs they see.
    pub columns: usize,
}

/// A named part of the flat parameter vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name, with dots between levels.
    pub name: String,
    /// Its first number in the flat vector.
    pub offset: usize,
    /// Rows and columns of a matrix, or the length of a bias.
    pub shape: Vec<usize>,
    /// It starts uniform on [-bound, bound].
    pub bound: f32,
    /// For a masked matrix: what each row sees, the rest being 0 for ever. Empty: everything.
    pub visible: Vec<Block>,
}

impl Tensor {
    /// Its numbers in the flat vector.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.shape.iter().product::<usize>()
    }
}

/// The tensors of a network, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    pub tensors: Vec<Tensor>,
    pub parameters: usize,
}

impl Layout {
    /// Adds a tensor and returns its offset.
    pub fn add(&mut self, name: String, shape: Vec<usize>, bound: f32, visible: &[Block]) -> usize {
        let offset = self.parameters;
        let tensor = Tensor {
            name,
            offset,
            shape,
            bound,
            visible: visible.to_vec(),
        };
        self.parameters = tensor.range().end;
        self.tensors.push(tensor);
        offset
    }

    /// Starting weights: tensor `t` from stream `t` of `Purpose::WEIGHTS`.
    pub fn initial_weights(&self, seed: u64) -> Vec<f32> {
        let mut weights = vec![0.0; self.parameters];
        for (index, tensor) in self.tensors.iter().enumerate() {
            let mut stream = Stream::new(seed, Purpose::WEIGHTS, index as u64);
            let values = &mut weights[tensor.range()];
            for value in values.iter_mut() {
                *value = (2.0 * stream.uniform() - 1.0) as f32 * tensor.bound;
            }
            if !tensor.visible.is_empty() {
                let columns = tensor.shape[1];
                for block in &tensor.visible {
                    for row in block.rows.clone() {
                        values[row * columns + block.columns..(row + 1) * columns].fill(0.0);
                    }
                }
            }
        }
        weights
    }
}
