//! A study file -> a checked [`Study`]: a question, its mechanisms, the data, and the budgets.
//!
//! TOML -> mechanisms ([`Mechanism::read`]) -> names that the question asks about -> data in the
//! bank's column order -> settings.

mod accuracy;
mod data;
mod emulation;
mod holes;
pub mod keys;
mod part;
mod question;
mod series;
mod settings;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use accuracy::{Accuracy, Target};
pub use emulation::{Emulation, OwnNetwork, Tolerance};
pub use holes::Holes;
pub use part::Part;
pub use series::{Columns, Layout, Series, SeriesTable};
pub use settings::{Answer, Claims, Density, Embedding, Learn, SeriesHead, Simulate};

use crate::model::{Law, Mechanism, Observed};
use crate::source::section::{Document, Entry, Section};
use crate::source::{ReadError, Source, Span};

/// A question about data, and everything needed to answer it.
#[derive(Clone, Debug)]
pub struct Study {
    /// The question.
    pub title: String,
    /// What a reader should know beside it; "" where the file says nothing.
    pub description: String,
    /// The folder of the study file.
    pub folder: PathBuf,
    /// The text it was read from.
    pub text: Arc<str>,
    /// At least one; names differ.
    pub mechanisms: Vec<Mechanism>,
    /// Each mechanism's prior probability; they sum to 1.
    pub weights: Vec<f64>,
    /// What the answer is given of observed series; every mechanism observes them, at the same
    /// times.
    pub given: Vec<Part>,
    /// What is asked: `mechanism`, `parameters`, `derived`, or names of parameters and derived
    /// quantities.
    pub predict: Vec<String>,
    /// What is asked of observed series and not given: hidden ones, the future. Every mechanism
    /// observes them, at the same times.
    pub unseen: Vec<Part>,
    /// Parameters and derived quantities with one meaning in all mechanisms that declare them:
    /// they are averaged over mechanisms.
    pub shared: Vec<String>,
    /// The observed data, in the order of [`Study::given_columns`]; NaN where an entry is missing.
    pub data: Option<Vec<f64>>,
    /// How much is simulated.
    pub simulate: Simulate,
    /// How it is learned.
    pub learn: Learn,
    /// How the answer is tested.
    pub claims: Claims,
    /// How the answer is given.
    pub answer: Answer,
    /// The emulator that is asked for, if one is. Then nothing is `given`, asked or `unseen` above.
    pub emulation: Option<Emulation>,
    /// What `gnomon holes` searches, where the study says so.
    pub holes: Option<Holes>,
}

impl Study {
    /// Reads a study file, or `study.toml` in a folder, and all files that it names.
    ///
    /// # Errors
    /// The first thing that is wrong: in which file, where, and what to do.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let path = path.as_ref();
        if path.is_dir() {
            let file = path.join("study.toml");
            if !file.is_file() {
                return Err(
                    ReadError::new(format!("{} has no study.toml", path.display()))
                        .with_help("`gnomon new DIR` makes a study to start from"),
                );
            }
            return Self::from_source(&Source::read(&file)?, path);
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::from_source(&Source::read(path)?, folder)
    }

    /// Reads a study from text; the files that it names are looked for in `folder`.
    ///
    /// # Errors
    /// The first thing that is wrong: in which file, where, and what to do.
    pub fn parse(name: &str, text: &str, folder: impl AsRef<Path>) -> Result<Self, ReadError> {
        Self::from_source(&Source::new(name, text), folder.as_ref())
    }

    fn from_source(source: &Source, folder: &Path) -> Result<Self, ReadError> {
        let document = Document::parse(source)?;
        let top = document.top();
        top.only(keys::STUDY)?;
        let title = top.need("title", "title = \"the question?\"")?.text()?;
        if title.value.trim().is_empty() {
            return Err(source
                .error(title.at, "the title is empty", "what is the question?")
                .with_help("the title of a study is its question"));
        }
        let description = match top.get("description") {
            Some(entry) => entry.text()?.value,
            None => String::new(),
        };
        let (mechanisms, weights) = mechanisms(&top, folder)?;
        let emulation = emulation::emulation(&top, &mechanisms)?;
        let holes = holes::holes(&top, &mechanisms, emulation.is_some())?;
        let shared = question::shared(&top, &mechanisms)?;
        let (given, asked) = match &emulation {
            Some(_) => (Vec::new(), question::Asked::default()),
            None => {
                let given = question::given(&top, &mechanisms)?;
                let asked = question::predict(&top, &mechanisms, &given, &shared)?;
                (given, asked)
            }
        };
        let data = match top.get("observed") {
            Some(entry) => Some(data::observed(&entry, folder, &mechanisms, &given)?),
            None => None,
        };
        let by_program = mechanisms
            .iter()
            .any(|mechanism| matches!(mechanism.dynamics.law, Law::Program(_)));
        let mut simulate = settings::simulate(&top, by_program, mechanisms.len())?;
        if emulation.is_some() && simulate.is_default {
            simulate.simulations = emulation::simulations(by_program);
        }
        let claims = settings::claims(
            &top,
            simulate.rounds,
            &accuracy::Asked {
                mechanisms: &mechanisms,
                shared: &shared,
                unseen: &asked.unseen,
            },
        )?;
        let unseen: Vec<(&str, Option<&str>)> = asked
            .unseen
            .iter()
            .map(|part| (part.label.as_str(), no_density(&mechanisms, part)))
            .collect();
        let learn = settings::learn(&top, simulate.rounds, &unseen)?;
        Ok(Self {
            title: title.value,
            description,
            folder: folder.to_owned(),
            text: Arc::clone(&source.text),
            mechanisms,
            weights,
            given,
            predict: asked.predict,
            unseen: asked.unseen,
            shared,
            data,
            simulate,
            learn,
            claims,
            answer: settings::answer(&top)?,
            emulation,
            holes,
        })
    }

    /// The names of the given series.
    #[must_use]
    pub fn given_names(&self) -> Vec<String> {
        self.given.iter().map(|part| part.name.clone()).collect()
    }

    /// The observed series that are given or asked, in whole or in part: each once.
    pub fn series(&self) -> impl Iterator<Item = &Observed> {
        let observed = self.mechanisms.iter().take(1).flat_map(|m| &m.observed);
        observed.filter(|series| {
            let mut parts = self.given.iter().chain(&self.unseen);
            parts.any(|part| part.name == series.name)
        })
    }

    /// The bank's columns that the answer is given, in the data's order.
    #[must_use]
    pub fn given_columns(&self) -> Vec<String> {
        columns(&self.given)
    }

    /// A given entry in words, by its place among [`Study::given_columns`]: its series, and its time or date
    /// with its number among the series' entries, which a file without times has as rows.
    #[must_use]
    pub fn given_entry(&self, place: usize) -> String {
        let mut left = place;
        for part in &self.given {
            let Some(&time) = part.times.get(left) else {
                left -= part.times.len();
                continue;
            };
            let number = part.entries.start + left + 1;
            if number == 1 && part.times.len() == 1 {
                return format!("`{}`", part.name);
            }
            let calendar = self.mechanisms[0].calendar();
            let time = match calendar.date(time) {
                Some(date) if calendar.days(1.0) >= 1.0 => date.date().to_string(),
                Some(date) => date.to_string(),
                None => time.to_string(),
            };
            return format!("`{}` at {time} (its entry {number})", part.name);
        }
        format!("entry {}", place + 1)
    }

    /// The bank's columns of what is asked of observed series and not given.
    #[must_use]
    pub fn unseen_columns(&self) -> Vec<String> {
        columns(&self.unseen)
    }

    /// Why no mechanism can produce a value of a given entry, by its place among
    /// [`Study::given_columns`]; `None` where one can, or the entry is missing (NaN).
    #[must_use]
    pub fn impossible(&self, place: usize, value: f64) -> Option<String> {
        if value.is_nan() {
            return None;
        }
        let mut first = 0;
        let part = self.given.iter().find(|part| {
            first += part.times.len();
            place < first
        })?;
        data::impossible(&self.mechanisms, &part.name, value)
    }

    /// Reads other data for the same question from a CSV file: one number for each of
    /// [`Study::given_columns`], NaN where an entry is missing.
    ///
    /// # Errors
    /// Where the file does not fit the study.
    pub fn read_observed(&self, path: impl AsRef<Path>) -> Result<Vec<f64>, ReadError> {
        data::from_file(Source::read(path.as_ref())?, &self.mechanisms, &self.given)
    }

    /// A hash (BLAKE3, in hexadecimal) of what a simulation of this study depends on beside its
    /// seed: the mechanisms, their names and their prior probabilities.
    #[must_use]
    pub fn identity(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (mechanism, weight) in self.mechanisms.iter().zip(&self.weights) {
            hasher.update(mechanism.name.as_bytes());
            hasher.update(&[0]);
            hasher.update(mechanism.identity().as_bytes());
            hasher.update(&weight.to_bits().to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Why the entries of a series have no joint density in some mechanism; `None` where they may have one.
fn no_density(mechanisms: &[Mechanism], part: &Part) -> Option<&'static str> {
    mechanisms.iter().find_map(|mechanism| {
        let mut all = mechanism.observed.iter();
        let series = all.find(|series| series.name == part.name)?;
        let by_chance = matches!(
            mechanism.dynamics.law,
            Law::Jumps { .. } | Law::Leaps { .. } | Law::Sde { .. } | Law::Program(_)
        );
        if series.missing.is_some() {
            Some("its entries may be missing")
        } else if series.is_plain() && part.times.len() > 1 && !by_chance {
            Some("without noise, its entries follow from the parameters, and from each other")
        } else {
            None
        }
    })
}

fn columns(parts: &[Part]) -> Vec<String> {
    parts.iter().flat_map(|part| part.columns.clone()).collect()
}

/// The mechanisms and their prior probabilities.
fn mechanisms(top: &Section<'_>, folder: &Path) -> Result<(Vec<Mechanism>, Vec<f64>), ReadError> {
    let entry = top.need("mechanisms", "mechanisms = [\"mechanism.toml\"]")?;
    let elements = match entry.as_list() {
        Some(elements) => elements
            .iter()
            .map(element)
            .collect::<Result<Vec<_>, _>>()?,
        None => entry
            .sections("[[mechanisms]]")?
            .iter()
            .map(described)
            .collect::<Result<Vec<_>, _>>()?,
    };
    if elements.is_empty() {
        return Err(entry
            .error("no mechanisms", "name at least one file")
            .with_help("write mechanisms = [\"mechanism.toml\"]"));
    }
    let mut mechanisms: Vec<Mechanism> = Vec::new();
    let mut weights = Vec::new();
    for element in elements {
        let path = folder.join(&element.file);
        if !path.is_file() {
            return Err(top
                .source
                .error(
                    element.at,
                    format!("the mechanism file {} does not exist", path.display()),
                    "no such file",
                )
                .with_help("files are looked for from the study's folder"));
        }
        let mut mechanism = Mechanism::read(&path)?;
        if let Some(name) = element.name {
            mechanism.name = name;
        }
        if mechanisms.iter().any(|other| other.name == mechanism.name) {
            return Err(top
                .source
                .error(
                    element.at,
                    format!("two mechanisms are named `{}`", mechanism.name),
                    "named again here",
                )
                .with_help("give one a name: { file = \"...\", name = \"...\" }"));
        }
        mechanisms.push(mechanism);
        weights.push(element.weight);
    }
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= total);
    Ok((mechanisms, weights))
}

/// A mechanism as a study names it.
struct Element {
    file: String,
    at: Span,
    name: Option<String>,
    weight: f64,
}

fn element(entry: &Entry<'_>) -> Result<Element, ReadError> {
    match entry.as_section("a mechanism") {
        Some(section) => described(&section),
        None => {
            let file = entry.text()?;
            Ok(Element {
                file: file.value,
                at: file.at,
                name: None,
                weight: 1.0,
            })
        }
    }
}

fn described(section: &Section<'_>) -> Result<Element, ReadError> {
    section.only(keys::MECHANISM)?;
    let file = section.need("file", "file = \"mechanism.toml\"")?.text()?;
    let name = section.get("name").map(|entry| entry.text()).transpose()?;
    if let Some(name) = &name
        && name.value.trim().is_empty()
    {
        return Err(section
            .source
            .error(name.at, "the mechanism's name is empty", "empty")
            .with_help("leave `name` out to name it as its file"));
    }
    let weight = section.get("weight").map(|entry| entry.positive());
    Ok(Element {
        file: file.value,
        at: file.at,
        name: name.map(|name| name.value),
        weight: weight.transpose()?.unwrap_or(1.0),
    })
}
