//! Settings: show and change.

use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::authority;
use crate::domain::settings::{Settings, SettingsPatch};
use crate::error::Error;
use crate::store::StoredSettings;
use serde_json::Value;

/// Shows the settings.
///
/// # Errors
/// The caller is no admin.
pub async fn show(context: &Context, caller: &Caller) -> Result<StoredSettings, Error> {
    authority::administers(caller.principal())?;
    let mut tx = context.store.read().await?;
    Ok(tx.settings().await?)
}

/// Settings after a change.
pub struct Updated {
    /// The settings that hold now.
    pub stored: StoredSettings,
    /// What the admin should know of them.
    pub warnings: Vec<String>,
    /// What became of the change; `None` when there was none.
    pub committed: Option<Committed>,
}

/// Replaces each given setting whole. `expected` is the version that the caller read, if it said so. What changes
/// nothing makes neither version nor revision.
///
/// # Errors
/// The caller is no admin, another version holds, or a setting is wrong.
pub async fn update(
    context: &Context,
    caller: &Caller,
    patch: &SettingsPatch,
    expected: Option<i64>,
) -> Result<Updated, Error> {
    let (mut change, caller) = Change::by(context, caller).await?;
    authority::administers(caller.principal())?;
    let old = change.settings.clone();
    if expected.is_some_and(|version| version != old.version) {
        return Err(Error::Stale);
    }
    let new = old.settings.patched(patch)?;
    let warnings = warnings(&new, &caller);
    if new == old.settings {
        return Ok(Updated { stored: old, warnings, committed: None });
    }
    refuse_lost_scopes(&mut change, &new).await?;
    refuse_lost_prefixes(&mut change, &new).await?;
    change.tx.replace_settings(&new).await?;
    let stored = change.tx.settings().await?;
    let (before, after) = differences(&old.settings, &new);
    change.record(Action::SettingsUpdated, "settings".to_owned(), &before, &after);
    change.filter_sees_it();
    let committed = change.commit().await?;
    Ok(Updated { stored, warnings, committed: Some(committed) })
}

async fn refuse_lost_scopes(change: &mut Change<'_>, new: &Settings) -> Result<(), Error> {
    let at = change.at();
    let mut lost = change.tx.scopes_in_use(at).await?;
    lost.retain(|name| !new.scopes.0.contains_key(name));
    if lost.is_empty() {
        return Ok(());
    }
    let problem = format!("tokens still use {}: revoke them first, or keep the scopes", lost.join(", "));
    Err(Error::invalid("scopes", problem))
}

/// A token whose prefix is no longer listed is not even looked up, the admin's own as well as everyone's.
async fn refuse_lost_prefixes(change: &mut Change<'_>, new: &Settings) -> Result<(), Error> {
    let at = change.at();
    let mut lost = change.tx.prefixes_in_use(at).await?;
    lost.retain(|prefix| !new.token_prefixes.contains(prefix));
    if lost.is_empty() {
        return Ok(());
    }
    let problem = format!(
        "tokens still begin with {}: keep it in the list, behind the new one, or revoke them first",
        lost.join(", ")
    );
    Err(Error::invalid("token_prefixes", problem))
}

fn warnings(new: &Settings, caller: &Caller) -> Vec<String> {
    let outside = !new.allowed_ips.admits(caller.presented.address);
    let warning = "your own address is outside allowed_ips: the proxy refuses your credentials from here";
    outside.then(|| warning.to_owned()).into_iter().collect()
}

/// Only what differs, before and after.
fn differences(old: &Settings, new: &Settings) -> (Value, Value) {
    let (mut before, mut after) = (fields(old), fields(new));
    before.retain(|name, value| after.get(name) != Some(value));
    after.retain(|name, _| before.contains_key(name));
    (Value::Object(before), Value::Object(after))
}

fn fields(settings: &Settings) -> serde_json::Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    }
}
