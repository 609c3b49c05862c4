//! Every key that a study file may hold.

use crate::source::key::{Key, Kind};

/// The file's top keys.
pub const STUDY: &[Key] = &[
    Key::new("title", Kind::Text, "The question.").needed(),
    Key::new(
        "description",
        Kind::Text,
        "What a reader should know beside it.",
    ),
    Key::new(
        "mechanisms",
        Kind::List(&[Kind::Text, Kind::Table(MECHANISM)]),
        "Mechanism files, from the study's folder.",
    )
    .needed(),
    Key::new(
        "observed",
        Kind::OneOf(&[Kind::Text, Kind::Named(&Kind::Numbers)]),
        "The data: a CSV file whose columns are named as observed series, or the numbers themselves.",
    ),
    Key::new(
        "given",
        Kind::Names,
        "The observed series that the answer is given, or parts of them by time, such as \"cases[0:63]\"; or, with [emulate], parameters. Default: the series that all mechanisms observe; with [emulate], all parameters that are not fixed.",
    ),
    Key::new(
        "predict",
        Kind::Names,
        "What is asked: \"mechanism\", \"parameters\", \"derived\", single names, or observed series that are not given, such as \"cases[64:77]\". Default: the mechanism if there are several, the parameters, and the shared (or else all) derived quantities.",
    ),
    Key::new(
        "shared",
        Kind::Names,
        "Parameters and derived quantities with one meaning in all mechanisms that declare them.",
    ),
    Key::new("simulate", Kind::Table(SIMULATE), "How much is simulated."),
    Key::new("learn", Kind::Table(LEARN), "How it is learned."),
    Key::new("claims", Kind::Table(CLAIMS), "How the answer is tested."),
    Key::new("answer", Kind::Table(ANSWER), "How the answer is given."),
    Key::new(
        "emulate",
        Kind::Table(EMULATE),
        "Answers instead of the solver: `given` are then parameters, and `predict` observed series.",
    ),
    Key::new(
        "holes",
        Kind::Table(HOLES),
        "Where `gnomon holes` looks for resonances, or how hard for the emulator's worst points.",
    ),
];

/// A mechanism written as a table.
pub const MECHANISM: &[Key] = &[
    Key::new(
        "file",
        Kind::Text,
        "The mechanism file, from the study's folder.",
    )
    .needed(),
    Key::new(
        "name",
        Kind::Text,
        "Its name. Default: the file's name without its ending.",
    ),
    Key::new(
        "weight",
        Kind::Number,
        "Its prior weight, above 0; weights are scaled to sum to 1. Default 1.",
    ),
];

/// The keys of `[simulate]`.
pub const SIMULATE: &[Key] = &[
    Key::new(
        "simulations",
        Kind::Count(1),
        "How many simulations, over all mechanisms. Default 400 000, 60 000 where a program is run, or 10 000 in several rounds; 2000 for an emulator, or 1000 of a program.",
    ),
    Key::new(
        "seed",
        Kind::Count(0),
        "The seed of everything random. Default 1.",
    ),
    Key::new(
        "most_failures",
        Kind::Number,
        "The run ends when more than this share of simulations failed. Default 0.5.",
    ),
    Key::new(
        "rounds",
        Kind::Count(1),
        "Rounds in which the simulations are made, each but the first where the posterior of the study's data is: for expensive simulators. Default 1.",
    ),
];

/// The keys of `[learn]`.
pub const LEARN: &[Key] = &[
    Key::new(
        "members",
        Kind::Count(1),
        "Networks in the ensemble. Default 2.",
    ),
    Key::new(
        "embedding",
        Kind::Choice(&["auto", "mlp", "convolution", "deep-sets", "attention"]),
        "How the data enter: auto (the default: deep sets for series whose entries can be exchanged, convolution for long series), mlp, convolution, deep-sets or attention.",
    ),
    Key::new(
        "density",
        Kind::Choices(&["autoregressive", "coupling", "flow-matching"]),
        "How parameters' densities are learned: autoregressive (the default) or coupling spline flows, or flow matching; a list mixes them in one ensemble.",
    ),
    Key::new(
        "series",
        Kind::Choice(&["quantiles", "density"]),
        "What is learned of series that are asked and not given: quantiles of each entry (the default), or the joint density of all entries, from which whole paths are drawn.",
    ),
    Key::new(
        "width",
        Kind::Count(1),
        "Hidden width. Default: 128 in the embedding, 50 in a spline flow, 96 in flow matching.",
    ),
    Key::new(
        "transforms",
        Kind::Count(1),
        "Transforms of a spline flow. Default: 5, or 8 for coupling.",
    ),
    Key::new("bins", Kind::Count(1), "Bins of each spline. Default: 10."),
    Key::new(
        "batch",
        Kind::Count(1),
        "Simulations in a training step. Default: chosen from the budget.",
    ),
    Key::new(
        "learning_rate",
        Kind::Number,
        "The largest step size of Adam. Default: chosen by the engine.",
    ),
    Key::new(
        "epochs",
        Kind::Count(1),
        "Passes over the simulations at most; training may stop earlier.",
    ),
    Key::new(
        "patience",
        Kind::Count(1),
        "Passes without a better held-out loss before training stops. Default: 20.",
    ),
    Key::new(
        "validation",
        Kind::Number,
        "Share of the simulations that is held out to judge. Default: 0.1.",
    ),
    Key::new(
        "warm_up",
        Kind::Count(0),
        "Steps over which the step size grows from 0. Default: 100.",
    ),
    Key::new(
        "weight_decay",
        Kind::Number,
        "Decoupled weight decay. Default: 0.",
    ),
    Key::new(
        "blocks",
        Kind::Count(1),
        "Residual blocks of an MLP embedding, or blocks of attention. Default: 3, or 2 of attention.",
    ),
    Key::new(
        "heads",
        Kind::Count(1),
        "Heads of each block of attention, of 8 dimensions each. Default: 4.",
    ),
    Key::new(
        "features",
        Kind::Count(1),
        "Features between the embedding and what predicts. Default: 32.",
    ),
    Key::new(
        "channels",
        Kind::Count(1),
        "Channels of a convolution's layers; the first has half of them. Default: 32.",
    ),
    Key::new(
        "kernel",
        Kind::Count(1),
        "Entries that a convolution looks at together, an odd number. Default: 5.",
    ),
    Key::new(
        "trial",
        Kind::Count(1),
        "Width of the two layers that each trial of a set goes through. Default: 32.",
    ),
    Key::new(
        "tail_bound",
        Kind::Number,
        "Splines act on [-tail_bound, tail_bound], in units of the shifted and scaled parameters. Default: 5.",
    ),
    Key::new(
        "clip_norm",
        Kind::Number,
        "Gradients with a larger norm are scaled down to it. Default: 5.",
    ),
    Key::new(
        "averaging",
        Kind::Number,
        "Steps over which the weights are averaged, as a share of the training. Default: 1/15; 0 averages none.",
    ),
    Key::new(
        "final_rate",
        Kind::Number,
        "The step size at the end, as a share of the largest, which it falls to along a cosine. Default: 0.02; 1 keeps it constant.",
    ),
    Key::new(
        "initial_scale",
        Kind::Number,
        "Factor of the starting weights, which are uniform within 1 / sqrt(inputs) times it. Default: 1.",
    ),
    Key::new(
        "shuffle",
        Kind::Truth,
        "Whether simulations in memory are taken in a new order at every pass. Default: true.",
    ),
    Key::new(
        "online",
        Kind::Truth,
        "Whether networks are trained on fresh simulations, made while they train, instead of the bank's. Default: where `simulations` is left open and they are cheap.",
    ),
    Key::new(
        "memory",
        Kind::Text,
        "Memory for the simulations that are learned from, such as \"2 GB\"; a larger bank is read in parts. Default: half of the machine's.",
    ),
    Key::new(
        "noise",
        Kind::Number,
        "Noise that is added to what networks are given while they train, as a share of each entry's sd over simulations: more robust where the simulator is wrong, wider where it is right. Default 0: none.",
    ),
];

/// The keys of `[claims]`.
pub const CLAIMS: &[Key] = &[
    Key::new(
        "data_sets",
        Kind::Count(1),
        "Fresh simulated data sets that the answer is tested on. Default 4000; 1000 with several rounds.",
    ),
    Key::new(
        "draws",
        Kind::Count(1),
        "Posterior draws for each of them. Default 100.",
    ),
    Key::new(
        "error_rate",
        Kind::Number,
        "The chance that any verdict is wrong, above 0 and below 1. Default 0.05.",
    ),
    Key::new(
        "tolerance",
        Kind::Number,
        "The miscalibration that is allowed, as a probability. Default 0.05; 0.1 with several rounds.",
    ),
    Key::new(
        "accuracy",
        Kind::Tables(ACCURACY),
        "Claims of the study's own, `[[claims.accuracy]]`: how near to the truth its answers are.",
    ),
];

/// The keys of `[[claims.accuracy]]`.
pub const ACCURACY: &[Key] = &[
    Key::new(
        "of",
        Kind::Text,
        "What is answered: a quantity (`mechanism.quantity` where several mechanisms do not share it), \"mechanism\", or what `predict` asks of a series.",
    )
    .needed(),
    Key::new(
        "error",
        Kind::Number,
        "The error that may be exceeded, above 0: of the median; of a series, the mean over its entries. Not for the mechanism.",
    ),
    Key::new(
        "share",
        Kind::Number,
        "The largest share of fresh data sets in which it is exceeded, above 0 and below 1.",
    )
    .needed(),
];

/// The keys of `[answer]`.
pub const ANSWER: &[Key] = &[
    Key::new("draws", Kind::Count(1), "Posterior draws. Default 10 000."),
    Key::new(
        "refine",
        Kind::Truth,
        "Whether the mechanisms' likelihoods correct the network's answer. Default: where it costs less than a minute.",
    ),
];

/// The keys of `[emulate]`.
pub const EMULATE: &[Key] = &[
    Key::new(
        "tolerance",
        Kind::OneOf(&[Kind::Number, Kind::Named(&Kind::Number)]),
        "How far an answer may be from the solver's: a share of each quantity's standard deviation over the prior, or a table with a number for each quantity, in its unit; conserved quantities may be among them.",
    )
    .needed(),
    Key::new(
        "level",
        Kind::Number,
        "The largest share of answers beyond the tolerance, among those that are not the solver's. Default 0.01.",
    ),
    Key::new(
        "confidence",
        Kind::Number,
        "The confidence in that. Default 0.95.",
    ),
    Key::new(
        "calibration",
        Kind::Count(1),
        "Fresh queries, answered by the solver, that error estimates and the accepting threshold are chosen on. Default 4000; 1000 where a program is run.",
    ),
    Key::new(
        "queries",
        Kind::Count(1),
        "Fresh queries, answered by the solver, that the emulator is certified on. Default 10 000; 3000 where a program is run.",
    ),
    Key::new(
        "families",
        Kind::Names,
        "Families of emulators to choose among. Default: all that suit the bank.",
    ),
    Key::new(
        "network",
        Kind::Table(NETWORK),
        "Networks of this shape, instead of the residual ones, among the families.",
    ),
];

/// The keys of `[emulate] network`.
pub const NETWORK: &[Key] = &[
    Key::new(
        "layers",
        Kind::List(&[Kind::Count(1)]),
        "Widths of the hidden layers, first to last.",
    )
    .needed(),
    Key::new(
        "members",
        Kind::Count(1),
        "Networks in the ensemble. Default 4.",
    ),
    Key::new(
        "steps",
        Kind::Count(1),
        "Steps of the training, at most. Default: chosen by the engine.",
    ),
];

/// The keys of `[holes]`.
pub const HOLES: &[Key] = &[
    Key::new(
        "over",
        Kind::Text,
        "The frequency-like parameter along which resonances are looked for. Needed, but with [emulate]: without it the emulator is searched.",
    ),
    Key::new(
        "from",
        Kind::Number,
        "Start of its range. Default: of the middle 99.9 % of its prior, or the lowest of the observed frequencies.",
    ),
    Key::new(
        "to",
        Kind::Number,
        "End of its range. Default: of the middle 99.9 % of its prior, or the highest of the observed frequencies.",
    ),
    Key::new(
        "outputs",
        Kind::Names,
        "Observed series or entries to look at; of a [response], its unknowns. Default: all.",
    ),
    Key::new(
        "at",
        Kind::Named(&Kind::Number),
        "Values of other parameters. Default: the middle of their priors.",
    ),
    Key::new(
        "tolerance",
        Kind::Number,
        "The error that is allowed, relative to |y| + median |y|: ten times the solver's own, or more. Default 1e-6.",
    ),
    Key::new(
        "budget",
        Kind::Count(1),
        "Solves. Default 400 along a parameter; 2000 that search an emulator.",
    ),
    Key::new(
        "checks",
        Kind::Count(1),
        "Fresh random solves that certify. Default 60 along a parameter; 10 000 of an emulator.",
    ),
];
