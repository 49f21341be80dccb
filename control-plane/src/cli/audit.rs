//! `gatepass audit`: what a server tells of it; and, with `--data`, the data folder, beside a running server or without one.

mod export;
mod filter;
mod tail;
mod verify;

use clap::{Args, Subcommand, ValueEnum};

use super::client::failure::Failure;
use super::client::{Client, ServerArgs};
use super::storage::StorageArgs;
use crate::context::Context;
pub use verify::NotWhole;

/// What `gatepass audit` does.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Show the newest entries, the last one last
    Tail(tail::TailArgs),
    /// On the data folder: check that no entry was edited, removed or made without the key: exit code 0 if so, 3 if not, 1 if
    /// that could not be found out
    Verify(verify::VerifyArgs),
    /// Write all entries to standard output, newest first
    Export(export::ExportArgs),
}

/// Where the audit is.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// Where the database is.
    #[command(flatten)]
    pub storage: StorageArgs,
}

impl Place {
    async fn open(&self) -> anyhow::Result<Context> {
        Ok(self.storage.open().await?)
    }
}

/// Whom to ask: a server, or the data folder.
#[derive(Clone, Debug, Args)]
struct Source {
    /// Read the data folder of this machine, with or without a server that runs, in place of asking a server
    #[arg(long)]
    data: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    server: ServerArgs,
}

impl Source {
    /// The server that is meant.
    fn connect(&self) -> Result<Client, Failure> {
        self.server.connect().map_err(|failure| match failure {
            Failure::Setup(sentence) => {
                Failure::Setup(format!("{sentence} (--data reads the data folder of this machine)"))
            }
            other => other,
        })
    }
}

/// For whom it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Does what the command line says.
///
/// # Errors
/// The first entry that breaks the chain, or a sentence that says what to do.
pub async fn execute(command: AuditCommand) -> anyhow::Result<()> {
    match command {
        AuditCommand::Tail(args) => tail::execute(args).await,
        AuditCommand::Verify(args) => verify::execute(args).await,
        AuditCommand::Export(args) => export::execute(args).await,
    }
}
