//! A report as it is written, version 1.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use super::pending::Noted;
use super::{Enforced, Identity};

const VERSION: u8 = 1;

/// What is counted since the VM started. Cumulative, so that a lost report loses nothing.
#[derive(Clone, Copy)]
pub(super) struct Counters<'a> {
    pub(super) decisions: &'a BTreeMap<&'static str, u64>,
    pub(super) stale_revisions: u64,
    pub(super) dropped_uses: u64,
}

#[derive(Serialize)]
struct Body<'a> {
    version: u8,
    node: Node<'a>,
    worker: &'a str,
    instance: &'a str,
    module_version: &'a str,
    sequence: u64,
    time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<&'a str>,
    /// A string: not every reader's numbers have 64 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<usize>,
    decisions: &'a BTreeMap<&'static str, u64>,
    stale_revisions: u64,
    dropped_uses: u64,
    uses: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Node<'a> {
    id: &'a str,
    cluster: &'a str,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    count: u64,
    last_used_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
}

/// The report's bytes.
pub(super) fn json(
    identity: &Identity<'_>,
    enforced: Option<Enforced<'_>>,
    sequence: u64,
    time: u64,
    counters: Counters<'_>,
    uses: &[(Box<str>, Noted)],
) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Body {
        version: VERSION,
        node: Node { id: identity.node_id, cluster: identity.cluster },
        worker: identity.worker,
        instance: identity.instance,
        module_version: identity.module_version,
        sequence,
        time,
        epoch: enforced.map(|enforced| enforced.epoch),
        revision: enforced.map(|enforced| enforced.revision.to_string()),
        tokens: enforced.map(|enforced| enforced.tokens),
        decisions: counters.decisions,
        stale_revisions: counters.stale_revisions,
        dropped_uses: counters.dropped_uses,
        uses: uses.iter().map(|(id, noted)| Entry::of(id, noted)).collect(),
    })
}

impl<'a> Entry<'a> {
    fn of(id: &'a str, noted: &'a Noted) -> Self {
        let Noted { count, last_used_at, ip, ref user_agent } = *noted;
        Self { id, count, last_used_at, ip, user_agent: user_agent.as_deref() }
    }
}
