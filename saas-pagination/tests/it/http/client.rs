//! A client that follows links.

use std::net::SocketAddr;

use reqwest::{StatusCode, Url};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) struct Client {
    http: reqwest::Client,
    at: Url,
    /// What the last response held.
    pub(super) body: Value,
    pub(super) links: Option<String>,
}

impl Client {
    pub(super) fn of(service: SocketAddr) -> Self {
        let at = Url::parse(&format!("http://{service}/")).unwrap();
        Self { http: reqwest::Client::new(), at, body: Value::Null, links: None }
    }

    /// Goes to what the reference means where the client is; the status and the media type.
    pub(super) async fn get(&mut self, reference: &str) -> (StatusCode, String) {
        self.at = self.at.join(reference).unwrap();
        let response = self.http.get(self.at.clone()).send().await.unwrap();
        let header = |name| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
        self.links = header("link");
        let answer = (response.status(), header("content-type").unwrap());
        self.body = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        answer
    }

    /// Follows a link, if there is one.
    pub(super) async fn follow(&mut self, relation: &str) -> bool {
        let Some(reference) = self.link(relation) else { return false };
        self.get(&reference).await.0 == StatusCode::OK
    }

    pub(super) fn items(&self) -> Vec<Value> {
        self.body["items"].as_array().unwrap().clone()
    }

    /// The link with this relation in the last response.
    pub(super) fn link(&self, relation: &str) -> Option<String> {
        let mut rest = self.links.as_deref()?;
        while let Some((reference, parameters)) = take_link(&mut rest) {
            let is_wanted = |(name, value): &(String, String)| name == "rel" && value == relation;
            if parameters.iter().any(is_wanted) {
                return Some(reference);
            }
        }
        None
    }
}

type Link = (String, Vec<(String, String)>);

/// The next link of a field as RFC 8288 (section 3) has it, with the parameters in the quoted form.
fn take_link(rest: &mut &str) -> Option<Link> {
    let (reference, mut behind) = rest.strip_prefix('<')?.split_once('>')?;
    let mut parameters = Vec::new();
    while let Some(parameter) = behind.strip_prefix(';') {
        let (name, value) = parameter.trim_start().split_once("=\"")?;
        let (value, next) = value.split_once('"')?;
        parameters.push((name.to_owned(), value.to_owned()));
        behind = next.trim_start();
    }
    *rest = behind.strip_prefix(',').unwrap_or(behind).trim_start();
    Some((reference.to_owned(), parameters))
}

/// What the server answers to these bytes, up to where it stops.
pub(super) async fn raw(service: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(service).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}
