//! The plugin configuration, read from its JSON with the defaults filled in. Only configurations that are to be taken
//! come here, so that nothing is checked.

use serde_json::Value;

use super::address::Network;
use super::scope::Rule;

/// What happens to a kind of credentials, or to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A refusal.
    Refuse,
    /// Forwarded, with no identity.
    Forward,
}

/// A token's entry.
#[derive(Clone, Debug)]
pub struct Token {
    /// Public.
    pub id: String,
    /// In lower-case hex.
    pub sha256: String,
    /// Its owner.
    pub user: String,
    /// Unix time in seconds; `None`: never.
    pub expires_at: Option<u64>,
    /// The rules of its scope; `None`: everything.
    pub scope: Option<Vec<Rule>>,
    /// Empty: everywhere.
    pub allowed_ips: Vec<Network>,
    /// A stated refusal's code.
    pub refuse: Option<&'static str>,
}

/// A configuration.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are those of the plugin configuration, documented there")]
pub struct Policy {
    pub epoch: String,
    pub revision: u64,
    pub anonymous: Mode,
    pub password_auth: Mode,
    pub foreign_credentials: Mode,
    pub allowed_ips: Vec<Network>,
    pub protected_paths: Vec<String>,
    pub user_header: String,
    pub token_id_header: String,
    pub forward_authorization: bool,
    pub token_headers: Vec<String>,
    pub token_prefixes: Vec<String>,
    pub tokens: Vec<Token>,
}

impl Policy {
    /// Reads a configuration.
    ///
    /// # Panics
    /// When it is none.
    pub fn read(configuration: &Value) -> Self {
        let settings = &configuration["settings"];
        let mode = |name: &str| match settings[name].as_str() {
            Some("forward") => Mode::Forward,
            _ => Mode::Refuse,
        };
        let header = |name: &str, default: &str| {
            settings["identity_headers"][name].as_str().unwrap_or(default).to_owned()
        };
        Self {
            epoch: configuration["epoch"].as_str().unwrap_or_default().to_owned(),
            revision: text(&configuration["revision"]).parse().expect("a revision"),
            anonymous: mode("anonymous"),
            password_auth: mode("password_auth"),
            foreign_credentials: mode("foreign_credentials"),
            allowed_ips: networks(&settings["allowed_ips"]),
            protected_paths: texts(&settings["protected_paths"]).unwrap_or(vec!["/".to_owned()]),
            user_header: header("user", "x-gatepass-user"),
            token_id_header: header("token_id", "x-gatepass-token-id"),
            forward_authorization: settings["forward_authorization"].as_bool().unwrap_or(false),
            token_headers: texts(&settings["token_headers"]).unwrap_or_default(),
            token_prefixes: texts(&settings["token_prefixes"]).unwrap_or(vec!["gp_".to_owned()]),
            tokens: list(&configuration["tokens"])
                .iter()
                .map(|t| token(t, &configuration["scopes"]))
                .collect(),
        }
    }
}

fn token(entry: &Value, scopes: &Value) -> Token {
    let refuse = match entry["refuse"].as_str() {
        Some("token_disabled") => Some("token_disabled"),
        Some("user_inactive") => Some("user_inactive"),
        Some("use_not_allowed") => Some("use_not_allowed"),
        _ => None,
    };
    // Istio turns numbers into doubles.
    let expires_at = entry["expires_at"].as_f64().map(|seconds| seconds as u64);
    let scope = entry["scope"].as_str().map(|name| list(&scopes[name]).iter().map(rule).collect());
    Token {
        id: text(&entry["id"]),
        sha256: text(&entry["sha256"]),
        user: text(&entry["user"]),
        expires_at,
        scope,
        allowed_ips: networks(&entry["allowed_ips"]),
        refuse,
    }
}

fn rule(rule: &Value) -> Rule {
    Rule { methods: texts(&rule["methods"]).unwrap_or_default(), paths: texts(&rule["paths"]) }
}

fn networks(value: &Value) -> Vec<Network> {
    texts(value).unwrap_or_default().iter().map(|text| Network::parse(text)).collect()
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array().map(|items| items.iter().map(text).collect())
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}
