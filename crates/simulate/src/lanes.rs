//! Many simulations side by side: expressions -> [`LaneTape`] -> [`run`] over a [`Frame`].
//!
//! A frame is a list of slots; a slot holds one number for each of `W` lanes (a lane is one
//! simulation). Slots are, in order: time, states, what else the tape reads, constants,
//! temporaries; behind them lie the outputs, wherever the caller wants them. Every instruction is
//! one loop over the lanes of its slots, and no instruction mixes lanes, so a simulation gets the
//! same bits whatever lanes it shares and however wide the registers are.

mod interpreter;
mod random;
mod tape;

pub(crate) use interpreter::dispatched;
pub use interpreter::{InstructionSet, run};
pub(crate) use random::Streams;
pub use tape::{LaneTape, Plan};

/// The number of lanes that solvers use.
pub const WIDTH: usize = 64;

/// One number for each of `W` simulations.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub struct Lanes<const W: usize>(pub [f64; W]);

impl<const W: usize> Lanes<W> {
    /// The same number in every lane.
    #[must_use]
    pub const fn all(value: f64) -> Self {
        Self([value; W])
    }
}

/// The slots that tapes read and write.
pub type Frame<const W: usize> = Vec<Lanes<W>>;
