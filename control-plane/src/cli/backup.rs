//! `gatepass backup`.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::audit::Output;
use super::output;
use super::storage::StorageArgs;
use crate::backup;
use crate::clock::SystemClock;
use crate::data_folder::DataFolder;

/// What `gatepass backup` takes.
#[derive(Clone, Debug, Args)]
pub struct BackupArgs {
    /// Where the backup goes, 0600; there must be nothing yet. It holds the audit's key and the report key: keep it as you keep
    /// the data folder
    pub file: PathBuf,
    /// Where the database is.
    #[command(flatten)]
    pub storage: StorageArgs,
    /// For whom the result is printed
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    pub output: Output,
}

/// Backs up, beside a running server or without one.
///
/// # Errors
/// A sentence that says what to do; there is no backup then.
pub async fn execute(args: BackupArgs) -> anyhow::Result<()> {
    if args.storage.is_elsewhere() {
        bail!(
            "the database is PostgreSQL's: back it up with pg_dump, and the audit's key with it; see docs/operations.md"
        );
    }
    let folder = DataFolder::open_existing(&args.storage.data_dir)?;
    let key = args.storage.audit_key_file.as_deref();
    let made = backup::make(&folder, key, &args.file, &SystemClock).await?;
    let text = match args.output {
        Output::Json => serde_json::to_string(&made)? + "\n",
        Output::Table => format!(
            "{} holds revision {} of epoch {}, {} bytes, read back and whole.\nThe audit's head: {}\nThe audit's key is {}.\n",
            made.file.display(),
            made.revision,
            made.epoch,
            made.bytes,
            made.audit_head,
            if made.audit_key { "in it" } else { "not in it, since it is kept elsewhere" },
        ),
    };
    Ok(output::print(&text)?)
}
