//! From simulated f64 columns to the f32 columns that a network reads: each column gets a shape
//! (as it is, or a signed logarithm where its tails are heavy), a centre and a scale, measured on
//! training rows; missing entries become 0 with an indicator column beside them.
//!
//! ```
//! use gnomon_learn::standardise::{Field, Standardiser};
//! let rows = [[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]].concat();
//! let standardiser = Standardiser::fit(vec![Field::scalar("x"), Field::scalar("c")], &rows)?;
//! let given = standardiser.apply(&rows)?;
//! assert_eq!(given.row(1), [0.0, 0.0]); // the mean, and a constant
//! # Ok::<(), gnomon_learn::standardise::StandardiseError>(())
//! ```

mod column;

pub use column::{Column, Shape};

use crate::matrix::Matrix;
use crate::network::{Channel, Series, Tokens};
use column::{logarithmic, measure};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// One given quantity: a number, or a series of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Number of channels (1 for a number).
    pub channels: usize,
    /// Number of times (1 for a number).
    pub length: usize,
    /// One centre and scale for all times of a channel, so that a convolution sees the same
    /// numbers for the same values; otherwise each time has its own.
    pub shared: bool,
}

impl Field {
    /// A number.
    #[must_use]
    pub fn scalar(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            channels: 1,
            length: 1,
            shared: false,
        }
    }

    /// A series, its columns channel by channel.
    #[must_use]
    pub fn series(name: &str, channels: usize, length: usize, shared: bool) -> Self {
        Self {
            name: name.to_owned(),
            channels,
            length,
            shared,
        }
    }

    fn columns(&self) -> usize {
        self.channels * self.length
    }
}

/// How all given columns are standardised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standardiser {
    /// The given quantities in order.
    pub fields: Vec<Field>,
    /// One for each given column.
    pub columns: Vec<Column>,
}

/// Why columns could not be standardised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StandardiseError {
    /// The data are no whole number of rows, or there are none.
    #[error("{numbers} numbers are no rows of {columns} columns")]
    Shape {
        /// Numbers there are.
        numbers: usize,
        /// Columns a row has.
        columns: usize,
    },
    /// An infinite number.
    #[error("`{name}` (column {column}) is infinite in row {row}")]
    Infinite {
        /// Name of the quantity.
        name: String,
        /// Column, from 0.
        column: usize,
        /// Row, from 0.
        row: usize,
    },
    /// A missing number where training had none.
    #[error(
        "`{name}` (column {column}) is missing in row {row}, and was never missing in training"
    )]
    Missing {
        /// Name of the quantity.
        name: String,
        /// Column, from 0.
        column: usize,
        /// Row, from 0.
        row: usize,
    },
}

impl Standardiser {
    /// Measures the columns of `values` (row by row; NaN is missing).
    ///
    /// # Errors
    /// If the rows are not whole or a number is infinite.
    pub fn fit(fields: Vec<Field>, values: &[f64]) -> Result<Self, StandardiseError> {
        let width: usize = fields.iter().map(Field::columns).sum();
        if width == 0 || values.is_empty() || !values.len().is_multiple_of(width) {
            return Err(StandardiseError::Shape {
                numbers: values.len(),
                columns: width,
            });
        }
        let blank = Self {
            fields,
            columns: Vec::new(),
        };
        if let Some(at) = values.iter().position(|v| v.is_infinite()) {
            let (row, column) = (at / width, at % width);
            return Err(StandardiseError::Infinite {
                name: blank.name_of(column),
                column,
                row,
            });
        }
        let mut columns = Vec::with_capacity(width);
        let mut pool = Vec::new();
        let mut first = 0;
        for field in &blank.fields {
            let group = if field.shared { field.length } else { 1 };
            pool.clear();
            let rows = values.chunks_exact(width);
            pool.extend(rows.flat_map(|row| &row[first..first + field.columns()]));
            let shape = logarithmic(&mut pool);
            for start in (first..first + field.columns()).step_by(group) {
                pool.clear();
                let rows = values.chunks_exact(width);
                pool.extend(rows.flat_map(|row| &row[start..start + group]));
                columns.extend(std::iter::repeat_n(measure(&mut pool, shape), group));
            }
            let mine = &mut columns[first..];
            // A series has an indicator for each of its columns or for none.
            let missing = mine.iter().any(|c: &Column| c.missing);
            mine.iter_mut().for_each(|c| c.missing = missing);
            first += field.columns();
        }
        Ok(Self { columns, ..blank })
    }

    /// Provides for columns (one truth each) that are missing in rows it was not measured on.
    pub fn allow_missing(&mut self, missing: &[bool]) {
        let mut first = 0;
        for field in &self.fields {
            let range = first..first + field.columns();
            first = range.end;
            // A series has an indicator for each of its columns or for none.
            if missing[range.clone()].contains(&true) {
                self.columns[range]
                    .iter_mut()
                    .for_each(|c| c.missing = true);
            }
        }
    }

    /// Which columns may be missing.
    #[must_use]
    pub fn may_be_missing(&self) -> Vec<bool> {
        self.columns.iter().map(|column| column.missing).collect()
    }

    /// Number of columns read.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.columns.len()
    }

    /// Number of columns written: the network's `given`.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.columns.len() + self.columns.iter().filter(|c| c.missing).count()
    }

    /// The columns read of each field, in order.
    fn ranges(&self) -> impl Iterator<Item = (&Field, Range<usize>)> {
        let mut first = 0;
        self.fields.iter().map(move |field| {
            let range = first..first + field.columns();
            first = range.end;
            (field, range)
        })
    }

    /// Where series lie among the columns written, indicators as further channels.
    #[must_use]
    pub fn series(&self) -> Vec<Series> {
        let mut start = 0;
        let mut series = Vec::new();
        for (field, range) in self.ranges() {
            let missing = self.columns[range.start].missing;
            let channels = field.channels * if missing { 2 } else { 1 };
            if field.length > 1 {
                let (name, length) = (field.name.clone(), field.length);
                series.push(Series {
                    name,
                    start,
                    channels,
                    length,
                });
            }
            start += channels * field.length;
        }
        series
    }

    /// Where the entries of each series lie among the columns written, without times.
    #[must_use]
    pub fn tokens(&self) -> Vec<Tokens> {
        let of = |series: Series, field: &Field| {
            let indicated = series.channels > field.channels;
            let channel = |c: usize| Channel {
                start: series.start + c * series.length,
                missing: indicated.then(|| series.start + (field.channels + c) * series.length),
            };
            Tokens {
                channels: (0..field.channels).map(channel).collect(),
                name: series.name,
                length: series.length,
                times: Vec::new(),
            }
        };
        let fields = self.fields.iter().filter(|field| field.length > 1);
        self.series()
            .into_iter()
            .zip(fields)
            .map(|(s, f)| of(s, f))
            .collect()
    }

    fn name_of(&self, column: usize) -> String {
        let found = self.ranges().find(|(_, range)| range.contains(&column));
        found.map_or_else(String::new, |(field, range)| {
            if field.columns() == 1 {
                field.name.clone()
            } else {
                format!("{}[{}]", field.name, column - range.start)
            }
        })
    }

    /// Standardises `values` (row by row): for each field its columns, then their indicators
    /// (1 where missing) if training rows lacked any.
    ///
    /// # Errors
    /// If the rows are not whole, or a number is missing that never was in training.
    pub fn apply(&self, values: &[f64]) -> Result<Matrix, StandardiseError> {
        let width = self.columns.len();
        if width == 0 || !values.len().is_multiple_of(width) {
            return Err(StandardiseError::Shape {
                numbers: values.len(),
                columns: width,
            });
        }
        let mut out = Matrix::zeros(values.len() / width, self.outputs());
        for (r, row) in values.chunks_exact(width).enumerate() {
            let to = out.row_mut(r);
            let mut at = 0;
            for (_, range) in self.ranges() {
                let count = range.len();
                let indicated = self.columns[range.start].missing;
                for (i, column) in range.enumerate() {
                    let x = row[column];
                    if !x.is_nan() {
                        to[at + i] = self.columns[column].apply(x);
                    } else if indicated {
                        to[at + count + i] = 1.0;
                    } else {
                        let name = self.name_of(column);
                        return Err(StandardiseError::Missing {
                            name,
                            column,
                            row: r,
                        });
                    }
                }
                at += count * if indicated { 2 } else { 1 };
            }
        }
        Ok(out)
    }

    /// The sd of noise for each of the columns written, a share of each entry's own; none for indicators and
    /// columns that never vary.
    #[must_use]
    pub fn noise(&self, share: f32) -> Vec<f32> {
        let mut all = Vec::with_capacity(self.outputs());
        for (_, range) in self.ranges() {
            let own = &self.columns[range];
            all.extend(own.iter().map(|c| if c.scale > 0.0 { share } else { 0.0 }));
            if own[0].missing {
                all.extend(own.iter().map(|_| 0.0));
            }
        }
        all
    }

    /// Where `values` (row by row) lie on the scale of each column read, however far beyond training's
    /// range; NaN where one is missing. Of a column that was constant: its difference from that number.
    ///
    /// # Errors
    /// If the rows are not whole.
    pub fn unbounded(&self, values: &[f64]) -> Result<Vec<f64>, StandardiseError> {
        let width = self.columns.len();
        if width == 0 || !values.len().is_multiple_of(width) {
            return Err(StandardiseError::Shape {
                numbers: values.len(),
                columns: width,
            });
        }
        let columns = self.columns.iter().cycle();
        Ok(values
            .iter()
            .zip(columns)
            .map(|(&x, column)| column.unbounded(x))
            .collect())
    }
}

impl fmt::Display for Standardiser {
    /// One line a column.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, column) in self.columns.iter().enumerate() {
            let name = self.name_of(number);
            if column.scale == 0.0 {
                writeln!(f, "{name}: constant {}", column.centre)?;
                continue;
            }
            let Column { centre, scale, .. } = column;
            match column.shape {
                Shape::Identity => write!(f, "{name}: (x - {centre:.4}) / {scale:.4}")?,
                Shape::Log { width } => write!(
                    f,
                    "{name}: (ln(1 + |x| / {width:.4}) - {centre:.4}) / {scale:.4}"
                )?,
                Shape::SignedLog { middle, width } => write!(
                    f,
                    "{name}: (asinh((x - {middle:.4}) / {width:.4}) - {centre:.4}) / {scale:.4}"
                )?,
            }
            writeln!(
                f,
                "{}",
                if column.missing {
                    ", 0 and indicated where missing"
                } else {
                    ""
                }
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::column::mean_and_sd;
    use super::*;
    use gnomon_mechanism::random::{Purpose, Stream};

    /// Counts that span orders of magnitude get a logarithm, all entries of a series the same one;
    /// a series that can be negative does not.
    #[test]
    fn counts_over_orders_of_magnitude_get_a_logarithm() {
        let counts: Vec<f64> = (0..400).map(|i| f64::from(i % 40).exp2().floor()).collect();
        let series = |name| vec![Field::series(name, 1, 2, false)];
        let fitted = Standardiser::fit(series("cases"), &counts).unwrap();
        let log = |c: &Column| c.shape == Shape::Log { width: 1.0 };
        assert!(fitted.columns.iter().all(log));
        let signed: Vec<f64> = counts.iter().map(|x| x - 1.0).map(|x| -x).collect();
        let fitted = Standardiser::fit(series("change"), &signed).unwrap();
        assert!(!fitted.columns.iter().any(log));
    }

    fn normals(n: usize, index: u64) -> Vec<f64> {
        let mut stream = Stream::new(21, Purpose::CLAIM, index);
        (0..n).map(|_| stream.normal()).collect()
    }

    /// Mean and sd of standardised columns are 0 and 1 whatever the scale.
    #[test]
    fn wild_scales_become_tame() {
        for scale in [1e-30, 1e-12, 1.0, 1e15, 1e30] {
            let x: Vec<f64> = normals(4000, 0).iter().map(|z| scale * (3.0 + z)).collect();
            let heavy: Vec<f64> = normals(4000, 1)
                .iter()
                .map(|z| scale * (3.0 * z).exp())
                .collect();
            for (values, is_heavy) in [(x, false), (heavy, true)] {
                let s = Standardiser::fit(vec![Field::scalar("x")], &values).unwrap();
                let is_log = s.columns[0].shape != Shape::Identity;
                assert_eq!(is_log, is_heavy, "{s}");
                let out = s.apply(&values).unwrap();
                let (mean, sd) = mean_and_sd(out.values().iter().map(|&v| f64::from(v)));
                assert!(mean.abs() < 1e-5 && (sd - 1.0).abs() < 1e-5, "{mean} {sd}");
                assert!(out.values().iter().all(|v| v.abs() < 8.0));
                let far = s.apply(&[1e300 * scale.min(1.0), -1e300]).unwrap();
                assert!(far.values().iter().all(|v| v.is_finite()));
            }
        }
    }

    #[test]
    fn constants_missing_numbers_and_series_have_their_columns() {
        let nan = f64::NAN;
        let rows = [
            [7.0, 1.0, nan, 3.0, 5.0],
            [7.0, 2.0, 4.0, 4.0, 6.0],
            [7.0, 3.0, 6.0, nan, 9.0],
        ];
        let fields = vec![
            Field::scalar("constant"),
            Field::series("s", 1, 3, true),
            Field::scalar("y"),
        ];
        let s = Standardiser::fit(fields, &rows.concat()).unwrap();
        assert_eq!((s.inputs(), s.outputs()), (5, 8));
        let series = Series {
            name: "s".into(),
            start: 1,
            channels: 2,
            length: 3,
        };
        assert_eq!(s.series(), [series]);
        let out = s.apply(&rows.concat()).unwrap();
        assert_eq!(out.row(0)[0], 0.0);
        assert_eq!(&out.row(0)[4..7], [0.0, 1.0, 0.0]);
        assert_eq!(&out.row(2)[4..7], [0.0, 0.0, 1.0]);
        assert_eq!(out.row(0)[2], 0.0);
        // One centre and scale for the series: equal values, equal numbers.
        assert_eq!(out.row(0)[3], out.row(2)[1]);
        assert_eq!(out.row(1)[2], out.row(1)[3]);
        let mut lacking = rows[1];
        lacking[4] = nan;
        let error = s.apply(&lacking).unwrap_err();
        assert_eq!(
            error,
            StandardiseError::Missing {
                name: "y".into(),
                column: 4,
                row: 0
            }
        );
        assert!(s.to_string().contains("constant 7"), "{s}");
        let mut s = s;
        s.allow_missing(&[false, false, false, false, true]);
        assert_eq!(&s.apply(&lacking).unwrap().row(0)[7..], [0.0, 1.0]);
    }

    #[test]
    fn zero_heavy_counts_and_infinities() {
        let mut counts = vec![0.0; 900];
        counts.extend((0..100).map(|i| f64::from(i * i)));
        let s = Standardiser::fit(vec![Field::scalar("n")], &counts).unwrap();
        let out = s.apply(&counts).unwrap();
        assert!(out.values().iter().all(|v| v.is_finite() && v.abs() < 10.0));
        assert_ne!(out.row(0), out.row(999));
        let error = Standardiser::fit(vec![Field::scalar("n")], &[0.0, f64::INFINITY]).unwrap_err();
        assert_eq!(error.to_string(), "`n` (column 0) is infinite in row 1");
    }
}
