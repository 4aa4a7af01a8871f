//! What is seen from outside and from the logs: request ids, metrics, and problems in one form.

use std::any::Any;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use saas_core::Problem;
use saas_idempotency::Reply;
use sqlx::Pool;
use tracing::Span;
use tracing::field::Empty;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};
use uuid::Uuid;

use crate::config::variable;
use crate::trace::{self, Traces};
use crate::{Db, Error};

/// Logs go to standard error, what `RUST_LOG` says and in the form that `LOG_FORMAT` says.
pub fn log_to_stderr(traces: &Traces) -> Result<(), Error> {
    let wanted = variable("RUST_LOG").unwrap_or_else(|| "info,sqlx=warn".into());
    let filter = EnvFilter::try_new(&wanted).map_err(|error| format!("RUST_LOG: {error}"))?;
    let logs = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let logs = match variable("LOG_FORMAT").as_deref() {
        None | Some("text") => logs.boxed(),
        Some("json") => logs.json().flatten_event(true).with_span_list(false).boxed(),
        Some(other) => return Err(format!("LOG_FORMAT: `{other}` is neither text nor json").into()),
    };
    tracing_subscriber::registry().with(logs.with_filter(filter)).with(traces.layer()).init();
    Ok(())
}

/// The metrics of this process.
#[derive(Debug, Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Begins to collect, and to look how many connections of the pool are in use.
    pub fn collect<D: Db>(pool: &Pool<D>) -> Result<Self, Error> {
        let buckets =
            [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        let recorder = PrometheusBuilder::new().set_buckets(&buckets)?.install_recorder()?;
        let (upkeep, pool) = (recorder.clone(), pool.clone());
        tokio::spawn(async move {
            loop {
                count_connections(&pool);
                // Samples are folded into their buckets now and then, also where nobody scrapes.
                upkeep.run_upkeep();
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        });
        Ok(Self(recorder))
    }

    /// Of a process that collects none, a test's.
    pub fn none() -> Self {
        Self(PrometheusBuilder::new().build_recorder().handle())
    }

    /// `GET /metrics`.
    pub fn show(&self) -> Reply {
        let text = "text/plain; version=0.0.4; charset=utf-8";
        Reply::new(200).header("content-type", text).with_body(self.0.render())
    }
}

/// Who waits for one waits at a gate, and is counted there.
fn count_connections<D: Db>(pool: &Pool<D>) {
    let (all, idle) = (f64::from(pool.size()), pool.num_idle() as f64);
    metrics::gauge!("db_connections", "state" => "in_use").set((all - idle).max(0.0));
    metrics::gauge!("db_connections", "state" => "idle").set(idle);
    metrics::gauge!("db_connections_max").set(f64::from(pool.options().get_max_connections()));
}

/// A request on its way to an answer.
#[derive(Debug)]
pub struct Seen {
    id: String,
    begun: Instant,
    method: &'static str,
    path: String,
    span: Span,
}

impl Seen {
    /// One that has come. `path` is the pattern that it matches: what matches none is the stranger's
    /// word, and would be a label without bound. `traceparent` is the header of that name.
    pub fn begin(method: &str, path: Option<String>, traceparent: Option<&[u8]>) -> Self {
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let method = known.into_iter().find(|known| *known == method).unwrap_or("other");
        let path = path.unwrap_or_else(|| "unknown".to_owned());
        let id = Uuid::now_v7().to_string();
        let span = tracing::info_span!(
            "request", otel.kind = "server", %id, method, path,
            tenant = Empty, tenant_id = Empty, trace_id = Empty,
        );
        let traceparent = traceparent.and_then(|text| str::from_utf8(text).ok());
        trace::continued(&span, format!("{method} {path}"), traceparent);
        Self { id, begun: Instant::now(), method, path, span }
    }

    /// What happens meanwhile belongs into this span.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// Measures it, and gives the `X-Request-Id`: fresh for every answer, a replayed one too.
    pub fn end(self, status: u16) -> String {
        let took = self.begun.elapsed();
        self.span.in_scope(|| tracing::info!(status, ?took, "answered"));
        if status >= 500 {
            trace::failed(&self.span);
        }
        let status = status.to_string();
        let labels = [("method", self.method.to_owned()), ("path", self.path), ("status", status)];
        metrics::histogram!("http_request_duration_seconds", &labels).record(took);
        self.id
    }
}

/// What the framework's own errors, a 405 for instance, say beside their status.
pub const KEPT: [&str; 3] = ["allow", "retry-after", "www-authenticate"];

/// The problem document for an answer that is an error and has none.
pub fn as_problem(status: u16, content_type: Option<&[u8]>) -> Option<Problem> {
    let said = content_type.is_some_and(|kind| {
        [Problem::CONTENT_TYPE.as_bytes(), b"application/json"].contains(&kind)
    });
    (status >= 400 && !said).then(|| Problem::new(status))
}

/// Code that panicked is a bug: told to the operator, not to the client.
pub fn panicked(cause: &(dyn Any + Send)) -> Problem {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
    tracing::error!(cause = text.unwrap_or("unknown"), "a request panicked");
    Problem::new(500)
}
