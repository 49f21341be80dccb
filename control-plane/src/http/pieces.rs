//! A reply that is made while it is sent.

use std::io;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use axum::body::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use tokio::sync::mpsc;

/// A part of it. An error breaks the reply off, so that it never looks whole.
pub(crate) type Piece = Result<Bytes, io::Error>;

/// The parts, in the order in which they come; the reply ends when nobody can send any more.
pub(crate) struct Pieces(pub(crate) mpsc::Receiver<Piece>);

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
