//! Refusal → reply: the one place that knows codes, statuses and texts.

use crate::decision::{Allow, Refusal, Verdict};

/// The realm of both challenges.
const BEARER_CHALLENGE: &str = "Bearer realm=\"gatepass\"";
const BASIC_CHALLENGE: &str = "Basic realm=\"gatepass\", charset=\"UTF-8\"";

/// What a refused caller gets: nothing in it tells the caller what it did not already know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The gRPC status code for callers that speak gRPC.
    pub grpc_status: GrpcStatus,
    /// The code, for programs.
    pub code: &'static str,
    /// A sentence, for people.
    pub title: &'static str,
}

/// The codes of <https://grpc.io/docs/guides/status-codes/> that refusals use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrpcStatus {
    /// 3: malformed credentials.
    InvalidArgument = 3,
    /// 7: known, or knowable, and not admitted.
    PermissionDenied = 7,
    /// 13: a fault inside the filter.
    Internal = 13,
    /// 14: no configuration yet.
    Unavailable = 14,
    /// 16: no credentials.
    Unauthenticated = 16,
}

impl Reply {
    /// The reply to a refused request.
    pub fn to(reason: Refusal) -> Self {
        let (status, title) = match reason {
            Refusal::NotReady => (503, "The proxy has no valid configuration yet."),
            Refusal::CredentialsMissing => (401, "An API token is required."),
            Refusal::AuthorizationMalformed => (400, "The credentials are malformed."),
            Refusal::IpNotAllowed => (403, "Requests from this address are not allowed."),
            Refusal::CredentialsUnknown => (403, "The credentials are not known."),
            Refusal::PasswordRefused => (403, "This is no API token, and passwords are not accepted here."),
            Refusal::SchemeRefused => {
                (403, "This is no API token, and other credentials are not accepted here.")
            }
            Refusal::TokenDisabled => (403, "The token is disabled."),
            Refusal::UserInactive => {
                (403, "The token's owner is deactivated or has not signed in for too long.")
            }
            Refusal::UseNotAllowed => (403, "The token's owner may not use tokens."),
            Refusal::TokenExpired => (403, "The token has expired."),
            Refusal::ScopeExceeded => (403, "The token's scope does not allow this request."),
            Refusal::InternalError => (500, "The request could not be checked."),
        };
        let grpc_status = match status {
            400 => GrpcStatus::InvalidArgument,
            401 => GrpcStatus::Unauthenticated,
            403 => GrpcStatus::PermissionDenied,
            503 => GrpcStatus::Unavailable,
            _ => GrpcStatus::Internal,
        };
        let code = reason.decision().strip_prefix("refuse.").unwrap_or_default();
        Self { status, grpc_status, code, title }
    }

    /// Headers beside those of every reply.
    pub fn headers(&self) -> Vec<(&'static str, &'static str)> {
        let mut headers = vec![("content-type", "application/problem+json"), ("cache-control", "no-store")];
        if self.status == 401 {
            headers.push(("www-authenticate", BEARER_CHALLENGE));
            headers.push(("www-authenticate", BASIC_CHALLENGE));
        }
        headers
    }

    /// The body, a problem detail (RFC 9457).
    pub fn body(&self) -> String {
        // Codes and titles are constants that need no escapes; a test holds them to that.
        format!("{{\"status\":{},\"title\":\"{}\",\"code\":\"{}\"}}", self.status, self.title, self.code)
    }
}

impl Refusal {
    /// The decision's name, `refuse.` and the code: in the filter state and the access log.
    pub fn decision(self) -> &'static str {
        match self {
            Self::NotReady => "refuse.not_ready",
            Self::CredentialsMissing => "refuse.credentials_missing",
            Self::AuthorizationMalformed => "refuse.authorization_malformed",
            Self::IpNotAllowed => "refuse.ip_not_allowed",
            Self::CredentialsUnknown => "refuse.credentials_unknown",
            Self::PasswordRefused => "refuse.password_refused",
            Self::SchemeRefused => "refuse.scheme_refused",
            Self::TokenDisabled => "refuse.token_disabled",
            Self::UserInactive => "refuse.user_inactive",
            Self::UseNotAllowed => "refuse.use_not_allowed",
            Self::TokenExpired => "refuse.token_expired",
            Self::ScopeExceeded => "refuse.scope_exceeded",
            Self::InternalError => "refuse.internal_error",
        }
    }
}

impl Allow<'_> {
    /// The decision's name: what the seatbelt looks for.
    pub fn decision(&self) -> &'static str {
        match self {
            Self::Token(_) => "allow.token",
            Self::Password => "allow.password",
            Self::Foreign => "allow.foreign",
            Self::Anonymous => "allow.anonymous",
            Self::Unprotected => "allow.unprotected",
        }
    }
}

impl Verdict<'_> {
    /// The decision's name.
    pub fn decision(&self) -> &'static str {
        match self {
            Self::Allow(allow) => allow.decision(),
            Self::Refuse { reason, .. } => reason.decision(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_json_with_status_title_and_code_alone() {
        for reason in Refusal::ALL {
            let reply = Reply::to(reason);
            let body: serde_json::Value = serde_json::from_str(&reply.body()).unwrap();
            let fields: Vec<_> = body.as_object().unwrap().keys().collect();
            assert_eq!(fields, ["code", "status", "title"]);
            assert_eq!(body["code"], reply.code);
            assert_eq!(format!("refuse.{}", reply.code), reason.decision());
        }
    }

    #[test]
    fn only_missing_credentials_are_challenged_and_by_both_schemes() {
        for reason in Refusal::ALL {
            let challenges =
                Reply::to(reason).headers().iter().filter(|(n, _)| *n == "www-authenticate").count();
            assert_eq!(challenges, if reason == Refusal::CredentialsMissing { 2 } else { 0 }, "{reason:?}");
        }
    }
}
