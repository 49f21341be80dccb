//! `gatepass token list`.

use clap::Args;

use super::show::{expiry, scope};
use crate::cli::audit::Output;
use crate::cli::client::ServerArgs;
use crate::cli::client::call::Call;
use crate::cli::client::pages::{List, PageArgs};
use crate::cli::client::table::{Table, plain};
use crate::cli::output;

/// What `gatepass token list` takes. All conditions must hold; they are those of `GET /tokens`.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// Only of this owner; may be repeated
    #[arg(long = "user", value_name = "NAME")]
    users: Vec<String>,
    /// Only made by this user; may be repeated
    #[arg(long = "creator", value_name = "NAME")]
    creators: Vec<String>,
    /// Only those in whose description this stands, in any case
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Only in this state: active, disabled, expired, revoked; may be repeated
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<String>,
    #[command(flatten)]
    times: TimeArgs,
    /// created, last_used, expires, user or description; behind a - for descending
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true)]
    sort: Option<String>,
    #[command(flatten)]
    pages: PageArgs,
    /// For whom they are printed; `json` is one object, as REST gives it
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Clone, Debug, Args)]
struct TimeArgs {
    /// Made then: today, last_7_days, last_30_days, last_90_days
    #[arg(long, value_name = "WHEN")]
    created: Option<String>,
    /// Not made before this time, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    created_from: Option<String>,
    /// Made before this time
    #[arg(long, value_name = "TIME")]
    created_to: Option<String>,
    /// Used last then: the same, and never
    #[arg(long, value_name = "WHEN")]
    last_used: Option<String>,
    /// Used last not before this time
    #[arg(long, value_name = "TIME")]
    last_used_from: Option<String>,
    /// Used last before this time
    #[arg(long, value_name = "TIME")]
    last_used_to: Option<String>,
    /// Ends then: within_7_days, within_30_days, expired, never
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// Does not end before this time
    #[arg(long, value_name = "TIME")]
    expires_from: Option<String>,
    /// Ends before this time
    #[arg(long, value_name = "TIME")]
    expires_to: Option<String>,
}

impl TimeArgs {
    fn ask(&self, call: Call) -> Call {
        let all = [
            ("created", &self.created),
            ("created_from", &self.created_from),
            ("created_to", &self.created_to),
            ("last_used", &self.last_used),
            ("last_used_from", &self.last_used_from),
            ("last_used_to", &self.last_used_to),
            ("expires", &self.expires),
            ("expires_from", &self.expires_from),
            ("expires_to", &self.expires_to),
        ];
        all.into_iter().fold(call, |call, (name, value)| call.queries(name, value))
    }
}

pub(super) async fn execute(args: ListArgs) -> anyhow::Result<()> {
    let call = Call::get(&["tokens"])
        .queries("user", &args.users)
        .queries("creator", &args.creators)
        .queries("description", &args.description)
        .queries("state", &args.states)
        .queries("sort", &args.sort);
    let call = args.times.ask(call);
    let client = args.server.connect()?;
    let list = List::of(&client, &call, &args.pages).await?;
    if args.output == Output::Json {
        return Ok(output::print(&list.text()?)?);
    }
    let mut table =
        Table::new(&["ID", "USER", "DESCRIPTION", "STATE", "EXPIRES", "SCOPE", "LAST USED", "HINT"]);
    for token in list.items()? {
        table.row([
            plain(&token["id"]),
            plain(&token["user"]),
            plain(&token["description"]),
            plain(&token["state"]),
            expiry(&token),
            scope(&token),
            plain(&token["last_used"]["at"]),
            plain(&token["hint"]),
        ]);
    }
    output::print(&table.render())?;
    list.note_more();
    Ok(())
}
