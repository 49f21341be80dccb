//! One request: reads the header map once, has it decided, applies the decision.

use std::cell::OnceCell;
use std::net::IpAddr;

use super::abi::{self, Failed, Level, Map};
use super::{Gate, gate_for_request, log};
use crate::address;
use crate::decision::{Allow, Decision, Identity, Refusal, Verdict, decide, forged_trailers};
use crate::policy::Policy;
use crate::reply::Reply;
use crate::request::{Request, Surroundings};
use crate::usage::Use;

/// With a single path element Envoy names the filter state `wasm.gatepass.decision`.
const DECISION: &str = "gatepass.decision";
/// The id of a token that was recognised and refused: the access log's, never the reply's.
const REFUSED_TOKEN_ID: &str = "gatepass.token_id";

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// It goes on.
    Continue,
    /// It does not.
    Pause,
}

/// Decides on a request by its headers.
pub(super) fn headers() -> Action {
    let gate = gate_for_request();
    let (reason, grpc) = match admit(gate.as_deref()) {
        Ok(None) => return Action::Continue,
        Ok(Some(refusal)) => refusal,
        Err(Failed(status)) => {
            log(Level::Error, &format!("a host call failed with status {status}: request refused"));
            (Refusal::InternalError, false)
        }
    };
    if let Some(gate) = &gate {
        gate.usage.borrow_mut().count(reason.decision());
    }
    refuse(reason, grpc)
}

/// Cleans a request's trailers.
pub(super) fn trailers() -> Action {
    let policy = gate_for_request().and_then(|gate| gate.instance.borrow().policy());
    match clean_trailers(policy.as_deref()) {
        Ok(()) => Action::Continue,
        Err(Failed(status)) => {
            log(Level::Error, &format!("trailers could not be cleaned (status {status}): request reset"));
            abi::reset_request();
            Action::Pause
        }
    }
}

/// Decides and applies; the refusal, and whether the caller speaks gRPC.
fn admit(gate: Option<&Gate>) -> Result<Option<(Refusal, bool)>, Failed> {
    let policy = gate.and_then(|gate| gate.instance.borrow().policy());
    let policy = policy.as_deref();
    let pairs = abi::pairs(Map::RequestHeaders)?;
    let headers = pairs.list()?;
    let request = Request::new(&headers);
    let proxy = Proxy::default();
    let decision = decide(policy, request, &proxy);
    apply(&decision)?;
    Ok(match decision.verdict {
        Verdict::Allow(allow) => {
            if let (Some(gate), Some(policy)) = (gate, policy) {
                gate.usage.borrow_mut().count(allow.decision());
                if let Allow::Token(identity) = &allow {
                    note_use(gate, policy, identity, request, &proxy);
                }
            }
            None
        }
        Verdict::Refuse { reason, token_id } => {
            note_refused_token(token_id);
            Some((reason, request.is_grpc()))
        }
    })
}

fn note_use(gate: &Gate, policy: &Policy, identity: &Identity<'_>, request: Request<'_>, proxy: &Proxy) {
    if !policy.wants_reports() {
        return;
    }
    let Some(now) = proxy.now() else { return };
    let used = Use { token_id: identity.token_id, now, user_agent: request.values("user-agent").next() };
    gate.usage.borrow_mut().note(used, || proxy.source_address());
}

fn clean_trailers(policy: Option<&Policy>) -> Result<(), Failed> {
    let pairs = abi::pairs(Map::RequestTrailers)?;
    let trailers = pairs.list()?;
    let forged = forged_trailers(policy, Request::new(&trailers));
    forged.iter().try_for_each(|name| abi::remove(Map::RequestTrailers, name))
}

/// Applies all of a decision but the reply. The filter state comes last: it says that everything before succeeded.
fn apply(decision: &Decision<'_>) -> Result<(), Failed> {
    for name in &decision.remove {
        abi::remove(Map::RequestHeaders, name)?;
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
    abi::replace(Map::RequestHeaders, identity.user_header, identity.user)?;
    abi::replace(Map::RequestHeaders, identity.token_id_header, identity.token_id)
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
        abi::respond_grpc(reply.grpc_status as i32, &format!("{} ({})", reply.title, reply.code))
    } else {
        abi::respond(u32::from(reply.status), &reply.headers(), &reply.body())
    };
    if let Err(Failed(status)) = sent {
        log(Level::Error, &format!("a refusal could not be sent (status {status})"));
    }
    Action::Pause
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
