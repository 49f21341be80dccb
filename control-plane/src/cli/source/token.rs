//! `gatepass source token`: push tokens. The secret is shown this once.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::cli::audit::Output;
use crate::cli::client::answer::Answer;
use crate::cli::client::call::Call;
use crate::cli::client::confirm::ConfirmArgs;
use crate::cli::client::shown::{ShownArgs, print_secret};
use crate::cli::client::table::{fields, plain};
use crate::cli::client::{Client, ServerArgs};
use crate::cli::output;

/// What `gatepass source token` does.
#[derive(Clone, Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a push token; its secret goes to standard output, this once
    Create(CreateArgs),
    /// Replace a push token by one with another secret, which goes to standard output, this once
    Rotate(RotateArgs),
    /// End a push token for good, with those that it was rotated from and to; what was pushed stays
    Revoke(RevokeArgs),
}

/// What `gatepass source token create` takes.
#[derive(Clone, Debug, Args)]
pub struct CreateArgs {
    /// The source's name
    source: String,
    /// What the push token is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// How long it lives: P6M, P1Y, P2Y, never, or days such as P30D [default: the longest that is allowed, at most a year]
    #[arg(long, value_name = "DURATION")]
    valid_for: Option<String>,
    /// When exactly it ends, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "valid_for")]
    expires_at: Option<String>,
    /// An address, a CIDR or a range a-b that it may push from; may be repeated [default: every address]
    #[arg(long = "allow-ip", value_name = "ADDRESS")]
    allowed_ips: Vec<String>,
    #[command(flatten)]
    shown: ShownArgs,
}

/// What `gatepass source token rotate` takes.
#[derive(Clone, Debug, Args)]
pub struct RotateArgs {
    /// The source's name
    source: String,
    /// The push token's id
    id: String,
    /// How long the old secret still works, at most 7 days: PT1H, P1D [default: it ends at once]
    #[arg(long, value_name = "DURATION")]
    grace: Option<String>,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    shown: ShownArgs,
}

/// What `gatepass source token revoke` takes.
#[derive(Clone, Debug, Args)]
pub struct RevokeArgs {
    /// The source's name
    source: String,
    /// The push token's id
    id: String,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn execute(command: TokenCommand) -> anyhow::Result<()> {
    match command {
        TokenCommand::Create(args) => create(args).await,
        TokenCommand::Rotate(args) => rotate(args).await,
        TokenCommand::Revoke(args) => revoke(args).await,
    }
}

async fn create(args: CreateArgs) -> anyhow::Result<()> {
    let wish = [
        ("description", args.description.map(Value::from)),
        ("valid_for", args.valid_for.map(Value::from)),
        ("expires_at", args.expires_at.map(Value::from)),
        ("allowed_ips", (!args.allowed_ips.is_empty()).then(|| args.allowed_ips.into())),
    ];
    let wish: Map<_, _> =
        wish.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    let client = args.shown.server.connect()?;
    let call = Call::post(&["sources", &args.source, "push-tokens"]).json(&wish.into());
    show(&client, &client.send(call).await?, args.shown.output)
}

async fn rotate(args: RotateArgs) -> anyhow::Result<()> {
    let client = args.shown.server.connect()?;
    let call = Call::post(&["sources", &args.source, "push-tokens", &args.id, "rotate"]);
    let (call, end) = match &args.grace {
        Some(grace) => (call.json(&json!({"grace": grace})), format!("will end after {grace}")),
        None => (call, "ends at once".to_owned()),
    };
    args.confirm.ask(&format!("Rotate push token {}, whose present secret {end}", args.id))?;
    show(&client, &client.send(call).await?, args.shown.output)
}

async fn revoke(args: RevokeArgs) -> anyhow::Result<()> {
    let client = args.server.connect()?;
    args.confirm.ask(&format!("Revoke push token {} of source {}", args.id, args.source))?;
    client.send(Call::delete(&["sources", &args.source, "push-tokens", &args.id])).await?;
    output::note(&format!("Push token {} is revoked.", args.id));
    Ok(())
}

fn show(client: &Client, answer: &Answer, form: Output) -> anyhow::Result<()> {
    print_secret(client, answer, form, ("push token", lines))
}

fn lines(token: &Value) -> String {
    fields([
        ("id", plain(&token["id"])),
        ("description", plain(&token["description"])),
        ("expires", token["expires_at"].as_str().unwrap_or("never").to_owned()),
        ("allowed IPs", plain(&token["allowed_ips"])),
        ("hint", plain(&token["hint"])),
    ])
}
