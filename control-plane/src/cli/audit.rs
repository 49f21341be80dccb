//! `gatepass audit`: on the data folder, beside a running server or without one.

mod export;
mod filter;
mod tail;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::app;
use crate::context::Context;
use crate::data_folder::DataFolder;
pub use verify::NotWhole;

/// What `gatepass audit` does.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Show the newest entries, the last one last
    Tail(tail::TailArgs),
    /// Check that no entry was edited, removed or made without the key: exit code 0 if so, 3 if not, 1 if that could not
    /// be found out
    Verify(verify::VerifyArgs),
    /// Write all entries to standard output, newest first
    Export(export::ExportArgs),
}

/// Where the audit is.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// Folder of the database
    #[arg(long, env = "GATEPASS_DATA_DIR", default_value = "data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
}

impl Place {
    async fn open(&self) -> anyhow::Result<Context> {
        Ok(app::open(DataFolder::open_existing(&self.data_dir)?).await?)
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
