//! `[likelihood]`: ln p(observed | parameters) as the file gives it.

use super::keys;
use super::lower::{Lowering, Scope};
use super::names::check_name;
use super::written::{Written, expression};
use crate::expression::{Input, Node};
use crate::model::{Likelihood, Observed};
use crate::source::{ReadError, Span};

/// The log-likelihood, if the file gives one.
pub(crate) fn likelihood(
    lowering: &mut Lowering<'_>,
    written: &Written<'_>,
) -> Result<Option<Likelihood>, ReadError> {
    let Some(section) = &written.likelihood else {
        return Ok(None);
    };
    let log = section.need("log", "log = \"...\", the log-likelihood")?;
    let up_to_constant = section.get("up_to_constant").map(|entry| entry.truth());
    let outer = lowering.indices.len();
    for entry in section.entries() {
        if keys::LIKELIHOOD.iter().any(|key| key.name == entry.key) {
            continue;
        }
        check_name(written.source, entry.key, entry.key_at)?;
        let known = lowering.observed.contains_key(entry.key)
            || lowering.names.get(entry.key).is_some()
            || lowering.indices.iter().any(|(name, _)| name == entry.key);
        if known {
            return Err(written
                .source
                .error(
                    entry.key_at,
                    format!("the name `{}` is used twice", entry.key),
                    "means something already",
                )
                .with_help("give this part of the likelihood another name"));
        }
        let part = lowering.lower(&expression(&entry)?, Scope::Likelihood)?;
        lowering.indices.push((entry.key.to_owned(), part));
    }
    let written_log = expression(&log)?;
    let node = lowering.lower(&written_log, Scope::Likelihood)?;
    lowering.indices.truncate(outer);
    let inputs = lowering.graph.inputs_of(&[node]);
    if !inputs
        .iter()
        .any(|input| matches!(input, Input::Observed(_)))
    {
        return Err(written
            .source
            .error(
                written_log.at,
                "this likelihood does not use what is observed",
                "no observed number",
            )
            .with_help("write observed numbers by name: y, or y[3] for the third of a series"));
    }
    Ok(Some(Likelihood {
        log: node,
        up_to_constant: up_to_constant.transpose()?.unwrap_or(false),
    }))
}

impl Lowering<'_> {
    /// From here on expressions may use observed numbers.
    pub fn observe(&mut self, observed: &[Observed]) {
        let mut first = 0;
        for series in observed {
            let count = series.times.len();
            self.observed.insert(series.name.clone(), (first, count));
            first += count;
        }
    }

    /// Of whole data: an observed number by its name, `y` or `y_3`.
    pub fn observed_name(&mut self, name: &str, at: Span) -> Result<Option<Node>, ReadError> {
        let found = match self.observed.get(name) {
            Some(&(first, 1)) => Some(first),
            Some(&(_, count)) => {
                return Err(self
                    .source
                    .error(at, format!("`{name}` is a series"), "not a number")
                    .with_help(format!("write {name}[k], with k from 1 to {count}")));
            }
            None => name.rsplit_once('_').and_then(|(series, entry)| {
                let &(first, count) = self.observed.get(series)?;
                let entry: usize = entry.parse().ok()?;
                (1..=count).contains(&entry).then(|| first + entry - 1)
            }),
        };
        Ok(found.map(|column| self.graph.input(Input::Observed(column))))
    }
}
