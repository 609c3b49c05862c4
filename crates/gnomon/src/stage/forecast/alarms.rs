//! Whether the mechanisms can have made the windows that forecasts start from.

use std::collections::HashMap;

use gnomon_infer::Amortized;
use gnomon_infer::forecast::write;

use super::{Case, Read};
use crate::context::Context;
use crate::failure::Failure;
use crate::population::{Population, runs_a_program};
use crate::stage::answer::{ALARM_RATE, alarms_of_each};

/// Windows are held against simulations that lack the same entries: those with the most frequent of this many
/// patterns of missing entries are looked at.
const MOST_PATTERNS: usize = 16;

/// Windows, each with the probability that the mechanisms make one as unusual.
pub struct Alarms {
    /// The series and the origin of each window, as the file writes them.
    windows: Vec<(String, String)>,
    /// NaN for windows that were not looked at.
    p_values: Vec<f64>,
}

impl Alarms {
    /// Holds windows against simulations; `None` where a mechanism is a program, whose simulations are dear.
    ///
    /// # Errors
    /// Where a simulator or a network cannot be run, or the user interrupts.
    pub(super) fn of(
        context: &Context,
        amortized: &Amortized,
        read: &Read,
        cases: &[Case],
    ) -> Result<Option<Self>, Failure> {
        if context.study.mechanisms.iter().any(runs_a_program) {
            return Ok(None);
        }
        let seen = |case: &Case| {
            let values = &read.table.series[case.series].values;
            read.shape.seen(values, case.origin).collect()
        };
        let all: Vec<Vec<f64>> = cases.iter().map(seen).collect();
        let looked_at = frequent(&all);
        let width = all.first().map_or(0, Vec::len);
        let column = |entry: usize| looked_at.iter().map(|&row| all[row][entry]).collect();
        let columns: Vec<Vec<f64>> = (0..width).map(column).collect();
        let population = Population::new(&context.study)?;
        let found = alarms_of_each(context, &population, amortized, &columns)?;
        let mut p_values = vec![f64::NAN; cases.len()];
        for (&row, p) in looked_at.iter().zip(found) {
            p_values[row] = p;
        }
        let windows = cases.iter().map(|case| {
            let series = &read.table.series[case.series];
            (series.name.clone(), read.table.time(series, case.origin))
        });
        Ok(Some(Self {
            windows: windows.collect(),
            p_values,
        }))
    }

    /// The windows of which the mechanisms hardly ever make the like: their series and origins.
    #[must_use]
    pub fn raised(&self) -> Vec<&(String, String)> {
        let all = self.windows.iter().zip(&self.p_values);
        all.filter(|(_, p)| **p <= ALARM_RATE)
            .map(|(window, _)| window)
            .collect()
    }

    /// How many windows were looked at.
    #[must_use]
    pub fn looked_at(&self) -> usize {
        self.p_values.iter().filter(|p| !p.is_nan()).count()
    }

    /// How many were not, since hardly another one lacks the same entries.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.p_values.len() - self.looked_at()
    }

    /// One row a window as CSV; those not looked at have no p-value.
    ///
    /// # Errors
    /// Where CSV refuses.
    pub fn csv(&self) -> Result<Vec<u8>, Failure> {
        write::alarms(&self.windows, &self.p_values)
            .map_err(|error| Failure::Outside(error.to_string()))
    }
}

/// The windows with the most frequent patterns of missing entries, in order.
fn frequent(windows: &[Vec<f64>]) -> Vec<usize> {
    let mut patterns: HashMap<Vec<bool>, Vec<usize>> = HashMap::new();
    for (row, window) in windows.iter().enumerate() {
        let lacking = window.iter().map(|x| x.is_nan()).collect();
        patterns.entry(lacking).or_default().push(row);
    }
    let mut groups: Vec<Vec<usize>> = patterns.into_values().collect();
    groups.sort_unstable_by_key(|rows| (usize::MAX - rows.len(), rows[0]));
    groups.truncate(MOST_PATTERNS);
    let mut rows: Vec<usize> = groups.into_iter().flatten().collect();
    rows.sort_unstable();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_with_rare_gaps_are_left_out() {
        let gap = |at: usize| -> Vec<f64> {
            let entry = |i: usize| if i == at { f64::NAN } else { 1.0 };
            (0..40).map(entry).collect()
        };
        // Twenty patterns, of which the last 16 come twice.
        let mut windows: Vec<Vec<f64>> = (0..20).map(gap).collect();
        windows.extend((4..20).map(gap));
        let expected: Vec<usize> = (4..36).collect();
        assert_eq!(frequent(&windows), expected);
    }
}
