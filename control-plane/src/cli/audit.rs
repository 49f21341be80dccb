//! `gatepass audit`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use super::output;
use crate::app;
use crate::audit;
use crate::data_folder::DataFolder;
use crate::domain::audit::Head;

/// What `gatepass audit` does.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Print all entries as JSON lines and check that none was edited, removed or made without the key
    Verify(VerifyArgs),
}

/// What `gatepass audit verify` takes.
#[derive(Clone, Debug, Args)]
pub struct VerifyArgs {
    /// A head that the log showed: with it, a cut tail is found as well
    #[arg(long, value_name = "SEQ:MAC")]
    pub expect: Option<Head>,
    /// Folder of the database
    #[arg(long, env = "GATEPASS_DATA_DIR", default_value = "data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
}

/// Does what the command line says.
///
/// # Errors
/// The first entry that breaks the chain, or a sentence that says what to do.
pub async fn execute(command: AuditCommand) -> anyhow::Result<()> {
    let AuditCommand::Verify(args) = command;
    let context = app::open(DataFolder::open_existing(&args.data_dir)?).await?;
    let mut printed = Ok(());
    // Without a reader the verification goes on: its verdict is the exit code too.
    let print = |entry: &audit::EntryView| {
        let line = serde_json::to_string(entry).unwrap_or_default();
        if printed.is_ok() {
            printed = output::print(&format!("{line}\n"));
        }
    };
    let found = audit::verify(context.store.as_ref(), &context.audit_key, args.expect, print).await?;
    context.store.close().await;
    printed.context("cannot print the entries")?;
    match found {
        Ok(head) => output::print(&format!("The audit is whole. Head: {head}\n"))?,
        Err(found) => bail!("{found}"),
    }
    Ok(())
}
