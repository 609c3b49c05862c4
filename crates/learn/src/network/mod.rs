//! A network is data: an embedding of what is given and a head for what is predicted, which can be
//! read, printed and saved; `layer` compiles it to a plan that runs.
//!
//! ```
//! use gnomon_learn::network::{Activation, Embedding, Head, Network, SplineFlow};
//! let network = Network {
//!     given: 14,
//!     predict: 3,
//!     embedding: Embedding::ResidualMlp {
//!         width: 64, blocks: 2, outputs: 16, activation: Activation::Relu,
//!     },
//!     head: Head::Spline(SplineFlow::default()),
//! };
//! assert_eq!(
//!     network.to_string(),
//!     "14 given -> residual MLP (64 wide, 2 blocks, ReLU) -> 16 features \
//!      -> spline flow (5 transforms, 50 hidden, 2 blocks, 10 bins on [-5, 5]) -> 3 predicted"
//! );
//! ```

mod check;
mod display;
mod layout;
mod tokens;

pub use crate::kernel::activation::Activation;
pub(crate) use layout::Layout;
pub use layout::{Block, Tensor};
pub use tokens::{Channel, Tokens};

use serde::{Deserialize, Serialize};

/// p(predict | given) as a network, in standardised coordinates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Number of given columns.
    pub given: usize,
    /// Number of predicted columns (of classes, for a class head).
    pub predict: usize,
    /// From the given columns to features.
    pub embedding: Embedding,
    /// From features to what is predicted.
    pub head: Head,
}

/// From the given columns to features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Embedding {
    /// The given columns themselves.
    Identity,
    /// Linear layers, each followed by the activation; the last width is the number of features.
    Mlp {
        /// Outputs of each layer.
        widths: Vec<usize>,
        /// After each layer.
        activation: Activation,
    },
    /// A linear layer, residual blocks of two layers each (He et al. 2016, pre-activation), and a
    /// linear layer.
    ResidualMlp {
        /// Width of the blocks.
        width: usize,
        /// Number of blocks.
        blocks: usize,
        /// Number of features.
        outputs: usize,
        /// Before each layer of a block.
        activation: Activation,
    },
    /// One-dimensional convolutions over each series, joined with the other columns by linear
    /// layers.
    Convolution {
        /// Where the series are among the given columns.
        series: Vec<Series>,
        /// The convolutions, the same for every series, each followed by the activation.
        layers: Vec<ConvolutionLayer>,
        /// Outputs of the linear layers after them; the last is the number of features.
        widths: Vec<usize>,
        /// After each layer.
        activation: Activation,
    },
    /// Deep Sets (Zaheer et al. 2017), for trials that can be exchanged: every trial of a set goes
    /// through the same linear layers; their mean over the trials that are there, with the logarithm
    /// of their number where some may be missing, is joined with the other columns by linear layers.
    /// The features are the same bits in whatever order the trials come.
    DeepSets {
        /// Where the sets are among the given columns.
        sets: Vec<Tokens>,
        /// Outputs of the linear layers that each trial goes through, each set with its own.
        trial: Vec<usize>,
        /// Outputs of the linear layers after the mean; the last is the number of features.
        widths: Vec<usize>,
        /// After each layer.
        activation: Activation,
    },
    /// A small transformer (Vaswani et al. 2017), for series at irregular times: every entry, with
    /// its time, is a token; tokens that are there attend to each other; their mean is joined with
    /// the other columns by linear layers.
    Attention {
        /// Where the series are among the given columns, and their times.
        series: Vec<Tokens>,
        /// Heads of each block, of 8 dimensions each; a token has as many in all.
        heads: usize,
        /// Blocks of attention and two layers, each after a normalisation and added to the tokens.
        blocks: usize,
        /// Outputs of the linear layers after the mean; the last is the number of features.
        widths: Vec<usize>,
        /// Within the blocks, and after each of the linear layers.
        activation: Activation,
    },
}

/// A series among the given columns: channel by channel, each in order of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its first column.
    pub start: usize,
    /// Number of channels.
    pub channels: usize,
    /// Number of times.
    pub length: usize,
}

impl Series {
    /// The columns it takes.
    #[must_use]
    pub fn columns(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.channels * self.length
    }
}

/// One convolution, zero-padded so that stride 1 keeps the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvolutionLayer {
    /// Output channels.
    pub channels: usize,
    /// Times seen at once; odd.
    pub kernel: usize,
    /// Times moved from one output to the next.
    pub stride: usize,
}

/// From features to what is predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// The conditional mean (mean squared error).
    Mean,
    /// Class probabilities (cross-entropy); `Network::predict` is the number of classes.
    Classes,
    /// Conditional quantiles of each column (pinball loss; Koenker & Bassett 1978).
    Quantiles {
        /// Levels in (0, 1), increasing.
        levels: Vec<f32>,
    },
    /// A conditional density, column after column: see [`SplineFlow`].
    Spline(SplineFlow),
    /// A conditional density by coupling transforms (Dinh et al. 2017; Durkan et al. 2019): each
    /// passes half of the columns through splines whose parameters a residual network computes from
    /// the features and the other half; halves change places from transform to transform. The first
    /// transform takes the other half, too, from the features alone. Draws cost one pass whatever the
    /// number of columns. A single column is transformed every time.
    Coupling(SplineFlow),
    /// A conditional density by flow matching: see [`FlowMatching`].
    FlowMatching(FlowMatching),
}

impl Head {
    /// Whether it gives densities and draws.
    #[must_use]
    pub fn is_density(&self) -> bool {
        matches!(
            self,
            Self::Spline(_) | Self::Coupling(_) | Self::FlowMatching(_)
        )
    }
}

/// A conditional autoregressive neural spline flow (Durkan et al. 2019): each transform passes
/// every column through a rational-quadratic spline whose parameters are computed from the
/// features and the columns before it by a masked residual network (MADE; Germain et al. 2015).
///
/// The first transform shifts and scales each column before its spline, by numbers from the same
/// network (as in MAF; Papamakarios et al. 2017). Without it a spline on a fixed interval would
/// have to squeeze its tails into the bulk of a narrow density, and would leave a few draws far
/// from it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplineFlow {
    /// Number of transforms.
    pub transforms: usize,
    /// Hidden units of each transform's network.
    pub hidden: usize,
    /// Residual blocks of each transform's network.
    pub blocks: usize,
    /// Bins of each spline.
    pub bins: usize,
    /// The splines act on [-bound, bound].
    pub tail_bound: f32,
}

impl Default for SplineFlow {
    fn default() -> Self {
        Self {
            transforms: 5,
            hidden: 50,
            blocks: 2,
            bins: 10,
            tail_bound: 5.0,
        }
    }
}

/// Conditional flow matching (Lipman et al. 2023): a residual network learns the velocity of a flow
/// that carries standard normal noise to targets along straight paths. Draws and densities solve the
/// flow's differential equation, densities with the exact divergence; that takes some hundred passes
/// through the network. Its loss is a mean squared error, not nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowMatching {
    /// Hidden units of the network.
    pub hidden: usize,
    /// Its residual blocks.
    pub blocks: usize,
    /// Relative and absolute error of a step of the solver.
    pub tolerance: f32,
}

impl Default for FlowMatching {
    fn default() -> Self {
        Self {
            hidden: 96,
            blocks: 3,
            tolerance: 1e-4,
        }
    }
}

/// A network that cannot be built, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this network cannot be built: {0}")]
pub struct NetworkError(pub(crate) String);

impl Network {
    /// Number of features between embedding and head.
    #[must_use]
    pub fn features(&self) -> usize {
        match &self.embedding {
            Embedding::Identity => self.given,
            Embedding::ResidualMlp { outputs, .. } => *outputs,
            Embedding::Mlp { widths, .. }
            | Embedding::Convolution { widths, .. }
            | Embedding::DeepSets { widths, .. }
            | Embedding::Attention { widths, .. } => widths.last().copied().unwrap_or(0),
        }
    }

    /// The tensors of this network in the order of the flat parameter vector.
    ///
    /// # Errors
    /// If the network cannot be built.
    pub fn tensors(&self) -> Result<Vec<Tensor>, NetworkError> {
        Ok(crate::layer::Plan::new(self)?.into_tensors())
    }
}
