//! Which network learns what: a default chosen from the table's shape, changed by the study's wishes.

use gnomon_infer::forecast::LEVELS;
use gnomon_learn::network::{
    Activation, ConvolutionLayer, Embedding, FlowMatching, Head, Network, SplineFlow, Tokens,
};
use gnomon_learn::standardise::Standardiser;
use gnomon_learn::train::Recipe;
use gnomon_mechanism::study::{Density, Embedding as Wish, Learn, SeriesHead, Study};

/// Series of at least this length are convolved unless the study says otherwise.
const LONG_SERIES: usize = 40;
/// Series of at least this many entries that can be exchanged are sets unless the study says
/// otherwise.
const LARGE_SET: usize = 8;
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
/// Width of the two layers that each trial of a set goes through: wider ones learn no better and cost
/// several times as much.
const TRIAL: usize = 32;
/// Channels of a convolution's layers, and entries that it looks at together.
const CHANNELS: usize = 32;
const KERNEL: usize = 5;
/// Heads of attention, of 8 dimensions each, and its blocks.
const HEADS: usize = 4;
const TRANSFORMER_BLOCKS: usize = 2;
/// Transforms of a coupling flow: each leaves half of the parameters alone.
const COUPLINGS: usize = 8;
/// Entries of series that are not given beyond which their density is learned half of them at a time.
const MANY_ENTRIES: usize = 8;
/// Examples that all members of an ensemble of class heads see together.
const CLASS_EXAMPLES: usize = 9_000_000;
/// Examples that all members of an ensemble of densities see together.
const DENSITY_EXAMPLES: usize = 4_000_000;

/// p(mechanism | given).
#[must_use]
pub fn classes(study: &Study, standardiser: &Standardiser) -> Network {
    Network {
        given: standardiser.outputs(),
        predict: study.mechanisms.len(),
        embedding: embedding(study, standardiser),
        head: Head::Classes,
    }
}

/// p(scores | given) of one mechanism's parameters, as a member of the ensemble (from 0) learns it.
#[must_use]
pub fn density(
    study: &Study,
    standardiser: &Standardiser,
    dimension: usize,
    member: usize,
) -> Network {
    let wishes = &study.learn;
    let kind = wishes.density[member % wishes.density.len()];
    density_of(kind, study, standardiser, dimension)
}

fn density_of(
    kind: Density,
    study: &Study,
    standardiser: &Standardiser,
    dimension: usize,
) -> Network {
    let wishes = &study.learn;
    let spline = |transforms: usize| {
        let default = SplineFlow::default();
        SplineFlow {
            transforms: wishes.transforms.unwrap_or(transforms),
            hidden: wishes.width.unwrap_or(default.hidden),
            bins: wishes.bins.unwrap_or(default.bins),
            tail_bound: wishes
                .tail_bound
                .map_or(default.tail_bound, |bound| bound as f32),
            ..default
        }
    };
    let head = match kind {
        Density::Autoregressive => Head::Spline(spline(SplineFlow::default().transforms)),
        Density::Coupling => Head::Coupling(spline(COUPLINGS)),
        Density::FlowMatching => {
            let default = FlowMatching::default();
            Head::FlowMatching(FlowMatching {
                hidden: wishes.width.unwrap_or(default.hidden),
                ..default
            })
        }
    };
    Network {
        given: standardiser.outputs(),
        predict: dimension,
        embedding: embedding(study, standardiser),
        head,
    }
}

/// What is observed and not given, in whatever mechanism: quantiles of each entry, or the joint density
/// of all, as a member of the ensemble (from 0) learns it.
#[must_use]
pub fn unseen(study: &Study, standardiser: &Standardiser, member: usize) -> Network {
    let entries = study.unseen_columns().len();
    let wishes = &study.learn;
    if wishes.series == SeriesHead::Density {
        let wished = wishes.density[member % wishes.density.len()];
        // Entry after entry takes as many passes for a draw as there are entries.
        let kind = match wished {
            Density::Autoregressive if entries > MANY_ENTRIES => Density::Coupling,
            wished => wished,
        };
        return density_of(kind, study, standardiser, entries);
    }
    Network {
        given: standardiser.outputs(),
        predict: entries,
        embedding: embedding(study, standardiser),
        head: Head::Quantiles {
            levels: LEVELS.iter().map(|&level| level as f32).collect(),
        },
    }
}

/// The given series that enter as sets, by name: their entries have one centre and scale.
#[must_use]
pub fn sets(study: &Study) -> Vec<String> {
    let least = match study.learn.embedding {
        Wish::Auto => LARGE_SET,
        Wish::DeepSets => 2,
        Wish::Mlp | Wish::Convolution | Wish::Attention => return Vec::new(),
    };
    let several = || study.given.iter().filter(|series| series.times.len() > 1);
    let exchangeable = |name: &str| study.mechanisms.iter().all(|m| m.exchangeable(name));
    let sets: Vec<String> = several()
        .filter(|series| series.times.len() >= least && exchangeable(&series.name))
        .map(|series| series.name.clone())
        .collect();
    if study.learn.embedding == Wish::DeepSets && sets.is_empty() {
        // The mechanisms do not show it, but the study says it.
        return several().map(|series| series.name.clone()).collect();
    }
    let ordered = |name: &str| !sets.iter().any(|set| set == name);
    let long = several().any(|series| ordered(&series.name) && series.times.len() >= LONG_SERIES);
    if study.learn.embedding == Wish::Auto && long {
        return Vec::new();
    }
    sets
}

/// The tokens of each given series, with their times.
fn tokens(study: &Study, standardiser: &Standardiser) -> Vec<Tokens> {
    let mut all = standardiser.tokens();
    for tokens in &mut all {
        let mut series = study.given.iter();
        if let Some(series) = series.find(|series| series.name == tokens.name) {
            tokens.times.clone_from(&series.times);
        }
    }
    all
}

fn embedding(study: &Study, standardiser: &Standardiser) -> Embedding {
    let wishes = &study.learn;
    let width = wishes.width.unwrap_or(WIDTH);
    let features = wishes.features.unwrap_or(FEATURES);
    let sets = sets(study);
    if !sets.is_empty() {
        return deep_sets(study, tokens(study, standardiser), &sets, [width, features]);
    }
    let series = standardiser.series();
    let long = series.iter().any(|series| series.length >= LONG_SERIES);
    let convolve = match wishes.embedding {
        Wish::Auto => long,
        Wish::Convolution => !series.is_empty(),
        Wish::Attention if !series.is_empty() => {
            return Embedding::Attention {
                series: Tokens::together(tokens(study, standardiser)),
                heads: wishes.heads.unwrap_or(HEADS),
                blocks: wishes.blocks.unwrap_or(TRANSFORMER_BLOCKS),
                widths: vec![width, features],
                activation: Activation::Relu,
            };
        }
        Wish::Mlp | Wish::DeepSets | Wish::Attention => false,
    };
    if !convolve {
        return Embedding::ResidualMlp {
            width,
            blocks: wishes.blocks.unwrap_or(BLOCKS),
            outputs: features,
            activation: Activation::Relu,
        };
    }
    let longest = series.iter().map(|series| series.length).max().unwrap_or(1);
    // Halve the series until some 16 times are left.
    let halvings = (longest as f64 / 16.0).log2().ceil().clamp(1.0, 6.0) as usize;
    let channels = wishes.channels.unwrap_or(CHANNELS);
    let layers = (0..halvings)
        .map(|layer| ConvolutionLayer {
            channels: if layer == 0 {
                channels.div_ceil(2)
            } else {
                channels
            },
            kernel: wishes.kernel.unwrap_or(KERNEL),
            stride: 2,
        })
        .collect();
    Embedding::Convolution {
        series,
        layers,
        widths: vec![width, features],
        activation: Activation::Relu,
    }
}

/// Series whose entries can each be exchanged are a set each; where only the study says so, entry `i`
/// of every series is of trial `i`.
fn deep_sets(
    study: &Study,
    all: Vec<Tokens>,
    names: &[String],
    [width, features]: [usize; 2],
) -> Embedding {
    let all = all
        .into_iter()
        .filter(|tokens| names.contains(&tokens.name));
    let sets: Vec<Tokens> = all
        .map(|tokens| Tokens {
            times: Vec::new(),
            ..tokens
        })
        .collect();
    let shown = |set: &Tokens| study.mechanisms.iter().all(|m| m.exchangeable(&set.name));
    let alone = sets.iter().all(shown);
    Embedding::DeepSets {
        sets: if alone { sets } else { Tokens::together(sets) },
        trial: vec![study.learn.trial.unwrap_or(TRIAL); 2],
        widths: vec![width, width, features],
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
        patience: wishes.patience.unwrap_or(epochs),
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
    let steps = (epochs * steps_per_epoch) as u64;
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
        patience: wishes.patience.unwrap_or(default.patience),
        validation: wishes.validation.unwrap_or(default.validation),
        warm_up: wishes.warm_up.unwrap_or(default.warm_up),
        weight_decay: wishes.weight_decay.unwrap_or(default.weight_decay),
        averaging: wishes
            .averaging
            .map_or((steps / 15).max(1), |share| (share * steps as f64) as u64),
        final_share: wishes.final_rate.unwrap_or(default.final_share),
        clip_norm: wishes.clip_norm.or(default.clip_norm),
        initial_scale: wishes.initial_scale.unwrap_or(default.initial_scale),
        shuffle: wishes.shuffle.unwrap_or(default.shuffle),
        ..default
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use gnomon_learn::standardise::Field;

    const TRIALS: &str = "[parameters]\nm = \"Normal(0, 1)\"\n[observed]\n\
        y = { distribution = \"Normal(m, 1)\", count = 20 }\n\
        z = { distribution = \"Normal(m, 2)\", count = 20 }\n\
        w = { distribution = \"Normal(m, 1)\", count = 5 }\n";
    const MOVING: &str = "[parameters]\nm = \"Normal(0, 1)\"\n[states]\nx = \"m\"\n[dynamics]\n\
        x = \"1\"\n[observed]\ntimes = [1, 2, 5, 6, 7, 8, 20, 21]\n\
        y = \"Normal(x, 1)\"\nz = \"Normal(x, 2)\"\n";

    fn network(mechanism: &str, settings: &str) -> Network {
        let (_folder, study, standardiser) = told(mechanism, settings);
        let network = density(&study, &standardiser, 2, 0);
        network.check().unwrap();
        network
    }

    /// A study of one mechanism, with its folder and a standardiser of its data.
    fn told(mechanism: &str, settings: &str) -> (tempfile::TempDir, Study, Standardiser) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("m.toml"), mechanism).unwrap();
        let text = format!("title = \"m?\"\nmechanisms = [\"m.toml\"]\n[learn]\n{settings}\n");
        let study = Study::parse("study.toml", &text, folder.path()).unwrap();
        let sets = sets(&study);
        let fields: Vec<Field> = study
            .given
            .iter()
            .map(|s| Field::series(&s.name, 1, s.times.len(), sets.contains(&s.name)))
            .collect();
        let width = study.given_columns().len();
        let rows: Vec<f64> = (0..3 * width).map(|i| ((i * i) % 17) as f64).collect();
        let standardiser = Standardiser::fit(fields, &rows).unwrap();
        (folder, study, standardiser)
    }

    /// Entries that the mechanism shows to be exchangeable are a set each if there are many;
    /// otherwise the study decides.
    #[test]
    fn series_enter_as_the_mechanism_and_the_study_say() {
        let text = |mechanism, wish: &str| {
            let network = network(mechanism, &format!("embedding = \"{wish}\""));
            network.embedding.to_string()
        };
        let auto = text(TRIALS, "auto");
        assert!(
            auto.starts_with("deep sets over 20 trials of y and 20 trials of z ("),
            "{auto}"
        );
        assert!(text(TRIALS, "deep-sets").contains("and 5 trials of w"));
        assert!(text(TRIALS, "mlp").starts_with("residual MLP"));
        assert!(text(MOVING, "auto").starts_with("residual MLP"));
        assert!(text(MOVING, "deep-sets").starts_with("deep sets over 8 trials of y, z ("));
        let attention = network(MOVING, "embedding = \"attention\"").embedding;
        let Embedding::Attention { series, .. } = &attention else {
            unreachable!("{attention}")
        };
        assert_eq!(series[0].times, [1.0, 2.0, 5.0, 6.0, 7.0, 8.0, 20.0, 21.0]);
        assert_eq!((series.len(), series[0].channels.len()), (1, 2));
        let scalar = "[parameters]\nm = \"Normal(0, 1)\"\n[observed]\ny = \"Normal(m, 1)\"\n";
        for wish in ["auto", "deep-sets", "attention", "convolution"] {
            assert!(text(scalar, wish).starts_with("residual MLP"));
        }
    }

    #[test]
    fn densities_are_those_that_the_study_asks_for() {
        let head = |settings| network(TRIALS, settings).head;
        assert_eq!(head(""), Head::Spline(SplineFlow::default()));
        let coupling = SplineFlow {
            transforms: COUPLINGS,
            ..SplineFlow::default()
        };
        assert_eq!(head("density = \"coupling\""), Head::Coupling(coupling));
        let matching = FlowMatching {
            hidden: 32,
            ..FlowMatching::default()
        };
        assert_eq!(
            head("density = \"flow-matching\"\nwidth = 32"),
            Head::FlowMatching(matching)
        );
    }

    #[test]
    fn members_take_the_densities_in_turn() {
        let (_folder, study, standardiser) = told(
            TRIALS,
            "density = [\"coupling\", \"autoregressive\"]\nmembers = 3",
        );
        let head = |member| density(&study, &standardiser, 2, member).head;
        assert_eq!(study.learn.members, 3);
        assert!(matches!(head(0), Head::Coupling(_)));
        assert!(matches!(head(1), Head::Spline(_)));
        assert_eq!(head(2), head(0));
    }

    #[test]
    fn the_study_sets_sizes_and_recipe() {
        let settings = "embedding = \"attention\"\nheads = 2\nblocks = 1\nfeatures = 5\naveraging = 0.2\n\
                        final_rate = 1\ninitial_scale = 2\nshuffle = false";
        let (_folder, study, standardiser) = told(MOVING, settings);
        let attending = density(&study, &standardiser, 2, 0);
        let Embedding::Attention { heads, blocks, .. } = &attending.embedding else {
            unreachable!("{attending}")
        };
        assert_eq!((*heads, *blocks, attending.features()), (2, 1, 5));
        let recipe = recipe(&study.learn, &attending.head, 10_000, 9_000, 1);
        let steps = (recipe.epochs * (9_000 / recipe.batch)) as f64;
        assert_eq!(recipe.averaging, (0.2 * steps) as u64);
        assert_eq!((recipe.final_share, recipe.initial_scale), (1.0, 2.0));
        assert!(!recipe.shuffle);
        let convolved = network(
            MOVING,
            "embedding = \"convolution\"\nchannels = 9\nkernel = 3\ntail_bound = 4",
        );
        let Embedding::Convolution { layers, .. } = &convolved.embedding else {
            unreachable!("{convolved}")
        };
        assert_eq!((layers[0].channels, layers[0].kernel), (5, 3));
        let Head::Spline(flow) = convolved.head else {
            unreachable!("{convolved}")
        };
        assert_eq!(flow.tail_bound, 4.0);
    }

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
