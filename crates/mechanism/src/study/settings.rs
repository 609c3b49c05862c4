//! Budgets and settings, each with its default.

use super::accuracy::{self, Accuracy};
use super::keys;
use crate::source::ReadError;
use crate::source::key::Key;
use crate::source::section::{Entry, Section};

/// How much is simulated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Simulate {
    /// Simulations over all mechanisms. Default 400 000, 60 000 where a program is run, or 10 000 in
    /// several rounds.
    pub simulations: u64,
    /// Whether that is the default.
    pub is_default: bool,
    /// The seed of everything random. Default 1.
    pub seed: u64,
    /// The run ends when more than this share of simulations failed. Default 0.5.
    pub most_failures: f64,
    /// Rounds in which they are made, each but the first from the prior truncated to where the
    /// posterior of the study's data is. Default 1.
    pub rounds: usize,
}

/// How it is learned. `None`: chosen by the engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Learn {
    /// Networks in the ensemble. Default 1.
    pub members: usize,
    /// How the data enter. Default auto.
    pub embedding: Embedding,
    /// How parameters' densities are learned: the members of an ensemble take these in turn. Default
    /// autoregressive.
    pub density: Vec<Density>,
    /// What is learned of series that are not given. Default quantiles.
    pub series: SeriesHead,
    /// Hidden width.
    pub width: Option<usize>,
    /// Transforms of the flow.
    pub transforms: Option<usize>,
    /// Bins of each spline.
    pub bins: Option<usize>,
    /// Simulations in a training step.
    pub batch: Option<usize>,
    /// The largest step size of Adam.
    pub learning_rate: Option<f64>,
    /// Passes over the simulations at most.
    pub epochs: Option<usize>,
    /// Passes without a better held-out loss before training stops.
    pub patience: Option<usize>,
    /// Share of the simulations that is held out to judge.
    pub validation: Option<f64>,
    /// Steps over which the learning rate grows from 0.
    pub warm_up: Option<u64>,
    /// Decoupled weight decay.
    pub weight_decay: Option<f64>,
    /// Residual blocks of an MLP embedding, or blocks of attention.
    pub blocks: Option<usize>,
    /// Heads of attention.
    pub heads: Option<usize>,
    /// Features between the embedding and what predicts.
    pub features: Option<usize>,
    /// Channels of a convolution's layers; its first has half of them.
    pub channels: Option<usize>,
    /// Entries that a convolution looks at together; odd.
    pub kernel: Option<usize>,
    /// Width of the layers that each trial of a set goes through.
    pub trial: Option<usize>,
    /// Splines act on [-tail_bound, tail_bound].
    pub tail_bound: Option<f64>,
    /// Gradients with a larger norm are scaled down to it.
    pub clip_norm: Option<f64>,
    /// Steps over which weights are averaged, as a share of the training; 0 for none.
    pub averaging: Option<f64>,
    /// Learning rate at the end, as a share of the largest.
    pub final_rate: Option<f64>,
    /// Factor of the starting weights.
    pub initial_scale: Option<f64>,
    /// Whether simulations in memory are taken in a new order at every pass.
    pub shuffle: Option<bool>,
    /// Whether networks are trained on fresh simulations, made meanwhile, instead of the bank's.
    /// `None`: where the study leaves the number of simulations open and they are cheap.
    pub online: Option<bool>,
    /// Bytes of memory that the examples may take; a larger bank is read in parts.
    pub memory: Option<u64>,
    /// Noise that is added to what networks are given while they train, as a share of each entry's sd
    /// over simulations. Default 0: none.
    pub noise: f64,
}

/// How the data enter the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Embedding {
    /// Deep sets for series whose entries can be exchanged, convolution for long series, else an MLP.
    Auto,
    /// A residual multilayer perceptron.
    Mlp,
    /// A one-dimensional convolution over each series.
    Convolution,
    /// An MLP for every entry of a series, and the mean over entries.
    DeepSets,
    /// A small transformer over the entries of series and their times.
    Attention,
}

/// How the parameters' density is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Density {
    /// A spline flow, parameter after parameter.
    Autoregressive,
    /// A spline flow, half of the parameters at a time.
    Coupling,
    /// Flow matching.
    FlowMatching,
}

/// What is learned of series that are not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeriesHead {
    /// Quantiles, entry by entry.
    Quantiles,
    /// The joint density of all entries, by a network such as parameters have.
    Density,
}

/// How the answer is tested.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// Fresh simulated data sets of each mechanism, and of their mixture. Default 4000; 1000 where
    /// simulations are made in rounds.
    pub data_sets: usize,
    /// Posterior draws for each of them. Default 100.
    pub draws: usize,
    /// The chance that any verdict is wrong. Default 0.05.
    pub error_rate: f64,
    /// The miscalibration that is allowed, as a probability. Default 0.05; 0.1 where simulations are
    /// made in rounds.
    pub tolerance: f64,
    /// Claims of the study's own.
    pub accuracy: Vec<Accuracy>,
}

/// How the answer is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// Posterior draws. Default 10 000.
    pub draws: usize,
    /// Whether the mechanisms' likelihoods correct the network's answer. `None`: where it costs less
    /// than a minute.
    pub refine: Option<bool>,
}

/// Simulations where nothing else is said: as many as equations give in a second or two.
const MANY: u64 = 400_000;
/// Simulations by programs where nothing else is said.
const FEWER: u64 = 60_000;
/// Simulations in several rounds where nothing else is said.
const IN_ROUNDS: u64 = 10_000;
/// Noise beyond which nothing would be left to learn from.
const MOST_NOISE: f64 = 2.0;
/// Test data sets, and the tolerance that they can decide, where simulations are made in rounds.
const FEWER_DATA_SETS: usize = 1000;
const WIDER_TOLERANCE: f64 = 0.1;

impl Default for Simulate {
    fn default() -> Self {
        Self {
            simulations: MANY,
            is_default: true,
            seed: 1,
            most_failures: 0.5,
            rounds: 1,
        }
    }
}

impl Default for Learn {
    fn default() -> Self {
        Self {
            members: 2,
            embedding: Embedding::Auto,
            density: vec![Density::Autoregressive],
            series: SeriesHead::Quantiles,
            width: None,
            transforms: None,
            bins: None,
            batch: None,
            learning_rate: None,
            patience: None,
            validation: None,
            warm_up: None,
            weight_decay: None,
            blocks: None,
            heads: None,
            features: None,
            channels: None,
            kernel: None,
            trial: None,
            tail_bound: None,
            clip_norm: None,
            averaging: None,
            final_rate: None,
            initial_scale: None,
            shuffle: None,
            epochs: None,
            online: None,
            memory: None,
            noise: 0.0,
        }
    }
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            data_sets: 4000,
            draws: 100,
            error_rate: 0.05,
            tolerance: 0.05,
            accuracy: Vec::new(),
        }
    }
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            draws: 10_000,
            refine: None,
        }
    }
}

fn section<'a>(
    top: &Section<'a>,
    key: &str,
    known: &[Key],
) -> Result<Option<Section<'a>>, ReadError> {
    let Some(entry) = top.get(key) else {
        return Ok(None);
    };
    let section = entry.section(format!("[{key}]"))?;
    section.only(known)?;
    Ok(Some(section))
}

fn count(section: &Section<'_>, key: &str) -> Result<Option<usize>, ReadError> {
    let entry = section.get(key);
    entry.map(|entry| Ok(entry.count(1)? as usize)).transpose()
}

fn not_negative(entry: &Entry<'_>) -> Result<f64, ReadError> {
    let number = entry.number()?;
    if number >= 0.0 && number.is_finite() {
        return Ok(number);
    }
    let text = format!("`{}` must not be negative, but is {number}", entry.key);
    Err(entry.error(text, "not a number from 0 on"))
}

/// A number above 0 and below 1.
fn proper_share(section: &Section<'_>, key: &str, default: f64) -> Result<f64, ReadError> {
    let Some(entry) = section.get(key) else {
        return Ok(default);
    };
    let share = entry.number()?;
    if share > 0.0 && share < 1.0 {
        return Ok(share);
    }
    Err(entry
        .error(
            format!("`{key}` must be above 0 and below 1, but is {share}"),
            "not between 0 and 1",
        )
        .with_help("write a number such as 0.05"))
}

/// An amount of memory, such as `"2 GB"`.
fn bytes(entry: &Entry<'_>) -> Result<u64, ReadError> {
    const UNITS: [(&str, f64); 4] = [("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12)];
    let text = entry.text()?;
    let written = text.value.trim();
    let upper = written.to_uppercase();
    let amount = UNITS.iter().find_map(|(unit, size)| {
        let number = upper.strip_suffix(unit)?.trim().parse::<f64>().ok()?;
        Some(number * size)
    });
    match amount {
        Some(amount) if amount >= 1e3 && amount < u64::MAX as f64 => Ok(amount as u64),
        _ => Err(entry
            .error(
                format!("`{}` is no amount of memory: {written}", entry.key),
                "not understood",
            )
            .with_help("write a number and KB, MB, GB or TB, such as \"2 GB\"")),
    }
}

/// `by_program`: whether a mechanism is a program, of which fewer simulations are affordable;
/// `mechanisms`: how many there are.
pub(super) fn simulate(
    top: &Section<'_>,
    by_program: bool,
    mechanisms: usize,
) -> Result<Simulate, ReadError> {
    let mut settings = Simulate::default();
    if by_program {
        settings.simulations = FEWER;
    }
    let Some(section) = section(top, "simulate", keys::SIMULATE)? else {
        return Ok(settings);
    };
    if let Some(entry) = section.get("simulations") {
        settings.simulations = entry.count(1)?;
        settings.is_default = false;
    }
    if let Some(entry) = section.get("seed") {
        settings.seed = entry.count(0)?;
    }
    if let Some(entry) = section.get("most_failures") {
        settings.most_failures = entry.share()?;
    }
    if let Some(entry) = section.get("rounds") {
        settings.rounds = entry.count(1)? as usize;
        check_rounds(top, &entry, mechanisms)?;
    }
    if settings.rounds > 1 && settings.is_default {
        settings.simulations = IN_ROUNDS;
    }
    Ok(settings)
}

/// What several rounds need: data that they close in on, and one mechanism.
fn check_rounds(top: &Section<'_>, entry: &Entry<'_>, mechanisms: usize) -> Result<(), ReadError> {
    if entry.count(1)? == 1 {
        return Ok(());
    }
    if top.get("observed").is_none() {
        return Err(entry
            .error(
                "the study has no observed data that rounds could close in on",
                "needs `observed`",
            )
            .with_help("give the study `observed = \"data.csv\"`, or leave `rounds` out"));
    }
    if mechanisms > 1 {
        return Err(entry
            .error(
                format!("rounds close in on one mechanism, but the study has {mechanisms}"),
                "one mechanism only",
            )
            .with_help(
                "leave `rounds` out to learn which mechanism it is; then ask for rounds in a study of the \
                 mechanism that is left",
            ));
    }
    Ok(())
}

const DENSITIES: &str = "densities: \"autoregressive\", \"coupling\", \"flow-matching\"";

fn density(entry: &Entry<'_>) -> Result<Density, ReadError> {
    match entry.text()?.value.as_str() {
        "autoregressive" => Ok(Density::Autoregressive),
        "coupling" => Ok(Density::Coupling),
        "flow-matching" => Ok(Density::FlowMatching),
        other => Err(entry
            .error(format!("unknown density `{other}`"), "not a density")
            .with_help(DENSITIES)),
    }
}

/// `unseen`: the series that are asked and not given, and why each has no joint density, where it has none.
fn series(entry: &Entry<'_>, unseen: &[(&str, Option<&str>)]) -> Result<SeriesHead, ReadError> {
    match entry.text()?.value.as_str() {
        "quantiles" => Ok(SeriesHead::Quantiles),
        "density" if unseen.is_empty() => Err(entry
            .error("no series is asked that is not given", "a density of what?")
            .with_help("name one in `predict`, such as \"cases[64:77]\", or leave `series` out")),
        "density" => {
            let none = unseen.iter().find_map(|(name, why)| Some((name, (*why)?)));
            match none {
                None => Ok(SeriesHead::Density),
                Some((name, why)) => Err(entry
                    .error(
                        format!("`{name}` has no joint density: {why}"),
                        "not of this series",
                    )
                    .with_help("write series = \"quantiles\", or predict other series")),
            }
        }
        other => Err(entry
            .error(
                format!("unknown `{other}` of series"),
                "neither quantiles nor density",
            )
            .with_help("write series = \"quantiles\" or series = \"density\"")),
    }
}

/// `rounds`: in how many the simulations are made; `unseen` as for [`series`].
pub(super) fn learn(
    top: &Section<'_>,
    rounds: usize,
    unseen: &[(&str, Option<&str>)],
) -> Result<Learn, ReadError> {
    let mut settings = Learn::default();
    let Some(section) = section(top, "learn", keys::LEARN)? else {
        return Ok(settings);
    };
    if let Some(entry) = section.get("embedding") {
        settings.embedding = match entry.text()?.value.as_str() {
            "auto" => Embedding::Auto,
            "mlp" => Embedding::Mlp,
            "convolution" => Embedding::Convolution,
            "deep-sets" => Embedding::DeepSets,
            "attention" => Embedding::Attention,
            other => {
                return Err(entry
                    .error(format!("unknown embedding `{other}`"), "not an embedding")
                    .with_help(
                        "embeddings: \"auto\", \"mlp\", \"convolution\", \"deep-sets\", \"attention\"",
                    ));
            }
        };
    }
    if let Some(entry) = section.get("density") {
        let wishes = entry.as_list().unwrap_or_else(|| vec![entry.clone()]);
        settings.density = wishes.iter().map(density).collect::<Result<_, _>>()?;
        if settings.density.is_empty() {
            return Err(entry
                .error("no density is named", "an empty list")
                .with_help(DENSITIES));
        }
        settings.members = settings.members.max(settings.density.len());
    }
    if let Some(members) = count(&section, "members")? {
        settings.members = members;
    }
    if let Some(entry) = section.get("density")
        && settings.members < settings.density.len()
    {
        let (kinds, members) = (settings.density.len(), settings.members);
        return Err(entry
            .error(
                format!("{kinds} densities for {members} members of an ensemble"),
                "more than there are members",
            )
            .with_help(format!("set `members` to {kinds} or more, or leave it out")));
    }
    if let Some(entry) = section.get("series") {
        settings.series = series(&entry, unseen)?;
    }
    settings.width = count(&section, "width")?;
    settings.transforms = count(&section, "transforms")?;
    settings.bins = count(&section, "bins")?;
    settings.batch = count(&section, "batch")?;
    settings.epochs = count(&section, "epochs")?;
    settings.patience = count(&section, "patience")?;
    settings.blocks = count(&section, "blocks")?;
    settings.heads = count(&section, "heads")?;
    settings.features = count(&section, "features")?;
    settings.channels = count(&section, "channels")?;
    settings.trial = count(&section, "trial")?;
    settings.kernel = count(&section, "kernel")?;
    if let Some(entry) = section.get("kernel")
        && settings
            .kernel
            .is_some_and(|kernel| kernel.is_multiple_of(2))
    {
        return Err(entry
            .error(
                "a kernel has a middle: its number of entries is odd",
                "even",
            )
            .with_help("write an odd number such as 5"));
    }
    let positive = |key| section.get(key).map(|e| e.positive()).transpose();
    settings.tail_bound = positive("tail_bound")?;
    settings.clip_norm = positive("clip_norm")?;
    let share = |key| section.get(key).map(|e| e.share()).transpose();
    settings.averaging = share("averaging")?;
    settings.final_rate = share("final_rate")?;
    settings.initial_scale = section
        .get("initial_scale")
        .map(|e| e.positive())
        .transpose()?;
    settings.shuffle = section.get("shuffle").map(|e| e.truth()).transpose()?;
    settings.warm_up = section.get("warm_up").map(|e| e.count(0)).transpose()?;
    settings.weight_decay = section
        .get("weight_decay")
        .map(|e| not_negative(&e))
        .transpose()?;
    if section.get("validation").is_some() {
        settings.validation = Some(proper_share(&section, "validation", 0.0)?);
    }
    let online = section.get("online").map(|e| e.truth()).transpose()?;
    settings.online = online;
    if let Some(entry) = section.get("online")
        && online == Some(true)
        && rounds > 1
    {
        return Err(entry
            .error(
                "networks that learn in rounds learn from the rounds' simulations, not from fresh ones",
                "not with several rounds",
            )
            .with_help("leave out either `online` or `[simulate] rounds`"));
    }
    settings.memory = section.get("memory").map(|e| bytes(&e)).transpose()?;
    if let Some(entry) = section.get("noise") {
        settings.noise = entry.number()?;
        if !(0.0..=MOST_NOISE).contains(&settings.noise) {
            return Err(entry
                .error(
                    format!("`noise` is a share from 0 to {MOST_NOISE}"),
                    "outside of it",
                )
                .with_help("0 adds none; 0.1 adds noise with a tenth of each entry's sd"));
        }
    }
    settings.learning_rate = section
        .get("learning_rate")
        .map(|e| e.positive())
        .transpose()?;
    Ok(settings)
}

/// `rounds`: in how many the simulations are made; where in several, they are dear.
pub(super) fn claims(
    top: &Section<'_>,
    rounds: usize,
    asked: &accuracy::Asked<'_>,
) -> Result<Claims, ReadError> {
    let mut settings = Claims::default();
    if rounds > 1 {
        settings.data_sets = FEWER_DATA_SETS;
        settings.tolerance = WIDER_TOLERANCE;
    }
    let Some(section) = section(top, "claims", keys::CLAIMS)? else {
        return Ok(settings);
    };
    settings.data_sets = count(&section, "data_sets")?.unwrap_or(settings.data_sets);
    settings.draws = count(&section, "draws")?.unwrap_or(settings.draws);
    settings.error_rate = proper_share(&section, "error_rate", settings.error_rate)?;
    settings.tolerance = proper_share(&section, "tolerance", settings.tolerance)?;
    settings.accuracy = accuracy::all(&section, asked)?;
    Ok(settings)
}

pub(super) fn answer(top: &Section<'_>) -> Result<Answer, ReadError> {
    let mut settings = Answer::default();
    if let Some(section) = section(top, "answer", keys::ANSWER)? {
        settings.draws = count(&section, "draws")?.unwrap_or(settings.draws);
        settings.refine = section.get("refine").map(|e| e.truth()).transpose()?;
    }
    Ok(settings)
}
