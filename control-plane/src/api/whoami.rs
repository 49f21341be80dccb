//! `/whoami`.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Api;
use crate::callers::Caller;
use crate::tokens::TokenView;

pub(super) async fn whoami(State(api): State<Api>, caller: Caller) -> Json<Value> {
    let now = api.context.clock.now().as_second();
    let token = caller.token().map(|token| TokenView::new(token, now));
    Json(json!({
        "user": caller.user.name,
        "role": caller.user.role,
        "ip": caller.presented.address,
        "token": token,
    }))
}
