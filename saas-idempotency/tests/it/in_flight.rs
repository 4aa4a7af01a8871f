//! Work that outlives its client, and work that does not let go of its thread.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use saas_idempotency::{IdempotencyLayer, MemoryStore, Policy, Scope};
use tokio::sync::Semaphore;
use tower::{Layer, ServiceExt, service_fn};

type Body = UnsyncBoxBody<Bytes, Infallible>;

fn request(key: &str) -> Request<Full<Bytes>> {
    let mut request =
        Request::post("/pay").header("idempotency-key", key).body(Full::default()).unwrap();
    request.extensions_mut().insert(Scope::user("ann"));
    request
}

fn done() -> Response<Body> {
    Response::new(Full::from("done").boxed_unsync())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_its_thread_at_once_keeps_its_lease() {
    let runs = Arc::new(AtomicUsize::new(0));
    let policy = Policy::default().lease(Duration::from_millis(600));
    let layer = IdempotencyLayer::new(MemoryStore::new()).policy(policy);
    let counted = Arc::clone(&runs);
    let service = layer.layer(service_fn(move |_: Request<Full<Bytes>>| {
        counted.fetch_add(1, Ordering::SeqCst);
        async {
            std::thread::sleep(Duration::from_secs(2));
            Ok::<_, Infallible>(done())
        }
    }));
    let first = tokio::spawn(service.clone().oneshot(request("k")));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let second = service.oneshot(request("k")).await.unwrap();
    assert_eq!(second.status(), 409);
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn work_whose_client_has_left_is_waited_for_at_the_end() {
    let (begun, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let layer = IdempotencyLayer::new(MemoryStore::new());
    layer.finished().await;
    let (began, goes_on) = (Arc::clone(&begun), Arc::clone(&gate));
    let service = layer.layer(service_fn(move |_: Request<Full<Bytes>>| {
        let (began, goes_on) = (Arc::clone(&began), Arc::clone(&goes_on));
        async move {
            began.add_permits(1);
            goes_on.acquire().await.unwrap().forget();
            Ok::<_, Infallible>(done())
        }
    }));
    let client = tokio::spawn(service.clone().oneshot(request("k")));
    begun.acquire().await.unwrap().forget();
    client.abort();
    let mut finished = tokio::spawn(layer.finished());
    let early = tokio::time::timeout(Duration::from_millis(50), &mut finished).await;
    assert!(early.is_err(), "the work goes on");
    gate.add_permits(1);
    finished.await.unwrap();
    let again = service.oneshot(request("k")).await.unwrap();
    assert_eq!(again.headers()["idempotency-replayed"], "true");
}

/// Says that it has a hundred bytes, and has three.
struct Short(Full<Bytes>);

impl http_body::Body for Short {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(100)
    }
}

#[tokio::test]
async fn a_body_that_ends_before_it_should_is_not_kept() {
    let service = IdempotencyLayer::new(MemoryStore::new()).layer(service_fn(
        async |_: Request<Full<Bytes>>| Ok::<_, Infallible>(Response::new(Short("abc".into()))),
    ));
    let first = service.clone().oneshot(request("k")).await.unwrap();
    assert_eq!(first.status(), 200);
    let again = service.oneshot(request("k")).await.unwrap();
    assert_eq!(again.status(), 409, "executed, and not kept");
}

#[tokio::test]
async fn a_body_of_endless_nothing_costs_neither_memory_nor_the_thread() {
    let service = IdempotencyLayer::new(MemoryStore::new()).layer(service_fn(
        async |_: Request<Full<Bytes>>| {
            let nothing = stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::new())));
            Ok::<_, Infallible>(Response::new(StreamBody::new(nothing).boxed_unsync()))
        },
    ));
    // The answer goes out once patience is over.
    let first = service.clone().oneshot(request("k")).await.unwrap();
    assert_eq!(first.status(), 200);
    drop(first);
    let again = service.oneshot(request("k")).await.unwrap();
    assert_eq!(again.status(), 409, "executed, and not kept");
}
