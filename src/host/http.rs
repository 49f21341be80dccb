//! One request: reads the header map once, has it decided, applies the decision.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, GrpcStatusCode, LogLevel, MapType};

use super::abi::{self, Failed};
use super::{Gate, log};
use crate::address;
use crate::decision::{Allow, Decision, Identity, Refusal, Verdict, decide, forged_trailers};
use crate::policy::Policy;
use crate::reply::{GrpcStatus, Reply};
use crate::request::{Request, Surroundings};
use crate::usage::Use;

/// With a single path element Envoy names the filter state `wasm.gatepass.decision`.
const DECISION: &str = "gatepass.decision";
/// The id of a token that was recognised and refused: the access log's, never the reply's.
const REFUSED_TOKEN_ID: &str = "gatepass.token_id";

/// The context of one request.
pub(super) struct Http {
    gate: Rc<Gate>,
}

impl Http {
    pub(super) fn new(gate: Rc<Gate>) -> Self {
        Self { gate }
    }

    /// Decides and applies; the refusal, and whether the caller speaks gRPC.
    fn decide(&self, policy: Option<&Policy>) -> Result<Option<(Refusal, bool)>, Failed> {
        let pairs = abi::pairs(MapType::HttpRequestHeaders)?;
        let headers = pairs.list()?;
        let request = Request::new(&headers);
        let proxy = Proxy::default();
        let decision = decide(policy, request, &proxy);
        apply(&decision)?;
        Ok(match decision.verdict {
            Verdict::Allow(allow) => {
                self.count(allow.decision());
                if let (Allow::Token(identity), Some(policy)) = (&allow, policy) {
                    self.note_use(policy, identity, request, &proxy);
                }
                None
            }
            Verdict::Refuse { reason, token_id } => {
                note_refused_token(token_id);
                Some((reason, request.is_grpc()))
            }
        })
    }

    fn count(&self, decision: &'static str) {
        self.gate.usage.borrow_mut().count(decision);
    }

    fn note_use(&self, policy: &Policy, identity: &Identity<'_>, request: Request<'_>, proxy: &Proxy) {
        if !policy.wants_reports() {
            return;
        }
        let Some(now) = proxy.now() else { return };
        let used = Use { token_id: identity.token_id, now, user_agent: request.values("user-agent").next() };
        self.gate.usage.borrow_mut().note(used, || proxy.source_address());
    }
}

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let policy = self.gate.instance.borrow().policy();
        let (reason, grpc) = match self.decide(policy.as_deref()) {
            Ok(None) => return Action::Continue,
            Ok(Some(refusal)) => refusal,
            Err(Failed(status)) => {
                log(LogLevel::Error, &format!("a host call failed with status {status}: request refused"));
                (Refusal::InternalError, false)
            }
        };
        self.count(reason.decision());
        refuse(reason, grpc)
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        let policy = self.gate.instance.borrow().policy();
        match clean_trailers(policy.as_deref()) {
            Ok(()) => Action::Continue,
            Err(Failed(status)) => {
                log(
                    LogLevel::Error,
                    &format!("trailers could not be cleaned (status {status}): request reset"),
                );
                abi::reset_request();
                Action::Pause
            }
        }
    }
}

fn clean_trailers(policy: Option<&Policy>) -> Result<(), Failed> {
    let pairs = abi::pairs(MapType::HttpRequestTrailers)?;
    let trailers = pairs.list()?;
    let forged = forged_trailers(policy, Request::new(&trailers));
    forged.iter().try_for_each(|name| abi::remove(MapType::HttpRequestTrailers, name))
}

/// Applies all of a decision but the reply. The filter state comes last: it says that everything before succeeded.
fn apply(decision: &Decision<'_>) -> Result<(), Failed> {
    for name in &decision.remove {
        abi::remove(MapType::HttpRequestHeaders, name)?;
    }
    if let Verdict::Allow(allow) = &decision.verdict {
        if let Allow::Token(identity) = allow {
            set_identity(identity)?;
        }
        abi::set_property(DECISION, allow.decision())?;
    }
    Ok(())
}

/// A client's headers of these names are gone already, so setting leaves exactly ours.
fn set_identity(identity: &Identity<'_>) -> Result<(), Failed> {
    abi::replace(MapType::HttpRequestHeaders, identity.user_header, identity.user)?;
    abi::replace(MapType::HttpRequestHeaders, identity.token_id_header, identity.token_id)
}

fn note_refused_token(token_id: Option<&str>) {
    if let Some(id) = token_id {
        let _ = abi::set_property(REFUSED_TOKEN_ID, id);
    }
}

/// Answers in the proxy's place. Pause keeps the request back even if neither the note nor the reply can be made.
fn refuse(reason: Refusal, grpc: bool) -> Action {
    let reply = Reply::to(reason);
    let _ = abi::set_property(DECISION, reason.decision());
    let sent = if grpc {
        abi::respond_grpc(grpc_code(reply.grpc_status), &format!("{} ({})", reply.title, reply.code))
    } else {
        abi::respond(u32::from(reply.status), &reply.headers(), &reply.body())
    };
    if let Err(Failed(status)) = sent {
        log(LogLevel::Error, &format!("a refusal could not be sent (status {status})"));
    }
    Action::Pause
}

fn grpc_code(status: GrpcStatus) -> GrpcStatusCode {
    match status {
        GrpcStatus::InvalidArgument => GrpcStatusCode::InvalidArgument,
        GrpcStatus::PermissionDenied => GrpcStatusCode::PermissionDenied,
        GrpcStatus::Internal => GrpcStatusCode::Internal,
        GrpcStatus::Unavailable => GrpcStatusCode::Unavailable,
        GrpcStatus::Unauthenticated => GrpcStatusCode::Unauthenticated,
    }
}

/// The proxy around the request that is being decided. Each answer costs a call out of the VM, so each is asked once.
#[derive(Default)]
struct Proxy {
    source: OnceCell<Option<IpAddr>>,
    now: OnceCell<Option<u64>>,
}

impl Surroundings for Proxy {
    fn source_address(&self) -> Option<IpAddr> {
        *self.source.get_or_init(|| address::parse_source(&abi::property("source\0address").ok()?))
    }

    fn now(&self) -> Option<u64> {
        *self.now.get_or_init(super::now)
    }
}
