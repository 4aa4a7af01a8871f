//! What is seen from outside and from the logs: what the domain makes of it, put around routes.

use std::any::Any;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use invoicing_domain::observe::{self, Seen};
use invoicing_domain::{App, Db};
use tracing::Instrument;

/// Gives every response an id of its own, never a replayed one, and measures it.
pub async fn request<D: Db>(State(app): State<App<D>>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let traceparent = request.headers().get("traceparent").map(HeaderValue::as_bytes);
    let seen = Seen::begin(request.method().as_str(), path, traceparent);
    let mut response = next.run(request).instrument(seen.span()).await;
    if let Ok(id) = HeaderValue::try_from(seen.end(response.status().as_u16())) {
        response.headers_mut().insert("x-request-id", id);
    }
    if app.ending.is_cancelled() {
        // Its next request goes to another process.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The framework's own errors, a 405 for instance, in the form of all others.
pub async fn as_problem(response: Response) -> Response {
    let headers = response.headers();
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let Some(problem) = observe::as_problem(response.status().as_u16(), kind) else {
        return response;
    };
    let mut problem = problem.into_response();
    for name in observe::KEPT {
        if let Some(value) = headers.get(name) {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}

/// A panic outside of the work, where the domain catches it.
pub fn panicked(cause: Box<dyn Any + Send>) -> Response {
    observe::panicked(&*cause).into_response()
}
