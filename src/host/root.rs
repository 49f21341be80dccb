//! Root contexts: one for each configuration that the proxy pushes, all of them views of one instance.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType, LogLevel, MapType};

use super::http::Http;
use super::{Gate, abi, current_gate, log, report, vm_has_been_configured};
use crate::instance::Offer;
use crate::policy::LoadError;
use crate::source::{ReadError, Source};

/// How often counters are told to the proxy and reports are looked after.
const TICK: Duration = Duration::from_secs(1);

/// One root context. Until it is configured it belongs to no gate, and its requests are refused.
pub(super) struct Root {
    id: u32,
    gate: Rc<Gate>,
}

impl Root {
    pub(super) fn new(id: u32) -> Self {
        Self { id, gate: Rc::default() }
    }
}

impl Context for Root {
    /// The only call that a filter makes is its report.
    fn on_http_call_response(&mut self, _token: u32, headers: usize, _body: usize, _trailers: usize) {
        let status = if headers == 0 { None } else { response_status() };
        let policy = self.gate.instance.borrow().policy();
        report::take_answer(&self.gate, policy.as_deref(), status);
    }

    /// Without this the host goes on ticking for a context that is gone.
    fn on_done(&mut self) -> bool {
        abi::set_tick_period(0);
        true
    }
}

fn response_status() -> Option<u16> {
    let pairs = abi::pairs(MapType::HttpCallResponseHeaders).ok()?;
    let headers = pairs.list().ok()?;
    let (_, status) = headers.iter().find(|(name, _)| *name == ":status")?;
    std::str::from_utf8(status).ok()?.parse().ok()
}

impl RootContext for Root {
    fn on_tick(&mut self) {
        if self.gate.root.get() != self.id {
            // A newer root of this gate ticks; this one only waits for its last stream to end.
            abi::set_tick_period(0);
            return;
        }
        self.gate.metrics.borrow_mut().tell(&self.gate.usage.borrow());
        let policy = self.gate.instance.borrow().policy();
        if policy.as_ref().is_some_and(|policy| policy.wants_reports())
            && let Some(now) = super::now()
        {
            report::send_if_due(&self.gate, policy.as_deref(), now);
        }
    }

    /// False rejects the configuration where the proxy tries it out first, and opens the gate where it does not: on
    /// a worker Envoy then skips the filter. So it is said only in a VM that has enforced nothing so far (a canary,
    /// or the first start), and only of what is the same in every such VM: an error in the content, or its size.
    fn on_configure(&mut self, size: usize) -> bool {
        let (gate, name) = current_gate();
        self.gate = gate;
        self.gate.root.set(self.id);
        // Also when the configuration will be refused: the root before this one stops at its next tick.
        abi::set_tick_period(u32::try_from(TICK.as_millis()).unwrap_or(u32::MAX));
        self.gate.metrics.borrow_mut().define();
        #[cfg(feature = "fault-injection")]
        if let Some(answer) = super::fault::inject(&self.gate, size) {
            return answer;
        }
        let first = !vm_has_been_configured();
        let start = abi::now().ok();
        let source = PluginConfiguration::new(size);
        let offered = self.gate.instance.borrow_mut().offer(&source);
        match offered {
            Ok(offer) => {
                self.show(&offer);
                self.gate.reporter.borrow_mut().identify(name);
                log_time(start, &source, first);
                true
            }
            Err(LoadError::Content(error)) => {
                self.gate.metrics.borrow_mut().count_refused_configuration();
                log(LogLevel::Error, &format!("configuration refused: {error}"));
                !first
            }
            Err(LoadError::Memory) => {
                self.gate.instance.borrow_mut().fail();
                log(LogLevel::Critical, "no memory for the configuration: refusing every request");
                !first
            }
            Err(LoadError::Host) => {
                self.gate.instance.borrow_mut().fail();
                log(LogLevel::Critical, "no configuration could be read: refusing every request");
                true
            }
        }
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http::new(Rc::clone(&self.gate))))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Root {
    fn show(&self, offer: &Offer) {
        let mut metrics = self.gate.metrics.borrow_mut();
        if let Some(policy) = self.gate.instance.borrow().policy() {
            // Also when the offer was stale: the canary, which knows no better, has shown that one as enforced.
            metrics.show(&policy);
        }
        if let Offer::Stale { newest } = offer {
            metrics.count_stale_revision();
            self.gate.usage.borrow_mut().count_stale_revision();
            let sentence =
                "was ignored (listeners that are to enforce different configurations need a root_id each)";
            log(LogLevel::Warn, &format!("a revision below {newest} of the same epoch {sentence}"));
        }
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
        let bytes = abi::buffer(BufferType::PluginConfiguration, start, len);
        bytes.ok().filter(|bytes| bytes.len() == len).ok_or(ReadError::Host)
    }
}

/// How long a worker stood still.
fn log_time(start: Option<SystemTime>, source: &PluginConfiguration, first: bool) {
    let took = start.zip(abi::now().ok()).and_then(|(start, end)| end.duration_since(start).ok());
    if let Some(took) = took {
        let (vm, read, size) = (if first { "a new VM" } else { "this VM" }, source.read.get(), source.size);
        log(
            LogLevel::Debug,
            &format!("configured in {} us: {vm}, {read} of {size} bytes read", took.as_micros()),
        );
    }
}
