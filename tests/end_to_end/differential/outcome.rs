//! What can be seen of an answer, as the reference says it and as Envoy gave it.

use gatepass_tests::echo::ECHO;
use gatepass_tests::envoy::{TOLD_DECISION, TOLD_TOKEN_ID};
use gatepass_tests::random::requests::Sent;
use gatepass_tests::reference::{Answer, Header, Request, grpc_status, status};
use serde_json::Value;

use super::edge::SET_BY_ENVOY;
use super::wire::Reply;

/// All that is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The filter state: the decision's name and the id of a token that was refused.
    pub decision: String,
    token_id: String,
    status: u16,
    grpc_status: Option<String>,
    /// The schemes of the challenges.
    challenges: Vec<String>,
    /// The whole problem document, without its title.
    problem: Option<Value>,
    /// The request as the service saw it: method, target and sorted headers.
    forwarded: Option<(String, Vec<String>)>,
}

/// What the reference's answer looks like from outside.
pub fn expected(answer: &Answer, request: &Request, sent: &Sent) -> Outcome {
    let mut outcome = Outcome {
        decision: answer.decision(),
        token_id: String::new(),
        status: 200,
        grpc_status: None,
        challenges: Vec::new(),
        problem: None,
        forwarded: None,
    };
    match answer {
        Answer::Forwarded { headers, .. } => {
            outcome.forwarded = Some((format!("{} {}", sent.method, sent.target), lines(headers)));
        }
        Answer::Refused { code, token_id } => {
            outcome.status = status(code);
            outcome.token_id = token_id.clone().unwrap_or_default();
            if speaks_grpc(request) {
                // No HTTP status, so no challenge.
                outcome.grpc_status = Some(grpc_status(outcome.status).to_owned());
                outcome.status = 200;
            } else if sent.method != "HEAD" {
                outcome.problem = Some(serde_json::json!({"status": outcome.status, "code": code}));
            }
            if outcome.status == 401 {
                outcome.challenges = ["Basic", "Bearer"].map(str::to_owned).to_vec();
            }
        }
    }
    outcome
}

/// What Envoy's reply looks like.
pub fn seen(reply: &Reply) -> Outcome {
    let one = |name| reply.header(name).join(" and ");
    let mut challenges: Vec<String> = reply
        .header("www-authenticate")
        .iter()
        .map(|challenge| challenge.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    challenges.sort();
    let echoed = match reply.header(ECHO).first() {
        Some(hex) => Some(unhex(hex)),
        None => one(TOLD_DECISION).starts_with("allow.").then(|| reply.body.clone()),
    };
    let is_problem = one("content-type") == "application/problem+json" && !reply.body.is_empty();
    Outcome {
        decision: one(TOLD_DECISION),
        token_id: one(TOLD_TOKEN_ID),
        status: reply.status,
        grpc_status: reply.header("grpc-status").first().map(|status| (*status).to_owned()),
        challenges,
        problem: is_problem.then(|| problem(&reply.body)),
        forwarded: echoed.map(|head| arrived(&head)),
    }
}

fn problem(body: &[u8]) -> Value {
    let mut problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let title = problem.as_object_mut().and_then(|fields| fields.remove("title"));
    if title.is_some_and(|title| title.as_str().is_some_and(|title| !title.is_empty())) {
        return problem;
    }
    Value::Null
}

fn speaks_grpc(request: &Request) -> bool {
    let is_grpc = |value: &[u8]| value == b"application/grpc" || value.starts_with(b"application/grpc+");
    request.headers.iter().any(|(name, value)| name == "content-type" && is_grpc(value))
}

fn arrived(head: &[u8]) -> (String, Vec<String>) {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let headers: Vec<Header> = lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            Some((name, line[colon + 1..].trim_ascii().to_vec()))
        })
        .collect();
    (first.strip_suffix(" HTTP/1.1").unwrap_or(&first).to_owned(), self::lines(&headers))
}

/// Sorted, since the order of different headers means nothing, without what Envoy sets.
fn lines(headers: &[Header]) -> Vec<String> {
    let ours = headers.iter().filter(|(name, _)| !SET_BY_ENVOY.contains(&name.as_str()));
    let mut lines: Vec<String> =
        ours.map(|(name, value)| format!("{name}: {}", value.escape_ascii())).collect();
    lines.sort();
    lines
}

fn unhex(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
    hex.as_bytes().chunks(2).map(|two| two.iter().fold(0, |byte, hex| byte << 4 | digit(*hex))).collect()
}
