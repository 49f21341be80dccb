//! Who looks at a page: somebody who is signed in. A token opens no page.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::api::Api;
use crate::api::browser::Browser;
use crate::api::extract::source;
use crate::callers::{self, Caller};
use crate::domain::authority;
use crate::domain::session::Secret;
use crate::domain::settings::Settings;
use crate::error::{Error, Unauthenticated};
use crate::http::problem::Problem;

/// Somebody who is signed in.
pub(crate) struct Visitor {
    /// The person.
    pub(crate) caller: Caller,
    /// The settings when the page was asked for.
    pub(crate) settings: Settings,
    /// What each form sends against forged ones.
    pub(crate) csrf: String,
}

impl Visitor {
    /// Whoever has this session, at `address`.
    pub(super) async fn find(api: &Api, secret: &Secret, address: Option<IpAddr>) -> Result<Self, Problem> {
        let caller = callers::authenticate_session(&api.context, secret.hash(), address).await?;
        let mut tx = api.context.store.read().await.map_err(Error::from)?;
        let settings = tx.settings().await.map_err(Error::from)?.settings;
        Ok(Self { caller, settings, csrf: secret.csrf_token() })
    }

    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.caller.user.name
    }

    /// Whether there is anything that this person may create.
    pub(crate) fn may_create(&self) -> bool {
        authority::creates(self.caller.principal(), &self.settings, false).is_ok()
    }

    /// Whether others' tokens are this person's business.
    pub(crate) fn manages(&self) -> bool {
        self.refuse_unless_managing().is_ok()
    }

    /// Answers whoever has no business with others' tokens.
    pub(crate) fn refuse_unless_managing(&self) -> Result<(), Problem> {
        Ok(authority::acts_for_others(self.caller.principal()).map_err(Error::from)?)
    }
}

impl FromRequestParts<Api> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let secret = Browser::of(parts).secret.ok_or(Error::from(Unauthenticated::NotSignedIn))?;
        Self::find(api, &secret, source(parts, api)).await
    }
}
