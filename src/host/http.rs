//! One request: reads the header map once, has it decided, applies the decision.

use std::net::IpAddr;
use std::time::UNIX_EPOCH;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, GrpcStatusCode, LogLevel, MapType, Status};

use super::{SharedInstance, log};
use crate::address;
use crate::decision::{Allow, Decision, Identity, Refusal, Verdict, decide, forged_trailers};
use crate::reply::{GrpcStatus, Reply};
use crate::request::{Request, Surroundings};

/// With a single path element Envoy names the filter state `wasm.gatepass.decision`.
const DECISION: &str = "gatepass.decision";
/// The id of a token that was recognised and refused: the access log's, never the reply's.
const REFUSED_TOKEN_ID: &str = "gatepass.token_id";

/// The context of one request.
pub(super) struct Http {
    instance: SharedInstance,
}

impl Http {
    pub(super) fn new(instance: SharedInstance) -> Self {
        Self { instance }
    }
}

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let headers = hostcalls::get_map_bytes(MapType::HttpRequestHeaders);
        let policy = self.instance.borrow().policy();
        let outcome = headers.and_then(|headers| {
            let request = Request::new(&headers);
            let decision = decide(policy.as_deref(), request, &Proxy);
            apply(&decision)?;
            Ok(match decision.verdict {
                Verdict::Allow(_) => None,
                Verdict::Refuse { reason, token_id } => {
                    note_refused_token(token_id);
                    Some((reason, request.is_grpc()))
                }
            })
        });
        match outcome {
            Ok(None) => Action::Continue,
            Ok(Some((reason, grpc))) => refuse(reason, grpc),
            Err(status) => {
                log(LogLevel::Error, &format!("a host call failed ({status:?}): request refused"));
                refuse(Refusal::InternalError, false)
            }
        }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        let policy = self.instance.borrow().policy();
        let cleaned = hostcalls::get_map_bytes(MapType::HttpRequestTrailers).and_then(|trailers| {
            let forged = forged_trailers(policy.as_deref(), Request::new(&trailers));
            forged.iter().try_for_each(|name| hostcalls::remove_map_value(MapType::HttpRequestTrailers, name))
        });
        match cleaned {
            Ok(()) => Action::Continue,
            Err(status) => {
                log(LogLevel::Error, &format!("trailers could not be cleaned ({status:?}): request reset"));
                let _ = hostcalls::reset_http_request();
                Action::Pause
            }
        }
    }
}

/// Applies all of a decision but the reply. The filter state comes last: it says that everything before succeeded.
fn apply(decision: &Decision<'_>) -> Result<(), Status> {
    for name in &decision.remove {
        hostcalls::remove_map_value(MapType::HttpRequestHeaders, name)?;
    }
    if let Verdict::Allow(allow) = &decision.verdict {
        if let Allow::Token(identity) = allow {
            set_identity(identity)?;
        }
        hostcalls::set_property(vec![DECISION], Some(allow.decision().as_bytes()))?;
    }
    Ok(())
}

/// A client's headers of these names are gone already, so setting leaves exactly ours.
fn set_identity(identity: &Identity<'_>) -> Result<(), Status> {
    let set = |name, value: &str| {
        hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value.as_bytes()))
    };
    set(identity.user_header, identity.user)?;
    set(identity.token_id_header, identity.token_id)
}

fn note_refused_token(token_id: Option<&str>) {
    if let Some(id) = token_id {
        let _ = hostcalls::set_property(vec![REFUSED_TOKEN_ID], Some(id.as_bytes()));
    }
}

/// Answers in the proxy's place. Pause keeps the request back even if neither the note nor the reply can be made.
fn refuse(reason: Refusal, grpc: bool) -> Action {
    let reply = Reply::to(reason);
    let _ = hostcalls::set_property(vec![DECISION], Some(reason.decision().as_bytes()));
    let sent = if grpc {
        let message = format!("{} ({})", reply.title, reply.code);
        hostcalls::send_grpc_response(grpc_code(reply.grpc_status), Some(&message), Vec::new())
    } else {
        let status = u32::from(reply.status);
        hostcalls::send_http_response(status, reply.headers(), Some(reply.body().as_bytes()))
    };
    if let Err(status) = sent {
        log(LogLevel::Error, &format!("a refusal could not be sent ({status:?})"));
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

/// The proxy around the request that is being decided.
struct Proxy;

impl Surroundings for Proxy {
    fn source_address(&self) -> Option<IpAddr> {
        let bytes = hostcalls::get_property(vec!["source", "address"]).ok().flatten()?;
        address::parse_source(&bytes)
    }

    fn now(&self) -> Option<u64> {
        let now = hostcalls::get_current_time().ok()?;
        now.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
    }
}
