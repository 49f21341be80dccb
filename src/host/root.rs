//! Root contexts: one for each configuration that the proxy pushes, all of them views of one instance.

use std::cell::Cell;
use std::rc::Rc;
use std::time::SystemTime;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType, LogLevel};

use super::http::Http;
use super::metrics::Metrics;
use super::{SharedInstance, current_instance, log, vm_has_been_configured};
use crate::instance::Offer;
use crate::policy::LoadError;
use crate::source::{ReadError, Source};

/// One root context. Until it is configured it belongs to no instance, and its requests are refused.
#[derive(Default)]
pub(super) struct Root {
    instance: SharedInstance,
}

impl Context for Root {}

impl RootContext for Root {
    /// False rejects the configuration where the proxy tries it out first, and opens the gate where it does not: on
    /// a worker Envoy then skips the filter. So it is said only in a VM that has enforced nothing so far (a canary,
    /// or the first start), and only of what is the same in every such VM: an error in the content, or its size.
    fn on_configure(&mut self, size: usize) -> bool {
        self.instance = current_instance();
        let metrics = Metrics::define();
        #[cfg(feature = "fault-injection")]
        if let Some(answer) = super::fault::inject(&self.instance, size) {
            return answer;
        }
        let first = !vm_has_been_configured();
        let start = hostcalls::get_current_time().ok();
        let source = PluginConfiguration::new(size);
        let offered = self.instance.borrow_mut().offer(&source);
        match offered {
            Ok(offer) => {
                self.report(&offer, &metrics);
                log_time(start, &source, first);
                true
            }
            Err(LoadError::Content(error)) => {
                metrics.count_refused_configuration();
                log(LogLevel::Error, &format!("configuration refused: {error}"));
                !first
            }
            Err(LoadError::Memory) => {
                self.instance.borrow_mut().fail();
                log(LogLevel::Critical, "no memory for the configuration: refusing every request");
                !first
            }
            Err(LoadError::Host) => {
                self.instance.borrow_mut().fail();
                log(LogLevel::Critical, "no configuration could be read: refusing every request");
                true
            }
        }
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http::new(Rc::clone(&self.instance))))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Root {
    fn report(&self, offer: &Offer, metrics: &Metrics) {
        let policy = self.instance.borrow().policy();
        if let Some(policy) = &policy {
            // Also when the offer was stale: the canary, which knows no better, has shown that one as enforced.
            metrics.show(policy);
        }
        if let Offer::Stale { newest } = offer {
            metrics.count_stale_revision();
            let sentence =
                "was ignored (listeners that are to enforce different configurations need a root_id each)";
            log(LogLevel::Warn, &format!("a revision below {newest} of the same epoch {sentence}"));
            return;
        }
        if policy.is_some_and(|policy| policy.wants_reports()) {
            log(LogLevel::Warn, "report: this version of the filter sends no usage reports");
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
        // The SDK allocates for the host and traps where there is no memory: ask before.
        Vec::<u8>::new().try_reserve_exact(len).map_err(|_| ReadError::Memory)?;
        self.read.set(self.read.get().saturating_add(len));
        let bytes = hostcalls::get_buffer(BufferType::PluginConfiguration, start, len);
        bytes.ok().flatten().filter(|bytes| bytes.len() == len).ok_or(ReadError::Host)
    }
}

/// How long a worker stood still.
fn log_time(start: Option<SystemTime>, source: &PluginConfiguration, first: bool) {
    let took =
        start.zip(hostcalls::get_current_time().ok()).and_then(|(start, end)| end.duration_since(start).ok());
    if let Some(took) = took {
        let (vm, read, size) = (if first { "a new VM" } else { "this VM" }, source.read.get(), source.size);
        log(
            LogLevel::Debug,
            &format!("configured in {} us: {vm}, {read} of {size} bytes read", took.as_micros()),
        );
    }
}
