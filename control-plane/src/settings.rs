//! Settings: show, preview and change.

mod bound;
mod preview;
mod refusals;

use serde_json::Value;

use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::authority;
use crate::domain::settings::{Settings, SettingsPatch};
use crate::error::Error;
use crate::snapshot;
use crate::store::StoredSettings;
use crate::suspension;
pub use bound::Cut;
pub(crate) use bound::shorten as shorten_in;
pub(crate) use preview::Group;
pub use preview::{Preview, preview};

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
    /// What the bound did to tokens that there are; nothing unless the patch asked for it.
    pub cut: Cut,
    /// What became of the change; `None` when there was none.
    pub committed: Option<Committed>,
}

/// Merges `patch` into the settings and, if it asks for it, cuts the validity of tokens that there are. `expected` are
/// the versions one of which the caller read, if it said so. What changes nothing makes neither version nor revision.
///
/// # Errors
/// The caller is no admin, another version holds, a setting is wrong, or tokens that have not ended need what would go.
pub async fn update(
    context: &Context,
    caller: &Caller,
    patch: &SettingsPatch,
    expected: Option<&[i64]>,
) -> Result<Updated, Error> {
    let (mut change, caller) = Change::by(context, caller).await?;
    authority::administers(caller.principal())?;
    let old = change.settings.clone();
    let applies_bound = patch.applies_bound()?;
    let new = patched(&old, patch, expected)?;
    if let Some(refusal) = refusals::of(change.tx.as_mut(), &new, change.now).await?.into_iter().next() {
        return Err(refusal.into());
    }
    if new != old.settings {
        snapshot::check_settings(&new)?;
        change.tx.replace_settings(&new).await?;
        suspension::follow_setting(&mut change, &old.settings, &new).await?;
        let (before, after) = differences(&old.settings, &new);
        change.record(Action::SettingsUpdated, "settings".to_owned(), &before, &after);
        change.filter_sees_it();
    }
    let cut = if applies_bound { bound::apply(&mut change, &new).await? } else { Cut::default() };
    let warnings = warnings(&new, &caller);
    let stored = change.tx.settings().await?;
    let nothing = new == old.settings && cut == Cut::default();
    let committed = if nothing { None } else { Some(change.commit().await?) };
    Ok(Updated { stored, warnings, cut, committed })
}

fn patched(old: &StoredSettings, patch: &SettingsPatch, expected: Option<&[i64]>) -> Result<Settings, Error> {
    if expected.is_some_and(|versions| !versions.contains(&old.version)) {
        return Err(Error::Stale);
    }
    Ok(old.settings.patched(patch)?)
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
