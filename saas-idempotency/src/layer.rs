//! The tower shell around engine and gate.

use std::future::Future;
use std::mem;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::future::BoxFuture;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;
use tracing::Instrument;

use crate::Idempotency;
use crate::engine::{Admission, Pending};
use crate::gate::{self, Gate};
use crate::pieces;
use crate::service::{Buffered, admit, finish, instead};
use crate::settings::settings;

/// Executes a request with an `Idempotency-Key` once, whatever its client repeats.
///
/// It needs a [`Scope`](crate::Scope) in the request's extensions, from what authenticates. What it
/// covers runs in a task of its own on tokio: a client that disconnects does not stop it. Where
/// two layers are nested, the outer one covers a request with a key.
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

settings!(IdempotencyLayer);

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
    type Response = Response<Buffered<R>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The clone is not ready: swap, so that the service that was polled is the one called.
        let clone = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, clone);
        match admit(&self.gate.engine, &request) {
            Ok(Admission::Pass) => pass(ready.call(request)),
            Ok(Admission::Keyless(handle)) => {
                request.extensions_mut().insert(handle);
                pass(ready.call(request))
            }
            Ok(Admission::Keyed(pending)) => {
                Box::pin(keyed(self.gate.clone(), ready, pending, request))
            }
            Err(error) => {
                let refused = self.gate.refusal(&error);
                Box::pin(async move { Ok(instead(&refused)) })
            }
        }
    }
}

fn pass<R: Body<Data = Bytes>, E>(
    response: impl Future<Output = Result<Response<R>, E>> + Send + 'static,
) -> BoxFuture<'static, Result<Response<Buffered<R>>, E>> {
    Box::pin(async move { Ok(response.await?.map(Buffered::new)) })
}

async fn keyed<S, B, R>(
    gate: Gate,
    ready: S,
    pending: Pending,
    request: Request<B>,
) -> Result<Response<Buffered<R>>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>, Error: Send, Future: Send> + Send + 'static,
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    R: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    let (mut parts, body) = request.into_parts();
    let body = match pieces::read(body, &gate.engine).await {
        Ok(body) => body,
        Err(error) => return Ok(instead(&gate.refusal(&error))),
    };
    let handle = gate.engine.identify(pending, &body);
    parts.extensions.insert(handle.clone());
    let request = Request::from_parts(parts, B::from(body));
    // A client that disconnects drops this future; the work goes on elsewhere, unless it only waits.
    let _client = handle.client();
    let at_work = gate.in_flight.begin();
    let work = async move {
        let _at_work = at_work;
        run(gate, handle, ready, request).await
    };
    let work = tokio::spawn(work.in_current_span());
    gate::joined(work.await).unwrap_or_else(|reply| Ok(instead(&reply)))
}

async fn run<S, B, R>(
    gate: Gate,
    handle: Idempotency,
    mut ready: S,
    request: Request<B>,
) -> Result<Response<Buffered<R>>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    let _opened = match gate.open(&handle).await {
        Ok(opened) => opened,
        Err(reply) => return Ok(instead(&reply)),
    };
    match ready.call(request).await {
        Ok(response) => Ok(finish(&gate, &handle, response).await),
        Err(error) => {
            gate.release(&handle).await;
            Err(error)
        }
    }
}
