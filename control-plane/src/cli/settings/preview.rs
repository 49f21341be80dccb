//! `gatepass settings preview`.

use clap::Args;
use serde_json::{Map, Value};

use super::patch::PatchArgs;
use crate::cli::audit::Output;
use crate::cli::client::answer::Answer;
use crate::cli::client::call::Call;
use crate::cli::client::failure::Failure;
use crate::cli::client::table::{Table, plain};
use crate::cli::client::{Client, ServerArgs};
use crate::cli::output;

/// What `gatepass settings preview` takes.
#[derive(Clone, Debug, Args)]
pub struct PreviewArgs {
    #[command(flatten)]
    patch: PatchArgs,
    /// For whom it is printed; `json` is one object, as REST gives it
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn execute(args: PreviewArgs) -> anyhow::Result<()> {
    let patch = args.patch.patch()?;
    let client = args.server.connect()?;
    let answer = ask(&client, &patch, None).await?;
    let text = match args.output {
        Output::Json => answer.text()?,
        Output::Table => lines(&answer.json()?),
    };
    Ok(output::print(&text)?)
}

/// What `patch` would do to the settings, if they are still those of `tag`.
pub(super) async fn ask(
    client: &Client,
    patch: &Map<String, Value>,
    tag: Option<String>,
) -> Result<Answer, Failure> {
    let call = Call::post(&["settings", "preview"]).merge_patch(&patch.clone().into());
    client.send(tag.into_iter().fold(call, Call::if_match)).await
}

/// What it would do, what is worst first; what it would not do is left out.
fn lines(preview: &Value) -> String {
    let mut table = Table::new(&["WHAT", "", ""]);
    let all = |name: &str| preview[name].as_array().into_iter().flatten();
    for refusal in all("refusals") {
        table.row(["refused".to_owned(), plain(&refusal["code"]), plain(&refusal["detail"])]);
    }
    for warning in all("warnings") {
        table.row(["warning".to_owned(), plain(warning), String::new()]);
    }
    for (name, after) in preview["after"].as_object().into_iter().flatten() {
        table.row([name.clone(), preview["before"][name].to_string(), format!("→ {after}")]);
    }
    let address = &preview["your_address"];
    if !address["refused_by"].is_null() {
        table.row([
            "your address".to_owned(),
            plain(&address["ip"]),
            format!("refused by {}", plain(&address["refused_by"])),
        ]);
    }
    for (name, told) in [
        ("passwords_cut_off", "passwords that go upstream would be refused"),
        ("passwords_let_through", "passwords that are refused would go upstream"),
    ] {
        if preview[name] == true {
            table.row(["passwords".to_owned(), told.to_owned(), String::new()]);
        }
    }
    for name in ["scopes_removed", "paths_protected", "paths_unprotected"] {
        for one in all(name) {
            let one =
                if one.is_object() { format!("{} {}", plain(&one["path"]), except(one)) } else { plain(one) };
            table.row([name.replace('_', " "), one.trim_end().to_owned(), String::new()]);
        }
    }
    for (name, told) in GROUPS {
        let group = &preview[name];
        if group["tokens"].as_u64().unwrap_or(0) > 0 {
            let count = format!("{} tokens of {} users", plain(&group["tokens"]), plain(&group["users"]));
            table.row([told.to_owned(), count, yours(group).to_owned()]);
        }
    }
    if preview["tokens_beyond_max_validity"].as_u64().unwrap_or(0) > 0 {
        let count = format!("{} tokens", plain(&preview["tokens_beyond_max_validity"]));
        table.row(["beyond max_validity".to_owned(), count, String::new()]);
    }
    table.render()
}

const GROUPS: [(&str, &str); 5] = [
    ("tokens_ended", "ended"),
    ("tokens_shortened", "end sooner"),
    ("tokens_cut_off", "cut off"),
    ("tokens_working_again", "work again"),
    ("tokens_used_from_outside", "used from outside"),
];

fn except(change: &Value) -> String {
    match plain(&change["except"]).as_str() {
        "-" => String::new(),
        some => format!("except {some}"),
    }
}

fn yours(group: &Value) -> &'static str {
    let own = group["first"].as_array().is_some_and(|first| first.iter().any(|token| token["yours"] == true));
    if own { "the one that you ask with is among them" } else { "" }
}
