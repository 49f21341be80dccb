//! `gatepass audit export`.

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::Source;
use super::filter::FilterArgs;
use crate::audit::{Entries, Format};
use crate::cli::client::Client;
use crate::cli::output;
use crate::domain::terminal::harmless_json;

/// Most bytes that are kept until the end of a line comes: more than any entry has.
const MAX_LINE: usize = 16 * 1024 * 1024;

/// What `gatepass audit export` takes.
#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    /// How the entries are written
    #[arg(long, value_enum, default_value = "jsonl", value_name = "FORMAT")]
    format: ExportFormat,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// JSON Lines: each entry exactly as it is
    Jsonl,
    /// For spreadsheets (RFC 4180); what one could take for a formula is defused
    Csv,
}

impl ExportFormat {
    fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }
}

pub(super) async fn execute(args: ExportArgs) -> anyhow::Result<()> {
    if args.source.data { of_data(args).await } else { of_server(&args.source.connect()?, &args).await }
}

async fn of_data(args: ExportArgs) -> anyhow::Result<()> {
    let context = args.source.place.open().await?;
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

/// As it comes, line by line.
async fn of_server(client: &Client, args: &ExportArgs) -> anyhow::Result<()> {
    let mut stream = client.stream(args.filter.ask().query("format", args.format.name())).await?;
    let mut pending = Vec::new();
    while let Some(piece) = stream.next().await? {
        pending.extend_from_slice(&piece);
        let end = pending.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        if end == 0 && pending.len() > MAX_LINE {
            anyhow::bail!("the server's export has a line of more than {MAX_LINE} bytes");
        }
        print(&pending.drain(..end).collect::<Vec<_>>())?;
    }
    print(&pending)
}

fn print(lines: &[u8]) -> anyhow::Result<()> {
    output::print(&harmless_json(&String::from_utf8_lossy(lines))).context("cannot print the entries")
}
