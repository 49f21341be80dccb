//! The list as a file for spreadsheets, all of its pages: each is read when the one before has been taken.

use std::io;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::mpsc;

use super::filter::Filter;
use crate::api::Api;
use crate::callers::Caller;
use crate::context::Context;
use crate::domain::spreadsheet::row;
use crate::http::pieces::{Piece, Pieces};
use crate::http::problem::Problem;
use crate::tokens::{self, ListWish, TokenView};
use crate::web::fields::Fields;
use crate::web::visitor::Visitor;

/// How many are read at once.
const AT_ONCE: usize = 200;

const HEAD: [&str; 15] = [
    "id",
    "user",
    "description",
    "state",
    "created_at",
    "creator",
    "expires_at",
    "last_used_at",
    "last_used_ip",
    "last_used_user_agent",
    "scope",
    "allowed_ips",
    "control_plane",
    "hint",
    "revoked_at",
];

/// `GET /manager/export.csv`
pub(in crate::web) async fn export(
    State(api): State<Api>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    visitor.refuse_unless_managing()?;
    let filter = Filter::read(&fields);
    let wish = filter.wish(None, AT_ONCE)?;
    // The first page now: what is wrong is still a reply of its own.
    let first = tokens::list(&api.context, &visitor.caller, wish.clone()).await?;
    let (sender, pieces) = mpsc::channel(1);
    tokio::spawn(read(api.context, visitor.caller, wish, first, sender));
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"gatepass-tokens.csv\""),
    ];
    Ok((headers, Body::new(Pieces(pieces))).into_response())
}

/// Ends when all is said or nobody listens. What fails on the way breaks the reply off: a short file must not look like a
/// whole one.
async fn read(
    context: Context,
    caller: Caller,
    wish: ListWish,
    first: tokens::Page<TokenView>,
    sender: mpsc::Sender<Piece>,
) {
    let mut page = first;
    let mut text = row(HEAD);
    loop {
        text.extend(page.items.iter().map(line));
        if sender.send(Ok(std::mem::take(&mut text).into())).await.is_err() {
            return;
        }
        let Some(cursor) = page.next_cursor else { return };
        page = match tokens::list(&context, &caller, ListWish { cursor: Some(cursor), ..wish.clone() }).await
        {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "an export of tokens was broken off");
                // Whoever has gone needs no telling.
                let _ = sender.send(Err(io::Error::other("the export was broken off"))).await;
                return;
            }
        };
    }
}

/// A token as a row. What a client says of itself may hold anything.
fn line(view: &TokenView) -> String {
    let (record, used) = (&view.record, view.last_used.as_ref());
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let cells = [
        record.id.clone(),
        record.user.clone(),
        record.description.clone(),
        record.state.as_str().to_owned(),
        record.created_at.clone(),
        record.creator.clone(),
        text(record.expires_at.as_ref()),
        used.map(|used| used.at.clone()).unwrap_or_default(),
        used.and_then(|used| used.ip).map(|ip| ip.to_string()).unwrap_or_default(),
        text(used.and_then(|used| used.user_agent.as_ref())),
        text(record.scope.as_ref()),
        record.allowed_ips.to_strings().join(" "),
        record.control_plane.to_string(),
        record.hint.clone(),
        text(record.revoked_at.as_ref()),
    ];
    row(cells.iter().map(String::as_str))
}
