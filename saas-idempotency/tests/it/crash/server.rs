//! The process that is killed: it serves over HTTP, and ends itself where it is told to.

mod deadly;

use std::io::Write;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use saas_core::{Clock, Problem, SystemClock};
use saas_idempotency::{Backend, Error, Idempotency, IdempotencyLayer, Reply, Scope, Store};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{PgPool, Pool, SqlitePool, Transaction};
use tokio::net::TcpListener;
use tower::ServiceExt;

use self::deadly::Deadly;
use super::provider::charge;
use super::{Mode, Point};
use crate::support::Db;

/// Where a process finds its orders.
pub(super) const ORDERS: &str = "SAAS_IDEMPOTENCY_TEST_SERVER";

/// What it says before its address.
pub(super) const LISTENS: &str = "listens on ";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) database: String,
    /// Records in Redis.
    pub(super) redis: bool,
    pub(super) provider: SocketAddr,
    pub(super) mode: Mode,
    /// Where it is sent a signal, and which.
    pub(super) ends: Option<(Point, Signal)>,
    /// How far its clock is ahead, in seconds.
    pub(super) later: u64,
}

impl Orders {
    pub(super) fn ending(self, point: Point, signal: Signal) -> Self {
        Self { ends: Some((point, signal)), ..self }
    }

    pub(super) fn later(self, seconds: u64) -> Self {
        Self { later: seconds, ..self }
    }

    /// The end, if it is to come here. Nothing in this process can know of it.
    fn reach(&self, point: Point) {
        let signal = match self.ends {
            Some((end, signal)) if end == point => signal,
            _ => return,
        };
        // The parent of the shell is this process.
        let kill = format!("kill -{signal:?} $PPID");
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}: {status}");
        // A stop takes a moment to reach every thread.
        loop {
            std::thread::park();
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Signal {
    Kill,
    /// Its connections stay open, as those of a machine that lost power.
    Stop,
}

/// What a request is answered: by which process, in which attempt, and what was asked.
pub(super) fn body(process: u32, attempt: u32, key: &str) -> String {
    format!("process {process}, attempt {attempt}, {key}")
}

/// Not a test by itself: the process that the tests start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process() {
    let Ok(orders) = std::env::var(ORDERS) else { return };
    let orders: Orders = serde_json::from_str(&orders).unwrap();
    if orders.database.starts_with("postgres") {
        serve(PgPool::connect(&orders.database).await.unwrap(), orders).await;
    } else {
        let options = SqliteConnectOptions::new()
            .filename(&orders.database)
            .busy_timeout(Duration::from_secs(10))
            .journal_mode(SqliteJournalMode::Wal);
        serve(SqlitePool::connect_with(options).await.unwrap(), orders).await;
    }
}

async fn serve<DB: Backend>(pool: Pool<DB>, orders: Orders) {
    let db = Db::made_elsewhere(pool);
    let store: Arc<dyn Store> =
        if orders.redis { Arc::new(crate::redis::store().await) } else { Arc::new(db.store()) };
    let layer = IdempotencyLayer::new(Deadly::new(store, orders.clone()));
    let layer = layer.clock(Ahead(Duration::from_secs(orders.later)));
    let layer = if orders.mode == Mode::Standalone { layer } else { layer.atomic() };
    let shop = Shop { db, orders: orders.clone() };
    let router = Router::new().route("/", post(pay::<DB>)).layer(layer).with_state(shop);
    let service = service_fn(move |request: Request<Incoming>| {
        let (router, orders) = (router.clone(), orders.clone());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Scope::user("ann"));
        async move {
            let response = router.oneshot(request).await;
            orders.reach(Point::BeforeReply);
            response
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut parent = std::io::stdout();
    writeln!(parent, "{LISTENS}{}", listener.local_addr().unwrap()).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(connection);
    }
}

#[derive(Debug)]
struct Ahead(Duration);

impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.0
    }
}

struct Shop<DB: Backend> {
    db: Db<DB>,
    orders: Orders,
}

impl<DB: Backend> Clone for Shop<DB> {
    fn clone(&self) -> Self {
        Self { db: self.db.clone(), orders: self.orders.clone() }
    }
}

/// Charges at the provider and leaves a row, under the key in the request.
async fn pay<DB: Backend>(
    State(shop): State<Shop<DB>>,
    idempotency: Idempotency,
    headers: HeaderMap,
) -> Result<Reply, Problem> {
    let reach = |point| shop.orders.reach(point);
    let request = headers["idempotency-key"].to_str().unwrap();
    let begin = async || shop.db.pool.begin().await.map_err(Error::from);
    let work = async |mut tx: Transaction<'static, DB>| {
        reach(Point::BeforeEffect);
        charge(shop.orders.provider, &idempotency.derive("charge")).await;
        reach(Point::AfterCharge);
        shop.db.insert(tx.as_mut(), request).await?;
        let body = body(std::process::id(), idempotency.attempt(), request);
        Ok::<_, Problem>((tx, Reply::new(201).with_body(body)))
    };
    // Between the claim and the record, both in the handler.
    let turn = async |tx| {
        reach(Point::AfterClaim);
        let done = work(tx).await?;
        reach(Point::BeforeRecord);
        Ok::<_, Problem>(done)
    };
    let (tx, reply) = match shop.orders.mode {
        Mode::Standalone => {
            let (tx, reply) = work(begin().await?).await?;
            (Some(tx), reply)
        }
        Mode::Atomic => {
            reach(Point::BeforeClaim);
            let (tx, reply) = idempotency.atomic(begin().await?, turn).await?;
            reach(Point::AfterRecord);
            (Some(tx), reply)
        }
        Mode::Optimistic => {
            reach(Point::BeforeClaim);
            let (tx, reply) = idempotency.optimistic(begin().await?, turn).await?;
            reach(Point::AfterRecord);
            (tx, reply)
        }
    };
    if let Some(tx) = tx {
        tx.commit().await.map_err(Error::from)?;
    }
    reach(Point::AfterCommit);
    Ok(reply)
}
