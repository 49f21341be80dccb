//! The module running in the host, as a proxy's worker runs it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use proxy_wasm_host::abi::v0_2_1::types::{Action, LogLevel};
use proxy_wasm_host::abi::v0_2_1::{
    Clock, ContextId, Guest, GuestError, LogContext, LogSink, PluginConfig, StreamKind, VmServices,
};
use proxy_wasm_host::{Error, Limits};
use serde_json::Value;

use crate::calls::Calls;
use crate::exchange::{Exchange, Reply};
use crate::module::{self, Compiled};
use crate::request::Request;

/// The time in every test, in Unix seconds, until it sets another.
pub const NOW: u64 = 1_790_000_000;

/// A VM with the module in it.
pub struct Gate {
    guest: Guest,
    calls: Calls,
    clock: Arc<Wall>,
    log: Arc<Log>,
    /// The newest root, whose requests come in.
    root: Option<ContextId>,
    started: bool,
}

/// What became of a request.
#[derive(Debug)]
pub struct Answer {
    /// Whether the module let the request go on.
    pub forwarded: bool,
    /// The reply in the upstream's place.
    pub reply: Option<Reply>,
    /// The properties that were set, in order.
    pub properties: Vec<(String, String)>,
    /// The headers that would go upstream.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The trailers that would go upstream.
    pub trailers: Vec<(String, Vec<u8>)>,
    /// Whether the request was reset when its trailers came.
    pub reset: bool,
    /// Whether the module trapped. The VM is then lost, and a proxy that fails closed answers in its place.
    pub trapped: bool,
    /// The calls that the module made, in order; all of them if it is the traced one.
    pub calls: Vec<String>,
}

impl Answer {
    /// The decision as an access log would show it.
    pub fn decision(&self) -> Option<&str> {
        self.property("gatepass.decision")
    }

    /// The last value of a property.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The header of this name that would go upstream.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name)?;
        Some(str::from_utf8(&found.1).expect("UTF-8"))
    }
}

impl Gate {
    /// A fresh VM with the shipped module and no configuration.
    pub fn fresh() -> Self {
        Self::of(module::shipped())
    }

    /// A VM with the shipped module that has taken `configuration`.
    #[track_caller]
    pub fn with(configuration: &Value) -> Self {
        let mut gate = Self::fresh();
        assert!(gate.configure("gatepass", configuration.to_string()), "refused: {:?}", gate.log());
        gate
    }

    /// A VM with the module that tells of each call, which has taken `configuration`.
    #[track_caller]
    pub fn traced(configuration: &Value) -> Self {
        let mut gate = Self::of(module::traced());
        assert!(gate.configure("gatepass", configuration.to_string()), "refused: {:?}", gate.log());
        gate
    }

    /// A fresh VM with no more memory than that.
    pub fn with_memory(bytes: usize) -> Self {
        Self::limited(module::shipped(), &Limits::default().with_memory_bytes(bytes))
    }

    fn of(compiled: &Compiled) -> Self {
        Self::limited(compiled, &Limits::default())
    }

    fn limited(compiled: &Compiled, limits: &Limits) -> Self {
        let calls = Calls::default();
        let clock = Arc::new(Wall(AtomicU64::new(NOW)));
        let imports = compiled.imports.clone();
        let log = Arc::new(Log { imports, calls: calls.clone(), lines: Mutex::default() });
        let services = VmServices::new(Arc::clone(&log) as Arc<dyn LogSink>)
            .with_clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .with_vm_id(*b"gatepass");
        let guest =
            Guest::new(&compiled.host, &compiled.module, services, limits).expect("a module of this ABI");
        Self { guest, calls, clock, log, root: None, started: false }
    }

    /// Pushes a configuration as Envoy does: a new root context in the same VM. The module's answer.
    pub fn configure(&mut self, root_id: &str, configuration: impl AsRef<[u8]>) -> bool {
        let plugin = PluginConfig::new()
            .with_name(*b"gatepass")
            .with_root_id(root_id)
            .with_configuration(configuration.as_ref());
        let mut scope = self.guest.enter_root();
        let root = scope.on_context_create(None).expect("a root context");
        if !self.started {
            assert!(scope.on_vm_start(root).expect("a VM that starts"));
            self.started = true;
        }
        let taken = scope.on_configure(root, plugin).expect("a module that does not trap");
        if taken {
            self.root = Some(root);
        }
        self.calls.take();
        taken
    }

    /// The root's timer.
    pub fn tick(&mut self) {
        let root = self.root();
        self.guest.enter_root().on_tick(root).expect("a module that does not trap");
        self.calls.take();
    }

    /// A root context that was never configured, for hosts that send it requests all the same.
    pub fn unconfigured_root(&mut self) -> ContextId {
        let root = self.guest.enter_root().on_context_create(None).expect("a root context");
        self.root = Some(root);
        root
    }

    /// The root that gets the requests.
    pub fn root(&self) -> ContextId {
        self.root.expect("a configured root")
    }

    /// Sets the time, in Unix seconds.
    pub fn set_time(&self, seconds: u64) {
        self.clock.0.store(seconds, Ordering::Relaxed);
    }

    /// What the module logged.
    pub fn log(&self) -> Vec<String> {
        self.log.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a request through the newest root.
    pub fn send(&mut self, request: &Request) -> Answer {
        self.send_to(self.root(), request)
    }

    /// Sends a request through any root, from its first header to its end.
    pub fn send_to(&mut self, root: ContextId, request: &Request) -> Answer {
        self.calls.take();
        let exchange = Exchange::new(request, &self.calls);
        let counts = (request.headers.len() as u32, request.trailers.len() as u32);
        let (forwarded, exchange) = self.guest.with(exchange, |scope| {
            let stream = scope.on_context_create(Some(root))?;
            scope.expect_stream_kind(stream, StreamKind::Http)?;
            let mut action = scope.on_request_headers(stream, counts.0, counts.1 == 0)?;
            if action == Action::Continue && counts.1 > 0 {
                action = scope.on_request_trailers(stream, counts.1)?;
            }
            scope.on_done(stream)?;
            scope.on_log(stream)?;
            scope.on_delete(stream)?;
            Ok::<_, GuestError>(action == Action::Continue)
        });
        let trapped = match &forwarded {
            Ok(_) => false,
            Err(GuestError::Runtime(Error::Trap { .. })) => true,
            Err(error) => panic!("{error}"),
        };
        Answer {
            forwarded: forwarded.unwrap_or(false),
            trapped,
            headers: exchange.headers.pairs(),
            trailers: exchange.trailers.pairs(),
            reply: exchange.reply,
            properties: exchange.properties,
            reset: exchange.reset,
            calls: self.calls.take(),
        }
    }
}

struct Wall(AtomicU64);

impl Clock for Wall {
    fn realtime_nanos(&self) -> u64 {
        self.0.load(Ordering::Relaxed) * 1_000_000_000
    }

    fn monotonic_nanos(&self) -> u64 {
        0
    }
}

/// The log, in which the traced module also tells of its calls: the length of such a message is the import's index.
struct Log {
    imports: Vec<String>,
    calls: Calls,
    lines: Mutex<Vec<String>>,
}

impl LogSink for Log {
    fn log(&self, _: LogContext<'_>, level: LogLevel, message: &[u8]) {
        if level == LogLevel::Trace {
            let import = self.imports.get(message.len()).expect("the filter logs nothing at this level");
            return self.calls.entered(import);
        }
        let line = String::from_utf8_lossy(message).into_owned();
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{level:?} {line}"));
    }
}
