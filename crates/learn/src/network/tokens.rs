//! Given columns taken entry by entry: the trials of a set, or the times of a series.

use super::NetworkError;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Channels of one length whose entries belong together: entry `i` of every channel is token `i`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tokens {
    /// The names of what is observed.
    pub name: String,
    /// Number of tokens.
    pub length: usize,
    /// What is observed of a token.
    pub channels: Vec<Channel>,
    /// When each token is observed; empty where only their number counts.
    #[serde(default)]
    pub times: Vec<f64>,
}

/// One number of every token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// The column of the first token's number; the others follow.
    pub start: usize,
    /// The column of the first token's indicator (1: missing), if there are any.
    pub missing: Option<usize>,
}

impl Tokens {
    /// Numbers of one token: values and indicators.
    #[must_use]
    pub fn inputs(&self) -> usize {
        let of = |channel: &Channel| 1 + usize::from(channel.missing.is_some());
        self.channels.iter().map(of).sum()
    }

    /// Whether a token may be missing: every channel has indicators.
    #[must_use]
    pub fn may_lack(&self) -> bool {
        self.channels
            .iter()
            .all(|channel| channel.missing.is_some())
    }

    /// The columns of each input, one range after the other.
    pub fn columns(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = |channel: &Channel| [Some(channel.start), channel.missing];
        let starts = self.channels.iter().flat_map(starts).flatten();
        starts.map(|start| start..start + self.length)
    }

    /// Joins those of one length and at the same times: their channels, side by side.
    #[must_use]
    pub fn together(all: Vec<Self>) -> Vec<Self> {
        let mut joined: Vec<Self> = Vec::new();
        for one in all {
            let alike =
                |other: &&mut Self| (other.length, &other.times) == (one.length, &one.times);
            match joined.iter_mut().find(alike) {
                Some(other) => {
                    other.name = format!("{}, {}", other.name, one.name);
                    other.channels.extend(one.channels);
                }
                None => joined.push(one),
            }
        }
        joined
    }

    /// The columns below `given` that none of `all` takes.
    pub(crate) fn others(all: &[Self], given: usize) -> Vec<usize> {
        let taken = |column: &usize| {
            all.iter()
                .flat_map(Self::columns)
                .any(|c| c.contains(column))
        };
        (0..given).filter(|column| !taken(column)).collect()
    }

    /// Checks that columns are there, and taken once; that times are finite, one a token.
    pub(super) fn check(all: &[Self], given: usize) -> Result<(), NetworkError> {
        let mut taken = vec![false; given];
        for one in all {
            let wrong = |what: &str| Err(NetworkError(format!("`{}` {what}", one.name)));
            if one.length == 0 || one.channels.is_empty() {
                return wrong("has no entries");
            }
            if !one.times.is_empty() && one.times.len() != one.length {
                return wrong("has another number of times than of entries");
            }
            if one.times.iter().any(|time| !time.is_finite()) {
                return wrong("has a time that is not finite");
            }
            for channel in &one.channels {
                for start in [Some(channel.start), channel.missing].into_iter().flatten() {
                    let end = start.saturating_add(one.length);
                    let Some(columns) = taken.get_mut(start..end) else {
                        return wrong(&format!("exceeds the {given} given columns"));
                    };
                    if columns.contains(&true) {
                        return wrong("takes columns that are taken already");
                    }
                    columns.fill(true);
                }
            }
        }
        Ok(())
    }
}
