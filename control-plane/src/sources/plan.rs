//! What a document changes: read in the transaction that it is to be applied in, and checked by what holds there.

mod entries;

use std::collections::{HashMap, HashSet};

use gatepass::token::Digest;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Who;
use super::document::Document;
use crate::domain::settings::Settings;
use crate::domain::source::{MAX_ENTRIES, Source, entry_id, source_of};
use crate::domain::token::Token;
use crate::error::Error;
use crate::schema;
use crate::store::{StoreError, Transaction};
use entries::{Checked, check};

/// Most entries of each group of a difference that are named; all are counted.
pub const MAX_SHOWN: usize = 100;

/// What a document changes.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Entries that are new.
    pub(super) added: Vec<Token>,
    /// Entries that there are, before and after, with what differs.
    pub(super) changed: Vec<Changed>,
    /// Entries that the document does not hold.
    pub(super) removed: Vec<Token>,
    /// How many stay as they are.
    pub(super) unchanged: usize,
}

/// An entry that changes.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) before: Token,
    pub(super) after: Token,
    pub(super) fields: Vec<&'static str>,
}

impl Changed {
    /// Whether the secret is another one.
    pub(super) fn is_replaced(&self) -> bool {
        self.before.digest != self.after.digest
    }
}

impl Plan {
    /// Whether nothing would change.
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    /// How many entries come, change and go.
    pub(super) fn changes(&self) -> usize {
        self.added.len() + self.changed.len() + self.removed.len()
    }

    /// How many entries there are before.
    fn present(&self) -> usize {
        self.changed.len() + self.removed.len() + self.unchanged
    }

    /// How many there would be.
    fn left(&self) -> usize {
        self.added.len() + self.changed.len() + self.unchanged
    }

    /// What has to be said for it to be done: a job that went wrong must not cut everybody off.
    pub(super) fn needs(&self) -> Vec<&'static str> {
        if self.left() == 0 {
            return vec![ALLOW_EMPTY];
        }
        if self.removed.len().saturating_mul(2) > self.present() { vec![ALLOW_REMOVALS] } else { Vec::new() }
    }

    pub(super) fn added(&self) -> Group {
        group(&self.added, |token| line(token, &[]))
    }

    pub(super) fn changed(&self) -> Group {
        group(&self.changed, |changed| line(&changed.after, &changed.fields))
    }

    pub(super) fn removed(&self) -> Group {
        group(&self.removed, |token| line(token, &[]))
    }
}

/// The parameter that lets a document without entries be pushed.
pub(super) const ALLOW_EMPTY: &str = "allow_empty";
/// The parameter that lets more than half of all entries be removed.
pub(super) const ALLOW_REMOVALS: &str = "allow_removals";

/// Entries that something happens to.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = SourceChanges)]
pub struct Group {
    /// How many there are.
    pub count: usize,
    /// The first hundred, by id.
    pub entries: Vec<Line>,
}

/// An entry that something happens to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SourceChange)]
pub struct Line {
    /// Within its source.
    #[schema(value_type = schema::EntryId)]
    pub id: String,
    /// Whose it is, or was if it is gone.
    #[schema(value_type = schema::UserName)]
    pub user: String,
    /// What differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub fields: Vec<&'static str>,
}

fn group<T>(all: &[T], line: impl Fn(&T) -> Line) -> Group {
    Group { count: all.len(), entries: all.iter().take(MAX_SHOWN).map(line).collect() }
}

fn line(token: &Token, fields: &[&'static str]) -> Line {
    Line { id: entry_id(&token.id).to_owned(), user: token.owner.clone(), fields: fields.to_vec() }
}

/// What `document`, which `who` pushes, changes of `source`'s entries.
///
/// # Errors
/// The first field that is wrong, or the first digest that somebody else holds.
pub(super) async fn plan(
    tx: &mut dyn Transaction,
    who: &Who,
    (source, settings): (&Source, &Settings),
    document: Document,
    now: Timestamp,
) -> Result<Plan, Error> {
    let checked = check(tx, (source, settings), document).await?;
    // One more than there can be: what is beyond would not be told apart.
    let present = tx.entries(Some(source.id), None, MAX_ENTRIES.saturating_add(1)).await?;
    let mut present: HashMap<String, Token> =
        present.into_iter().map(|token| (token.id.clone(), token)).collect();
    let has =
        |entry: &Checked| present.get(&entry.token.id).is_some_and(|is| is.digest == entry.token.digest);
    let new = checked.iter().enumerate().filter(|(_, entry)| !has(entry));
    let new: Vec<(usize, Digest)> = new.map(|(place, entry)| (place, entry.token.digest)).collect();
    let first = first_pushes(tx, &present, &new).await?;
    let mut plan = Plan::default();
    for (place, entry) in checked.into_iter().enumerate() {
        let before = present.remove(&entry.token.id);
        let first = first.get(entry.token.digest.as_bytes()).copied();
        let after = entry.after(place, (before.as_ref(), first), settings, now)?;
        match before {
            None => plan.added.push(after),
            Some(before) => plan.keep(before, after),
        }
    }
    plan.removed = present.into_values().collect();
    refuse_held(tx, who, source, &new).await?;
    plan.sort();
    Ok(plan)
}

/// When each digest was pushed first, of those that are in force, under whatever id, and of those that were: a secret
/// does not become younger by being taken away for a while, or by another name.
async fn first_pushes(
    tx: &mut dyn Transaction,
    present: &HashMap<String, Token>,
    new: &[(usize, Digest)],
) -> Result<HashMap<[u8; 32], i64>, Error> {
    let digests: Vec<Digest> = new.iter().map(|(_, digest)| *digest).collect();
    let gone = tx.first_pushes(&digests).await?;
    let gone = gone.into_iter().map(|(digest, at)| (*digest.as_bytes(), at));
    let held = present.values().map(|token| (*token.digest.as_bytes(), token.created_at));
    Ok(gone.chain(held).collect())
}

impl Plan {
    fn keep(&mut self, before: Token, after: Token) {
        let fields = Checked::differences(&before, &after);
        if fields.is_empty() {
            self.unchanged += 1;
        } else {
            self.changed.push(Changed { before, after, fields });
        }
    }

    fn sort(&mut self) {
        self.added.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        self.changed.sort_unstable_by(|one, other| one.after.id.cmp(&other.after.id));
        self.removed.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    }
}

/// Whose a digest is, a source is not told: it may be a person's, one that was revoked, or another source's. An admin is, who
/// could not make it good otherwise.
async fn refuse_held(
    tx: &mut dyn Transaction,
    who: &Who,
    source: &Source,
    new: &[(usize, Digest)],
) -> Result<(), Error> {
    let digests: Vec<_> = new.iter().map(|(_, digest)| *digest).collect();
    let held: HashSet<[u8; 32]> =
        tx.digests_held(source.id, &digests).await?.iter().map(|digest| *digest.as_bytes()).collect();
    let Some((place, digest)) = new.iter().find(|(_, digest)| held.contains(digest.as_bytes())) else {
        return Ok(());
    };
    let holder = match who {
        Who::Person(_) => format!(", by {}", holder(tx, digest).await?),
        Who::Source(_) => String::new(),
    };
    let problem =
        format!("entries[{place}].sha256 is held elsewhere{holder}: make another token for this entry");
    Err(Error::Conflict { code: "digest_taken", problem })
}

/// Who holds a digest, for admins.
async fn holder(tx: &mut dyn Transaction, digest: &Digest) -> Result<String, Error> {
    if let Some(token) = tx.token_by_digest(digest).await? {
        let state = if token.revoked_at.is_some() { "revoked " } else { "" };
        return Ok(format!("the {state}token {} of {}", token.id, token.owner));
    }
    if let Some(token) = tx.push_token_by_digest(digest).await? {
        let of = tx.source_by_id(token.source_id).await?;
        let of =
            of.map_or_else(|| "a source that was deleted".to_owned(), |of| format!("the source {}", of.name));
        return Ok(format!("the push token {} of {of}", token.id));
    }
    let entry = tx.entry_by_digest(digest).await?.ok_or(StoreError::Unreadable("source entry"))?;
    Ok(format!("the entry {} of the source {}", entry_id(&entry.id), source_of(&entry.id)))
}
