//! Which entries of the observed data are unusual. The largest deviation of any entry is one check; the
//! entries that are to blame have p-values that hold for all of them together (maxT; Westfall & Young 1993).
//!
//! ```
//! use gnomon_examine::observed::{About, entries::{Expected, Entries}};
//! let noise = |i: usize| (i as f64 * 0.618_034).fract();
//! let rows = |from: usize| (0..300).map(|i| noise(from + i)).collect::<Vec<f64>>();
//! let entries = Entries::new(&rows(0), &rows(300), 3, Expected::BySimulations)?;
//! let check = entries.check("an entry", About::Mechanisms, &[0.4, 0.5, 9.0])?;
//! assert_eq!((check.entries.len(), check.entries[0].entry), (1, 2));
//! # Ok::<(), gnomon_examine::ExamineError>(())
//! ```

use super::typicality::cholesky;
use super::{About, Check, Deviation};
use crate::ExamineError;
use crate::error::shape;
use gnomon_claim::permutation::p_value;

/// Familywise level at which an entry is named.
const NAMED: f64 = 0.05;
/// Quantiles of the lower and upper tail that scale deviations, and how far from the median they lie in a
/// standard normal distribution.
const TAILS: [f64; 2] = [0.05, 0.95];
const NORMAL: f64 = 1.644_853_627;
/// Simulations in each range of expected numbers, at least, and most ranges.
const IN_RANGE: usize = 200;
const MOST_RANGES: usize = 10;
/// Where simulations never vary, another number is this far.
pub const NEVER: f64 = 1e9;

/// Where an entry is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Where simulations have it.
    BySimulations,
    /// Where simulations have it beside such other entries: by linear regression on all of them.
    ByOtherEntries,
}

/// Simulations that data sets are compared with, entry by entry. NaN entries are missing, and deviate from
/// nothing.
pub struct Entries {
    width: usize,
    own: Vec<Scale>,
    others: Option<Others>,
    /// The largest deviation of each held-out simulation, and the root mean square of all of its own.
    replicates: Vec<f64>,
    scatters: Vec<f64>,
}

/// What an entry's deviations are measured by: a median and the widths of both tails.
#[derive(Clone, Copy)]
struct Scale {
    median: f64,
    widths: [f64; 2],
    /// Simulations never have a number here.
    unseen: bool,
}

/// The regression of each entry on all others.
struct Others {
    /// Inverse of the entries' second moments, row-major.
    precision: Vec<f64>,
    /// How far each entry scatters about what is expected of it.
    residuals: Vec<Local>,
}

/// Scales of residuals that depend on the number expected, as a count's do: one for each range of these.
struct Local {
    /// Where all ranges but the first begin.
    begins: Vec<f64>,
    scales: Vec<Scale>,
}

impl Entries {
    /// Measures `reference` (N x `width`) and the deviations of `held_out` (B x `width`) simulations.
    ///
    /// # Errors
    /// [`ExamineError`] when rows are not whole, or there are fewer than two of either.
    pub fn new(
        reference: &[f64],
        held_out: &[f64],
        width: usize,
        expected: Expected,
    ) -> Result<Self, ExamineError> {
        shape("held-out entries", held_out.len(), whole(held_out, width))?;
        let mut entries = Self::measure(reference, width, expected)?;
        let largest =
            |row: &[f64]| farthest(&entries.deviations(row)).map_or(0.0, |(_, z)| z.abs());
        entries.replicates = held_out.chunks_exact(width).map(largest).collect();
        let scatter = |row: &[f64]| entries.scatter(row);
        entries.scatters = held_out.chunks_exact(width).map(scatter).collect();
        Ok(entries)
    }

    /// The same without held-out simulations, for deviations alone.
    ///
    /// # Errors
    /// As [`Entries::new`].
    pub(crate) fn measure(
        reference: &[f64],
        width: usize,
        expected: Expected,
    ) -> Result<Self, ExamineError> {
        shape(
            "reference entries",
            reference.len(),
            whole(reference, width),
        )?;
        let mut entries = Self {
            width,
            own: Scale::of_columns(reference, width),
            others: None,
            replicates: Vec::new(),
            scatters: Vec::new(),
        };
        if expected == Expected::ByOtherEntries {
            let rows = reference.chunks_exact(width);
            let scaled: Vec<f64> = rows.flat_map(|row| entries.alone(row)).collect();
            entries.others = Some(Others::new(&scaled, width));
        }
        Ok(entries)
    }

    /// One check of `observed`. When the data come from what was simulated, its p-value is below p with
    /// probability at most p, and so is the smallest of its entries.
    ///
    /// # Errors
    /// [`ExamineError`] where the number of entries is another.
    pub fn check(&self, name: &str, about: About, observed: &[f64]) -> Result<Check, ExamineError> {
        shape("observed entries", observed.len(), self.width)?;
        let entries = self.named(observed);
        let largest = farthest(&self.deviations(observed)).map_or(0.0, |(_, z)| z.abs());
        Ok(Check {
            name: name.into(),
            about,
            observed: largest,
            p_value: p_value(largest, &self.replicates),
            replicates: self.replicates.clone(),
            entries,
        })
    }

    /// One check of all entries of `observed` together: the root mean square of their deviations, which sees
    /// many that are somewhat off where none alone stands out.
    ///
    /// # Errors
    /// [`ExamineError`] where the number of entries is another.
    pub fn check_scatter(
        &self,
        name: &str,
        about: About,
        observed: &[f64],
    ) -> Result<Check, ExamineError> {
        shape("observed entries", observed.len(), self.width)?;
        let scatter = self.scatter(observed);
        Ok(Check {
            name: name.into(),
            about,
            observed: scatter,
            p_value: p_value(scatter, &self.scatters),
            replicates: self.scatters.clone(),
            entries: Vec::new(),
        })
    }

    fn scatter(&self, row: &[f64]) -> f64 {
        let deviations = self.deviations(row);
        let squares: f64 = deviations.iter().map(|z| z * z).sum();
        (squares / self.width as f64).sqrt()
    }

    /// The entries that stand out, the farthest first. One that is far off shifts what is expected of the
    /// others, so each is put where it was expected before the next is looked for.
    fn named(&self, observed: &[f64]) -> Vec<Deviation> {
        let mut scaled = self.alone(observed);
        let mut found: Vec<Deviation> = Vec::new();
        for _ in 0..self.width {
            let deviations = match &self.others {
                None => scaled.clone(),
                Some(others) => others.deviations(&scaled),
            };
            let Some((entry, deviation)) = farthest(&deviations) else {
                break;
            };
            let p_value = p_value(deviation.abs(), &self.replicates);
            let again = found.iter().any(|one| one.entry == entry);
            if p_value > NAMED || again {
                break;
            }
            found.push(Deviation {
                entry,
                deviation,
                unseen: self.own[entry].unseen,
                p_value,
            });
            scaled[entry] = match &self.others {
                None => 0.0,
                Some(others) => others.expected(&scaled, entry),
            };
        }
        found
    }

    /// How far each entry of a row lies from where it is expected, in standard deviations.
    pub(crate) fn deviations(&self, row: &[f64]) -> Vec<f64> {
        let alone = self.alone(row);
        match &self.others {
            None => alone,
            Some(others) => others.deviations(&alone),
        }
    }

    fn alone(&self, row: &[f64]) -> Vec<f64> {
        let both = row.iter().zip(&self.own);
        both.map(|(&x, scale)| scale.deviation(x)).collect()
    }
}

impl Scale {
    fn of_columns(rows: &[f64], width: usize) -> Vec<Self> {
        (0..width)
            .map(|column| Self::of(rows.iter().skip(column).step_by(width).copied().collect()))
            .collect()
    }

    fn of(mut values: Vec<f64>) -> Self {
        values.retain(|x| !x.is_nan());
        values.sort_unstable_by(f64::total_cmp);
        let Some(last) = values.len().checked_sub(1) else {
            return Self {
                median: 0.0,
                widths: [0.0; 2],
                unseen: true,
            };
        };
        let at = |share: f64| values[(share * last as f64).round() as usize];
        let median = at(0.5);
        let n = values.len() as f64;
        let sd = (values.iter().map(|x| (x - median).powi(2)).sum::<f64>() / n).sqrt();
        // Where a tail's quantile is the median itself, as in columns of zeros and few other numbers.
        let widths = TAILS.map(|share| match (at(share) - median).abs() / NORMAL {
            width if width > 0.0 => width,
            _ => sd,
        });
        Self {
            median,
            widths,
            unseen: false,
        }
    }

    fn deviation(self, x: f64) -> f64 {
        let difference = x - self.median;
        let width = self.widths[usize::from(difference > 0.0)];
        if self.unseen && !x.is_nan() {
            NEVER
        } else if x.is_nan() || difference.abs() <= 1e-12 * self.median.abs() {
            0.0
        } else if width > 0.0 {
            (difference / width).clamp(-NEVER, NEVER)
        } else {
            NEVER.copysign(difference)
        }
    }
}

impl Local {
    /// `pairs` of what was expected and what was left; each range has as many of them.
    fn of(mut pairs: Vec<[f64; 2]>) -> Self {
        pairs.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]));
        let ranges = (pairs.len() / IN_RANGE).clamp(1, MOST_RANGES);
        let at = |range: usize| range * pairs.len() / ranges;
        Self {
            begins: (1..ranges).map(|range| pairs[at(range)][0]).collect(),
            scales: (0..ranges)
                .map(|range| {
                    let own = &pairs[at(range)..at(range + 1)];
                    Scale::of(own.iter().map(|pair| pair[1]).collect())
                })
                .collect(),
        }
    }

    fn deviation(&self, expected: f64, difference: f64) -> f64 {
        let range = self.begins.partition_point(|&begin| begin <= expected);
        self.scales[range].deviation(difference)
    }
}

impl Others {
    fn new(scaled: &[f64], width: usize) -> Self {
        let rows = (scaled.len() / width) as f64;
        let mut moments = vec![0.0; width * width];
        for row in scaled.chunks_exact(width) {
            for i in 0..width {
                for j in 0..=i {
                    moments[i * width + j] += row[i] * row[j] / rows;
                }
            }
        }
        // A ridge of the size of the moments' own error.
        let ridge = (width as f64 / rows).min(1.0);
        (0..width).for_each(|i| moments[i * width + i] += ridge);
        let mut others = Self {
            precision: inverse(&cholesky(moments, width), width),
            residuals: Vec::new(),
        };
        let residual = |row: &[f64], entry: usize| {
            let difference = others.difference(row, entry);
            [row[entry] - difference, difference]
        };
        let residuals = (0..width)
            .map(|entry| {
                let rows = scaled.chunks_exact(width);
                Local::of(rows.map(|row| residual(row, entry)).collect())
            })
            .collect();
        others.residuals = residuals;
        others
    }

    /// The residual of a regression on all others is (P x)_i / P_ii, P the precision matrix.
    fn difference(&self, scaled: &[f64], entry: usize) -> f64 {
        let width = scaled.len();
        let row = &self.precision[entry * width..(entry + 1) * width];
        let product: f64 = row.iter().zip(scaled).map(|(p, x)| p * x).sum();
        product / row[entry]
    }

    fn expected(&self, scaled: &[f64], entry: usize) -> f64 {
        scaled[entry] - self.difference(scaled, entry)
    }

    fn deviations(&self, scaled: &[f64]) -> Vec<f64> {
        let all = self.residuals.iter().enumerate();
        all.map(|(entry, local)| {
            let difference = self.difference(scaled, entry);
            local.deviation(scaled[entry] - difference, difference)
        })
        .collect()
    }
}

/// The least number of numbers that whole rows have, at least two.
fn whole(array: &[f64], width: usize) -> usize {
    (array.len() / width.max(1)).max(2) * width
}

fn farthest(deviations: &[f64]) -> Option<(usize, f64)> {
    let all = deviations.iter().copied().enumerate();
    all.max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()))
}

/// The inverse of L L', of a lower factor L.
fn inverse(lower: &[f64], n: usize) -> Vec<f64> {
    // The inverse of L, column by column; then of its product with its transpose.
    let mut own = vec![0.0; n * n];
    for column in 0..n {
        for i in column..n {
            let known: f64 = (column..i)
                .map(|k| lower[i * n + k] * own[k * n + column])
                .sum();
            let right = if i == column { 1.0 } else { 0.0 };
            own[i * n + column] = (right - known) / lower[i * n + i];
        }
    }
    let mut inverse = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (i..n).map(|k| own[k * n + i] * own[k * n + j]).sum();
            inverse[i * n + j] = sum;
            inverse[j * n + i] = sum;
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    const LENGTH: usize = 12;

    /// A random line with noise of sd .3, at 12 times.
    fn lines(seed: u64, rows: usize) -> Vec<f64> {
        let mut stream = Stream::new(seed, Purpose::CLAIM, 0);
        (0..rows)
            .flat_map(|_| {
                let (level, slope) = (stream.normal(), stream.normal());
                let at = |i: usize| level + slope * i as f64 / 6.0;
                (0..LENGTH)
                    .map(|i| at(i) + 0.3 * stream.normal())
                    .collect::<Vec<f64>>()
            })
            .collect()
    }

    fn measured(expected: Expected) -> Entries {
        Entries::new(&lines(1, 1000), &lines(2, 999), LENGTH, expected).unwrap()
    }

    /// Data of the simulator: p at most .05 in 5 %. Of 1,000, more than 72 has probability below 1e-3. The
    /// held-out simulations are the same ones for all: their share below the quantile has an sd of .007, so
    /// that 94 allows for three of these, too.
    #[test]
    fn simulations_raise_few_alarms() {
        for expected in [Expected::BySimulations, Expected::ByOtherEntries] {
            let entries = measured(expected);
            let raised = lines(3, 1000)
                .chunks_exact(LENGTH)
                .filter(|row| {
                    let check = entries.check("x", About::Mechanisms, row).unwrap();
                    assert_eq!(check.p_value <= NAMED, !check.entries.is_empty());
                    check.p_value <= NAMED
                })
                .count();
            assert!((15..=94).contains(&raised), "{expected:?}: {raised}");
        }
    }

    /// Twice the noise: no entry stands out, all together do. A chi-square test that knows the lines, with ten
    /// degrees of freedom, has power .83 at p = .01: of 200 series 166, with an sd of 5.
    #[test]
    fn more_noise_is_seen_in_all_entries_together() {
        let entries = measured(Expected::ByOtherEntries);
        let mut stream = Stream::new(5, Purpose::CLAIM, 0);
        let mut seen = 0;
        for row in lines(6, 200).chunks_exact_mut(LENGTH) {
            row.iter_mut()
                .for_each(|x| *x += 0.3 * 3f64.sqrt() * stream.normal());
            let check = entries.check_scatter("x", About::Mechanisms, row).unwrap();
            seen += usize::from(check.p_value <= 0.01);
        }
        assert!((140..=190).contains(&seen), "{seen}");
        let raised = lines(7, 1000)
            .chunks_exact(LENGTH)
            .filter(|row| {
                entries
                    .check_scatter("x", About::Mechanisms, row)
                    .unwrap()
                    .p_value
                    <= NAMED
            })
            .count();
        assert!((15..=94).contains(&raised), "{raised}");
    }

    /// A jump of 2 at three entries is ordinary for each of them alone, but not beside the others: over 200
    /// series it is seen, and the entries found are the right ones, nearly always.
    #[test]
    fn a_regime_that_changes_is_seen_beside_the_other_entries() {
        let (alone, beside) = (
            measured(Expected::BySimulations),
            measured(Expected::ByOtherEntries),
        );
        let mut seen = [0, 0];
        let mut right = 0;
        for row in lines(4, 200).chunks_exact_mut(LENGTH) {
            row[5..8].iter_mut().for_each(|x| *x += 2.0);
            let check = |entries: &Entries| entries.check("x", About::Mechanisms, row).unwrap();
            let (marginal, given) = (check(&alone), check(&beside));
            seen[0] += usize::from(marginal.p_value <= 0.01);
            seen[1] += usize::from(given.p_value <= 0.01);
            let first = given.entries.first();
            right += usize::from(first.is_some_and(|d| (4..9).contains(&d.entry)));
        }
        assert!(
            seen[0] < 60 && seen[1] >= 190 && right >= 190,
            "{seen:?} {right}"
        );
    }

    /// Counts about levels from 3 to 3,000: a jump by half is seen where it is far beyond counting noise, though
    /// it is less than the noise of larger levels, and the jump of a small count is not seen.
    #[test]
    fn what_scatters_more_where_more_is_expected_is_measured_by_that() {
        let counts = |seed: u64, rows: usize| -> Vec<f64> {
            let mut stream = Stream::new(seed, Purpose::CLAIM, 0);
            let mut all = Vec::new();
            for _ in 0..rows {
                let level = 100.0 * (1.5 * stream.normal()).exp();
                all.extend((0..LENGTH).map(|_| (level + level.sqrt() * stream.normal()).max(0.0)));
            }
            all
        };
        let expected = Expected::ByOtherEntries;
        let entries = Entries::new(&counts(1, 2000), &counts(2, 2000), LENGTH, expected).unwrap();
        let p_value = |level: f64| {
            let mut row = vec![level; LENGTH];
            row[3] *= 1.5;
            entries.check("x", About::Mechanisms, &row).unwrap().p_value
        };
        assert!(
            p_value(300.0) < 0.01 && p_value(10.0) > 0.05,
            "{} {}",
            p_value(300.0),
            p_value(10.0)
        );
    }

    #[test]
    fn the_entry_to_blame_is_named_alone() {
        let entries = measured(Expected::ByOtherEntries);
        let mut row: Vec<f64> = (0..LENGTH).map(|i| 0.1 * i as f64).collect();
        row[7] -= 20.0;
        let check = entries.check("x", About::Mechanisms, &row).unwrap();
        let named: Vec<usize> = check.entries.iter().map(|d| d.entry).collect();
        assert_eq!(named, [7], "{:?}", check.entries);
        assert!(check.entries[0].deviation < -20.0 && check.p_value == 0.001);
        // A missing entry deviates from nothing.
        row[7] = f64::NAN;
        let check = entries.check("x", About::Mechanisms, &row).unwrap();
        assert!(
            check.p_value > 0.05 && check.entries.is_empty(),
            "{check:?}"
        );
    }

    #[test]
    fn what_never_varies_tells_only_whether_it_agrees() {
        let reference = [1.0, 7.0, 2.0, 7.0, 3.0, 7.0];
        let entries = Entries::new(&reference, &reference, 2, Expected::BySimulations).unwrap();
        let far = |x: [f64; 2]| entries.check("x", About::Mechanisms, &x).unwrap().observed;
        assert!(far([2.0, 7.0]) == 0.0 && far([2.0, 7.1]) == NEVER);
        assert!(Entries::new(&reference[..5], &reference, 2, Expected::BySimulations).is_err());
    }

    /// Simulations never have the second of three entries: a number there is named as one that should not be,
    /// whatever it is, and says nothing of the others; where it is missing, all is well.
    #[test]
    fn a_number_where_simulations_have_none_is_told_apart() {
        let rows = |seed: u64| -> Vec<f64> {
            let mut stream = Stream::new(seed, Purpose::CLAIM, 0);
            let mut row = || [stream.normal(), f64::NAN, stream.normal()];
            (0..1000).flat_map(|_| row()).collect()
        };
        for expected in [Expected::BySimulations, Expected::ByOtherEntries] {
            let entries = Entries::new(&rows(1), &rows(2), 3, expected).unwrap();
            let check = |x: f64| {
                entries
                    .check("x", About::Mechanisms, &[0.3, x, 0.1])
                    .unwrap()
            };
            for x in [0.0, 4.0, -4.0] {
                let named = check(x).entries;
                let [one] = named.as_slice() else {
                    panic!("{named:?}");
                };
                assert!(one.entry == 1 && one.unseen, "{one:?}");
            }
            assert!(check(f64::NAN).entries.is_empty());
        }
    }

    #[test]
    fn an_inverse_inverts() {
        let matrix = vec![4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 0.4, 1.0, 3.0];
        let inverse = inverse(&cholesky(matrix.clone(), 3), 3);
        let full = |i: usize, j: usize| matrix[i.max(j) * 3 + i.min(j)];
        for i in 0..3 {
            for j in 0..3 {
                let product: f64 = (0..3).map(|k| full(i, k) * inverse[k * 3 + j]).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
    }
}
