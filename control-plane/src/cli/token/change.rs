//! `gatepass token update`, `disable` and `enable`.

use clap::Args;
use serde_json::{Map, Value, json};

use super::show::lines;
use crate::cli::audit::Output;
use crate::cli::client::ServerArgs;
use crate::cli::client::call::Call;
use crate::cli::client::confirm::ConfirmArgs;
use crate::cli::client::failure::Failure;
use crate::cli::output;

/// What `gatepass token update` takes. What is not given stays.
#[derive(Clone, Debug, Args)]
pub struct UpdateArgs {
    /// The token's id
    id: String,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// When it ends: earlier than before, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// What it is good for: a scope within the one before
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// An address, a CIDR or a range a-b that it may be used from: all of them, within those before; may be repeated
    #[arg(long = "allow-ip", value_name = "ADDRESS")]
    allowed_ips: Vec<String>,
    /// Let it manage no longer
    #[arg(long)]
    no_control_plane: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    shown: ShownArgs,
}

/// What `gatepass token disable` and `enable` take.
#[derive(Clone, Debug, Args)]
pub struct SwitchArgs {
    /// The token's id
    id: String,
    #[command(flatten)]
    shown: ShownArgs,
}

#[derive(Clone, Debug, Args)]
struct ShownArgs {
    /// For whom the token is printed as it is now
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn update(args: UpdateArgs) -> anyhow::Result<()> {
    let narrower = [
        ("expires_at", args.expires_at.map(Value::from)),
        ("scope", args.scope.map(Value::from)),
        ("allowed_ips", (!args.allowed_ips.is_empty()).then(|| args.allowed_ips.into())),
        ("control_plane", args.no_control_plane.then(|| false.into())),
    ];
    let mut patch: Map<_, _> =
        narrower.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    let narrows = !patch.is_empty();
    patch.extend(args.description.map(|description| ("description".to_owned(), description.into())));
    if patch.is_empty() {
        let sentence =
            "what is to change? --description, --expires-at, --scope, --allow-ip or --no-control-plane";
        return Err(Failure::setup(sentence).into());
    }
    if narrows {
        args.confirm.ask(&format!("Narrow token {}, which is never widened again", args.id))?;
    }
    patched(&args.id, &patch.into(), &args.shown).await
}

pub(super) async fn switch(args: SwitchArgs, enabled: bool) -> anyhow::Result<()> {
    patched(&args.id, &json!({"enabled": enabled}), &args.shown).await
}

async fn patched(id: &str, patch: &Value, shown: &ShownArgs) -> anyhow::Result<()> {
    let client = shown.server.connect()?;
    let answer = client.send(Call::patch(&["tokens", id]).json(patch)).await?;
    let text = match shown.output {
        Output::Json => answer.text()?,
        Output::Table => lines(&answer.json()?),
    };
    Ok(output::print(&text)?)
}
