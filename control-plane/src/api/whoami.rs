//! `/whoami`.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::callers::Caller;
use crate::domain::user::Role;
use crate::schema;
use crate::tokens::TokenView;

/// Who asks.
#[derive(Serialize, ToSchema)]
pub(super) struct Whoami {
    #[schema(value_type = schema::UserName)]
    user: String,
    role: Role,
    /// Where the request comes from; null if that cannot be read.
    #[schema(value_type = Option<schema::Ip>, required)]
    ip: Option<IpAddr>,
    /// The token in use; null for somebody who is signed in.
    #[schema(required)]
    token: Option<TokenView>,
}

/// Show who asks, with which token
#[utoipa::path(
    get, path = "/whoami", operation_id = "whoami", tag = "server",
    responses((status = 200, description = "The caller", body = Whoami)),
)]
pub(super) async fn whoami(State(api): State<Api>, caller: Caller) -> Json<Whoami> {
    let now = api.context.clock.now().as_second();
    let token = caller.token().map(|token| TokenView::new(token, now));
    Json(Whoami { user: caller.user.name, role: caller.user.role, ip: caller.presented.address, token })
}
