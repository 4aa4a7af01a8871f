use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::Full;
use saas_core::TenantId;
use saas_idempotency::{
    Attempt, Claimed, Error, IdempotencyLayer, Lease, Outcome, SqlStore, Store,
};
use sqlx::{PgPool, Postgres};
use tower::{Layer, ServiceExt, service_fn};

use super::{CLIENTS, request};
use crate::database::Database;
use crate::measure::{in_turns, rate};
use crate::{Result, Size};

pub(super) async fn run(database: &Database, size: Size) -> Result<()> {
    let pool = database.app(CLIENTS).await?;
    let store = SqlStore::<Postgres>::new(pool.clone());
    let executed = Arc::new(execute(store.clone(), 500).await?);
    database.set_up("vacuum analyze saas.idempotency_keys").await?;
    let (rounds, span) = (size.pick(41, 15), Duration::from_millis(size.pick(500, 300)));
    let ours = async |_| {
        let (store, executed) = (store.clone(), Arc::clone(&executed));
        let work =
            move |call: usize| replay(store.clone(), executed[call % executed.len()].clone());
        rate(CLIENTS, span, work).await
    };
    let by_hand = async |_| {
        let (pool, executed) = (pool.clone(), Arc::clone(&executed));
        let work = move |call: usize| select(pool.clone(), executed[call % executed.len()].lease);
        rate(CLIENTS, span, work).await
    };
    in_turns(rounds, ours, by_hand).await?.report("idempotency/replay", "replays_per_second", "1/s")
}

async fn replay(store: SqlStore<Postgres>, attempt: Attempt) -> Result<()> {
    match store.claim(&attempt).await? {
        Claimed::Found(record) if record.outcome.is_some() => Ok(()),
        other => Err(format!("no replay: {other:?}").into()),
    }
}

const SELECT: &str = "
    select fingerprint, status, reply
    from saas.idempotency_keys
    where tenant_id = $1 and key = $2";

async fn select(pool: PgPool, lease: Lease) -> Result<()> {
    let (_, _, reply): (Vec<u8>, Option<i16>, Option<Vec<u8>>) = sqlx::query_as(SELECT)
        .bind(lease.id.tenant())
        .bind(&lease.id.digest()[..])
        .fetch_one(&pool)
        .await?;
    if reply.is_some() { Ok(()) } else { Err("no reply".into()) }
}

/// Has `requests` executed and recorded, and returns their attempts, to be made again.
async fn execute(store: SqlStore<Postgres>, requests: usize) -> Result<Vec<Attempt>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watched = Watched { store, seen: Arc::clone(&seen) };
    let service = IdempotencyLayer::new(watched).layer(service_fn(async |_: Request<Full<Bytes>>| {
        let body = r#"{"id":"0197a1b2-0000-7000-8000-000000000001","number":"INV-1","status":"draft","total_minor":1200}"#;
        let response = Response::builder()
            .status(201)
            .header("content-type", "application/json")
            .header("location", "/orders/0197a1b2-0000-7000-8000-000000000001");
        Ok::<_, Infallible>(response.body(Full::<Bytes>::from(body)).unwrap_or_default())
    }));
    let tenant = TenantId::new();
    for _ in 0..requests {
        service.clone().oneshot(request(tenant)?).await?;
    }
    Ok(std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// A store that remembers what it was asked to claim, which only a layer can ask.
#[derive(Debug)]
struct Watched {
    store: SqlStore<Postgres>,
    seen: Arc<Mutex<Vec<Attempt>>>,
}

type Answer<'a, T> = BoxFuture<'a, std::result::Result<T, Error>>;

impl Store for Watched {
    fn claim<'a>(&'a self, attempt: &'a Attempt) -> Answer<'a, Claimed> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(attempt.clone());
        self.store.claim(attempt)
    }

    fn complete<'a>(&'a self, lease: &'a Lease, outcome: &'a Outcome) -> Answer<'a, bool> {
        self.store.complete(lease, outcome)
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> Answer<'a, bool> {
        self.store.release(lease)
    }

    fn renew<'a>(&'a self, lease: &'a Lease, until: DateTime<Utc>) -> Answer<'a, bool> {
        self.store.renew(lease, until)
    }

    fn record<'a>(&'a self, attempt: &'a Attempt, outcome: &'a Outcome) -> Answer<'a, Claimed> {
        self.store.record(attempt, outcome)
    }

    fn sweep(&self, now: DateTime<Utc>, limit: u32) -> Answer<'_, u64> {
        self.store.sweep(now, limit)
    }
}
