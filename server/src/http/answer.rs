//! Answers: a whole body, or a stream that is written while it is made.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use hyper::header::HeaderValue;
use hyper::{Response, StatusCode, header};
use tokio::sync::mpsc;

/// What a handler returns.
pub type Answer = Response<Body>;

/// The bytes of an answer, and what is held until they are gone.
pub struct Body {
    kind: Kind,
    held: Vec<Box<dyn Send>>,
}

enum Kind {
    Full(Option<Bytes>),
    Stream(mpsc::Receiver<Bytes>),
}

impl Body {
    /// All bytes at once.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Full(Some(bytes.into())), held: Vec::new() }
    }

    /// Chunks as they come; the channel's bound is the only buffer.
    pub fn stream(chunks: mpsc::Receiver<Bytes>) -> Self {
        Self { kind: Kind::Stream(chunks), held: Vec::new() }
    }

    /// Keeps `what` alive until the body is sent or given up.
    pub fn hold(&mut self, what: Box<dyn Send>) {
        self.held.push(what);
    }

    /// The bytes of a full body, leaving it empty.
    pub fn take_full(&mut self) -> Option<Bytes> {
        match &mut self.kind {
            Kind::Full(bytes) => bytes.take(),
            Kind::Stream(_) => None,
        }
    }

    /// Puts bytes back into a full body.
    pub fn set_full(&mut self, bytes: Bytes) {
        self.kind = Kind::Full(Some(bytes));
    }

    /// Bytes of a full body.
    pub fn full_len(&self) -> Option<usize> {
        match &self.kind {
            Kind::Full(bytes) => Some(bytes.as_ref().map_or(0, Bytes::len)),
            Kind::Stream(_) => None,
        }
    }

    #[cfg(test)]
    pub fn into_bytes(mut self) -> Bytes {
        self.take_full().unwrap()
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("len", &self.full_len()).finish_non_exhaustive()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.kind {
            Kind::Full(bytes) => {
                let bytes = bytes.take().filter(|b| !b.is_empty());
                Poll::Ready(bytes.map(|b| Ok(Frame::data(b))))
            }
            Kind::Stream(chunks) => chunks.poll_recv(cx).map(|chunk| chunk.map(|c| Ok(Frame::data(c)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.kind, Kind::Full(bytes) if bytes.as_ref().is_none_or(Bytes::is_empty))
    }

    fn size_hint(&self) -> SizeHint {
        match self.full_len() {
            Some(len) => SizeHint::with_exact(len as u64),
            None => SizeHint::default(),
        }
    }
}

/// 200 with JSON text.
pub fn json(text: impl Into<Bytes>) -> Answer {
    typed(StatusCode::OK, "application/json", Body::full(text))
}

/// A JSON value with a status.
pub fn json_value(status: StatusCode, value: &serde_json::Value) -> Answer {
    let mut text = value.to_string();
    text.push('\n');
    typed(status, "application/json", Body::full(text))
}

/// An answer of a content type.
pub fn typed(status: StatusCode, content_type: &'static str, body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
