use std::io::ErrorKind;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{Client, Reply};

/// A connection on which nothing was said yet.
#[derive(Debug)]
pub struct Connection {
    client: Client,
    stream: TcpStream,
}

/// A request written by hand, for what no proper client does.
#[derive(Debug)]
pub struct RawCall {
    client: Client,
    name: String,
    stream: TcpStream,
    read: Vec<u8>,
    patience: Duration,
}

impl Client {
    /// Connects and says nothing.
    pub async fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.authority()).await.expect("a connection");
        Connection { client: self.clone(), stream }
    }

    /// Connects and sends the head of a request to `/api/v1`, with the token and these headers.
    pub async fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> RawCall {
        self.connect().await.send(method, path, headers).await
    }
}

impl Connection {
    /// Sends the head of a request to `/api/v1`, with the token and these headers.
    pub async fn send(mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> RawCall {
        let mut head = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nauthorization: Bearer {}\r\n",
            self.client.authority(),
            self.client.token(),
        );
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        self.stream.write_all(head.as_bytes()).await.expect("a head");
        RawCall {
            client: self.client,
            name: format!("{method} {path} by hand"),
            stream: self.stream,
            read: Vec::new(),
            patience: Duration::from_secs(30),
        }
    }
}

impl Connection {
    /// When it is dropped, it is not closed but reset: nobody is left to read an answer.
    #[must_use]
    pub fn reset_when_dropped(self) -> Self {
        self.stream.set_zero_linger().expect("a socket option");
        self
    }

    /// Says so much, and waits until the other side has had enough. What it said then, if anything.
    pub async fn end_after(mut self, words: &str) -> String {
        self.stream.write_all(words.as_bytes()).await.expect("a word");
        let mut said = Vec::new();
        let end = timeout(Duration::from_secs(30), self.stream.read_to_end(&mut said)).await;
        // An end by reset is one, too.
        drop(end.expect("the connection ends"));
        String::from_utf8_lossy(&said).into_owned()
    }
}

impl RawCall {
    /// Waits so long for an answer, rather than 30 seconds.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Waits for `100 Continue`: from here on the request is being served.
    pub async fn wait_for_continue(&mut self) {
        let head = self.head().await;
        assert!(head.starts_with("HTTP/1.1 100"), "{}: {head}", self.name);
    }

    /// Sends the rest and reads the answer. A server that answered need not take what comes after.
    pub async fn finish(mut self, body: &[u8]) -> Reply {
        let mut rest = body;
        let (mut reader, writer) = self.stream.split();
        while end_of_head(&self.read).is_none() && !rest.is_empty() {
            tokio::select! {
                biased;
                read = reader.read_buf(&mut self.read) => if read.unwrap_or(0) == 0 { break },
                ready = writer.writable() => match ready.and_then(|()| writer.try_write(rest)) {
                    Ok(written) => rest = &rest[written..],
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(_) => break,
                },
            }
        }
        self.reply().await
    }

    async fn reply(mut self) -> Reply {
        let head = self.head().await;
        let mut lines = head.lines();
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_str(value.trim()).expect("a value"));
        }
        let length =
            headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok());
        while length.is_none_or(|length: usize| self.read.len() < length) && self.more().await {}
        Reply::new(self.name, status, headers, self.read, &self.client.seen)
    }

    async fn head(&mut self) -> String {
        loop {
            if let Some(end) = end_of_head(&self.read) {
                let head: Vec<u8> = self.read.drain(..end).collect();
                return String::from_utf8(head).expect("a head is text");
            }
            assert!(self.more().await, "{}: the connection ended without an answer", self.name);
        }
    }

    async fn more(&mut self) -> bool {
        let read = timeout(self.patience, self.stream.read_buf(&mut self.read)).await;
        read.unwrap_or_else(|_| panic!("{}: no answer in {:?}", self.name, self.patience))
            .is_ok_and(|read| read > 0)
    }
}

fn end_of_head(read: &[u8]) -> Option<usize> {
    read.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|at| at + 4)
}
