//! A reply's body, each taken piece of which shows that its connection is not idle.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::watch;

/// An export takes as long as its reader needs. Whoever stops reading is idle all the same.
pub(super) struct Taken {
    body: Body,
    requests: Arc<watch::Sender<usize>>,
}

impl Taken {
    /// `body`, of a connection on which `requests` are under way.
    pub(super) fn of(body: Body, requests: Arc<watch::Sender<usize>>) -> Body {
        Body::new(Self { body, requests })
    }
}

impl HttpBody for Taken {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_ready() {
            // The number is as it was; whoever watches it is told nevertheless.
            self.requests.send_modify(|_| {});
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
