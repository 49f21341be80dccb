//! `gatepass settings preview`.

use clap::Args;
use serde_json::{Map, Value};

use super::patch::PatchArgs;
use crate::cli::audit::Output;
use crate::cli::client::answer::Answer;
use crate::cli::client::call::Call;
use crate::cli::client::failure::Failure;
use crate::cli::client::table::{Table, fields, plain};
use crate::cli::client::{Client, ServerArgs};
use crate::cli::output;
use crate::domain::terminal::harmless;

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
    let all = |name: &str| preview[name].as_array().into_iter().flatten();
    let mut text = String::new();
    for refusal in all("refusals") {
        let (code, detail) = (harmless(&plain(&refusal["code"])), harmless(&plain(&refusal["detail"])));
        text.push_str(&format!("It would be refused: {detail} ({code}).\n"));
    }
    for warning in all("warnings") {
        text.push_str(&format!("Warning: {}.\n", harmless(&plain(warning))));
    }
    let mut table = Table::new(&["WHAT", "BEFORE", "AFTER"]);
    let settings = preview["after"].as_object();
    for (name, after) in settings.into_iter().flatten() {
        table.row([name.clone(), preview["before"][name].to_string(), after.to_string()]);
    }
    text.push_str(&match settings.is_some_and(|settings| !settings.is_empty()) {
        true => table.render(),
        false => "No setting would change.\n".to_owned(),
    });
    let effects = effects(preview);
    if !effects.is_empty() {
        text.push('\n');
        text.push_str(&fields(effects.iter().map(|(name, told)| (name.as_str(), told.clone()))));
    }
    text
}

/// What it would do besides, each under a name.
fn effects(preview: &Value) -> Vec<(String, String)> {
    let all = |name: &str| preview[name].as_array().into_iter().flatten();
    let mut found = Vec::new();
    let mut tell = |name: &str, told: String| found.push((name.to_owned(), told));
    let address = &preview["your_address"];
    if !address["refused_by"].is_null() {
        tell(
            "your address",
            format!("{}: refused by {}", plain(&address["ip"]), plain(&address["refused_by"])),
        );
    }
    for (name, told) in [
        ("passwords_cut_off", "those that go upstream would be refused"),
        ("passwords_let_through", "those that are refused would go upstream"),
    ] {
        if preview[name] == true {
            tell("passwords", told.to_owned());
        }
    }
    for (name, shown) in [
        ("scopes_removed", "scope removed"),
        ("paths_protected", "path protected"),
        ("paths_unprotected", "path unprotected"),
    ] {
        for one in all(name) {
            let path = || format!("{} {}", plain(&one["path"]), except(one)).trim_end().to_owned();
            tell(shown, if one.is_object() { path() } else { plain(one) });
        }
    }
    for (name, shown) in GROUPS {
        let group = &preview[name];
        if group["tokens"].as_u64().unwrap_or(0) > 0 {
            let (tokens, users) = (plain(&group["tokens"]), plain(&group["users"]));
            tell(shown, format!("{tokens} tokens of {users} users{}", yours(group)));
        }
    }
    if preview["tokens_beyond_max_validity"].as_u64().unwrap_or(0) > 0 {
        tell("beyond max_validity", format!("{} tokens", plain(&preview["tokens_beyond_max_validity"])));
    }
    found
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
    if own { ", the one that you ask with among them" } else { "" }
}
