//! Settings, scopes and tokens.

use serde_json::{Value, json};

use super::Random;
use crate::reference::token;

/// Prefixes of paths that settings and scopes name. All are canonical.
pub const PATHS: [&str; 12] = [
    "/",
    "/rest/",
    "/rest",
    "/rest/api/2/search",
    "/a",
    "/a/",
    "/a@b",
    "/a%20b/",
    "/open/in/",
    "/%C3%A9t%C3%A9",
    "/Rest",
    "/a.b/~c/",
];
const NETWORKS: [&str; 16] = [
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.2.3",
    "10.1.2.3/8",
    "10.1.2.2/31",
    "192.0.2.0/25",
    "192.0.2.5/32",
    "0.0.0.0/0",
    "::/0",
    "2001:db8::/32",
    "2001:db8::7",
    "2001:db8::8/127",
    "::ffff:10.1.0.0/112",
    "::ffff:192.0.2.5",
    "::ffff:0:0/96",
    "2001:DB8:0:0::7/64",
];
/// The address from which the probe asks; every list that all requests must pass holds it.
pub const PROBE_ADDRESS: &str = "192.0.2.250";
/// Names of owners; some differ in what a lenient comparison would not see.
pub const USERS: [&str; 9] =
    ["fred", "Fred", "fre", "ann", "ann@example.com", "fréd", "Anna Maria", "DOMAIN\\bob", "x-ünï-码"];
const METHODS: [&str; 8] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "PROPFIND"];
/// Names that identity headers may get in place of the default ones.
pub const USER_HEADERS: [&str; 4] = ["x-gatepass-user", "remote-user", "x_remote_user", "x-auth.user"];
const TOKEN_ID_HEADERS: [&str; 3] = ["x-gatepass-token-id", "x-auth-token-id", "key_id"];
/// Names of token headers.
pub const TOKEN_HEADERS: [&str; 3] = ["x-api-key", "private-token", "x_api.token"];
/// Prefixes of tokens; some begin like others.
pub const PREFIXES: [&str; 6] = ["gp_", "gp_A", "g", "Acme-2_", "0", "abcdefghijklm-_19"];

/// Some of the settings, each of them present or not.
pub fn settings(random: &mut Random) -> Value {
    let mut settings = serde_json::Map::new();
    for name in ["anonymous", "password_auth", "foreign_credentials"] {
        if random.percent(70) {
            settings.insert(name.to_owned(), json!(random.pick(&["refuse", "forward"])));
        }
    }
    if random.percent(40) {
        let mut list = networks(random);
        list.push(PROBE_ADDRESS.to_owned());
        settings.insert("allowed_ips".to_owned(), json!(list));
    }
    if random.percent(60) {
        settings.insert("protected_paths".to_owned(), json!(random.some(&PATHS[1..])));
    }
    if random.percent(50) {
        settings.insert("identity_headers".to_owned(), identity_headers(random));
    }
    if random.percent(40) {
        settings.insert("forward_authorization".to_owned(), json!(random.percent(60)));
    }
    if random.percent(60) {
        settings.insert("token_headers".to_owned(), json!(random.some(&TOKEN_HEADERS)));
    }
    if random.percent(40) {
        settings.insert("token_prefixes".to_owned(), json!(random.some(&PREFIXES)));
    }
    Value::Object(settings)
}

fn identity_headers(random: &mut Random) -> Value {
    let mut names = serde_json::Map::new();
    for (field, from) in [("user", USER_HEADERS.as_slice()), ("token_id", &TOKEN_ID_HEADERS)] {
        if random.percent(70) {
            names.insert(field.to_owned(), json!(random.item(from)));
        }
    }
    Value::Object(names)
}

/// A list of addresses; at times an empty one.
pub fn networks(random: &mut Random) -> Vec<String> {
    let count = random.below(5);
    (0..count).map(|_| random.pick(&NETWORKS).to_owned()).collect()
}

/// A few named scopes.
pub fn scopes(random: &mut Random) -> Value {
    let read_only = json!([{"methods": ["GET", "HEAD", "OPTIONS"]},
                           {"methods": ["POST"], "paths": ["/rest/api/2/search"]}]);
    let mut scopes = serde_json::Map::from_iter([("read_only".to_owned(), read_only)]);
    for name in ["deploy", "a-b_9"] {
        if random.percent(60) {
            let count = 1 + random.below(3);
            scopes.insert(name.to_owned(), (0..count).map(|_| rule(random)).collect());
        }
    }
    Value::Object(scopes)
}

fn rule(random: &mut Random) -> Value {
    let mut rule = json!({"methods": random.some(&METHODS)});
    if random.percent(70) {
        rule["paths"] = json!(random.some(&PATHS));
    }
    rule
}

/// A token that nobody knows yet, with a prefix of the configuration's.
pub fn secret(random: &mut Random, configuration: &Value) -> String {
    let prefixes = configuration["settings"]["token_prefixes"].as_array();
    let prefix = prefixes.map_or("gp_", |prefixes| random.item(prefixes).as_str().expect("a prefix"));
    token::whole(prefix, &random.characters(32))
}

/// An entry for a secret. `now` is Unix time in seconds: many tokens end about then.
pub fn entry(random: &mut Random, id: &str, secret: &str, scopes: &Value, now: u64) -> Value {
    let mut entry = json!({
        "id": id, "sha256": token::digest(secret.as_bytes()), "user": random.pick(&USERS),
    });
    if random.percent(50) {
        let near = now.saturating_add(random.below(5) as u64).saturating_sub(1);
        let seconds = match random.below(10) {
            0 => 1,
            1 => 1_000_000_000,
            2 => 253_402_300_799,
            3..6 => now + 86_400,
            _ => near,
        };
        entry["expires_at"] = if random.percent(30) { json!(seconds as f64) } else { json!(seconds) };
    }
    if random.percent(40) {
        let names: Vec<&String> = scopes.as_object().expect("scopes").keys().collect();
        entry["scope"] = json!(random.item(&names));
    }
    if random.percent(35) {
        entry["allowed_ips"] = json!(networks(random));
    }
    if random.percent(12) {
        entry["refuse"] = json!(random.pick(&["token_disabled", "user_inactive", "use_not_allowed"]));
    }
    entry
}
