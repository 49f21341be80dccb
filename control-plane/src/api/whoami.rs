//! `/whoami`.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::domain::user::Role;
use crate::http::problem::Problem;
use crate::schema;
use crate::sources::{PushTokenView, Who};
use crate::tokens::TokenView;

/// Who asks: a person, or a source.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Whoami {
    /// A person.
    Person(Box<Person>),
    /// A source, by one of its push tokens.
    Source(Box<Source>),
}

/// A source that asks.
#[derive(Serialize, ToSchema)]
#[schema(as = CallingSource)]
pub(super) struct Source {
    #[schema(value_type = schema::SourceName)]
    source: String,
    /// Where the request comes from; null if that cannot be read.
    #[schema(value_type = Option<schema::Ip>, required)]
    ip: Option<IpAddr>,
    /// The push token in use.
    push_token: PushTokenView,
}

/// A person who asks.
#[derive(Serialize, ToSchema)]
#[schema(as = CallingPerson)]
pub(super) struct Person {
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
pub(super) async fn whoami(State(api): State<Api>, who: Who) -> Result<Json<Whoami>, Problem> {
    let now = api.context.clock.now().as_second();
    Ok(Json(match who {
        Who::Person(caller) => {
            let token = caller.token().map(|token| TokenView::new(token, now));
            let (user, role, ip) = (caller.user.name, caller.user.role, caller.presented.address);
            Whoami::Person(Box::new(Person { user, role, ip, token }))
        }
        Who::Source(caller) => Whoami::Source(Box::new(Source {
            source: caller.source.name,
            ip: caller.address,
            push_token: PushTokenView::from(&caller.token),
        })),
    }))
}
