//! Which network learns what: a default chosen from the table's shape, changed by the study's wishes.

use gnomon_learn::network::{Activation, ConvolutionLayer, Embedding, Head, Network, SplineFlow};
use gnomon_learn::standardise::Standardiser;
use gnomon_learn::train::Recipe;
use gnomon_mechanism::study::{Embedding as Wish, Learn};

/// Series of at least this length are convolved unless the study says otherwise.
const LONG_SERIES: usize = 40;
/// Features between the embedding and the head.
const FEATURES: usize = 32;
/// Width of the embedding unless the study says otherwise.
const WIDTH: usize = 128;
/// Residual blocks of the embedding.
const BLOCKS: usize = 3;
/// Simulations from which on a linear regression has nothing to add to a network.
const MANY_ROWS: usize = 200_000;
/// Passes over few simulations: more would only be learned by heart.
const MOST_EPOCHS: usize = 40;
/// Steps that a network takes, however few simulations there are.
const FEWEST_STEPS: usize = 1_500;
/// Examples that all members of an ensemble of class heads see together.
const CLASS_EXAMPLES: usize = 9_000_000;
/// Examples that all members of an ensemble of densities see together.
const DENSITY_EXAMPLES: usize = 4_000_000;

/// p(mechanism | given).
#[must_use]
pub fn classes(wishes: &Learn, standardiser: &Standardiser, mechanisms: usize) -> Network {
    Network {
        given: standardiser.outputs(),
        predict: mechanisms,
        embedding: embedding(wishes, standardiser),
        head: Head::Classes,
    }
}

/// p(scores | given) of one mechanism's parameters.
#[must_use]
pub fn density(wishes: &Learn, standardiser: &Standardiser, dimension: usize) -> Network {
    let default = SplineFlow::default();
    Network {
        given: standardiser.outputs(),
        predict: dimension,
        embedding: embedding(wishes, standardiser),
        head: Head::Spline(SplineFlow {
            transforms: wishes.transforms.unwrap_or(default.transforms),
            hidden: wishes.width.unwrap_or(default.hidden),
            bins: wishes.bins.unwrap_or(default.bins),
            ..default
        }),
    }
}

fn embedding(wishes: &Learn, standardiser: &Standardiser) -> Embedding {
    let series = standardiser.series();
    let width = wishes.width.unwrap_or(WIDTH);
    let long = series.iter().any(|series| series.length >= LONG_SERIES);
    let convolve = match wishes.embedding {
        Wish::Auto => long,
        Wish::Convolution => !series.is_empty(),
        Wish::Mlp => false,
    };
    if !convolve {
        return Embedding::ResidualMlp {
            width,
            blocks: BLOCKS,
            outputs: FEATURES,
            activation: Activation::Relu,
        };
    }
    let longest = series.iter().map(|series| series.length).max().unwrap_or(1);
    // Halve the series until some 16 times are left.
    let halvings = (longest as f64 / 16.0).log2().ceil().clamp(1.0, 6.0) as usize;
    let layers = (0..halvings)
        .map(|layer| ConvolutionLayer {
            channels: if layer == 0 { 16 } else { 32 },
            kernel: 5,
            stride: 2,
        })
        .collect();
    Embedding::Convolution {
        series,
        layers,
        widths: vec![width, FEATURES],
        activation: Activation::Relu,
    }
}

/// Whether every second member of an ensemble learns what a linear regression leaves: where
/// simulations are few enough that it helps, and there is a second member.
#[must_use]
pub fn regresses(wishes: &Learn, rows: usize) -> bool {
    wishes.members > 1 && rows < MANY_ROWS
}

/// How a network is trained on `rows` simulations: one member of an ensemble.
#[must_use]
pub fn recipe(wishes: &Learn, head: &Head, rows: usize, seed: u64) -> Recipe {
    let default = Recipe::default();
    let classes = *head == Head::Classes;
    let batch = wishes.batch.unwrap_or(match (rows, classes) {
        (..4_000, _) => 50,
        (500_000.., true) => 500,
        _ => 200,
    });
    let (examples, learning_rate) = if classes {
        (CLASS_EXAMPLES, 1e-3)
    } else {
        (DENSITY_EXAMPLES, default.learning_rate)
    };
    let steps = examples / wishes.members.max(1) / batch;
    let steps_per_epoch = ((rows as f64 * (1.0 - default.validation)) as usize / batch).max(1);
    let epochs = wishes.epochs.unwrap_or({
        let most = MOST_EPOCHS.max(FEWEST_STEPS / steps_per_epoch);
        ((steps + steps_per_epoch / 2) / steps_per_epoch).clamp(2, most)
    });
    Recipe {
        seed,
        batch,
        epochs,
        learning_rate: wishes.learning_rate.unwrap_or(learning_rate),
        averaging: ((epochs * steps_per_epoch) as u64 / 15).max(1),
        ..default
    }
}
