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

/// Judgements of a training on fresh simulations.
const JUDGEMENTS: usize = 20;

/// How a network is trained on `rows` simulations, those held out among them, of which `train` are
/// trained on: one member of an ensemble.
#[must_use]
pub fn recipe(wishes: &Learn, head: &Head, rows: usize, train: usize, seed: u64) -> Recipe {
    let batch = batch(wishes, head, rows);
    let steps_per_epoch = (train / batch).max(1);
    let steps = steps(wishes, head, batch);
    let epochs = wishes.epochs.unwrap_or({
        let most = MOST_EPOCHS.max(FEWEST_STEPS / steps_per_epoch);
        ((steps + steps_per_epoch / 2) / steps_per_epoch).clamp(2, most)
    });
    with_budget(wishes, head, batch, epochs, steps_per_epoch, seed)
}

/// How a network is trained on fresh simulations, and the steps between two judgements. Where the
/// study sets `epochs`, each is as many simulations as the bank's `rows`.
#[must_use]
pub fn online_recipe(wishes: &Learn, head: &Head, rows: usize, seed: u64) -> (Recipe, u64) {
    let batch = batch(wishes, head, usize::MAX);
    let (epochs, steps_per_epoch) = match wishes.epochs {
        Some(epochs) => (epochs, rows / batch),
        None => (JUDGEMENTS, steps(wishes, head, batch) / JUDGEMENTS),
    };
    let steps_per_epoch = steps_per_epoch.max(1);
    let recipe = Recipe {
        // What is seen once cannot be learned by heart.
        patience: epochs,
        ..with_budget(wishes, head, batch, epochs, steps_per_epoch, seed)
    };
    (recipe, steps_per_epoch as u64)
}

fn is_classes(head: &Head) -> bool {
    *head == Head::Classes
}

fn batch(wishes: &Learn, head: &Head, rows: usize) -> usize {
    wishes.batch.unwrap_or(match (rows, is_classes(head)) {
        (..4_000, _) => 50,
        (500_000.., true) => 500,
        _ => 200,
    })
}

/// Steps of one member, where the study does not set them.
fn steps(wishes: &Learn, head: &Head, batch: usize) -> usize {
    let examples = if is_classes(head) {
        CLASS_EXAMPLES
    } else {
        DENSITY_EXAMPLES
    };
    examples / wishes.members.max(1) / batch
}

fn with_budget(
    wishes: &Learn,
    head: &Head,
    batch: usize,
    epochs: usize,
    steps_per_epoch: usize,
    seed: u64,
) -> Recipe {
    let default = Recipe::default();
    let learning_rate = if is_classes(head) {
        1e-3
    } else {
        default.learning_rate
    };
    Recipe {
        seed,
        batch,
        epochs,
        learning_rate: wishes.learning_rate.unwrap_or(learning_rate),
        averaging: ((epochs * steps_per_epoch) as u64 / 15).max(1),
        ..default
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_simulations_are_taken_in_the_same_number_of_steps() {
        let head = Head::Spline(SplineFlow::default());
        let wishes = Learn::default();
        let bank = recipe(&wishes, &head, 500_000, 450_000, 1);
        let (fresh, steps_per_epoch) = online_recipe(&wishes, &head, 500_000, 1);
        assert_eq!((bank.epochs, bank.batch), (4, 200));
        let steps = fresh.epochs as u64 * steps_per_epoch;
        assert_eq!((steps, fresh.batch, fresh.patience), (10_000, 200, 20));

        let wishes = Learn {
            epochs: Some(3),
            ..wishes
        };
        let (fresh, steps_per_epoch) = online_recipe(&wishes, &head, 50_000, 1);
        assert_eq!((fresh.epochs, steps_per_epoch), (3, 250));
    }
}
