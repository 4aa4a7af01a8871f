//! The actix-web shell around engine and gate.

mod answers;
mod bodies;

use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{Error as Failure, HttpMessage, rt};
use futures_core::future::LocalBoxFuture;
use tracing::Instrument;

use crate::engine::{Admission, Engine, Head, Pending};
use crate::gate::{self, Gate};
use crate::settings::settings;
use crate::{Error, Idempotency, Reply, Scope, pieces};

use self::answers::{finish, response_of};

/// Executes a request with an `Idempotency-Key` once, whatever its client repeats.
///
/// It needs a [`Scope`](crate::Scope) in the request's extensions, from what authenticates; in
/// actix-web that is the middleware wrapped later. What it covers runs in a task of its own on the
/// worker: a client that disconnects does not stop it. Where two are nested, the outer one covers a
/// request with a key.
///
/// Work on one's own database belongs into atomic mode, where nothing can come between the
/// business rows and the record; see [`atomic`](Self::atomic). In the default, standalone mode the
/// middleware claims the key before the handler and records the response after it: a crash in
/// between repeats the handler.
///
/// Make it once, outside the factory that runs for every worker:
///
/// ```
/// use actix_web::{App, HttpMessage, HttpServer, dev::Service, web};
/// use saas_idempotency::{Idempotency, IdempotencyMiddleware, Scope, Store};
///
/// async fn pay(idempotency: Idempotency) -> String {
///     idempotency.derive("charge")
/// }
///
/// # fn serve(store: impl Store + 'static) {
/// let once = IdempotencyMiddleware::new(store);
/// let server = HttpServer::new(move || {
///     App::new().route("/pay", web::post().to(pay)).wrap(once.clone()).wrap_fn(|request, next| {
///         request.extensions_mut().insert(Scope::user("ann")); // what authenticates puts it there
///         next.call(request)
///     })
/// });
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct IdempotencyMiddleware {
    gate: Gate,
}

/// A service behind an [`IdempotencyMiddleware`].
#[derive(Debug)]
pub struct IdempotencyMiddlewareService<S> {
    inner: Rc<S>,
    gate: Gate,
}

settings!(IdempotencyMiddleware);

impl<S, B> Transform<S, ServiceRequest> for IdempotencyMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Failure> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Failure;
    type Transform = IdempotencyMiddlewareService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        let (inner, gate) = (Rc::new(inner), self.gate.clone());
        ready(Ok(IdempotencyMiddlewareService { inner, gate }))
    }
}

impl<S, B> Service<ServiceRequest> for IdempotencyMiddlewareService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Failure> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Failure>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        match admit(&self.gate.engine, &request) {
            Ok(Admission::Pass) => pass(self.inner.call(request)),
            Ok(Admission::Keyless(handle)) => {
                request.extensions_mut().insert(handle);
                pass(self.inner.call(request))
            }
            Ok(Admission::Keyed(pending)) => {
                Box::pin(keyed(self.gate.clone(), self.inner.clone(), pending, request))
            }
            Err(error) => Box::pin(ready(Ok(instead(request, &self.gate.refusal(&error))))),
        }
    }
}

/// What becomes of a request, from its head.
fn admit(engine: &Arc<Engine>, request: &ServiceRequest) -> Result<Admission, Error> {
    let (headers, extensions) = (request.headers(), request.extensions());
    // Another middleware, further out, has it in hand.
    if extensions.get::<Idempotency>().is_some_and(Idempotency::has_key) {
        return Ok(Admission::Pass);
    }
    let bytes = |name: HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    let number = |value: &HeaderValue| value.to_str().ok().and_then(|value| value.parse().ok());
    engine.admit(&Head {
        method: request.method().as_str(),
        target: request.uri().path_and_query().map_or("/", |target| target.as_str()),
        content_type: bytes(header::CONTENT_TYPE),
        content_length: headers.get(header::CONTENT_LENGTH).and_then(number),
        keys: headers.get_all(&*engine.policy.header).map(HeaderValue::as_bytes).collect(),
        scope: extensions.get::<Scope>(),
    })
}

fn pass<B: 'static>(
    response: impl Future<Output = Result<ServiceResponse<B>, Failure>> + 'static,
) -> LocalBoxFuture<'static, Result<ServiceResponse<EitherBody<B>>, Failure>> {
    Box::pin(async move { Ok(response.await?.map_into_left_body()) })
}

async fn keyed<S, B>(
    gate: Gate,
    inner: Rc<S>,
    pending: Pending,
    mut request: ServiceRequest,
) -> Result<ServiceResponse<EitherBody<B>>, Failure>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Failure> + 'static,
    B: MessageBody + 'static,
{
    let body = match pieces::read(request.take_payload(), &gate.engine).await {
        Ok(body) => body,
        Err(error) => return Ok(instead(request, &gate.refusal(&error))),
    };
    let handle = gate.engine.identify(pending, &body);
    request.extensions_mut().insert(handle.clone());
    request.set_payload(Payload::from(body));
    // A client that disconnects drops this future; the work goes on elsewhere, unless it only waits.
    let _client = handle.client();
    let at_work = gate.in_flight.begin();
    let work = async move {
        let _at_work = at_work;
        run(gate, handle, inner, request).await
    };
    let work = rt::spawn(work.in_current_span());
    gate::joined(work.await).unwrap_or_else(|reply| Err(failure("cancelled", &reply)))
}

async fn run<S, B>(
    gate: Gate,
    handle: Idempotency,
    inner: Rc<S>,
    request: ServiceRequest,
) -> Result<ServiceResponse<EitherBody<B>>, Failure>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Failure>,
    B: MessageBody + 'static,
{
    let _opened = match gate.open(&handle).await {
        Ok(opened) => opened,
        Err(reply) => return Ok(instead(request, &reply)),
    };
    match inner.call(request).await {
        Ok(response) => {
            let (request, response) = response.into_parts();
            Ok(ServiceResponse::new(request, finish(&gate, &handle, response).await))
        }
        // What another middleware errs with is an answer like any other.
        Err(error) => {
            let answer = finish(&gate, &handle, error.error_response()).await;
            Err(InternalError::from_response(error, answer.map_into_boxed_body()).into())
        }
    }
}

/// What is answered in place of the handler.
fn instead<B>(request: ServiceRequest, reply: &Reply) -> ServiceResponse<EitherBody<B>> {
    request.into_response(response_of(reply)).map_into_right_body()
}

fn failure(cause: &'static str, reply: &Reply) -> Failure {
    InternalError::from_response(cause, response_of(reply)).into()
}
