//! `gatepass token create` and `rotate`: the secret is shown this once.

use clap::Args;
use serde_json::{Map, Value, json};

use super::show::lines;
use crate::cli::audit::Output;
use crate::cli::client::answer::Answer;
use crate::cli::client::call::Call;
use crate::cli::client::confirm::ConfirmArgs;
use crate::cli::client::shown::print_secret;
use crate::cli::client::{Client, ServerArgs};

/// What `gatepass token create` takes.
#[derive(Clone, Debug, Args)]
pub struct CreateArgs {
    /// What it is for
    description: String,
    /// The owner, who must exist [default: whoever asks]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// How long it lives: P6M, P1Y, P2Y or never; days such as P30D if the settings allow that [default: the longest that is
    /// allowed, at most a year]
    #[arg(long, value_name = "DURATION")]
    valid_for: Option<String>,
    /// When exactly it ends, such as 2027-01-31T00:00:00Z, if the settings allow that
    #[arg(long, value_name = "TIME", conflicts_with = "valid_for")]
    expires_at: Option<String>,
    /// What it is good for: a scope of the settings [default: every request]
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// An address, a CIDR or a range a-b that it may be used from; may be repeated [default: every address]
    #[arg(long = "allow-ip", value_name = "ADDRESS")]
    allowed_ips: Vec<String>,
    /// Let it manage, by REST and by this program
    #[arg(long)]
    control_plane: bool,
    #[command(flatten)]
    shown: ShownArgs,
}

/// What `gatepass token rotate` takes.
#[derive(Clone, Debug, Args)]
pub struct RotateArgs {
    /// The token's id
    id: String,
    /// How long the old secret still works, at most 7 days: PT1H, P1D [default: it ends at once]
    #[arg(long, value_name = "DURATION")]
    grace: Option<String>,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    shown: ShownArgs,
}

#[derive(Clone, Debug, Args)]
struct ShownArgs {
    /// For whom it is printed: with `table` the secret alone goes to standard output and the rest to standard error; `json` is
    /// one object, as REST gives it
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn execute(args: CreateArgs) -> anyhow::Result<()> {
    let mut wish = Map::from_iter([("description".to_owned(), args.description.into())]);
    let optional = [
        ("user", args.user.map(Value::from)),
        ("valid_for", args.valid_for.map(Value::from)),
        ("expires_at", args.expires_at.map(Value::from)),
        ("scope", args.scope.map(Value::from)),
        ("allowed_ips", (!args.allowed_ips.is_empty()).then(|| args.allowed_ips.into())),
        ("control_plane", args.control_plane.then(|| true.into())),
    ];
    wish.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let client = args.shown.server.connect()?;
    let answer = client.send(Call::post(&["tokens"]).json(&wish.into())).await?;
    show(&client, &answer, args.shown.output)
}

pub(super) async fn rotate(args: RotateArgs) -> anyhow::Result<()> {
    let client = args.shown.server.connect()?;
    let call = Call::post(&["tokens", &args.id, "rotate"]);
    let call = match &args.grace {
        Some(grace) => call.json(&json!({"grace": grace})),
        None => call,
    };
    let end = match &args.grace {
        Some(grace) => format!("will end after {grace}"),
        None => "ends at once".to_owned(),
    };
    args.confirm.ask(&format!("Rotate token {}, whose present secret {end}", args.id))?;
    let answer = client.send(call).await?;
    show(&client, &answer, args.shown.output)
}

fn show(client: &Client, answer: &Answer, form: Output) -> anyhow::Result<()> {
    print_secret(client, answer, form, ("token", lines))
}
