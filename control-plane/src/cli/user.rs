//! `gatepass user`: work on the data folder, for whoever can write to it.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::logging;
use crate::app;
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::password::{MAX_LEN, Password};
use crate::way_back;

/// What `gatepass user` does.
#[derive(Clone, Debug, Subcommand)]
pub enum UserCommand {
    /// Set a user's password, read from standard input: one line of 12 to 128 characters, no control characters
    SetPassword(UserArgs),
    /// Make a token with control_plane for an active admin, valid for 24 hours, in `recovery-token` in the data folder
    Recover(UserArgs),
}

/// Whose account, and where.
#[derive(Clone, Debug, Args)]
pub struct UserArgs {
    /// The user's name
    pub name: String,
    /// Folder of the database
    #[arg(long, env = "GATEPASS_DATA_DIR", default_value = "data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Level of the log: error, warn, info, debug, trace
    #[arg(long, env = "GATEPASS_LOG", default_value = "warn", value_name = "LEVEL")]
    pub log: String,
}

/// Does what the command line says.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn execute(command: UserCommand) -> anyhow::Result<()> {
    let (UserCommand::SetPassword(args) | UserCommand::Recover(args)) = &command;
    logging::init(&args.log)?;
    let context = app::open(DataFolder::open_existing(&args.data_dir)?).await?;
    let nobody = |error| match error {
        Error::NotFound(_) => {
            anyhow::anyhow!("there is no user {:?} in {}", args.name, args.data_dir.display())
        }
        other => other.into(),
    };
    match &command {
        UserCommand::SetPassword(args) => {
            let password = read_password()?;
            way_back::set_password(&context, &args.name, &password).await.map_err(nobody)?;
            println!("The password of {} has been changed.", args.name);
        }
        UserCommand::Recover(args) => {
            let file = way_back::recover(&context, &args.name).await.map_err(nobody)?;
            println!(
                "A token for {}, valid for 24 hours, is in {}. Delete the file once you have it.",
                args.name,
                file.display()
            );
        }
    }
    context.store.close().await;
    Ok(())
}

/// One line of standard input.
fn read_password() -> anyhow::Result<Password> {
    let mut text = String::new();
    // Four bytes are the most that a character takes; what is longer is refused by its length.
    let most = u64::try_from(MAX_LEN * 4 + 3).unwrap_or(u64::MAX);
    std::io::stdin()
        .take(most)
        .read_to_string(&mut text)
        .context("cannot read the password from standard input")?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Password::parse(line.strip_suffix('\r').unwrap_or(line))?)
}
