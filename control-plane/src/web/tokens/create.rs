//! Making a token.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::LIST;
use super::form::TokenForm;
use super::secret;
use crate::api::Api;
use crate::http::problem::Problem;
use crate::tokens;
use crate::web::fields::Fields;
use crate::web::form::Sent;
use crate::web::frame::{Frame, page};
use crate::web::manager;
use crate::web::once::{mark, once};
use crate::web::visitor::Visitor;

/// Where one's own are made.
const OWN: &str = "/tokens/new";
/// Where those of others are made.
const OF_OTHERS: &str = "/manager/new";

#[derive(Template)]
#[template(path = "tokens/new.html")]
struct NewPage {
    frame: Frame,
    form: TokenForm,
    may_create: bool,
    is_for_others: bool,
    action: &'static str,
    back: &'static str,
}

impl NewPage {
    fn new(visitor: &Visitor, for_others: bool, form: TokenForm) -> Self {
        let (place, action) = if for_others { (manager::LIST, OF_OTHERS) } else { (LIST, OWN) };
        Self {
            frame: Frame::new(visitor, place, "New API token"),
            form,
            may_create: visitor.may_create(),
            is_for_others: for_others,
            action,
            back: place,
        }
    }
}

/// `GET /tokens/new`
pub(in crate::web) async fn show(State(api): State<Api>, visitor: Visitor) -> Result<Response, Problem> {
    let form = TokenForm::empty(mark(&api)?, &visitor.settings);
    // Where nothing may be created, the page says so in place of the form.
    let status = if visitor.may_create() { StatusCode::OK } else { StatusCode::FORBIDDEN };
    page(status, &NewPage::new(&visitor, false, form))
}

/// `POST /tokens/new`
pub(in crate::web) async fn create(State(api): State<Api>, sent: Sent) -> Result<Response, Problem> {
    made(&api, &sent, false).await
}

/// `GET /manager/new`, for somebody else
pub(in crate::web) async fn show_for_others(
    State(api): State<Api>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    visitor.refuse_unless_managing()?;
    let empty = TokenForm::empty(mark(&api)?, &visitor.settings);
    let form = TokenForm { user: fields.text("user").to_owned(), ..empty };
    let status = if visitor.may_create() { StatusCode::OK } else { StatusCode::FORBIDDEN };
    page(status, &NewPage::new(&visitor, true, form))
}

/// `POST /manager/new`
pub(in crate::web) async fn create_for_others(
    State(api): State<Api>,
    sent: Sent,
) -> Result<Response, Problem> {
    sent.visitor.refuse_unless_managing()?;
    made(&api, &sent, true).await
}

async fn made(api: &Api, sent: &Sent, for_others: bool) -> Result<Response, Problem> {
    let Sent { visitor, fields } = sent;
    let action = if for_others { OF_OTHERS } else { OWN };
    let wish = TokenForm::wish(fields, for_others);
    let done = match wish {
        Ok(wish) => {
            let (context, caller) = (api.context.clone(), visitor.caller.clone());
            let work = async move { tokens::create(&context, &caller, wish).await };
            once(api, visitor, (action, fields), work).await
        }
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(done) => secret::shown(api, visitor, done).await,
        // What is wrong with a field is told beside it; who may not at all is told that alone.
        Err(problem) if problem.at_field().is_some() || problem.status() == StatusCode::CONFLICT => {
            let form = TokenForm::again(fields, &problem, &visitor.settings);
            Ok(problem.on_page(page(problem.status(), &NewPage::new(visitor, for_others, form))?))
        }
        Err(problem) => Err(problem),
    }
}
