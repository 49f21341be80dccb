//! A usage report as it is written, version 1, and the way from there to a [`Report`].

use std::net::IpAddr;

use gatepass::config::wire::UniqueMap;
use gatepass::names::check_token_id;
use serde::{Deserialize, Deserializer};

use super::check;
use crate::domain::fleet::{Enforced, Worker, WorkerKey};
use crate::domain::malformed::Malformed;
use crate::domain::object::Object;
use crate::domain::usage::{LastUse, MAX_USES, Report, TokenUse};

/// The only `version` that is known.
const VERSION: u64 = 1;

/// The body of a report.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    version: u64,
    node: Object<Node>,
    worker: String,
    instance: String,
    module_version: String,
    sequence: u64,
    time: u64,
    #[serde(default, deserialize_with = "given")]
    epoch: Option<String>,
    #[serde(default, deserialize_with = "given")]
    revision: Option<String>,
    #[serde(default, deserialize_with = "given")]
    tokens: Option<u64>,
    #[serde(default)]
    decisions: UniqueMap<u64>,
    #[serde(default)]
    stale_revisions: u64,
    #[serde(default)]
    dropped_uses: u64,
    #[serde(default)]
    uses: Vec<Object<Use>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Node {
    id: String,
    cluster: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Use {
    id: String,
    count: u64,
    last_used_at: u64,
    #[serde(default, deserialize_with = "given")]
    ip: Option<String>,
    #[serde(default, deserialize_with = "given")]
    user_agent: Option<String>,
}

impl Body {
    /// The report; its times are those of whoever takes it.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub(super) fn into_report(self) -> Result<Report, Malformed> {
        if self.version != VERSION {
            return Err(check::wrong("version", format!("must be {VERSION}")));
        }
        let Object(node) = self.node;
        check::worker(&self.worker)?;
        check::label("node.id", &node.id)?;
        check::label("node.cluster", &node.cluster)?;
        check::label("instance", &self.instance)?;
        check::module_version(&self.module_version)?;
        if self.sequence == 0 {
            return Err(check::wrong("sequence", "must be 1 or more"));
        }
        check::time("time", self.time)?;
        let worker = Worker {
            key: WorkerKey { node: node.id, worker: self.worker, instance: self.instance },
            cluster: node.cluster,
            module_version: self.module_version,
            enforced: enforced(self.epoch, self.revision, self.tokens)?,
            decisions: check::decisions(self.decisions.0)?,
            stale_revisions: check::count("stale_revisions", self.stale_revisions)?,
            dropped_uses: check::count("dropped_uses", self.dropped_uses)?,
            sequence: check::count("sequence", self.sequence)?,
            first_seen_at: 0,
            last_report_at: 0,
        };
        Ok(Report { worker, uses: uses(self.uses)? })
    }
}

/// All three, or none while nothing is enforced.
fn enforced(
    epoch: Option<String>,
    revision: Option<String>,
    tokens: Option<u64>,
) -> Result<Option<Enforced>, Malformed> {
    match (epoch, revision, tokens) {
        (None, None, None) => Ok(None),
        (Some(epoch), Some(revision), Some(tokens)) => {
            check::epoch(&epoch)?;
            let (revision, tokens) = (check::revision(&revision)?, check::count("tokens", tokens)?);
            Ok(Some(Enforced { epoch, revision, tokens }))
        }
        (None, ..) => Err(check::wrong("epoch", "is required with revision and tokens")),
        (_, None, _) => Err(check::wrong("revision", "is required with epoch and tokens")),
        (.., None) => Err(check::wrong("tokens", "is required with epoch and revision")),
    }
}

fn uses(uses: Vec<Object<Use>>) -> Result<Vec<TokenUse>, Malformed> {
    if uses.len() > MAX_USES {
        return Err(check::wrong("uses", format!("has {} entries, and {MAX_USES} is the most", uses.len())));
    }
    let mut seen = std::collections::HashSet::with_capacity(uses.len());
    let mut read = Vec::with_capacity(uses.len());
    for (n, Object(entry)) in uses.into_iter().enumerate() {
        let at = |field: &str| format!("uses[{n}].{field}");
        if !seen.insert(entry.id.clone()) {
            return Err(check::wrong(at("id"), "stands twice in this report"));
        }
        read.push(one_use(entry).map_err(|wrong| Malformed { field: at(&wrong.field), ..wrong })?);
    }
    Ok(read)
}

fn one_use(entry: Use) -> Result<TokenUse, Malformed> {
    check_token_id(&entry.id).map_err(|problem| check::wrong("id", problem.to_string()))?;
    if entry.count == 0 {
        return Err(check::wrong("count", "must be 1 or more"));
    }
    check::count("count", entry.count)?;
    let at = check::time("last_used_at", entry.last_used_at)?;
    let ip = entry.ip.map(|text| text.parse::<IpAddr>()).transpose();
    let ip = ip.map_err(|_| check::wrong("ip", "must be an IP address"))?.map(|ip| ip.to_canonical());
    let user_agent = entry.user_agent.map(check::user_agent).transpose()?;
    Ok(TokenUse { id: entry.id, last: LastUse { at, ip, user_agent } })
}

/// Reads a value that, where its field is given at all, is not `null`.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
