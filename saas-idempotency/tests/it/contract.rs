//! tower's contract.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::routing::post as on_post;
use futures_util::future::join_all;
use http::{Request, Response};
use saas_idempotency::{Idempotency, IdempotencyLayer, MemoryStore, Policy};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::support::{Answer, Call, post};

fn layer() -> IdempotencyLayer {
    IdempotencyLayer::new(MemoryStore::new())
}

/// A service that insists on tower's contract, and is not ready at once.
struct Strict {
    polls: usize,
}

impl Strict {
    const NEW: Self = Self { polls: 0 };
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self::NEW
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.polls += 1;
        if self.polls < 3 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(std::mem::take(&mut self.polls) >= 3, "called without being ready");
        std::future::ready(Ok(Response::new(Body::empty())))
    }
}

#[tokio::test]
async fn the_service_that_was_polled_ready_is_the_one_called() {
    let mut service = layer().layer(Strict::NEW);
    let keyless = Call { key: None, ..post("/", "") };
    for call in [Call { method: "GET", ..keyless }, post("/", ""), post("/", "")] {
        let response = service.ready().await.unwrap().call(call.request()).await.unwrap();
        assert_eq!(response.status(), 200);
    }
}

#[tokio::test]
async fn a_clone_is_not_called_before_it_is_ready() {
    let service = layer().layer(Strict::NEW);
    let call = post("/", "");
    let answers = join_all((0..20).map(|_| service.clone().oneshot(call.request()))).await;
    assert!(
        answers
            .iter()
            .all(|answer| [200, 409].contains(&answer.as_ref().unwrap().status().as_u16()))
    );
}

#[tokio::test]
async fn it_works_under_buffer_and_concurrency_limit() {
    let service = ServiceBuilder::new()
        .buffer(8)
        .concurrency_limit(2)
        .layer(layer())
        .concurrency_limit(2)
        .service(Strict::NEW);
    let answers = join_all((0..40).map(|_| {
        let (service, call) = (service.clone(), post("/", ""));
        async move { service.oneshot(call.request()).await.unwrap().status() }
    }))
    .await;
    assert!(answers.iter().all(|status| *status == 200));
}

/// One that never gets ready.
#[derive(Clone)]
struct Broken;

impl Service<Request<Body>> for Broken {
    type Response = Response<Body>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<Body>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Err("not today"))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::ready(Err("called all the same"))
    }
}

#[tokio::test]
async fn errors_of_readiness_pass() {
    assert_eq!(layer().layer(Broken).ready().await.err(), Some("not today"));
}

#[tokio::test]
async fn an_error_of_the_service_passes_and_releases_the_key() {
    let service =
        layer().layer(service_fn(async |_: Request<Body>| Err::<Response<Body>, _>("failed")));
    let call = post("/", "");
    for _ in 0..2 {
        assert_eq!(service.clone().oneshot(call.request()).await.err(), Some("failed"));
    }
}

#[tokio::test]
async fn nested_routers_need_a_key_where_their_layer_says_so() {
    let optional = layer().policy(Policy::default().optional().mount("/lax"));
    let handler = || on_post(async |handle: Idempotency| handle.has_key().to_string());
    let lax = Router::new().route("/x", handler()).route_layer(optional);
    let strict = Router::new()
        .route("/x", handler())
        .route_layer(layer().policy(Policy::default().mount("/strict")));
    let free = Router::new().route("/x", on_post(async || "free"));
    let router = Router::new()
        .nest("/lax", lax)
        .nest("/strict", strict)
        .nest("/deep", Router::new().nest("/er", free));
    for (path, keyed, keyless) in [
        ("/lax/x", (200, "true"), (200, "false")),
        ("/strict/x", (200, "true"), (400, "")),
        ("/deep/er/x", (200, "free"), (200, "free")),
        ("/lax/missing", (404, ""), (404, "")),
    ] {
        let call = post(path, "");
        for (call, (status, body)) in [(Call { key: None, ..call.clone() }, keyless), (call, keyed)]
        {
            let answer = Answer::of(router.clone().oneshot(call.request()).await.unwrap()).await;
            assert_eq!(answer.status, status, "{path}");
            assert!(answer.body.starts_with(body) || status == 400, "{path}: {answer:?}");
        }
    }
}
