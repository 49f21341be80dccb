//! `/tokens` and `/users/{name}/tokens`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::extract::{Json, Name, Query};
use super::{Api, cursor, revision};
use crate::callers::Caller;
use crate::domain::token::State as TokenState;
use crate::http::problem::Problem;
use crate::tokens::{self, ListWish, NewToken, TokenView};

#[derive(Serialize)]
struct CreatedBody<'a> {
    // The one place where a secret leaves the control plane.
    token: &'a str,
    #[serde(flatten)]
    view: &'a TokenView,
}

pub(super) async fn create_token(
    State(api): State<Api>,
    caller: Caller,
    Json(wish): Json<NewToken>,
) -> Result<Response, Problem> {
    let created = tokens::create(&api.context, &caller, wish).await?;
    let location = [(header::LOCATION, format!("/api/v1/tokens/{}", created.view.id()))];
    let body = CreatedBody { token: created.secret.expose(), view: &created.view };
    let revision = revision(Some(&created.committed));
    Ok((StatusCode::CREATED, location, revision, axum::Json(body)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    user: Option<String>,
    state: Option<TokenState>,
    limit: Option<String>,
    cursor: Option<String>,
}

pub(super) async fn list_tokens(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let wish = ListWish {
        user: query.user,
        state: query.state,
        before: cursor::decode(query.cursor)?,
        limit: cursor::limit(query.limit.as_deref())?,
    };
    let page = tokens::list(&api.context, &caller, wish).await?;
    Ok(axum::Json(cursor::encode(page)).into_response())
}

pub(super) async fn show_token(
    State(api): State<Api>,
    caller: Caller,
    Name(id): Name,
) -> Result<Response, Problem> {
    Ok(axum::Json(tokens::show(&api.context, &caller, &id).await?).into_response())
}

pub(super) async fn revoke_token(
    State(api): State<Api>,
    caller: Caller,
    Name(id): Name,
) -> Result<Response, Problem> {
    let committed = tokens::revoke(&api.context, &caller, &id).await?;
    Ok((StatusCode::NO_CONTENT, revision(committed.as_ref()), ()).into_response())
}

pub(super) async fn revoke_all_tokens(
    State(api): State<Api>,
    caller: Caller,
    Name(user): Name,
) -> Result<Response, Problem> {
    let (revoked, committed) = tokens::revoke_all(&api.context, &caller, &user).await?;
    Ok((revision(committed.as_ref()), axum::Json(json!({"revoked": revoked}))).into_response())
}
