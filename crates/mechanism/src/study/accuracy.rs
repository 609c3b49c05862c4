//! Claims of a study's own: how near to the truth its answers are.

use super::Part;
use super::keys;
use crate::Family;
use crate::model::{Mechanism, Parameter};
use crate::source::ReadError;
use crate::source::section::{Entry, Section};

/// At most a share of fresh data sets is answered with more than an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Accuracy {
    /// What is answered, as the study writes it.
    pub of: String,
    /// The same, found.
    pub target: Target,
    /// The error that may be exceeded, in the quantity's unit: of the median; of a series, the mean over its
    /// entries; 0 for the mechanism, whose error is to be another one.
    pub error: f64,
    /// The largest share of data sets with more.
    pub share: f64,
}

/// What an answer is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Which mechanism made the data: the most probable one.
    Mechanism,
    /// A quantity that all mechanisms share.
    Shared(String),
    /// A quantity of one mechanism, over data sets of it.
    Given {
        /// The mechanism's place.
        mechanism: usize,
        /// The quantity's name.
        name: String,
    },
    /// What is asked of a series that is not given, by its place.
    Unseen(usize),
}

/// What claims can be about.
pub(super) struct Asked<'a> {
    pub mechanisms: &'a [Mechanism],
    pub shared: &'a [String],
    pub unseen: &'a [Part],
}

pub(super) fn all(section: &Section<'_>, asked: &Asked<'_>) -> Result<Vec<Accuracy>, ReadError> {
    let Some(entry) = section.get("accuracy") else {
        return Ok(Vec::new());
    };
    let sections = entry.sections("[[claims.accuracy]]")?;
    sections.iter().map(|own| one(own, asked)).collect()
}

fn one(section: &Section<'_>, asked: &Asked<'_>) -> Result<Accuracy, ReadError> {
    section.only(keys::ACCURACY)?;
    let of = section.need("of", "what is answered, such as `of = \"R0\"`")?;
    let target = asked.find(&of)?;
    let error = match (section.get("error"), &target) {
        (None, Target::Mechanism) => 0.0,
        (Some(entry), Target::Mechanism) => {
            return Err(entry
                .error("the mechanism is right or wrong", "no error to allow")
                .with_help("leave it out: `share` is how often it may be wrong"));
        }
        (Some(entry), _) => entry.positive()?,
        (None, _) => section
            .need(
                "error",
                "the error that may be exceeded, such as `error = 0.5`",
            )?
            .positive()?,
    };
    let share = section.need(
        "share",
        "the largest share of data sets with more, such as `share = 0.1`",
    )?;
    let number = share.number()?;
    if !(number > 0.0 && number < 1.0) {
        return Err(share
            .error(
                format!("`share` must be above 0 and below 1, but is {number}"),
                "not between 0 and 1",
            )
            .with_help("write a number such as 0.1"));
    }
    Ok(Accuracy {
        of: of.text()?.value,
        target,
        error,
        share: number,
    })
}

impl Asked<'_> {
    fn find(&self, of: &Entry<'_>) -> Result<Target, ReadError> {
        let text = of.text()?.value;
        let found = self.every().into_iter().find(|(name, _)| *name == text);
        found.map(|(_, target)| target).ok_or_else(|| {
            let names: Vec<String> = self
                .every()
                .into_iter()
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            of.error(
                format!("no claim can be made about `{text}`: the study does not answer it"),
                "not answered",
            )
            .with_help(format!("claims can be about {}", names.join(", ")))
        })
    }

    /// All that a claim can be about, as a study writes it.
    fn every(&self) -> Vec<(String, Target)> {
        let mut all = Vec::new();
        let several = self.mechanisms.len() > 1;
        if several {
            all.push(("mechanism".to_owned(), Target::Mechanism));
        }
        let has = |mechanism: &Mechanism, name: &String| quantities(mechanism).contains(name);
        for name in self.shared.iter().filter(|_| several) {
            if self.mechanisms.iter().all(|own| has(own, name)) {
                all.push((name.clone(), Target::Shared(name.clone())));
            }
        }
        let everywhere: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
        // Where nothing is free, nothing is learned.
        let mechanisms = self.mechanisms.iter().enumerate();
        for (place, mechanism) in mechanisms.filter(|(_, own)| free(own).next().is_some()) {
            for name in quantities(mechanism) {
                if everywhere.contains(&name) {
                    continue;
                }
                let written = match several {
                    true => format!("{}.{name}", mechanism.name),
                    false => name.clone(),
                };
                let target = Target::Given {
                    mechanism: place,
                    name,
                };
                all.push((written, target));
            }
        }
        let unseen = self.unseen.iter().enumerate();
        all.extend(unseen.map(|(place, part)| (part.label.clone(), Target::Unseen(place))));
        all
    }
}

/// Parameters that are not fixed, and derived quantities.
fn quantities(mechanism: &Mechanism) -> Vec<String> {
    let derived = mechanism.derived.iter().map(|d| d.name.clone());
    free(mechanism)
        .map(|p| p.name.clone())
        .chain(derived)
        .collect()
}

fn free(mechanism: &Mechanism) -> impl Iterator<Item = &Parameter> {
    let parameters = mechanism.parameters.iter();
    parameters.filter(|p| p.prior.family != Family::Exact)
}
