//! The reply with a new token's secret: the one time that it is shown. It is in no address, and nothing keeps it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use url::Url;

use super::{LIST, TokenRow};
use crate::api::Api;
use crate::domain::settings::Settings;
use crate::http::problem::Problem;
use crate::tokens;
use crate::web::frame::{Frame, page};
use crate::web::manager;
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
            let frame = Frame::new(visitor, place(visitor, &row), "Created before");
            return page(StatusCode::OK, &CreatedBeforePage { frame, row });
        }
    };
    let row = TokenRow::new(created.view, now);
    let secret = created.secret.expose();
    let gate = api.gate_url.as_deref();
    let url = quoted(&example(gate.unwrap_or("https://YOUR-SERVICE"), &visitor.settings));
    let shown = CreatedPage {
        frame: Frame::new(visitor, place(visitor, &row), "Copy your new API token"),
        bearer: format!("curl -H {} {url}", quoted(&format!("Authorization: Bearer {secret}"))),
        basic: format!("curl -u {} {url}", quoted(&format!("{}:{secret}", row.user))),
        secret,
        knows_gate: gate.is_some(),
        is_own: row.user == visitor.name(),
        row,
    };
    page(StatusCode::CREATED, &shown)
}

fn place(visitor: &Visitor, row: &TokenRow) -> &'static str {
    if row.user == visitor.name() { LIST } else { manager::LIST }
}

/// A request to the gate that wants credentials. The address may name one itself.
fn example(gate: &str, settings: &Settings) -> String {
    let has_path = Url::parse(gate).is_ok_and(|url| url.path() != "/");
    let protected = settings.protected_paths.first().map_or("/", String::as_str);
    if has_path { gate.to_owned() } else { format!("{gate}{protected}") }
}

/// A word of a shell, whatever it holds.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_survive_a_shell_and_ask_for_what_is_protected() {
        assert_eq!(quoted("o'neil $(x)"), r"'o'\''neil $(x)'");
        let settings = Settings { protected_paths: vec!["/rest/".to_owned()], ..Settings::default() };
        assert_eq!(example("https://jira.example.com", &settings), "https://jira.example.com/rest/");
        assert_eq!(
            example("http://localhost:1/rest/api/2/myself", &settings),
            "http://localhost:1/rest/api/2/myself"
        );
        assert_eq!(example("https://jira.example.com", &Settings::default()), "https://jira.example.com/");
    }
}
