//! What is seen from outside and from the logs: what the domain makes of it, put around routes.

use std::panic::AssertUnwindSafe;

use actix_web::body::MessageBody;
use actix_web::dev::{ResponseHead, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError};
use futures_util::FutureExt;
use invoicing_domain::observe::{self, Seen};
use invoicing_domain::{App, Db};
use tracing::Instrument;

use crate::extract::State;

/// Gives every response an id of its own, never a replayed one, and measures it.
pub async fn request<D: Db, B: MessageBody>(
    State(app): State<App<D>>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let traceparent = request.headers().get("traceparent").map(HeaderValue::as_bytes);
    let seen = Seen::begin(request.method().as_str(), request.match_pattern(), traceparent);
    let mut answer = next.call(request).instrument(seen.span()).await;
    let status = match &answer {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    let Ok(id) = HeaderValue::try_from(seen.end(status.as_u16())) else { return answer };
    let ending = app.ending.is_cancelled();
    let finish = move |head: &mut ResponseHead| {
        head.headers_mut().insert(HeaderName::from_static("x-request-id"), id.clone());
        if ending {
            // Its next request goes to another process.
            head.set_connection_type(ConnectionType::Close);
        }
    };
    match &mut answer {
        Ok(response) => finish(response.response_mut().head_mut()),
        // What a middleware errs with becomes a response further out.
        Err(error) => error.add_response_mapper(move |mut response| {
            finish(response.head_mut());
            response
        }),
    }
    answer
}

/// The framework's own errors, a 405 for instance, in the form of all others.
pub async fn as_problem(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    let headers = response.headers();
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let Some(problem) = observe::as_problem(response.status().as_u16(), kind) else {
        return Ok(response);
    };
    let mut problem = problem.error_response();
    for name in observe::KEPT {
        if let Some(value) = headers.get(name) {
            problem.headers_mut().insert(HeaderName::from_static(name), value.clone());
        }
    }
    Ok(response.into_response(problem))
}

/// A panic outside of the work, where the domain catches it.
pub async fn panicked<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let answer = AssertUnwindSafe(async { next.call(request).await }).catch_unwind().await;
    answer.unwrap_or_else(|cause| Err(observe::panicked(&*cause).into()))
}
