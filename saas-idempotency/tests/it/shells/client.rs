//! A client that speaks HTTP/1.1 over one connection for each request.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use saas_core::TenantId;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::Server;

/// A body on its way.
type Sent = StreamBody<BoxStream<'static, Result<Frame<Bytes>, hyper::Error>>>;

/// A request in plain values.
#[derive(Clone)]
pub(crate) struct Call {
    method: &'static str,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    chunked: bool,
}

/// A POST of a tenant of its own, under a key of its own.
pub(crate) fn post(path: &str, body: &str) -> Call {
    let (tenant, key) = (TenantId::new().to_string(), TenantId::new().to_string());
    Call {
        method: "POST",
        path: path.to_owned(),
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
        chunked: false,
    }
    .header("x-tenant", &tenant)
    .key(&key)
}

impl Call {
    pub(crate) fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }
    pub(crate) fn path(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }
    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }
    /// Without a `Content-Length`.
    pub(crate) fn chunked(self) -> Self {
        Self { chunked: true, ..self }
    }
    /// One more header.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }
    pub(crate) fn key(self, key: impl AsRef<[u8]>) -> Self {
        self.without("idempotency-key").header("idempotency-key", key)
    }
    pub(crate) fn tenant(self, tenant: &str) -> Self {
        self.without("x-tenant").header("x-tenant", tenant)
    }

    /// Its text up to the body, which is declared to have `length` bytes.
    pub(crate) fn head(&self, length: usize) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: test\r\n", self.method, self.path);
        head.push_str(&format!("content-length: {length}\r\n"));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {}\r\n", String::from_utf8_lossy(value)));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    fn request(&self) -> Request<Sent> {
        let mut request =
            Request::builder().method(self.method).uri(&self.path).header("host", "test");
        for (name, value) in &self.headers {
            request = request.header(name, &value[..]);
        }
        if !self.chunked {
            request = request.header("content-length", self.body.len());
        }
        let pieces: Vec<_> = self
            .body
            .chunks(1000)
            .map(|part| Ok(Frame::data(Bytes::copy_from_slice(part))))
            .collect();
        request.body(StreamBody::new(stream::iter(pieces).boxed())).unwrap()
    }
}

/// A response that was read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn is_replayed(&self) -> bool {
        self.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
    }
    pub(crate) fn is_problem(&self) -> bool {
        self.headers.get("content-type").is_some_and(|value| value == "application/problem+json")
    }
    pub(crate) fn run(&self) -> &str {
        self.headers["x-run"].to_str().unwrap()
    }
}

/// A request on its way; dropping it closes the connection.
pub(crate) struct Live {
    pub(crate) response: Response<Incoming>,
    _connection: Closing,
}

struct Closing(JoinHandle<()>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Live {
    /// The next piece of the body: `None` at its end, an error where it breaks off.
    pub(crate) async fn piece(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        let frame = self.response.frame().await?;
        Some(frame.map(|frame| frame.into_data().unwrap()))
    }
}

impl Server {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a request; the head of its response is here, the body on its way.
    pub(crate) async fn open(&self, call: &Call) -> Result<Live, hyper::Error> {
        let io = TokioIo::new(self.connect().await);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        let connection = Closing(tokio::spawn(async move { drop(connection.await) }));
        let response = sender.send_request(call.request()).await?;
        Ok(Live { response, _connection: connection })
    }

    /// Sends a request and reads its response to the end.
    pub(crate) async fn call(&self, call: &Call) -> Answer {
        self.try_call(call).await.unwrap()
    }

    pub(crate) async fn try_call(&self, call: &Call) -> Result<Answer, hyper::Error> {
        let Live { response, _connection } = self.open(call).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    /// The same, meanwhile.
    pub(crate) fn calling(&self, call: &Call) -> JoinHandle<Answer> {
        let (server, call) = (self.clone(), call.clone());
        tokio::spawn(async move { server.call(&call).await })
    }

    /// Repeats a request until it is no longer in progress.
    pub(crate) async fn settled(&self, call: &Call) -> Answer {
        let mut answer = self.call(call).await;
        until(async || {
            let in_progress = answer.body.contains("idempotency-in-progress");
            if in_progress {
                answer = self.call(call).await;
            }
            !in_progress
        })
        .await;
        answer
    }
}

/// Waits until something is true.
pub(crate) async fn until(mut condition: impl AsyncFnMut() -> bool) {
    tokio::time::timeout(Duration::from_secs(20), async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .expect("the condition comes true");
}
