//! A report as it is written, version 1.

use super::pending::Noted;
use super::{Enforced, Identity};

const VERSION: u64 = 1;

/// What is counted since the VM started. Cumulative, so that a lost report loses nothing.
#[derive(Clone, Copy)]
pub(super) struct Counters<'a> {
    pub(super) decisions: &'a [(&'static str, u64)],
    pub(super) stale_revisions: u64,
    pub(super) dropped_uses: u64,
}

/// The report's bytes. Written by hand, but for the escaping, which is serde_json's.
pub(super) fn json(
    identity: &Identity<'_>,
    enforced: Option<Enforced<'_>>,
    sequence: u64,
    time: u64,
    counters: Counters<'_>,
    uses: &[(Box<str>, Noted)],
) -> Result<Vec<u8>, serde_json::Error> {
    let mut body = Writer::default();
    body.open();
    body.number("version", VERSION)?;
    body.key("node")?;
    body.open();
    body.text("id", identity.node_id)?;
    body.text("cluster", identity.cluster)?;
    body.close();
    body.text("worker", identity.worker)?;
    body.text("instance", identity.instance)?;
    body.text("module_version", identity.module_version)?;
    body.number("sequence", sequence)?;
    body.number("time", time)?;
    if let Some(enforced) = enforced {
        body.text("epoch", enforced.epoch)?;
        // A string: not every reader's numbers have 64 bits.
        body.text("revision", &enforced.revision.to_string())?;
        body.number("tokens", enforced.tokens as u64)?;
    }
    body.key("decisions")?;
    body.open();
    for (name, count) in counters.decisions {
        body.number(name, *count)?;
    }
    body.close();
    body.number("stale_revisions", counters.stale_revisions)?;
    body.number("dropped_uses", counters.dropped_uses)?;
    body.key("uses")?;
    body.list(uses)?;
    body.close();
    Ok(body.0)
}

/// JSON as it grows. What opens an object or a list is followed by no comma, and everything else is.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn separate(&mut self) {
        if !matches!(self.0.last(), None | Some(b'{' | b'[' | b':')) {
            self.0.push(b',');
        }
    }

    fn open(&mut self) {
        self.separate();
        self.0.push(b'{');
    }

    fn close(&mut self) {
        self.0.push(b'}');
    }

    fn key(&mut self, name: &str) -> Result<(), serde_json::Error> {
        self.separate();
        serde_json::to_writer(&mut self.0, name)?;
        self.0.push(b':');
        Ok(())
    }

    fn text(&mut self, name: &str, value: &str) -> Result<(), serde_json::Error> {
        self.key(name)?;
        serde_json::to_writer(&mut self.0, value)
    }

    fn number(&mut self, name: &str, value: u64) -> Result<(), serde_json::Error> {
        self.key(name)?;
        self.0.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    }

    fn list(&mut self, uses: &[(Box<str>, Noted)]) -> Result<(), serde_json::Error> {
        self.0.push(b'[');
        for (id, noted) in uses {
            self.open();
            self.text("id", id)?;
            self.number("count", noted.count)?;
            self.number("last_used_at", noted.last_used_at)?;
            if let Some(ip) = noted.ip {
                self.text("ip", &ip.to_string())?;
            }
            if let Some(user_agent) = &noted.user_agent {
                self.text("user_agent", user_agent)?;
            }
            self.close();
        }
        self.0.push(b']');
        Ok(())
    }
}
