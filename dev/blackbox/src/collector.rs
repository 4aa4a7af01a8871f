use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Takes in spans over OTLP, as a collector of OpenTelemetry does.
#[derive(Debug)]
pub struct Collector {
    port: u16,
    spans: Spans,
    // Ended with this value.
    _task: JoinSet<()>,
}

type Spans = Arc<Mutex<Vec<Span>>>;

impl Collector {
    /// On a port of its own.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let spans = Spans::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(spans.clone());
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, router).await.expect("a server") });
        Self { port, spans, _task: task }
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The only span of this name so far.
    #[track_caller]
    pub fn span(&self, name: &str) -> Span {
        let spans = self.spans.lock().unwrap();
        let names: Vec<_> = spans.iter().map(|span| &span.name).collect();
        let mut found = spans.iter().filter(|span| span.name == name);
        let (first, second) = (found.next(), found.next());
        assert!(first.is_some() && second.is_none(), "not one {name} in {names:?}");
        first.cloned().expect("a span")
    }
}

async fn take(State(spans): State<Spans>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let scopes = request.resource_spans.into_iter().flat_map(|of_one| of_one.scope_spans);
    spans.lock().unwrap().extend(scopes.flat_map(|of_one| of_one.spans));
    StatusCode::OK
}
