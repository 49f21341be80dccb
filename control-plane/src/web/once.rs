//! A form that creates something does so once, though it is sent again: by a second click, or when its reply is loaded again.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use super::fields::Fields;
use super::visitor::Visitor;
use crate::api::Api;
use crate::error::Error;
use crate::http::problem::Problem;
use crate::idempotency::{self, Begun, Key};
use crate::random::hex_text;
use crate::tokens::Created;

/// The field that tells one form that was loaded from others.
pub(super) const FIELD: &str = "once";
/// A form that creates is told from a key that a program sends by this; its callers are none of REST's anyway.
const KIND: &str = "page:";

/// What became of a form.
pub(super) enum Once {
    /// It was done just now.
    Now(Box<Created>),
    /// It was done before: the id of what was made then.
    Before(String),
}

#[derive(Serialize, Deserialize)]
struct Kept {
    id: String,
}

/// A value for [`FIELD`].
pub(super) fn mark(api: &Api) -> Result<String, Error> {
    Ok(hex_text::<16>(api.context.random.as_ref())?)
}

/// Does `work`, which creates a token as the form `fields` at `path` says, unless it was done before.
pub(super) async fn once<W>(
    api: &Api,
    visitor: &Visitor,
    (path, fields): (&str, &Fields),
    work: W,
) -> Result<Once, Problem>
where
    W: Future<Output = Result<Created, Error>> + Send + 'static,
{
    api.creations.take(visitor.caller.user.id, api.context.clock.now().as_microsecond())?;
    let mark = fields
        .given(FIELD)
        .ok_or_else(|| Problem::invalid(FIELD, "this form is not whole: load it again"))?;
    let key = Key::new(&visitor.caller.id(), &format!("{KIND}{mark}"));
    let fingerprint = Sha256::digest(serde_json::to_vec(&(path, fields)).unwrap_or_default()).into();
    let context = api.context.clone();
    // On its own: a browser that goes away must not leave it open whether it was done.
    let work = async move {
        match idempotency::begin(&context, &key, &fingerprint).await? {
            Begun::First => {}
            Begun::Done(kept) => {
                let kept: Kept =
                    serde_json::from_str(&kept).map_err(|error| Error::Internal(error.to_string()))?;
                return Ok(Once::Before(kept.id));
            }
            begun => return Err(refusal(&begun)),
        }
        let done = work.await;
        let kept = match &done {
            Ok(created) => {
                let reply =
                    serde_json::to_string(&Kept { id: created.view.id().to_owned() }).unwrap_or_default();
                idempotency::finish(&context, &key, &reply).await
            }
            Err(_) => idempotency::forget(&context, &key).await,
        };
        if let Err(error) = kept {
            // What was done is done and answered; sent again, it is told to be under way.
            tracing::error!(%error, "what became of a form could not be kept");
        }
        Ok(Once::Now(Box::new(done?)))
    };
    let done = tokio::spawn(work.in_current_span()).await;
    Ok(done.map_err(|error| Problem::internal(&error.to_string()))??)
}

fn refusal(begun: &Begun) -> Error {
    let (code, problem) = match begun {
        Begun::Other => (
            "idempotency_key_reused",
            "this form was sent before, and says something else now: load it again",
        ),
        Begun::TooMany => {
            ("too_many_idempotency_keys", "you have created too much today: try again tomorrow")
        }
        _ => (
            "idempotency_in_progress",
            "this form is being worked on, or was broken off by a crash: look at the list of tokens whether it was done",
        ),
    };
    Error::Conflict { code, problem: problem.to_owned() }
}
