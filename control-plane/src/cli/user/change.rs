//! `gatepass user update`, `deactivate` and `activate`.

use clap::Args;
use serde_json::{Map, Value, json};

use super::show::print;
use crate::cli::client::call::Call;
use crate::cli::client::failure::Failure;
use crate::cli::client::shown::ShownArgs;

/// What `gatepass user update` takes. What is not given stays.
#[derive(Clone, Debug, Args)]
pub struct UpdateArgs {
    /// The person's name
    name: String,
    /// user, token_manager or admin
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// How the person is shown; empty for not at all
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Where mail goes; empty for nowhere
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// A group that the person is in: all of them, in place of those before; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Out of all groups
    #[arg(long, conflicts_with = "groups")]
    no_groups: bool,
    #[command(flatten)]
    shown: ShownArgs,
}

/// What `gatepass user deactivate` and `activate` take.
#[derive(Clone, Debug, Args)]
pub struct SwitchArgs {
    /// The person's name
    name: String,
    #[command(flatten)]
    shown: ShownArgs,
}

pub(super) async fn update(args: UpdateArgs) -> anyhow::Result<()> {
    let text = |text: String| if text.is_empty() { Value::Null } else { text.into() };
    let changes = [
        ("role", args.role.map(Value::from)),
        ("display_name", args.display_name.map(text)),
        ("email", args.email.map(text)),
        ("groups", (args.no_groups || !args.groups.is_empty()).then(|| args.groups.into())),
    ];
    let patch: Map<_, _> =
        changes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    if patch.is_empty() {
        let sentence = "what is to change? --role, --display-name, --email, --group or --no-groups";
        return Err(Failure::setup(sentence).into());
    }
    patched(&args.name, &patch.into(), &args.shown).await
}

pub(super) async fn switch(args: SwitchArgs, active: bool) -> anyhow::Result<()> {
    patched(&args.name, &json!({"active": active}), &args.shown).await
}

async fn patched(name: &str, patch: &Value, shown: &ShownArgs) -> anyhow::Result<()> {
    let client = shown.server.connect()?;
    print(&client.send(Call::patch(&["users", name]).json(patch)).await?, shown.output)
}
