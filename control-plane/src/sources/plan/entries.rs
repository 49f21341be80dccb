//! Entries of a document, checked by what a source may and by what the settings allow.

use std::collections::{BTreeSet, HashMap};

use gatepass::token;
use jiff::Timestamp;

use crate::clock::rfc3339;
use crate::domain::address::{IpList, MAX_TOKEN_ENTRIES};
use crate::domain::settings::Settings;
use crate::domain::source::{self, MAX_ADDRESSES, NOT_NAMED, Named, Source};
use crate::domain::token::{Disabled, Token};
use crate::domain::user::Role;
use crate::domain::validity::{self, Request};
use crate::domain::{text, time};
use crate::error::Error;
use crate::sources::document::{Document, Entry};
use crate::store::Transaction;

/// An entry that may be pushed, but for its end, which depends on what there is.
pub(super) struct Checked {
    /// As it is to be. Its times are not set.
    pub(super) token: Token,
    expires_at: Option<String>,
    disabled: bool,
}

/// Every entry of `document`, in its order.
///
/// # Errors
/// The first field that is wrong.
pub(super) async fn check(
    tx: &mut dyn Transaction,
    (source, settings): (&Source, &Settings),
    document: Document,
) -> Result<Vec<Checked>, Error> {
    if document.source.is_some_and(|name| name != source.name) {
        return Err(Error::invalid("source", format!("this is the source {}", source.name)));
    }
    let (count, most) = (document.entries.len(), source.max_entries);
    if u32::try_from(count).is_ok_and(|count| count > most) || u32::try_from(count).is_err() {
        let problem = format!("has {count} entries, and max_entries of this source is {most}");
        return Err(Error::invalid("entries", problem));
    }
    refuse_addresses(&document.entries)?;
    let users = users(tx, source, &document.entries).await?;
    let mut seen = Seen::default();
    let mut checked = Vec::with_capacity(count);
    for (place, entry) in document.entries.into_iter().enumerate() {
        let at =
            |(field, problem): (&str, String)| Error::invalid(format!("entries[{place}].{field}"), problem);
        check_texts(&entry, settings).map_err(at)?;
        let user = users.get(&entry.user).ok_or_else(|| at(("user", NO_SUCH_USER.to_owned())))?;
        source.users.check(user).map_err(|problem| at(("user", problem.to_owned())))?;
        let entry = Checked::new(source, user, entry).map_err(at)?;
        seen.add(place, &entry.token).map_err(at)?;
        checked.push(entry);
    }
    Ok(checked)
}

/// What proxies can take of all tokens together is a million.
fn refuse_addresses(entries: &[Entry]) -> Result<(), Error> {
    let count: usize = entries.iter().filter_map(|entry| entry.allowed_ips.as_ref()).map(IpList::len).sum();
    if count <= MAX_ADDRESSES {
        return Ok(());
    }
    let problem =
        format!("have {count} addresses and ranges together, and {MAX_ADDRESSES} is the most of one source");
    Err(Error::invalid("entries", problem))
}

const NO_SUCH_USER: &str = "there is no user of exactly this name: an admin adds one with POST /users";

/// Whom the entries name. Whether somebody exists is told of no name that the source may not use.
async fn users(
    tx: &mut dyn Transaction,
    source: &Source,
    entries: &[Entry],
) -> Result<HashMap<String, Named>, Error> {
    if let Some(place) = entries.iter().position(|entry| !source.users.admits_name(&entry.user)) {
        return Err(Error::invalid(format!("entries[{place}].user"), NOT_NAMED));
    }
    let names: BTreeSet<&str> = entries.iter().map(|entry| entry.user.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let found = tx.named_users(&names).await?;
    Ok(found.into_iter().map(|user| (user.name.clone(), user)).collect())
}

fn check_texts(entry: &Entry, settings: &Settings) -> Result<(), (&'static str, String)> {
    let prefixes = settings.prefixes();
    source::check_entry_id(&entry.id).map_err(|problem| ("id", problem))?;
    if token::occurs_in(entry.id.as_bytes(), &prefixes) {
        return Err(("id", "must not hold a token: it is kept in clear".to_owned()));
    }
    if let Some(description) = &entry.description {
        text::check(description, &prefixes).map_err(|problem| ("description", problem.to_owned()))?;
    }
    if let Some(scope) = &entry.scope
        && !settings.scopes.0.contains_key(scope)
    {
        let known: Vec<_> = settings.scopes.0.keys().map(String::as_str).collect();
        return Err(("scope", format!("is not one of {}", known.join(", "))));
    }
    let cidrs = entry.allowed_ips.as_ref().map_or(0, |list| list.len());
    if cidrs > MAX_TOKEN_ENTRIES {
        let problem = format!("comes to {cidrs} CIDRs, and {MAX_TOKEN_ENTRIES} is the most");
        return Err(("allowed_ips", problem));
    }
    Ok(())
}

/// Ids and digests so far, with where they stand.
#[derive(Default)]
struct Seen {
    ids: HashMap<String, usize>,
    digests: HashMap<[u8; 32], usize>,
}

impl Seen {
    fn add(&mut self, place: usize, token: &Token) -> Result<(), (&'static str, String)> {
        if let Some(first) = self.ids.insert(token.id.clone(), place) {
            return Err(("id", format!("is that of entries[{first}] as well")));
        }
        if let Some(first) = self.digests.insert(*token.digest.as_bytes(), place) {
            return Err(("sha256", format!("is that of entries[{first}] as well")));
        }
        Ok(())
    }
}

impl Checked {
    fn new(source: &Source, user: &Named, entry: Entry) -> Result<Self, (&'static str, String)> {
        let digest = entry.sha256.parse();
        let digest = digest.map_err(|error: token::InvalidDigest| ("sha256", error.to_string()))?;
        let token = Token {
            id: source::token_id(&source.name, &entry.id),
            digest,
            owner_id: user.id,
            owner: user.name.clone(),
            owner_role: Role::User,
            owner_active: user.active,
            creator: source::actor(&source.name),
            description: entry.description.unwrap_or_default(),
            created_at: 0,
            expires_at: None,
            scope: entry.scope,
            allowed_ips: entry.allowed_ips.unwrap_or_default(),
            prefix: String::new(),
            hint: String::new(),
            control_plane: false,
            disabled: None,
            chain: None,
            predecessor: None,
            successor: None,
            revoked_at: None,
            revoked_by: None,
            last_used: None,
        };
        Ok(Self { token, expires_at: entry.expires_at, disabled: entry.disabled })
    }

    /// The entry as it is to be, where `before` is the one that there is of its id, and `first` when its digest was pushed
    /// first. With a digest that is new it is another secret: its life begins now.
    pub(super) fn after(
        self,
        place: usize,
        (before, first): (Option<&Token>, Option<i64>),
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Token, Error> {
        let same = before.filter(|before| before.digest == self.token.digest);
        let created_at = first.unwrap_or_else(|| now.as_second());
        let wrong = |problem| Error::invalid(format!("entries[{place}].expires_at"), problem);
        let expires_at = end(self.expires_at.as_deref(), (same, created_at), settings, now).map_err(wrong)?;
        let disabled = self.disabled.then(|| {
            let since = same.and_then(|same| same.disabled.clone());
            since.unwrap_or_else(|| Disabled { at: now.as_second(), by: self.token.creator.clone() })
        });
        let last_used = same.and_then(|same| same.last_used.clone());
        Ok(Token { created_at, expires_at, disabled, last_used, ..self.token })
    }

    /// What differs between an entry that there is and the one that is to be.
    pub(super) fn differences(before: &Token, after: &Token) -> Vec<&'static str> {
        let all = [
            ("sha256", before.digest != after.digest),
            ("user", before.owner_id != after.owner_id),
            ("description", before.description != after.description),
            ("expires_at", before.expires_at != after.expires_at),
            ("scope", before.scope != after.scope),
            ("allowed_ips", before.allowed_ips != after.allowed_ips),
            ("disabled", before.disabled.is_some() != after.disabled.is_some()),
        ];
        all.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect()
    }
}

/// When an entry ends, in Unix seconds, where `same` is what there is of the same id and secret, and the secret was pushed
/// first at `created_at`. What is as it was stays so even if the bound has become shorter, as it does for tokens; without a word
/// it ends as a token would.
fn end(
    wish: Option<&str>,
    (same, created_at): (Option<&Token>, i64),
    settings: &Settings,
    now: Timestamp,
) -> Result<Option<i64>, String> {
    let max = settings.max_validity;
    let bound = max.latest_end(created_at);
    if let Some(same) = same.filter(|_| wish.is_none()) {
        return Ok(same.expires_at);
    }
    let wish = match wish {
        None => {
            let end =
                validity::expiry(Request::default(), max, true, now).map_err(|invalid| invalid.problem)?;
            bound.map_or(end, |bound| Some(end.map_or(bound, |end| end.min(bound))))
        }
        Some("never") => None,
        Some(text) => Some(
            time::parse(text)
                .map_err(|_| "must be an RFC 3339 time such as 2027-01-31T00:00:00Z, or never".to_owned())?,
        ),
    };
    if same.is_some_and(|same| same.expires_at == wish) {
        return Ok(wish);
    }
    if let Some(bound) = bound.filter(|bound| *bound <= now.as_second()) {
        return Err(format!(
            "this digest was pushed first at {}, and max_validity, {}, let it live until {}: make another token for this entry",
            rfc3339(created_at),
            max.name(),
            rfc3339(bound)
        ));
    }
    if wish.is_some_and(|end| end <= now.as_second()) {
        return Err("must lie in the future".to_owned());
    }
    match bound {
        Some(bound) if wish.is_none_or(|end| end > bound) => Err(format!(
            "is later than max_validity, {}, allows, from when this digest was pushed first: at most {}",
            max.name(),
            rfc3339(bound)
        )),
        _ => Ok(wish),
    }
}

#[cfg(test)]
mod tests;
