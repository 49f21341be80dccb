//! "Why was I refused?"

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use gatepass::token;

use super::EXPLAIN;
use crate::api::Api;
use crate::domain::authority;
use crate::explain::{self, Case, Explanation, Question, Who};
use crate::http::problem::Problem;
use crate::web::fields::Fields;
use crate::web::form::Sent;
use crate::web::frame::{Frame, page};
use crate::web::moment::Moment;
use crate::web::visitor::Visitor;
use crate::web::words;

#[derive(Template)]
#[template(path = "admin/explain.html")]
struct ExplainPage {
    frame: Frame,
    csrf: String,
    form: Form,
    /// Whether others than oneself may be asked about.
    for_others: bool,
    answer: Option<Answer>,
}

/// What is asked, as it was typed, and what is wrong with it.
#[derive(Default)]
struct Form {
    user: String,
    token: String,
    basic_user: String,
    address: String,
    method: String,
    path: String,
    at: String,
    error_field: String,
    error: Option<String>,
}

struct Answer {
    at: Moment,
    address: String,
    revision: String,
    cases: Vec<Shown>,
    more_tokens: bool,
}

/// One decision, as it is shown.
struct Shown {
    what: String,
    hint: Option<String>,
    token_id: Option<String>,
    allowed: bool,
    status: u16,
    code: &'static str,
    decision: &'static str,
    reason: String,
    /// In parts: whether it is code, and the text.
    change: Vec<(bool, String)>,
    who: &'static str,
    setting: Option<&'static str>,
    help: &'static str,
}

impl Form {
    fn empty(visitor: &Visitor, fields: &Fields) -> Self {
        let address = visitor.caller.presented.address.map(|ip| ip.to_canonical().to_string());
        let token = fields.text("token").to_owned();
        let user = if token.is_empty() { visitor.name().to_owned() } else { String::new() };
        let method = "GET".to_owned();
        Self { user, token, address: address.unwrap_or_default(), method, ..Self::default() }
    }

    /// As it was sent. What holds a token is not shown again: a page may be looked at by others as well.
    fn again(fields: &Fields, visitor: &Visitor, problem: Option<&Problem>) -> Self {
        let prefixes = visitor.settings.prefixes();
        let text = |name: &str| {
            let typed = fields.text(name);
            if token::occurs_in(typed.as_bytes(), &prefixes) { String::new() } else { typed.to_owned() }
        };
        let field = problem.and_then(Problem::at_field).map_or("", |(field, _)| field);
        Self {
            user: text("user"),
            token: text("token"),
            basic_user: text("basic_user"),
            address: text("address"),
            method: text("method"),
            path: text("path"),
            at: text("at"),
            error_field: field.to_owned(),
            error: problem.map(|problem| words::sentence(problem.detail())),
        }
    }

    fn error_at(&self, field: &str) -> Option<&String> {
        self.error.as_ref().filter(|_| self.error_field == field)
    }

    /// What no field on the page is at fault for.
    fn other_error(&self) -> Option<&String> {
        let fields = ["user", "token", "basic_user", "address", "method", "path", "at"];
        self.error.as_ref().filter(|_| !fields.contains(&self.error_field.as_str()))
    }
}

/// `GET /explain`
pub(super) async fn show(visitor: Visitor, fields: Fields) -> Result<Response, Problem> {
    let form = Form::empty(&visitor, &fields);
    page(StatusCode::OK, &shown(&visitor, form, None))
}

/// `POST /explain`: it changes nothing, and is no `GET` since what is asked does not belong in an address.
pub(super) async fn explain(State(api): State<Api>, sent: Sent) -> Result<Response, Problem> {
    let Sent { visitor, fields } = sent;
    let token = fields.given("token");
    // Of a token it is known whose it is.
    let user = fields.given("user").filter(|_| token.is_none());
    let question = Question {
        user,
        basic_user: fields.given("basic_user"),
        address: fields.text("address").to_owned(),
        method: fields.given("method"),
        path: fields.text("path").to_owned(),
        at: fields.given("at").map(|at| in_utc(&at)),
        token,
    };
    match explain::explain(&api.context, &visitor.caller, question).await {
        Ok(answer) => {
            let now = api.context.clock.now().as_second();
            let form = Form::again(&fields, &visitor, None);
            page(StatusCode::OK, &shown(&visitor, form, Some(Answer::of(answer, now))))
        }
        Err(error) => {
            let problem = Problem::from(error);
            if problem.status().is_server_error() {
                return Err(problem);
            }
            let form = Form::again(&fields, &visitor, Some(&problem));
            Ok(problem.on_page(page(problem.status(), &shown(&visitor, form, None))?))
        }
    }
}

fn shown(visitor: &Visitor, form: Form, answer: Option<Answer>) -> ExplainPage {
    ExplainPage {
        frame: Frame::new(visitor, EXPLAIN, "Why was I refused?"),
        csrf: visitor.csrf.clone(),
        form,
        for_others: authority::acts_for_others(visitor.caller.principal()).is_ok(),
        answer,
    }
}

/// What a field for date and time says, which has no zone: the page says that it is UTC.
fn in_utc(at: &str) -> String {
    let is_local = at.len() == "2026-11-22T09:00".len() && !at.ends_with('Z');
    if is_local { format!("{at}:00Z") } else { at.to_owned() }
}

impl Answer {
    fn of(answer: Explanation, now: i64) -> Self {
        Self {
            at: Moment::read(&answer.at, now),
            address: answer.address.to_string(),
            revision: answer.revision,
            cases: answer.cases.into_iter().map(Shown::of).collect(),
            more_tokens: answer.more_tokens,
        }
    }
}

impl Shown {
    fn of(case: Case) -> Self {
        let token = case.token.as_ref().map(|token| &token.record);
        Self {
            what: match token {
                Some(token) => format!("Token “{}” of {}", token.description, token.user),
                None => case.entry.as_ref().map_or_else(
                    || words::credentials(case.credentials).to_owned(),
                    |entry| format!("Entry “{}” of the source {} for {}", entry.id, entry.source, entry.user),
                ),
            },
            hint: token.map(|token| token.hint.clone()),
            token_id: token.map(|token| token.id.clone()),
            allowed: case.allowed,
            status: case.status.unwrap_or_default(),
            code: case.code.unwrap_or_default(),
            decision: case.decision,
            reason: words::sentence(&case.advice.reason),
            change: words::parts(&words::sentence(&case.advice.change)),
            who: who(case.advice.who),
            setting: case.advice.setting,
            help: case.advice.help,
        }
    }
}

fn who(who: Who) -> &'static str {
    match who {
        Who::Admin => "an administrator",
        Who::Manager => "a token manager or an administrator",
        Who::Owner => "the token’s owner",
        Who::Client => "whoever runs the program that sends the request",
        Who::Service => "whoever runs the service",
        Who::Source => "whoever keeps the source’s document, or an administrator",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_without_a_zone_is_in_utc() {
        for (typed, meant) in [
            ("2026-11-22T09:00", "2026-11-22T09:00:00Z"),
            ("2026-11-22T09:00:00Z", "2026-11-22T09:00:00Z"),
            ("yesterday", "yesterday"),
        ] {
            assert_eq!(in_utc(typed), meant);
        }
    }
}
