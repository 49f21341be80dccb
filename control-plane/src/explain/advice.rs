//! What is said of a decision: the rule that decided in words, whose job it is to change that, and where more is written.
//! It tells what is known of the request and of the token; it never decides.

mod source;

use gatepass::decision::Refusal;
use gatepass::path::RequestPath;
use gatepass::request::Request;
use serde::Serialize;
use utoipa::ToSchema;

use super::gate::{Asked, Outcome};
use crate::clock::rfc3339;
use crate::domain::settings::Settings;
use crate::domain::token::Token;
use crate::schema;

const CODES: &str = "docs/troubleshooting.md#what-each-code-means";
const IPS: &str = "docs/troubleshooting.md#ip-restrictions";
const BEHIND: &str = "docs/troubleshooting.md#replies-without-a-code";

/// Why it was decided so, and what changes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ExplainedRule)]
pub(crate) struct Advice {
    /// The first rule that applied.
    pub(crate) rule: Rule,
    /// Why it applies to this request.
    pub(crate) reason: String,
    /// Who can change that.
    pub(crate) who: Who,
    /// How.
    pub(crate) change: String,
    /// The setting that is at work, if one is.
    #[schema(value_type = Option<String>, required)]
    pub(crate) setting: Option<&'static str>,
    /// Where more is written, in the documentation that comes with the product.
    #[schema(value_type = schema::Text)]
    pub(crate) help: &'static str,
}

/// The rules, in the order in which the filter asks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExplainedRuleName)]
pub(crate) enum Rule {
    /// Something failed.
    Gate,
    /// The path is not protected.
    ProtectedPaths,
    /// There are no credentials.
    Anonymous,
    /// The credentials are not written as they should be.
    Grammar,
    /// The system-wide list of addresses.
    AllowedIps,
    /// It is a token, and none that is known.
    UnknownToken,
    /// A password.
    PasswordAuth,
    /// Credentials of another kind.
    ForeignCredentials,
    /// The token is disabled.
    TokenDisabled,
    /// The token's owner is deactivated.
    OwnerInactive,
    /// The token's owner may not use tokens.
    UsersMayUseTokens,
    /// The owner of an entry of a source has another role than `user`.
    OwnerRole,
    /// The token's end.
    TokenExpiry,
    /// The token's own list of addresses.
    TokenIps,
    /// The token's scope.
    TokenScope,
    /// All of the token's own rules let it through.
    Token,
}

/// Whose job a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExplainedWho)]
pub(crate) enum Who {
    /// An admin, by the settings or the list of users.
    Admin,
    /// A token manager or an admin.
    Manager,
    /// The token's owner.
    Owner,
    /// Whoever runs the program that sends the request.
    Client,
    /// Whoever runs the service behind the gate.
    Service,
    /// Whoever keeps the document that the entry's source pushes, or an admin who pushes another.
    Source,
}

/// What is known of a request.
pub(super) struct Facts<'a> {
    pub(super) settings: &'a Settings,
    pub(super) token: Option<&'a Token>,
    pub(super) basic_user: Option<&'a str>,
    pub(super) asked: &'a Asked,
}

/// What to say of an outcome.
pub(super) fn on(outcome: Outcome, facts: &Facts<'_>) -> Advice {
    let said = said(outcome, facts);
    let pushed = facts.token.filter(|token| token.is_entry());
    let Some((entry, refusal)) = pushed.zip(outcome.refusal) else { return said };
    source::changed(said, refusal, outcome.of_token, entry)
}

fn said(outcome: Outcome, facts: &Facts<'_>) -> Advice {
    match outcome.refusal {
        None => on_allowed(outcome.decision, facts),
        Some(Refusal::IpNotAllowed) if outcome.of_token => token_ips(facts),
        Some(Refusal::IpNotAllowed) => allowed_ips(facts),
        Some(Refusal::CredentialsUnknown) => unknown(facts),
        Some(Refusal::ScopeExceeded) => scope(facts),
        Some(Refusal::TokenDisabled) => disabled(facts),
        Some(Refusal::TokenExpired) => expired(facts),
        Some(refusal) => on_refused(refusal, facts),
    }
}

fn advice(rule: Rule, who: Who, reason: impl Into<String>, change: impl Into<String>) -> Advice {
    Advice { rule, who, reason: reason.into(), change: change.into(), setting: None, help: CODES }
}

impl Advice {
    fn by(self, setting: &'static str) -> Self {
        Self { setting: Some(setting), ..self }
    }

    fn more_at(self, help: &'static str) -> Self {
        Self { help, ..self }
    }
}

fn on_allowed(decision: &str, facts: &Facts<'_>) -> Advice {
    let said = match decision {
        "allow.token" => advice(
            Rule::Token,
            Who::Service,
            "the token is known, and every rule lets it through: the service is told who it is",
            "a refusal comes from the proxy around the gate, or from the service itself: look at `decision` in the access log",
        ),
        "allow.password" => advice(
            Rule::PasswordAuth,
            Who::Service,
            "this is no token, and passwords go on to the service untouched, which checks them",
            "a refusal is the service's: the password, or its own count of failed logins",
        )
        .by("password_auth"),
        "allow.foreign" => advice(
            Rule::ForeignCredentials,
            Who::Service,
            "this is no token of this gate's, and such credentials go on to the service untouched, which checks them",
            "a refusal is the service's. A token of this gate's with a mistyped character looks like this, too",
        )
        .by("foreign_credentials"),
        "allow.anonymous" => advice(
            Rule::Anonymous,
            Who::Service,
            "there are no credentials, and such requests go on to the service without a user",
            "the service sees nobody, and refuses if it wants somebody: send a token",
        )
        .by("anonymous"),
        _ => advice(
            Rule::ProtectedPaths,
            Who::Admin,
            "the path is not protected: the request goes on to the service without a user, and without a token if it has one",
            "to have tokens count on this path, add it to protected_paths",
        )
        .by("protected_paths"),
    };
    let is_ambiguous = is_ambiguous(facts);
    let note =
        if is_ambiguous { ". The path can be read in more than one way and counts as protected" } else { "" };
    Advice { reason: format!("{}{note}", said.reason), ..said }.more_at(BEHIND)
}

fn on_refused(refusal: Refusal, facts: &Facts<'_>) -> Advice {
    match refusal {
        Refusal::CredentialsMissing => advice(
            Rule::Anonymous,
            Who::Client,
            format!("{}, and the request has no credentials", protected(facts)),
            "send a token: `Authorization: Bearer TOKEN`, or Basic with user name and token. If people are to reach the path \
             without one, an admin sets anonymous to forward or takes the path from protected_paths",
        )
        .by("anonymous"),
        Refusal::AuthorizationMalformed => advice(
            Rule::Grammar,
            Who::Client,
            "the credentials are not written as Bearer or Basic demand",
            "send `Authorization` once, with `Bearer TOKEN` or `Basic` and the base64 of `user:token`, and nothing else",
        ),
        Refusal::PasswordRefused => advice(
            Rule::PasswordAuth,
            Who::Client,
            "Basic with what is no token, and passwords are not accepted here",
            "put a token in the password's place. If passwords are to go on to the service, an admin switches password_auth on",
        )
        .by("password_auth"),
        Refusal::SchemeRefused => advice(
            Rule::ForeignCredentials,
            Who::Client,
            format!("these credentials are none of this gate's tokens{}, and no others are accepted here", lost_prefix(facts)),
            "send a token of this gate's, copied whole. If the service is to check tokens of its own, an admin sets \
             foreign_credentials to forward",
        )
        .by("foreign_credentials"),
        Refusal::UserInactive => advice(
            Rule::OwnerInactive,
            Who::Admin,
            "the token's owner is deactivated or suspended",
            "an admin activates the user, or whoever is suspended signs in: the tokens work again",
        ),
        Refusal::UseNotAllowed => advice(
            Rule::UsersMayUseTokens,
            Who::Admin,
            "only admins may create tokens, others may not use them, and the token's owner is no admin",
            "an admin switches users_may_use_tokens on, or only_admins_create_tokens off",
        )
        .by("users_may_use_tokens"),
        other => advice(
            Rule::Gate,
            Who::Admin,
            format!("the gate answers {}", gatepass::reply::Reply::to(other).code),
            "look at the proxy's log",
        ),
    }
}

fn allowed_ips(facts: &Facts<'_>) -> Advice {
    let address = facts.asked.address;
    advice(
        Rule::AllowedIps,
        Who::Admin,
        format!("{address} is outside the system-wide allowed_ips, which bind every request with credentials, passwords too"),
        "an admin adds the address to allowed_ips. If the list is right, the proxy may see another address than the \
         client's: compare with `source` in the access log",
    )
    .by("allowed_ips")
    .more_at(IPS)
}

fn token_ips(facts: &Facts<'_>) -> Advice {
    let list = facts.token.map(|token| token.allowed_ips.to_strings().join(", ")).unwrap_or_default();
    let reason =
        format!("the token may be used from {list} only, and {} is not among that", facts.asked.address);
    let change = "make another token with a list that holds the address: a token's list is never widened. If the list is \
                  right, compare with `source` in the access log";
    advice(Rule::TokenIps, Who::Owner, reason, change).more_at(IPS)
}

fn disabled(facts: &Facts<'_>) -> Advice {
    let by_owner = facts.token.is_some_and(Token::is_disabled_by_its_owner);
    let disabled = facts.token.and_then(|token| token.disabled.as_ref());
    let reason = match disabled {
        Some(disabled) => format!("{} has disabled the token, at {}", disabled.by, rfc3339(disabled.at)),
        None => "the token is disabled".to_owned(),
    };
    if by_owner {
        return advice(Rule::TokenDisabled, Who::Owner, reason, "the owner enables it again");
    }
    let change = "a token manager or an admin enables it again; its owner cannot";
    advice(Rule::TokenDisabled, Who::Manager, reason, change)
}

fn expired(facts: &Facts<'_>) -> Advice {
    let end = facts.token.and_then(|token| token.expires_at).map(rfc3339).unwrap_or_default();
    let change = "make another token: the end of one is never put off. If that is too early, look at the clock of the proxy's \
                  machine, which is the one that counts";
    advice(Rule::TokenExpiry, Who::Owner, format!("the token ended at {end}"), change)
}

fn unknown(facts: &Facts<'_>) -> Advice {
    let another = "make another token";
    let Some(token) = facts.token else {
        return advice(
            Rule::UnknownToken,
            Who::Client,
            "no such token is known",
            "check that it was copied whole",
        );
    };
    if let Some(at) = token.revoked_at {
        let by = token.revoked_by.as_deref().unwrap_or("somebody");
        let reason = format!("{by} has revoked the token, at {}, for good", rfc3339(at));
        return advice(Rule::UnknownToken, Who::Owner, reason, another);
    }
    if facts.basic_user.is_some_and(|user| user != token.owner) {
        let reason = "the user name that is sent with the token by Basic is not its owner's";
        let change = format!("send exactly `{}` as user name, or the token alone by Bearer", token.owner);
        return advice(Rule::UnknownToken, Who::Client, reason, change);
    }
    let reason = match token.expires_at {
        Some(end) => format!("proxies are not told of the token any more: it ended at {}", rfc3339(end)),
        None => "proxies are not told of the token".to_owned(),
    };
    advice(Rule::UnknownToken, Who::Owner, reason, another)
}

fn scope(facts: &Facts<'_>) -> Advice {
    let name = facts.token.and_then(|token| token.scope.as_deref()).unwrap_or_default();
    let (method, path) = (&facts.asked.method, &facts.asked.path);
    let headers = [(":method", method.as_bytes()), (":path", path.as_bytes())];
    let reason = if Request::new(&headers).overrides_method_or_path() {
        format!("the query names another method (`_method`), which no scope admits; the token's is {name}")
    } else if is_ambiguous(facts) {
        format!(
            "the path can be read in more than one way, which no rule with paths admits; the token's scope is {name}"
        )
    } else {
        format!("the token's scope {name} does not admit {method} on this path")
    };
    let change = format!(
        "use a token without a scope or with another one: a scope is never taken from a token. If {name} is to admit this \
         request for everyone, an admin adds a rule to it"
    );
    advice(Rule::TokenScope, Who::Owner, reason, change).by("scopes")
}

fn protected(facts: &Facts<'_>) -> &'static str {
    if is_ambiguous(facts) {
        "the path can be read in more than one way and so counts as protected"
    } else {
        "the path is protected"
    }
}

/// What began with another prefix is no token to the filter since that has gone from the settings.
fn lost_prefix(facts: &Facts<'_>) -> &'static str {
    let known = facts.token.filter(|token| !token.is_entry());
    let lost = known.is_some_and(|token| !facts.settings.token_prefixes.contains(&token.prefix));
    if lost { " (its prefix is not in token_prefixes any more)" } else { "" }
}

fn is_ambiguous(facts: &Facts<'_>) -> bool {
    RequestPath::parse(Some(facts.asked.path.as_bytes())) == RequestPath::Ambiguous
}
