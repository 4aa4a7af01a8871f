//! Bodies of http-body, whole and in frames: what a response says of its size, its end and its
//! trailers.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody};
use saas_idempotency::{Buffered, IdempotencyLayer, MemoryStore, Policy};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::post;

/// A handler that answers with this body.
async fn answered<B>(body: impl Fn() -> B + Clone + Send + 'static) -> [Response<Buffered<B>>; 2]
where
    B: http_body::Body<Data = Bytes, Error: Send> + Send + 'static,
{
    let layer = IdempotencyLayer::new(MemoryStore::new());
    let service = layer.policy(Policy::default().response_cap(10)).layer(service_fn(
        move |_: Request<Body>| std::future::ready(Ok::<_, Infallible>(Response::new(body()))),
    ));
    let call = post("/", "");
    let first = service.clone().oneshot(call.request()).await.unwrap();
    [first, service.oneshot(call.request()).await.unwrap()]
}

fn frames<const N: usize>(
    frames: [Frame<Bytes>; N],
) -> StreamBody<impl futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>>> {
    StreamBody::new(stream::iter(frames.map(Ok)))
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn a_kept_body_knows_its_size_and_its_end() {
    let [first, again] = answered(|| frames([data("one"), data("two")])).await;
    for response in [first, again] {
        let mut body = response.into_body();
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(6), false));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "onetwo");
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
        assert!(body.frame().await.is_none());
    }
}

#[tokio::test]
async fn an_empty_body_has_ended() {
    let [first, again] = answered(|| frames([])).await;
    for response in [first, again] {
        assert!(response.body().is_end_stream());
    }
}

#[tokio::test]
async fn a_body_over_the_cap_promises_no_more_than_it_has() {
    let [first, again] =
        answered(|| frames([data("eleven chars"), data("and"), data("more")])).await;
    let mut body = first.into_body();
    assert_eq!((body.size_hint().lower(), body.size_hint().upper()), (12, None));
    assert!(!body.is_end_stream());
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        whole.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    assert_eq!(whole, b"eleven charsandmore");
    assert!(body.is_end_stream());
    assert_eq!(again.status(), 409);
}

/// A body whose length is known and whose pieces are not.
struct Sized {
    left: usize,
}

impl http_body::Body for Sized {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(data("x"))))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.left as u64)
    }
}

#[tokio::test]
async fn a_body_that_is_known_to_be_over_the_cap_is_not_touched() {
    let [first, again] = answered(|| Sized { left: 11 }).await;
    assert_eq!(first.body().size_hint().exact(), Some(11), "so it has a Content-Length");
    assert_eq!(first.into_body().collect().await.unwrap().to_bytes().len(), 11);
    assert_eq!(again.status(), 409);
    let [_, again] = answered(|| Sized { left: 10 }).await;
    assert_eq!(again.headers()["idempotency-replayed"], "true");
}

#[tokio::test]
async fn a_body_with_trailers_reaches_the_first_caller_whole_and_is_not_kept() {
    let trailers = || {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        Frame::trailers(trailers)
    };
    let [first, again] = answered(move || frames([data("one"), trailers()])).await;
    let collected = first.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(collected.to_bytes(), "one");
    // Without them a reply would say less than the first did.
    assert_eq!(again.status(), 409);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stays_away_is_given_up_after_two_seconds() {
    let began = tokio::time::Instant::now();
    let [first, again] =
        answered(|| StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>())).await;
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    assert_eq!((first.status().as_u16(), again.status().as_u16()), (200, 409));
}
