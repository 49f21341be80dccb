//! One request, asked and compared; and a difference made small enough to read.

use std::fmt::Write as _;
use std::net::SocketAddr;

use gatepass_tests::random::requests::Sent;
use gatepass_tests::reference::decide;
use gatepass_tests::reference::policy::Policy;
use serde_json::Value;

use super::edge;
use super::outcome::{Outcome, expected, seen};
use super::run::now;
use super::wire::Line;

/// An answer that is not the reference's.
#[derive(Debug)]
pub struct Difference {
    sent: Sent,
    expected: Outcome,
    seen: Result<Outcome, String>,
    /// Unix time in seconds.
    now: u64,
}

/// Asks; the decision's name when the answer is the reference's.
///
/// A token may end between the moment of sending and that of the filter's decision: what the reference says of any
/// second from before the request to after the reply is right.
pub fn compare(line: &mut Line, sent: Sent, policy: &Policy) -> Result<String, Box<Difference>> {
    let before = now();
    let reply = line.ask(&sent.bytes());
    let after = now();
    let seen = reply.map(|reply| seen(&reply)).map_err(|error| error.to_string());
    for now in before..=after {
        let outcome = reference(&sent, policy, now);
        if seen.as_ref() == Ok(&outcome) {
            return Ok(outcome.decision);
        }
    }
    let expected = reference(&sent, policy, before);
    Err(Box::new(Difference { sent, expected, seen, now: before }))
}

fn reference(sent: &Sent, policy: &Policy, now: u64) -> Outcome {
    let request = edge::passed_on(sent, now);
    expected(&decide(Some(policy), &request), &request, sent)
}

/// Without the headers and the parts of the target that are not needed for a difference.
pub fn shrunk(to: SocketAddr, policy: &Policy, mut difference: Difference) -> Difference {
    loop {
        let smaller = simpler(&difference.sent)
            .into_iter()
            .filter_map(|sent| compare(&mut Line::new(to), sent, policy).err())
            .find(|smaller| smaller.kind() == difference.kind());
        match smaller {
            Some(smaller) => difference = *smaller,
            None => return difference,
        }
    }
}

fn simpler(sent: &Sent) -> Vec<Sent> {
    let mut simpler: Vec<Sent> = (0..sent.headers.len())
        .map(|at| {
            let mut sent = sent.clone();
            sent.headers.remove(at);
            sent
        })
        .collect();
    let with_target = |target: &str| Sent { target: target.to_owned(), ..sent.clone() };
    if let Some((path, _)) = sent.target.split_once('?') {
        simpler.push(with_target(path));
    }
    if let Some((parent, _)) = sent.target[1..].rsplit_once('/') {
        simpler.push(with_target(&format!("/{parent}")));
    }
    if sent.method != "GET" {
        simpler.push(Sent { method: "GET".to_owned(), ..sent.clone() });
    }
    simpler
}

impl Difference {
    /// The same for differences that are likely to have one cause.
    pub fn kind(&self) -> String {
        let seen = self.seen.as_ref().map_or("nothing", |seen| &seen.decision);
        format!("{} expected, {seen} seen", self.expected.decision)
    }

    /// With what it takes to see it again: the settings, the scopes and those tokens without which the reference would
    /// answer otherwise.
    pub fn described(&self, policy: &Policy, configuration: &Value) -> String {
        let mut configuration = configuration.clone();
        if let Some(tokens) = configuration["tokens"].as_array_mut() {
            tokens.retain(|token| {
                let mut without = policy.clone();
                without.tokens.retain(|other| token["id"] != other.id.as_str());
                reference(&self.sent, &without, self.now) != self.expected
            });
        }
        let mut text = format!("  at {}: {}\n", self.now, readable(&self.sent.bytes()));
        let _ = writeln!(text, "  configuration (with the tokens that matter): {configuration}");
        let _ = writeln!(text, "  the reference: {:?}", self.expected);
        let _ = match &self.seen {
            Ok(seen) => write!(text, "  the filter:    {seen:?}"),
            Err(error) => write!(text, "  the connection: {error}"),
        };
        text
    }
}

/// Escaped, and long runs of one character told by their length.
fn readable(bytes: &[u8]) -> String {
    bytes
        .chunk_by(|a, b| a == b)
        .map(|run| match run.len() {
            ..50 => run.escape_ascii().to_string(),
            length => format!("«{} {length} times»", run[..1].escape_ascii()),
        })
        .collect()
}
