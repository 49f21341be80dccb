//! The OpenAPI 3.1 document of REST. The handlers say what is theirs (`#[utoipa::path]`), the types what they look like;
//! what holds for every request is added here, so that no handler can forget it.

mod common;
mod problems;
mod shape;

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApiBuilder, tag::TagBuilder};

use crate::domain::token::State;
use crate::domain::user::Role;
use crate::schema;

pub(super) use problems::{ADMIN, MANAGE, OF_OTHERS};

/// Groups of calls.
const TAGS: [(&str, &str); 9] = [
    ("tokens", "Tokens: one's own, and for token managers and admins those of others"),
    ("sources", "Entries that CI pushes, a whole list at a time"),
    ("users", "People and their roles, for admins"),
    ("sessions", "Signing in with a browser, and out"),
    ("settings", "What admins decide for everyone"),
    ("webhooks", "Endpoints that are told of tokens that end soon, for admins"),
    ("audit", "Who did what, for admins"),
    ("proxies", "What the proxies enforce, for admins"),
    ("server", "The server itself"),
];

/// What stands before all calls.
const DESCRIPTION: &str = "Manages API tokens, people, settings and audit, and shows what the proxies enforce.

Callers send `Authorization: Bearer TOKEN`, or Basic with user name and token, or are signed in. A token made without `control_plane` reads \
what is its owner's and changes nothing.

Every refusal is `application/problem+json` (RFC 9457) with a stable `code`; a request that is refused has changed nothing. \
Beyond what each call names, a path that does not exist is 404 `no_such_route`, a method that a path does not take 405 \
`method_not_allowed` with `Allow`. Every `GET` answers `HEAD` as well. Unknown members of a body and unknown parameters of \
a query are refused.";

/// What a session is.
const SESSION: &str = "Somebody who is signed in; on loopback the cookie is `gatepass-local`. Each change needs `Origin`, and \
the session's `csrf_token` as `x-csrf-token`";

/// What the document begins with.
pub(super) fn head() -> OpenApi {
    let scheme = |scheme, text: &str| {
        SecurityScheme::Http(HttpBuilder::new().scheme(scheme).description(Some(text)).build())
    };
    let components = ComponentsBuilder::new()
        .security_scheme("bearer", scheme(HttpAuthScheme::Bearer, "A token"))
        .security_scheme(
            "basic",
            scheme(HttpAuthScheme::Basic, "The owner's user name, and a token as password"),
        )
        .security_scheme(
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description("__Host-gatepass", SESSION))),
        )
        .schema("Role", schema::of::<Role>())
        .schema("TokenState", schema::of::<State>())
        .build();
    let info = InfoBuilder::new()
        .title("Gatepass")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let none: [String; 0] = [];
    let requirement = |name: &str| SecurityRequirement::new(name, none.clone());
    let tags = TAGS.map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build());
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .security(Some([requirement("bearer"), requirement("basic"), requirement("session")]))
        .tags(Some(tags))
        .build()
}

/// The document.
///
/// # Errors
/// A handler names a code that [`problems`] does not know, or another fault of the program.
fn build() -> Result<Value, String> {
    let described = super::described().description();
    let mut document = serde_json::to_value(described).map_err(|error| error.to_string())?;
    for (name, schema) in schema::kinds() {
        document["components"]["schemas"][name] = schema;
    }
    shape::tidy(&mut document);
    common::complete(&mut document)?;
    Ok(document)
}

static TEXT: LazyLock<Result<String, String>> =
    LazyLock::new(|| build().map(|document| document.to_string()));

/// The document as JSON text.
///
/// # Errors
/// A fault of the program, which a test rules out.
pub fn document() -> Result<&'static str, &'static str> {
    TEXT.as_deref().map_err(String::as_str)
}

/// Show this document
///
/// It holds nothing secret, and takes no credentials.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "showOpenapi", tag = "server", security(()),
    responses((status = 200, description = "The OpenAPI 3.1 document", body = schema::Anything))
)]
pub(super) async fn show_openapi() -> Result<Response, crate::http::problem::Problem> {
    let text = document().map_err(crate::http::problem::Problem::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}
