//! Whole decisions. The input is a request as text: a line with the source address and the time in Unix seconds, then
//! a line for each header. `Basic {user:secret}` is encoded first, so that a seed can be read and mutated.

mod house;

use std::net::IpAddr;

use gatepass::address;
use gatepass::decision::{Allow, Decision, Identity, Verdict, decide, forged_trailers};
use gatepass::policy::Policy;
use gatepass::reply::Reply;
use gatepass::request::{Header, Request, Surroundings};

use crate::oracle;
use house::{House, Known};

/// Nobody is let through who does not hold the plaintext of a token that is good for this request, and nothing goes
/// upstream that is ours to say or to keep.
pub fn check(input: &[u8]) {
    let (around, lines) = read(input);
    let headers = views(&lines);
    for house in house::all() {
        decides(house, &around, &headers);
    }
    without_a_policy(&headers);
}

struct Around {
    source: Vec<u8>,
    now: Option<u64>,
}

impl Surroundings for Around {
    fn source_address(&self) -> Option<IpAddr> {
        address::parse_source(&self.source)
    }

    fn now(&self) -> Option<u64> {
        self.now
    }
}

/// A header that its bytes belong to.
type Line = (String, Vec<u8>);

fn views(lines: &[Line]) -> Vec<Header<'_>> {
    lines.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect()
}

fn read(input: &[u8]) -> (Around, Vec<Line>) {
    let mut lines = input.split(|b| *b == b'\n');
    let first = lines.next().unwrap_or_default();
    let mut words = first.split(|b| *b == b' ');
    let source = words.next().unwrap_or_default().to_vec();
    let now = words.next().and_then(|word| str::from_utf8(word).ok()?.parse().ok());
    // Hosts end a header at its line's end and bound their number.
    let lines = lines.take(64).filter(|line| !line.is_empty()).map(header).collect();
    (Around { source, now }, lines)
}

fn header(line: &[u8]) -> Line {
    let colon = line.iter().skip(1).position(|b| *b == b':').map_or(line.len(), |at| at + 1);
    let (name, value) = line.split_at(colon);
    let value = value.strip_prefix(b":").unwrap_or(value);
    let value = value.strip_prefix(b" ").unwrap_or(value);
    (String::from_utf8_lossy(name).into_owned(), encoded(value))
}

/// Encodes what stands in the braces of `Basic {…}`.
fn encoded(value: &[u8]) -> Vec<u8> {
    let Some((scheme, rest)) = value.split_at_checked(6) else { return value.to_vec() };
    match rest.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")) {
        Some(pair) if scheme.eq_ignore_ascii_case(b"basic ") => [scheme, &oracle::encode(pair)].concat(),
        _ => value.to_vec(),
    }
}

fn decides(house: &House, around: &Around, headers: &[Header<'_>]) {
    let request = Request::new(headers);
    let decision = decide(Some(&house.policy), request, around);
    forged_headers_go(house, &decision, headers);
    match &decision.verdict {
        Verdict::Allow(allow) => {
            if let Allow::Token(identity) = allow {
                deserves(house, identity, around, headers);
            }
            only_ours_goes_upstream(house, allow, &decision, headers);
        }
        Verdict::Refuse { reason, token_id } => {
            if let Some(id) = token_id {
                let known = house::known(id);
                assert!(presents(house, known, headers), "{id} is named to the log and was not presented");
            }
            is_a_problem(&Reply::to(*reason));
        }
    }
    credentials_in_trailers_go(house, headers);
}

/// Every header that an upstream could take for ours is on the list, whatever the verdict.
fn forged_headers_go(house: &House, decision: &Decision<'_>, headers: &[Header<'_>]) {
    for (name, _) in headers.iter().filter(|(name, _)| house.is_ours(name)) {
        assert!(decision.remove.contains(name), "{name:?} stays");
    }
}

/// The token of the identity was presented in clear and is good for this request.
fn deserves(house: &House, identity: &Identity<'_>, around: &Around, headers: &[Header<'_>]) {
    let known = house::known(identity.token_id);
    assert_eq!(identity.user, known.user);
    assert!(presents(house, known, headers), "{} was never presented", known.id);
    assert!(!known.refused, "{} is refused whatever the request", known.id);
    if let Some(end) = known.expires_at {
        assert!(around.now.is_some_and(|now| now < end), "{} ended at {end}: {:?}", known.id, around.now);
    }
    let source = around.source_address();
    assert!(!known.listed || source.is_some_and(house::is_listed), "{} from {source:?}", known.id);
    assert!(!house.listed || source.is_some_and(house::is_admitted), "credentials from {source:?}");
    assert!(!known.scoped || house::is_in_scope(headers), "{} exceeds its scope", known.id);
}

/// Whether the one credential of the request is this token, and for Basic its owner's.
fn presents(house: &House, known: &Known, headers: &[Header<'_>]) -> bool {
    let mut credentials = headers.iter().filter(|(name, _)| house.is_credential(name));
    let (Some((name, value)), None) = (credentials.next(), credentials.next()) else { return false };
    let value = oracle::trimmed(value);
    if !name.eq_ignore_ascii_case("authorization") {
        return value == known.secret.as_bytes();
    }
    let Some(space) = value.iter().position(|b| *b == b' ') else { return false };
    let (scheme, word) = (&value[..space], oracle::trimmed(&value[space..]));
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return word == known.secret.as_bytes();
    }
    let pair = format!("{}:{}", known.user, known.secret);
    scheme.eq_ignore_ascii_case(b"basic")
        && oracle::base64(word).is_some_and(|decoded| decoded == pair.as_bytes())
}

/// What is left once the list is removed holds no forgery, no credentials of a token that was taken, and no token where
/// a password or nothing is expected.
fn only_ours_goes_upstream(
    house: &House,
    allow: &Allow<'_>,
    decision: &Decision<'_>,
    headers: &[Header<'_>],
) {
    let taken = matches!(allow, Allow::Token(_));
    let left = headers.iter().filter(|(name, _)| !decision.remove.contains(name));
    for (name, value) in left {
        assert!(!house.is_ours(name), "{name:?} goes upstream");
        if house.is_credential(name) {
            assert!(!taken || house.forwards_authorization, "{name:?} of a token goes upstream");
            assert!(taken || !oracle::holds_token(value, "gp_"), "{name:?} holds a token and goes upstream");
        }
    }
    assert!(!matches!(allow, Allow::Password | Allow::Foreign | Allow::Anonymous) || house.forwards);
}

/// The body is JSON of three fields, made of the reason alone.
fn is_a_problem(reply: &Reply) {
    let fields: serde_json::Value = serde_json::from_str(&reply.body()).expect("JSON");
    let fields = fields.as_object().expect("an object");
    assert!(fields.keys().map(String::as_str).eq(["code", "status", "title"]), "{fields:?}");
    assert_eq!(fields["status"], reply.status);
}

/// The same lines as trailers: neither identities nor credentials stay.
fn credentials_in_trailers_go(house: &House, trailers: &[Header<'_>]) {
    let removed = forged_trailers(Some(&house.policy), Request::new(trailers));
    for (name, _) in trailers.iter().filter(|(name, _)| house.is_ours(name) || house.is_credential(name)) {
        assert!(removed.contains(name), "the trailer {name:?} stays");
    }
}

fn without_a_policy(headers: &[Header<'_>]) {
    let nobody = Around { source: Vec::new(), now: None };
    let decision = decide(None::<&Policy>, Request::new(headers), &nobody);
    assert_eq!(decision.verdict.decision(), "refuse.not_ready");
    for (name, _) in headers.iter().filter(|(name, _)| oracle::folded(name).starts_with("x-gatepass-")) {
        assert!(decision.remove.contains(name), "{name:?} stays");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_seeds_lead_to_every_decision() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/decision");
        let mut reached = BTreeSet::new();
        for seed in std::fs::read_dir(folder).expect("the seeds") {
            let input = std::fs::read(seed.expect("a seed").path()).expect("a seed");
            check(&input);
            let (around, lines) = read(&input);
            let headers = views(&lines);
            for house in house::all() {
                reached
                    .insert(decide(Some(&house.policy), Request::new(&headers), &around).verdict.decision());
            }
        }
        let wanted = [
            "allow.anonymous",
            "allow.foreign",
            "allow.password",
            "allow.token",
            "allow.unprotected",
            "refuse.authorization_malformed",
            "refuse.credentials_missing",
            "refuse.credentials_unknown",
            "refuse.ip_not_allowed",
            "refuse.password_refused",
            "refuse.scheme_refused",
            "refuse.scope_exceeded",
            "refuse.token_disabled",
            "refuse.token_expired",
        ];
        assert!(reached.iter().copied().eq(wanted), "{reached:?}");
    }
}
