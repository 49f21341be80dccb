//! `gatepass token revoke`.

use clap::Args;

use crate::cli::client::ServerArgs;
use crate::cli::client::call::Call;
use crate::cli::client::confirm::ConfirmArgs;
use crate::cli::client::table::plain;
use crate::cli::output;

/// What `gatepass token revoke` takes.
#[derive(Clone, Debug, Args)]
pub struct RevokeArgs {
    /// Ids of tokens
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Each of them, in order. The first that fails ends it; those before it are revoked, and said to be.
pub(super) async fn execute(args: RevokeArgs) -> anyhow::Result<()> {
    let client = args.server.connect()?;
    for id in &args.ids {
        let token = client.send(Call::get(&["tokens", id])).await?.json()?;
        let (user, description) = (plain(&token["user"]), plain(&token["description"]));
        args.confirm.ask(&format!("Revoke token {id} of {user} ({description})"))?;
        client.send(Call::delete(&["tokens", id])).await?;
        // With nothing on standard output, scripts have nothing to throw away.
        output::note(&format!("Token {} is revoked.", plain(&token["id"])));
    }
    Ok(())
}
