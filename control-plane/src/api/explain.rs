//! `/explain`.

use axum::Json as Reply;
use axum::extract::State;

use super::Api;
use super::extract::Json;
use super::openapi::OF_OTHERS;
use crate::callers::Caller;
use crate::explain::{self, Explanation, Question};
use crate::http::problem::Problem;

/// Say why a request is refused, or let through
///
/// What the filter would decide, by its own code; which rule decides, and who changes that how. It changes nothing and
/// takes no secret: a token is named by its id.
#[utoipa::path(
    post, path = "/explain", operation_id = "explain", tag = "proxies", request_body = Question,
    responses((status = 200, description = "What the filter decides, and why", body = Explanation)),
    extensions(("x-problems" = json!([OF_OTHERS, &["not_found"]].concat()))),
)]
pub(super) async fn explain(
    State(api): State<Api>,
    caller: Caller,
    Json(question): Json<Question>,
) -> Result<Reply<Explanation>, Problem> {
    Ok(Reply(explain::explain(&api.context, &caller, question).await?))
}
