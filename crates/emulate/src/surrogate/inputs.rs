//! The coordinates that inputs are learned in: [-1, 1] over the bank; the logarithm first where positive
//! numbers span orders of magnitude; columns that never vary are left out.

use crate::error::EmulateError;
use crate::points::Points;
use gnomon_mechanism::elementary::ln;
use serde::{Deserialize, Serialize};

/// A positive column is taken in logarithms where its 95 % quantile is at least so many times its 25 %
/// quantile (of a uniform column from 0 it is 3.8 times).
const SPAN: f64 = 20.0;

/// How one input column is read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Input {
    /// It was this number in every row, and is left out.
    Constant(f64),
    /// (x - centre) / half.
    Linear { centre: f64, half: f64 },
    /// (ln x - centre) / half.
    Logarithm { centre: f64, half: f64 },
}

/// How all input columns are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Inputs {
    columns: Vec<Input>,
}

impl Inputs {
    /// Measures the columns of a bank, whose numbers are finite.
    pub fn measure(bank: &Points) -> Self {
        let columns = (0..bank.columns()).map(|column| {
            let mut sorted: Vec<f64> = bank.column(column).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            Input::measure(&sorted)
        });
        Self {
            columns: columns.collect(),
        }
    }

    /// Columns of the bank that never vary.
    pub fn dropped(&self) -> Vec<usize> {
        let all = self.columns.iter().enumerate();
        all.filter(|(_, input)| matches!(input, Input::Constant(_)))
            .map(|(column, _)| column)
            .collect()
    }

    /// Columns of the bank that vary, in order: those of the coordinates.
    pub fn kept(&self) -> Vec<usize> {
        let all = self.columns.iter().enumerate();
        all.filter(|(_, input)| !matches!(input, Input::Constant(_)))
            .map(|(column, _)| column)
            .collect()
    }

    /// Number of columns of a query.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// The coordinates of some queries: rows x columns that vary.
    pub fn apply(&self, queries: &Points) -> Result<Points, EmulateError> {
        if queries.columns() != self.columns.len() {
            return Err(EmulateError::Shape {
                what: "input columns of a query".into(),
                expected: self.columns.len(),
                found: queries.columns(),
            });
        }
        let kept = self.kept();
        let mut values = Vec::with_capacity(queries.rows() * kept.len());
        for (row, query) in queries.iter().enumerate() {
            for (column, (&value, input)) in query.iter().zip(&self.columns).enumerate() {
                let refused = |reason| EmulateError::Query {
                    row,
                    column,
                    value,
                    reason,
                };
                values.extend(input.apply(value).map_err(refused)?);
            }
        }
        Points::new(kept.len().max(1), values).map(|points| {
            if kept.is_empty() {
                Points::zeros(queries.rows(), 1)
            } else {
                points
            }
        })
    }

    /// d coordinate / d input at a query, for the columns that vary.
    pub fn slopes(&self, query: &[f64]) -> Vec<f64> {
        let each = self.columns.iter().zip(query);
        each.filter_map(|(input, &x)| match *input {
            Input::Constant(_) => None,
            Input::Linear { half, .. } => Some(1.0 / half),
            Input::Logarithm { half, .. } => Some(1.0 / (x * half)),
        })
        .collect()
    }
}

impl Input {
    fn measure(sorted: &[f64]) -> Self {
        let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else {
            return Self::Constant(0.0);
        };
        let middle_and_half =
            |low: f64, high: f64| (0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
        if low > 0.0 && at(0.95) >= SPAN * at(0.25) {
            let (centre, half) = middle_and_half(ln(low), ln(high));
            return Self::Logarithm { centre, half };
        }
        let (centre, half) = middle_and_half(low, high);
        // Below rounding of the middle, spread is noise.
        if half <= 1e-13 * centre.abs() || half < f64::MIN_POSITIVE {
            return Self::Constant(sorted[sorted.len() / 2]);
        }
        Self::Linear { centre, half }
    }

    /// The coordinate; none of a column that is left out.
    fn apply(self, x: f64) -> Result<Option<f64>, &'static str> {
        if !x.is_finite() {
            return Err("an input must be a finite number");
        }
        match self {
            Self::Constant(only) if (x - only).abs() <= 1e-12 * only.abs() => Ok(None),
            Self::Constant(_) => {
                Err("the bank holds one value of this input only, and tells nothing of another")
            }
            Self::Linear { centre, half } => Ok(Some((x - centre) / half)),
            Self::Logarithm { .. } if x <= 0.0 => {
                Err("this input is positive throughout the bank, and learned by its logarithm")
            }
            Self::Logarithm { centre, half } => Ok(Some((ln(x) - centre) / half)),
        }
    }
}
