//! `gatepass source create`, `update` and `delete`.

use clap::Args;
use serde_json::{Map, Value};

use super::show::print;
use crate::cli::client::ServerArgs;
use crate::cli::client::call::Call;
use crate::cli::client::confirm::ConfirmArgs;
use crate::cli::client::failure::Failure;
use crate::cli::client::shown::ShownArgs;
use crate::cli::client::table::plain;
use crate::cli::output;

/// What `gatepass source create` takes.
#[derive(Clone, Debug, Args)]
pub struct CreateArgs {
    /// The name, which never changes: lower-case letters, digits, '-' and '_'
    name: String,
    #[command(flatten)]
    rule: RuleArgs,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    shown: ShownArgs,
}

/// What `gatepass source update` takes. What is not given stays.
#[derive(Clone, Debug, Args)]
pub struct UpdateArgs {
    /// The source's name
    name: String,
    #[command(flatten)]
    rule: RuleArgs,
    /// Name no user exactly
    #[arg(long, conflicts_with = "users")]
    no_users: bool,
    /// Have no prefix
    #[arg(long, conflicts_with = "user_prefix")]
    no_user_prefix: bool,
    /// What it is for; empty for nothing that is said
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Entries of users whom the source could not name any more end
    #[arg(long)]
    end_entries: bool,
    /// Only if the source is still the revision of this ETag, such as '"7"'
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    shown: ShownArgs,
}

/// What `gatepass source delete` takes.
#[derive(Clone, Debug, Args)]
pub struct DeleteArgs {
    /// The source's name
    name: String,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Whom a source may name, and how often.
#[derive(Clone, Debug, Args)]
struct RuleArgs {
    /// A user whom its entries may name, exactly: all of them; may be repeated
    #[arg(long = "user", value_name = "NAME")]
    users: Vec<String>,
    /// And users whose names begin with this and who cannot sign in
    #[arg(long, value_name = "PREFIX")]
    user_prefix: Option<String>,
    /// How many entries it may have [default of a new one: 10000]
    #[arg(long, value_name = "COUNT")]
    max_entries: Option<u32>,
}

impl RuleArgs {
    fn fields(self) -> Map<String, Value> {
        let given = [
            ("users", (!self.users.is_empty()).then(|| self.users.into())),
            ("user_prefix", self.user_prefix.map(Value::from)),
            ("max_entries", self.max_entries.map(Value::from)),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

pub(super) async fn create(args: CreateArgs) -> anyhow::Result<()> {
    let mut new = args.rule.fields();
    new.insert("name".to_owned(), args.name.into());
    new.extend(args.description.map(|text| ("description".to_owned(), text.into())));
    let client = args.shown.server.connect()?;
    print(&client.send(Call::post(&["sources"]).json(&new.into())).await?, args.shown.output)
}

pub(super) async fn update(args: UpdateArgs) -> anyhow::Result<()> {
    let mut patch = args.rule.fields();
    if args.no_users {
        patch.insert("users".to_owned(), Value::Array(Vec::new()));
    }
    if args.no_user_prefix {
        patch.insert("user_prefix".to_owned(), Value::Null);
    }
    let described = args.description.map(|text| Some(text).filter(|text| !text.is_empty()));
    patch.extend(described.map(|text| ("description".to_owned(), text.into())));
    if patch.is_empty() {
        let sentence = "what is to change? --user, --no-users, --user-prefix, --no-user-prefix, --max-entries or --description";
        return Err(Failure::setup(sentence).into());
    }
    if args.end_entries {
        args.confirm
            .ask(&format!("End those entries of source {} that it could not name any more", args.name))?;
        patch.insert("end_entries".to_owned(), true.into());
    }
    let client = args.shown.server.connect()?;
    let call = Call::patch(&["sources", &args.name]).json(&patch.into());
    let call = args.if_match.iter().fold(call, Call::if_match);
    print(&client.send(call).await?, args.shown.output)
}

pub(super) async fn delete(args: DeleteArgs) -> anyhow::Result<()> {
    let client = args.server.connect()?;
    let source = client.send(Call::get(&["sources", &args.name])).await?.json()?;
    let tokens = source["push_tokens"].as_array().map_or(0, Vec::len);
    let entries = plain(&source["entries"]);
    let what = format!("Delete source {} and end its {entries} entries and {tokens} push tokens", args.name);
    args.confirm.ask(&what)?;
    client.send(Call::delete(&["sources", &args.name])).await?;
    output::note(&format!("Source {} is deleted.", plain(&source["name"])));
    Ok(())
}
