//! Sources: make, list, show, change, delete. All of it is for admins.

use serde::Deserialize;
use utoipa::ToSchema;

use super::push_tokens::revoke_all_in;
use super::view::{SourceRecord, SourceView};
use super::{change_by_admin, end_entries, target};
use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::context::Context;
use crate::domain::audit::Action;
use crate::domain::authority;
use crate::domain::choice::given;
use crate::domain::source::{
    self, DEFAULT_ENTRIES, MAX_ENTRIES, MAX_SOURCES, MAX_USERS, MIN_PREFIX, NameRule, Source,
};
use crate::domain::text;
use crate::domain::token::Token;
use crate::error::Error;
use crate::schema;
use crate::store::Transaction;

/// What a source is to be.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "team-a", "user_prefix": "ci-a-", "max_entries": 50})))]
pub struct NewSource {
    /// Its name: never changed.
    #[schema(value_type = schema::SourceName)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(value_type = Option<schema::Text>)]
    pub description: Option<String>,
    /// Whom its entries may name, exactly: users who are there, and whose role is `user`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = schema::SourceUsers, required = false)]
    pub users: Option<Vec<String>>,
    /// And whoever's name begins with this, whose role is `user`, and who cannot sign in.
    #[serde(default)]
    #[schema(value_type = Option<schema::UserPrefix>)]
    pub user_prefix: Option<String>,
    /// How many entries it may have; 10,000 without it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = schema::SourceEntries, required = false)]
    pub max_entries: Option<u32>,
}

/// What is to change. A missing field stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourcePatch {
    /// What it is for.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<schema::Text>)]
    pub description: Option<Option<String>>,
    /// Whom its entries may name, exactly.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = schema::SourceUsers, required = false)]
    pub users: Option<Vec<String>>,
    /// And whoever's name begins with this; null is none.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<schema::UserPrefix>)]
    pub user_prefix: Option<Option<String>>,
    /// How many entries it may have. Fewer than there are ends none: the next push has to fit.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = schema::SourceEntries, required = false)]
    pub max_entries: Option<u32>,
    /// Whether entries end that name somebody whom the source may not name any more; without it, that is 409.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = bool, required = false)]
    pub end_entries: Option<bool>,
}

/// Makes a source.
///
/// # Errors
/// The caller is no admin, the name is taken, or a field is wrong.
pub async fn create(context: &Context, caller: &Caller, new: NewSource) -> Result<SourceView, Error> {
    let (mut change, caller) = Change::by(context, caller).await?;
    authority::administers(caller.principal())?;
    source::check_name(&new.name).map_err(|problem| Error::invalid("name", problem))?;
    let users = rule(new.users.unwrap_or_default(), new.user_prefix);
    let source = Source {
        id: 0,
        name: new.name,
        description: described(new.description)?,
        users,
        max_entries: new.max_entries.unwrap_or(DEFAULT_ENTRIES),
        creator: change.actor().to_owned(),
        created_at: change.at(),
        revision: 0,
        pushed: None,
    };
    check(&mut change, &source, &[]).await?;
    if change.tx.source(&source.name).await?.is_some() {
        let problem = format!("there is a source {}", source.name);
        return Err(Error::Conflict { code: "source_exists", problem });
    }
    if change.tx.sources().await?.len() >= MAX_SOURCES {
        let problem = format!("there are {MAX_SOURCES} sources: delete one first");
        return Err(Error::Conflict { code: "too_many_sources", problem });
    }
    let source = change.tx.insert_source(&source).await?;
    change.record(Action::SourceCreated, target(&source), &(), &SourceRecord::from(&source));
    change.commit().await?;
    Ok(SourceView::new(&source, 0, &[]))
}

/// All sources, by name.
///
/// # Errors
/// The caller is no admin.
pub async fn list(context: &Context, caller: &Caller) -> Result<Vec<SourceView>, Error> {
    authority::administers(caller.principal())?;
    let mut tx = context.store.read().await?;
    let mut views = Vec::new();
    for source in tx.sources().await? {
        views.push(view(tx.as_mut(), &source).await?);
    }
    Ok(views)
}

/// One source.
///
/// # Errors
/// The caller is no admin, or there is none.
pub async fn show(context: &Context, caller: &Caller, name: &str) -> Result<SourceView, Error> {
    authority::administers(caller.principal())?;
    let mut tx = context.store.read().await?;
    let source = tx.source(name).await?.ok_or(Error::NotFound("source"))?;
    view(tx.as_mut(), &source).await
}

async fn view(tx: &mut dyn Transaction, source: &Source) -> Result<SourceView, Error> {
    let entries = tx.count_entries(source.id).await?;
    Ok(SourceView::new(source, entries, &tx.push_tokens_of(source.id).await?))
}

/// Changes a source. `expected` are the revisions of which the caller read one, if it said so. What changes nothing makes no
/// revision.
///
/// # Errors
/// The caller is no admin, there is none, another revision holds, a field is wrong, or entries would be outside that were not
/// said to end.
pub async fn update(
    context: &Context,
    caller: &Caller,
    name: &str,
    patch: SourcePatch,
    expected: Option<&[i64]>,
) -> Result<(SourceView, Option<Committed>), Error> {
    let (mut change, old) = change_by_admin(context, caller, name).await?;
    if expected.is_some_and(|revisions| !revisions.contains(&old.revision)) {
        return Err(Error::Stale);
    }
    let ends_entries = patch.end_entries.unwrap_or(false);
    let new = patched(&old, patch)?;
    check(&mut change, &new, &old.users.exact).await?;
    if new == old {
        return Ok((view(change.tx.as_mut(), &old).await?, None));
    }
    let outside = if new.users == old.users { Vec::new() } else { outside(&mut change, &new).await? };
    if !outside.is_empty() && !ends_entries {
        let problem = format!(
            "{} entries name users whom the source could not name any more: if they are to end, say end_entries",
            outside.len()
        );
        return Err(Error::Conflict { code: "entries_outside", problem });
    }
    end_entries(&mut change, &new, &outside).await?;
    let new = Source { revision: old.revision.saturating_add(1), ..new };
    change.tx.update_source(&new).await?;
    change.record(Action::SourceUpdated, target(&new), &SourceRecord::from(&old), &SourceRecord::from(&new));
    let view = view(change.tx.as_mut(), &new).await?;
    Ok((view, Some(change.commit().await?)))
}

/// Deletes a source: its entries end, and its push tokens.
///
/// # Errors
/// The caller is no admin, or there is none.
pub async fn delete(context: &Context, caller: &Caller, name: &str) -> Result<Committed, Error> {
    let (mut change, source) = change_by_admin(context, caller, name).await?;
    let entries = change.tx.entries(Some(source.id), None, u32::MAX).await?;
    end_entries(&mut change, &source, &entries).await?;
    revoke_all_in(&mut change, &source).await?;
    let at = change.at();
    change.tx.delete_source(source.id, at).await?;
    change.record(Action::SourceDeleted, target(&source), &SourceRecord::from(&source), &());
    change.commit().await
}

fn rule(mut exact: Vec<String>, prefix: Option<String>) -> NameRule {
    exact.sort_unstable();
    exact.dedup();
    NameRule { exact, prefix }
}

fn patched(old: &Source, patch: SourcePatch) -> Result<Source, Error> {
    let exact = patch.users.unwrap_or_else(|| old.users.exact.clone());
    let prefix = patch.user_prefix.unwrap_or_else(|| old.users.prefix.clone());
    let description = patch.description.map(described).transpose()?;
    Ok(Source {
        description: description.unwrap_or_else(|| old.description.clone()),
        users: rule(exact, prefix),
        max_entries: patch.max_entries.unwrap_or(old.max_entries),
        ..old.clone()
    })
}

/// Checks what somebody asks for; `known` are names that the source has already.
async fn check(change: &mut Change<'_>, source: &Source, known: &[String]) -> Result<(), Error> {
    if !source.description.is_empty() {
        text::check(&source.description, &change.settings.settings.prefixes())
            .map_err(|problem| Error::invalid("description", problem))?;
    }
    if !(1..=MAX_ENTRIES).contains(&source.max_entries) {
        return Err(Error::invalid("max_entries", format!("must be a whole number from 1 to {MAX_ENTRIES}")));
    }
    let users = &source.users;
    if users.is_empty() {
        return Err(Error::invalid("users", "name users, or give a user_prefix: a source names no others"));
    }
    if users.exact.len() > MAX_USERS {
        return Err(Error::invalid("users", format!("has more than {MAX_USERS} names")));
    }
    users.prefix.as_deref().map_or(Ok(()), check_prefix)?;
    let new: Vec<&str> =
        users.exact.iter().filter(|name| !known.contains(name)).map(String::as_str).collect();
    let found = change.tx.named_users(&new).await?;
    for name in new {
        let named = found.iter().find(|user| user.name == name);
        let problem = match named {
            None => Err("there is no user of exactly this name: an admin adds one with POST /users"),
            Some(named) => users.check(named),
        };
        problem.map_err(|problem| Error::invalid("users", format!("{name}: {problem}")))?;
    }
    Ok(())
}

fn check_prefix(prefix: &str) -> Result<(), Error> {
    let good = gatepass::names::check_user_name(&format!("{prefix}x")).is_ok();
    if good && prefix.chars().count() >= MIN_PREFIX {
        return Ok(());
    }
    let problem = format!(
        "must have {MIN_PREFIX} to 127 characters and no control character, colon or space at its beginning"
    );
    Err(Error::invalid("user_prefix", problem))
}

/// Entries of people whom the source may not name any more.
async fn outside(change: &mut Change<'_>, source: &Source) -> Result<Vec<Token>, Error> {
    let entries = change.tx.entries(Some(source.id), None, u32::MAX).await?;
    let mut names: Vec<&str> = entries.iter().map(|token| token.owner.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let named = change.tx.named_users(&names).await?;
    let admitted: std::collections::HashSet<String> =
        named.into_iter().filter(|user| source.users.check(user).is_ok()).map(|user| user.name).collect();
    Ok(entries.into_iter().filter(|token| !admitted.contains(&token.owner)).collect())
}

/// A description, or none: an empty one is neither.
fn described(text: Option<String>) -> Result<String, Error> {
    if text.as_ref().is_some_and(String::is_empty) {
        return Err(Error::invalid("description", "must not be empty: leave it out"));
    }
    Ok(text.unwrap_or_default())
}
