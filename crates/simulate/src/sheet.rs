//! The states of a block of simulations at the asked times.

use crate::failure::Failure;

/// Row-major: simulation, asked time, component (states, then flows accumulated since the start).
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    pub values: Vec<f64>,
    pub failures: Vec<Option<Failure>>,
    pub asked: usize,
    pub components: usize,
}

impl Sheet {
    pub fn new(rows: usize, asked: usize, components: usize) -> Self {
        Self {
            values: vec![f64::NAN; rows * asked * components],
            failures: vec![None; rows],
            asked,
            components,
        }
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
