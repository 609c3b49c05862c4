//! p(predict | given), learned: given columns are standardised ([`standardise`]), a network
//! ([`network`]) is trained on examples of them ([`train`]), and the model ([`model`], several of
//! them as an [`ensemble`]) gives densities, draws, class probabilities, means and quantiles.
//!
//! The engine has no graph and no tape: a batch is cut into fixed chunks that stay in cache, each
//! kind of layer has a forward and a hand-derived backward pass over a chunk, threads take chunks,
//! and gradients are summed in a fixed order, so that results are the same bits at any number of
//! threads.
//!
//! ```
//! use gnomon_learn::examples::{Examples, Targets};
//! use gnomon_learn::matrix::Matrix;
//! use gnomon_learn::model::Model;
//! use gnomon_learn::network::{Embedding, Head, Network, SplineFlow};
//! use gnomon_learn::train::{Control, Recipe, train};
//!
//! // Targets that are twice what is given, more or less.
//! let given: Vec<f32> = (0..400).map(|i| (i as f32 - 200.0) / 200.0).collect();
//! let targets = given.iter().enumerate().map(|(i, x)| 2.0 * x + 0.1 * (i % 5) as f32).collect();
//! let examples = Examples {
//!     given: Matrix::new(1, given),
//!     targets: Targets::Values(Matrix::new(1, targets)),
//! };
//! let flow = SplineFlow { transforms: 1, hidden: 16, blocks: 1, bins: 4, tail_bound: 5.0 };
//! let network =
//!     Network { given: 1, predict: 1, embedding: Embedding::Identity, head: Head::Spline(flow) };
//! let recipe = Recipe { epochs: 5, batch: 40, ..Recipe::default() };
//! let trained = train(&examples, &network, &recipe, Control::default())?;
//! let model = Model::new(trained, recipe, None)?;
//! let draws = model.draw(&Matrix::new(1, vec![0.5]), 100, 1, 0, 1)?;
//! assert_eq!((draws.rows(), draws.columns()), (100, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod baseline;
pub mod coordinates;
mod crew;
pub mod ensemble;
pub mod examples;
mod kernel;
mod layer;
pub mod matrix;
pub mod model;
pub mod network;
mod saved;
pub mod standardise;
pub mod train;
mod vector;

pub use saved::SaveError;
pub use vector::instruction_set;
