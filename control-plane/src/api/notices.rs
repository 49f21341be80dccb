//! `/notices`.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use utoipa::IntoParams;

use super::extract::Query;
use super::openapi::OF_OTHERS;
use super::{Api, cursor};
use crate::callers::Caller;
use crate::domain::notices::STAGES;
use crate::http::problem::Problem;
use crate::notices::{self, NoticeView, NoticesWish};
use crate::schema;
use crate::tokens::Page;

/// The parameters, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description: the query is read by hand, since names may be repeated")]
pub(super) struct ListQuery {
    /// Only of these owners; repeated for several.
    #[param(value_type = schema::UserNames, required = false)]
    user: (),
    /// Only of tokens that end within so many days; 30 without it.
    #[param(value_type = schema::NoticeStage, required = false)]
    within_days: (),
    /// How many at most.
    #[param(value_type = schema::Limit, required = false)]
    limit: (),
    /// Where the page begins.
    #[param(value_type = schema::Cursor, required = false)]
    cursor: (),
}

/// List tokens that end soon
///
/// Those that work, that nobody has replaced by rotation, and that end within 30 days, the next one first. One's own; with a
/// role for it everyone's.
#[utoipa::path(
    get, path = "/notices", operation_id = "listNotices", tag = "tokens", params(ListQuery),
    responses((status = 200, description = "A page", body = Page<NoticeView>)),
    extensions(("x-problems" = json!([OF_OTHERS, &["not_found"]].concat()))),
)]
pub(super) async fn list_notices(
    State(api): State<Api>,
    caller: Caller,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let page = notices::list(&api.context, &caller, wish(parameters)?).await?;
    Ok(axum::Json(cursor::encode(page)).into_response())
}

fn wish(parameters: Vec<(String, String)>) -> Result<NoticesWish, Problem> {
    let (mut users, mut once) = (Vec::new(), Vec::new());
    for (name, value) in parameters {
        match name.as_str() {
            "user" => users.push(value),
            "within_days" | "limit" | "cursor" if once.iter().any(|(given, _)| *given == name) => {
                return Err(Problem::invalid(name, "is given twice"));
            }
            "within_days" | "limit" | "cursor" => once.push((name, value)),
            _ => return Err(Problem::invalid(name, "is no parameter of this call")),
        }
    }
    let mut take = |wanted: &str| {
        let place = once.iter().position(|(name, _)| name == wanted)?;
        Some(once.swap_remove(place).1)
    };
    let within_days = match take("within_days") {
        None => 30,
        Some(text) => {
            let stage = STAGES.into_iter().find(|days| days.to_string() == text);
            stage.ok_or_else(|| Problem::invalid("within_days", "must be one of 30, 7, 1"))?
        }
    };
    let limit = cursor::limit(take("limit").as_deref())?;
    Ok(NoticesWish { users, within_days, cursor: cursor::decode(take("cursor"))?, limit })
}
