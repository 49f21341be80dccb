//! `gatepass user list`.

use clap::Args;

use crate::cli::audit::Output;
use crate::cli::client::ServerArgs;
use crate::cli::client::call::Call;
use crate::cli::client::pages::{List, PageArgs};
use crate::cli::client::table::{Table, plain};
use crate::cli::output;

/// What `gatepass user list` takes. All conditions must hold; they are those of `GET /users`.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// Only those in whose name, display name or mail address this stands, in any case
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those with this role: user, token_manager or admin
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Only the active ones, or only the others
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
    /// Only those in exactly this group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    #[command(flatten)]
    pages: PageArgs,
    /// For whom they are printed; `json` is one object, as REST gives it
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn execute(args: ListArgs) -> anyhow::Result<()> {
    let call = Call::get(&["users"])
        .queries("search", &args.search)
        .queries("role", &args.role)
        .queries("active", args.active)
        .queries("group", &args.group);
    let client = args.server.connect()?;
    let list = List::of(&client, &call, &args.pages).await?;
    if args.output == Output::Json {
        return Ok(output::print(&list.text()?)?);
    }
    let mut table =
        Table::new(&["NAME", "ROLE", "ACTIVE", "DISPLAY NAME", "EMAIL", "GROUPS", "LAST SIGN-IN"]);
    for user in list.items()? {
        let columns = ["name", "role", "active", "display_name", "email", "groups", "last_sign_in_at"];
        table.row(columns.map(|name| plain(&user[name])));
    }
    output::print(&table.render())?;
    list.note_more();
    Ok(())
}
