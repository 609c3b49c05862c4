//! What is given and what is asked: names that the mechanisms must know.

use super::part::{Part, Written};
use crate::model::{Mechanism, Observed};
use crate::source::section::{Entry, Section};
use crate::source::{ReadError, Text, spelling};

fn series<'a>(mechanism: &'a Mechanism, name: &str) -> Option<&'a Observed> {
    mechanism.observed.iter().find(|o| o.name == name)
}

/// What is given: as the file says, or all series that every mechanism observes.
pub(super) fn given(top: &Section<'_>, mechanisms: &[Mechanism]) -> Result<Vec<Part>, ReadError> {
    let Some(entry) = top.get("given") else {
        let first = mechanisms.iter().take(1).flat_map(|m| &m.observed);
        let everywhere: Vec<String> = first
            .map(|observed| observed.name.clone())
            .filter(|name| mechanisms.iter().all(|m| series(m, name).is_some()))
            .collect();
        let at = top.need("mechanisms", "")?;
        if everywhere.is_empty() {
            return Err(at
                .error(
                    "the mechanisms observe nothing in common",
                    "no common series",
                )
                .with_help("name one observed series alike in all of them"));
        }
        for name in &everywhere {
            same_times(&at, name, mechanisms)?;
        }
        let first = mechanisms.iter().take(1);
        let wanted = everywhere.iter();
        return Ok(wanted
            .flat_map(|name| first.clone().filter_map(|m| series(m, name)))
            .map(Part::whole)
            .collect());
    };
    let names = with_series(mechanisms, entry.names()?);
    if names.is_empty() {
        return Err(entry
            .error("nothing is given", "name an observed series")
            .with_help("leave `given` out to give all that every mechanism observes"));
    }
    let parts = names.iter().map(|name| part(top, &entry, name, mechanisms));
    let parts = parts.collect::<Result<Vec<Part>, ReadError>>()?;
    once(top, &names, &parts)?;
    Ok(parts)
}

/// The entries that a name means, in all mechanisms alike.
fn part(
    top: &Section<'_>,
    entry: &Entry<'_>,
    name: &Text,
    mechanisms: &[Mechanism],
) -> Result<Part, ReadError> {
    let written = Written::new(&name.value);
    let mut own = None;
    for mechanism in mechanisms {
        let Some(observed) = series(mechanism, written.name) else {
            let known = mechanism.observed.iter().map(|o| o.name.as_str());
            return Err(top
                .source
                .error(
                    name.at,
                    format!("`{}` does not observe `{}`", mechanism.name, written.name),
                    "not observed",
                )
                .with_help_if(spelling::advice(written.name, known)));
        };
        own = own.or(Some((observed, mechanism)));
    }
    same_times(entry, written.name, mechanisms)?;
    match own {
        Some((observed, mechanism)) => written.part(observed, mechanism, top, name),
        None => Err(entry.error("there is no mechanism", "nothing observes it")),
    }
}

/// No series is named twice.
pub(super) fn once(top: &Section<'_>, names: &[Text], parts: &[Part]) -> Result<(), ReadError> {
    for (position, (name, part)) in names.iter().zip(parts).enumerate() {
        if parts[..position].iter().any(|p| p.name == part.name) {
            return Err(top
                .source
                .error(
                    name.at,
                    format!("`{}` is named twice", part.name),
                    "named again here",
                )
                .with_help("leave one of them out"));
        }
    }
    Ok(())
}

/// A series has the same times in all mechanisms.
fn same_times(entry: &Entry<'_>, name: &str, mechanisms: &[Mechanism]) -> Result<(), ReadError> {
    let mut all = mechanisms
        .iter()
        .filter_map(|m| series(m, name).map(|observed| (m, observed)));
    let Some((first, reference)) = all.next() else {
        return Ok(());
    };
    match all.find(|(_, observed)| observed.times != reference.times) {
        None => Ok(()),
        Some((other, observed)) => Err(entry
            .error(
                format!(
                    "`{name}` is observed at other times in `{}` ({} entries) than in `{}` ({} entries)",
                    other.name,
                    observed.times.len(),
                    first.name,
                    reference.times.len()
                ),
                "from mechanisms that disagree",
            )
            .with_help("give the series the same times in all mechanisms")),
    }
}

pub(super) fn no_repeats(entry: &Entry<'_>, names: &[Text]) -> Result<(), ReadError> {
    for (position, name) in names.iter().enumerate() {
        if names[..position].iter().any(|n| n.value == name.value) {
            return Err(entry
                .source
                .error(
                    name.at,
                    format!("`{}` is named twice", name.value),
                    "named again here",
                )
                .with_help("leave one of them out"));
        }
    }
    Ok(())
}

/// Units of a name in the mechanisms that declare it as a parameter or a derived quantity.
fn declared(mechanisms: &[Mechanism], name: &str) -> Vec<Option<String>> {
    let of = |m: &Mechanism| {
        let parameter = m.parameters.iter().find(|p| p.name == name);
        let derived = m.derived.iter().find(|d| d.name == name);
        parameter
            .map(|p| p.unit.clone())
            .or(derived.map(|d| d.unit.clone()))
    };
    mechanisms.iter().filter_map(of).collect()
}

/// A vector's name stands for its entries `name_1`, `name_2`, ...
pub(super) fn with_entries(mechanisms: &[Mechanism], names: Vec<Text>) -> Vec<Text> {
    let is_declared = |name: &str| !declared(mechanisms, name).is_empty();
    let entries = |name: Text| {
        let entries: Vec<Text> = (1..)
            .map(|entry| format!("{}_{entry}", name.value))
            .take_while(|entry| is_declared(entry))
            .map(|value| Text {
                value,
                ..name.clone()
            })
            .collect();
        if is_declared(&name.value) || entries.is_empty() {
            vec![name]
        } else {
            entries
        }
    };
    names.into_iter().flat_map(entries).collect()
}

/// The name of a vector of series stands for the series `name_1`, `name_9`, ..., a slice of it for their
/// slices.
pub(super) fn with_series(mechanisms: &[Mechanism], names: Vec<Text>) -> Vec<Text> {
    let entries = |name: Text| {
        let written = Written::new(&name.value).name;
        let number = |o: &Observed| -> Option<u64> {
            o.name
                .strip_prefix(written)?
                .strip_prefix('_')?
                .parse()
                .ok()
        };
        let one = mechanisms.iter().any(|m| series(m, written).is_some());
        let all = mechanisms.iter().flat_map(|m| &m.observed);
        let mut numbers: Vec<u64> = all.filter_map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if one || numbers.is_empty() {
            return vec![name];
        }
        let slice = &name.value[written.len()..];
        let entry = |number| Text {
            value: format!("{written}_{number}{slice}"),
            ..name.clone()
        };
        numbers.into_iter().map(entry).collect()
    };
    names.into_iter().flat_map(entries).collect()
}

/// All names of parameters and derived quantities.
fn quantities(mechanisms: &[Mechanism]) -> Vec<&str> {
    let mut names: Vec<&str> = mechanisms
        .iter()
        .flat_map(|m| {
            let parameters = m.parameters.iter().map(|p| p.name.as_str());
            parameters.chain(m.derived.iter().map(|d| d.name.as_str()))
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The shared quantities.
pub(super) fn shared(
    top: &Section<'_>,
    mechanisms: &[Mechanism],
) -> Result<Vec<String>, ReadError> {
    let Some(entry) = top.get("shared") else {
        return Ok(Vec::new());
    };
    let names = with_entries(mechanisms, entry.names()?);
    no_repeats(&entry, &names)?;
    for name in &names {
        let units = declared(mechanisms, &name.value);
        if units.is_empty() {
            return Err(top
                .source
                .error(
                    name.at,
                    format!("no mechanism declares `{}`", name.value),
                    "neither a parameter nor a derived quantity",
                )
                .with_help_if(spelling::advice(&name.value, quantities(mechanisms))));
        }
        let mut given: Vec<&String> = units.iter().flatten().collect();
        given.dedup();
        if let [first, second, ..] = given.as_slice() {
            return Err(top
                .source
                .error(
                    name.at,
                    format!("`{}` is in {first} and in {second}", name.value),
                    "has two units",
                )
                .with_help("a shared quantity has one meaning: give it one unit"));
        }
    }
    Ok(names.into_iter().map(|name| name.value).collect())
}

/// What is asked: quantities, and what is observed but not given.
#[derive(Default)]
pub(super) struct Asked {
    pub predict: Vec<String>,
    pub unseen: Vec<Part>,
}

pub(super) fn predict(
    top: &Section<'_>,
    mechanisms: &[Mechanism],
    given: &[Part],
    shared: &[String],
) -> Result<Asked, ReadError> {
    let Some(entry) = top.get("predict") else {
        let mut names = Vec::new();
        names.extend((mechanisms.len() > 1).then(|| "mechanism".to_owned()));
        names.push("parameters".to_owned());
        let derived = mechanisms.iter().any(|m| !m.derived.is_empty());
        match shared {
            [] if derived => names.push("derived".to_owned()),
            shared => names.extend(shared.iter().cloned()),
        }
        return Ok(Asked {
            predict: names,
            unseen: Vec::new(),
        });
    };
    let names = with_series(mechanisms, with_entries(mechanisms, entry.names()?));
    if names.is_empty() {
        return Err(entry
            .error("nothing is asked", "name what is to be predicted")
            .with_help("leave `predict` out to ask for the mechanism and its parameters"));
    }
    no_repeats(&entry, &names)?;
    let is_observed = |name: &Text| {
        let written = Written::new(&name.value);
        mechanisms.iter().any(|m| series(m, written.name).is_some())
    };
    let (observed, names): (Vec<Text>, Vec<Text>) = names.into_iter().partition(is_observed);
    for name in &names {
        let group = ["mechanism", "parameters", "derived"].contains(&name.value.as_str());
        if !group && declared(mechanisms, &name.value).is_empty() {
            let mut known = quantities(mechanisms);
            known.extend(["mechanism", "parameters", "derived"]);
            known.extend(
                mechanisms
                    .iter()
                    .flat_map(|m| &m.observed)
                    .map(|o| o.name.as_str()),
            );
            known.sort_unstable();
            known.dedup();
            return Err(top
                .source
                .error(
                    name.at,
                    format!("no mechanism declares or observes `{}`", name.value),
                    "cannot be predicted",
                )
                .with_help_if(spelling::advice(&name.value, known)));
        }
    }
    let unseen = observed
        .iter()
        .map(|name| part(top, &entry, name, mechanisms));
    let unseen = unseen.collect::<Result<Vec<Part>, ReadError>>()?;
    once(top, &observed, &unseen)?;
    for (name, part) in observed.iter().zip(&unseen) {
        let overlap = |other: &&Part| {
            let apart =
                other.entries.end <= part.entries.start || part.entries.end <= other.entries.start;
            other.name == part.name && !apart
        };
        if let Some(other) = given.iter().find(overlap) {
            return Err(top
                .source
                .error(
                    name.at,
                    format!("`{}` is given already, as `{}`", part.label, other.label),
                    "given and asked",
                )
                .with_help(format!(
                    "give earlier entries and ask for later ones, such as given = [\"{0}[:9]\"] and \
                     predict = [\"{0}[10:]\"]",
                    part.name
                )));
        }
    }
    Ok(Asked {
        predict: names.into_iter().map(|name| name.value).collect(),
        unseen,
    })
}
