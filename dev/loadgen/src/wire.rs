//! Counts what goes over the wire to PostgreSQL, in between the two. Not asked of the server, whose
//! statistics leave out what is no statement, such as a pool's question whether a connection lives.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::Result;

/// A way to the server that counts.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) port: u16,
    counts: Arc<Counts>,
    task: AbortHandle,
}

#[derive(Debug, Default)]
struct Counts {
    queries: AtomicU64,
    round_trips: AtomicU64,
}

impl Wire {
    pub(crate) async fn to(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let counts = Arc::<Counts>::default();
        let counting = Arc::clone(&counts);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server, Arc::clone(&counting)));
            }
        });
        Ok(Self { port, counts, task: task.abort_handle() })
    }

    /// Queries that were executed and times that the client waited for an answer, so far.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.counts.queries), read(&self.counts.round_trips))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(client: TcpStream, server: SocketAddr, counts: Arc<Counts>) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move {
        drop(tokio::io::copy(&mut from_client, &mut to_server).await);
        drop(to_server.shutdown().await);
    });
    let (mut messages, mut buffer) = (Messages::default(), vec![0; 16 * 1024]);
    loop {
        let length = from_server.read(&mut buffer).await?;
        if length == 0 {
            return to_client.shutdown().await;
        }
        // Before it is passed on, so that who has the answer finds it counted.
        messages.feed(&buffer[..length], |seen| {
            let count = match seen {
                Seen::Query => &counts.queries,
                Seen::RoundTrip => &counts.round_trips,
            };
            count.fetch_add(1, Ordering::Relaxed);
        });
        to_client.write_all(&buffer[..length]).await?;
    }
}

/// Messages of the server, however they are cut: a byte that says which, a length of four bytes that
/// counts itself, and so much more
/// ([protocol](https://www.postgresql.org/docs/current/protocol-message-formats.html)).
#[derive(Debug, Default)]
struct Messages {
    /// The first bytes of the message that is coming in.
    head: Vec<u8>,
    /// What is left of one whose first bytes are known.
    rest: usize,
}

#[derive(Debug, PartialEq)]
enum Seen {
    /// A statement on rows has ended, a select for instance: a `C` (CommandComplete) that says so.
    Query,
    /// The client may go on: a `Z` (ReadyForQuery).
    RoundTrip,
}

const ON_ROWS: [&[u8]; 5] = [b"SEL", b"INS", b"UPD", b"DEL", b"MER"];

impl Messages {
    fn feed(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Seen)) {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let skipped = self.rest.min(bytes.len());
                self.rest -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            self.head.push(bytes[0]);
            bytes = &bytes[1..];
            // The shortest `C` says `SET`, and ends with a zero byte.
            let enough = if self.head[0] == b'C' { 8 } else { 5 };
            let [kind, a, b, c, d, ref tag @ ..] = self.head[..] else { continue };
            if self.head.len() < enough {
                continue;
            }
            match kind {
                b'C' if ON_ROWS.contains(&tag) => seen(Seen::Query),
                b'Z' => seen(Seen::RoundTrip),
                _ => {}
            }
            let length = u32::from_be_bytes([a, b, c, d]) as usize + 1;
            self.rest = length.saturating_sub(enough);
            self.head.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u32 + 4).to_be_bytes();
        [&[kind], &length[..], body].concat()
    }

    #[test]
    fn messages_are_told_apart_however_they_are_cut() {
        let stream = [
            message(b'C', b"BEGIN\0"),
            message(b'1', b""),
            message(b'D', b"a row that holds Z and C"),
            message(b'C', b"SELECT 1\0"),
            message(b'Z', b"T"),
            message(b'C', b"SET\0"),
            message(b'C', b"INSERT 0 1\0"),
            message(b'C', b"COMMIT\0"),
            message(b'Z', b"I"),
        ]
        .concat();
        for size in 1..=stream.len() {
            let (mut messages, mut all) = (Messages::default(), Vec::new());
            for piece in stream.chunks(size) {
                messages.feed(piece, |seen| all.push(seen));
            }
            let expected = [Seen::Query, Seen::RoundTrip, Seen::Query, Seen::RoundTrip];
            assert_eq!(all, expected, "in pieces of {size}");
        }
    }
}
