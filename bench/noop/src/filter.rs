//! A filter by the SDK's defaults, with the exports that the SDK gives every module.

#[cfg(feature = "ticks")]
use std::time::Duration;

#[cfg(feature = "copy")]
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
#[cfg(feature = "copy")]
use proxy_wasm::types::{BufferType, LogLevel};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;

impl Context for Root {
    #[cfg(feature = "ticks")]
    fn on_done(&mut self) -> bool {
        // A host would go on ticking for a root that is gone.
        self.set_tick_period(Duration::ZERO);
        true
    }
}

impl RootContext for Root {
    #[cfg(any(feature = "copy", feature = "ticks"))]
    fn on_configure(&mut self, size: usize) -> bool {
        #[cfg(feature = "ticks")]
        self.set_tick_period(Duration::from_secs(1));
        #[cfg(feature = "copy")]
        copy(size);
        #[cfg(not(feature = "copy"))]
        let _ = size;
        true
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// Reads the whole configuration and says how long that took.
#[cfg(feature = "copy")]
fn copy(size: usize) {
    let start = hostcalls::get_current_time();
    let copied = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size);
    let end = hostcalls::get_current_time();
    if let (Ok(start), Ok(Some(bytes)), Ok(end)) = (start, copied, end) {
        let took = end.duration_since(start).unwrap_or_default();
        let line = format!("gatepass-bench: copied in {} us: {} bytes", took.as_micros(), bytes.len());
        let _ = hostcalls::log(LogLevel::Debug, &line);
    }
}

struct Http;

impl Context for Http {}

impl HttpContext for Http {}
