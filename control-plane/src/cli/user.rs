//! `gatepass user`: on a server; and, for whoever can write to it, on the data folder.

mod change;
mod create;
mod data;
mod import;
mod list;
mod revoke;
mod show;

use clap::Subcommand;

/// What `gatepass user` does.
#[derive(Clone, Debug, Subcommand)]
pub enum UserCommand {
    /// Add a person
    Create(create::CreateArgs),
    /// List people by name
    List(list::ListArgs),
    /// Show a person
    Show(show::ShowArgs),
    /// Change a person's role, names or groups
    Update(change::UpdateArgs),
    /// Stop a person's tokens and sign-ins; they work again when the person is activated
    Deactivate(change::SwitchArgs),
    /// Let a person's tokens and sign-ins work again
    Activate(change::SwitchArgs),
    /// End all tokens of a person for good
    RevokeTokens(revoke::RevokeArgs),
    /// Add and change people as a file says, CSV or JSON: all of it or nothing
    Import(import::ImportArgs),
    /// On the data folder: set a password, the first line of standard input: 12 to 128 characters, no control characters
    SetPassword(data::UserArgs),
    /// On the data folder: make a token with control_plane for an active admin, valid for 24 hours, in `recovery-token` there
    Recover(data::UserArgs),
}

/// Does what the command line says.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn execute(command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Create(args) => create::execute(args).await,
        UserCommand::List(args) => list::execute(args).await,
        UserCommand::Show(args) => show::execute(args).await,
        UserCommand::Update(args) => change::update(args).await,
        UserCommand::Deactivate(args) => change::switch(args, false).await,
        UserCommand::Activate(args) => change::switch(args, true).await,
        UserCommand::RevokeTokens(args) => revoke::execute(args).await,
        UserCommand::Import(args) => import::execute(args).await,
        UserCommand::SetPassword(args) => data::set_password(&args).await,
        UserCommand::Recover(args) => data::recover(&args).await,
    }
}
