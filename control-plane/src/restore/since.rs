//! What has ended since a backup was made: the database that it replaces tells, or else what proxies were told last.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use gatepass::config::wire::{PluginConfiguration, StatedRefusal, Token as Told};
use serde::Serialize;
use serde_json::{Value, json};

use super::RestoreError;
use crate::change::Change;
use crate::clock::Clock;
use crate::data_folder::{DataFolder, FolderError, read_private, stage_database};
use crate::delivery::ecds;
use crate::domain::audit::{Action, Head};
use crate::domain::groups::Groups;
use crate::domain::settings::Settings;
use crate::domain::token::Token;
use crate::domain::user::{Identity, Role, User, UserFilter, name_key};
use crate::error::Error;
use crate::settings;
use crate::snapshot::{self, Snapshot};
use crate::sources;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::copy;
use crate::store::unrevoked::Unrevoked;
use crate::store::{Store as _, StoreError, Transaction, Version};
use crate::suspension;
use crate::tokens;
use crate::users::target;

/// Most users that are looked at in one step.
const PAGE: i64 = 500;

/// What to do where nothing tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Every token of the backup ends.
    End,
    /// None was revoked, says the operator.
    Keep,
}

impl Unknown {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::End => "nothing: all tokens were ended",
            Self::Keep => "nothing: all tokens were kept",
        }
    }
}

/// What is known of the time since.
pub struct Since {
    /// What tells it.
    pub place: &'static str,
    /// What proxies were to enforce.
    configuration: PluginConfiguration,
    /// People, if a database tells them.
    people: Vec<Person>,
    /// All settings, if a database tells them.
    settings: Option<Settings>,
}

/// A person as a database knows it.
struct Person {
    user: User,
    /// The password's hash.
    password: Option<String>,
    identities: Vec<Identity>,
}

/// What has ended since, and was ended again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Tokens that were revoked, or changed in a way that is not known.
    pub tokens_revoked: usize,
    /// Tokens whose expiry was brought forward.
    pub tokens_shortened: usize,
    /// People who were deactivated.
    pub users_deactivated: usize,
    /// People whose role was lowered.
    pub roles_lowered: usize,
    /// People who left groups.
    pub groups_left: usize,
    /// People whose password was changed; the newer one counts.
    pub passwords_changed: usize,
    /// Identities of OpenID Connect that people were disconnected from.
    pub identities_removed: usize,
    /// Those of them who stay admins, because there would be none.
    pub admins_kept: Vec<String>,
    /// Sign-ins that the backup holds: all of them.
    pub sessions_ended: u64,
    /// Push tokens of sources that the backup holds: all of them.
    pub push_tokens_ended: u64,
    /// Settings that were changed since. They are those of the backup.
    pub settings_changed: Vec<String>,
}

/// Looks for what tells the time since `backup`, whose audit ends with `head`; `None` if nothing does.
///
/// # Errors
/// What was named holds nothing, or a file cannot be read.
pub async fn find(
    folder: &DataFolder,
    named: Option<&Path>,
    (backup, head): (&Version, Head),
    clock: &dyn Clock,
) -> Result<Option<Since>, RestoreError> {
    if let Some(path) = named {
        return told(path).map(Some);
    }
    if folder.database().metadata().is_ok_and(|file| file.len() > 0) {
        match replaced(folder, head, clock).await {
            Ok(Some(since)) => return Ok(Some(since)),
            // What was delivered last is this other database's.
            Ok(None) => return Ok(None),
            Err(problem) => tracing::warn!(%problem, "the database that is replaced cannot be read"),
        }
    }
    Ok(delivered(folder, backup)?)
}

/// What the file at `path`, written for Envoy or as JSON, tells.
///
/// # Errors
/// It holds nothing of the kind.
pub fn told(path: &Path) -> Result<Since, RestoreError> {
    let content = read_private(path)?.unwrap_or_default();
    let configuration = read(&content).ok_or_else(|| RestoreError::NoConfiguration(path.to_owned()))?;
    Ok(Since { place: "the configuration that was named", configuration, people: Vec::new(), settings: None })
}

fn read(content: &[u8]) -> Option<PluginConfiguration> {
    let json = || PluginConfiguration::from_json(content).ok();
    ecds::configuration(content).or_else(json).filter(|found| found.tokens.is_some())
}

/// What the database in the folder tells, if it has gone on from the backup: the backup's last entry is one of its own.
async fn replaced(folder: &DataFolder, head: Head, clock: &dyn Clock) -> Result<Option<Since>, RestoreError> {
    // A copy: it may have to be brought up to date, and the file itself stays as it is.
    let staged = stage_database(&folder.path().join("gatepass.db.replaced"))?;
    copy::copy(&folder.database(), staged.temporary()).await?;
    let store = SqliteStore::open(staged.temporary()).await?;
    let mut tx = store.read().await?;
    let entry = tx.audit_after(head.seq.saturating_sub(1), 1).await?;
    let went_on = entry.first().is_some_and(|entry| entry.seq == head.seq && entry.mac == head.mac);
    let since = if went_on {
        let configuration = Snapshot::build(tx.as_mut(), None, clock.now()).await?.configuration();
        let people = people(tx.as_mut()).await?;
        let settings = Some(tx.settings().await?.settings);
        Some(Since { place: "the database that was replaced", configuration, people, settings })
    } else {
        None
    };
    drop(tx);
    store.close().await;
    Ok(since)
}

async fn people(tx: &mut dyn Transaction) -> Result<Vec<Person>, StoreError> {
    let mut people = Vec::new();
    for user in users(tx).await? {
        let (password, identities) = (tx.password_hash(user.id).await?, tx.identities_of(user.id).await?);
        people.push(Person { user, password, identities });
    }
    Ok(people)
}

async fn users(tx: &mut dyn Transaction) -> Result<Vec<User>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = tx.users(&UserFilter::default(), after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some(name_key(&last.name));
        all.extend(page);
    }
}

/// Ends every sign-in and every push token: which of them were ended since, nothing tells, people can sign in again, and
/// admins make push tokens again.
///
/// # Errors
/// The database failed.
pub async fn end_sessions(change: &mut Change<'_>, ended: &mut Ended) -> Result<(), Error> {
    for user in users(change.tx.as_mut()).await? {
        ended.sessions_ended += change.tx.remove_sessions_of(user.id, None).await?;
    }
    for source in change.tx.sources().await? {
        ended.push_tokens_ended += sources::revoke_all_in(change, &source).await?;
    }
    Ok(())
}

/// What proxies were told last, if that was after the backup: in its epoch or in one that followed.
fn delivered(folder: &DataFolder, backup: &Version) -> Result<Option<Since>, FolderError> {
    let content = read_private(&folder.ecds_file())?.unwrap_or_default();
    let Some(configuration) = read(&content) else { return Ok(None) };
    let epochs = read_private(&folder.epochs())?.unwrap_or_default();
    let epochs = String::from_utf8_lossy(&epochs).into_owned();
    let epochs: Vec<&str> = epochs.lines().collect();
    let place = |epoch: &str| epochs.iter().rposition(|line| *line == epoch);
    let later = match (place(&backup.epoch), place(&configuration.epoch)) {
        _ if configuration.epoch == backup.epoch => {
            configuration.revision.parse().is_ok_and(|revision: u64| revision >= backup.revision)
        }
        (Some(backup), Some(delivered)) => delivered > backup,
        _ => false,
    };
    let since =
        || Since { place: "what proxies were told last", configuration, people: Vec::new(), settings: None };
    Ok(later.then(since))
}

/// Ends again, in `change`, what has ended since.
///
/// # Errors
/// The database failed.
pub async fn end(change: &mut Change<'_>, since: &Since) -> Result<Ended, Error> {
    let mut ended = Ended::default();
    let told = since.configuration.tokens.iter().flatten();
    let told: HashMap<&str, &Told> = told.map(|token| (token.id.as_str(), token)).collect();
    let mut inactive = BTreeSet::new();
    let mut unrevoked = Unrevoked::at(change.at());
    while let Some(tokens) = unrevoked.next(change.tx.as_mut()).await? {
        for token in tokens {
            let found = told.get(token.id.as_str()).filter(|told| told.sha256 == token.digest.to_string());
            let found = found.filter(|told| is_as_it_was(told, &token));
            if found.is_some_and(|told| told.refuse == Some(StatedRefusal::UserInactive))
                && token.owner_active
            {
                inactive.insert(token.owner.clone());
            }
            end_token(change, token, found.copied(), &mut ended).await?;
        }
    }
    let mut lowered = Vec::new();
    // Where people are known, so is this.
    for name in inactive.into_iter().filter(|_| since.people.is_empty()) {
        lowered.extend(change.tx.user(&name).await?.map(|user| User { active: false, ..user }));
    }
    for Person { user: later, password, identities } in &since.people {
        let Some(user) = change.tx.user(&later.name).await? else { continue };
        if let Some(hash) = password {
            keep_password(change, &user, hash, &mut ended).await?;
        }
        ended.identities_removed += remove_identities(change, &user, identities).await?;
        if later.suspended_at.is_some() && user.suspended_at.is_none() {
            suspension::suspend(change, &user).await?;
        }
        lowered.push(User {
            role: lower_of(user.role, later.role),
            active: user.active && later.active,
            groups: both(&user.groups, &later.groups),
            ..user
        });
    }
    lower(change, lowered, &mut ended).await?;
    ended.settings_changed = changed_settings(change, since);
    Ok(ended)
}

/// Ends a token that was `found` no longer, and lets one that was found end when that did.
async fn end_token(
    change: &mut Change<'_>,
    token: Token,
    found: Option<&Told>,
    ended: &mut Ended,
) -> Result<(), Error> {
    let Some(found) = found else {
        tokens::revoke_in(change, token).await?;
        ended.tokens_revoked += 1;
        return Ok(());
    };
    let expires_at = found.expires_at.and_then(|end| i64::try_from(end.0).ok());
    if let Some(expires_at) = expires_at.filter(|end| token.expires_at.is_none_or(|was| *end < was)) {
        settings::shorten_in(change, token, expires_at).await?;
        ended.tokens_shortened += 1;
    }
    Ok(())
}

/// A token is only ever narrowed, and what to is not always known here: one that is not as it was does not come back.
fn is_as_it_was(told: &Told, token: &Token) -> bool {
    let disabled_since = told.refuse == Some(StatedRefusal::TokenDisabled) && token.disabled.is_none();
    !disabled_since && told.scope == token.scope && told.allowed_ips == token.allowed_ips.to_strings()
}

/// People as they were lowered since; but if no admin were left, the admins stay.
async fn lower(change: &mut Change<'_>, people: Vec<User>, ended: &mut Ended) -> Result<(), Error> {
    let admins = change.tx.active_admins().await?;
    let is_admin = |user: &User| user.role == Role::Admin && user.active;
    let (mut changes, mut admins_lost) = (Vec::new(), Vec::new());
    for after in people {
        let Some(before) = change.tx.user(&after.name).await? else { continue };
        if is_admin(&before) && !is_admin(&after) {
            admins_lost.push(before.name.clone());
        }
        changes.push((before, after));
    }
    let none_left = usize::try_from(admins).is_ok_and(|admins| admins <= admins_lost.len());
    for (before, after) in changes {
        if before == after || none_left && admins_lost.contains(&before.name) {
            continue;
        }
        ended.roles_lowered += usize::from(after.role != before.role);
        ended.users_deactivated += usize::from(after.active != before.active);
        ended.groups_left += usize::from(after.groups != before.groups);
        change.tx.update_user(&after).await?;
        let shown = |user: &User| json!({"role": user.role, "active": user.active, "groups": user.groups});
        change.record(Action::UserUpdated, target(&before), &shown(&before), &shown(&after));
        change.filter_sees_it();
    }
    if none_left {
        ended.admins_kept = admins_lost;
    }
    Ok(())
}

/// Disconnects a person from the identities that are not among the `later` ones: whoever has one of them signs in as the
/// person. Tells how many they were.
async fn remove_identities(change: &mut Change<'_>, user: &User, later: &[Identity]) -> Result<usize, Error> {
    let key = |identity: &Identity| (identity.issuer.clone(), identity.subject.clone());
    let later: BTreeSet<_> = later.iter().map(key).collect();
    let mut removed = 0;
    for identity in change.tx.identities_of(user.id).await? {
        if later.contains(&key(&identity)) {
            continue;
        }
        let Identity { issuer, subject, .. } = identity;
        change.tx.remove_identity(&issuer, &subject).await?;
        let before = json!({"identity": {"issuer": issuer, "subject": subject}});
        change.record(Action::UserUpdated, target(user), &before, &json!({"identity": null}));
        removed += 1;
    }
    Ok(removed)
}

/// The groups that are in both.
fn both(one: &Groups, other: &Groups) -> Groups {
    let common = one.names().iter().filter(|name| other.names().contains(name)).cloned();
    common.collect::<Vec<String>>().into()
}

fn lower_of(one: Role, other: Role) -> Role {
    let power = |role| match role {
        Role::User => 0,
        Role::TokenManager => 1,
        Role::Admin => 2,
    };
    if power(one) <= power(other) { one } else { other }
}

async fn keep_password(
    change: &mut Change<'_>,
    user: &User,
    hash: &str,
    ended: &mut Ended,
) -> Result<(), Error> {
    if change.tx.password_hash(user.id).await?.as_deref() == Some(hash) {
        return Ok(());
    }
    change.tx.set_password_hash(user.id, hash).await?;
    sources::end_entries_by_prefix(change, user).await?;
    change.record(
        Action::UserUpdated,
        target(user),
        &json!({"password": "old"}),
        &json!({"password": "new"}),
    );
    ended.passwords_changed += 1;
    Ok(())
}

/// All of them, or of those that proxies know, by the names that these have there.
fn changed_settings(change: &Change<'_>, since: &Since) -> Vec<String> {
    let backup = &change.settings.settings;
    let (before, after) = match &since.settings {
        Some(settings) => (value(backup), value(settings)),
        None => (told_settings(&snapshot::of_settings(backup)), told_settings(&since.configuration)),
    };
    let names = [&before, &after].into_iter().filter_map(Value::as_object).flat_map(|fields| fields.keys());
    let changed = names.filter(|name| before[name.as_str()] != after[name.as_str()]);
    changed.cloned().collect::<BTreeSet<String>>().into_iter().collect()
}

fn told_settings(configuration: &PluginConfiguration) -> Value {
    let mut settings = value(&configuration.settings);
    if let Some(fields) = settings.as_object_mut() {
        fields.insert("scopes".to_owned(), value(&configuration.scopes));
    }
    settings
}

fn value(settings: &impl Serialize) -> Value {
    serde_json::to_value(settings).unwrap_or_default()
}

/// Ends every token, or none.
///
/// # Errors
/// The database failed.
pub async fn end_or_keep(change: &mut Change<'_>, unknown: Unknown) -> Result<Ended, Error> {
    let mut ended = Ended::default();
    if unknown == Unknown::End {
        let mut unrevoked = Unrevoked::at(change.at());
        while let Some(tokens) = unrevoked.next(change.tx.as_mut()).await? {
            for token in tokens {
                end_token(change, token, None, &mut ended).await?;
            }
        }
    }
    Ok(ended)
}
