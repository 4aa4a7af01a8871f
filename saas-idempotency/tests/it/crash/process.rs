//! A server as its client sees it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use axum::BoxError;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::block_in_place;

use super::server::{LISTENS, ORDERS, Orders};
use crate::support::Answer;

pub(super) struct Process {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Process {
    /// Starts a server and waits until it listens.
    pub(super) fn start(orders: &Orders) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::server::process", "--exact", "--nocapture"])
            .env(ORDERS, serde_json::to_string(orders).unwrap())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = |line: String| line.split_once(LISTENS)?.1.parse().ok();
        let address = block_in_place(|| lines.map_while(Result::ok).find_map(told));
        Self { child, address: address.expect("a server that starts") }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asserts that it was killed, and tells who it was.
    pub(super) fn killed(mut self) -> u32 {
        let status = block_in_place(|| self.child.wait().unwrap());
        assert_eq!(status.signal(), Some(9), "{status}");
        self.id()
    }

    /// SIGKILL.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.killed();
    }

    pub(super) async fn call(&self, key: &str) -> Result<Answer, BoxError> {
        call(self.address, key).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request on a connection of its own. An error: no answer, or not the whole of it.
pub(super) async fn call(server: SocketAddr, key: &str) -> Result<Answer, BoxError> {
    let stream = TokioIo::new(TcpStream::connect(server).await?);
    let (mut client, connection) = http1::handshake(stream).await?;
    tokio::spawn(connection);
    let request = Request::post("/").header("host", "test").header("idempotency-key", key);
    let request = request.body(Full::<Bytes>::from("an invoice"))?;
    let (parts, body) = client.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Answer::of(Response::from_parts(parts, Full::from(body))).await)
}
