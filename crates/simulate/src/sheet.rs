//! The states of a block of simulations at the asked times.

use crate::failure::Failure;

/// Row-major: simulation, asked time, component (states, then flows accumulated since the start).
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    pub values: Vec<f64>,
    pub failures: Vec<Option<Failure>>,
    pub asked: usize,
    pub components: usize,
    /// Evaluations of the dynamics' expressions that it took, over all rows since it was made.
    pub evaluations: u64,
}

impl Sheet {
    pub fn new(asked: usize, components: usize) -> Self {
        Self {
            values: Vec::new(),
            failures: Vec::new(),
            asked,
            components,
            evaluations: 0,
        }
    }

    /// Makes it an empty sheet of `rows` rows. Rows are filled in order of time, and one that is not
    /// finished is known by NaN at its last time; what stands before that is left from other rows.
    pub fn clear(&mut self, rows: usize) {
        let width = self.asked * self.components;
        self.values.resize(rows * width, f64::NAN);
        if width > 0 {
            for row in self.values.chunks_exact_mut(width) {
                row[width - self.components..].fill(f64::NAN);
            }
        }
        self.failures.clear();
        self.failures.resize(rows, None);
    }

    /// All numbers of `row`.
    pub fn row(&self, row: usize) -> &[f64] {
        let width = self.asked * self.components;
        &self.values[row * width..(row + 1) * width]
    }

    /// The components of `row` at asked time number `asked`.
    #[inline(always)]
    pub fn at_mut(&mut self, row: usize, asked: usize) -> &mut [f64] {
        let start = (row * self.asked + asked) * self.components;
        &mut self.values[start..start + self.components]
    }

    /// Marks a row as failed: its numbers become NaN.
    pub fn fail(&mut self, row: usize, failure: Failure) {
        let width = self.asked * self.components;
        self.values[row * width..(row + 1) * width].fill(f64::NAN);
        self.failures[row] = Some(failure);
    }

    /// Forgets a failure, to run the row again.
    pub fn retry(&mut self, row: usize) {
        self.failures[row] = None;
    }
}
