//! HTTP types from and into plain values, and the body of what the layer answers.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header, response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use pin_project_lite::pin_project;
use saas_core::Problem;

use crate::engine::{Engine, Head};
use crate::reply::REPLAYED;
use crate::store::Outcome;
use crate::{Error, Reply, Scope};

/// A response whose body is not complete after this long is a stream, and its caller is not kept
/// waiting.
const PATIENCE: Duration = Duration::from_secs(2);

pin_project! {
    /// The body of a response that passed an [`IdempotencyLayer`](crate::IdempotencyLayer): a stored
    /// one, or the handler's own.
    #[project = Projected]
    pub struct ReplyBody<B: Body> {
        #[pin]
        part: Part<B>,
    }
}

pin_project! {
    #[project = ProjectedPart]
    enum Part<B: Body> {
        Stored { bytes: Bytes },
        Passed { #[pin] body: B },
        // What was read before the body proved too large to keep, and where it goes on.
        Resumed { read: VecDeque<Result<Frame<Bytes>, B::Error>>, rest: Option<Pin<Box<B>>> },
    }
}

impl<B: Body> ReplyBody<B> {
    pub(crate) fn stored(bytes: Bytes) -> Self {
        Self { part: Part::Stored { bytes } }
    }

    pub(crate) fn passed(body: B) -> Self {
        Self { part: Part::Passed { body } }
    }
}

impl<B: Body> std::fmt::Debug for ReplyBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplyBody").finish_non_exhaustive()
    }
}

impl<B: Body<Data = Bytes>> Body for ReplyBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().part.project() {
            ProjectedPart::Stored { bytes } if bytes.is_empty() => Poll::Ready(None),
            ProjectedPart::Stored { bytes } => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))))
            }
            ProjectedPart::Passed { body } => body.poll_frame(cx),
            ProjectedPart::Resumed { read, rest } => {
                if let Some(frame) = read.pop_front() {
                    return Poll::Ready(Some(frame));
                }
                let Some(body) = rest else { return Poll::Ready(None) };
                let frame = ready!(body.as_mut().poll_frame(cx));
                if frame.is_none() {
                    *rest = None;
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.part {
            Part::Stored { bytes } => bytes.is_empty(),
            Part::Passed { body } => body.is_end_stream(),
            Part::Resumed { read, rest } => {
                read.is_empty() && rest.as_ref().is_none_or(Body::is_end_stream)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.part {
            Part::Stored { bytes } => SizeHint::with_exact(bytes.len() as u64),
            Part::Passed { body } => body.size_hint(),
            Part::Resumed { read, rest: Some(body) } if read.is_empty() => body.size_hint(),
            Part::Resumed { .. } => SizeHint::default(),
        }
    }
}

/// What the engine is told of a request.
pub(crate) fn head<'a, B>(request: &'a Request<B>, key: &str) -> Head<'a> {
    let headers = request.headers();
    let number = |value: &HeaderValue| value.to_str().ok().and_then(|value| value.parse().ok());
    Head {
        method: request.method().as_str(),
        target: request.uri().path_and_query().map_or("/", |target| target.as_str()),
        content_type: headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes),
        content_length: headers.get(header::CONTENT_LENGTH).and_then(number),
        keys: headers.get_all(key).iter().map(HeaderValue::as_bytes).collect(),
        scope: request.extensions().get::<Scope>(),
    }
}

/// A request's body, up to the cap.
pub(crate) async fn read<B: Body<Data = Bytes>>(body: B, engine: &Engine) -> Result<Bytes, Error> {
    engine.fits(body.size_hint().lower())?;
    let mut body = std::pin::pin!(body);
    let mut whole = Whole::default();
    while let Some(frame) = body.as_mut().frame().await {
        // Trailers are no part of what is asked.
        if let Ok(data) = frame.map_err(|_| Error::BrokenBody)?.into_data() {
            engine.fits((whole.length() + data.len()) as u64)?;
            whole.push(data);
        }
    }
    Ok(whole.into_bytes())
}

/// What is to be recorded of a response, and what is left of its body to be sent.
pub(crate) async fn outcome<B: Body<Data = Bytes>>(
    parts: &response::Parts,
    body: B,
    cap: usize,
) -> (Outcome, ReplyBody<B>) {
    match collect(parts, body, cap).await {
        Ok(bytes) => (Outcome::of(reply_of(parts, bytes.clone()), cap), ReplyBody::stored(bytes)),
        Err(body) => (Outcome::NotKept { status: parts.status.as_u16() }, body),
    }
}

/// Reads a response's body, up to the cap and the end of patience; or gives it back unharmed.
async fn collect<B: Body<Data = Bytes>>(
    parts: &response::Parts,
    body: B,
    cap: usize,
) -> Result<Bytes, ReplyBody<B>> {
    let media_type = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_stream = media_type.is_some_and(|value| value.starts_with(b"text/event-stream"));
    if is_stream || body.size_hint().lower() > cap as u64 {
        return Err(ReplyBody::passed(body));
    }
    let mut rest = Box::pin(body);
    let mut read = VecDeque::new();
    let mut length = 0;
    let deadline = tokio::time::sleep(PATIENCE);
    tokio::pin!(deadline);
    loop {
        let frame = tokio::select! {
            biased;
            frame = rest.frame() => frame,
            () = &mut deadline => break,
        };
        let Some(frame) = frame else { return Ok(join(read)) };
        let data = frame.as_ref().ok().and_then(Frame::data_ref).map(Bytes::len);
        read.push_back(frame);
        length += data.unwrap_or(0);
        // Trailers and errors cannot be stored either.
        if data.is_none() || length > cap {
            break;
        }
    }
    Err(ReplyBody { part: Part::Resumed { read, rest: Some(rest) } })
}

fn join<E>(frames: impl IntoIterator<Item = Result<Frame<Bytes>, E>>) -> Bytes {
    let mut whole = Whole::default();
    for data in frames.into_iter().filter_map(Result::ok).filter_map(|frame| frame.into_data().ok())
    {
        whole.push(data);
    }
    whole.into_bytes()
}

/// Pieces put together; a single one is not copied.
#[derive(Default)]
struct Whole {
    first: Bytes,
    more: BytesMut,
}

impl Whole {
    fn length(&self) -> usize {
        self.first.len() + self.more.len()
    }

    fn push(&mut self, data: Bytes) {
        if self.length() == 0 {
            self.first = data;
        } else {
            self.more.extend_from_slice(&std::mem::take(&mut self.first));
            self.more.extend_from_slice(&data);
        }
    }

    fn into_bytes(self) -> Bytes {
        if self.more.is_empty() { self.first } else { self.more.freeze() }
    }
}

/// A response in plain values.
fn reply_of(parts: &response::Parts, body: Bytes) -> Reply {
    let reply = Reply::new(parts.status.as_u16()).with_body(body);
    parts.headers.iter().fold(reply, |reply, (name, value)| reply.header(name.as_str(), value))
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

/// An error as a response, the operator told.
pub(crate) fn refusal<B: Body>(error: Error) -> Response<ReplyBody<B>> {
    error.log();
    response_of(&Problem::from(error).into()).map(ReplyBody::stored)
}

/// What the gate answers in place of the handler.
pub(crate) fn instead<B: Body>(
    verdict: Result<Option<Reply>, Error>,
) -> Option<Response<ReplyBody<B>>> {
    match verdict {
        Ok(reply) => Some(response_of(&reply?).map(ReplyBody::stored)),
        Err(error) => Some(refusal(error)),
    }
}
