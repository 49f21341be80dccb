//! `gatepass settings set`.

use clap::Args;
use serde_json::{Map, Value};

use super::patch::PatchArgs;
use super::{get, preview};
use crate::cli::audit::Output;
use crate::cli::client::call::Call;
use crate::cli::client::confirm::ConfirmArgs;
use crate::cli::client::table::plain;
use crate::cli::client::{Client, ServerArgs};
use crate::cli::output;
use crate::domain::settings::APPLY_BOUND;
use crate::domain::terminal::harmless;

/// What `gatepass settings set` takes.
#[derive(Clone, Debug, Args)]
pub struct SetArgs {
    #[command(flatten)]
    patch: PatchArgs,
    /// Only if the settings are still those of this `ETag`
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
    #[command(flatten)]
    confirm: ConfirmArgs,
    /// For whom the settings are printed; `json` is one object, as REST gives it
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn execute(args: SetArgs) -> anyhow::Result<()> {
    let patch = args.patch.patch()?;
    let client = args.server.connect()?;
    let mut tag = args.if_match.clone();
    if patch.get(APPLY_BOUND) == Some(&Value::Bool(true)) {
        tag = asked(&client, &patch, tag, args.confirm).await?;
    }
    let mut call = Call::patch(&["settings"]).merge_patch(&patch.clone().into());
    if let Some(tag) = tag {
        call = call.if_match(tag);
    }
    let answer = client.send(call).await?;
    if args.output == Output::Json {
        return Ok(output::print(&answer.text()?)?);
    }
    let updated: Map<String, Value> = answer.read()?;
    let changed = updated.iter().filter(|(name, _)| patch.contains_key(*name));
    output::print(&get::table(&changed.map(|(name, value)| (name.clone(), value.clone())).collect()))?;
    for warning in updated.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        output::note(&format!("Warning: {}.", harmless(&plain(warning))));
    }
    let existing =
        |name: &str| updated.get("existing_tokens").and_then(|counts| counts[name].as_u64()).unwrap_or(0);
    let (ended, shortened) = (existing("ended"), existing("shortened"));
    if ended > 0 || shortened > 0 {
        output::note(&format!("{ended} tokens have ended, {shortened} end sooner."));
    }
    Ok(())
}

/// Has the person see what becomes of tokens, and say yes to just that: the tag of what was shown.
async fn asked(
    client: &Client,
    patch: &Map<String, Value>,
    tag: Option<String>,
    confirm: ConfirmArgs,
) -> anyhow::Result<Option<String>> {
    let answer = preview::ask(client, patch, tag).await?;
    let preview = answer.json()?;
    let count = |name: &str| plain(&preview[name]["tokens"]);
    let (ended, shortened) = (count("tokens_ended"), count("tokens_shortened"));
    confirm.ask(&format!("End {ended} tokens, and have {shortened} end sooner"))?;
    Ok(answer.etag().map(str::to_owned))
}
