//! An export as it leaves: a page of entries is read when the one before has been taken.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::mpsc;

use crate::audit::{Entries, Format};
use crate::http::pieces::{Piece, Pieces};
use crate::store::Store;

/// The reply that holds `entries`.
pub(super) fn of(store: Arc<dyn Store>, entries: Entries, format: Format) -> Response {
    // One page waits while one is on its way.
    let (sender, pieces) = mpsc::channel(1);
    tokio::spawn(read(store, entries, format, sender));
    let (kind, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8; header=present", "gatepass-audit.csv"),
        Format::JsonLines => ("application/x-ndjson", "gatepass-audit.jsonl"),
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, Body::new(Pieces(pieces))).into_response()
}

/// Ends when all is said or nobody listens. What fails on the way breaks the reply off: a short file must not look like
/// a whole one.
async fn read(store: Arc<dyn Store>, mut entries: Entries, format: Format, sender: mpsc::Sender<Piece>) {
    let mut text = format.head();
    loop {
        let page = match entries.next(store.as_ref()).await {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "an export of the audit was broken off");
                // Whoever has gone needs no telling.
                let _ = sender.send(Err(io::Error::other("the export was broken off"))).await;
                return;
            }
        };
        let last = page.is_none();
        text.extend(page.into_iter().flatten().map(|entry| format.line(&entry)));
        let piece = Bytes::from(std::mem::take(&mut text));
        if (!piece.is_empty() && sender.send(Ok(piece)).await.is_err()) || last {
            return;
        }
    }
}
