//! Series of a table that are not forecast, and why, in words.

use std::path::Path;

use crate::failure::Failure;

/// Series that are named for each reason.
const NAMED: usize = 5;

/// A series that is not forecast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name in the table.
    pub series: String,
    /// Why it is not.
    pub why: Why,
}

/// Why a series is not forecast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It has no value.
    Empty,
    /// It has fewer entries than an origin needs.
    #[allow(missing_docs)]
    Short { entries: usize, needed: usize },
    /// No entry lies between the times that were asked for.
    Outside,
    /// Nothing that is predicted came after any origin.
    #[allow(missing_docs)]
    NothingCame { entries: usize },
    /// Its windows lack entries that the networks cannot do without: here the first of them.
    #[allow(missing_docs)]
    Hole { variable: String, time: String },
}

impl Why {
    /// What all series with this reason have in common.
    fn group(&self) -> String {
        match self {
            Self::Empty => "without any value".into(),
            Self::Short { needed, .. } => {
                format!("too short: {needed} entries are needed up to an origin")
            }
            Self::Outside => "without an entry between the --origins".into(),
            Self::NothingCame { .. } => {
                "without a value after an origin, to score a forecast by".into()
            }
            Self::Hole { .. } => {
                "that lack entries of a window, and the networks did not learn to do without".into()
            }
        }
    }

    /// What one series has of its own.
    fn own(&self) -> Option<String> {
        match self {
            Self::Empty | Self::Outside => None,
            Self::Short { entries, .. } | Self::NothingCame { entries } => {
                Some(format!("has {entries}"))
            }
            Self::Hole { variable, time } => Some(format!("no `{variable}` at {time}")),
        }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.own() {
            Some(own) => write!(f, "{} ({own})", self.group()),
            None => f.write_str(&self.group()),
        }
    }
}

/// One line for each reason: how many series it holds for, and the first of them.
#[must_use]
pub fn in_groups(all: &[LeftOut]) -> Vec<String> {
    let mut groups: Vec<(String, Vec<&LeftOut>)> = Vec::new();
    for one in all {
        let group = one.why.group();
        match groups.iter_mut().find(|(other, _)| *other == group) {
            Some((_, own)) => own.push(one),
            None => groups.push((group, vec![one])),
        }
    }
    let line = |(group, own): &(String, Vec<&LeftOut>)| {
        let named = own.iter().take(NAMED).map(|one| match one.why.own() {
            Some(own) => format!("`{}` ({own})", one.series),
            None => format!("`{}`", one.series),
        });
        let named: Vec<String> = named.collect();
        let rest = match own.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{} {group}: {}{rest}", own.len(), named.join(", "))
    };
    groups.iter().map(line).collect()
}

/// Nothing of a file can be forecast.
pub(super) fn nothing_to_do(file: &Path, all: &[LeftOut]) -> Failure {
    let any = |of: fn(&Why) -> bool| all.iter().any(|one| of(&one.why));
    let mut help: Vec<&str> = Vec::new();
    if any(|why| matches!(why, Why::Short { .. } | Why::NothingCame { .. })) {
        help.push(
            "give longer series, or a study with a shorter window (`given`); where a mechanism leaves \
             entries out (`missing = ...`), networks learn to do without the first ones",
        );
    }
    if any(|why| matches!(why, Why::Hole { .. })) {
        help.push(
            "fill the holes, or let a mechanism leave entries out (`missing = ...`), so that the networks \
             learn to do without",
        );
    }
    if any(|why| matches!(why, Why::Outside)) {
        help.push("ask for other --origins");
    }
    if help.is_empty() {
        help.push("the first line names the columns, the others have numbers");
    }
    Failure::refused(
        format!(
            "no series of {} can be forecast: {}",
            file.display(),
            in_groups(all).join("; ")
        ),
        help.join("; "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_grouped_by_their_reason() {
        let one = |series: &str, why: Why| LeftOut {
            series: series.into(),
            why,
        };
        let short = |entries| Why::Short { entries, needed: 8 };
        let mut all = vec![one("a", short(3)), one("b", Why::Empty), one("c", short(5))];
        assert_eq!(
            in_groups(&all),
            [
                "2 too short: 8 entries are needed up to an origin: `a` (has 3), `c` (has 5)",
                "1 without any value: `b`",
            ]
        );
        all.extend((0..7).map(|number| {
            let why = Why::Hole {
                variable: "y".into(),
                time: "2020-03-01".into(),
            };
            one(&number.to_string(), why)
        }));
        let lines = in_groups(&all);
        assert!(lines[2].starts_with("7 that lack entries") && lines[2].ends_with(" and 2 more"));
        assert!(lines[2].contains("`0` (no `y` at 2020-03-01)"));
        assert_eq!(
            all[0].why.to_string(),
            "too short: 8 entries are needed up to an origin (has 3)"
        );
    }
}
