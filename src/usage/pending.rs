//! Uses that no report has told yet, one entry a token.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{MAX_PENDING, MAX_USER_AGENT, Use};
use crate::memory;

/// Uses by token id. They are told a generation at a time, and what comes meanwhile is the next one: so no token waits
/// behind one that was used later.
#[derive(Debug, Default)]
pub(super) struct Pending {
    tokens: HashMap<Box<str>, Noted>,
    /// The generation that is being told.
    leaving: HashMap<Box<str>, Noted>,
}

/// The uses of one token since its last report.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) count: u64,
    pub(super) last_used_at: u64,
    pub(super) ip: Option<IpAddr>,
    pub(super) user_agent: Option<Box<str>>,
}

impl Pending {
    pub(super) fn len(&self) -> usize {
        self.tokens.len().saturating_add(self.leaving.len())
    }

    /// Notes a further use of a token; false if there is none yet. Allocates nothing.
    pub(super) fn repeat(&mut self, used: &Use<'_>) -> bool {
        let known = self.tokens.get_mut(used.token_id).or_else(|| self.leaving.get_mut(used.token_id));
        let Some(noted) = known else { return false };
        noted.count = noted.count.saturating_add(1);
        noted.last_used_at = noted.last_used_at.max(used.now);
        true
    }

    /// Notes the first use of a token; false if there is no memory for it.
    pub(super) fn insert(&mut self, used: &Use<'_>, ip: Option<IpAddr>) -> bool {
        // All that may come at once: a map that grows is copied, and requests would wait for it.
        if self.tokens.capacity() == 0 && self.tokens.try_reserve(MAX_PENDING).is_err() {
            return false;
        }
        // Room for the texts of so many, and for a request beside them.
        const AT_ONCE: usize = 64;
        if self.tokens.len().is_multiple_of(AT_ONCE) && memory::reserve(AT_ONCE.saturating_mul(512)).is_err()
        {
            return false;
        }
        let noted = Noted {
            count: 1,
            last_used_at: used.now,
            ip: ip.map(|ip| ip.to_canonical()),
            user_agent: used.user_agent.and_then(user_agent),
        };
        self.tokens.insert(used.token_id.into(), noted);
        true
    }

    /// Takes out the uses of at most `most` tokens.
    pub(super) fn take(&mut self, most: usize) -> Vec<(Box<str>, Noted)> {
        if self.leaving.is_empty() {
            std::mem::swap(&mut self.tokens, &mut self.leaving);
        }
        let mut uses: Vec<_> = self.leaving.extract_if(|_, _| true).take(most).collect();
        if self.leaving.is_empty() {
            let room = most.saturating_sub(uses.len());
            uses.extend(self.tokens.extract_if(|_, _| true).take(room));
        }
        uses
    }
}

/// A user agent as a report may hold it: text of at most [`MAX_USER_AGENT`] bytes, with U+FFFD for whatever is no UTF-8
/// and for control characters. None if it is empty.
fn user_agent(bytes: &[u8]) -> Option<Box<str>> {
    // No more is decoded than can stay: decoding never shortens, and a character has at most four bytes.
    let bytes = bytes.get(..MAX_USER_AGENT.saturating_add(4)).unwrap_or(bytes);
    let mut text = String::with_capacity(bytes.len().min(MAX_USER_AGENT));
    for char in String::from_utf8_lossy(bytes).chars() {
        let char = if char.is_control() { char::REPLACEMENT_CHARACTER } else { char };
        if text.len().saturating_add(char.len_utf8()) > MAX_USER_AGENT {
            break;
        }
        text.push(char);
    }
    if text.is_empty() { None } else { Some(text.into_boxed_str()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_is_text_of_at_most_256_bytes() {
        let (long, faces) = ("a".repeat(255), "\u{1f600}".repeat(99));
        let rows: &[(&[u8], Option<&str>)] = &[
            (b"curl/8.0", Some("curl/8.0")),
            (b"", None),
            (b"a\r\n\x1b\x7f\xc2\x85", Some("a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}")),
            (b"a\xffb", Some("a\u{fffd}b")),
            (&[long.as_bytes(), b"bc"].concat(), Some(&format!("{long}b"))),
            (&[long.as_bytes(), "ü".as_bytes()].concat(), Some(&long)),
            (faces.as_bytes(), Some(&"\u{1f600}".repeat(64))),
            (&[0; 60_000], Some(&"\u{fffd}".repeat(85))),
        ];
        for (bytes, text) in rows {
            assert_eq!(user_agent(bytes).as_deref(), *text, "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_long_user_agent_is_the_beginning_of_the_whole_one(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 1..600),
        ) {
            let whole = String::from_utf8_lossy(&bytes).replace(char::is_control, "\u{fffd}");
            let cut = user_agent(&bytes).unwrap();
            assert!(whole.starts_with(&*cut) && cut.len() <= MAX_USER_AGENT);
            assert!(cut.len() == whole.len() || cut.len() > MAX_USER_AGENT - 4);
        }
    }
}
