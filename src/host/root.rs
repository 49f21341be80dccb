//! Root contexts: one for each configuration that the proxy pushes, all of them views of one instance.

use std::rc::Rc;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType, LogLevel};

use super::http::Http;
use super::metrics::Metrics;
use super::{SharedInstance, current_instance, log, vm_has_been_configured};
use crate::instance::Offer;
use crate::policy::LoadError;

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
        let json = match hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size) {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(status) => {
                self.instance.borrow_mut().fail();
                log(
                    LogLevel::Critical,
                    &format!("no configuration could be read ({status:?}): refusing every request"),
                );
                return true;
            }
        };
        let first = !vm_has_been_configured();
        let offered = self.instance.borrow_mut().offer(json);
        match offered {
            Ok(offer) => {
                self.report(&offer, &metrics);
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
