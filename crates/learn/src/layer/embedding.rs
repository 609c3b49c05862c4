//! Which layers an embedding is made of, and their buffers.

use super::attention::{Attention, AttentionBuffers, Depth};
use super::convolution::{Convolution, ConvolutionBuffers};
use super::deep_sets::{DeepSets, DeepSetsBuffers};
use super::mlp::{Mlp, MlpBuffers};
use super::residual::{Residual, ResidualBuffers};
use crate::network::{Embedding, Layout};

/// The layers of an embedding.
#[derive(Clone, Debug)]
pub(super) enum EmbeddingPlan {
    Identity,
    Mlp(Mlp),
    Residual(Residual),
    Convolution(Convolution),
    DeepSets(DeepSets),
    Attention(Attention),
}

/// The buffers of the same kind.
#[derive(Debug, Default)]
pub(super) enum EmbeddingBuffers {
    #[default]
    Identity,
    Mlp(MlpBuffers),
    Residual(ResidualBuffers),
    Convolution(ConvolutionBuffers),
    DeepSets(DeepSetsBuffers),
    Attention(Box<AttentionBuffers>),
}

use EmbeddingBuffers as Buffers;

const NAME: &str = "embedding";

impl EmbeddingPlan {
    pub fn new(layout: &mut Layout, given: usize, embedding: &Embedding) -> Self {
        match embedding {
            Embedding::Identity => Self::Identity,
            Embedding::Mlp { widths, activation } => {
                Self::Mlp(Mlp::new(layout, NAME, given, widths, *activation))
            }
            Embedding::ResidualMlp {
                width,
                blocks,
                outputs,
                activation,
            } => {
                let sizes = (*width, *blocks, *outputs);
                Self::Residual(Residual::new(layout, NAME, given, sizes, *activation))
            }
            Embedding::Convolution {
                series,
                layers,
                widths,
                activation,
            } => {
                let parts = (series.as_slice(), layers.as_slice(), widths.as_slice());
                Self::Convolution(Convolution::new(layout, NAME, given, parts, *activation))
            }
            Embedding::DeepSets {
                sets,
                trial,
                widths,
                activation,
            } => {
                let parts = (sets.as_slice(), trial.as_slice(), widths.as_slice());
                Self::DeepSets(DeepSets::new(layout, NAME, given, parts, *activation))
            }
            Embedding::Attention {
                series,
                heads,
                blocks,
                widths,
                activation,
            } => {
                let depth = Depth {
                    heads: *heads,
                    blocks: *blocks,
                };
                let parts = (series.as_slice(), depth, widths.as_slice());
                Self::Attention(Attention::new(layout, NAME, given, parts, *activation))
            }
        }
    }

    /// Floats that one example takes in the buffers.
    pub fn floats_per_row(&self) -> usize {
        match self {
            Self::Identity => 0,
            Self::Mlp(mlp) => mlp.floats_per_row(),
            Self::Residual(residual) => residual.floats_per_row(),
            Self::Convolution(convolution) => convolution.floats_per_row(),
            Self::DeepSets(sets) => sets.floats_per_row(),
            Self::Attention(attention) => attention.floats_per_row(),
        }
    }

    pub fn buffers(&self, rows: usize) -> Buffers {
        match self {
            Self::Identity => Buffers::Identity,
            Self::Mlp(p) => Buffers::Mlp(p.buffers(rows)),
            Self::Residual(p) => Buffers::Residual(p.buffers(rows)),
            Self::Convolution(p) => Buffers::Convolution(p.buffers(rows)),
            Self::DeepSets(p) => Buffers::DeepSets(p.buffers(rows)),
            Self::Attention(p) => Buffers::Attention(Box::new(p.buffers(rows))),
        }
    }

    /// From the given columns `x` to features.
    pub fn forward(&self, weights: &[f32], rows: usize, x: &[f32], buffers: &mut Buffers) {
        match (self, buffers) {
            (Self::Mlp(p), Buffers::Mlp(b)) => p.forward(weights, rows, x, b),
            (Self::Residual(p), Buffers::Residual(b)) => p.forward(weights, rows, x, b),
            (Self::Convolution(p), Buffers::Convolution(b)) => p.forward(weights, rows, x, b),
            (Self::DeepSets(p), Buffers::DeepSets(b)) => p.forward(weights, rows, x, b),
            (Self::Attention(p), Buffers::Attention(b)) => p.forward(weights, rows, x, b),
            _ => {}
        }
    }

    /// The features after [`forward`](Self::forward).
    pub fn features<'a>(&self, x: &'a [f32], buffers: &'a Buffers) -> &'a [f32] {
        match (self, buffers) {
            (Self::Mlp(p), Buffers::Mlp(b)) => p.output(b),
            (Self::Residual(p), Buffers::Residual(b)) => p.output(b),
            (Self::Convolution(p), Buffers::Convolution(b)) => p.output(b),
            (Self::DeepSets(p), Buffers::DeepSets(b)) => p.output(b),
            (Self::Attention(p), Buffers::Attention(b)) => p.output(b),
            _ => x,
        }
    }

    /// Where the gradient of the features goes; `None` if nobody needs it.
    pub fn feature_gradient<'a>(&self, buffers: &'a mut Buffers) -> Option<&'a mut [f32]> {
        match (self, buffers) {
            (Self::Mlp(p), Buffers::Mlp(b)) => Some(p.output_gradient(b)),
            (Self::Residual(p), Buffers::Residual(b)) => Some(p.output_gradient(b)),
            (Self::Convolution(p), Buffers::Convolution(b)) => Some(p.output_gradient(b)),
            (Self::DeepSets(p), Buffers::DeepSets(b)) => Some(p.output_gradient(b)),
            (Self::Attention(p), Buffers::Attention(b)) => Some(p.output_gradient(b)),
            _ => None,
        }
    }

    /// Given the gradient of the features, adds that of the weights.
    pub fn backward(
        &self,
        weights: &[f32],
        rows: usize,
        x: &[f32],
        buffers: &mut Buffers,
        gradient: &mut [f32],
    ) {
        match (self, buffers) {
            (Self::Mlp(p), Buffers::Mlp(b)) => p.backward(weights, rows, x, b, gradient, None),
            (Self::Residual(p), Buffers::Residual(b)) => {
                p.backward(weights, rows, x, b, gradient, None);
            }
            (Self::Convolution(p), Buffers::Convolution(b)) => {
                p.backward(weights, rows, b, gradient);
            }
            (Self::DeepSets(p), Buffers::DeepSets(b)) => p.backward(weights, rows, b, gradient),
            (Self::Attention(p), Buffers::Attention(b)) => p.backward(weights, rows, b, gradient),
            _ => {}
        }
    }

    /// Given the gradient of the features, writes that of the given columns; `false` for layers that do not
    /// tell it. `gradient` is room for that of the weights.
    pub fn input_gradient(
        &self,
        weights: &[f32],
        rows: usize,
        x: &[f32],
        buffers: &mut Buffers,
        gradient: &mut [f32],
        below: &mut [f32],
    ) -> bool {
        match (self, buffers) {
            (Self::Mlp(p), Buffers::Mlp(b)) => {
                p.backward(weights, rows, x, b, gradient, Some(below));
            }
            (Self::Residual(p), Buffers::Residual(b)) => {
                p.backward(weights, rows, x, b, gradient, Some(below));
            }
            _ => return false,
        }
        true
    }
}
