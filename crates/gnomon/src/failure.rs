//! Why a command failed: what the user reads, and the exit code.

use gnomon_infer::InferError;
use gnomon_mechanism::model::Program;
use miette::Diagnostic;

use crate::{file, interrupt};

/// A command's failure.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Failure {
    /// A study, mechanism or data file is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Study(Box<gnomon_mechanism::ReadError>),
    /// Something outside the study: disk, permissions.
    #[error("{0}")]
    Outside(String),
    /// A wish that the study cannot fulfil.
    #[error("{message}")]
    Refused {
        /// What is wrong.
        message: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// A program could not simulate.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Program(Box<gnomon_mechanism::ReadError>),
    /// Simulating failed.
    #[error("{message}")]
    Simulation {
        /// What is wrong.
        message: String,
        /// What to do.
        #[help]
        help: Option<String>,
    },
    /// Learning failed.
    #[error("learning {network} failed: {reason}")]
    Learning {
        /// Which network.
        network: String,
        /// Why.
        reason: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// A bank or model is damaged or foreign.
    #[error("{message}")]
    Damaged {
        /// What is wrong.
        message: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// With `--strict`: not all claims survived, or an alarm was raised.
    #[error("{0}")]
    Strict(String),
    /// The user pressed Ctrl-C.
    #[error("interrupted; what is done is kept")]
    #[diagnostic(help("run the same command again to go on from here"))]
    Interrupted,
}

impl Failure {
    /// The exit code, as `gnomon --help` lists them.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Outside(_) => 1,
            Self::Refused { .. } | Self::Study(_) => 3,
            Self::Simulation { .. } | Self::Program(_) => 4,
            Self::Learning { .. } => 5,
            Self::Damaged { .. } => 6,
            Self::Strict(_) => 7,
            Self::Interrupted => interrupt::EXIT_CODE,
        }
    }

    /// A wish that the study cannot fulfil, and what to do.
    pub fn refused(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Refused {
            message: message.into(),
            help: help.into(),
        }
    }

    /// A failure of the simulator.
    pub fn simulation(error: impl std::fmt::Display) -> Self {
        if interrupt::requested() {
            return Self::Interrupted;
        }
        Self::Simulation {
            message: error.to_string(),
            help: None,
        }
    }

    /// Why nothing could be drawn from the region of a round.
    pub fn region(error: InferError) -> Self {
        match error {
            InferError::Interrupted => Self::Interrupted,
            InferError::NoRegion => Self::Learning {
                network: "the region of a round".into(),
                reason: error.to_string(),
                help: "ask for fewer `[simulate] rounds`, or for more simulations, so that each round \
                       learns better"
                    .into(),
            },
            error => Self::damaged(error, "learn anew"),
        }
    }

    /// A failure of a program.
    pub fn program(program: &Program, message: impl Into<String>, help: impl Into<String>) -> Self {
        if interrupt::requested() {
            return Self::Interrupted;
        }
        let error = match &program.place {
            Some((source, at)) => source.error(*at, message, "this program"),
            None => gnomon_mechanism::ReadError::new(message),
        };
        Self::Program(Box::new(error.with_help(help)))
    }

    /// A bank or model that cannot be used, and what to do.
    pub fn damaged(message: impl std::fmt::Display, help: impl Into<String>) -> Self {
        Self::Damaged {
            message: message.to_string(),
            help: help.into(),
        }
    }
}

impl From<gnomon_mechanism::ReadError> for Failure {
    fn from(error: gnomon_mechanism::ReadError) -> Self {
        Self::Study(Box::new(error))
    }
}

impl From<file::WriteError> for Failure {
    fn from(error: file::WriteError) -> Self {
        Self::Outside(error.to_string())
    }
}

impl From<gnomon_bank::BankError> for Failure {
    fn from(error: gnomon_bank::BankError) -> Self {
        use gnomon_bank::BankError as Bank;
        match error {
            Bank::DiskFull { .. } | Bank::Io { .. } | Bank::Locked { .. } => {
                Self::Outside(error.to_string())
            }
            Bank::Import { .. } | Bank::Extension { .. } | Bank::NoColumn { .. } => Self::refused(
                error.to_string(),
                "`gnomon bank --help` says what can be given",
            ),
            Bank::NotABank { .. } => Self::refused(
                error.to_string(),
                "`gnomon simulate STUDY` fills a study's bank; `gnomon bank import` takes simulations you have",
            ),
            _ => Self::damaged(
                error,
                "move what is named above out of the folder; `gnomon simulate STUDY` makes it again",
            ),
        }
    }
}
