//! What a worker tells the control plane of itself: which tokens were used, how it decided, what it enforces.
//!
//! What is told is told once: uses wait here until a report with them is acknowledged. A report that was not is sent
//! again byte for byte with its sequence, by which the receiver knows what it has taken already.

use std::net::IpAddr;

use crate::memory;

mod body;
mod pending;
#[cfg(test)]
mod tests;

use pending::Pending;

/// Most tokens whose uses wait for a report, those in flight included.
pub const MAX_PENDING: usize = 65_536;
/// Bytes that a use of the longest id and user agent takes while a report is written, which is copied for the call.
const USE_BECOMES: usize = 4096;
/// Most tokens in one report; the receiver takes no more.
pub const MAX_USES: usize = 1000;
/// Longest user agent in a report, in bytes of UTF-8.
pub const MAX_USER_AGENT: usize = 256;
/// A worker with nothing else to tell reports after this many seconds, so that it is seen to live.
pub const HEARTBEAT_SECONDS: u64 = 60;
/// The timeout that a call with a report is to be made with, in seconds.
pub const CALL_TIMEOUT_SECONDS: u64 = 10;
/// How long after [`CALL_TIMEOUT_SECONDS`] a call counts as lost: nobody is left to hear its answer, because the root
/// context that made it is gone.
const ANSWER_MARGIN_SECONDS: u64 = 5;

/// Counters since the VM started and uses that no report has told yet, of one instance in one VM.
///
/// Memory is bounded by [`MAX_PENDING`]. Two maps with room for that many take 7 MiB each of a 32-bit VM once uses come;
/// to them come ids and user agents, at worst 340 bytes a token (21 MiB), with ids of 20 bytes and user agents of 80
/// about 120 (8 MiB). One report in flight adds its body, at most 1 MiB, and a second copy of it during the call.
#[derive(Debug, Default)]
pub struct Usage {
    /// By name, in order: a dozen at most, and the common ones are few.
    decisions: Vec<(&'static str, u64)>,
    stale_revisions: u64,
    dropped: u64,
    failed_reports: u64,
    pending: Pending,
    /// Of the latest report; 0 before the first.
    sequence: u64,
    flight: Option<Flight>,
    /// What the last acknowledged report said is enforced.
    told: Option<Version>,
    /// When the latest report was written, Unix seconds.
    written_at: Option<u64>,
}

/// A request that a token was admitted for.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// The token's id, not the token.
    pub token_id: &'a str,
    /// Unix seconds.
    pub now: u64,
    /// The `user-agent` header's bytes.
    pub user_agent: Option<&'a [u8]>,
}

/// Who reports.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The proxy's node id.
    pub node_id: &'a str,
    /// The proxy's node cluster.
    pub cluster: &'a str,
    /// 16 lower-case hex digits, drawn when the VM started.
    pub worker: &'a str,
    /// Plugin name, `/`, root id.
    pub instance: &'a str,
    /// The version of the filter's module.
    pub module_version: &'a str,
}

/// The configuration that requests are decided by.
#[derive(Clone, Copy, Debug)]
pub struct Enforced<'a> {
    /// Its epoch; may be empty.
    pub epoch: &'a str,
    /// Its revision.
    pub revision: u64,
    /// How many tokens it holds.
    pub tokens: usize,
}

/// What became of the report in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The receiver has it.
    Acknowledged {
        /// More waits than is left to the next tick: call [`Usage::next_report`] again at once.
        more: bool,
    },
    /// The receiver will never take it: it is dropped, its uses are counted as dropped.
    Refused,
    /// It is kept and given again. Also the answer to a call that nothing is known of.
    Kept,
}

/// Epoch and revision; none while nothing is enforced.
#[derive(Debug, PartialEq, Eq)]
struct Version(Option<(Box<str>, u64)>);

/// A report that has not been acknowledged.
#[derive(Debug)]
struct Flight {
    body: Vec<u8>,
    version: Version,
    tokens: usize,
    uses: u64,
    /// Uses were left behind, because the report was full.
    full: bool,
    sent_at: u64,
    /// A call is under way.
    calling: bool,
}

impl Usage {
    /// Counts a decision by its name (`allow.token`, `refuse.credentials_unknown`, …). Allocates at most when a name
    /// comes for the first time.
    pub fn count(&mut self, decision: &'static str) {
        if let Some((_, count)) = self.decisions.iter_mut().find(|(name, _)| *name == decision) {
            *count = count.saturating_add(1);
            return;
        }
        let behind = self.decisions.iter().take_while(|(name, _)| *name < decision).count();
        self.decisions.insert(behind, (decision, 1));
    }

    /// Counts a push that was ignored because its revision is lower than the one enforced.
    pub fn count_stale_revision(&mut self) {
        self.stale_revisions = self.stale_revisions.saturating_add(1);
    }

    /// Notes a use of an admitted token. `source`, which may cost a host call, is asked only for the token's first use
    /// since its last report; of that use come address and user agent. Nothing is allocated for a token that is noted
    /// already. A use of a further token is dropped and counted when [`MAX_PENDING`] wait, or without memory for it.
    pub fn note(&mut self, used: Use<'_>, source: impl FnOnce() -> Option<IpAddr>) {
        if self.pending.repeat(&used) {
            return;
        }
        if self.pending() >= MAX_PENDING {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        if !self.pending.insert(&used, source()) {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// How many tokens' uses wait for an acknowledgement. A token that is used again while a report of it is in flight
    /// counts twice, as it takes memory twice.
    pub fn pending(&self) -> usize {
        let in_flight = self.flight.as_ref().map_or(0, |flight| flight.tokens);
        self.pending.len().saturating_add(in_flight)
    }

    /// How many uses were dropped since the VM started: for want of room, or with a report that was refused.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many times since the VM started a report was sent and not acknowledged, for whatever reason.
    pub fn failed_reports(&self) -> u64 {
        self.failed_reports
    }

    /// How often each decision was made since the VM started; those that were never made are left out.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.decisions.iter().copied()
    }

    /// The body (JSON) of the report that is to be sent now, if any: a new one when uses wait, when what is enforced is
    /// not what the last acknowledged report said, or [`HEARTBEAT_SECONDS`] after the last one; the one in flight again
    /// when it was not acknowledged. None while its call is under way, and none before the VM has decided a request:
    /// a proxy's main thread runs the filter too, and never does.
    ///
    /// Whoever gets a body calls [`Usage::answered`], also when no call could be made. The call's timeout must be
    /// [`CALL_TIMEOUT_SECONDS`]: an answer that comes after the report was given again is taken for the new call's.
    pub fn next_report(
        &mut self,
        identity: &Identity<'_>,
        enforced: Option<Enforced<'_>>,
        now: u64,
    ) -> Option<Vec<u8>> {
        // With no memory left a report waits: a trap would take the gate down.
        let room = self.pending().min(MAX_USES).saturating_mul(USE_BECOMES);
        if self.decisions.is_empty() || memory::reserve(room).is_err() {
            return None;
        }
        if self.flight.is_some() {
            return self.again(now);
        }
        let version = Version::of(enforced);
        let changed = self.told.as_ref() != Some(&version);
        // Clocks are set back, too: what lies that far ahead is as long ago as can be told.
        let silent = self.written_at.is_none_or(|at| now.abs_diff(at) >= HEARTBEAT_SECONDS);
        if !changed && !silent && self.pending.len() == 0 {
            return None;
        }
        self.write(identity, enforced, version, now)
    }

    /// Takes the answer to the report in flight: its HTTP status, none if there was no answer. A 2xx acknowledges.
    /// 400, 409, 413 and 422 say that the report itself is at fault: it would be refused for ever, and is dropped.
    pub fn answered(&mut self, status: Option<u16>) -> Answered {
        let Some(mut flight) = self.flight.take_if(|flight| flight.calling) else {
            return Answered::Kept;
        };
        match status {
            Some(200..=299) => {
                self.told = Some(flight.version);
                // What came in during the call is left to the next tick, unless it fills a report (after an outage):
                // on a busy proxy there is always something, and a report a round trip is too many.
                let waiting = self.pending.len();
                Answered::Acknowledged { more: waiting >= MAX_USES || flight.full && waiting > 0 }
            }
            Some(400 | 409 | 413 | 422) => {
                self.fail();
                self.dropped = self.dropped.saturating_add(flight.uses);
                Answered::Refused
            }
            _ => {
                self.fail();
                flight.calling = false;
                self.flight = Some(flight);
                Answered::Kept
            }
        }
    }

    /// The report in flight once more, if its call failed or was lost.
    fn again(&mut self, now: u64) -> Option<Vec<u8>> {
        let flight = self.flight.as_mut()?;
        let lost_after = CALL_TIMEOUT_SECONDS.saturating_add(ANSWER_MARGIN_SECONDS);
        let lost = flight.calling && now.abs_diff(flight.sent_at) > lost_after;
        if flight.calling && !lost {
            return None;
        }
        (flight.calling, flight.sent_at) = (true, now);
        let body = flight.body.clone();
        if lost {
            self.fail();
        }
        Some(body)
    }

    /// Writes a new report of what waits, and puts it in flight.
    fn write(
        &mut self,
        identity: &Identity<'_>,
        enforced: Option<Enforced<'_>>,
        version: Version,
        now: u64,
    ) -> Option<Vec<u8>> {
        let uses = self.pending.take(MAX_USES);
        self.sequence = self.sequence.saturating_add(1);
        self.written_at = Some(now);
        let total = uses.iter().fold(0_u64, |total, (_, noted)| total.saturating_add(noted.count));
        let counters = body::Counters {
            decisions: &self.decisions,
            stale_revisions: self.stale_revisions,
            dropped_uses: self.dropped,
        };
        let Ok(body) = body::json(identity, enforced, self.sequence, now, counters, &uses) else {
            // Nothing in a report can fail to be written. If it did, it would again.
            self.fail();
            self.dropped = self.dropped.saturating_add(total);
            return None;
        };
        let (tokens, full) = (uses.len(), self.pending.len() > 0);
        self.flight = Some(Flight {
            body: body.clone(),
            version,
            tokens,
            uses: total,
            full,
            sent_at: now,
            calling: true,
        });
        Some(body)
    }

    fn fail(&mut self) {
        self.failed_reports = self.failed_reports.saturating_add(1);
    }
}

impl Version {
    fn of(enforced: Option<Enforced<'_>>) -> Self {
        Self(enforced.map(|enforced| (enforced.epoch.into(), enforced.revision)))
    }
}
