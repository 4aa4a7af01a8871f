//! What is seen from outside and from the logs: request ids, metrics, and problems in one form.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use saas_core::Problem;
use tracing::Instrument;
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

use crate::start::Error;

/// Logs go to standard error, as `RUST_LOG` says.
pub fn log_to_stderr() -> Result<(), Error> {
    let wanted = std::env::var("RUST_LOG").unwrap_or_else(|_| "info,sqlx=warn".to_owned());
    let filter = EnvFilter::try_new(&wanted).map_err(|error| format!("RUST_LOG: {error}"))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}

/// Collects the metrics of this process.
pub fn recorder() -> Result<PrometheusHandle, Error> {
    let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let recorder = PrometheusBuilder::new().set_buckets(&buckets)?.install_recorder()?;
    let upkeep = recorder.clone();
    // Samples are folded into their buckets now and then, also where nobody scrapes.
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    Ok(recorder)
}

/// Gives every response an id of its own, never a replayed one, and measures it.
pub async fn request(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = Uuid::now_v7().to_string();
    let method = known(request.method());
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    // An unknown path is the stranger's word and would be a label without bound.
    let path = path.unwrap_or_else(|| "unknown".to_owned());
    let span = tracing::info_span!("request", %id, %method, %path);
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status(), begun.elapsed());
    span.in_scope(|| tracing::info!(status = status.as_u16(), ?took, "answered"));
    let labels =
        [("method", method.to_owned()), ("path", path), ("status", status.as_str().to_owned())];
    metrics::histogram!("http_request_duration_seconds", &labels).record(took);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// A method of its own is the stranger's word too.
fn known(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// The framework's own errors, a 405 for instance, in the form of all others.
pub async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let said = kind.is_some_and(|kind| kind == Problem::CONTENT_TYPE || kind == "application/json");
    if !(status.is_client_error() || status.is_server_error()) || said {
        return response;
    }
    let mut problem = Problem::new(status.as_u16()).into_response();
    for name in [header::ALLOW, header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = response.headers().get(&name) {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}

/// A handler that panicked is a bug: told to the operator, not to the client.
pub fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let said = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied());
    tracing::error!(cause = said.unwrap_or("unknown"), "a handler panicked");
    Problem::new(500).into_response()
}
