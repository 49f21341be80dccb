//! `gatepass user create`.

use clap::Args;
use serde_json::{Map, Value};

use super::show::print;
use crate::cli::client::call::Call;
use crate::cli::client::shown::ShownArgs;

/// What `gatepass user create` takes.
#[derive(Clone, Debug, Args)]
pub struct CreateArgs {
    /// The name, which never changes and is never given to another
    name: String,
    /// user, token_manager or admin
    #[arg(long, default_value = "user", value_name = "ROLE")]
    role: String,
    /// How the person is shown
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Where mail goes
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// A group that the person is in; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    #[command(flatten)]
    shown: ShownArgs,
}

pub(super) async fn execute(args: CreateArgs) -> anyhow::Result<()> {
    let mut new =
        Map::from_iter([("name".to_owned(), args.name.into()), ("role".to_owned(), args.role.into())]);
    let optional = [
        ("display_name", args.display_name.map(Value::from)),
        ("email", args.email.map(Value::from)),
        ("groups", (!args.groups.is_empty()).then(|| args.groups.into())),
    ];
    new.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let client = args.shown.server.connect()?;
    print(&client.send(Call::post(&["users"]).json(&new.into())).await?, args.shown.output)
}
