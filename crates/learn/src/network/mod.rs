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

mod layout;
mod tokens;

pub use crate::kernel::activation::Activation;
pub(crate) use layout::Layout;
pub use layout::{Block, Tensor};
pub use tokens::{Channel, Tokens};

use serde::{Deserialize, Serialize};
use std::fmt;

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

    /// Checks sizes that a file or a user may have got wrong.
    ///
    /// # Errors
    /// Names the size that makes no sense.
    pub fn check(&self) -> Result<(), NetworkError> {
        const MOST: usize = 1 << 20;
        let positive = |what: &str, n: usize| {
            if (1..=MOST).contains(&n) {
                Ok(())
            } else {
                Err(NetworkError(format!(
                    "{what} is {n}, and must be in 1..={MOST}"
                )))
            }
        };
        positive("the number of given columns", self.given)?;
        positive("the number of predicted columns", self.predict)?;
        positive("the number of features", self.features())?;
        match &self.embedding {
            Embedding::Identity => {}
            Embedding::Mlp { widths, .. } => {
                widths.iter().try_for_each(|&w| positive("a width", w))?;
            }
            Embedding::ResidualMlp { width, .. } => positive("the width", *width)?,
            Embedding::Convolution {
                series,
                layers,
                widths,
                ..
            } => {
                widths.iter().try_for_each(|&w| positive("a width", w))?;
                for layer in layers {
                    positive("the number of channels", layer.channels)?;
                    positive("the stride", layer.stride)?;
                    if layer.kernel.is_multiple_of(2) || layer.kernel > MOST {
                        let kernel = layer.kernel;
                        return Err(NetworkError(format!(
                            "a kernel is {kernel}, and must be odd"
                        )));
                    }
                }
                let mut free = 0;
                for one in series {
                    positive("the length of a series", one.length)?;
                    positive("the number of channels", one.channels)?;
                    if one.start < free || one.columns().end > self.given {
                        return Err(NetworkError(format!(
                            "series `{}` takes columns {:?}, which overlap another series or \
                             exceed the {} given columns",
                            one.name,
                            one.columns(),
                            self.given
                        )));
                    }
                    free = one.columns().end;
                }
            }
            Embedding::DeepSets {
                sets,
                trial,
                widths,
                ..
            } => {
                positive("the number of layers of a trial", trial.len())?;
                for &width in trial.iter().chain(widths) {
                    positive("a width", width)?;
                }
                Tokens::check(sets, self.given)?;
            }
            Embedding::Attention {
                series,
                heads,
                widths,
                ..
            } => {
                positive("the number of series", series.len())?;
                positive("the number of heads", *heads)?;
                widths.iter().try_for_each(|&w| positive("a width", w))?;
                Tokens::check(series, self.given)?;
            }
        }
        match &self.head {
            Head::Mean | Head::Classes => Ok(()),
            Head::Quantiles { levels } => {
                let inside = levels.iter().all(|&q| q > 0.0 && q < 1.0);
                if levels.is_empty() || !inside || !levels.is_sorted_by(|a, b| a < b) {
                    return Err(NetworkError(format!(
                        "quantile levels {levels:?} must increase inside (0, 1)"
                    )));
                }
                Ok(())
            }
            Head::FlowMatching(flow) => {
                positive("the number of hidden units", flow.hidden)?;
                if !(1e-7..=0.1).contains(&flow.tolerance) {
                    return Err(NetworkError(format!(
                        "the tolerance is {}, and must be in 1e-7..=0.1",
                        flow.tolerance
                    )));
                }
                Ok(())
            }
            Head::Spline(flow) | Head::Coupling(flow) => {
                positive("the number of transforms", flow.transforms)?;
                positive("the number of hidden units", flow.hidden)?;
                if !(2..=64).contains(&flow.bins) {
                    return Err(NetworkError(format!(
                        "{} bins, must be in 2..=64",
                        flow.bins
                    )));
                }
                if !(flow.tail_bound.is_finite() && flow.tail_bound > 0.0) {
                    return Err(NetworkError(format!(
                        "the tail bound is {}",
                        flow.tail_bound
                    )));
                }
                Ok(())
            }
        }
    }
}

fn joined(numbers: &[usize]) -> String {
    numbers
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("-")
}

impl fmt::Display for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => write!(f, "identity"),
            Self::Mlp { widths, activation } => {
                write!(f, "MLP ({}, {})", joined(widths), activation.name())
            }
            Self::ResidualMlp {
                width,
                blocks,
                activation,
                ..
            } => {
                write!(
                    f,
                    "residual MLP ({width} wide, {blocks} blocks, {})",
                    activation.name()
                )
            }
            Self::Convolution {
                series,
                layers,
                widths,
                activation,
            } => {
                let names: Vec<&str> = series.iter().map(|s| s.name.as_str()).collect();
                write!(f, "convolution over {} (", names.join(", "))?;
                for layer in layers {
                    write!(f, "{} channels of kernel {}", layer.channels, layer.kernel)?;
                    if layer.stride > 1 {
                        write!(f, " stride {}", layer.stride)?;
                    }
                    write!(f, ", ")?;
                }
                write!(f, "then {}, {})", joined(widths), activation.name())
            }
            Self::DeepSets {
                sets,
                trial,
                widths,
                activation,
            } => {
                let of = |set: &Tokens| format!("{} trials of {}", set.length, set.name);
                let sets: Vec<String> = sets.iter().map(of).collect();
                let (each, after) = (joined(trial), joined(widths));
                let (sets, name) = (sets.join(" and "), activation.name());
                write!(
                    f,
                    "deep sets over {sets} (each {each}, their mean, then {after}, {name})"
                )
            }
            Self::Attention {
                series,
                heads,
                blocks,
                widths,
                activation,
            } => {
                let of = |one: &Tokens| format!("{} entries of {}", one.length, one.name);
                let series: Vec<String> = series.iter().map(of).collect();
                let (series, after) = (series.join(" and "), joined(widths));
                let name = activation.name();
                write!(
                    f,
                    "attention over {series} ({heads} heads, {blocks} blocks, their mean, then \
                     {after}, {name})"
                )
            }
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => write!(f, "mean"),
            Self::Classes => write!(f, "classes"),
            Self::Quantiles { levels } => {
                let levels: Vec<String> = levels.iter().map(ToString::to_string).collect();
                write!(f, "quantiles ({})", levels.join(", "))
            }
            Self::Spline(flow) => write!(f, "spline flow ({flow})"),
            Self::Coupling(flow) => write!(f, "coupling spline flow ({flow})"),
            Self::FlowMatching(FlowMatching {
                hidden,
                blocks,
                tolerance,
            }) => write!(
                f,
                "flow matching ({hidden} hidden, {blocks} blocks, tolerance {tolerance})"
            ),
        }
    }
}

impl fmt::Display for SplineFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} transforms, {} hidden, {} blocks, {} bins on [-{bound}, {bound}]",
            self.transforms,
            self.hidden,
            self.blocks,
            self.bins,
            bound = self.tail_bound
        )
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} given -> {} -> {} features -> {} -> {} predicted",
            self.given,
            self.embedding,
            self.features(),
            self.head,
            self.predict
        )
    }
}
