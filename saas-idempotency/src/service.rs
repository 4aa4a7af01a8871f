//! HTTP types from and into plain values.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame};

use crate::engine::{Admission, Engine, Head};
use crate::gate::Gate;
use crate::pieces::{Kind, Pieces, collect};
use crate::reply::REPLAYED;
use crate::store::Outcome;
use crate::{Error, Idempotency, Keep, Reply, Scope};

pub use body::Buffered;

mod body;

/// The shell whose bodies are http-body's.
pub(crate) enum Tower {}

impl<B: Body<Data = Bytes>> Pieces<Tower> for B {
    type Piece = Result<Frame<Bytes>, B::Error>;

    fn poll_piece(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Piece>> {
        self.poll_frame(cx)
    }

    fn kind(piece: &Self::Piece) -> Kind<'_> {
        match piece.as_ref().map(Frame::data_ref) {
            Ok(Some(data)) => Kind::Data(data),
            Ok(None) => Kind::Trailers,
            Err(_) => Kind::Broken,
        }
    }

    fn lower(&self) -> u64 {
        self.size_hint().lower()
    }

    fn exact(&self) -> Option<u64> {
        self.size_hint().exact()
    }
}

/// What becomes of a request, from its head.
pub(crate) fn admit<B>(engine: &Arc<Engine>, request: &Request<B>) -> Result<Admission, Error> {
    let (headers, extensions) = (request.headers(), request.extensions());
    // Another layer, further out, has it in hand.
    if extensions.get::<Idempotency>().is_some_and(Idempotency::has_key) {
        return Ok(Admission::Pass);
    }
    let number = |value: &HeaderValue| value.to_str().ok().and_then(|value| value.parse().ok());
    engine.admit(&Head {
        method: request.method().as_str(),
        target: request.uri().path_and_query().map_or("/", |target| target.as_str()),
        content_type: bytes(headers, header::CONTENT_TYPE),
        content_length: headers.get(header::CONTENT_LENGTH).and_then(number),
        keys: headers.get_all(&*engine.policy.header).iter().map(HeaderValue::as_bytes).collect(),
        scope: extensions.get::<Scope>(),
    })
}

/// Records a handler's response, if it is to be, and gives what is to be sent.
pub(crate) async fn finish<B: Body<Data = Bytes>>(
    gate: &Gate,
    handle: &Idempotency,
    response: Response<B>,
) -> Response<Buffered<B>> {
    let (status, word) = (response.status().as_u16(), response.extensions().get::<Keep>().copied());
    if !gate.keeps(handle, status, word).await {
        return response.map(Buffered::new);
    }
    let (parts, body) = response.into_parts();
    let cap = gate.engine.policy.response_cap;
    let (outcome, body) = match collect(body, bytes(&parts.headers, header::CONTENT_TYPE), cap)
        .await
    {
        Ok(bytes) => {
            let reply = Reply::new(status).with_body(bytes.clone());
            let named =
                |reply: Reply, (name, value): (&HeaderName, _)| reply.header(name.as_str(), value);
            (Outcome::of(parts.headers.iter().fold(reply, named), cap), Buffered::from(bytes))
        }
        Err(begun) => (Outcome::NotKept { status }, Buffered::begun(begun)),
    };
    match gate.record(handle, outcome).await {
        Some(reply) => instead(&reply),
        None => Response::from_parts(parts, body),
    }
}

/// A reply as a response.
pub(crate) fn response_of(reply: &Reply) -> Response<Bytes> {
    let mut response = Response::new(reply.body().clone());
    *response.status_mut() =
        StatusCode::from_u16(reply.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    if reply.is_replayed() {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// What is answered in place of the handler.
pub(crate) fn instead<B: Body<Data = Bytes>>(reply: &Reply) -> Response<Buffered<B>> {
    response_of(reply).map(Buffered::from)
}

fn bytes(headers: &HeaderMap, name: HeaderName) -> Option<&[u8]> {
    headers.get(name).map(HeaderValue::as_bytes)
}
