//! `gatepass settings`: what admins decide for everyone, on a server.

mod change;
mod get;
mod patch;
mod preview;

use clap::Subcommand;

/// What `gatepass settings` does.
#[derive(Clone, Debug, Subcommand)]
pub enum SettingsCommand {
    /// Show all settings, or some
    Get(get::GetArgs),
    /// Change settings; what is not given stays
    Set(change::SetArgs),
    /// Say what a change would do, and change nothing
    Preview(preview::PreviewArgs),
}

/// Does what the command line says.
///
/// # Errors
/// The server refuses it or does not answer.
pub async fn execute(command: SettingsCommand) -> anyhow::Result<()> {
    match command {
        SettingsCommand::Get(args) => get::execute(args).await,
        SettingsCommand::Set(args) => change::execute(args).await,
        SettingsCommand::Preview(args) => preview::execute(args).await,
    }
}
