//! `gatepass user`: work on the data folder, for whoever can write to it.

use clap::{Args, Subcommand};

use super::logging::{self, Level};
use super::storage::StorageArgs;
use super::{output, prompt};
use crate::error::Error;
use crate::way_back;

/// What `gatepass user` does.
#[derive(Clone, Debug, Subcommand)]
pub enum UserCommand {
    /// Set a user's password, the first line of standard input: 12 to 128 characters, no control characters
    SetPassword(UserArgs),
    /// Make a token with control_plane for an active admin, valid for 24 hours, in `recovery-token` in the data folder
    Recover(UserArgs),
}

/// Whose account, and where.
#[derive(Clone, Debug, Args)]
pub struct UserArgs {
    /// The user's name
    pub name: String,
    /// Where the accounts are.
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Level of the log
    #[arg(
        long,
        env = "GATEPASS_LOG",
        default_value = "warn",
        value_name = "LEVEL",
        hide_possible_values = true,
        ignore_case = true
    )]
    pub log: Level,
}

/// Does what the command line says.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn execute(command: UserCommand) -> anyhow::Result<()> {
    let (UserCommand::SetPassword(args) | UserCommand::Recover(args)) = &command;
    logging::init(args.log, logging::Format::Auto);
    let context = args.storage.open().await?;
    let nobody = |error| match error {
        Error::NotFound(_) => {
            anyhow::anyhow!("there is no user {:?} in {}", args.name, args.storage.place())
        }
        other => other.into(),
    };
    match &command {
        UserCommand::SetPassword(args) => {
            let password = prompt::read_password(&format!("New password of {}: ", args.name)).await?;
            way_back::set_password(&context, &args.name, &password).await.map_err(nobody)?;
            output::print(&format!("The password of {} has been changed.\n", args.name))?;
        }
        UserCommand::Recover(args) => {
            let file = way_back::recover(&context, &args.name).await.map_err(nobody)?;
            output::print(&format!(
                "A token for {}, valid for 24 hours, is in {}. Delete the file once you have it.\n",
                args.name,
                file.display()
            ))?;
        }
    }
    context.store.close().await;
    Ok(())
}
