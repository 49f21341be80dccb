//! `gatepass user set-password` and `recover`: work on the data folder, for whoever can write to it.

use clap::Args;

use crate::cli::logging::{self, Level};
use crate::cli::storage::StorageArgs;
use crate::cli::{output, prompt};
use crate::context::Context;
use crate::error::Error;
use crate::way_back;

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

impl UserArgs {
    async fn open(&self) -> anyhow::Result<Context> {
        logging::init(self.log, logging::Format::Auto);
        Ok(self.storage.open().await?)
    }

    fn told(&self, error: Error) -> anyhow::Error {
        match error {
            Error::NotFound(_) => {
                anyhow::anyhow!("there is no user {:?} in {}", self.name, self.storage.place())
            }
            other => other.into(),
        }
    }
}

pub(super) async fn set_password(args: &UserArgs) -> anyhow::Result<()> {
    let context = args.open().await?;
    let password = prompt::read_password(&format!("New password of {}: ", args.name)).await?;
    way_back::set_password(&context, &args.name, &password).await.map_err(|error| args.told(error))?;
    output::print(&format!("The password of {} has been changed.\n", args.name))?;
    context.store.close().await;
    Ok(())
}

pub(super) async fn recover(args: &UserArgs) -> anyhow::Result<()> {
    let context = args.open().await?;
    let file = way_back::recover(&context, &args.name).await.map_err(|error| args.told(error))?;
    output::print(&format!(
        "A token for {}, valid for 24 hours, is in {}. Delete the file once you have it.\n",
        args.name,
        file.display()
    ))?;
    context.store.close().await;
    Ok(())
}
