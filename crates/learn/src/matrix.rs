//! A table of numbers: rows are examples.

/// A row-major matrix of f32.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// A matrix of zeros.
    #[must_use]
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self {
            columns,
            values: vec![0.0; rows * columns],
        }
    }

    /// A matrix from its rows laid end to end. The last, incomplete row is dropped.
    #[must_use]
    pub fn new(columns: usize, mut values: Vec<f32>) -> Self {
        let rows = values.len().checked_div(columns).unwrap_or(0);
        values.truncate(rows * columns);
        Self { columns, values }
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
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// One row, to write.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// Makes room for so many rows more.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.values.reserve_exact(rows * self.columns);
    }

    /// Appends a row.
    pub(crate) fn push(&mut self, row: &[f32]) {
        debug_assert_eq!(row.len(), self.columns);
        self.values.extend_from_slice(row);
    }

    /// Removes all rows; keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.values.clear();
    }

    /// All rows, end to end.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All rows, end to end, to write.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}
