//! `gatepass snapshot show`: what a server has proxies enforce.

use std::path::PathBuf;

use clap::Args;

use super::{named, write};
use crate::cli::client::answer::Answer;
use crate::cli::client::call::Call;
use crate::cli::client::failure::Failure;
use crate::cli::client::{Client, ServerArgs};

/// Most bytes of a configuration: one with a million tokens has a third of it.
const MOST: usize = 1024 * 1024 * 1024;

/// What `gatepass snapshot show` takes.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// Where the configuration goes, as JSON; standard output if it is absent or `-`
    #[arg(short, long, value_name = "OUTPUT")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn execute(args: ShowArgs) -> anyhow::Result<()> {
    let answer = ask(&args.server.connect()?).await?;
    write(named(args.output.as_deref()), answer.text()?.as_bytes())
}

/// The configuration that `client`'s server has proxies enforce.
pub(super) async fn ask(client: &Client) -> Result<Answer, Failure> {
    client.send(Call::get(&["snapshot"]).most(MOST)).await
}
