//! Points of a space, one a row: where a solver was asked, or what it answered there.

use crate::error::EmulateError;

/// Rows of `columns` numbers each.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Points {
    columns: usize,
    values: Vec<f64>,
}

impl Points {
    /// Points from their rows laid end to end.
    ///
    /// # Errors
    /// [`EmulateError::Shape`] when the numbers do not fill whole rows.
    pub fn new(columns: usize, values: Vec<f64>) -> Result<Self, EmulateError> {
        let whole = values.len().checked_rem(columns).unwrap_or(values.len());
        if whole != 0 {
            return Err(EmulateError::Shape {
                what: "numbers in the last row".into(),
                expected: columns,
                found: whole,
            });
        }
        Ok(Self { columns, values })
    }

    /// So many rows of zeros.
    #[must_use]
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self {
            columns,
            values: vec![0.0; rows * columns],
        }
    }

    /// Number of rows; 0 when there are no columns.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }

    /// Number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// One row, to write.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// All rows in order; none when there are no columns.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f64]> + Clone {
        self.values.chunks_exact(self.columns.max(1))
    }

    /// One column.
    pub fn column(&self, column: usize) -> impl ExactSizeIterator<Item = f64> + Clone + '_ {
        self.iter().map(move |row| row[column])
    }

    /// Adds a row at the end.
    ///
    /// # Errors
    /// [`EmulateError::Shape`] when it has another number of columns.
    pub fn push(&mut self, row: &[f64]) -> Result<(), EmulateError> {
        if row.len() != self.columns {
            return Err(EmulateError::Shape {
                what: "columns of a row".into(),
                expected: self.columns,
                found: row.len(),
            });
        }
        self.values.extend_from_slice(row);
        Ok(())
    }

    /// The rows of these numbers, in their order.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let values = rows.iter().flat_map(|&row| self.row(row)).copied();
        Self {
            columns: self.columns,
            values: values.collect(),
        }
    }

    /// All numbers, row after row.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_whole_and_can_be_picked() {
        assert!(Points::new(2, vec![1.0; 3]).is_err());
        assert!(Points::new(0, vec![1.0]).is_err());
        let mut points = Points::new(2, vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        points.push(&[5.0, 6.0]).unwrap();
        assert!(points.push(&[7.0]).is_err());
        assert_eq!(points.rows(), 3);
        assert_eq!(points.column(1).collect::<Vec<_>>(), [2.0, 4.0, 6.0]);
        assert_eq!(points.select(&[2, 0]).values(), [5.0, 6.0, 1.0, 2.0]);
        assert_eq!(Points::default().iter().len(), 0);
    }
}
