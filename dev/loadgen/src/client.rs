//! One request, and what became of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Semaphore;

use crate::Result;
use crate::route::Route;

/// So many connections at most, as from a proxy in front. A request that finds none waits for one,
/// and its clock runs.
pub(crate) const CONNECTIONS: usize = 1000;

/// Shorter than the services' own bound, so that none is used that is just being closed.
const IDLE: Duration = Duration::from_secs(3);

/// Speaks to one service over connections that stay open.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    connections: Arc<Semaphore>,
    base: String,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    AsExpected,
    /// A status that is not the expected one.
    Status(u16),
    /// The status is right, and the answer is not.
    Wrong(&'static str),
    /// The connection broke off.
    Broken,
    /// Not in time.
    NoAnswer,
}

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        Self { http, connections, base: format!("http://127.0.0.1:{port}") }
    }

    /// Where a path is found.
    pub(crate) fn uri(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Answer> {
        let _connection = self.connections.acquire().await?;
        let (head, body) = self.http.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

impl Ended {
    /// Judges an answer.
    pub(crate) fn with(route: Route, answer: &Answer) -> Self {
        if answer.status != route.expected() {
            return Self::Status(answer.status.as_u16());
        }
        if route.is_list() && !answer.body.starts_with(b"{\"items\":[{") {
            return Self::Wrong("empty page");
        }
        if answer.headers.contains_key("idempotency-replayed") != (route == Route::Replay) {
            return Self::Wrong("replayed or not");
        }
        Self::AsExpected
    }
}

impl Answer {
    /// The last part of `Location`: the id of what was made.
    pub(crate) fn made(&self) -> Option<uuid::Uuid> {
        let location = self.headers.get(header::LOCATION)?.to_str().ok()?;
        location.rsplit('/').next()?.parse().ok()
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsExpected => f.write_str("ok"),
            Self::Status(status) => write!(f, "{status}"),
            Self::Wrong(what) => f.write_str(what),
            Self::Broken => f.write_str("broken off"),
            Self::NoAnswer => f.write_str("no answer"),
        }
    }
}
