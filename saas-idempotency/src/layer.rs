//! The tower shell around engine and gate.

use std::future::Future;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::future::BoxFuture;
use http::{Request, Response};
use http_body::Body;
use saas_core::{Clock, SystemClock};
use tower_layer::Layer;
use tower_service::Service;
use tracing::Instrument;

use crate::engine::{Admission, Engine, Mode, Pending};
use crate::gate::Gate;
use crate::heartbeat::Heartbeat;
use crate::service::{ReplyBody, head, instead, outcome, read, refusal};
use crate::store::Store;
use crate::{Error, Idempotency, Keep, Policy};

/// Executes a request with an `Idempotency-Key` once, whatever its client repeats.
///
/// It needs a [`Scope`](crate::Scope) in the request's extensions, from what authenticates. What it
/// covers runs in a task of its own on tokio: a client that disconnects does not stop it.
///
/// Work on one's own database belongs into atomic mode, where nothing can come between the
/// business rows and the record; see [`atomic`](Self::atomic). In the default, standalone mode the
/// layer claims the key before the handler and records the response after it: a crash in between
/// repeats the handler.
#[derive(Debug, Clone)]
pub struct IdempotencyLayer {
    gate: Gate,
}

/// A service behind an [`IdempotencyLayer`].
#[derive(Debug, Clone)]
pub struct IdempotencyService<S> {
    inner: S,
    gate: Gate,
}

impl IdempotencyLayer {
    /// Records in `store`.
    pub fn new(store: impl Store + 'static) -> Self {
        let engine = Engine {
            policy: Policy::default(),
            mode: Mode::Standalone,
            clock: Arc::new(SystemClock),
            #[cfg(feature = "sqlx")]
            statements: Default::default(),
        };
        Self { gate: Gate { engine: Arc::new(engine), store: Arc::new(store) } }
    }

    /// Sets what is covered and kept.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        Arc::make_mut(&mut self.gate.engine).policy = policy;
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        Arc::make_mut(&mut self.gate.engine).clock = Arc::new(clock);
        self
    }

    /// Leaves the claim to the handler, which takes the [`Idempotency`] handle from the request and
    /// makes it in its own transaction. The layer records what such a handler answers without a
    /// transaction, a final 404 say.
    #[must_use]
    pub fn atomic(mut self) -> Self {
        Arc::make_mut(&mut self.gate.engine).mode = Mode::Atomic;
        self
    }

    /// How statements in the handler's transaction are prepared; the store has its own setting.
    #[cfg(feature = "sqlx")]
    #[must_use]
    pub fn statements(mut self, statements: saas_core::sql::Statements) -> Self {
        Arc::make_mut(&mut self.gate.engine).statements = statements;
        self
    }
}

impl<S> Layer<S> for IdempotencyLayer {
    type Service = IdempotencyService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        IdempotencyService { inner, gate: self.gate.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for IdempotencyService<S>
where
    S: Service<Request<B>, Response = Response<R>, Error: Send, Future: Send>
        + Clone
        + Send
        + 'static,
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    R: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    type Response = Response<ReplyBody<R>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The clone is not ready: swap, so that the service that was polled is the one called.
        let clone = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, clone);
        match self.gate.engine.admit(&head(&request, &self.gate.engine.policy.header)) {
            Ok(Admission::Pass) => pass(ready.call(request)),
            Ok(Admission::Keyless(handle)) => {
                request.extensions_mut().insert(handle);
                pass(ready.call(request))
            }
            Ok(Admission::Keyed(pending)) => {
                Box::pin(keyed(self.gate.clone(), ready, pending, request))
            }
            Err(error) => Box::pin(async move { Ok(refusal(error)) }),
        }
    }
}

fn pass<R: Body, E>(
    response: impl Future<Output = Result<Response<R>, E>> + Send + 'static,
) -> BoxFuture<'static, Result<Response<ReplyBody<R>>, E>> {
    Box::pin(async move { Ok(response.await?.map(ReplyBody::passed)) })
}

async fn keyed<S, B, R>(
    gate: Gate,
    ready: S,
    pending: Pending,
    request: Request<B>,
) -> Result<Response<ReplyBody<R>>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>, Error: Send, Future: Send> + Send + 'static,
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    R: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    let (mut parts, body) = request.into_parts();
    let body = match read(body, &gate.engine).await {
        Ok(body) => body,
        Err(error) => return Ok(refusal(error)),
    };
    let handle = gate.engine.identify(pending, &body);
    parts.extensions.insert(handle.clone());
    let request = Request::from_parts(parts, B::from(body));
    // A client that disconnects drops this future; the work goes on elsewhere.
    match tokio::spawn(run(gate, handle, ready, request).in_current_span()).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            // Its lease stays until it lapses: what was done before is unknown.
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_shutting_down) => Ok(refusal(Error::Contended)),
        },
    }
}

async fn run<S, B, R>(
    gate: Gate,
    handle: Idempotency,
    mut ready: S,
    request: Request<B>,
) -> Result<Response<ReplyBody<R>>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    if let Some(response) = instead(gate.open(&handle).await) {
        return Ok(response);
    }
    let heartbeat = Heartbeat::start(&gate, &handle);
    let response = match ready.call(request).await {
        Ok(response) => response,
        Err(error) => {
            gate.release(&handle).await;
            return Err(error);
        }
    };
    let word = response.extensions().get::<Keep>().copied();
    if !gate.engine.records(&handle, response.status().as_u16(), word) {
        gate.release(&handle).await;
        return Ok(response.map(ReplyBody::passed));
    }
    let (parts, body) = response.into_parts();
    let (outcome, body) = outcome(&parts, body, gate.engine.policy.response_cap).await;
    let verdict = gate.record(&handle, &outcome).await;
    drop(heartbeat);
    Ok(instead(verdict).unwrap_or_else(|| Response::from_parts(parts, body)))
}
