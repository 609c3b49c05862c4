//! How much memory the simulations that are learned from may take, and what for.

use super::feeding::FEWEST_ROWS;
use crate::context::Context;
use crate::memory;

/// Memory for the simulations that are learned from.
#[derive(Clone, Copy)]
pub(super) struct Budget {
    pub bytes: u64,
    /// Networks, with all members.
    networks: u64,
}

impl Budget {
    /// Bytes of one number while all are read, standardised and given to networks.
    pub const EACH: u64 = 24;
    /// Rows that judge a network: more would tell no more.
    const HELD_OUT: u64 = 50_000;
    /// Rows that columns are measured on.
    const SAMPLE: u64 = 100_000;
    /// Bytes of the largest window: more would mix rows no better.
    const WINDOW: u64 = 64 << 20;

    /// What the study allows, or half of what the machine has, for so many networks.
    pub fn new(context: &Context, networks: usize) -> Self {
        let bytes = context.study.learn.memory;
        Self {
            bytes: bytes.unwrap_or_else(|| memory::available() / 2),
            networks: networks as u64,
        }
    }

    /// The rows of `columns` numbers that all networks together can keep in `part` of the memory.
    fn rows(self, part: f64, bytes: u64, columns: usize) -> u64 {
        (self.bytes as f64 * part) as u64 / (bytes * columns.max(1) as u64)
    }

    /// Rows that judge a network.
    pub fn held_out(self, columns: usize) -> u64 {
        let most = self.rows(0.125, 8, columns) / self.networks.max(1);
        most.clamp(FEWEST_ROWS, Self::HELD_OUT)
    }

    /// Rows that columns are measured on.
    pub fn sample(self, columns: usize) -> u64 {
        self.rows(0.0625, 8, columns)
            .clamp(FEWEST_ROWS, Self::SAMPLE)
    }

    /// Rows of a window of `columns` numbers: two windows of every network fill half of the memory.
    pub fn window(self, columns: usize) -> u64 {
        let most = self.rows(0.25, 4, columns) / self.networks.max(1);
        most.min(Self::WINDOW / (4 * columns.max(1) as u64))
    }
}
