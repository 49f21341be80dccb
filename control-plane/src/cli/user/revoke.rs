//! `gatepass user revoke-tokens`.

use clap::Args;

use crate::cli::audit::Output;
use crate::cli::client::call::Call;
use crate::cli::client::confirm::ConfirmArgs;
use crate::cli::client::shown::ShownArgs;
use crate::cli::client::table::plain;
use crate::cli::output;
use crate::domain::terminal::harmless;

/// What `gatepass user revoke-tokens` takes.
#[derive(Clone, Debug, Args)]
pub struct RevokeArgs {
    /// The person's name
    name: String,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    shown: ShownArgs,
}

pub(super) async fn execute(args: RevokeArgs) -> anyhow::Result<()> {
    let client = args.shown.server.connect()?;
    args.confirm.ask(&format!("Revoke all tokens of {}", args.name))?;
    let answer = client.send(Call::delete(&["users", &args.name, "tokens"])).await?;
    let text = match args.shown.output {
        Output::Json => answer.text()?,
        Output::Table => {
            format!(
                "{} tokens of {} were revoked.\n",
                plain(&answer.json()?["revoked"]),
                harmless(&args.name)
            )
        }
    };
    Ok(output::print(&text)?)
}
