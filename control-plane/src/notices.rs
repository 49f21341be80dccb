//! Tokens that end soon, and what to do about them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::callers::Caller;
use crate::clock::rfc3339;
use crate::context::Context;
use crate::domain::authority::{self, Principal};
use crate::domain::listing::{Period, Preset};
use crate::domain::notices::stage;
use crate::domain::settings::Settings;
use crate::domain::token::{State, Token};
use crate::error::Error;
use crate::schema;
use crate::tokens::{ListWish, Page, find};

/// A token that ends soon.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Notice)]
pub struct NoticeView {
    #[schema(value_type = schema::TokenId)]
    token_id: String,
    /// The owner.
    #[schema(value_type = schema::UserName)]
    user: String,
    /// What it is for.
    #[schema(value_type = schema::Text)]
    description: String,
    /// The last characters of the secret.
    hint: String,
    #[schema(value_type = schema::Time)]
    expires_at: String,
    /// It ends within so many times 24 hours: 1, 7 or 30.
    #[schema(value_type = schema::NoticeStage)]
    within_days: i64,
    /// Its last use behind a proxy; null if none was reported.
    #[schema(value_type = Option<schema::Time>, required)]
    last_used_at: Option<String>,
    /// A sentence for people.
    what_to_do: String,
}

/// Which notices are asked for.
#[derive(Clone, Debug)]
pub struct NoticesWish {
    /// Only of these owners; of all that the caller may see if empty.
    pub users: Vec<String>,
    /// Only of tokens that end within so many days: one of [`crate::domain::notices::STAGES`].
    pub within_days: i64,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Lists the tokens that are in use and end soon, the next one first: the caller's own, and for managers and admins those of
/// others.
///
/// # Errors
/// The caller may not see a user's tokens, a field is wrong, or the cursor belongs to another list.
pub async fn list(context: &Context, caller: &Caller, wish: NoticesWish) -> Result<Page<NoticeView>, Error> {
    let preset = match wish.within_days {
        1 => Preset::Within1Day,
        7 => Preset::Within7Days,
        _ => Preset::Within30Days,
    };
    let wish = ListWish {
        users: wish.users,
        expires: Some(Period::Preset(preset)),
        states: vec![State::Active],
        in_use: true,
        cursor: wish.cursor,
        limit: wish.limit,
        ..ListWish::default()
    };
    let found = find(context, caller, wish).await?;
    let settings = context.store.read().await?.settings().await?.settings;
    let makes_tokens = makes_tokens(caller, &settings);
    let notice = |token: &Token| view(token, found.now, makes_tokens);
    Ok(Page { items: found.tokens.iter().filter_map(notice).collect(), next_cursor: found.next_cursor })
}

/// Whether the person may, by whatever means.
fn makes_tokens(caller: &Caller, settings: &Settings) -> bool {
    let person = Principal { may_manage: true, ..caller.principal() };
    authority::creates(person, settings, false).is_ok()
}

/// `None` if it has ended since the list was begun.
fn view(token: &Token, now: i64, makes_tokens: bool) -> Option<NoticeView> {
    let expires_at = token.expires_at?;
    Some(NoticeView {
        token_id: token.id.clone(),
        user: token.owner.clone(),
        description: token.description.clone(),
        hint: token.hint.clone(),
        expires_at: rfc3339(expires_at),
        within_days: stage(expires_at, now)?,
        last_used_at: token.last_used.as_ref().map(|last| rfc3339(last.at)),
        what_to_do: what_to_do(token, makes_tokens),
    })
}

fn what_to_do(token: &Token, makes_tokens: bool) -> String {
    let path = format!("/api/v1/tokens/{}", token.id);
    if token.last_used.is_none() {
        return format!(
            "No use of it was ever reported: if nothing needs it, let it end or revoke it (DELETE {path})."
        );
    }
    let source =
        if makes_tokens { "Make a new token (POST /api/v1/tokens)" } else { "Ask an admin for a new token" };
    format!(
        "{source}, give it to what uses this one, then revoke this one (DELETE {path}). A rotation keeps the end."
    )
}
