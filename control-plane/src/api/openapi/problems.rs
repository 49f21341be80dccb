//! Every code of a refusal, with its status and what it means.

/// What any call may answer, whoever asks.
pub(super) const ALWAYS: &[&str] = &["host_missing", "tls_required", "unknown_host", "internal"];
/// What a call that wants credentials may answer.
pub(super) const CREDENTIALS: &[&str] = &[
    "credentials_missing",
    "authorization_malformed",
    "credentials_unknown",
    "token_disabled",
    "token_expired",
    "user_inactive",
    "use_not_allowed",
    "ip_not_allowed",
    "session_ended",
    "origin_refused",
    "csrf_token_refused",
];
/// What a call with a body may answer.
pub(super) const BODY: &[&str] = &["invalid", "body_too_slow", "body_too_large", "unsupported_media_type"];
/// What a call that takes an `Idempotency-Key` may answer.
pub(super) const CREATION: &[&str] = &[
    "invalid",
    "idempotency_in_progress",
    "idempotency_key_reused",
    "rate_limited",
    "too_many_idempotency_keys",
];
/// What a call that takes `If-Match` may answer.
pub(super) const PRECONDITION: &[&str] = &["stale"];

/// What a call that changes something may answer.
pub(crate) const MANAGE: &[&str] = &["control_plane_required"];
/// What a call for admins may answer.
pub(crate) const ADMIN: &[&str] = &["control_plane_required", "admin_required"];
/// What a call about the tokens of others may answer.
pub(crate) const OF_OTHERS: &[&str] = &["control_plane_required", "not_owner", "target_is_admin"];

/// Code, status and meaning. A code always has the same status.
const ALL: &[(&str, u16, &str)] = &[
    ("invalid", 400, "a parameter, header or member of the body is wrong; `field` names it"),
    ("host_missing", 400, "there is not exactly one `Host`"),
    ("credentials_missing", 401, "no credentials"),
    ("authorization_malformed", 401, "`Authorization` is neither Bearer nor Basic as they are written"),
    ("credentials_unknown", 401, "no such token, or not this user's"),
    ("token_disabled", 401, "the token is disabled"),
    ("token_expired", 401, "the token has expired"),
    (
        "user_inactive",
        401,
        "the user is deactivated, or has not signed in for too long: tokens work again after a sign-in",
    ),
    ("use_not_allowed", 401, "the settings do not let the token's owner use tokens"),
    ("ip_not_allowed", 401, "the token may not be used from this address"),
    (
        "sign_in_refused",
        401,
        "user name or password is wrong, or the account has no password or is deactivated",
    ),
    ("session_ended", 401, "the session has ended, or there was none"),
    ("not_signed_in", 401, "the call is for people who are signed in"),
    ("origin_refused", 403, "with a session: `Origin` is missing, or names another site"),
    ("csrf_token_refused", 403, "with a session: `x-csrf-token` is missing or wrong"),
    ("oidc_state_unknown", 403, "this browser has not begun to sign in, or more than ten minutes ago"),
    ("oidc_refused", 403, "the provider did not vouch for anybody"),
    ("oidc_not_admitted", 403, "the person is in no group that may sign in, or deactivated"),
    ("oidc_name_unusable", 403, "the provider says no name, or one that cannot be one here"),
    ("tls_required", 403, "the request came in clear, and neither from this machine nor from a stated proxy"),
    ("control_plane_required", 403, "the token was not made with `control_plane`"),
    ("admin_required", 403, "only admins may"),
    ("not_owner", 403, "only token managers and admins may act on the tokens of others"),
    ("target_is_admin", 403, "only admins may act on the tokens of admins"),
    ("creation_not_allowed", 403, "the setting `only_admins_create_tokens` is on"),
    (
        "control_plane_not_allowed",
        403,
        "only an admin or somebody who is signed in may create a token with `control_plane`",
    ),
    ("disabled_by_other", 403, "somebody else than the token's owner has disabled it"),
    ("scope_wider", 403, "a token cannot make one with a wider scope than its own"),
    ("ips_wider", 403, "a token cannot make one with a wider IP list than its own"),
    ("not_found", 404, "there is none, or the caller may not know of it"),
    ("body_too_slow", 408, "the body took more than 30 seconds, a file or a push more than 60"),
    ("user_exists", 409, "there is or was a user of this name, in this or another case"),
    (
        "oidc_name_taken",
        409,
        "there is or was a user of the name that the provider says, who is not connected with it",
    ),
    ("identity_taken", 409, "the identity is connected with a user already"),
    ("too_many_identities", 409, "the person has 20 identities"),
    ("last_admin", 409, "no active admin would be left"),
    ("too_many_tokens", 409, "the owner has `max_tokens_per_user` active tokens"),
    ("token_ended", 409, "the token has expired or was revoked"),
    ("target_disabled", 409, "the token is disabled: enable it first"),
    ("token_rotated", 409, "the token was rotated before: its successor is the one to rotate"),
    ("scope_in_use", 409, "active or disabled tokens have a scope that would go"),
    ("prefix_in_use", 409, "active or disabled tokens begin with a prefix that would go"),
    ("source_exists", 409, "there is a source of this name"),
    ("too_many_sources", 409, "there are 100 sources"),
    ("too_many_push_tokens", 409, "the source has 10 push tokens"),
    (
        "entries_outside",
        409,
        "entries name users whom the source could not name any more, and `end_entries` is not said",
    ),
    ("digest_taken", 409, "the digest of an entry is held elsewhere"),
    (
        "removal_not_confirmed",
        409,
        "the document has no entries, or not half of those in force, and that was not said to be meant",
    ),
    ("push_in_progress", 409, "another push of this source is under way"),
    ("too_many_webhooks", 409, "there are 10 webhooks"),
    ("webhook_disabled", 409, "the webhook is disabled: enable it first"),
    ("too_many_tests", 409, "10 tests of the webhook have not been sent yet"),
    ("idempotency_in_progress", 409, "a request with this key is under way, or was broken off by a crash"),
    ("stale", 412, "`If-Match` names another version, or somebody else was faster"),
    ("body_too_large", 413, "the body has more than 64 KiB, a file more than 2 MiB, a push more than 32 MiB"),
    ("unsupported_media_type", 415, "the body has another `Content-Type`"),
    ("unknown_host", 421, "the server does not answer under this name"),
    ("idempotency_key_reused", 422, "the key came with another request before"),
    (
        "rate_limited",
        429,
        "the caller has created too much, or tried to sign in too often, in the last minute; see `Retry-After`",
    ),
    ("sign_in_delayed", 429, "there were failed attempts under this name; see `Retry-After`"),
    ("too_many_idempotency_keys", 429, "10,000 keys of this caller are kept"),
    ("internal", 500, "something failed; the server's log has the cause under the reply's `x-request-id`"),
    ("oidc_unavailable", 502, "the provider cannot be reached, or does not answer as one"),
    ("not_ready", 503, "the database does not answer, or the last change has not been delivered yet"),
];

/// The status and the meaning of a code.
pub(super) fn known(code: &str) -> Option<(u16, &'static str)> {
    ALL.iter().find(|(name, ..)| *name == code).map(|(_, status, meaning)| (*status, *meaning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_code_is_there_once() {
        let names: BTreeSet<_> = ALL.iter().map(|(name, ..)| name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
