use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{Client, Reply};

/// One connection for many requests, until the server says that it closes it; then another one. A
/// connection that ends in any other way is a request that is lost, and nothing is retried.
#[derive(Debug)]
pub struct Kept {
    client: Client,
    stream: Option<TcpStream>,
}

impl Client {
    /// Sends requests over one connection.
    pub fn kept(&self) -> Kept {
        Kept { client: self.clone(), stream: None }
    }
}

impl Kept {
    /// `POST` below `/api/v1`, JSON under a key.
    pub async fn post(&mut self, path: &str, key: &str, body: &str) -> Reply {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.client.authority()).await.expect("a connection"),
        };
        let request = format!(
            "POST /api/v1{path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\nidempotency-key: {key}\r\ncontent-length: {}\r\n\r\n{body}",
            self.client.authority(),
            self.client.token(),
            body.len(),
        );
        stream.write_all(request.as_bytes()).await.expect("a request");
        let answer = timeout(Duration::from_secs(30), answer(&mut stream)).await;
        let (status, headers, body) = answer.expect("an answer in time");
        if headers.get("connection").is_none_or(|said| said != "close") {
            self.stream = Some(stream);
        }
        Reply::new(format!("POST {path}"), status, headers, body, &self.client.seen)
    }
}

/// Status, headers and the body of the length that they tell.
async fn answer(stream: &mut TcpStream) -> (u16, HeaderMap, Vec<u8>) {
    let mut read = Vec::new();
    let end = loop {
        if let Some(at) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, &mut read).await;
    };
    let mut body = read.split_off(end);
    let head = String::from_utf8(read).expect("a head is text");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_str(value.trim()).expect("a value"));
    }
    let length =
        headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok());
    let length: usize = length.expect("a length");
    while body.len() < length {
        more(stream, &mut body).await;
    }
    (status.expect("a status"), headers, body)
}

async fn more(stream: &mut TcpStream, read: &mut Vec<u8>) {
    let bytes = stream.read_buf(read).await.expect("an answer");
    assert!(bytes > 0, "the connection ended without an answer");
}
