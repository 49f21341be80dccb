//! `gatepass source`: from where CI pushes, on a server. What a source pushes is `gatepass snapshot push`.

mod change;
mod list;
mod show;
mod token;

use clap::Subcommand;

/// What `gatepass source` does.
#[derive(Clone, Debug, Subcommand)]
pub enum SourceCommand {
    /// Make a source
    Create(change::CreateArgs),
    /// List sources by name
    List(list::ListArgs),
    /// Show a source and its push tokens
    Show(show::ShowArgs),
    /// Show what is in force of a source
    Entries(list::EntriesArgs),
    /// Change whom a source may name, how many entries it may have, or what it is for
    Update(change::UpdateArgs),
    /// Delete a source, and with it its entries and push tokens
    Delete(change::DeleteArgs),
    /// Its push tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
}

/// Does what the command line says.
///
/// # Errors
/// The server refuses it or does not answer.
pub async fn execute(command: SourceCommand) -> anyhow::Result<()> {
    match command {
        SourceCommand::Create(args) => change::create(args).await,
        SourceCommand::List(args) => list::execute(args).await,
        SourceCommand::Show(args) => show::execute(args).await,
        SourceCommand::Entries(args) => list::entries(args).await,
        SourceCommand::Update(args) => change::update(args).await,
        SourceCommand::Delete(args) => change::delete(args).await,
        SourceCommand::Token(command) => token::execute(command).await,
    }
}
