//! Why a command on a server failed, and which exit code says so: docs/cli.md lists them.

use super::address::Address;
use super::problem::Problem;
use crate::domain::terminal::harmless;

/// It failed, for another reason than those below.
pub const FAILED: u8 = 1;
/// The command line does not say enough, or too much; nothing was asked of a server.
pub const USAGE: u8 = 2;
/// The server does not know the caller, or does not let it.
pub const REFUSED: u8 = 3;
/// There is none, or the caller may not know of it.
pub const NOT_FOUND: u8 = 4;
/// What is there stands in the way, or has changed meanwhile.
pub const CONFLICT: u8 = 5;
/// No answer, or none for the moment: it may work later.
pub const UNREACHABLE: u8 = 6;
/// `snapshot diff --exit-code`: they differ.
pub const DIFFERENT: u8 = 7;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something is missing or wrong here.
    #[error("{0}")]
    Setup(String),
    /// The person said no.
    #[error("not done")]
    Declined,
    /// There is no answer.
    #[error("cannot reach {server}: {}", harmless(problem))]
    Unreachable {
        /// Which server.
        server: Address,
        /// Why.
        problem: String,
    },
    /// The server says no.
    #[error("{0}")]
    Told(Box<Problem>),
    /// The server sends on to another place. The token is not for that one.
    #[error("{server} sends on to {}, and a token is sent on nowhere: correct --server", harmless(place))]
    Redirected {
        /// Which server.
        server: Address,
        /// Where to.
        place: String,
    },
    /// An answer that no server of ours gives.
    #[error("{server} gives no answer of a Gatepass server: {}", harmless(problem))]
    Strange {
        /// Which server.
        server: Address,
        /// What is wrong with it.
        problem: String,
    },
    /// Two snapshots differ, and the exit code is to say so.
    #[error("they differ")]
    Different,
}

impl Failure {
    /// Something is missing or wrong here, as a sentence that says what to do.
    pub fn setup(sentence: impl Into<String>) -> Self {
        Self::Setup(sentence.into())
    }

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Setup(_) => USAGE,
            Self::Declined | Self::Redirected { .. } | Self::Strange { .. } => FAILED,
            Self::Unreachable { .. } => UNREACHABLE,
            Self::Told(problem) => problem.exit_code(),
            Self::Different => DIFFERENT,
        }
    }
}
