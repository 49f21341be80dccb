//! Users and their roles: one of them, and a new one.

mod form;
mod list;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::{ADMIN, Tab, USERS, tabs};
use crate::api::Api;
use crate::api::extract::Name;
use crate::domain::user::{Role, UserFilter};
use crate::error::Error;
use crate::http::problem::Problem;
use crate::sign_in;
use crate::users::{self as use_case, NewPassword, NewUser, UserView};
use crate::web::fields::{Fields, query};
use crate::web::form::Sent;
use crate::web::frame::{Frame, page};
use crate::web::moment::Moment;
use crate::web::visitor::Visitor;
use crate::web::words;
use form::{Errors, Form, Loaded, groups, role, roles};
pub(super) use list::list;

#[derive(Template)]
#[template(path = "admin/user.html")]
struct UserPage {
    frame: Frame,
    tabs: Vec<Tab>,
    csrf: String,
    row: Row,
    form: Form,
    /// What the form showed first, see [`Loaded`].
    loaded: String,
    is_own: bool,
    errors: Errors,
}

#[derive(Template)]
#[template(path = "admin/new_user.html")]
struct NewPage {
    frame: Frame,
    tabs: Vec<Tab>,
    csrf: String,
    form: Form,
    errors: Errors,
}

/// A user as pages show it.
struct Row {
    name: String,
    display_name: Option<String>,
    role: &'static str,
    active: bool,
    suspended: Option<Moment>,
    has_password: bool,
    last_sign_in: Option<Moment>,
    failed_sign_ins: i64,
    created: Moment,
}

impl Row {
    fn of(view: &UserView, now: i64) -> Self {
        let read = |text: &String| Moment::read(text, now);
        Self {
            name: view.record.name.clone(),
            display_name: view.record.display_name.clone(),
            role: words::role(view.record.role),
            active: view.record.active,
            suspended: view.suspended_at.as_ref().map(read),
            has_password: view.has_password,
            last_sign_in: view.last_sign_in_at.as_ref().map(read),
            failed_sign_ins: view.failed_sign_ins,
            created: read(&view.record.created_at),
        }
    }
}

/// `GET /admin/new-user`
pub(super) async fn show_new(State(api): State<Api>, visitor: Visitor) -> Result<Response, Problem> {
    // Who may not create one is told so here, and not behind the form.
    let nobody = UserFilter::default();
    use_case::list(&api.context, &visitor.caller, nobody, None, 1).await?;
    let form = Form { roles: roles(Role::User.as_str()), ..Form::default() };
    page(StatusCode::OK, &NewPage::new(&visitor, form, Errors::default()))
}

impl NewPage {
    fn new(visitor: &Visitor, form: Form, errors: Errors) -> Self {
        let frame = Frame::new(visitor, ADMIN, "New user");
        Self { frame, tabs: tabs(USERS), csrf: visitor.csrf.clone(), form, errors }
    }
}

/// `POST /admin/new-user`. Sent twice, the second time is told that the name is taken.
pub(super) async fn create(State(api): State<Api>, sent: Sent) -> Result<Response, Problem> {
    let Sent { visitor, fields } = sent;
    api.creations.take(visitor.caller.user.id, api.context.clock.now().as_microsecond())?;
    let made = async {
        let new = NewUser {
            name: fields.text("name").to_owned(),
            role: role(&fields)?,
            display_name: fields.given("display_name"),
            email: fields.given("email"),
            groups: groups(&fields)?,
            exempt_from_suspension: fields.ticked("exempt"),
        };
        use_case::create(&api.context, &visitor.caller, new).await
    };
    match made.await {
        Ok((view, _)) => Ok(to_user(&view.record.name, "user-created")),
        Err(error) => {
            let problem = told_on_page(error)?;
            let shown = NewPage::new(&visitor, Form::again(&fields), Errors::of(&problem));
            Ok(problem.on_page(page(problem.status(), &shown)?))
        }
    }
}

/// What is told beside a field, or as what stands against it; all else is a page of its own.
fn told_on_page(error: Error) -> Result<Problem, Problem> {
    let problem = Problem::from(error);
    let is_told = problem.at_field().is_some() || problem.status() == StatusCode::CONFLICT;
    if is_told { Ok(problem) } else { Err(problem) }
}

fn to_user(name: &str, done: &str) -> Response {
    let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    // In a path a blank is %20.
    let place = format!("{USERS}/{}?{}", name.replace('+', "%20"), query([("done", done)]));
    Redirect::to(&place).into_response()
}

/// `GET /admin/users/{name}`
pub(super) async fn show(
    State(api): State<Api>,
    visitor: Visitor,
    Name(name): Name,
    fields: Fields,
) -> Result<Response, Problem> {
    let view = use_case::show(&api.context, &visitor.caller, &name).await?;
    let shown = UserPage::new(&api, &visitor, &view, Errors::default(), fields.text("done"))?;
    page(StatusCode::OK, &shown)
}

impl UserPage {
    fn new(
        api: &Api,
        visitor: &Visitor,
        view: &UserView,
        errors: Errors,
        done: &str,
    ) -> Result<Self, Problem> {
        let name = view.record.name.clone();
        Ok(Self {
            is_own: name == visitor.name(),
            frame: Frame::new(visitor, ADMIN, name).after(done),
            tabs: tabs(USERS),
            csrf: visitor.csrf.clone(),
            row: Row::of(view, api.context.clock.now().as_second()),
            form: Form::of(view),
            loaded: Loaded::of(view)?,
            errors,
        })
    }
}

/// The page of a user with what is wrong about what was sent from it.
async fn again(
    api: &Api,
    sent: &Sent,
    name: &str,
    error: Error,
    typed: Option<Form>,
) -> Result<Response, Problem> {
    let problem = told_on_page(error)?;
    let view = use_case::show(&api.context, &sent.visitor.caller, name).await?;
    let mut shown = UserPage::new(api, &sent.visitor, &view, Errors::of(&problem), "")?;
    if let Some(form) = typed {
        // What was typed differs from what the form showed at first, and not from what there is by now.
        shown.form = Form { name: name.to_owned(), ..form };
        sent.fields.raw("loaded").clone_into(&mut shown.loaded);
    }
    Ok(problem.on_page(page(problem.status(), &shown)?))
}

/// `POST /admin/users/{name}`
pub(super) async fn update(
    State(api): State<Api>,
    Name(name): Name,
    sent: Sent,
) -> Result<Response, Problem> {
    let fields = &sent.fields;
    let changed = async {
        let patch = Loaded::changed(fields)?;
        use_case::update(&api.context, &sent.visitor.caller, &name, patch).await
    };
    match changed.await {
        Ok(_) => Ok(to_user(&name, "saved")),
        Err(error) => again(&api, &sent, &name, error, Some(Form::again(fields))).await,
    }
}

/// `POST /admin/users/{name}/password`
pub(super) async fn set_password(
    State(api): State<Api>,
    Name(name): Name,
    sent: Sent,
) -> Result<Response, Problem> {
    let old = sent.fields.raw("old_password");
    let new = NewPassword {
        password: sent.fields.raw("password").to_owned(),
        old_password: (!old.is_empty()).then(|| old.to_owned()),
    };
    match use_case::set_password(&api.context, &sent.visitor.caller, &name, new).await {
        Ok(_) => Ok(to_user(&name, "password-set")),
        Err(error) => again(&api, &sent, &name, error, None).await,
    }
}

/// `POST /admin/users/{name}/failed-sign-ins`
pub(super) async fn reset_failures(
    State(api): State<Api>,
    Name(name): Name,
    sent: Sent,
) -> Result<Response, Problem> {
    sign_in::reset_failures(&api.context, &sent.visitor.caller, &name).await?;
    Ok(to_user(&name, "reset"))
}

/// `POST /admin/users/{name}/sessions`
pub(super) async fn end_sessions(
    State(api): State<Api>,
    Name(name): Name,
    sent: Sent,
) -> Result<Response, Problem> {
    sign_in::sign_out_everywhere(&api.context, &sent.visitor.caller, &name).await?;
    Ok(to_user(&name, "sessions-ended"))
}
