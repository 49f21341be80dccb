//! Two configurations that know the same tokens, one that refuses and one that forwards, and their rules once more.

use std::net::IpAddr;
use std::sync::OnceLock;

use gatepass::policy::Policy;
use gatepass::request::Header;
use gatepass::token::{Prefix, parse};
use serde_json::{Value, json};

use crate::oracle;

/// A token of the configurations.
pub(super) struct Known {
    pub id: &'static str,
    pub secret: &'static str,
    pub user: &'static str,
    pub refused: bool,
    pub expires_at: Option<u64>,
    pub listed: bool,
    pub scoped: bool,
}

const fn token(id: &'static str, secret: &'static str) -> Known {
    Known { id, secret, user: "fred", refused: false, expires_at: None, listed: false, scoped: false }
}

/// Made for these configurations; none of them opens anything else.
const KNOWN: [Known; 6] = [
    token("plain", "gp_qTOYs2JxSnlZeEaMbrR0UX2rVx0FG1H14FhPa2"),
    Known { user: "amy", ..token("amys", "gp_eUgKK0WKeJEsDZHkMQ9eZlkRAg9jJTc03P9V06") },
    Known { expires_at: Some(1_790_000_000), ..token("ends", "gp_bg6d2w7lQ4wOpbckkF6I4iGe2Tw7sm6t4YFc5x") },
    Known { listed: true, ..token("listed", "gp_O4fxKDm3d7P5JOd9Aw17uNnRQCVAVn3R2s8Wax") },
    Known { scoped: true, ..token("reader", "gp_CgZjl1HCcfGtExA0NGsIc9dAQwgHkoJB0tC8In") },
    Known { refused: true, ..token("disabled", "gp_vQFgFLN2qW4HNxQC49moSSgD9wjF4zdQ1Xs99S") },
];

/// The token of this id.
pub(super) fn known(id: &str) -> &'static Known {
    KNOWN
        .iter()
        .find(|known| known.id == id)
        .unwrap_or_else(|| panic!("a token {id:?} that nobody configured"))
}

/// A configuration, and what it says in the oracle's words.
pub(super) struct House {
    pub policy: Policy,
    pub forwards: bool,
    pub forwards_authorization: bool,
    pub listed: bool,
    identity: [&'static str; 2],
    token_headers: &'static [&'static str],
}

/// Both configurations.
pub(super) fn all() -> &'static [House; 2] {
    static ALL: OnceLock<[House; 2]> = OnceLock::new();
    ALL.get_or_init(|| [refusing(), forwarding()])
}

fn refusing() -> House {
    let settings = json!({
        "protected_paths": ["/rest/", "/a%20b"], "allowed_ips": ["10.0.0.0/8", "2001:db8::/32"],
        "token_headers": ["x-api-key"],
    });
    House {
        policy: policy(settings),
        forwards: false,
        forwards_authorization: false,
        listed: true,
        identity: ["x-gatepass-user", "x-gatepass-token-id"],
        token_headers: &["x-api-key"],
    }
}

fn forwarding() -> House {
    let settings = json!({
        "anonymous": "forward", "password_auth": "forward", "foreign_credentials": "forward",
        "identity_headers": {"user": "x-remote-user", "token_id": "remote_token"},
        "forward_authorization": true, "token_headers": ["private-token", "x_key"],
    });
    House {
        policy: policy(settings),
        forwards: true,
        forwards_authorization: true,
        listed: false,
        identity: ["x-remote-user", "remote_token"],
        token_headers: &["private-token", "x_key"],
    }
}

fn policy(settings: Value) -> Policy {
    let configuration = json!({
        "version": 1, "epoch": "a1", "revision": "17", "settings": settings,
        "scopes": {"read_only": [{"methods": ["GET", "HEAD"]}, {"methods": ["POST"], "paths": ["/rest/search"]}]},
        "tokens": KNOWN.iter().map(entry).collect::<Vec<_>>(),
    });
    Policy::parse(configuration.to_string().as_bytes()).expect("a configuration that is right")
}

fn entry(known: &Known) -> Value {
    let digest = parse(known.secret.as_bytes(), &[Prefix::default()]).expect("a token");
    let mut entry = json!({"id": known.id, "sha256": digest.to_string(), "user": known.user});
    let mut set = |field: &str, value: Value| entry[field] = value;
    if let Some(end) = known.expires_at {
        set("expires_at", json!(end));
    }
    if known.listed {
        set("allowed_ips", json!(["10.1.0.0/16"]));
    }
    if known.scoped {
        set("scope", json!("read_only"));
    }
    if known.refused {
        set("refuse", json!("token_disabled"));
    }
    entry
}

impl House {
    /// Whether an upstream could take a header of this name for one that the filter sets.
    pub(super) fn is_ours(&self, name: &str) -> bool {
        oracle::folded(name).starts_with("x-gatepass-")
            || self.identity.iter().any(|ours| oracle::same_name(name, ours))
    }

    /// Whether a header of this name carries credentials.
    pub(super) fn is_credential(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case("authorization")
            || self.token_headers.iter().any(|header| oracle::same_name(name, header))
    }
}

/// `10.1.0.0/16`.
pub(super) fn is_listed(source: IpAddr) -> bool {
    matches!(source, IpAddr::V4(v4) if v4.octets()[..2] == [10, 1])
}

/// `10.0.0.0/8` and `2001:db8::/32`.
pub(super) fn is_admitted(source: IpAddr) -> bool {
    match source {
        IpAddr::V4(v4) => v4.octets()[0] == 10,
        IpAddr::V6(v6) => v6.segments()[..2] == [0x2001, 0xdb8],
    }
}

const OVERRIDES: [&str; 5] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"];

/// The scope `read_only` of both configurations.
pub(super) fn is_in_scope(headers: &[Header<'_>]) -> bool {
    let value =
        |wanted: &str| headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, v)| *v);
    let target = value(":path").unwrap_or_default();
    let (path, query) = match target.iter().position(|b| *b == b'?') {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, [].as_slice()),
    };
    let overridden =
        headers.iter().any(|(name, _)| OVERRIDES.iter().any(|known| oracle::same_name(name, known)));
    let parameter = query.split(|b| matches!(b, b'&' | b';')).any(|pair| {
        let name = pair.split(|b| *b == b'=').next().unwrap_or_default();
        oracle::unescaped(name).eq_ignore_ascii_case(b"_method")
    });
    let path = oracle::unescaped(path);
    let search = path == b"/rest/search" || path.starts_with(b"/rest/search/");
    let method = value(":method");
    !overridden
        && !parameter
        && (matches!(method, Some(b"GET" | b"HEAD")) || method == Some(b"POST") && search)
}
