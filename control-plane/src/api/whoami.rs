//! `/whoami`.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Api;
use crate::callers::Caller;
use crate::tokens::TokenView;

pub(super) async fn whoami(State(api): State<Api>, caller: Caller) -> Json<Value> {
    let token = TokenView::new(&caller.token, api.context.clock.now().as_second());
    Json(json!({
        "user": caller.token.owner,
        "role": caller.token.owner_role,
        "ip": caller.presented.address,
        "token": token,
    }))
}
