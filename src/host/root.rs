//! Root contexts: one for each configuration that the proxy pushes, all of them views of one gate.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use super::abi::{self, Failed, Level, Map};
use super::{Gate, current_name, gate_for_root, gate_where, log, report, vm_has_been_configured};
use crate::instance::Offer;
use crate::memory;
use crate::policy::LoadError;
use crate::source::{ReadError, Source};

/// How often counters are told to the proxy and reports are looked after.
const TICK: Duration = Duration::from_secs(1);

/// Whether there is memory for the name of a gate, for a new one, and for what is logged.
pub(super) fn has_room() -> bool {
    let has_room = memory::reserve(0).is_ok();
    if !has_room {
        abi::log(Level::Critical, "gatepass: no memory left: refusing every request");
    }
    has_room
}

/// False rejects the configuration where the proxy tries it out first, and opens the gate where it does not: on
/// a worker Envoy then skips the filter. So it is said only in a VM that has enforced nothing so far (a canary,
/// or the first start), and only of what is the same in every such VM: an error in the content, or its size.
pub(super) fn configure(root: u32, size: usize) -> bool {
    let name = current_name();
    let gate = gate_for_root(&name);
    if let Err(Failed(status)) = take_over(&gate, root) {
        gate.instance.borrow_mut().fail();
        log(Level::Critical, &format!("no way back to this context ({status}): refusing every request"));
        return true;
    }
    gate.metrics.borrow_mut().define();
    #[cfg(feature = "fault-injection")]
    if let Some(answer) = super::fault::inject(&gate, size) {
        return answer;
    }
    let first = !vm_has_been_configured();
    let start = abi::now().ok();
    let source = PluginConfiguration::new(size);
    let offered = gate.instance.borrow_mut().offer(&source);
    match offered {
        Ok(offer) => {
            show(&gate, &offer);
            gate.reporter.borrow_mut().identify(name);
            log_time(start, &source, first);
            true
        }
        Err(LoadError::Content(error)) => {
            gate.metrics.borrow_mut().count_refused_configuration();
            log(Level::Error, &format!("configuration refused: {error}"));
            !first
        }
        Err(LoadError::Memory) => {
            gate.instance.borrow_mut().fail();
            log(Level::Critical, "no memory for the configuration: refusing every request");
            !first
        }
        Err(LoadError::Host) => {
            gate.instance.borrow_mut().fail();
            log(Level::Critical, "no configuration could be read: refusing every request");
            true
        }
    }
}

/// Makes `root` the one that ticks for the gate. The one before it is told to stop, or the host would go on with it even
/// when it is gone.
fn take_over(gate: &Gate, root: u32) -> Result<(), Failed> {
    let before = gate.root.replace(root);
    // It may be gone already, as after the only filter of this name was taken away.
    if before != root && before != 0 && abi::act_as(before).is_ok() {
        abi::set_tick_period(0);
        abi::act_as(root)?;
    }
    abi::set_tick_period(u32::try_from(TICK.as_millis()).unwrap_or(u32::MAX));
    Ok(())
}

/// Tells counters and sends the report that is due.
pub(super) fn tick(root: u32) {
    let Some(gate) = gate_where(|gate| gate.root.get() == root) else {
        abi::set_tick_period(0);
        return;
    };
    gate.metrics.borrow_mut().tell(&gate.usage.borrow());
    let policy = gate.instance.borrow().policy();
    if policy.as_ref().is_some_and(|policy| policy.wants_reports())
        && let Some(now) = super::now()
    {
        report::send_if_due(&gate, policy.as_deref(), now);
    }
}

/// Takes the answer to a report, or word that none will come.
pub(super) fn answer(call: u32, has_headers: bool) {
    let Some(gate) = gate_where(|gate| gate.reporter.borrow().is_waiting_for(call)) else { return };
    let status = if has_headers { response_status() } else { None };
    let policy = gate.instance.borrow().policy();
    report::take_answer(&gate, policy.as_deref(), status);
}

fn response_status() -> Option<u16> {
    let pairs = abi::pairs(Map::CallResponseHeaders).ok()?;
    let headers = pairs.list().ok()?;
    let (_, status) = headers.iter().find(|(name, _)| *name == ":status")?;
    std::str::from_utf8(status).ok()?.parse().ok()
}

fn show(gate: &Gate, offer: &Offer) {
    let mut metrics = gate.metrics.borrow_mut();
    if let Some(policy) = gate.instance.borrow().policy() {
        // Also when the offer was stale: the canary, which knows no better, has shown that one as enforced.
        metrics.show(&policy);
    }
    if let Offer::Stale { newest } = offer {
        metrics.count_stale_revision();
        gate.usage.borrow_mut().count_stale_revision();
        let sentence =
            "was ignored (listeners that are to enforce different configurations need a root_id each)";
        log(Level::Warn, &format!("a revision below {newest} of the same epoch {sentence}"));
    }
}

/// The configuration that the proxy holds out, read in slices.
struct PluginConfiguration {
    size: usize,
    read: Cell<usize>,
}

impl PluginConfiguration {
    fn new(size: usize) -> Self {
        Self { size, read: Cell::new(0) }
    }
}

impl Source for PluginConfiguration {
    fn size(&self) -> usize {
        self.size
    }

    fn read(&self, start: usize, len: usize) -> Result<Vec<u8>, ReadError> {
        if len == 0 {
            return Ok(Vec::new());
        }
        // The host has the bytes allocated here, which traps where there is no memory: ask before.
        Vec::<u8>::new().try_reserve_exact(len).map_err(|_| ReadError::Memory)?;
        self.read.set(self.read.get().saturating_add(len));
        let bytes = abi::configuration(start, len);
        bytes.ok().filter(|bytes| bytes.len() == len).ok_or(ReadError::Host)
    }
}

/// Numbers of 128 bits are not worth the code that shows them.
fn microseconds(took: Duration) -> u64 {
    took.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(took.subsec_micros()))
}

/// How long a worker stood still.
fn log_time(start: Option<SystemTime>, source: &PluginConfiguration, first: bool) {
    let took = start.zip(abi::now().ok()).and_then(|(start, end)| end.duration_since(start).ok());
    if let Some(took) = took {
        let (vm, read, size) = (if first { "a new VM" } else { "this VM" }, source.read.get(), source.size);
        log(
            Level::Debug,
            &format!("configured in {} us: {vm}, {read} of {size} bytes read", microseconds(took)),
        );
    }
}
