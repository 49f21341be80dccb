//! `gatepass token disable` and `enable`.

use clap::Args;
use serde_json::json;

use super::show::lines;
use crate::cli::audit::Output;
use crate::cli::client::ServerArgs;
use crate::cli::client::call::Call;
use crate::cli::output;

/// What they take.
#[derive(Clone, Debug, Args)]
pub struct ChangeArgs {
    /// The token's id
    id: String,
    /// For whom the token is printed as it is now
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn execute(args: ChangeArgs, enabled: bool) -> anyhow::Result<()> {
    let client = args.server.connect()?;
    let call = Call::patch(&["tokens", &args.id]).json(&json!({"enabled": enabled}));
    let answer = client.send(call).await?;
    let text = match args.output {
        Output::Json => answer.text()?,
        Output::Table => lines(&answer.json()?),
    };
    Ok(output::print(&text)?)
}
