//! What a study emulates: parameters in, what the solver answers out, and how wrong an answer may be.

use super::keys;
use super::part::{Part, Written};
use super::question;
use crate::distribution::Family;
use crate::model::{Law, Mechanism, Observed};
use crate::source::section::{Entry, Section};
use crate::source::{ReadError, Text, spelling};

/// An emulator that a study asks for: answers instead of its only mechanism, which is deterministic.
#[derive(Clone, Debug, PartialEq)]
pub struct Emulation {
    /// What a query gives: positions among the mechanism's parameters, in the study's order. Other
    /// parameters follow from these.
    pub given: Vec<usize>,
    /// What is emulated of observed series, in the study's order; at least one.
    pub predict: Vec<Part>,
    /// Derived quantities that are answered beside it, by their own expressions: positions among the
    /// mechanism's.
    pub derived: Vec<usize>,
    /// How far an answer may be from the solver's.
    pub tolerance: Tolerance,
    /// The largest share of answers beyond the tolerance, among those that are not the solver's.
    pub level: f64,
    /// The confidence in that.
    pub confidence: f64,
    /// Fresh queries that the accepting threshold is chosen on; the solver is asked on all.
    pub calibration: usize,
    /// Fresh queries that the emulator is certified on; the solver is asked on all.
    pub queries: usize,
    /// The families to try, by name; empty for those that suit the bank.
    pub families: Vec<String>,
    /// Networks of a shape of one's own.
    pub network: Option<OwnNetwork>,
    /// How far each of the mechanism's conserved quantities may drift, in its unit; none for a share of
    /// its spread.
    pub drifts: Vec<Option<f64>>,
}

/// A network that the study describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnNetwork {
    /// Widths of its hidden layers, first to last.
    pub layers: Vec<usize>,
    /// Networks in the ensemble.
    pub members: usize,
    /// Steps of the training at most; none where it is left to the engine.
    pub steps: Option<usize>,
}

/// How far an answer may be from the solver's.
#[derive(Clone, Debug, PartialEq)]
pub enum Tolerance {
    /// A share of each quantity's standard deviation over the prior.
    OfSpread(f64),
    /// One number for each of [`Emulation::predict`], in its own unit.
    Absolute(Vec<f64>),
}

impl Emulation {
    /// The bank's columns of what is emulated.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        let parts = self.predict.iter();
        parts.flat_map(|part| part.columns.clone()).collect()
    }

    /// For each column of what is emulated, which of [`Emulation::predict`] it is of.
    #[must_use]
    pub fn quantity_of_column(&self) -> Vec<usize> {
        let parts = self.predict.iter().enumerate();
        parts
            .flat_map(|(quantity, part)| vec![quantity; part.columns.len()])
            .collect()
    }
}

/// Shares, confidences and fresh queries where nothing else is said.
const LEVEL: f64 = 0.01;
const CONFIDENCE: f64 = 0.95;
const CALIBRATION: usize = 4_000;
const QUERIES: usize = 10_000;
/// The same where a program is asked.
const CALIBRATION_OF_PROGRAM: usize = 1_000;
const QUERIES_OF_PROGRAM: usize = 3_000;
/// Simulations where nothing else is said.
const SIMULATIONS: u64 = 2_000;
/// Simulations by programs where nothing else is said.
const SIMULATIONS_OF_PROGRAM: u64 = 1_000;
/// Networks of a shape of one's own, where the study does not say how many.
const MEMBERS: u64 = 4;
/// Hidden layers, and their widths, at most.
const MOST_LAYERS: usize = 32;
const MOST_WIDTH: u64 = 4096;
/// Keys of a study that mean nothing to an emulator.
const OTHER_QUESTIONS: [&str; 5] = ["observed", "shared", "learn", "claims", "answer"];

/// Simulations in an emulator's bank where the study says nothing.
pub(super) fn simulations(by_program: bool) -> u64 {
    if by_program {
        SIMULATIONS_OF_PROGRAM
    } else {
        SIMULATIONS
    }
}

/// The emulator that a study asks for, if it asks for one: it has `[emulate]`, or gives parameters.
pub(super) fn emulation(
    top: &Section<'_>,
    mechanisms: &[Mechanism],
) -> Result<Option<Emulation>, ReadError> {
    let names = match top.get("given") {
        Some(entry) => Some((question::with_entries(mechanisms, entry.names()?), entry)),
        None => None,
    };
    let is_parameter = |name: &Text| {
        mechanisms
            .iter()
            .any(|m| m.parameter(&name.value).is_some())
    };
    let parameter = names
        .iter()
        .flat_map(|(names, _)| names)
        .find(|n| is_parameter(n));
    let section = top.get("emulate");
    let (at, section) = match (parameter, section) {
        (None, None) => return Ok(None),
        (Some(parameter), None) => {
            return Err(top
                .source
                .error(
                    parameter.at,
                    format!(
                        "`{}` is a parameter: a study that is given parameters emulates its mechanism, and \
                         needs a tolerance",
                        parameter.value
                    ),
                    "a parameter is given",
                )
                .with_help("add the table [emulate] with tolerance = 0.01, a share of each quantity's spread"));
        }
        (_, Some(entry)) => (entry.clone(), entry.section("[emulate]")?),
    };
    section.only(keys::EMULATE)?;
    let mechanism = only(&at, mechanisms)?;
    if let Some(other) = OTHER_QUESTIONS.iter().find_map(|key| top.get(key)) {
        return Err(top
            .source
            .error(
                other.key_at,
                format!("`{}` means nothing to a study that emulates", other.key),
                "has no effect here",
            )
            .with_help("leave it out; [emulate] and [simulate] say how the emulator is made"));
    }
    deterministic(&at, mechanism)?;
    let given = match &names {
        Some((names, entry)) => given(top, entry, names, mechanism)?,
        None => free(mechanism).collect(),
    };
    all_free_given(&at, mechanism, &given)?;
    let (predict, derived) = predict(top, mechanism)?;
    for part in &predict {
        without_noise(&at, mechanism, part)?;
    }
    let by_program = matches!(mechanism.dynamics.law, Law::Program(_));
    let (calibration, queries) = match by_program {
        true => (CALIBRATION_OF_PROGRAM, QUERIES_OF_PROGRAM),
        false => (CALIBRATION, QUERIES),
    };
    let count = |key: &str, default: usize| match section.get(key) {
        Some(entry) => Ok(entry.count(1)? as usize),
        None => Ok(default),
    };
    let share = |key: &str, default: f64| match section.get(key) {
        None => Ok(default),
        Some(entry) => match entry.number()? {
            share if share > 0.0 && share < 1.0 => Ok(share),
            share => Err(entry
                .error(
                    format!("`{key}` must be above 0 and below 1, but is {share}"),
                    "not between 0 and 1",
                )
                .with_help("write a number such as 0.01")),
        },
    };
    let families = match section.get("families") {
        Some(entry) => entry.names()?.into_iter().map(|name| name.value).collect(),
        None => Vec::new(),
    };
    let (tolerance, drifts) = tolerance(&section, &predict, mechanism)?;
    let emulation = Emulation {
        given,
        tolerance,
        predict,
        derived,
        level: share("level", LEVEL)?,
        confidence: share("confidence", CONFIDENCE)?,
        calibration: count("calibration", calibration)?,
        queries: count("queries", queries)?,
        families,
        network: section
            .get("network")
            .map(|e| own_network(&e))
            .transpose()?,
        drifts,
    };
    enough(&section, &emulation)?;
    Ok(Some(emulation))
}

/// The only mechanism.
fn only<'a>(at: &Entry<'_>, mechanisms: &'a [Mechanism]) -> Result<&'a Mechanism, ReadError> {
    match mechanisms {
        [only] => Ok(only),
        several => Err(at
            .error(
                format!(
                    "an emulator answers for one mechanism, but the study has {}",
                    several.len()
                ),
                "one mechanism only",
            )
            .with_help("write a study for each mechanism")),
    }
}

/// Refuses mechanisms that answer differently each time.
fn deterministic(at: &Entry<'_>, mechanism: &Mechanism) -> Result<(), ReadError> {
    let random = match &mechanism.dynamics.law {
        Law::Sde { .. } => Some("it is a stochastic differential equation"),
        Law::Jumps { .. } | Law::Leaps { .. } => Some("its reactions happen by chance"),
        _ if !mechanism.latents.is_empty() => Some("it has latents"),
        _ => None,
    };
    match random {
        None => Ok(()),
        Some(why) => Err(at
            .error(
                format!("`{}` answers differently each time: {why}", mechanism.name),
                "needs a deterministic mechanism",
            )
            .with_help("emulate the deterministic one, such as reactions with method = \"ode\"")),
    }
}

/// Refuses a series that is observed with noise.
fn without_noise(at: &Entry<'_>, mechanism: &Mechanism, part: &Part) -> Result<(), ReadError> {
    let series = mechanism.observed.iter().find(|o| o.name == part.name);
    match series.map(|series| series.distribution.family) {
        Some(Family::Exact) | None => Ok(()),
        Some(family) => Err(at
            .error(
                format!(
                    "`{}` is observed with noise ({}), and an emulator answers one number",
                    part.name,
                    family.name()
                ),
                "cannot be emulated",
            )
            .with_help(format!(
                "observe what the noise is about in a series of its own, such as mean_{} = \"...\", and \
                 predict that",
                part.name
            ))),
    }
}

/// Parameters that are not fixed.
fn free(mechanism: &Mechanism) -> impl Iterator<Item = usize> + '_ {
    let parameters = mechanism.parameters.iter().enumerate();
    parameters
        .filter(|(_, parameter)| parameter.prior.family != Family::Exact)
        .map(|(place, _)| place)
}

fn given(
    top: &Section<'_>,
    entry: &Entry<'_>,
    names: &[Text],
    mechanism: &Mechanism,
) -> Result<Vec<usize>, ReadError> {
    question::no_repeats(entry, names)?;
    let mut given = Vec::with_capacity(names.len());
    for name in names {
        let known = mechanism.parameters.iter().map(|p| p.name.as_str());
        let Some(place) = mechanism.parameter(&name.value) else {
            return Err(top
                .source
                .error(
                    name.at,
                    format!(
                        "`{}` is not a parameter of `{}`",
                        name.value, mechanism.name
                    ),
                    "a study that emulates is given parameters alone",
                )
                .with_help_if(spelling::advice(&name.value, known)));
        };
        if mechanism.parameters[place].prior.family == Family::Exact {
            return Err(top
                .source
                .error(
                    name.at,
                    format!("`{}` is fixed, and never varies", name.value),
                    "a fixed parameter",
                )
                .with_help("leave it out of `given`, or give it a prior in the mechanism"));
        }
        given.push(place);
    }
    if given.is_empty() {
        return Err(entry
            .error("nothing is given", "name a parameter")
            .with_help("leave `given` out to give all parameters that are not fixed"));
    }
    Ok(given)
}

fn all_free_given(at: &Entry<'_>, mechanism: &Mechanism, given: &[usize]) -> Result<(), ReadError> {
    if given.is_empty() {
        return Err(at
            .error(
                format!("all parameters of `{}` are fixed", mechanism.name),
                "nothing can be given",
            )
            .with_help("give a parameter a prior: it says where the emulator is asked"));
    }
    match free(mechanism).find(|place| !given.contains(place)) {
        None => Ok(()),
        Some(place) => {
            let name = &mechanism.parameters[place].name;
            Err(at
                .error(
                    format!("`{name}` is not given, and not fixed: the answer depends on it"),
                    "one answer needs all parameters",
                )
                .with_help(format!(
                    "add \"{name}\" to `given`, or fix it in the mechanism: {name} = 1.5"
                )))
        }
    }
}

/// What is emulated, and derived quantities.
fn predict(top: &Section<'_>, mechanism: &Mechanism) -> Result<(Vec<Part>, Vec<usize>), ReadError> {
    let Some(entry) = top.get("predict") else {
        return Ok((
            mechanism.observed.iter().map(Part::whole).collect(),
            Vec::new(),
        ));
    };
    let only = std::slice::from_ref(mechanism);
    let names = question::with_series(only, question::with_entries(only, entry.names()?));
    question::no_repeats(&entry, &names)?;
    let series = |name: &str| {
        mechanism
            .observed
            .iter()
            .find(|o: &&Observed| o.name == name)
    };
    let (mut parts, mut texts, mut derived) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        let written = Written::new(&name.value);
        let place = mechanism.derived.iter().position(|d| d.name == name.value);
        match (series(written.name), place) {
            (Some(series), _) => {
                parts.push(written.part(series, mechanism, top, &name)?);
                texts.push(name);
            }
            (None, Some(place)) => derived.push(place),
            (None, None) => {
                let known = mechanism.observed.iter().map(|o| o.name.as_str());
                let known = known.chain(mechanism.derived.iter().map(|d| d.name.as_str()));
                return Err(top
                    .source
                    .error(
                        name.at,
                        format!(
                            "`{}` is neither observed nor derived in `{}`",
                            name.value, mechanism.name
                        ),
                        "cannot be emulated",
                    )
                    .with_help_if(spelling::advice(written.name, known)));
            }
        }
    }
    question::once(top, &texts, &parts)?;
    if parts.is_empty() {
        return Err(entry
            .error("no observed series is to be emulated", "nothing the solver is needed for")
            .with_help("derived quantities follow from the parameters at once; predict an observed series, too"));
    }
    Ok((parts, derived))
}

/// A network's hidden layers, and how it is trained.
fn own_network(entry: &Entry<'_>) -> Result<OwnNetwork, ReadError> {
    let table = entry.section("`network`")?;
    table.only(keys::NETWORK)?;
    let widths = table.need(
        "layers",
        "layers = [64, 64], the widths of the hidden layers",
    )?;
    let wrong = |why: &str| {
        let help = "write layers = [64, 64]: 1 to 32 of them, each of width 1 to 4096";
        Err(widths.error(why.to_owned(), "these layers").with_help(help))
    };
    let Some(list) = widths.as_list() else {
        return wrong("`layers` is a list of widths");
    };
    if list.is_empty() || list.len() > MOST_LAYERS {
        return wrong("a network has 1 to 32 hidden layers");
    }
    let layers: Vec<u64> = list
        .iter()
        .map(|width| width.count(1))
        .collect::<Result<_, _>>()?;
    if layers.iter().any(|&width| width > MOST_WIDTH) {
        return wrong("a hidden layer is wider than 4096");
    }
    let count = |key: &str| table.get(key).map(|entry| entry.count(1)).transpose();
    Ok(OwnNetwork {
        layers: layers.into_iter().map(|width| width as usize).collect(),
        members: count("members")?.unwrap_or(MEMBERS) as usize,
        steps: count("steps")?.map(|steps| steps as usize),
    })
}

/// A number, a share of the spread; or a table with a number for each quantity, in its unit. And how far each
/// conserved quantity may drift, where the table says so.
fn tolerance(
    section: &Section<'_>,
    predict: &[Part],
    mechanism: &Mechanism,
) -> Result<(Tolerance, Vec<Option<f64>>), ReadError> {
    let entry = section.need(
        "tolerance",
        "tolerance = 0.01, a share of each quantity's spread, or tolerance = { x = 0.5 }, in its unit",
    )?;
    let Some(table) = entry.as_section("`tolerance`") else {
        let none = vec![None; mechanism.conserved.len()];
        return Ok((Tolerance::OfSpread(entry.positive()?), none));
    };
    let conserved = mechanism.conserved.iter().map(|own| own.name.as_str());
    let names = || {
        predict
            .iter()
            .map(|part| part.name.as_str())
            .chain(conserved.clone())
    };
    let unknown = table
        .entries()
        .into_iter()
        .find(|e| !names().any(|name| name == e.key));
    if let Some(unknown) = unknown {
        return Err(entry
            .source
            .error(
                unknown.key_at,
                format!("`{}` is not emulated", unknown.key),
                "not among `predict`",
            )
            .with_help_if(spelling::advice(unknown.key, names())));
    }
    let each = predict.iter().map(|part| {
        let example = format!("{} = 0.5", part.name);
        table.need(&part.name, &example)?.positive()
    });
    let tolerance = Tolerance::Absolute(each.collect::<Result<_, _>>()?);
    let drifts = conserved.map(|name| table.get(name).map(|entry| entry.positive()).transpose());
    Ok((tolerance, drifts.collect::<Result<_, _>>()?))
}

/// Queries by the level: with fewer, a share of twice the level is found out less often than the claim's own
/// control demands.
const TOLD_APART: f64 = 25.0;

/// Fresh queries are enough to show the level, and to find out what breaks it.
fn enough(section: &Section<'_>, emulation: &Emulation) -> Result<(), ReadError> {
    // Without one error among n, the share in error is below `level` where (1 - level)^n is below
    // 1 - confidence.
    let needed = ((1.0 - emulation.confidence).ln() / (-emulation.level).ln_1p()).ceil() as usize;
    let (level, confidence) = (emulation.level, emulation.confidence);
    for (key, count, least, why) in [
        (
            "calibration",
            emulation.calibration,
            2 * needed,
            format!(
                "can never show a share of at most {level} with confidence {confidence}: half of them choose the threshold"
            ),
        ),
        (
            "queries",
            emulation.queries,
            (TOLD_APART / level).ceil() as usize,
            format!("cannot tell a share of {level} from twice that"),
        ),
    ] {
        if count < least {
            let at = section.get(key).map_or(section.at, |entry| entry.at);
            return Err(section
                .source
                .error(
                    at,
                    format!("`{key}` = {count} {why}"),
                    format!("at least {least}"),
                )
                .with_help(format!("ask for {least} or more, or for a larger `level`")));
        }
    }
    Ok(())
}
