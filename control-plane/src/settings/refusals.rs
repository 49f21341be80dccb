//! What tokens that have not ended need of the settings, and would lose.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::settings::Settings;
use crate::error::Error;
use crate::store::{StoreError, Transaction};

/// Why a change of settings is refused as things are: 409.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Refusal {
    /// The code that scripts see.
    pub code: &'static str,
    /// What stands against it, and what to do.
    pub detail: String,
    /// How many tokens it is about: active and disabled ones.
    pub tokens: u64,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Conflict { code: refusal.code, problem: refusal.detail }
    }
}

/// What stands against `new`.
pub(super) async fn of(
    tx: &mut dyn Transaction,
    new: &Settings,
    now: Timestamp,
) -> Result<Vec<Refusal>, StoreError> {
    let now = now.as_second();
    let mut refusals = Vec::new();
    for scope in tx.scopes_in_use(now).await? {
        if !new.scopes.0.contains_key(&scope) {
            refusals.push(scope_in_use(&scope, tx.active_tokens_of_scope(&scope, now).await?));
        }
    }
    for prefix in tx.prefixes_in_use(now).await? {
        if !new.token_prefixes.contains(&prefix) {
            refusals.push(prefix_in_use(&prefix, tx.active_tokens_of_prefix(&prefix, now).await?));
        }
    }
    Ok(refusals)
}

fn scope_in_use(scope: &str, tokens: u64) -> Refusal {
    let have = if tokens == 1 { "active or disabled token has" } else { "active or disabled tokens have" };
    let detail = format!("{tokens} {have} the scope {scope}: revoke them first, or keep the scope");
    Refusal { code: "scope_in_use", detail, tokens }
}

/// A token whose prefix is no longer listed is not even looked up, the admin's own as well as everyone's.
fn prefix_in_use(prefix: &str, tokens: u64) -> Refusal {
    let begin =
        if tokens == 1 { "active or disabled token begins" } else { "active or disabled tokens begin" };
    let detail = format!(
        "{tokens} {begin} with {prefix}: keep it in token_prefixes, behind the new one, or revoke them first"
    );
    Refusal { code: "prefix_in_use", detail, tokens }
}
