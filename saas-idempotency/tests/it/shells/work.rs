//! The handler of all these tests, in plain values: it counts its runs and answers what the body of
//! the request asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use saas_core::TenantId;
use saas_idempotency::{Error, Idempotency, Keep, Reply, Scope};
use tokio::sync::Semaphore;

#[derive(Clone)]
pub(crate) struct Work {
    runs: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

/// What the handler answers.
pub(super) struct Made {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
    pub(super) keep: Option<Keep>,
}

pub(super) enum Body {
    Whole(Bytes),
    Pieces(BoxStream<'static, Result<Bytes, std::io::Error>>),
}

impl Default for Work {
    fn default() -> Self {
        Self { runs: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }
}

impl Work {
    /// How often the handler was run.
    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// Lets `count` of those that wait end.
    pub(crate) fn let_end(&self, count: usize) {
        self.gate.add_permits(count);
    }

    /// Waits until the handler was run `count` times.
    pub(crate) async fn ran(&self, count: usize) {
        super::client::until(async || self.runs() >= count).await;
    }

    pub(super) fn begin(&self) -> usize {
        self.runs.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) async fn answer(&self, run: usize, asked: &str) -> Made {
        let mut made = Made {
            status: 200,
            headers: vec![("x-run", run.to_string())],
            body: Body::Whole(Bytes::new()),
            keep: None,
        };
        match asked.split(' ').collect::<Vec<_>>()[..] {
            ["answer", status] => made.status = status.parse().unwrap(),
            ["headers"] => {
                made.headers.extend(HEADERS.iter().map(|(name, value)| (*name, (*value).into())));
                made.body = Body::Whole("made".into());
            }
            ["large", bytes] => made.body = Body::Whole("x".repeat(bytes.parse().unwrap()).into()),
            ["pieces", count, bytes] => {
                let piece = Bytes::from("y".repeat(bytes.parse().unwrap()));
                let count = count.parse().unwrap();
                made.body = Body::Pieces(
                    stream::repeat_with(move || Ok(piece.clone())).take(count).boxed(),
                );
            }
            ["broken"] => {
                let half = [Ok(Bytes::from("half")), Err(std::io::Error::other("broken"))];
                made.body = Body::Pieces(stream::iter(half).boxed());
            }
            ["events"] => {
                made.headers.push(("content-type", "text/event-stream".into()));
                made.body = Body::Pieces(ticks(Duration::from_millis(5)));
            }
            ["ticks"] => made.body = Body::Pieces(ticks(Duration::from_millis(100))),
            ["flood"] => {
                let piece = Bytes::from("z".repeat(1 << 16));
                made.body = Body::Pieces(stream::repeat_with(move || Ok(piece.clone())).boxed());
            }
            ["wait"] => {
                self.gate.acquire().await.unwrap().forget();
                made.body = Body::Whole("waited".into());
            }
            ["panic"] => panic!("the handler panics"),
            ["forget"] => made.keep = Some(Keep::No),
            ["keep"] => (made.status, made.keep) = (503, Some(Keep::Yes)),
            _ => (made.status, made.body) = (201, Body::Whole(asked.to_owned().into())),
        }
        made
    }
}

/// What a response says of itself, for its client, or for one connection.
pub(crate) const HEADERS: [(&str, &str); 9] = [
    ("location", "/invoices/7"),
    ("etag", "\"3\""),
    ("content-type", "text/x-invoice"),
    ("x-kept", "1"),
    ("set-cookie", "session=1"),
    ("x-request-id", "1"),
    ("www-authenticate", "Bearer"),
    ("proxy-authenticate", "Basic"),
    ("authentication-info", "nextnonce=1"),
];

/// An endless stream, a piece at a time.
fn ticks(every: Duration) -> BoxStream<'static, Result<Bytes, std::io::Error>> {
    stream::unfold((), move |()| async move {
        tokio::time::sleep(every).await;
        Some((Ok(Bytes::from("data: x\n\n")), ()))
    })
    .boxed()
}

/// The handler at `/derive`: two derived keys, and which attempt it is. It is released by its
/// status, so that it runs again.
pub(super) async fn derive(idempotency: Idempotency) -> Result<Reply, Error> {
    let keys = [idempotency.derive("charge"), idempotency.derive("mail")];
    Reply::json(500, &(keys, idempotency.attempt(), idempotency.has_key()))
}

/// The handler at `/fail`: an error of ours as the handler's own.
pub(super) async fn fail() -> Result<Reply, Error> {
    Err(Error::Reused)
}

/// What authenticates.
pub(super) fn scope(header: impl Fn(&str) -> Option<String>) -> Option<Scope> {
    let tenant = header("x-tenant").map(|id| Scope::tenant(id.parse::<TenantId>().unwrap()));
    let anonymous = || header("x-anonymous").map(|_| Scope::anonymous());
    match (tenant, header("x-user")) {
        (Some(tenant), Some(user)) => Some(tenant.principal(user)),
        (Some(tenant), None) => Some(tenant),
        (None, Some(user)) => Some(Scope::user(user)),
        (None, None) => anonymous(),
    }
}
