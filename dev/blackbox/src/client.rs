use std::collections::HashSet;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::{Reply, fresh};

/// Speaks to one service, with a token or without. Clones remember together which request ids they saw.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    port: u16,
    token: Option<String>,
    pub(crate) seen: Arc<Mutex<HashSet<String>>>,
}

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        let http = reqwest::Client::builder()
            // A connection that outlives its server would fail the first call to the next one.
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(30))
            .no_proxy()
            .build()
            .expect("a client");
        Self { http, port, token: None, seen: Arc::default() }
    }

    /// The same with this token as Bearer.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same at another port.
    #[must_use]
    pub fn at(&self, port: u16) -> Self {
        Self { port, ..self.clone() }
    }

    /// The token it sends.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("a client with a token")
    }

    /// Host and port of the service.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `GET` below `/api/v1`.
    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    /// `POST` below `/api/v1`.
    pub fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    /// `PATCH` below `/api/v1`.
    pub fn patch(&self, path: &str) -> Call {
        self.call("PATCH", path)
    }

    /// `DELETE` below `/api/v1`.
    pub fn delete(&self, path: &str) -> Call {
        self.call("DELETE", path)
    }

    /// Any method below `/api/v1`.
    pub fn call(&self, method: &str, path: &str) -> Call {
        self.root(method, &format!("/api/v1{path}"))
    }

    /// Any method and path.
    pub fn root(&self, method: &str, path: &str) -> Call {
        let url = format!("http://{}{path}", self.authority());
        let mut request =
            self.http.request(Method::from_bytes(method.as_bytes()).expect("a method"), url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        Call { client: self.clone(), name: format!("{method} {path}"), request }
    }

    pub(crate) async fn is_ready(&self) -> bool {
        let answer =
            self.root("GET", "/readyz").request.timeout(Duration::from_secs(5)).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }
}

/// A request, sent by `.await`.
#[derive(Debug)]
#[must_use = "a call is sent by .await"]
pub struct Call {
    client: Client,
    name: String,
    request: reqwest::RequestBuilder,
}

impl Call {
    /// A JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Any body.
    pub fn body(self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        self.header("content-type", content_type).bytes(body)
    }

    /// A body that does not say what it is.
    pub fn bytes(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.body(body);
        self
    }

    /// One more header, beside those of the same name.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.request = self.request.header(name, value.as_ref());
        self
    }

    /// An `Idempotency-Key`.
    pub fn key(self, key: impl AsRef<[u8]>) -> Self {
        self.header("idempotency-key", key)
    }

    /// An `Idempotency-Key` that was never used.
    pub fn keyed(self) -> Self {
        self.key(fresh("key"))
    }

    /// `If-Match`.
    pub fn if_match(self, tag: &str) -> Self {
        self.header("if-match", tag)
    }

    /// Sends it; an error is a connection that died.
    pub async fn attempt(self) -> Result<Reply, reqwest::Error> {
        let response = self.request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?;
        Ok(Reply::new(self.name, status, headers, body.to_vec(), &self.client.seen))
    }
}

impl IntoFuture for Call {
    type Output = Reply;
    type IntoFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async {
            let name = self.name.clone();
            self.attempt().await.unwrap_or_else(|error| panic!("{name}: {error:?}"))
        })
    }
}
