//! The audit's chain: each entry carries a MAC over itself and the entry before.

mod action;
pub mod filter;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde_json::Value;
use sha2::Sha256;

pub use action::Action;

/// HMAC-SHA-256.
pub type MacBytes = [u8; 32];

/// The MAC before the first entry.
pub const GENESIS: MacBytes = [0; 32];

/// The key of the chain, kept outside the database. Its `Debug` hides it.
#[derive(Clone)]
pub struct AuditKey([u8; 32]);

impl AuditKey {
    /// A key from its bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl AuditKey {
    /// A hash of `text` that nobody can make, or guess from, without the key; another one for each `purpose`.
    pub fn hash(&self, purpose: &str, text: &str) -> MacBytes {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            // HMAC takes keys of every length (RFC 2104 §3).
            return GENESIS;
        };
        // What an entry's MAC is over begins with another byte.
        mac.update(&[0]);
        mac.update(&(purpose.len() as u64).to_be_bytes());
        mac.update(purpose.as_bytes());
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuditKey(…)")
    }
}

/// What an entry says, before it has a place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Unix time in seconds.
    pub at: i64,
    /// A user's name or a system actor.
    pub actor: String,
    /// The token that was used, if any.
    pub actor_token_id: Option<String>,
    /// Where from, if over the network.
    pub ip: Option<String>,
    /// An [`Action`]'s name.
    pub action: String,
    /// To whom or what: `user:fred`, `token:01J…`, `settings`.
    pub target: String,
    /// JSON with `before` and `after`. Never a secret.
    pub detail: String,
}

/// One entry in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// 1, 2, 3, …
    pub seq: i64,
    /// What it says.
    pub draft: Draft,
    /// The MAC of the entry before.
    pub prev_mac: MacBytes,
    /// The MAC of this one.
    pub mac: MacBytes,
}

/// The end of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the last entry; 0 while there is none.
    pub seq: i64,
    /// Its MAC.
    pub mac: MacBytes,
}

impl Head {
    /// The head of an empty chain.
    pub const EMPTY: Self = Self { seq: 0, mac: GENESIS };
}

/// `SEQ:MAC`, as it is logged and as `gatepass audit verify --expect` takes it.
impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.seq, hex::encode(self.mac))
    }
}

impl std::str::FromStr for Head {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a head is SEQ:MAC, a number and 64 hex digits, as the log shows it";
        let (seq, mac) = text.split_once(':').ok_or(FORM)?;
        let mut bytes = GENESIS;
        hex::decode_to_slice(mac, &mut bytes).map_err(|_| FORM)?;
        Ok(Self { seq: seq.parse().map_err(|_| FORM)?, mac: bytes })
    }
}

/// `before` and `after` of what changed; either is `null` where there is none.
pub fn detail(before: &impl Serialize, after: &impl Serialize) -> String {
    let value = |part: Result<Value, _>| part.unwrap_or(Value::Null);
    serde_json::json!({"before": value(serde_json::to_value(before)), "after": value(serde_json::to_value(after))})
        .to_string()
}

/// The entry that follows `head`.
pub fn chain(key: &AuditKey, head: Head, draft: Draft) -> Entry {
    let seq = head.seq.saturating_add(1);
    let mac = mac_of(key, &head.mac, seq, &draft);
    Entry { seq, draft, prev_mac: head.mac, mac }
}

/// Why a chain is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// An entry is missing before this one, or the numbers were changed.
    #[error("entry {0} does not follow the entry before it: an entry is missing")]
    Gap(i64),
    /// The entry, or the one before it, was changed or made without the key.
    #[error("entry {0} does not bear its MAC: it was changed, or made without the key")]
    Forged(i64),
    /// The chain ends before the expected head.
    #[error("the chain ends at entry {0}, before the expected head: its tail was cut")]
    Cut(i64),
    /// There are people, and no entry at all.
    #[error("there are users and no entry at all: the audit was emptied")]
    Emptied,
    /// The entry at the expected head's place is another.
    #[error("entry {0} is not the expected one: the chain was replaced")]
    Replaced(i64),
}

/// The head after `entry`, if it follows `head` and bears the right MAC.
///
/// # Errors
/// The entry that breaks the chain.
pub fn follow(key: &AuditKey, head: Head, entry: &Entry) -> Result<Head, Break> {
    if entry.seq != head.seq.saturating_add(1) {
        return Err(Break::Gap(entry.seq));
    }
    if entry.prev_mac != head.mac || !bears_its_mac(key, entry) {
        return Err(Break::Forged(entry.seq));
    }
    Ok(Head { seq: entry.seq, mac: entry.mac })
}

fn bears_its_mac(key: &AuditKey, entry: &Entry) -> bool {
    mac_of(key, &entry.prev_mac, entry.seq, &entry.draft) == entry.mac
}

/// Every field with its length before it: no two different entries have the same encoding.
fn mac_of(key: &AuditKey, previous: &MacBytes, seq: i64, draft: &Draft) -> MacBytes {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key.0) else {
        // HMAC takes keys of every length (RFC 2104 §3).
        return GENESIS;
    };
    let mut field = |bytes: Option<&[u8]>| {
        mac.update(&[u8::from(bytes.is_some())]);
        let bytes = bytes.unwrap_or_default();
        mac.update(&(bytes.len() as u64).to_be_bytes());
        mac.update(bytes);
    };
    field(Some(b"gatepass audit 1"));
    field(Some(previous));
    field(Some(&seq.to_be_bytes()));
    field(Some(&draft.at.to_be_bytes()));
    field(Some(draft.actor.as_bytes()));
    field(draft.actor_token_id.as_deref().map(str::as_bytes));
    field(draft.ip.as_deref().map(str::as_bytes));
    field(Some(draft.action.as_bytes()));
    field(Some(draft.target.as_bytes()));
    field(Some(draft.detail.as_bytes()));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> AuditKey {
        AuditKey::new([7; 32])
    }

    fn entries(key: &AuditKey, count: i64) -> Vec<Entry> {
        let mut head = Head::EMPTY;
        (1..=count)
            .map(|at| {
                let draft = Draft {
                    at,
                    actor: "admin".to_owned(),
                    actor_token_id: Some("01A".to_owned()),
                    ip: None,
                    action: Action::UserCreated.as_str().to_owned(),
                    target: format!("user:u{at}"),
                    detail: detail(&(), &at),
                };
                let entry = chain(key, head, draft);
                head = Head { seq: entry.seq, mac: entry.mac };
                entry
            })
            .collect()
    }

    fn verify(entries: &[Entry]) -> Result<Head, Break> {
        entries.iter().try_fold(Head::EMPTY, |head, entry| follow(&key(), head, entry))
    }

    #[test]
    fn a_whole_chain_verifies() {
        let chain = entries(&key(), 3);
        assert_eq!(verify(&chain).map(|head| head.seq), Ok(3));
        assert_eq!(verify(&[]), Ok(Head::EMPTY));
    }

    #[test]
    fn an_edit_of_any_field_shows() {
        let edits: [fn(&mut Entry); 10] = [
            |e| e.draft.at += 1,
            |e| e.draft.actor.push('x'),
            |e| e.draft.actor_token_id = None,
            |e| e.draft.actor_token_id = Some(String::new()),
            |e| e.draft.ip = Some(String::new()),
            |e| e.draft.action.push('x'),
            |e| e.draft.target.push('x'),
            |e| e.draft.detail.push(' '),
            |e| e.prev_mac[0] ^= 1,
            |e| e.mac[31] ^= 1,
        ];
        for (place, edit) in edits.iter().enumerate() {
            let mut chain = entries(&key(), 3);
            edit(&mut chain[1]);
            assert_eq!(verify(&chain), Err(Break::Forged(2)), "edit {place}");
        }
    }

    #[test]
    fn moving_a_character_to_the_next_field_shows() {
        let mut chain = entries(&key(), 1);
        let moved = chain[0].draft.action.pop().unwrap();
        chain[0].draft.target.insert(0, moved);
        assert_eq!(verify(&chain), Err(Break::Forged(1)));
    }

    #[test]
    fn a_gap_shows_even_when_the_numbers_are_closed_up() {
        let mut chain = entries(&key(), 4);
        chain.remove(1);
        assert_eq!(verify(&chain), Err(Break::Gap(3)));
        for (entry, seq) in chain.iter_mut().zip(1..) {
            entry.seq = seq;
        }
        assert_eq!(verify(&chain), Err(Break::Forged(2)));
    }

    #[test]
    fn a_chain_recomputed_without_the_key_shows() {
        assert_eq!(verify(&entries(&AuditKey::new([8; 32]), 3)), Err(Break::Forged(1)));
    }

    #[test]
    fn heads_are_written_and_read() {
        let chain = entries(&key(), 2);
        let head = Head { seq: 2, mac: chain[1].mac };
        assert_eq!(head.to_string().parse(), Ok(head));
        for bad in ["", "2", "2:ab", "x:00", &format!("2:{}", "g".repeat(64))] {
            assert!(bad.parse::<Head>().is_err(), "{bad}");
        }
    }
}
