//! The coordinates that outputs are learned in: mean 0 and sd 1 over the bank, of their logarithms where
//! that is asked for; columns that never vary are answered exactly.

use crate::error::EmulateError;
use crate::points::Points;
use gnomon_mechanism::elementary::{exp, ln};
use serde::{Deserialize, Serialize};

/// What is learned of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Shape {
    Identity,
    Logarithm,
}

/// One output column: (shape(y) - centre) / scale; scale is 0 for one that never varies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Output {
    centre: f64,
    scale: f64,
}

/// How all output columns are learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Outputs {
    shape: Shape,
    columns: Vec<Output>,
}

impl Outputs {
    /// Measures the columns of a bank, whose numbers are finite, and positive for logarithms.
    pub fn measure(bank: &Points, shape: Shape) -> Self {
        let columns = (0..bank.columns()).map(|column| {
            // A constant column is kept in its own units, to be answered exactly.
            let raw = Output::measure(bank.column(column));
            if shape == Shape::Identity || raw.scale == 0.0 {
                return raw;
            }
            Output::measure(bank.column(column).map(ln))
        });
        Self {
            shape,
            columns: columns.collect(),
        }
    }

    /// Number of outputs.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    fn varying(&self) -> impl Iterator<Item = (usize, &Output)> {
        let all = self.columns.iter().enumerate();
        all.filter(|(_, output)| output.scale > 0.0)
    }

    /// Number of outputs that vary: those of the coordinates.
    pub fn learned(&self) -> usize {
        self.varying().count()
    }

    /// The coordinates of the bank's outputs: rows x outputs that vary.
    pub fn apply(&self, bank: &Points) -> Points {
        let mut learned = Points::zeros(bank.rows(), self.learned());
        for row in 0..learned.rows() {
            let from = bank.row(row);
            let places = learned.row_mut(row).iter_mut();
            for (to, (column, output)) in places.zip(self.varying()) {
                let y = match self.shape {
                    Shape::Identity => from[column],
                    Shape::Logarithm => ln(from[column]),
                };
                *to = (y - output.centre) / output.scale;
            }
        }
        learned
    }

    /// Writes an answer and its spread in the outputs' own units, from those of the coordinates.
    pub fn restore(&self, learned: [&[f64]; 2], values: &mut [f64], spread: &mut [f64]) {
        let mut each = learned[0].iter().zip(learned[1]);
        for (column, output) in self.columns.iter().enumerate() {
            (values[column], spread[column]) = (output.centre, 0.0);
            if output.scale == 0.0 {
                continue;
            }
            let Some((z, sd)) = each.next() else { return };
            let y = output.centre + output.scale * z;
            (values[column], spread[column]) = match self.shape {
                Shape::Identity => (y, output.scale * sd),
                Shape::Logarithm => (exp(y), exp(y) * output.scale * sd),
            };
        }
    }

    /// d output / d coordinate at an answer, output by output; 0 for one that never varies.
    pub fn slopes(&self, values: &[f64]) -> Vec<f64> {
        let each = self.columns.iter().zip(values);
        each.map(|(output, y)| match self.shape {
            Shape::Identity => output.scale,
            Shape::Logarithm => output.scale * y,
        })
        .collect()
    }

    /// The outputs that vary, in order.
    pub fn kept(&self) -> Vec<usize> {
        self.varying().map(|(column, _)| column).collect()
    }
}

impl Output {
    fn measure(values: impl Iterator<Item = f64> + Clone) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.clone().fold(f64::NEG_INFINITY, f64::max);
        let (middle, half) = (0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low);
        if half <= 1e-13 * middle.abs() || half < f64::MIN_POSITIVE {
            let centre = if low == high { low } else { middle };
            return Self { centre, scale: 0.0 };
        }
        // Scaled by the half range first, so that squares neither overflow nor vanish.
        let scaled = values.map(|y| (y - middle) / half);
        let n = scaled.clone().count() as f64;
        let mean = scaled.clone().sum::<f64>() / n;
        let variance = scaled.map(|z| (z - mean).powi(2)).sum::<f64>() / n;
        Self {
            centre: middle + half * mean,
            scale: half * variance.sqrt(),
        }
    }
}

/// Refuses a bank whose outputs have no logarithm.
pub(super) fn check_positive(bank: &Points) -> Result<(), EmulateError> {
    for (row, values) in bank.iter().enumerate() {
        if let Some(column) = values.iter().position(|&y| y <= 0.0) {
            return Err(EmulateError::Bank {
                what: "output",
                row,
                column,
                value: values[column],
                reason: "a logarithm needs positive outputs",
            });
        }
    }
    Ok(())
}
