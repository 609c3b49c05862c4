//! A block of simulations: their numbers and parameters.

use crate::lanes::Frame;

/// Simulations that one thread runs together.
pub(crate) struct Block<'a> {
    /// One column a parameter.
    pub parameters: Vec<&'a [f64]>,
    /// The simulations' numbers, which name their random streams.
    pub simulations: &'a [u64],
    pub seed: u64,
}

impl Block<'_> {
    pub fn rows(&self) -> usize {
        self.simulations.len()
    }

    /// Fills the first slots of a frame with the parameters of `rows`; unused lanes repeat the
    /// last row, so that they hold numbers that make sense.
    pub fn load_parameters<const W: usize>(&self, rows: &[usize], frame: &mut Frame<W>) {
        for (slot, column) in frame.iter_mut().zip(&self.parameters) {
            for (lane, value) in slot.0.iter_mut().enumerate() {
                let row = rows.get(lane).or(rows.last());
                *value = row.map_or(0.0, |&row| column[row]);
            }
        }
    }
}
