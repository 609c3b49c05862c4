//! Why one simulation failed (a row of the batch), and why a whole call did.

use thiserror::Error;

/// How the reason of a simulation begins that broke a condition of acceptance.
pub const REJECTED: &str = "not accepted by";

/// Why one simulation has no result. It never stops the others.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Failure {
    /// The solver needed more steps than the mechanism allows.
    #[error("more than {steps} steps")]
    StepLimit {
        /// The mechanism's limit.
        steps: u32,
    },
    /// The error control asked for steps that time can no longer resolve.
    #[error("the step size vanished at time {time}")]
    StepTooSmall {
        /// Where it happened.
        time: f64,
    },
    /// A steady state is asked for, but something still moves.
    #[error("{state} still moves at time {time}: no steady state is reached by then")]
    NotAtRest {
        /// The state that moves most.
        state: String,
        /// The end of the solver's horizon.
        time: f64,
    },
    /// Something became infinite or not a number.
    #[error("{what} is not finite")]
    NonFinite {
        /// What it is.
        what: String,
    },
    /// A distribution has an argument that it cannot have.
    #[error("{what} cannot be drawn: its {argument} must be {must_be}")]
    Impossible {
        /// The observed entry.
        what: String,
        /// The argument's name.
        argument: String,
        /// As in "positive".
        must_be: String,
    },
    /// Events set each other off without end.
    #[error("events set each other off without end at time {time}")]
    EventStorm {
        /// Where it happened.
        time: f64,
    },
    /// A jump process made more jumps than are allowed.
    #[error("more than {jumps} jumps")]
    JumpLimit {
        /// The limit.
        jumps: u64,
    },
    /// A time-dependent rate exceeded its declared bound.
    #[error("the rate of {reaction} exceeds its bound at time {time}")]
    RateAboveBound {
        /// The reaction's name.
        reaction: String,
        /// Where it happened.
        time: f64,
    },
    /// A rate was negative.
    #[error("the rate of {reaction} is negative at time {time}")]
    NegativeRate {
        /// The reaction's name.
        reaction: String,
        /// Where it happened.
        time: f64,
    },
    /// It breaks a condition of the mechanism's [accept].
    #[error("{REJECTED} `{rule}`")]
    NotAccepted {
        /// The condition's name.
        rule: String,
    },
    /// A program said so, or broke.
    #[error("{0}")]
    Program(String),
}

impl Failure {
    pub(crate) fn non_finite(what: impl Into<String>) -> Self {
        Self::NonFinite { what: what.into() }
    }
}

/// Why a call could not be carried out at all.
#[derive(Debug, Error)]
pub enum SimulateError {
    /// The mechanism cannot be run this way.
    #[error("{0}")]
    Unsupported(String),
    /// The columns given do not fit the mechanism.
    #[error("{0}")]
    Columns(String),
    /// An external program's run was given up.
    #[error(transparent)]
    Program(#[from] crate::program::ProgramError),
}
