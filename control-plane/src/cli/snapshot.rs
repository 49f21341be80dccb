//! `gatepass snapshot`: between the forms of a plugin configuration, and what a server has proxies enforce.

mod diff;
mod push;
mod report;
mod show;

use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use gatepass::compact;
use tokio::task::spawn_blocking;

use super::output;
use crate::data_folder::write_private;
use report::Report;

/// What `gatepass snapshot` does.
#[derive(Clone, Debug, Subcommand)]
pub enum SnapshotCommand {
    /// Write a configuration in the compact encoding
    Encode(EncodeArgs),
    /// Write a configuration as JSON to read, whatever its form
    Decode(DecodeArgs),
    /// Tell what is in a configuration, and check the names of its chunks
    Inspect(InspectArgs),
    /// Show what a server has proxies enforce, as JSON
    Show(show::ShowArgs),
    /// Tell what differs between two configurations, or between what a server has proxies enforce and a file
    Diff(diff::DiffArgs),
    /// Ask a server to make the entries of a file what is in force of a source, once the difference was shown
    Push(push::PushArgs),
}

/// What `gatepass snapshot encode` takes.
#[derive(Clone, Debug, Args)]
pub struct EncodeArgs {
    /// Keep the JSON and put only the tokens, as base64, into its `token_set`: for hosts that carry no bytes
    #[arg(long)]
    pub base64_in_json: bool,
    /// The configuration, in any form; standard input if it is absent or `-`
    #[arg(value_name = "INPUT")]
    pub input: Option<PathBuf>,
    /// Where the result goes; standard output if it is absent or `-`
    #[arg(short, long, value_name = "OUTPUT")]
    pub output: Option<PathBuf>,
}

/// What `gatepass snapshot decode` takes.
#[derive(Clone, Debug, Args)]
pub struct DecodeArgs {
    /// The configuration, in any form; standard input if it is absent or `-`
    #[arg(value_name = "INPUT")]
    pub input: Option<PathBuf>,
    /// Where the result goes; standard output if it is absent or `-`
    #[arg(short, long, value_name = "OUTPUT")]
    pub output: Option<PathBuf>,
}

/// What `gatepass snapshot inspect` takes.
#[derive(Clone, Debug, Args)]
pub struct InspectArgs {
    /// The configuration, in any form; standard input if it is absent or `-`
    #[arg(value_name = "INPUT")]
    pub input: Option<PathBuf>,
}

/// Does what the command line says.
///
/// # Errors
/// The first field for which the filter would refuse the configuration, a chunk under a wrong name, or what cannot be
/// read or written.
pub async fn execute(command: SnapshotCommand) -> anyhow::Result<()> {
    match command {
        SnapshotCommand::Encode(args) => spawn_blocking(move || encode(&args)).await?,
        SnapshotCommand::Decode(args) => spawn_blocking(move || decode(&args)).await?,
        SnapshotCommand::Inspect(args) => spawn_blocking(move || inspect(&args)).await?,
        SnapshotCommand::Show(args) => show::execute(args).await,
        SnapshotCommand::Diff(args) => diff::execute(args).await,
        SnapshotCommand::Push(args) => push::execute(args).await,
    }
}

fn encode(args: &EncodeArgs) -> anyhow::Result<()> {
    let output = named(args.output.as_deref());
    if output.is_none() && !args.base64_in_json && io::stdout().is_terminal() {
        bail!("the compact encoding is no text for a terminal: name a file with --output");
    }
    let configuration = compact::decode(&read(args.input.as_deref())?)?;
    let bytes = if args.base64_in_json {
        serde_json::to_vec(&compact::encode_in_json(&configuration)?)?
    } else {
        compact::encode(&configuration)?
    };
    write(output, &bytes)
}

fn decode(args: &DecodeArgs) -> anyhow::Result<()> {
    let configuration = compact::decode(&read(args.input.as_deref())?)?;
    let mut json = serde_json::to_vec_pretty(&configuration)?;
    json.push(b'\n');
    write(named(args.output.as_deref()), &json)
}

fn inspect(args: &InspectArgs) -> anyhow::Result<()> {
    let report = Report::of(&read(args.input.as_deref())?)?;
    output::print(&report.to_string()).context("cannot print what is in the configuration")?;
    if !report.misnamed.is_empty() {
        bail!("{}: the name is not the SHA-256 of the bytes", report.misnamed.join(", "));
    }
    Ok(())
}

/// `-` stands for no file.
pub(super) fn named(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| *path != Path::new("-"))
}

pub(super) fn read(input: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    if let Some(path) = named(input) {
        return fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
    Ok(bytes)
}

/// Writes all or nothing. A file is the owner's alone: it tells every token's digest and owner.
pub(super) fn write(output: Option<&Path>, bytes: &[u8]) -> anyhow::Result<()> {
    let Some(path) = output else {
        return output::print_bytes(bytes).context("cannot write to standard output");
    };
    // What is replaced should be a file: a rename would put one in a device's or a pipe's place.
    if path.symlink_metadata().is_ok_and(|there| !there.is_file()) {
        bail!("{} is no regular file: name another --output", path.display());
    }
    Ok(write_private(path, bytes)?)
}
