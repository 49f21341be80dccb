//! `gatepass token`: on a server, but for `mint`, which needs none.

mod change;
mod create;
mod list;
mod mint;
mod revoke;
pub mod show;

use clap::Subcommand;

/// What `gatepass token` does.
#[derive(Clone, Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token; its secret goes to standard output, this once
    Create(create::CreateArgs),
    /// List tokens: one's own; with a role for it everyone's
    List(Box<list::ListArgs>),
    /// Show a token
    Show(show::ShowArgs),
    /// End a token for good, and with it its whole chain of rotations
    Revoke(revoke::RevokeArgs),
    /// Replace a token by one with another secret, which goes to standard output, this once
    Rotate(create::RotateArgs),
    /// Narrow a token, or say anew what it is for
    Update(change::UpdateArgs),
    /// Switch a token off until it is enabled again
    Disable(change::SwitchArgs),
    /// Switch a token on again
    Enable(change::SwitchArgs),
    /// Make a secret and its SHA-256 here, for a snapshot that is written by hand or by CI; no server is asked
    Mint(mint::MintArgs),
}

/// Does what the command line says.
///
/// # Errors
/// The server refuses it or does not answer.
pub async fn execute(command: TokenCommand) -> anyhow::Result<()> {
    match command {
        TokenCommand::Create(args) => create::execute(args).await,
        TokenCommand::List(args) => list::execute(*args).await,
        TokenCommand::Show(args) => show::execute(args).await,
        TokenCommand::Revoke(args) => revoke::execute(args).await,
        TokenCommand::Rotate(args) => create::rotate(args).await,
        TokenCommand::Update(args) => change::update(args).await,
        TokenCommand::Disable(args) => change::switch(args, false).await,
        TokenCommand::Enable(args) => change::switch(args, true).await,
        TokenCommand::Mint(args) => mint::execute(&args),
    }
}
