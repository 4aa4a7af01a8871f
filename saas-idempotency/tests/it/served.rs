//! A handler behind the tower layer that counts its runs.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use http::{Request, Response};
use saas_idempotency::{IdempotencyLayer, Policy, Store};
use tokio::sync::Semaphore;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{Answer, Call};

/// It answers 201 with the body it was sent, where that does not tell it otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub(crate) store: Arc<dyn Store>,
    runs: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Served {
    pub(crate) fn new(store: impl Store + 'static) -> Self {
        Self { store: Arc::new(store), runs: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    pub(crate) async fn call(&self, policy: &Policy, call: &Call) -> Answer {
        let served = self.clone();
        let handler = service_fn(move |request| answer(served.clone(), request));
        let layer = IdempotencyLayer::new(self.store.clone()).policy(policy.clone());
        Answer::of(layer.layer(handler).oneshot(call.request()).await.unwrap()).await
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// Waits until the handler was run so often.
    pub(crate) async fn ran(&self, count: usize) {
        while self.runs() < count {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Lets `count` of those that wait in the handler go on.
    pub(crate) fn let_end(&self, count: usize) {
        self.gate.add_permits(count);
    }
}

async fn answer(served: Served, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let run = served.runs.fetch_add(1, Ordering::SeqCst) + 1;
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let asked = str::from_utf8(&body).unwrap();
    if asked.starts_with("wait") {
        served.gate.acquire().await.unwrap().forget();
    }
    let status = match asked {
        "fail" => 500,
        "wait, and fail at first" if run == 1 => 500,
        "large" => return Ok(Response::new(Body::from("x".repeat(2 << 20)))),
        _ => 201,
    };
    let response = Response::builder().status(status).header("location", "/places/4711");
    Ok(response.body(Body::from(body)).unwrap())
}
