//! An export as it leaves: a page of entries is read when the one before has been taken.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Body as HttpBody, Frame};
use tokio::sync::mpsc;

use crate::audit::{Entries, Format};
use crate::store::Store;

type Piece = Result<Bytes, io::Error>;

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

struct Pieces(mpsc::Receiver<Piece>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
