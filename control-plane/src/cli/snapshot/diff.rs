//! `gatepass snapshot diff`: what differs between two configurations, or between a server's and a file's.

mod difference;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use gatepass::compact;
use gatepass::config::wire::PluginConfiguration;
use tokio::task::spawn_blocking;

use super::{read, show};
use crate::cli::audit::Output;
use crate::cli::client::ServerArgs;
use crate::cli::client::failure::Failure;
use crate::cli::output;
use difference::Difference;

/// What `gatepass snapshot diff` takes.
#[derive(Clone, Debug, Args)]
pub struct DiffArgs {
    /// The configuration as it would be, in any form; with two, first the one before it. `-` is standard input. With one, what
    /// the server has proxies enforce is the one before it
    #[arg(value_name = "FILE", num_args = 1..=2, required = true)]
    files: Vec<PathBuf>,
    /// End with exit code 7 if they differ
    #[arg(long)]
    exit_code: bool,
    /// For whom it is printed
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn execute(args: DiffArgs) -> anyhow::Result<()> {
    let (before, after) = match args.files.as_slice() {
        [before, after] => (Some(before.clone()), after.clone()),
        [after] => (None, after.clone()),
        _ => return Err(Failure::setup("name one file, or two").into()),
    };
    let before = match before {
        Some(file) => {
            spawn_blocking(move || parsed(&read(Some(&file))?, &file.display().to_string())).await??
        }
        None => {
            let client = args.server.connect()?;
            let answer = show::ask(&client).await?;
            let place = client.address().to_string();
            spawn_blocking(move || parsed(answer.bytes(), &place)).await??
        }
    };
    let (form, exit_code) = (args.output, args.exit_code);
    spawn_blocking(move || {
        let after = parsed(&read(Some(&after))?, &after.display().to_string())?;
        let difference = Difference::between(&before, &after)?;
        output::print(&match form {
            Output::Json => difference.json()?,
            Output::Table => difference.lines(),
        })?;
        if exit_code && !difference.is_none() { Err(Failure::Different.into()) } else { Ok(()) }
    })
    .await?
}

/// What the filter would take, or the first field for which it would not.
fn parsed(bytes: &[u8], place: &str) -> anyhow::Result<PluginConfiguration> {
    compact::decode(bytes).with_context(|| format!("{place} holds no configuration that the filter takes"))
}
