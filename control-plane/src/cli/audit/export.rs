//! `gatepass audit export`.

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::Place;
use super::filter::FilterArgs;
use crate::audit::{Entries, Format};
use crate::cli::output;

/// What `gatepass audit export` takes.
#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    /// How the entries are written
    #[arg(long, value_enum, default_value = "jsonl", value_name = "FORMAT")]
    format: ExportFormat,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// JSON Lines: each entry exactly as it is
    Jsonl,
    /// For spreadsheets (RFC 4180); what one could take for a formula is defused
    Csv,
}

pub(super) async fn execute(args: ExportArgs) -> anyhow::Result<()> {
    let context = args.place.open().await?;
    let format = match args.format {
        ExportFormat::Jsonl => Format::JsonLines,
        ExportFormat::Csv => Format::Csv,
    };
    let mut entries = Entries::new(args.filter.into());
    output::print(&format.head())?;
    while let Some(page) = entries.next(context.store.as_ref()).await? {
        let lines: String = page.iter().map(|entry| format.line(entry)).collect();
        output::print(&lines).context("cannot print the entries")?;
    }
    context.store.close().await;
    Ok(())
}
