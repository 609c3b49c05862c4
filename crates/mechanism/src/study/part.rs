//! Parts of observed series: a whole one, or its entries between two times.

use std::ops::Range;

use crate::model::{Mechanism, Observed};
use crate::source::section::Section;
use crate::source::{ReadError, Text};

/// Entries of an observed series, one after the other; at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The series' name.
    pub name: String,
    /// As the study file writes it, such as `cases[64:77]`.
    pub label: String,
    /// Which of the series' entries.
    pub entries: Range<usize>,
    /// When they are observed, increasing.
    pub times: Vec<f64>,
    /// The bank's columns of them.
    pub columns: Vec<String>,
    /// The series' unit.
    pub unit: Option<String>,
    /// What the series is.
    pub description: Option<String>,
}

impl Part {
    /// A whole series.
    #[must_use]
    pub fn whole(series: &Observed) -> Self {
        Self::of(series, 0..series.times.len(), series.name.clone())
    }

    fn of(series: &Observed, entries: Range<usize>, label: String) -> Self {
        Self {
            name: series.name.clone(),
            label,
            times: series.times[entries.clone()].to_vec(),
            columns: series.columns()[entries.clone()].to_vec(),
            entries,
            unit: series.unit.clone(),
            description: series.description.clone(),
        }
    }
}

/// A name as a study file writes it: a series, and between which times.
pub(super) struct Written<'a> {
    pub name: &'a str,
    between: Option<(&'a str, &'a str)>,
}

impl<'a> Written<'a> {
    /// `cases`, `cases[0:63]`, `cases[64:]` or `cases[7]`.
    pub fn new(text: &'a str) -> Self {
        let sliced = text
            .strip_suffix(']')
            .and_then(|text| text.split_once('['))
            .map(|(name, between)| {
                let ends = between.split_once(':').unwrap_or((between, between));
                (name.trim(), (ends.0.trim(), ends.1.trim()))
            });
        match sliced {
            Some((name, between)) => Self {
                name,
                between: Some(between),
            },
            None => Self {
                name: text,
                between: None,
            },
        }
    }

    /// The entries of `series` that are meant.
    pub fn part(
        &self,
        series: &Observed,
        mechanism: &Mechanism,
        top: &Section<'_>,
        text: &Text,
    ) -> Result<Part, ReadError> {
        let Some((from, to)) = self.between else {
            return Ok(Part::whole(series));
        };
        let calendar = mechanism.calendar();
        let time = |written: &str, open: f64| match written {
            "" => Ok(open),
            written => calendar.time_in_cell(written, top.source, text.at),
        };
        let (from, to) = (time(from, f64::NEG_INFINITY)?, time(to, f64::INFINITY)?);
        let near = |time: f64| 1e-9 * time.abs().max(1.0);
        let first = series.times.partition_point(|&t| t < from - near(t));
        let end = series.times.partition_point(|&t| t <= to + near(t));
        let (earliest, latest) = (series.times[0], series.times[series.times.len() - 1]);
        let early = from.is_finite() && from < earliest - near(earliest);
        let late = to.is_finite() && to > latest + near(latest);
        if first < end && (early || late) {
            return Err(top
                .source
                .error(
                    text.at,
                    format!(
                        "`{}` is observed from {earliest} to {latest} alone",
                        series.name
                    ),
                    "reaches beyond it",
                )
                .with_help(format!(
                    "observe it at more times in the mechanism, or write {0}[{1}:]",
                    series.name,
                    if early { earliest } else { from.max(earliest) }
                )));
        }
        if first < end {
            return Ok(Part::of(series, first..end, text.value.clone()));
        }
        Err(top
            .source
            .error(
                text.at,
                format!("`{}` has no entry at these times", series.name),
                "no entry",
            )
            .with_help(format!(
                "it is observed {} times, from {earliest} to {latest}; write {}[from:to], both included",
                series.times.len(),
                series.name
            )))
    }
}
