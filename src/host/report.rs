//! Sends usage reports, on ticks: never from `on_configure`, and never for a request.

use std::time::Duration;

use super::abi::{self, Failed, Level};
use super::{Gate, log, property};
use crate::policy::Policy;
use crate::usage::{Answered, CALL_TIMEOUT_SECONDS, Enforced, Identity};

/// Who reports, and when it is due next. The key stays in the VM's environment.
#[derive(Default)]
pub(super) struct Reporter {
    /// This VM: 16 hex digits, drawn when they are first needed.
    worker: String,
    instance: String,
    node_id: String,
    cluster: String,
    /// Unix time in seconds.
    due: u64,
    /// The call with the report in flight.
    call: Option<u32>,
    /// Whether the last report failed: what changes is logged, not every failure.
    failing: bool,
}

impl Reporter {
    /// Whether this is the number of the call whose answer is awaited.
    pub(super) fn is_waiting_for(&self, call: u32) -> bool {
        self.call == Some(call)
    }

    /// Learns who this is, from the root context that is being configured.
    pub(super) fn identify(&mut self, instance: String) {
        let text = |path| label(&String::from_utf8_lossy(&property(path)));
        (self.node_id, self.cluster) = (text("xds\0node\0id"), text("xds\0node\0cluster"));
        if self.node_id.is_empty() {
            // Hosts before the attribute had its present name.
            (self.node_id, self.cluster) = (text("node\0id"), text("node\0cluster"));
        }
        self.instance = label(&instance.replace('\0', "/"));
        if self.worker.is_empty() {
            use std::hash::{BuildHasher as _, RandomState};
            // Keys of the standard library's hash come from the host's random source.
            self.worker = format!("{:016x}", RandomState::new().hash_one(0));
        }
    }
}

/// What the receiver takes for a name: it would refuse a report whole for a longer one.
fn label(text: &str) -> String {
    const MOST_CHARACTERS: usize = 128;
    text.chars().filter(|c| !c.is_control()).take(MOST_CHARACTERS).collect()
}

/// Sends what is due.
pub(super) fn send_if_due(gate: &Gate, policy: Option<&Policy>, now: u64) {
    let Some(report) = policy.and_then(Policy::report) else { return };
    {
        let mut reporter = gate.reporter.borrow_mut();
        if now < reporter.due {
            return;
        }
        reporter.due = now.saturating_add(report.interval_ms.0.div_ceil(1000));
    }
    send(gate, policy, now);
}

/// Sends the next report, if there is anything to say.
fn send(gate: &Gate, policy: Option<&Policy>, now: u64) {
    let Some(report) = policy.and_then(Policy::report) else { return };
    let body = {
        let reporter = gate.reporter.borrow();
        let identity = Identity {
            node_id: &reporter.node_id,
            cluster: &reporter.cluster,
            worker: &reporter.worker,
            instance: &reporter.instance,
            module_version: env!("CARGO_PKG_VERSION"),
        };
        let enforced = policy.map(|policy| Enforced {
            epoch: &policy.version().epoch,
            revision: policy.version().revision,
            tokens: policy.tokens(),
        });
        gate.usage.borrow_mut().next_report(&identity, enforced, now)
    };
    let Some(body) = body else { return };
    let key = std::env::var("GATEPASS_REPORT_KEY").map(|key| format!("Bearer {key}")).unwrap_or_default();
    let mut headers = vec![
        (":method", "POST"),
        (":path", report.path.as_str()),
        (":authority", report.cluster.as_str()),
        (":scheme", "http"),
        ("content-type", "application/json"),
    ];
    if !key.is_empty() {
        headers.push(("authorization", &key));
    }
    let timeout = Duration::from_secs(CALL_TIMEOUT_SECONDS);
    match abi::call(&report.cluster, &headers, &body, timeout) {
        Ok(call) => gate.reporter.borrow_mut().call = Some(call),
        Err(Failed(status)) => {
            // One line, whatever the name.
            let said = format!("the cluster {:?} cannot be called (status {status})", report.cluster);
            answered(gate, None, &said);
        }
    }
}

/// Takes the answer to the report in flight; `None` when there was none.
pub(super) fn take_answer(gate: &Gate, policy: Option<&Policy>, status: Option<u16>) {
    let said = status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"));
    if answered(gate, status, &said)
        && let Some(now) = super::now()
    {
        send(gate, policy, now);
    }
}

/// Whether more is waiting to be sent at once.
fn answered(gate: &Gate, status: Option<u16>, said: &str) -> bool {
    let outcome = gate.usage.borrow_mut().answered(status);
    let mut reporter = gate.reporter.borrow_mut();
    reporter.call = None;
    let failing = !matches!(outcome, Answered::Acknowledged { .. });
    match outcome {
        Answered::Refused => {
            log(Level::Error, &format!("a usage report was refused ({said}) and is dropped"));
        }
        Answered::Kept if !reporter.failing => {
            log(Level::Warn, &format!("usage reports do not arrive ({said}); they are kept and sent again"));
        }
        Answered::Acknowledged { .. } if reporter.failing => log(Level::Info, "usage reports arrive again"),
        _ => {}
    }
    reporter.failing = failing;
    matches!(outcome, Answered::Acknowledged { more: true })
}
