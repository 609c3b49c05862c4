//! Rolling origins: a series -> the windows that a study's networks see, each up to one origin, and the
//! numbers after it that they predict.

use std::ops::RangeInclusive;

/// An entry of a window: which of the series' variables, and how many steps after the origin (none or
/// fewer where it is given, one or more where it is forecast).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Entry {
    pub variable: usize,
    pub step: isize,
}

/// What is seen of a series at an origin, and what is forecast.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// In the order in which the networks read them.
    pub given: Vec<Entry>,
    /// In the order in which the networks answer.
    pub predicted: Vec<Entry>,
}

/// Which origins are taken.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Entries of the series at which an origin may lie.
    pub within: RangeInclusive<usize>,
    /// Steps from one origin to the next.
    pub every: usize,
    /// Entries that a series must have up to an origin, the origin's included.
    pub least: usize,
}

/// The origins of one series, and those that were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// Entries of the series.
    pub origins: Vec<usize>,
    /// Those whose window lacks entries which the networks cannot do without, or any.
    pub skipped: Vec<usize>,
}

impl Shape {
    /// How many steps a window spans.
    #[must_use]
    pub fn window(&self) -> usize {
        let first = self.given.iter().map(|entry| entry.step).min();
        1 + first.map_or(0, isize::unsigned_abs)
    }

    /// The window of a series (its variables' entries) at an origin: one number a given entry, NaN
    /// where it is missing or before the series begins.
    pub fn seen<'a>(
        &'a self,
        values: &'a [Vec<f64>],
        origin: usize,
    ) -> impl Iterator<Item = f64> + 'a {
        self.given
            .iter()
            .map(move |entry| at(values, origin, *entry))
    }

    /// What came: one number a predicted entry, NaN where nothing did.
    pub fn came<'a>(
        &'a self,
        values: &'a [Vec<f64>],
        origin: usize,
    ) -> impl Iterator<Item = f64> + 'a {
        self.predicted
            .iter()
            .map(move |entry| at(values, origin, *entry))
    }

    /// The first given entry that a window lacks though the networks need it, the last one where it has none
    /// at all; `None` where they can read it. `may_be_missing` is as in [`Shape::origins`].
    #[must_use]
    pub fn lacking(
        &self,
        values: &[Vec<f64>],
        origin: usize,
        may_be_missing: &[bool],
    ) -> Option<Entry> {
        let mut seen = self.seen(values, origin).zip(may_be_missing);
        let needed = seen.position(|(value, may)| !may && !value.is_finite());
        match needed {
            Some(place) => Some(self.given[place]),
            None if self.seen(values, origin).any(f64::is_finite) => None,
            None => self.given.last().copied(),
        }
    }

    /// The origins of a series after which something came that is predicted. `may_be_missing` says of
    /// each given entry whether the networks can do without.
    #[must_use]
    pub fn origins(
        &self,
        values: &[Vec<f64>],
        may_be_missing: &[bool],
        choice: &Choice,
    ) -> Origins {
        let length = values.first().map_or(0, Vec::len);
        let first = (*choice.within.start()).max(choice.least.saturating_sub(1));
        let end = length.min(choice.within.end().saturating_add(1));
        let mut found = Origins::default();
        for origin in (first..end).step_by(choice.every.max(1)) {
            if self.came(values, origin).all(f64::is_nan) {
                continue;
            }
            match self.lacking(values, origin, may_be_missing) {
                None => found.origins.push(origin),
                Some(_) => found.skipped.push(origin),
            }
        }
        found
    }
}

fn at(values: &[Vec<f64>], origin: usize, entry: Entry) -> f64 {
    let place = origin.checked_add_signed(entry.step);
    place
        .and_then(|place| values[entry.variable].get(place))
        .copied()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        let entry = |step| Entry { variable: 0, step };
        Shape {
            given: [-2, -1, 0].map(entry).to_vec(),
            predicted: [1, 2].map(entry).to_vec(),
        }
    }

    const ALL: Choice = Choice {
        within: 0..=usize::MAX,
        every: 1,
        least: 1,
    };

    #[test]
    fn windows_end_at_the_origin() {
        let values = [vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]];
        let shape = shape();
        assert_eq!(shape.window(), 3);
        assert_eq!(shape.seen(&values, 3).collect::<Vec<_>>(), [2.0, 3.0, 4.0]);
        assert_eq!(shape.came(&values, 3).collect::<Vec<_>>(), [5.0, 6.0]);
        let last: Vec<f64> = shape.came(&values, 4).collect();
        assert!(last[0] == 6.0 && last[1].is_nan());
        let first: Vec<f64> = shape.seen(&values, 1).collect();
        assert!(first[0].is_nan() && first[1..] == [1.0, 2.0]);
    }

    #[test]
    fn origins_need_a_window_and_something_that_came() {
        let values = [vec![1.0, 2.0, 3.0, f64::NAN, 5.0, 6.0, 7.0]];
        let shape = shape();
        let strict = shape.origins(&values, &[false; 3], &ALL);
        // Only the third entry ends a window without holes; the last one has no future.
        assert_eq!(
            (strict.origins, strict.skipped),
            (vec![2], vec![0, 1, 3, 4, 5])
        );
        let lacking = |origin| shape.lacking(&values, origin, &[false; 3]);
        let step = |step| Some(Entry { variable: 0, step });
        assert_eq!(
            [lacking(1), lacking(2), lacking(4)],
            [step(-2), None, step(-1)]
        );
        let lenient = shape.origins(&values, &[true; 3], &ALL);
        assert_eq!(
            (lenient.origins, lenient.skipped),
            (vec![0, 1, 2, 3, 4, 5], vec![])
        );
        let some = Choice {
            within: 1..=4,
            every: 2,
            least: 3,
        };
        assert_eq!(shape.origins(&values, &[true; 3], &some).origins, [2, 4]);
        assert_eq!(
            shape.origins(&[vec![]], &[true; 3], &ALL),
            Origins::default()
        );
    }
}
