//! The system-wide settings: what each means, what a change would do, and saving it.

mod consequences;
mod form;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::{ADMIN, Tab, tabs};
use crate::api::Api;
use crate::audit;
use crate::domain::audit::Action;
use crate::domain::audit::filter::AuditFilter;
use crate::error::Error;
use crate::http::problem::Problem;
use crate::settings as use_case;
use crate::store::StoredSettings;
use crate::web::fields::{Fields, query};
use crate::web::form::Sent;
use crate::web::frame::{Frame, page};
use crate::web::moment::Moment;
use crate::web::visitor::Visitor;
use crate::web::words;
use consequences::Consequences;
use form::SettingsForm;

/// The field that says what was seen of what cannot be undone, see [`Consequences::for_good`].
const SEEN: &str = "seen";
/// Most changes by others that are shown to who was slower.
const MOST_CHANGES: usize = 5;

#[derive(Template)]
#[template(path = "admin/settings.html")]
struct SettingsPage {
    frame: Frame,
    tabs: Vec<Tab>,
    csrf: String,
    /// The version that the form is about, see `If-Match` of REST.
    version: i64,
    form: SettingsForm,
    consequences: Option<Consequences>,
    others: Vec<ByOthers>,
    address: Option<String>,
    /// Whether something is to be saved that cannot be undone, and has not been seen.
    is_asked: bool,
}

/// A change that somebody else made meanwhile.
struct ByOthers {
    who: String,
    at: Moment,
    before: String,
    after: String,
}

/// What a button asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Save,
    Preview,
    AddRow,
    RemoveRow(usize),
}

impl Wish {
    fn of(fields: &Fields) -> Self {
        if let Ok(place) = fields.text("remove_ip").parse() {
            return Self::RemoveRow(place);
        }
        match fields.text("do") {
            "save" => Self::Save,
            "add_ip" => Self::AddRow,
            // Also what the page's script asks for, which presses no button.
            _ => Self::Preview,
        }
    }
}

/// `GET /admin/settings`
pub(super) async fn show(
    State(api): State<Api>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    let stored = use_case::show(&api.context, &visitor.caller).await?;
    let form = SettingsForm::of(&stored.settings);
    let shown = SettingsPage::new(&visitor, &stored, form);
    let frame = shown.frame.after(fields.text("done"));
    page(StatusCode::OK, &SettingsPage { frame, ..shown })
}

impl SettingsPage {
    fn new(visitor: &Visitor, stored: &StoredSettings, form: SettingsForm) -> Self {
        Self {
            frame: Frame::new(visitor, ADMIN, "Settings"),
            tabs: tabs(ADMIN),
            csrf: visitor.csrf.clone(),
            version: stored.version,
            form,
            consequences: None,
            others: Vec::new(),
            address: visitor.caller.presented.address.map(|ip| ip.to_canonical().to_string()),
            is_asked: false,
        }
    }
}

/// `POST /admin/settings`: a preview, another row, or the change itself.
pub(super) async fn change(State(api): State<Api>, sent: Sent) -> Result<Response, Problem> {
    let Sent { visitor, fields } = &sent;
    let stored = use_case::show(&api.context, &visitor.caller).await?;
    match Wish::of(fields) {
        Wish::Save => save(&api, visitor, fields, &stored).await,
        Wish::Preview => preview(&api, visitor, fields, &stored).await,
        Wish::AddRow => page(StatusCode::OK, &rows(visitor, fields, &stored, None)),
        Wish::RemoveRow(place) => page(StatusCode::OK, &rows(visitor, fields, &stored, Some(place))),
    }
}

/// The form as it was typed, about the version that it was loaded with.
fn typed(
    visitor: &Visitor,
    fields: &Fields,
    stored: &StoredSettings,
    problem: Option<&Problem>,
) -> SettingsPage {
    let form = SettingsForm::again(fields, problem);
    let shown = SettingsPage::new(visitor, stored, form);
    SettingsPage { version: version(fields).unwrap_or(stored.version), ..shown }
}

fn rows(visitor: &Visitor, fields: &Fields, stored: &StoredSettings, without: Option<usize>) -> SettingsPage {
    let mut shown = typed(visitor, fields, stored, None);
    match without {
        Some(place) if place < shown.form.ips.len() => {
            shown.form.ips.remove(place);
        }
        Some(_) => {}
        None => shown.form.ips.push(String::new()),
    }
    shown
}

fn version(fields: &Fields) -> Option<i64> {
    fields.text("version").parse().ok()
}

async fn preview(
    api: &Api,
    visitor: &Visitor,
    fields: &Fields,
    stored: &StoredSettings,
) -> Result<Response, Problem> {
    let told = async {
        let patch = form::patch(fields, &stored.settings)?;
        use_case::preview(&api.context, &visitor.caller, &patch, None).await
    };
    match told.await {
        Ok(told) => {
            let consequences = Some(Consequences::of(&told));
            let others = by_others(api, visitor, version(fields), stored).await?;
            let shown = typed(visitor, fields, stored, None);
            page(StatusCode::OK, &SettingsPage { consequences, others, ..shown })
        }
        Err(error) => {
            let problem = told_on_page(error)?;
            let mut shown = typed(visitor, fields, stored, Some(&problem));
            shown.consequences = Some(Consequences::wrong(words::sentence(problem.detail())));
            // What would be is no refusal of anything that was done, and the script shows no other reply.
            page(StatusCode::OK, &shown)
        }
    }
}

async fn save(
    api: &Api,
    visitor: &Visitor,
    fields: &Fields,
    stored: &StoredSettings,
) -> Result<Response, Problem> {
    let expected = version(fields).ok_or_else(|| {
        Problem::invalid("version", "this form is not whole: load the page again, and send it then")
    })?;
    let saved = async {
        let patch = form::patch(fields, &stored.settings)?;
        if patch.applies_bound()? {
            let told = use_case::preview(&api.context, &visitor.caller, &patch, Some(&[expected])).await?;
            let consequences = Consequences::of(&told);
            if consequences.for_good.as_deref().is_some_and(|what| what != fields.text(SEEN)) {
                return Ok(Some(consequences));
            }
        }
        use_case::update(&api.context, &visitor.caller, &patch, Some(&[expected])).await.map(|_| None)
    };
    match saved.await {
        // What ends for good is shown before it does.
        Ok(Some(consequences)) => {
            let shown = typed(visitor, fields, stored, None);
            let consequences = Some(consequences);
            page(StatusCode::OK, &SettingsPage { consequences, is_asked: true, ..shown })
        }
        Ok(None) => {
            let place = format!("{ADMIN}?{}", query([("done", "settings-saved")]));
            Ok(Redirect::to(&place).into_response())
        }
        Err(Error::Stale) => stale(api, visitor, fields, expected).await,
        Err(error) => {
            let problem = told_on_page(error)?;
            let shown = typed(visitor, fields, stored, Some(&problem));
            Ok(problem.on_page(page(problem.status(), &shown)?))
        }
    }
}

/// Somebody else was faster: what was typed stays, what has changed is shown, and so is what saving would do now.
async fn stale(api: &Api, visitor: &Visitor, fields: &Fields, expected: i64) -> Result<Response, Problem> {
    let stored = use_case::show(&api.context, &visitor.caller).await?;
    let patch = form::patch(fields, &stored.settings)?;
    let told = use_case::preview(&api.context, &visitor.caller, &patch, None).await?;
    let problem = Problem::from(Error::Stale);
    let shown = SettingsPage {
        // Whoever sends the form again has seen what has changed.
        version: stored.version,
        consequences: Some(Consequences::of(&told)),
        others: by_others(api, visitor, Some(expected), &stored).await?,
        ..typed(visitor, fields, &stored, None)
    };
    Ok(problem.on_page(page(problem.status(), &shown)?))
}

/// What was changed since `version`, newest first: each version has one entry in the audit.
async fn by_others(
    api: &Api,
    visitor: &Visitor,
    version: Option<i64>,
    stored: &StoredSettings,
) -> Result<Vec<ByOthers>, Problem> {
    let changes = version.map_or(0, |version| stored.version.saturating_sub(version));
    let limit = usize::try_from(changes).unwrap_or_default().min(MOST_CHANGES);
    if limit == 0 {
        return Ok(Vec::new());
    }
    let filter = AuditFilter { action: Some(Action::SettingsUpdated), ..AuditFilter::default() };
    let found = audit::list(&api.context, &visitor.caller, &filter, None, limit).await?;
    let now = api.context.clock.now().as_second();
    let told = |entry: &audit::EntryView| ByOthers {
        who: entry.actor.clone(),
        at: Moment::read(&entry.at, now),
        before: entry.before.to_string(),
        after: entry.after.to_string(),
    };
    Ok(found.items.iter().map(told).collect())
}

/// What is told on the page itself; all else is a page of its own.
fn told_on_page(error: Error) -> Result<Problem, Problem> {
    let problem = Problem::from(error);
    let is_told = problem.at_field().is_some() || problem.status() == StatusCode::CONFLICT;
    if is_told { Ok(problem) } else { Err(problem) }
}
