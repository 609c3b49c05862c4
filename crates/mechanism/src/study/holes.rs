//! `[holes]`: along which parameter resonances are looked for; or how hard the worst points of an emulator.

use super::keys;
use crate::model::{Law, Mechanism};
use crate::source::ReadError;
use crate::source::section::Section;
use crate::source::spelling;

/// What is searched for holes. What is not said has the command's defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Holes {
    /// The frequency-like parameter; none in a study that emulates, whose emulator is then searched.
    pub over: Option<String>,
    /// Where its range begins.
    pub from: Option<f64>,
    /// Where it ends.
    pub to: Option<f64>,
    /// What is looked at; empty for all.
    pub outputs: Vec<String>,
    /// Values of other parameters.
    pub at: Vec<(String, f64)>,
    /// The error that is allowed.
    pub tolerance: Option<f64>,
    /// Solves.
    pub budget: Option<usize>,
    /// Fresh solves that certify.
    pub checks: Option<usize>,
}

/// The table, if the study has one.
pub(super) fn holes(
    top: &Section<'_>,
    mechanisms: &[Mechanism],
    emulates: bool,
) -> Result<Option<Holes>, ReadError> {
    let Some(entry) = top.get("holes") else {
        return Ok(None);
    };
    let section = entry.section("[holes]")?;
    section.only(keys::HOLES)?;
    let [mechanism] = mechanisms else {
        return Err(entry
            .error(
                format!(
                    "[holes] is of one mechanism, but the study has {}",
                    mechanisms.len()
                ),
                "one mechanism only",
            )
            .with_help("write a study for it, or name the mechanism's file: `gnomon holes FILE`"));
    };
    let count = |key: &str| match section.get(key) {
        Some(entry) => entry.count(1).map(|n| Some(n as usize)),
        None => Ok(None),
    };
    let number = |key: &str| section.get(key).map(|entry| entry.number()).transpose();
    let mut found = Holes {
        budget: count("budget")?,
        checks: count("checks")?,
        ..Holes::default()
    };
    let known = names(mechanism);
    match section.get("over") {
        None if emulates => {
            let scan = ["from", "to", "outputs", "at", "tolerance"];
            if let Some(other) = scan.into_iter().find_map(|key| section.get(key)) {
                return Err(top
                    .source
                    .error(
                        other.key_at,
                        format!("`{}` is of a scan along one parameter", other.key),
                        "has no effect without `over`",
                    )
                    .with_help(
                        "name the parameter by `over`, or leave this out to search the emulator",
                    ));
            }
            return Ok(Some(found));
        }
        None => {
            section.need("over", "over = \"w\", the parameter to scan")?;
        }
        Some(over) => {
            let name = over.text()?;
            if !known.contains(&name.value) {
                return Err(over
                    .error(
                        format!("{} has no parameter `{}`", mechanism.name, name.value),
                        "cannot be scanned",
                    )
                    .with_help_if(spelling::advice(
                        &name.value,
                        known.iter().map(String::as_str),
                    )));
            }
            found.over = Some(name.value);
        }
    }
    (found.from, found.to) = (number("from")?, number("to")?);
    if let (Some(from), Some(to)) = (found.from, found.to)
        && from >= to
    {
        let at = section.get("to").map_or(section.at, |entry| entry.at);
        return Err(section.source.error(
            at,
            format!("the range from {from} to {to} is empty"),
            "must be above `from`",
        ));
    }
    found.tolerance = match section.get("tolerance") {
        Some(entry) => Some(entry.positive()?),
        None => None,
    };
    if let Some(outputs) = section.get("outputs") {
        found.outputs = outputs
            .names()?
            .into_iter()
            .map(|name| name.value)
            .collect();
    }
    if let Some(at) = section.get("at") {
        for entry in at.section("`at`")?.entries() {
            let is_scanned = found.over.as_deref() == Some(entry.key);
            if is_scanned || !known.iter().any(|name| name == entry.key) {
                let why = match is_scanned {
                    true => format!("`{}` is scanned, and cannot be held", entry.key),
                    false => format!("{} has no parameter `{}`", mechanism.name, entry.key),
                };
                let advice = spelling::advice(entry.key, known.iter().map(String::as_str));
                return Err(top
                    .source
                    .error(entry.key_at, why, "cannot be held")
                    .with_help_if(advice.filter(|_| !is_scanned)));
            }
            let value = entry.number()?;
            found.at.push((entry.key.to_owned(), value));
        }
    }
    Ok(Some(found))
}

/// Parameters, and a frequency that is none of them.
fn names(mechanism: &Mechanism) -> Vec<String> {
    let mut names: Vec<String> = mechanism
        .parameters
        .iter()
        .map(|p| p.name.clone())
        .collect();
    if let Law::Response(response) = &mechanism.dynamics.law
        && response.has_free_frequency(&mechanism.graph)
    {
        names.push(response.frequency_name.clone());
    }
    names
}
