//! The reply with a new token's secret: the one time that it is shown. It is in no address, and nothing keeps it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::{LIST, TokenRow};
use crate::api::Api;
use crate::http::problem::Problem;
use crate::tokens;
use crate::web::frame::{Frame, page};
use crate::web::once::Once;
use crate::web::visitor::Visitor;

#[derive(Template)]
#[template(path = "tokens/created.html")]
struct CreatedPage<'a> {
    frame: Frame,
    row: TokenRow,
    secret: &'a str,
    bearer: String,
    basic: String,
    /// Whether the commands hold the gate's true address.
    knows_gate: bool,
    is_own: bool,
}

#[derive(Template)]
#[template(path = "tokens/created_before.html")]
struct CreatedBeforePage {
    frame: Frame,
    row: TokenRow,
}

/// What became of a form that makes a token.
pub(super) async fn shown(api: &Api, visitor: &Visitor, done: Once) -> Result<Response, Problem> {
    let now = api.context.clock.now().as_second();
    let created = match done {
        Once::Now(created) => created,
        Once::Before(id) => {
            let row = TokenRow::new(tokens::show(&api.context, &visitor.caller, &id).await?, now);
            let frame = Frame::new(visitor, place(), "Created before");
            return page(StatusCode::OK, &CreatedBeforePage { frame, row });
        }
    };
    let row = TokenRow::new(created.view, now);
    let secret = created.secret.expose();
    let gate = api.gate_url.as_deref();
    let path = visitor.settings.protected_paths.first().map_or("/", String::as_str);
    let url = quoted(&format!("{}{path}", gate.unwrap_or("https://YOUR-SERVICE")));
    let shown = CreatedPage {
        frame: Frame::new(visitor, place(), "Copy your new API token"),
        bearer: format!("curl -H {} {url}", quoted(&format!("Authorization: Bearer {secret}"))),
        basic: format!("curl -u {} {url}", quoted(&format!("{}:{secret}", row.user))),
        secret,
        knows_gate: gate.is_some(),
        is_own: row.user == visitor.name(),
        row,
    };
    page(StatusCode::CREATED, &shown)
}

fn place() -> &'static str {
    LIST
}

/// A word of a shell, whatever it holds.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
