//! Sources: from where entries are pushed, and whom they may name.

use gatepass::names::{MAX_ID, check_token_id};
use gatepass::token::Digest;

use super::address::IpList;
use super::user::Role;

/// Longest name of a source, in bytes.
pub const MAX_NAME: usize = 24;
/// Longest id of an entry, in bytes: with the source's name before it, proxies take it for a token's.
pub const MAX_ENTRY_ID: usize = MAX_ID - MAX_NAME - 1;
/// Most sources.
pub const MAX_SOURCES: usize = 100;
/// Most exact names of users of one source.
pub const MAX_USERS: usize = 1000;
/// Shortest prefix of users' names, in characters: a shorter one would name half of all people.
pub const MIN_PREFIX: usize = 3;
/// How many entries a source may have if nothing else is said.
pub const DEFAULT_ENTRIES: u32 = 10_000;
/// Most entries of one source: a push replaces them all in one transaction, and nobody else changes anything meanwhile.
pub const MAX_ENTRIES: u32 = 50_000;
/// Most push tokens of one source that are not revoked.
pub const MAX_PUSH_TOKENS: usize = 10;
/// Most addresses and ranges of all entries of one source together: a twentieth of what all tokens may have, of which one
/// source must not leave nothing to others.
pub const MAX_ADDRESSES: usize = 50_000;
/// How often a source may push in a minute, dry runs included.
pub const PUSHES_PER_MINUTE: u64 = 30;
/// A push counts once more for so many entries of its document, changed or not: each is looked at while nobody else writes.
pub const ENTRIES_OF_A_PUSH: usize = 5000;
/// How many entries even a small source may add, change and remove in an hour.
const MIN_CHANGES: u64 = 1000;
/// For how long it is known of a digest that went when it was pushed first, in seconds: as long as the longest
/// `max_validity` that ends.
pub const FIRST_PUSH_KNOWN: i64 = 731 * 24 * 60 * 60;
/// Of how many digests of one source that went it is known, those that went last.
pub const MAX_FIRST_PUSHES: u64 = 4 * MAX_ENTRIES as u64;

/// From where entries are pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The database's id.
    pub id: i64,
    /// The name, which never changes.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whom its entries may name.
    pub users: NameRule,
    /// How many entries it may have.
    pub max_entries: u32,
    /// Who made it.
    pub creator: String,
    /// Unix time in seconds.
    pub created_at: i64,
    /// 1, 2, 3, …: of the source and its entries together.
    pub revision: i64,
    /// The last push that changed something.
    pub pushed: Option<Pushed>,
}

/// A push that changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Unix time in seconds.
    pub at: i64,
    /// Who did it: an admin, or the source.
    pub by: String,
    /// SHA-256 of the document, in lower-case hex.
    pub document: String,
}

/// Whom entries may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameRule {
    /// These, exactly; sorted, none twice.
    pub exact: Vec<String>,
    /// And whoever's name begins with this and who cannot sign in.
    pub prefix: Option<String>,
}

/// What a source may know of a user whom it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The database's id.
    pub id: i64,
    /// The name.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Whether the person's tokens work.
    pub active: bool,
    /// Whether the person has a password, or an identity with a provider.
    pub signs_in: bool,
}

impl Source {
    /// How many entries the source may add, change and remove in an hour: enough to replace all that it may have.
    pub fn changes_per_hour(&self) -> u64 {
        u64::from(self.max_entries).saturating_mul(2).max(MIN_CHANGES)
    }
}

impl NameRule {
    /// Whether there is any name that it might admit.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefix.is_none()
    }

    /// Whether it admits this name at all, whoever has it.
    pub fn admits_name(&self, name: &str) -> bool {
        self.is_exact(name) || self.prefix.as_ref().is_some_and(|prefix| name.starts_with(prefix))
    }

    /// Whether it names exactly this name.
    pub fn is_exact(&self, name: &str) -> bool {
        self.exact.binary_search_by(|known| known.as_str().cmp(name)).is_ok()
    }

    /// Refuses whom entries must not be made for: nobody gets the name of an admin or a token manager from a source, and
    /// nobody that of a person who signs in, unless an admin has named that person exactly.
    ///
    /// # Errors
    /// What would be right.
    pub fn check(&self, user: &Named) -> Result<(), &'static str> {
        if !self.admits_name(&user.name) {
            return Err(NOT_NAMED);
        }
        if user.role != Role::User {
            return Err("has the role of a token manager or an admin: a source names users alone");
        }
        if user.signs_in && !self.is_exact(&user.name) {
            return Err(
                "can sign in: the source's prefix is for users who cannot; an admin can name this one exactly",
            );
        }
        Ok(())
    }
}

/// The refusal of a name that a source may not use, whether there is such a user or not.
pub const NOT_NAMED: &str = "is none of the users whom this source may name";

/// A credential of a source, with which it pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushToken {
    /// The public id; sorts by time of creation.
    pub id: String,
    /// SHA-256 of the whole token.
    pub digest: Digest,
    /// The source's id in the database.
    pub source_id: i64,
    /// What it is for.
    pub description: String,
    /// Who made it.
    pub creator: String,
    /// Unix time in seconds.
    pub created_at: i64,
    /// Unix time in seconds at which it ends; `None` is never.
    pub expires_at: Option<i64>,
    /// Where it may be used from.
    pub allowed_ips: IpList,
    /// What the secret starts with.
    pub prefix: String,
    /// The last characters of the secret.
    pub hint: String,
    /// The push token that replaced this one.
    pub successor: Option<String>,
    /// Unix time in seconds.
    pub revoked_at: Option<i64>,
    /// Who revoked it.
    pub revoked_by: Option<String>,
    /// When it pushed last, in Unix seconds, and from where.
    pub last_push: Option<(i64, Option<String>)>,
}

/// Who makes changes for a source; no name of a user has a colon.
pub fn actor(source: &str) -> String {
    format!("source:{source}")
}

/// The id by which proxies know an entry. No token of a person has a dot in its id.
pub fn token_id(source: &str, entry: &str) -> String {
    format!("{source}.{entry}")
}

/// Whether this is the id of an entry, rather than of a person's token.
pub fn is_entry(token_id: &str) -> bool {
    token_id.contains('.')
}

/// The name of the source of an entry, by the id that proxies know it by.
pub fn source_of(token_id: &str) -> &str {
    token_id.split_once('.').map_or("", |(source, _)| source)
}

/// An entry's own id, within its source.
pub fn entry_id(token_id: &str) -> &str {
    token_id.split_once('.').map_or(token_id, |(_, own)| own)
}

/// Checks a source's name: lower-case letters, digits, `-` and `_`, the first a letter or a digit.
///
/// # Errors
/// What a name looks like.
pub fn check_name(name: &str) -> Result<(), String> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let first = name.bytes().next().is_some_and(good);
    if first && name.len() <= MAX_NAME && name.bytes().all(|b| good(b) || matches!(b, b'-' | b'_')) {
        return Ok(());
    }
    Err(format!(
        "a source's name has 1 to {MAX_NAME} lower-case letters, digits, '-' and '_', and begins with a letter or a digit"
    ))
}

/// Checks an entry's id.
///
/// # Errors
/// What an id looks like.
pub fn check_entry_id(id: &str) -> Result<(), String> {
    if id.len() <= MAX_ENTRY_ID && check_token_id(id).is_ok() {
        return Ok(());
    }
    Err(format!("an entry's id has 1 to {MAX_ENTRY_ID} letters, digits, '-', '_' and '.'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, role: Role, signs_in: bool) -> Named {
        Named { id: 1, name: name.to_owned(), role, active: true, signs_in }
    }

    #[test]
    fn whom_a_source_may_name() {
        let rule = NameRule { exact: vec!["boss".into(), "fred".into()], prefix: Some("ci-".into()) };
        for (user, admitted) in [
            (named("fred", Role::User, true), true),
            (named("fred", Role::User, false), true),
            (named("Fred", Role::User, false), false),
            (named("freda", Role::User, false), false),
            (named("ci-a", Role::User, false), true),
            (named("CI-a", Role::User, false), false),
            (named("ci-bob", Role::User, true), false),
            (named("boss", Role::Admin, false), false),
            (named("ci-boss", Role::TokenManager, false), false),
            (named("", Role::User, false), false),
        ] {
            assert_eq!(rule.check(&user).is_ok(), admitted, "{user:?}");
        }
        assert!(NameRule::default().is_empty() && !NameRule::default().admits_name("fred"));
    }

    #[test]
    fn an_entrys_id_is_no_tokens_and_no_other_sources() {
        assert_eq!(token_id("ci", "a.b"), "ci.a.b");
        assert!(is_entry("ci.a.b") && !is_entry("01JD0ZQ8M2E5C9X7V3T1R6P4WY"));
        assert_eq!((source_of("ci.a.b"), entry_id("ci.a.b")), ("ci", "a.b"));
        let longest = token_id(&"s".repeat(MAX_NAME), &"e".repeat(MAX_ENTRY_ID));
        assert!(check_token_id(&longest).is_ok() && longest.len() == MAX_ID);
    }

    #[test]
    fn names_and_ids() {
        for good in ["ci", "a", "0", "team-a_1", &"s".repeat(MAX_NAME)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "CI", "a.b", "a b", "-a", "_a", "ü", "a/b", &"s".repeat(MAX_NAME + 1)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        for good in ["deploy", "A.b-c_1", ".", &"e".repeat(MAX_ENTRY_ID)] {
            assert!(check_entry_id(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "ü", &"e".repeat(MAX_ENTRY_ID + 1)] {
            assert!(check_entry_id(bad).is_err(), "{bad}");
        }
    }
}
